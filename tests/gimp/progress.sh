#!/bin/bash
# What GIMP's own progress bar is told while a result is made again without a dialog; prints TAP.  Under Xvfb,
# since GIMP without an interface has no progress.
#   MOA_PLUGIN, MOA_TEST_PLUGIN, MOA_TEST_MODEL  as for common.sh
#   MOA_TEST_OUT                                 where to leave GIMP's log
. "$(dirname "$0")/window-common.sh"
out=$out/progress
mkdir -p "$out"
start_gimp 1280x900 "$MOA_TEST_MODEL" "$pictures/snow-subject.png" "$pictures/snow.png"
image=$(fu '(vector-ref (cadr (gimp-image-list)) 0)')
top_layer="(vector-ref (cadr (gimp-image-get-layers $image)) 0)"
seen=$out/seen.txt

fu "(begin (plug-in-moa-replace-person 1 $image $top_layer 1
             (cadr (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) 1))) \"\" 2 -1 1 \"\" \"{}\") 1)" >/dev/null
check "there is a result" layers_are 2
fu "(begin (moa-test-progress $image $top_layer \"{\\\"steps\\\": 40, \\\"cache\\\": false}\" \"$seen\") 1)" >/dev/null
check "it is made again" layers_are 3
check "the bar says what is done" grep -qx 'start: Replacing person' "$seen"
check "the phases with their steps" eval 'grep -q "^text: Inverting, step [0-9]* of 40" "$seen" &&
  grep -q "^text: Generating, step [0-9]* of 40" "$seen"'
check "the time that is left" grep -q '^text: Generating.* ([0-9]* s left)$' "$seen"
check "it never falls" eval '! grep -q "^back" "$seen"'
check "it grows, to nine tenths and more" grep -q '^end: at \(0\.9\|1\).* after \([5-9]\|[1-9][0-9]\+\) values$' "$seen"
check "and it goes in the end" eval '[[ "$(tail -n 1 "$seen")" == "end:"* ]]'
check "GIMP quits" quit_gimp
end
