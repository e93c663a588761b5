#!/bin/bash
# moa train as a person runs it: killed, interrupted, resumed, and on several ranks.  Prints TAP.
#
#   train.sh MOA FIXTURES LATE
. "$(dirname "$0")/common.sh"
moa=$1 model=$2/tiny late=$3

# An autoencoder from nothing, a checkpoint after each step
cat >"$tmp/vae.json" <<END
{"stage": "vae", "model": "$model", "fresh": ["vae"], "steps": 24, "half": false,
 "data": {"pictures": 60, "held_out": 2}, "every": {"log": 1, "checkpoint": 1, "validate": 24, "samples": 0},
 "vae": {"phases": [[1.0, 32, 8]], "whiten": false}}
END

weights=model/vae/diffusion_pytorch_model.safetensors
unet=model/unet/diffusion_pytorch_model.safetensors
vae=("$moa" train "$tmp/vae.json" --threads 1)

"${vae[@]}" --out "$tmp/whole" >"$tmp/whole.out" 2>&1
result "a training runs to its end" $? "$(cat "$tmp/whole.out")"

! "${vae[@]}" --out "$tmp/none" --model /nowhere >"$tmp/none.out" 2>&1 &&
  grep -q "/nowhere: there is no such folder" "$tmp/none.out"
result "a model that is not there is told" $? "$(cat "$tmp/none.out")"

# What sees no photo needs no image encoder and no moa/, as in diffusers' folder of Stable Diffusion; and
# what comes out has no empty ones.
mkdir "$tmp/plain"
cp -r "$model"/unet "$model"/vae "$model"/text_encoder "$model"/tokenizer "$model"/scheduler "$tmp/plain"
for kind in '"lora_rank": 2' '"controlnet": true' '"described": 0.5'; do
  printf '{"stage": "prior", "model": "%s", "prior": {%s}, "steps": 1, "batch": 1, "micro_batch": 1,
    "data": {"pictures": 4, "held_out": 1}, "every": {"samples": 0}}' "$tmp/plain" "$kind" >"$tmp/plain.json"
  rm -rf "$tmp/plain.run"
  "$moa" train "$tmp/plain.json" --threads 1 --out "$tmp/plain.run" >"$tmp/plain.out" 2>&1
  status=$?
  case $kind in
    *described*) [ $status != 0 ] && grep -q "$tmp/plain: has no image_encoder/" "$tmp/plain.out" ;;
    *) [ $status = 0 ] && "$moa" info "$tmp/plain.run/model" >>"$tmp/plain.out" 2>&1 &&
         [ ! -e "$tmp/plain.run/model/image_encoder" ] ;;
  esac
  result "a folder without an image encoder, $kind" $? "$(cat "$tmp/plain.out")"
done

# Killed wherever it happens to be, three times.
for at in 3 9 15; do
  : >"$tmp/killed.out"
  "${vae[@]}" --out "$tmp/killed" --resume >"$tmp/killed.out" 2>&1 &
  pid=$!
  wait_for $pid "$tmp/killed.out" "^$at/24"
  sleep "0.0$((RANDOM % 10))"
  kill -9 $pid
  wait $pid 2>/dev/null
done
"${vae[@]}" --out "$tmp/killed" --resume >"$tmp/killed.out" 2>&1
cmp -s "$tmp/whole/$weights" "$tmp/killed/$weights"
result "killed three times and resumed: the same bits" $? "$(cat "$tmp/killed.out")"
[ "$(ls "$tmp/killed" | grep -c '^checkpoint-')" = 2 ]
result "two checkpoints are kept, and no remains" $? "$(ls "$tmp/killed")"

"${vae[@]}" --out "$tmp/stopped" >"$tmp/stopped.out" 2>&1 &
pid=$!
wait_for $pid "$tmp/stopped.out" "^5/24"
kill -INT $pid
wait $pid
status=$?
[ $status = 130 ] && grep -q "stopped after step" "$tmp/stopped.out"
result "Ctrl-C finishes the step, saves and says so" $? "status $status: $(cat "$tmp/stopped.out")"
"${vae[@]}" --out "$tmp/stopped" --resume >"$tmp/stopped.out" 2>&1 &&
  cmp -s "$tmp/whole/$weights" "$tmp/stopped/$weights"
result "interrupted and resumed: the same bits" $? "$(cat "$tmp/stopped.out")"

"${vae[@]}" --out "$tmp/ended" >"$tmp/ended.out" 2>&1 &
pid=$!
wait_for $pid "$tmp/ended.out" "^5/24"
kill -TERM $pid
kill -TERM $pid # launchers may ask twice
wait $pid
status=$?
[ $status = 130 ] && grep -q "stopped after step" "$tmp/ended.out"
result "SIGTERM, twice, does the same" $? "status $status: $(cat "$tmp/ended.out")"

# ---- Several ranks ----

# Our own leaks show above.
export ASAN_OPTIONS=$without_leaks
cat >"$tmp/prior.json" <<END
{"stage": "prior", "model": "$model", "train": ["unet/*"], "steps": 6, "batch": 8,
 "micro_batch": 2, "optimizer": {"warmup": 1},
 "data": {"pictures": 60, "held_out": 2}, "every": {"log": 1, "checkpoint": 2, "validate": 6, "samples": 0}}
END
# Ranks that wait leave the processor to the tests beside them.
mpi=(mpirun --oversubscribe --bind-to none --mca mpi_yield_when_idle 1)
prior=("$moa" train "$tmp/prior.json" --threads 1)
# Losses of a log, a line each
losses () { sed 's/.*"loss":\([^,}]*\).*/\1/;/held_out/d' "$1/log.jsonl"; }

if ! command -v mpirun >/dev/null; then
  reason="there is no mpirun"
elif ! "${mpi[@]}" -n 2 "${prior[@]}" --out "$tmp/try" --stop-at 1 2>&1 | grep -q "2 ranks"; then
  reason="this build knows no MPI, or mpirun cannot start it here"
else
  reason=
fi
if [ -n "$reason" ]; then
  for name in "2 ranks, prior: the losses of one" "4 ranks, prior: the losses of one" \
    "2 ranks, lora: the losses of one" "2 ranks, controlnet: the losses of one" \
    "2 ranks, stopped and gone on with: the same bits" \
    "an error says on which rank" "ranks that look late find no training in the way" \
    "SIGUSR1 of mpirun stops all ranks and saves" \
    "a rank that dies ends all, and leaves a checkpoint"; do
    skip "$name" "$reason"
  done
else
  sed 's|"train": \["unet/\*"\]|"prior": {"lora_rank": 2}|; s/"warmup": 1/&, "lr": 0.02/' "$tmp/prior.json" \
    >"$tmp/lora.json"
  sed 's|"train": \["unet/\*"\]|"prior": {"controlnet": true}|; s/"warmup": 1/&, "lr": 0.001/' \
    "$tmp/prior.json" >"$tmp/controlnet.json"
  for kind in prior lora controlnet; do
    one=("$moa" train "$tmp/$kind.json" --threads 1)
    "${one[@]}" --out "$tmp/one-$kind" >/dev/null
    for n in $([ $kind = prior ] && echo 2 4 || echo 2); do
      out=$tmp/$kind-ranks$n
      "${mpi[@]}" -n $n "${one[@]}" --out "$out" >"$tmp/ranks.out" 2>&1
      paste <(losses "$tmp/one-$kind") <(losses "$out") |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (NF != 2 || d > 2e-5 * $1) bad = 1; n++ }
             END { exit bad || n != 6 }'
      result "$n ranks, $kind: the losses of one" $? \
             "$(paste <(losses "$tmp/one-$kind") <(losses "$out"); cat "$tmp/ranks.out")"
    done
  done

  sed 's/"steps": 6/"half": false, "steps": 6/' "$tmp/prior.json" >"$tmp/exact.json"
  exact=("${mpi[@]}" -n 2 "$moa" train "$tmp/exact.json" --threads 1)
  "${exact[@]}" --out "$tmp/exact" >"$tmp/exact.out" 2>&1 &&
    "${exact[@]}" --out "$tmp/parts" --stop-at 3 >>"$tmp/exact.out" 2>&1 &&
    "${exact[@]}" --out "$tmp/parts" --resume >>"$tmp/exact.out" 2>&1 &&
    cmp -s "$tmp/exact/$unet" "$tmp/parts/$unet"
  result "2 ranks, stopped and gone on with: the same bits" $? "$(cat "$tmp/exact.out")"

  sed 's|"data": {|&"source": "plain", "path": "/nowhere", |' "$tmp/prior.json" \
    >"$tmp/wrong.json"
  ! "${mpi[@]}" -n 2 "$moa" train "$tmp/wrong.json" --out "$tmp/wrong" >"$tmp/wrong.out" 2>&1 &&
    grep -q "^moa train: rank [01] of 2: /nowhere/captions.txt" "$tmp/wrong.out"
  result "an error says on which rank" $? "$(cat "$tmp/wrong.out")"

  # A sanitizer's runtime must come first.
  sanitizer=$(ldd "$moa" | awk '/libasan/ { print $3 ":" }')
  "${mpi[@]}" -n 2 -x LD_PRELOAD="$sanitizer$late" -x LATE_FOLDER="$tmp/late" "${prior[@]}" \
    --out "$tmp/late" --stop-at 1 >"$tmp/late.out" 2>&1 && grep -q "^1/6" "$tmp/late.out"
  result "ranks that look late find no training in the way" $? "$(cat "$tmp/late.out")"

  sed -i 's/"steps": 6/"steps": 100000/' "$tmp/prior.json"
  sed 's/"checkpoint": 2/"checkpoint": 100000/' "$tmp/prior.json" >"$tmp/long.json"
  # Not Ctrl-C: mpirun may then kill the ranks before they have saved.  SIGUSR1 it hands on and does not wait.
  "${mpi[@]}" -n 2 "$moa" train "$tmp/long.json" --threads 1 --out "$tmp/usr1" \
    >"$tmp/mpi.out" 2>&1 &
  pid=$!
  wait_for $pid "$tmp/mpi.out" "^3/"
  kill -USR1 $pid
  wait $pid
  # It may hand on no more output once it is told to end, nor wait for its ranks: the checkpoint tells.
  for _ in $(seq 300); do
    ls "$tmp/usr1"/checkpoint-*.safetensors >/dev/null 2>&1 && break
    sleep 0.1
  done
  "$moa" train "$tmp/long.json" --out "$tmp/usr1" --resume --stop-at 1 >"$tmp/on.out" 2>&1
  grep -q "going on after step" "$tmp/on.out"
  result "SIGUSR1 of mpirun stops all ranks and saves" $? \
         "$(ls "$tmp/usr1"; cat "$tmp/mpi.out" "$tmp/on.out")"

  "${mpi[@]}" -n 2 "${prior[@]}" --out "$tmp/dead" >"$tmp/dead.out" 2>&1 &
  pid=$!
  wait_for $pid "$tmp/dead.out" "^5/"
  kill -9 "$(pgrep -P $pid | tail -1)"
  for _ in $(seq 300); do
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
  done
  kill -0 $pid 2>/dev/null
  alive=$?
  wait $pid
  status=$?
  # mpirun does not wait for the other rank, which may still be at its last step.
  for _ in $(seq 100); do
    "${prior[@]}" --out "$tmp/dead" --resume --stop-at 7 >"$tmp/on.out" 2>&1
    grep -q "another process trains there" "$tmp/on.out" || break
    sleep 0.3
  done
  [ $alive != 0 ] && [ $status != 0 ] && grep -q -i "signal" "$tmp/dead.out" &&
    grep -q "going on after step" "$tmp/on.out"
  result "a rank that dies ends all, and leaves a checkpoint to go on from" $? \
         "status $status: $(cat "$tmp/dead.out" "$tmp/on.out")"
fi

end
