# What the tests of trainings share; sourced.
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
count=0
failed=0

# result NAME STATUS [NOTE]
result ()
{
  count=$((count + 1))
  if [ "$2" = 0 ]; then
    echo "ok $count - $1"
  else
    echo "not ok $count - $1"
    failed=1
    [ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
  fi
}

# skip NAME REASON
skip ()
{
  count=$((count + 1))
  echo "ok $count - $1 # SKIP $2"
}

# The plan, and whether all passed.
end ()
{
  echo "1..$count"
  exit $failed
}

# wait_for PID FILE TEXT: until the text is there or the process gone, a minute at most
wait_for ()
{
  for _ in $(seq 600); do
    grep -q "$3" "$2" && return 0
    kill -0 "$1" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# compare FOLDER FOLDER STEPS PART: whether two logs have the same numbers to that part of the larger, where no
# step was left out.
compare ()
{
  python3 - "$@" <<'END'
import json, sys
paths, n, part = sys.argv[1:3], int(sys.argv[3]), float(sys.argv[4])
logs = [[json.loads(line) for line in open(path + "/log.jsonl")] for path in paths]
rows = [[row for row in log if "loss" in row][:n] for log in logs]
assert all(len(r) == n for r in rows), [len(r) for r in rows]
compared = 0
for a, b in zip(*rows):
    for name in ("loss", "masked", "router", "object", "norm"):
        if name not in a or (name == "norm" and b.get("steps_left_out")):
            continue
        x, y = a[name], b[name]
        compared += name == "norm"
        assert abs(x - y) <= part * max(abs(x), abs(y), part), (a["step"], name, x, y)
assert compared, "every step was left out"
END
}

# hwloc, which MPI asks about the machine, would ask X servers too, and wait for those of tests beside.
export HWLOC_COMPONENTS=-gl
# For mpirun where tests run as root.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# MPI keeps memory of its own to the end, in other libraries on other machines: where there is MPI, leaks are not
# looked for.
without_leaks=${ASAN_OPTIONS-}:detect_leaks=0
