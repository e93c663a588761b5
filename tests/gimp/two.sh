#!/bin/bash
# Two GIMPs at once on one cache and one folder of subjects: each gets what it would get alone, and
# nothing of either is lost or half written.  Prints TAP.  Environment as for common.sh.
. "$(dirname "$0")/common.sh"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT

# start NAME: a GIMP with a profile of its own; its lines go to tap-NAME
start ()
{
  local profile=$work/gimp-$1
  make_profile "$profile"
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
end
