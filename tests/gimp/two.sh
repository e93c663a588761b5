#!/bin/bash
# Two GIMPs at once on one cache and one folder of subjects: each gets what it would get alone, and
# nothing of either is lost or half written.  Prints TAP.  Environment as for batch.sh.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
out=${MOA_TEST_OUT:-$work/out}
mkdir -p "$out"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
unset XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME
# babl takes the conversion of colours that is fastest at the moment, and some round otherwise: exact ones only.
export BABL_TOLERANCE=0
export HOME=$work LC_ALL=C MOA_MODEL=$MOA_TEST_MODEL

# start NAME: a GIMP with a profile of its own; its lines go to tap-NAME
start ()
{
  local profile=$work/gimp-$1
  mkdir -p "$profile/plug-ins/moa-gimp" "$profile/plug-ins/moa-test"
  cp "$MOA_PLUGIN" "$profile/plug-ins/moa-gimp/moa-gimp"
  cp "$MOA_TEST_PLUGIN" "$profile/plug-ins/moa-test/moa-test"
  GIMP2_DIRECTORY=$profile timeout 900 gimp -i -d -f -b "(begin
    (define tap (open-output-file \"$work/tap-$1\")) (define model \"$MOA_TEST_MODEL\")
    (define out \"$out\") (define me \"$1\") (load \"$here/common.scm\") (load \"$here/two.scm\")
    (gimp-image-delete subject-image) (display \"end\" tap) (close-output-port tap))" \
    -b '(gimp-quit 0)' </dev/null >"$out/two-$1.log" 2>&1 &
  pids+=($!)
}
start one
start two
wait "${pids[@]}"

n=0 failed=0
check ()
{
  local name=$1
  shift
  n=$((n + 1))
  if "$@"; then
    echo "ok $n - $name"
  else
    failed=1
    echo "not ok $n - $name"
  fi
}
for name in one two; do
  check "$name ran to its end" grep -qs '^end' "$work/tap-$name"
  check "$name: all went well" eval "! grep -s '^not ok' -A 2 '$work/tap-$name'"
done

subjects=$work/.local/share/moa-gimp/subjects
cache=$work/.cache/moa-gimp/inversions
saved=$(cat "$work"/tap-* | grep -c '^# saved')
check "every subject that was saved is there ($saved)" [ "$(ls "$subjects"/*.safetensors | wc -l)" = "$saved" ]
check "and none is half written" [ -z "$(find "$subjects" -type f \( -size 0 -o ! -name '*.safetensors' \))" ]
check "inversions are there" [ "$(find "$cache" -type f -name '*.moa-inversion' | wc -l)" -gt 0 ]
check "and none is half written" [ -z "$(find "$cache" -type f -name '*.moa-inversion.*')" ]
echo "1..$n"
[ $failed = 0 ]
