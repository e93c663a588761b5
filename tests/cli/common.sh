# What the tests of the program share: sourced with MOA PIXELS MODEL, the program, tests/cli/pixels and the
# bundled model, which become $moa, $pixels and $model.  Goes to an empty folder that is gone at the end.
set -u
moa=$(realpath "$1") pixels=$(realpath "$2") model=$(realpath "$3")
pictures=$model/pictures
script=$(realpath "$0")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export MOA_MODEL=$model LC_ALL=C.UTF-8

count=0
failed=0

# result NAME: passes if the last command did.
result ()
{
  local status=$?
  count=$((count + 1))
  if [ $status -eq 0 ]; then
    echo "ok $count - $1"
  else
    echo "not ok $count - $1"
    sed 's/^/# /' out.log err.log 2>/dev/null
    failed=1
  fi
}

skip () { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }

# The plan, and whether all passed.
end ()
{
  echo "1..$count"
  exit $failed
}

# run STATUS ARGUMENT...: runs moa into out.log and err.log, and checks its status.
run ()
{
  local expected=$1
  shift
  "$moa" "$@" >out.log 2>err.log
  local status=$?
  echo "status $status of: moa $*" >>out.log
  [ $status -eq "$expected" ]
}

says () { grep -qF -- "$1" err.log; }
# Of a batch or a list of pictures: so many were drawn.
drawn () { [ "$(grep -c '^done' out.log)" = "$1" ]; }
