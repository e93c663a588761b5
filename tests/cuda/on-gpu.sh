#!/bin/bash
# Everything about the GPU on a machine that has one, with the CUDA toolkit but neither GIMP nor a
# network: builds engine, module and tests, runs the tests on the card, compute-sanitizer's tools over
# the ops, and the benches at the size of Stable Diffusion 1.5 with generated weights.
#
#   tests/cuda/on-gpu.sh [--quick] [--out FOLDER]
#
#   --quick        no sanitizer but memcheck, no benches at full size
#   --out FOLDER   where the report goes, report.md and report.json (gpu-report)
#
# MOA_GPU_MODEL names a folder that make_full.py has written; else it is made in FOLDER (5.7 GB, needs
# python3 with numpy).  PyTorch is timed beside the engine where python3 has torch and diffusers.
set -u
cd "$(dirname "$0")/../.." || exit 1
quick='' out=gpu-report
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes ;;
    --out) out=$2; shift ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$out"
out=$(realpath "$out")
build=$PWD/build-gpu moa=$build/engine/cli/moa data=$PWD/tests/data mini=$PWD/engine/models/mini
export MOA_FIXTURES=$data MOA_TEST_MODEL=$mini
unset MOA_CUDA_MODULE MOA_DEVICE
failed=0
rows="$out/rows.jsonl"
: >"$rows"

# step NAME COMMAND...: runs it with its output in FOLDER/NAME.log; a row of the report.
step ()
{
  local name=$1 start end status
  shift
  start=$(date +%s.%N)
  "$@" >"$out/$name.log" 2>&1
  status=$?
  end=$(date +%s.%N)
  local ok bad
  ok=$(grep -c '^ *ok' "$out/$name.log")
  bad=$(grep -c '^ *not ok' "$out/$name.log")
  [ $status = 0 ] || failed=1
  printf '{"step": "%s", "status": %d, "ok": %d, "not_ok": %d, "seconds": %.1f}\n' "$name" $status \
    "$ok" "$bad" "$(echo "$start $end" | awk '{ print $2 - $1 }')" >>"$rows"
  printf '%-28s %s, %d ok, %d not ok\n' "$name" "$([ $status = 0 ] && echo passed || echo FAILED)" \
    "$ok" "$bad"
}

[ -f "$build/build.ninja" ] ||
  meson setup "$build" -Dgimp=disabled -Dcuda=enabled >"$out/setup.log" 2>&1 ||
  { cat "$out/setup.log" >&2; exit 1; }
step build ninja -C "$build"
[ $failed = 0 ] || { tail -30 "$out/build.log" >&2; exit 1; }
"$moa" info --devices --json >"$out/devices.json"
"$moa" info --devices | tee "$out/devices.txt"
grep -q '"name": "cuda:0"' "$out/devices.json" || { echo "there is no GPU to test" >&2; exit 1; }

# ---- Tests on the card ----
for number in f32 tf32 f16 bf16; do
  MOA_DEVICE=cuda:$number step "ops-$number" "$build/tests/cuda/test-cuda-ops" --tap
done
step golden-f32 "$build/tests/golden" --device cuda:f32 "$data/golden" "$data/tiny"
step jobs "$build/tests/cuda/test-cuda-jobs" --tap
step train tests/cuda/train.sh "$moa" "$mini"
step resources tests/cuda/resources.sh tests/cuda/resources.txt "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)" \
  "$build"/engine/*.resources
if command -v compute-sanitizer >/dev/null; then
  tools="memcheck racecheck initcheck synccheck"
  [ "$quick" ] && tools=memcheck
  for tool in $tools; do
    MOA_DEVICE=cuda:f32 step "sanitizer-$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 \
      "$build/tests/cuda/test-cuda-ops" --tap
  done
else
  echo '{"step": "sanitizer", "status": -1, "ok": 0, "not_ok": 0, "seconds": 0}' >>"$rows"
fi

# ---- Benches ----
bench ()
{
  step "bench-$1" sh -c "'$moa' bench '$2' --device cuda:$3 --runs 10 --json >'$out/bench-$1.json'"
}
bench mini-f32 "$mini" f32
if [ ! "$quick" ]; then
  model=${MOA_GPU_MODEL:-$out/sd15}
  [ -d "$model" ] || step make-model python3 tests/golden/make_full.py "$model"
  for number in f32 tf32 f16 bf16; do
    bench "sd15-$number" "$model" $number
  done
  step golden-full-f32 "$build/tests/golden" --device cuda:f32 "$data/full" "$model"
  if python3 -c 'import torch, diffusers; assert torch.cuda.is_available ()' 2>/dev/null; then
    step bench-torch sh -c "python3 tests/cuda/peer_torch_cuda.py >'$out/bench-torch.json'"
  fi
fi

# ---- Report ----
python3 - "$out" <<'END'
import json, os, sys
out = sys.argv[1]
read = lambda name: json.load(open(f"{out}/{name}")) if os.path.exists(f"{out}/{name}") and os.path.getsize(f"{out}/{name}") else None
steps = [json.loads(line) for line in open(f"{out}/rows.jsonl")]
benches = {n[6:-5]: read(n) for n in sorted(os.listdir(out)) if n.startswith("bench-") and n.endswith(".json")}
json.dump({"devices": read("devices.json"), "steps": steps, "benches": benches}, open(f"{out}/report.json", "w"), indent=1)
with open(f"{out}/report.md", "w") as f:
    f.write("# On the GPU\n\n```\n" + open(f"{out}/devices.txt").read() + "```\n\n")
    f.write("| step | result | ok | not ok | seconds |\n|---|---|---|---|---|\n")
    for s in steps:
        f.write(f"| {s['step']} | {'passed' if s['status'] == 0 else 'not run' if s['status'] < 0 else 'FAILED'} | {s['ok']} | {s['not_ok']} | {s['seconds']} |\n")
    for name, bench in benches.items():
        if not bench or "nets" not in bench:
            if bench:
                f.write(f"\n## {name}\n\n```\n{json.dumps(bench, indent=1)}\n```\n")
            continue
        f.write(f"\n## {name}, peak {bench['peak_gflop_per_second'] / 1e3:.1f} TFLOP/s (a large product)\n\n"
                "| network | ms | TFLOP/s | of peak | work MiB |\n|---|---|---|---|---|\n")
        for net, row in bench["nets"].items():
            f.write(f"| {net} | {row['seconds'] * 1e3:.2f} | {row['gflop_per_second'] / 1e3:.2f} | {row['of_peak']:.0%} | {row['work_bytes'] / 2**20:.0f} |\n")
        for net, ops in (bench.get("ops") or {}).items():
            f.write(f"\n{net}: " + json.dumps(ops)[:4000] + "\n")
END
echo "the report is $out/report.md"
exit $failed
