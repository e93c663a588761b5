#!/bin/bash
# The pictures of docs/user-guide.md, taken of a real GIMP under Xvfb.  Not a test.
#   guide.sh FOLDER     (environment as for window.sh; MOA_TEST_LANGUAGE for another language, MOA_GUIDE_WAIT
#                       seconds of a run's coarse preview until it is caught)
export MOA_TEST_OUT=$1
. "$(dirname "$0")/window-common.sh"
# The slowest kernels, so that a run can be caught on its way.
export MOA_ISA=base
start_gimp 1280x860 "$MOA_TEST_MODEL" "$pictures/pair-subject-left.png" "$pictures/lake-subject.png" \
  "$pictures/lake.png"
image=$(fu '(vector-ref (cadr (gimp-image-list)) 0)')
fu "(begin (gimp-image-select-ellipse $image 2 -6 -6 136 164) (gimp-displays-flush) 1)" >/dev/null

# All of GIMP's window, with its status bar.
xdotool windowmove --sync "$(main_window)" 0 0 windowsize "$(main_window)" 1270 820

settled_picture ()
{
  sleep 1
  window_picture "$@"
}
consent () { xdotool search --onlyvisible --name '^Before You Begin$'; }

xdotool mousemove 5 5 # no tooltips
focus_main
press slash
sleep 1
xdotool type --delay 40 'replace person'
sleep 1
press Return
wait_for 20 consent >/dev/null
settled_picture 'Before You Begin' consent
xdotool windowactivate --sync "$(consent | head -n 1)"
press alt+a
wait_for 20 dialog >/dev/null
sleep 1
xdotool windowactivate --sync "$(dialog | head -n 1)"
wait_for 30 not_busy
settled_picture 'Replace Person' replace-empty
press alt+f
sleep 1
press slash
sleep 1
press ctrl+a
xdotool type --delay 30 "$pictures/lake-subject.png"
sleep 1
press Return
sleep 1
xdotool windowactivate --sync "$(dialog | head -n 1)"
press alt+e
press ctrl+a
xdotool type 0.3
press Tab
type_into alt+i 3
wait_for 30 not_busy
settled_picture 'Replace Person' replace-ready
# face: a part of the preview, which stays as it is until something new is drawn
face () { import -window "$(dialog | head -n 1)" -crop 180x130+600+90 rgb:- | md5sum; }
unchanged=$(face)
drawn_anew () { [ "$(face)" != "$unchanged" ]; }
press alt+p
wait_for 120 drawn_anew
sleep ${MOA_GUIDE_WAIT:-2}
settled_picture 'Replace Person' replace-running
wait_for 120 not_busy
settled_picture 'Replace Person' replace-variations
press alt+y
sleep 2
press Escape
wait_for 10 not_running
focus_main
press shift+ctrl+j # the image as large as its window
sleep 1
import -window "$(main_window)" "$out/result.png"
entry 'router maps' 'Router Maps'
settled_picture 'Router Maps' router-maps
press Escape
wait_for 10 not_running
entry 'models' 'Models'
press alt+t
sleep 1
wait_for 60 not_busy
settled_picture 'Models' models
press Escape
wait_for 10 not_running
entry 'generate...' 'Generate'
xdotool type 'a person'
press alt+l
sleep 2
wait_for 120 not_busy
settled_picture 'Generate' generate
press Escape
wait_for 10 not_running
entry 'morph...' 'Morph'
xdotool type 'a woman on a beach'
add_layer 1
add_layer 2
press alt+m
settled_picture 'Morph' morph-dialog
press Escape
wait_for 10 not_running
for id in $(fu '(cadr (gimp-image-list))' | tr -d '#()'); do
  fu "(gimp-image-clean-all $id)" >/dev/null
done
