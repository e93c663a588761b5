#!/bin/bash
# Everything about the GPU on a machine that has one, with the CUDA toolkit but neither GIMP nor a
# network: builds engine, module and tests, runs the tests on the card, the benches at the size of Stable
# Diffusion 1.5 with generated weights, PyTorch beside them, and compute-sanitizer's tools over the ops.
#
#   tests/cuda/on-gpu.sh [--quick] [--minutes N] [--built FOLDER] [--out FOLDER]
#
#   --quick         no sanitizer but memcheck, no benches at full size
#   --minutes N     begins nothing after N minutes and stops what still runs (120); what matters most
#                   comes first, and the report is made all the same
#   --built FOLDER  a build with -Dcuda=enabled from elsewhere, where libraries' headers are missing
#   --out FOLDER    where the report goes, report.md and report.json, and a log of each step (gpu-report)
#
# MOA_GPU_MODEL names a folder that make_full.py has written; else it is made beside the build (5.7 GB,
# needs python3 with numpy).  PyTorch is timed beside the engine where python3 has torch.
# MOA_CUDA_MODULE names another module than the build's: the emulation's tries this script out.
set -u
cd "$(dirname "$0")/../.." || exit 1
quick='' minutes=120 built='' out=gpu-report
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes ;;
    --minutes) minutes=$2; shift ;;
    --built) built=$(realpath "$2") || exit 2; shift ;;
    --out) out=$2; shift ;;
    *) sed -n '2,19s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$out" || exit 1
out=$(realpath "$out")
build=${built:-$PWD/build-gpu} data=$PWD/tests/data mini=$PWD/engine/models/mini
moa=$build/engine/cli/moa model=${MOA_GPU_MODEL:-$build/sd15}
export MOA_FIXTURES=$data MOA_TEST_MODEL=$mini LC_ALL=C.UTF-8
export PATH=$PATH:/usr/local/cuda/bin:/usr/local/cuda/compute-sanitizer
# Where the toolkit is without the system's loader knowing; a library that it knows already comes first.
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/cuda/lib64
unset MOA_DEVICE NVIDIA_TF32_OVERRIDE
[ -z "$built" ] || export MOA_CUDA_MODULE=${MOA_CUDA_MODULE:-$build/engine/libmoa-cuda.so}
failed=0 rows="$out/rows.jsonl" making=''
rm -f "$out"/*.log "$out"/bench-*.json "$out"/devices.* "$out"/report.*
: >"$rows"

# Whatever ends this, there is a report of what was done.
finish ()
{
  [ -z "$making" ] || kill "$making" 2>/dev/null
  python3 tests/cuda/on_gpu_report.py "$out" && echo "the report is $out/report.md"
}
trap finish EXIT
trap 'exit 1' INT TERM

row ()
{
  printf '{"step": "%s", "status": %d, "ok": %d, "not_ok": %d, "seconds": %d}\n' "$@" >>"$rows"
}

# step NAME SECONDS COMMAND...: runs it so long at most, with its output in FOLDER/NAME.log; a row of the
# report.  Status 124: stopped; -1: there was no time left, or no way, to begin it.
step ()
{
  local name=$1 limit=$2 left=$((60 * minutes - SECONDS)) start=$SECONDS status ok bad
  shift 2
  if [ "$left" -lt 5 ]; then
    row "$name" -1 0 0 0
    return 0
  fi
  timeout -k 10 $((left < limit ? left : limit)) "$@" >"$out/$name.log" 2>&1
  status=$?
  ok=$(grep -c '^ *ok' "$out/$name.log")
  bad=$(grep -c '^ *not ok' "$out/$name.log")
  [ $status = 0 ] || failed=1
  row "$name" $status "$ok" "$bad" $((SECONDS - start))
  printf '%-24s %s, %d ok, %d not ok, %d s\n' "$name" "$([ $status = 0 ] && echo passed || echo "FAILED ($status)")" \
    "$ok" "$bad" $((SECONDS - start))
  return $status
}

# bench NAME SECONDS ARGUMENTS...: moa bench, its numbers in FOLDER/bench-NAME.json
bench ()
{
  local name=$1 limit=$2
  shift 2
  step "bench-$name" "$limit" sh -c 'to=$1; shift; exec "$@" >"$to"' - "$out/bench-$name.json" "$moa" bench --json "$@"
}

# ---- Build ----
if [ ! "$quick" ] && [ ! -f "$model/moa/moa.safetensors" ]; then
  python3 tests/golden/make_full.py "$model" >"$out/make-model.log" 2>&1 &
  making=$!
fi
if [ ! "$built" ]; then
  if [ ! -f "$build/build.ninja" ]; then
    step setup 120 meson setup "$build" -Dgimp=disabled -Dcli=enabled -Dcuda=enabled ||
      { tail -20 "$out/setup.log" >&2; exit 1; }
  fi
  step build 3600 ninja -C "$build" || { tail -30 "$out/build.log" >&2; exit 1; }
fi
"$moa" info --devices --json >"$out/devices.json"
"$moa" info --devices | tee "$out/devices.txt"
grep -q '"name": *"cuda:0"' "$out/devices.json" || { echo "there is no GPU to test" >&2; exit 1; }

# ---- Right, and fast ----
# The model is made meanwhile.  In a short loan what hangs must leave time for the rest.
long=300
[ "$quick" ] && long=90
for number in f32 f16 bf16 tf32; do
  MOA_DEVICE=cuda:$number step "ops-$number" $long "$build/tests/cuda/test-cuda-ops" --tap
done
step golden-f32 $((2 * long)) "$build/tests/golden" --device cuda:f32 "$data/golden" "$data/tiny"
if [ "$quick" ]; then
  bench mini-f32 120 "$mini" --device cuda:f32
else
  if [ "$making" ]; then
    while kill -0 "$making" 2>/dev/null && [ $((60 * minutes - SECONDS)) -gt 5 ]; do sleep 1; done
    kill "$making" 2>/dev/null
    wait "$making" || { echo "make_full.py failed, see $out/make-model.log" >&2; row make-model 1 0 0 0; failed=1; }
    making=''
  fi
  for number in f16 bf16 tf32 f32; do
    bench "sd15-$number" 300 "$model" --device cuda:$number --runs 20 --sizes --replacement
  done
  if python3 -c 'import torch; assert torch.cuda.is_available ()' 2>/dev/null; then
    step torch 600 python3 tests/cuda/peer_torch_cuda.py "$out/bench-torch.json" 240
  else
    row torch -1 0 0 0
  fi
fi

# ---- The other tests on the card ----
cards=${CUDA_VISIBLE_DEVICES:-0}
CUDA_VISIBLE_DEVICES=${cards%%,*} step jobs 300 "$build/tests/cuda/test-cuda-jobs" --tap
MOA_DEVICE=cuda:f16 step guide-f16 $long "$build/tests/test-guide" --tap
step train 600 tests/cuda/train.sh "$moa" "$mini"
if [ ! "$quick" ]; then
  step golden-full-f32 300 "$build/tests/golden" --device cuda:f32 "$data/full" "$model"
  tests/bench/sd15_shapes.sh "$build/sd15-shapes" >/dev/null
  for number in bf16 f32; do
    bench "train-$number" 300 --train "$build/sd15-shapes" --stage moa --batch 4 --device cuda:$number
  done
fi
[ "$built" ] || step resources 60 tests/cuda/resources.sh tests/cuda/resources.txt "$(command -v nvcc)" \
  "$build"/engine/*.resources

# ---- Sanitizers, which take longest ----
tools="memcheck racecheck initcheck synccheck"
[ "$quick" ] && tools=memcheck
# What blocks share is each kernel's own business: there cuBLAS', large and NVIDIA's, are left alone.
own=''
compute-sanitizer --help 2>/dev/null | grep -q -- '--kernel-name ' && own='--kernel-name kns=_kernel'
for tool in $tools; do
  case $tool in racecheck | synccheck) filter=$own ;; *) filter='' ;; esac
  for number in f32 f16; do # which have different kernels for attention
    if command -v compute-sanitizer >/dev/null; then
      MOA_DEVICE=cuda:$number step "sanitizer-$tool-$number" 1800 compute-sanitizer --tool "$tool" $filter \
        --error-exitcode 9 "$build/tests/cuda/test-cuda-ops" --tap
    else
      row "sanitizer-$tool-$number" -1 0 0 0
    fi
  done
done
exit $failed
