#!/bin/bash
# Training on several machines: two network namespaces of this one, each with a name of its own and a cable
# between them, so that MPI takes them for two, starts ranks on the other through an agent, and sums by TCP.
# Needs root and what makes namespaces.  Prints TAP.
#
#   machines.sh MOA MODEL     with MOA_CUDA_MODULE for emulated cards, two in each machine
. "$(dirname "$0")/common.sh"
moa=$1 model=$2
export ASAN_OPTIONS=$without_leaks

names=("2 machines with 2 ranks each, on the CPU" "their losses and norms are those of one rank"
       "2 machines with 2 cards each" "the cards' losses and norms are those of one rank"
       "ranks of one machine that have one card are refused"
       "a folder that the other machine does not see is told"
       "a rank that dies on the other machine ends all")
skip_all ()
{
  for name in "${names[@]}"; do
    skip "$name" "$1"
  done
  end
}

for program in mpirun ip unshare; do
  command -v $program >/dev/null || skip_all "there is no $program"
done
first=moa$$a second=moa$$b
trap 'ip netns del $first 2>/dev/null; ip netns del $second 2>/dev/null; rm -rf "$tmp"' EXIT
problem=$({
  ip netns add $first && ip netns add $second &&
    ip link add moa$$ netns $first type veth peer name moa$$ netns $second &&
    ip -n $first addr add 10.77.0.1/24 dev moa$$ && ip -n $second addr add 10.77.0.2/24 dev moa$$ &&
    ip -n $first link set moa$$ up && ip -n $second link set moa$$ up &&
    ip -n $first link set lo up && ip -n $second link set lo up
} 2>&1) || skip_all "no network namespaces can be made here: $problem"

# machine NAME COMMAND...: there, as a computer of that name, which has a folder "apart" of its own
mkdir "$tmp/apart"
cat >"$tmp/machine" <<END
#!/bin/sh
name=\$1
shift
exec ip netns exec "\$name" unshare --uts --mount sh -c \
  'hostname "\$0" && mount -t tmpfs apart "$tmp/apart" && exec "\$@"' "\$name" "\$@"
END
# What mpirun starts its other half with, as it would use ssh: agent ADDRESS COMMAND...
cat >"$tmp/agent" <<END
#!/bin/sh
shift
exec "$tmp/machine" $second sh -c "\$*"
END
chmod +x "$tmp/machine" "$tmp/agent"
mpi=("$tmp/machine" $first mpirun --bind-to none --mca plm_rsh_agent "$tmp/agent" --mca mpi_yield_when_idle 1
     -x MOA_CUDA_MODULE -x MOA_EMULATED_CARDS -x ASAN_OPTIONS -H 10.77.0.1:2,10.77.0.2:2)

where=$(timeout 60 "${mpi[@]}" -n 4 sh -c 'hostname; exit' 2>&1)
[ "$(grep -c "^$first$" <<<"$where")" = 2 ] && [ "$(grep -c "^$second$" <<<"$where")" = 2 ] ||
  skip_all "mpirun cannot start ranks on the other: $(head -1 <<<"$where")"

cat >"$tmp/moa.json" <<END
{"stage": "moa", "model": "$model", "steps": 2, "half": false, "batch": 4, "micro_batch": 1,
 "data": {"pictures": 8, "seed": 4, "held_out": 1},
 "every": {"log": 1, "checkpoint": 2, "validate": 100, "samples": 0}}
END
train=("$moa" train "$tmp/moa.json" --threads 1 --device)
"${train[@]}" cpu --out "$tmp/one" >"$tmp/one.out" 2>&1

"${mpi[@]}" -n 4 "${train[@]}" cpu --out "$tmp/four" >"$tmp/four.out" 2>&1 && grep -q "4 ranks" "$tmp/four.out"
result "${names[0]}" $? "$(cat "$tmp/one.out" "$tmp/four.out")"
problem=$(compare "$tmp/one" "$tmp/four" 2 1e-4 2>&1)
result "${names[1]}" $? "$problem"

# Cards are called the same on both machines.
MOA_EMULATED_CARDS=2 "${mpi[@]}" -n 4 "${train[@]}" cuda --out "$tmp/cards" >"$tmp/cards.out" 2>&1
result "${names[2]}" $? "$(cat "$tmp/cards.out")"
problem=$(compare "$tmp/one" "$tmp/cards" 2 1e-3 2>&1)
result "${names[3]}" $? "$problem"
! MOA_EMULATED_CARDS=1 "${mpi[@]}" -n 4 "${train[@]}" cuda --out "$tmp/short" >"$tmp/short.out" 2>&1 &&
  grep -q "Ranks 0 and 1 of this machine have the same GPU" "$tmp/short.out"
result "${names[4]}" $? "$(cat "$tmp/short.out")"

! timeout 60 "${mpi[@]}" -n 4 "${train[@]}" cpu --out "$tmp/apart/run" >"$tmp/apart.out" 2>&1 &&
  grep -q "^moa train: rank [23] of 4: $tmp/apart/run: .* a folder that all machines share" "$tmp/apart.out"
result "${names[5]}" $? "$(cat "$tmp/apart.out")"

sed 's/"steps": 2/"steps": 100000/' "$tmp/moa.json" >"$tmp/long.json"
timeout 120 "${mpi[@]}" -n 4 "$moa" train "$tmp/long.json" --threads 1 --device cpu --out "$tmp/dead" \
  >"$tmp/dead.out" 2>&1 &
pid=$!
wait_for $pid "$tmp/dead.out" "^2/"
kill -9 "$(ip netns pids $second | xargs -I{} sh -c 'grep -lz -- --out /proc/{}/cmdline' 2>/dev/null |
           tail -1 | cut -d/ -f3)"
wait $pid
status=$?
# mpirun does not wait for those who are at their last step.
left () { ip netns pids $first; ip netns pids $second; }
for _ in $(seq 300); do
  [ "$(left)" ] || break
  sleep 0.1
done
[ $status != 0 ] && [ $status != 124 ] && ls "$tmp"/dead/checkpoint-* >/dev/null && [ -z "$(left)" ]
result "${names[6]}" $? "status $status: $(cat "$tmp/dead.out")"

end
