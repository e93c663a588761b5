#!/bin/bash
# Replace Person with an IP-Adapter, which does not see persons, in the window of a real GIMP under Xvfb: two
# persons go where two areas are, selected or painted; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL, MOA_FIXTURES  as for common.sh
#   MOA_TEST_OUT                              where to leave pictures of the window and GIMP's log
. "$(dirname "$0")/window-common.sh"
out=$out/areas
mkdir -p "$out"
echo '(moa-consent "yes")' >"$profile/gimprc"
start_gimp 1280x900 "$MOA_TEST_MODEL" "$pictures/snow-subject.png" "$pictures/lake-subject.png" "$pictures/pair.png"
image=$(fu '(vector-ref (cadr (gimp-image-list)) 0)')

# select_boxes LEFT...: 30 pixels wide, 90 high
select_boxes ()
{
  local script="(gimp-selection-none $image)" left
  for left in "$@"; do
    script+=" (gimp-image-select-rectangle $image CHANNEL-OP-ADD $left 20 30 90)"
  done
  fu "(begin $script (gimp-displays-flush) 1)" >/dev/null
}
top_group () { echo "(vector-ref (cadr (gimp-image-get-layers $image)) 0)"; }
keeps_masks () { fu_true "(catch #f (string=? \"moa-subject-masks\" (caar (gimp-item-get-parasite $(top_group) \"moa-subject-masks\"))))"; }
# shows X: the newest result's mask is white there, 60 pixels below the edge
shows ()
{
  fu_true "(let* ((result (vector-ref (cadr (gimp-item-get-children $(top_group))) 0))
                  (mask (car (gimp-layer-get-mask result)))
                  (offsets (gimp-drawable-offsets result)))
             (> (vector-ref (cadr (gimp-drawable-get-pixel mask (- $1 (car offsets)) (- 60 (cadr offsets)))) 0) 128))"
}
hides () { ! shows "$1"; }

# ---- two selected areas ----
select_boxes 10 85
check "the dialog opens" open_dialog
add_layer 0
add_layer 1
press alt+v
sleep 1
type_into alt+m "$MOA_FIXTURES/tiny"
type_into alt+x "$MOA_FIXTURES/real/ip-adapter-plus.safetensors"
type_into alt+s 2
type_into alt+e 0.5
wait_for 30 not_busy
window_picture 'Replace Person' selected
press alt+p
check "two persons go into two selected areas" wait_for ${MOA_TEST_WAIT:-120} layers_are 2
check "each with a mask of their own" wait_for 20 keeps_masks
check "which are where the areas are" eval 'shows 25 && shows 100 && hides 62'
wait_for 20 not_running

# ---- one area for two ----
select_boxes 10
check "the dialog opens again" open_dialog
wait_for 30 not_busy
window_picture 'Replace Person' one
press alt+p
sleep 1
check "with one area for two persons nothing starts" eval 'not_busy && layers_are 2'

# ---- painted ----
fu "(begin (gimp-selection-none $image) (gimp-displays-flush) 1)" >/dev/null
focus_main # so that the dialog looks anew when it comes back
xdotool windowactivate --sync "$(dialog | head -n 1)"
sleep 1
window=$(dialog | head -n 1)
# paint X Y: a stroke down the preview, from there, seen from the dialog's corner
paint ()
{
  xdotool mousemove --window "$window" $1 $2
  sleep 0.3
  xdotool mousedown 1
  for ((y = $2; y < $2 + 60; y += 10)); do
    xdotool mousemove --window "$window" $1 $y
    sleep 0.1
  done
  xdotool mouseup 1
  sleep 0.3
}
xdotool mousemove --window "$window" 545 60 click 1 # Add to area
sleep 0.3
paint 600 150
window_picture 'Replace Person' painted-one
press alt+p
sleep 1
check "with one painted area neither" eval 'not_busy && layers_are 2'
paint 770 150
sleep 1
wait_for 30 not_busy
window_picture 'Replace Person' painted-two
press alt+p
check "with two painted areas it draws" wait_for ${MOA_TEST_WAIT:-120} layers_are 3
check "with their masks" wait_for 20 keeps_masks

# ---- one who stays: the first area changes, the second one's person does not ----
select_boxes 10 85
check "the dialog opens once more" open_dialog
window=$(dialog | head -n 1)
xdotool mousemove --window "$window" 397 184 click 1 # the second person goes
sleep 0.5
press alt+a
sleep 0.5
press k
wait_for 30 not_busy
window_picture 'Replace Person' keeps
press alt+p
check "with one who stays it draws" wait_for ${MOA_TEST_WAIT:-120} layers_are 4
check "in the first area alone" eval 'wait_for 20 shows 25 && hides 100 && hides 62'

check "GIMP quits" quit_gimp
end
