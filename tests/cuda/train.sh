#!/bin/bash
# Ten steps of training on the card against the same on the host.  Prints TAP.
#
#   train.sh MOA MODEL     with MOA_CUDA_MODULE for the emulation
set -u
moa=$1 model=$2
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
count=0
failed=0

result ()
{
  count=$((count + 1))
  if [ "$2" = 0 ]; then
    echo "ok $count - $1"
  else
    echo "not ok $count - $1"
    failed=1
    printf '%s\n' "${3-}" | sed 's/^/# /'
  fi
}

cat >"$tmp/moa.json" <<END
{"stage": "moa", "model": "$model", "steps": 10, "half": false, "batch": 1, "micro_batch": 1,
 "data": {"pictures": 8, "held_out": 1}, "every": {"log": 1, "checkpoint": 5, "validate": 100}}
END
for device in cpu cuda; do
  "$moa" train "$tmp/moa.json" --out "$tmp/$device" --device $device >"$tmp/$device.out" 2>&1
  result "ten steps on $device" $? "$(cat "$tmp/$device.out")"
done

# Whether two logs have the same numbers to a thousandth of the larger, all of them.
compare ()
{
  python3 - "$@" <<'END'
import json, sys
logs = [[json.loads(line) for line in open(path + "/log.jsonl")] for path in sys.argv[1:3]]
rows = [[row for row in log if "loss" in row] for log in logs]
assert len(rows[0]) == len(rows[1]) == 10, [len(r) for r in rows]
for a, b in zip(*rows):
    for name in ("loss", "masked", "router", "object", "norm"):
        x, y = a[name], b[name]
        assert abs(x - y) <= 1e-3 * max(abs(x), abs(y), 1e-3), (a["step"], name, x, y)
END
}
problem=$(compare "$tmp/cpu" "$tmp/cuda" 2>&1)
result "every step has the host's losses and norm of gradients" $? "$problem"

# The checkpoint of the fifth step serves the host as well.
mkdir "$tmp/mixed"
cp -r "$tmp/cuda/model" "$tmp/cuda/config.json" "$tmp/mixed/"
cp "$tmp"/cuda/checkpoint-000000005.safetensors "$tmp/mixed/"
head -5 "$tmp/cuda/log.jsonl" >"$tmp/mixed/log.jsonl"
"$moa" train "$tmp/moa.json" --out "$tmp/mixed" --device cpu --resume >"$tmp/mixed.out" 2>&1
result "a training begun on the card goes on on the host" $? "$(cat "$tmp/mixed.out")"
problem=$(compare "$tmp/cpu" "$tmp/mixed" 2>&1)
result "with the same losses" $? "$problem"

echo "1..$count"
exit $failed
