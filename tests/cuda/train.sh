#!/bin/bash
# Training on the card against the same on the host: ten steps in float, some in float16 and bfloat16,
# some of two ranks with a card each.  Prints TAP.
#
#   train.sh MOA MODEL     with MOA_CUDA_MODULE for the emulation, which has as many cards as are asked for
#                          (a name with "emulated"), else on the real ones
. "$(dirname "$0")/../train/common.sh"
moa=$1 model=$2

emulated='' every='"log": 1, "checkpoint": 5, "validate": 100'
case ${MOA_CUDA_MODULE-} in
  *emulated*) emulated=yes every="$every, \"samples\": 0" ;; # a sheet of them takes longer there than all steps
esac
# The seed's items are such that the host's instruction sets agree in all ten norms to 5e-6; there are others with
# gradients that rounding moves by percents: at the bottom of the bundled model's U-Net attention has scores of up
# to 390, and layer by layer which key wins is a matter of the last bits.
cat >"$tmp/moa.json" <<END
{"stage": "moa", "model": "$model", "steps": 10, "half": false, "batch": 1, "micro_batch": 1,
 "data": {"pictures": 8, "seed": 4, "held_out": 1}, "every": {$every}}
END
for device in cpu cuda; do
  "$moa" train "$tmp/moa.json" --out "$tmp/$device" --device $device >"$tmp/$device.out" 2>&1
  result "ten steps on $device" $? "$(cat "$tmp/$device.out")"
done

problem=$(compare "$tmp/cpu" "$tmp/cuda" 10 1e-3 2>&1)
result "every step has the host's losses and norm of gradients" $? "$problem"

# The checkpoint of the fifth step serves the host as well.
mkdir "$tmp/mixed"
cp -r "$tmp/cuda/model" "$tmp/cuda/config.json" "$tmp/mixed/"
cp "$tmp"/cuda/checkpoint-000000005.safetensors "$tmp/mixed/"
head -5 "$tmp/cuda/log.jsonl" >"$tmp/mixed/log.jsonl"
"$moa" train "$tmp/moa.json" --out "$tmp/mixed" --device cpu --resume >"$tmp/mixed.out" 2>&1
result "a training begun on the card goes on on the host" $? "$(cat "$tmp/mixed.out")"
problem=$(compare "$tmp/cpu" "$tmp/mixed" 10 1e-3 2>&1)
result "with the same losses" $? "$problem"

# In 16 bits.  The loss scale just fits the first step, and is too large for the second.
for number in f16 bf16; do
  steps=$([ $number = f16 ] && echo 2 || echo 1)
  sed 's/"steps": 10/"steps": '$steps', "optimizer": {"loss_scale": 16777216}/' "$tmp/moa.json" \
    >"$tmp/half.json"
  "$moa" train "$tmp/half.json" --out "$tmp/$number" --device cuda:$number >"$tmp/$number.out" 2>&1
  result "steps in $number" $? "$(cat "$tmp/$number.out")"
  problem=$(compare "$tmp/cpu" "$tmp/$number" $steps 0.05 2>&1)
  result "$number: the host's losses and norm to a twentieth" $? "$problem"
done
problem=$(python3 - "$tmp/f16" <<'END' 2>&1
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1] + "/log.jsonl")]
rows = [row for row in rows if "loss_scale" in row]
left_out = sum(row["steps_left_out"] for row in rows)
assert left_out == 1 and rows[-1]["loss_scale"] * 2 ** left_out == 16777216, rows
END
)
result "f16: a step that overflows is left out, and the scale halved" $? "$problem"
grep -q '"loss_scale":"[0-9]' "$tmp"/f16/checkpoint-000000002.safetensors
result "f16: the checkpoint has the scale" $?
# A LoRA and a ControlNet beside frozen weights; the prior is a stage of its own.
cat >"$tmp/lora.json" <<END
{"stage": "prior", "model": "$model", "steps": 2, "half": false, "batch": 1, "micro_batch": 1,
 "prior": {"lora_rank": 4, "lora_layers": ["*"]}, "optimizer": {"lr": 0.005, "warmup": 1},
 "data": {"pictures": 8, "held_out": 1}, "every": {$every}}
END
sed 's/"prior": {[^}]*}/"prior": {"controlnet": true}/; s/"lr": 0.005/"lr": 0.0005/' "$tmp/lora.json" \
  >"$tmp/controlnet.json"
for kind in lora controlnet; do
  for device in cpu cuda:bf16; do
    out=$tmp/$kind-$device
    "$moa" train "$tmp/$kind.json" --out "$out" --device $device >"$out.out" 2>&1
    result "$kind on $device" $? "$(cat "$out.out")"
  done
  problem=$(compare "$tmp/$kind-cpu" "$tmp/$kind-cuda:bf16" 2 0.05 2>&1)
  result "bf16, $kind: losses and norm to a twentieth" $? "$problem"
done
sed 's/"steps": 10/"steps": 1, "weights": "bfloat16"/' "$tmp/moa.json" >"$tmp/wrong.json"
! "$moa" train "$tmp/wrong.json" --out "$tmp/wrong" --device cuda:f16 >"$tmp/wrong.out" 2>&1 &&
  grep -q 'cuda:0 holds weights as float16, and "weights" says bfloat16' "$tmp/wrong.out"
result "weights of another type than the card's are refused" $? "$(cat "$tmp/wrong.out")"

# Two ranks, each with a card: the losses of one rank on the host.
mpi=(mpirun --oversubscribe --bind-to none -n)
several=''
cards=$([ "$emulated" ] && echo 2 || nvidia-smi -L 2>/dev/null | grep -c '^GPU')
sed 's/"steps": 10/"steps": 2/; s/"batch": 1/"batch": 2/' "$tmp/moa.json" >"$tmp/ranks.json"
ranks=("$moa" train "$tmp/ranks.json" --threads 1 --device)
if ! command -v mpirun >/dev/null || [ "$cards" -lt 2 ]; then
  skip "two ranks with a card each" "there is no mpirun, or one card alone"
elif ! "${mpi[@]}" 2 "${ranks[@]}" cpu --out "$tmp/try" --stop-at 1 2>&1 | grep -q "2 ranks"; then
  skip "two ranks with a card each" "this build knows no MPI, or mpirun cannot start it here"
else
  "${ranks[@]}" cpu --out "$tmp/one" >"$tmp/one.out" 2>&1
  MOA_EMULATED_CARDS=2 "${mpi[@]}" 2 "${ranks[@]}" cuda --out "$tmp/two" >"$tmp/two.out" 2>&1
  result "two ranks with a card each" $? "$(cat "$tmp/two.out")"
  problem=$(compare "$tmp/one" "$tmp/two" 2 1e-3 2>&1)
  result "with the losses and norms of one rank" $? "$problem"
  several=yes
fi
if [ "$emulated" ] && [ "$several" ]; then
  # Where a launcher shows each task a card of its own, all are called cuda:0.
  "${mpi[@]}" 2 sh -c 'CUDA_VISIBLE_DEVICES=$OMPI_COMM_WORLD_LOCAL_RANK exec "$@"' - "${ranks[@]}" cuda \
    --out "$tmp/shown" --stop-at 1 >"$tmp/shown.out" 2>&1
  result "two ranks that see one card each" $? "$(cat "$tmp/shown.out")"
  ! "${mpi[@]}" 2 "${ranks[@]}" cuda --out "$tmp/short" >"$tmp/short.out" 2>&1 &&
    grep -q "Ranks 0 and 1 of this machine have the same GPU" "$tmp/short.out"
  result "two ranks with one card are refused" $? "$(cat "$tmp/short.out")"
  ! MOA_EMULATED_CARDS=2 "${mpi[@]}" 3 "${ranks[@]}" cuda --out "$tmp/short" >"$tmp/short.out" 2>&1 &&
    grep -q "There is no GPU cuda:2" "$tmp/short.out"
  result "a rank without a card says so" $? "$(cat "$tmp/short.out")"
  # The other rank waits for a sum that never comes.
  ! MOA_EMULATED_CARDS=2 timeout 120 "${mpi[@]}" 2 sh -c \
    '[ $OMPI_COMM_WORLD_RANK = 0 ] || export MOA_EMULATED_FAIL_AT=8000; exec "$@"' - "${ranks[@]}" cuda \
    --out "$tmp/lost" >"$tmp/lost.out" 2>&1
  [ $? = 0 ] && grep -q "rank 1 of 2: cuda:1: .*; try again, or use the CPU" "$tmp/lost.out"
  result "a card that fails ends all ranks, with its error" $? "$(cat "$tmp/lost.out")"
fi

end
