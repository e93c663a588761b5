#!/bin/bash
# examples/replace-folder: a folder with good and bad pictures; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL  as for common.sh
. "$(dirname "$0")/common.sh"
mkdir "$work/in" "$work/masks"
cp "$pictures/snow.png" "$work/in/a \"good\" one.png"
cp "$pictures/lake.png" "$work/in/lake.png"
cp "$pictures/lake-selection.png" "$work/masks/lake.png"
echo "this is no picture" >"$work/in/note.png"
echo "this is no picture" >"$work/in/ake.png" # its name ends another's

complain () { sed 's/^/# /' "$work/report"; }
export MOA_STEPS=2
"$root/examples/replace-folder" "$pictures/snow-subject.png" "$work/in" "$work/out" \
  "$work/masks" >"$work/report" 2>&1
status=$?
check "a failed picture makes the status 1" [ $status = 1 ]
check "a good one is done, whatever its name" grep -qF 'done a "good" one.png' "$work/report"
check "its result is there" [ -s "$work/out/a \"good\" one.png" ]
check "one with a mask is done" grep -q '^done lake.png' "$work/report"
check "its result is another picture" bash -c "! cmp -s '$work/in/lake.png' '$work/out/lake.png'"
check "what is no picture has failed" grep -q '^failed note.png: .' "$work/report"
check "it leaves no result" [ ! -e "$work/out/note.png" ]
check "a name that ends another's is not taken for it" grep -q '^failed ake.png: .' "$work/report"
check "the sum is right" grep -q '^2 of 4 done' "$work/report"
check "the pictures are as they were" cmp -s "$pictures/lake.png" "$work/in/lake.png"
"$root/examples/replace-folder" "$pictures/snow-subject.png" "$work/in" "$work/in" \
  >"$work/report" 2>&1
check "it does not write over the pictures" [ $? = 2 ]
cp "$pictures/lake.png" "$work/in/lake.jpg"
"$root/examples/replace-folder" "$pictures/snow-subject.png" "$work/in" "$work/out" \
  >"$work/report" 2>&1
check "two pictures of one name are refused" [ $? = 2 ]
rm "$work/in/lake.jpg"
MOA_OPTIONS='{"fredom": 1}' "$root/examples/replace-folder" "$pictures/snow-subject.png" \
  "$work/in" "$work/none" >"$work/report" 2>&1
check "the reason of a failure is told" grep -q '^failed lake.png: .*"fredom"' "$work/report"
"$root/examples/replace-folder" >"$work/report" 2>&1
check "without arguments it tells its use" [ $? = 2 ]
end
