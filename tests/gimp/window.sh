#!/bin/bash
# Replace Person in the window of a real GIMP, by keys, under Xvfb; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL  as for common.sh
#   MOA_TEST_OUT                where to leave pictures of the screen and GIMP's log
#
# What happened is asked of GIMP itself, through its Script-Fu server.
. "$(dirname "$0")/window-common.sh"

# ---- GIMP with two pictures, and no model ----
# The help as it is installed, and a browser that only notes what it is to open.
mkdir -p "$profile/plug-ins/moa-gimp/help/en" "$work/.local/share/applications" "$work/.config"
cp "$here"/../../help/*.html "$here/../../help/gimp-help.xml" "$profile/plug-ins/moa-gimp/help/en/"
printf '#!/bin/sh\necho "$1" >>"%s"\n' "$work/opened" >"$work/browser"
chmod +x "$work/browser"
printf '[Desktop Entry]\nType=Application\nName=Browser\nExec=%s %%u\nMimeType=text/html;\n' \
  "$work/browser" >"$work/.local/share/applications/browser.desktop"
printf '[Default Applications]\ntext/html=browser.desktop\napplication/xhtml+xml=browser.desktop\n' \
  >"$work/.config/mimeapps.list"
echo '(help-browser web-browser)' >"$profile/gimprc"
# The slowest kernels, so that a run lasts long enough to be cancelled on any machine.
export MOA_ISA=base
# One arena that gives back what is freed: what stays then is what is still held, to 0.3 MiB.
export MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TRIM_THRESHOLD_=65536
start_gimp 1280x900 /nowhere/mini "$pictures/snow-subject.png" "$pictures/snow.png"
image=$(fu '(vector-ref (cadr (gimp-image-list)) 0)')
fu "(begin (gimp-image-select-ellipse $image 2 24 4 84 130) (gimp-image-clean-all $image)
           (gimp-displays-flush) 1)" >/dev/null

# ---- the menu ----
focus_main
press alt+r Up Up Up Right # Filters > MoA
picture 0-menu
press F1
check "F1 on an entry of the menu opens its page" wait_for 20 \
  grep -qs 'plug-ins/moa-gimp/help/en/[a-z]*\.html$' "$work/opened"
press Escape Escape Escape

# ---- the first time ----
consent () { xdotool search --onlyvisible --name '^Before You Begin$'; }
ask_for_dialog ()
{
  for try in 1 2 3; do
    focus_main
    press slash
    sleep 1
    xdotool type --delay 40 'replace person'
    sleep 1
    press Return
    wait_for 10 consent >/dev/null && return 0
    press Escape
  done
  return 1
}
check "the first time it asks about consent" ask_for_dialog
picture 0-consent
xdotool windowactivate --sync "$(consent | head -n 1)"
press Escape
check "who does not agree gets no dialog" wait_for 5 not_running
check "it asks again" ask_for_dialog
xdotool windowactivate --sync "$(consent | head -n 1)"
press alt+a
check "who agrees gets it" wait_for 10 dialog_is_open
sleep 1

# ---- a model that is missing ----
xdotool windowactivate --sync "$(dialog | head -n 1)"
sleep 1
picture 1-missing-model
press alt+p
sleep 1
check "without a model nothing starts" not_busy
press Escape
check "Escape closes the dialog" wait_for 5 not_running

# ---- the dialog ----
check "it opens again, and asks no more" open_dialog
press F1
check "F1 shows the help" wait_for 10 help_is_open
picture 2-help
press Escape
sleep 0.5
xdotool windowactivate --sync "$(dialog | head -n 1)"
type_into alt+m "$MOA_TEST_MODEL"
type_into alt+s 150
sleep 1
picture 3-ready
check "it comes to rest when nothing is asked for" wait_for 30 not_busy

# ---- cancel ----
press alt+p
check "the run is on" wait_for 10 busy
sleep 2
picture 4-running
check "while it runs the image is untouched" layers_are 1
press Escape
check "Escape midway ends it, within three seconds on a busy machine" wait_for 3 not_running
check "the image is untouched" layers_are 1
check "it is not even marked as changed" image_is_clean

check "the dialog remembers the subject and the settings" open_dialog
wait_for 30 not_busy
press Return # Replace has the focus
check "the run is on again" wait_for 10 busy
sleep 1
press alt+c
check "Cancel midway stops it, within three seconds on a busy machine" wait_for 3 not_busy
sleep 0.5
picture 5-cancelled
check "the dialog stays" dialog_is_open
check "the image is untouched again" layers_are 1

# ---- the result ----
press alt+v # Advanced, which is closed when the model is there
sleep 1
type_into alt+s 4
press alt+p
check "a run ends with a result" wait_for ${MOA_TEST_WAIT:-60} layers_are 2
check "the dialog is gone" wait_for 5 no_dialog
sleep 1
picture 6-result
check "the group is there" wait_for 20 fu_true \
  "(string=? (car (gimp-item-get-name (vector-ref (cadr (gimp-image-get-layers $image)) 0)))
             \"Replace Person\")"
focus_main
press ctrl+z
check "one undo removes it all" wait_for 5 layers_are 1
check "after it the image is unchanged" wait_for 5 image_is_clean
press ctrl+y
check "one redo brings it back" wait_for 5 layers_are 2
press ctrl+f
check "Repeat runs again, beside the first result" wait_for ${MOA_TEST_WAIT:-60} layers_are 3
sleep 1
picture 7-repeated


# ---- variations, quick previews, router maps; on a layer with an opacity ----
opacity () { fu "(begin (gimp-layer-set-opacity $source $1) (gimp-displays-flush) 1)" >/dev/null; }
source_shows () { fu_true "(= TRUE (car (gimp-item-get-visible $source)))"; }
source=$(fu "(let ((layers (gimp-image-get-layers $image))) (vector-ref (cadr layers) (- (car layers) 1)))")
opacity 60
check "the dialog opens for variations" open_dialog
press alt+e # Freedom
press ctrl+a
xdotool type 0.5
press Tab
type_into alt+i 3
press alt+v
sleep 1
type_into alt+s 6
press alt+q
check "the quick preview runs" wait_for 20 busy
check "and comes to rest" wait_for 60 not_busy
sleep 1
picture 10-quick-preview
press alt+q
press alt+p
check "several variations can be chosen from" wait_for ${MOA_TEST_WAIT:-60} not_busy
sleep 1
picture 11-variations
n_before=$(fu "(car (gimp-image-get-layers $image))")
press alt+y # Add as Layers
check "one is added" wait_for 20 layers_are $((n_before + 1))
check "in place of the layer, which is hidden" wait_for 5 eval '! source_shows'
picture 11-mixed
check "the dialog stays for the others" dialog_is_open

# ---- many runs in one dialog ----
pages () { awk '{ print $2 - $3 }' "/proc/$(ps -o pid=,comm= --ppid "$gimp" |
  awk '$2 == "moa-gimp" { print $1; exit }')/statm"; }
worked () { [ $(($(ticks) - $1)) -ge 5 ]; }
run_again ()
{
  local before
  before=$(ticks)
  xdotool windowactivate --sync "$(dialog | head -n 1)"
  press alt+p
  wait_for 30 worked "$before"
  wait_for 120 not_busy
}
type_into alt+i 2
type_into alt+s 1
# The first ones warm up: the caches of babl and of the picture's inversion.
for ((run = 0; run < 20; run++)); do
  [ $run != 5 ] || pages_before=$(pages)
  run_again
done
pages_after=$(pages)
echo "# memory of its own: $((pages_before * 4)) KiB, after fifteen more runs $((pages_after * 4)) KiB"
check "twenty runs in one dialog leave its memory as it was" [ $((pages_after - pages_before)) -lt 300 ]
press Escape
check "Escape closes it" wait_for 5 not_running
focus_main
press ctrl+z
check "what was added goes by one undo" wait_for 5 layers_are $n_before
check "and the layer shows again" wait_for 5 source_shows
opacity 100

# ---- without a selection ----
fu "(begin (gimp-selection-none $image) (gimp-displays-flush) 1)" >/dev/null
check "the dialog opens without a selection" open_dialog
check "it looks for the person and comes to rest" wait_for 60 not_busy
sleep 1
picture 12-found
press Escape
check "Escape closes it again" wait_for 5 not_running
fu "(begin (gimp-image-select-ellipse $image 2 24 4 84 130) (gimp-displays-flush) 1)" >/dev/null

# ---- a photo from a file; the source is deleted while the engine works ----
check "the dialog opens on a result" open_dialog
press alt+f
sleep 1
press slash # opens the field for a path
sleep 1
press ctrl+a
xdotool type --delay 30 "$pictures/lake-subject.png"
sleep 1
press Return
sleep 1
xdotool windowactivate --sync "$(dialog | head -n 1)"
type_into alt+i 1
press alt+v
sleep 1
type_into alt+s 60
picture 8-two-subjects
press alt+p
check "a run with a photo from a file is on" wait_for 5 busy
fu "(let ((layers (gimp-image-get-layers $image)))
      (gimp-image-remove-layer $image (vector-ref (cadr layers) (- (car layers) 1))) 1)" >/dev/null
check "the image has lost its picture meanwhile" layers_are 2
check "the result still comes" wait_for ${MOA_TEST_WAIT:-60} layers_are 3
check "it names the photo" wait_for 20 fu_true \
  "(let ((group (vector-ref (cadr (gimp-image-get-layers $image)) 0)))
     (re-match \"lake-subject\" (caddr (car (gimp-item-get-parasite group
                                                 \"moa-replace-person\")))))"
sleep 0.5
check "the image of the photo is closed again" wait_for 20 fu_true "(= 2 (car (gimp-image-list)))"
picture 9-source-deleted

# ---- the other entries ----
focus_main
check "Router Maps opens" entry 'router maps' 'Router Maps'
picture 13-router-maps
press Escape
check "and closes" wait_for 5 not_running
check "Models opens" entry 'models' 'Models'
picture 14-models
press Escape
check "and closes" wait_for 5 not_running
check "Subjects opens" entry 'subjects...' 'Subjects'
picture 15-subjects
press Escape
check "and closes" wait_for 5 not_running
check "Generate opens" entry 'generate...' 'Generate'
picture 16-generate
press Escape
check "and closes" wait_for 5 not_running


# ---- the end ----
check "GIMP quits" quit_gimp
check "and keeps the settings for the next time" grep -q 'moa-replace-person.*60' "$profile/parasiterc"
check "and the consent" grep -q 'moa-consent "yes"' "$profile/gimprc"
end
