#!/bin/bash
# Morph, Time Lapse and Story in the window of a real GIMP, by keys, under Xvfb; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL  as for common.sh
#   MOA_TEST_OUT                where to leave pictures of the windows and GIMP's log
. "$(dirname "$0")/window-common.sh"
out=$out/sequences
mkdir -p "$out"
echo '(moa-consent "yes")' >"$profile/gimprc"
# The slowest kernels, so that a run lasts long enough to be cancelled on any machine.
export MOA_ISA=base
start_gimp 1280x900 "$MOA_TEST_MODEL" "$pictures/snow-subject.png" "$pictures/lake-subject.png"

images_are () { [ "$(fu '(car (gimp-image-list))')" = "$1" ]; }
# newest LAYERS: the image that came last has so many
newest () { fu_true "(= $1 (car (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) 0))))"; }
lowest_is ()
{
  fu_true "(let ((layers (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) 0))))
             (string=? \"$1\" (car (gimp-item-get-name (vector-ref (cadr layers) (- (car layers) 1))))))"
}

# ---- Morph ----
check "Morph opens" entry 'morph...' 'Morph'
press Return
sleep 0.5
check "with nobody nothing starts" not_busy
press alt+h
check "Help opens a page" wait_for 10 window_is_open 'Morph, Time Lapse, Story'
press Escape
sleep 0.5
xdotool windowactivate --sync "$(xdotool search --onlyvisible --name '^Morph$' | head -n 1)"
press alt+w
xdotool type 'a woman on a beach'
add_layer 0
add_layer 1
type_into alt+m 3
window_picture Morph morph
press alt+e
check "the run is on" wait_for 10 busy
sleep 1
window_picture Morph morph-running
press alt+c
check "Cancel midway stops it, within three seconds on a busy machine" wait_for 3 not_busy
check "no image has come" images_are 2
check "the dialog stays" window_is_open Morph
press alt+e
check "run to its end it makes a new image" wait_for ${MOA_TEST_WAIT:-120} images_are 3
check "with a layer for each frame" wait_for 20 newest 3
check "the first one lowest" wait_for 20 lowest_is 'Frame 1 (150ms) (replace)'
check "and the dialog is gone" wait_for 5 not_running

# ---- Time Lapse ----
check "Time Lapse opens" entry 'time lapse' 'Time Lapse'
press ctrl+a # the usual ages
xdotool type "a kid in a park"
press Return
xdotool type "a woman in a park"
add_layer 0
window_picture 'Time Lapse' time-lapse
press alt+e
check "run to its end it makes a new image" wait_for ${MOA_TEST_WAIT:-120} images_are 4
check "with a layer for each line" wait_for 20 newest 2
check "the youngest lowest" wait_for 20 lowest_is 'a kid in a park (800ms) (replace)'
check "and the dialog is gone" wait_for 5 not_running

# ---- Story ----
printf 'steps: 4\nAnn (woman): %s\npanel: Ann on a beach\ncaption: Early.\npanel: Ann in a park\n' \
  "$pictures/lake-subject.png" >"$work/story.txt"
check "Story opens" entry 'story...' 'Story'
press alt+e
sleep 0.5
check "without a file nothing starts" not_busy
press alt+y space # the button of the file
choose_file 'Choose the file of a story.' "$work/story.txt"
xdotool windowactivate --sync "$(xdotool search --onlyvisible --name '^Story$' | head -n 1)"
window_picture Story story
press alt+e
check "run to its end it makes a new image" wait_for ${MOA_TEST_WAIT:-120} images_are 5
check "with a group for the page" wait_for 120 lowest_is "Page 1"
check "and the dialog is gone" wait_for 5 not_running

# ---- a story goes on ----
# In processor time, which other programs do not change.
spent_at_end ()
{
  local now last=0
  while now=$(ticks) && [ "$now" ]; do
    last=$now
    sleep 0.1
  done
  echo "$last"
}
spent_more () { [ "$(ticks)" -ge "$1" ]; }
# how light the panels of the newest page are, all digits
panels ()
{
  fu "(let ((page (vector-ref (cadr (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) 0))) 0)))
        (map (lambda (layer) (car (gimp-drawable-histogram layer HISTOGRAM-VALUE 0 1)))
             (vector->list (cadr (gimp-item-get-children page)))))"
}
printf 'steps: 25\nAnn (woman): %s\npanel: Ann on a beach\npanel: Ann in a park\npanel: Ann in the snow\npanel: Ann\n' \
  "$pictures/lake-subject.png" >"$work/story.txt"
check "Story opens with the file of the last time" entry 'story...' 'Story'
wait_for 30 not_busy
window_picture Story story-cost
before=$(ticks)
press alt+e
whole=$(($(spent_at_end) - before))
check "run to its end" wait_for 20 images_are 6
once=$(panels)
check "it opens again" entry 'story...' 'Story'
wait_for 30 not_busy
before=$(ticks)
press alt+e
wait_for 120 spent_more $((before + whole * 6 / 10))
press alt+c
check "Cancel stops it" wait_for 3 not_busy
wait_for 20 not_busy
sleep 1
window_picture Story story-cancelled
before=$(ticks)
press alt+e
rest=$(($(spent_at_end) - before))
check "it goes on to its end" wait_for 20 images_are 7
echo "# processor time of all panels $whole, of those that were left $rest"
check "and does not draw anew what it had" [ $((rest * 4)) -lt $((whole * 3)) ]
check "the panels are those of a run without a break" [ "$once" = "$(panels)" ]

# ---- a batch that is killed goes on ----
plugin () { ps -o pid=,comm= --ppid "$gimp" | awk '$2 == "moa-gimp" { print $1; exit }'; }
batch ()
{
  fu "(begin (plug-in-moa-story RUN-NONINTERACTIVE \"$work/story.txt\" 0 #() 0 0 \"\"
        \"{\\\"folder\\\": \\\"$work/$1\\\"}\") 1)" >/dev/null
}
files_are () { [ "$(find "$work/$1" -name 'story-*.png' 2>/dev/null | wc -l)" -ge $2 ]; }
batch kept 2>/dev/null &
call=$!
check "what is drawn is kept at once" wait_for ${MOA_TEST_WAIT:-120} files_are kept 2
kill -9 "$(plugin)"
wait $call
check "a killed batch has drawn a part" eval "! files_are kept 4"
before=$(stat -c '%n %i' "$work"/kept/*.png)
batch kept
check "the same call draws the rest" files_are kept 4
check "and does not draw anew what was there" [ "$(stat -c '%n %i' "$work"/kept/*.png | grep -cF "$before")" = "$(echo "$before" | wc -l)" ]
rest=$(panels)
batch whole
check "the panels are those of a batch without a break" [ "$rest" = "$(panels)" ]

# ---- the model and the expert that Replace Person had the last time ----
data=$(cd "$here/../data" && pwd)
remember () { fu "(gimp-attach-parasite (list \"moa-replace-person\" 1
  \"{\\\"model\\\": \\\"$data/tiny\\\", \\\"options\\\": {\\\"expert\\\": \\\"$1\\\"}}\"))" >/dev/null; }
# lights: how light the layers of the newest image are, all digits
lights ()
{
  fu "(map (lambda (layer) (car (gimp-drawable-histogram layer HISTOGRAM-VALUE 0 1)))
           (vector->list (cadr (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) 0)))))"
}
# what the newest picture keeps, into a file
newest_record ()
{
  fu "(let ((file (open-output-file \"$work/record\")))
        (display (caddr (car (gimp-item-get-parasite
          (vector-ref (cadr (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) 0))) 0) \"moa-generate\"))) file)
        (close-output-port file) 1)" >/dev/null
}
# morph OPTIONS: the same in batch
morph ()
{
  fu "(begin (plug-in-moa-morph RUN-NONINTERACTIVE \"a woman on a beach\" 0 #() $seed 3 \"$data/tiny\"
        \"{\\\"subjects\\\": [\\\"Panel 4\\\", \\\"Panel 3\\\"], \\\"width\\\": 64, \\\"height\\\": 64,
            \\\"steps\\\": 30, \\\"guidance\\\": 5$1}\") 1)" >/dev/null
}
remember "$data/real/ip-adapter-plus.safetensors"
check "Morph opens" entry 'morph...' 'Morph'
add_layer 0 # of the newest image, the last panel
add_layer 1
type_into alt+z 64
xdotool type 64
press Tab
window_picture Morph morph-expert
press alt+e
check "Morph draws by the expert that Replace Person had" wait_for ${MOA_TEST_WAIT:-120} images_are 10
wait_for 20 not_running
drawn=$(lights)
newest_record
check "the result says so" grep -q '"expert": ".*ip-adapter-plus' "$work/record"
seed=$(sed -n 's/.*"seed": \([0-9]*\).*/\1/p' "$work/record")
morph ", \\\"expert\\\": \\\"$data/real/ip-adapter-plus.safetensors\\\""
check "the pictures are those of the procedure with it" [ "$drawn" = "$(lights)" ]
morph ""
check "without it they are others" [ "$drawn" != "$(lights)" ]
check "Generate opens" entry 'generate...' 'Generate'
xdotool type 'a man and a woman'
add_layer 0
wait_for 20 not_busy
images=$(fu '(car (gimp-image-list))')
press alt+e
check "it draws one person" wait_for ${MOA_TEST_WAIT:-120} images_are $((images + 1))
wait_for 20 not_running
check "Generate opens again" entry 'generate...' 'Generate'
xdotool type 'a man and a woman'
add_layer 0
add_layer 1
wait_for 20 not_busy
window_picture Generate generate-expert
press alt+e
sleep 1
check "with two, whom the expert does not find, nothing starts" not_busy
press Escape
wait_for 10 not_running
remember /nowhere/adapter.safetensors
check "Morph opens with an expert that is missing" entry 'morph...' 'Morph'
window_picture Morph morph-no-expert
press alt+e
check "starts nothing" not_busy
press Escape
wait_for 10 not_running

# ---- a style and a pose ----
fu '(gimp-detach-parasite "moa-replace-person")' >/dev/null
# type_lora FILE: into its field, which comes behind those of the guidance and of CLIP skip
type_lora ()
{
  press alt+g Tab Tab ctrl+a
  xdotool type --delay 5 "$1"
}
# The LoRA of the last time is gone: no model opens, until another one is typed.
fu '(gimp-attach-parasite (list "moa-generate-settings" 1 "{\"lora\": \"/nowhere/old.safetensors\", \"pictures\": 1, \"steps\": 10}"))' >/dev/null
check "Generate opens once more" entry 'generate...' 'Generate'
xdotool type 'a man on a beach'
type_into alt+z 64
xdotool type 64
press Tab
press alt+v
images=$(fu '(car (gimp-image-list))')
type_lora /nowhere/ink.safetensors
press alt+e
wait_for 20 not_busy
check "with a LoRA that is missing nothing is drawn" images_are "$images"
check "and the dialog stays" window_is_open Generate
window_picture Generate generate-no-lora
type_lora "$MOA_TEST_MODEL/lora/print.safetensors"
# A picture that comes while the dialog is open.
fu '(let* ((image (car (gimp-image-new 64 64 RGB)))
           (layer (car (gimp-layer-new image 64 64 RGB-IMAGE "Late" 100 LAYER-MODE-NORMAL))))
      (gimp-image-insert-layer image layer 0 0) (gimp-drawable-fill layer FILL-WHITE) (gimp-display-new image))' >/dev/null
sleep 1
focus_main
generate_window () { xdotool windowactivate --sync "$(xdotool search --onlyvisible --name '^Generate$' | head -n 1)"; sleep 0.5; }
generate_window
# CLIP skip, LoRA, its button, whether persons too, embeddings, their button, and the picture to follow: the first
# layer; then how strongly, by a slider and a field, and in which steps, from and to
press alt+g Tab Tab Tab Tab Tab Tab Tab Down
press Tab Tab Tab Tab ctrl+a
xdotool type 60
press Tab
press alt+g Tab ctrl+a
xdotool type 1
press Tab
sleep 1
window_picture Generate generate-style
wait_for 20 not_busy
# late NAME: what the layer is called from now on
late () { fu "(gimp-item-set-name (vector-ref (cadr (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) $1))) 0) \"$2\")" >/dev/null; }
late 0 Later
images=$(fu '(car (gimp-image-list))')
press alt+e
check "with one that is there it draws" wait_for ${MOA_TEST_WAIT:-120} images_are $((images + 1))
wait_for 20 not_running
newest_record
check "the picture says which LoRA it has" grep -q '"lora": ".*/lora/print.safetensors"' "$work/record"
check "the part of the steps that follow it" grep -q '"control_end": 0.6' "$work/record"
check "and what the text encoder leaves out" grep -q '"clip_skip": 1' "$work/record"
check "and what it follows, by its name of now" grep -q '"control": "layer:Later"' "$work/record"
check "Generate opens with what was followed the last time" entry 'generate...' 'Generate'
wait_for 20 not_busy
press alt+e
check "and draws" wait_for ${MOA_TEST_WAIT:-120} images_are $((images + 2))
wait_for 20 not_running
newest_record
check "what follows it too" grep -q '"control": "layer:Later"' "$work/record"

# ---- a number that is being typed ----
check "Generate opens for a number" entry 'generate...' 'Generate'
wait_for 20 not_busy
images=$(fu '(car (gimp-image-list))')
press alt+z ctrl+a
xdotool type 80
press alt+e
check "it draws while the number is being typed" wait_for ${MOA_TEST_WAIT:-120} images_are $((images + 1))
wait_for 20 not_running
check "which counts" fu_true "(= 80 (car (gimp-image-width (vector-ref (cadr (gimp-image-list)) 0))))"

# ---- the end of a dialog where a number is being typed ----
fu '(gimp-message-set-handler CONSOLE)' >/dev/null
check "Generate opens a last time" entry 'generate...' 'Generate'
wait_for 20 not_busy
press alt+z ctrl+a
xdotool type 96
press Escape
check "Escape closes it" wait_for 5 not_running
sleep 0.5
check "without a crash" eval '! grep -qi "crashed\|terminated" "$out/window.log"'

# ---- Repeat follows what Replace Person followed ----
image=$(fu '(vector-ref (cadr (gimp-image-list)) (- (car (gimp-image-list)) 1))')
records () # of the results in the image that follow the layer
{
  fu "(let ((layers (gimp-image-get-layers $image)) (n 0))
        (for-each (lambda (item)
                    (if (re-match \"layer:Later\" (catch \"\" (caddr (car (gimp-item-get-parasite item \"moa-replace-person\")))))
                        (set! n (+ n 1))))
                  (vector->list (cadr layers)))
        n)"
}
records_are () { [ "$(records)" = "$1" ]; }
fu "(let ((size (list (car (gimp-image-width $image)) (car (gimp-image-height $image))))
          (layer (vector-ref (cadr (gimp-image-get-layers (vector-ref (cadr (gimp-image-list)) 3))) 0)))
      (gimp-image-scale (car (gimp-item-get-image layer)) (car size) (cadr size)) 1)" >/dev/null
fu "(begin (plug-in-moa-replace-person RUN-NONINTERACTIVE $image
        (vector-ref (cadr (gimp-image-get-layers $image)) 0) 0 #() \"\" 1 3 1 \"\"
        \"{\\\"subjects\\\": [\\\"file:$pictures/lake-subject.png\\\"], \\\"control\\\": \\\"Later\\\"}\") 1)" >/dev/null
check "a result follows a layer" records_are 1
group=$(fu "(vector-ref (cadr (gimp-image-get-layers $image)) 0)")
source=$(fu "(vector-ref (cadr (gimp-image-get-layers $image)) 1)")
# A call with a dialog keeps the server busy until it is closed.
fu "(begin (plug-in-moa-edit RUN-INTERACTIVE $image $group \"\") 1)" >/dev/null 2>&1 &
call=$!
wait_for 20 dialog_is_open
sleep 1
xdotool windowactivate --sync "$(dialog | head -n 1)"
add_layer 0
wait_for 20 not_busy
window_picture 'Replace Person' edit-control
press alt+p
wait $call
check "with other settings it still does" records_are 2
fu "(begin (plug-in-moa-replace-person RUN-WITH-LAST-VALS $image $source 0 #() \"\" 0 -1 0 \"\" \"{}\") 1)" >/dev/null
check "and run again" records_are 3
check "GIMP quits" quit_gimp
check "and keeps the settings for the next time" grep -q 'moa-morph-settings.*woman.*beach' "$profile/parasiterc"
end
