#!/bin/bash
# Replace Person in the window of a real GIMP, by keys, under Xvfb; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL  as for batch.sh
#   MOA_TEST_OUT                where to leave pictures of the screen and GIMP's log
#
# What happened is asked of GIMP itself, through its Script-Fu server.
set -u
here=$(cd "$(dirname "$0")" && pwd)
pictures=$MOA_TEST_MODEL/pictures
for program in Xvfb openbox xdotool; do
  if ! command -v $program >/dev/null; then
    echo "1..0 # SKIP $program is not installed"
    exit 0
  fi
done

work=$(mktemp -d)
out=${MOA_TEST_OUT:-$work/out}
profile=$work/gimp
mkdir -p "$out" "$profile/plug-ins/moa-gimp"
cp "$MOA_PLUGIN" "$profile/plug-ins/moa-gimp/moa-gimp"
port=$((20000 + $$ % 20000))
jobs=() gimp=

clean_up ()
{
  # The Script-Fu server would outlive GIMP.
  [ -z "$gimp" ] || kill $(ps -o pid= --ppid "$gimp") 2>/dev/null
  for ((i = ${#jobs[@]} - 1; i >= 0; i--)); do
    kill "${jobs[i]}" 2>/dev/null
    wait "${jobs[i]}" 2>/dev/null
  done
  rm -rf "$work"
}
trap clean_up EXIT

# ---- TAP ----
n=0 failed=0
# check NAME COMMAND...
check ()
{
  local name=$1
  shift
  n=$((n + 1))
  if "$@"; then
    echo "ok $n - $name"
  else
    failed=$((failed + 1))
    echo "not ok $n - $name"
    picture "failed-$n"
  fi
}

bail_out ()
{
  echo "Bail out! $1"
  tail -n 20 "$out/window.log" | sed 's/^/# /'
  exit 1
}

# ---- GIMP ----
# fu SCRIPT: its value, by the server's protocol: 'G' and two bytes of length; then the same with
# a byte for errors between.
fu ()
{
  local script=$1 length=${#1} status
  exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf "G\\x$(printf %02x $((length / 256)))\\x$(printf %02x $((length % 256)))%s" "$script" >&9
  head -c 4 <&9 | od -An -tu1 | {
    read -r _ error high low
    head -c $((high * 256 + low)) <&9
    [ "$error" = 0 ]
  }
  status=$?
  exec 9>&-
  return $status
}

fu_true () { [ "$(fu "(if $1 1 0)")" = 1 ]; }

# picture NAME: of the whole screen
picture ()
{
  fu "(let* ((screen (car (plug-in-screenshot 1 1 0 0 0 0 0)))
             (layer (car (gimp-image-get-active-drawable screen))))
        (file-png-save-defaults 1 screen layer \"$out/$1.png\" \"$out/$1.png\")
        (gimp-image-delete screen))" >/dev/null
}

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for ()
{
  local end=$(($(date +%s%N) + $1 * 1000000000))
  shift
  until "$@" 2>/dev/null; do
    [ "$(date +%s%N)" -lt $end ] || return 1
    sleep 0.1
  done
}

layers_are () { [ "$(fu "(car (gimp-image-get-layers $image))")" = "$1" ]; }
dialog () { xdotool search --onlyvisible --name '^Replace Person$'; }
dialog_is_open () { [ "$(dialog)" ]; }
help_is_open () { [ "$(xdotool search --onlyvisible --name '^Replace Person$' | wc -l)" -ge 2 ]; }
no_dialog () { [ -z "$(dialog)" ]; }
main_window () { xdotool search --onlyvisible --name 'GIMP$' | head -n 1; }
running () { ps -o comm= --ppid "$gimp" | grep -qx moa-gimp; }
not_running () { ! running; }
image_is_clean () { fu_true "(= 0 (car (gimp-image-is-dirty $image)))"; }

# Whether the plug-in computes: over 20 ms of processor time in 200 ms.
ticks () { ps -o pid=,comm= --ppid "$gimp" | awk '$2 == "moa-gimp" { print $1 }' |
  head -n 1 | { read -r pid && awk '{ print $14 + $15 }' "/proc/$pid/stat"; } }
busy ()
{
  local before after
  before=$(ticks) || return 1
  sleep 0.2
  after=$(ticks) || return 1
  [ $((after - before)) -ge 2 ]
}
not_busy () { ! busy; }

focus_main () { xdotool windowactivate --sync "$(main_window)"; sleep 0.5; }
press () { xdotool key --delay 100 "$@"; sleep 0.3; }
# type_into MNEMONIC TEXT: replaces what is in a field
type_into ()
{
  press "$1"
  press ctrl+a
  xdotool type --delay 5 "$2"
  press Tab
}

# By GIMP's search for menu entries, as a user would.
open_dialog ()
{
  for try in 1 2 3; do
    focus_main
    press slash
    sleep 1
    xdotool type --delay 40 'replace person'
    sleep 1
    press Return
    wait_for 10 dialog >/dev/null && break
    press Escape
  done
  wait_for 1 dialog >/dev/null || return 1
  xdotool windowactivate --sync "$(dialog | head -n 1)"
  sleep 1
}

# ---- a screen, and GIMP with two pictures ----
display=$((100 + $$ % 800))
export DISPLAY=:$display HOME=$work LC_ALL=C.UTF-8 LANGUAGE= GIMP2_DIRECTORY=$profile
Xvfb $DISPLAY -screen 0 1280x900x24 -nolisten tcp >/dev/null 2>&1 &
jobs+=($!)
wait_for 10 xdotool getdisplaygeometry >/dev/null || bail_out "Xvfb does not start"
openbox >/dev/null 2>&1 &
jobs+=($!)
# The slowest kernels, so that a run lasts long enough to be cancelled on any machine.
MOA_ISA=base MOA_MODEL=/nowhere/mini gimp -n -s -d -f "$pictures/snow-subject.png" "$pictures/snow.png" \
  -b "(plug-in-script-fu-server RUN-NONINTERACTIVE \"127.0.0.1\" $port \"$work/server.log\")" \
  >"$out/window.log" 2>&1 &
gimp=$!
jobs+=($gimp)
wait_for 60 fu '1' >/dev/null || bail_out "GIMP does not start"
wait_for 30 main_window >/dev/null
sleep 2
image=$(fu '(vector-ref (cadr (gimp-image-list)) 0)')
fu "(begin (gimp-image-select-ellipse $image 2 24 4 84 130) (gimp-image-clean-all $image)
           (gimp-displays-flush) 1)" >/dev/null

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


# ---- variations, quick previews, router maps ----
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
check "the dialog stays for the others" dialog_is_open
press Escape
check "Escape closes it" wait_for 5 not_running
focus_main
press ctrl+z
check "what was added goes by one undo" wait_for 5 layers_are $n_before

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
# entry SEARCH TITLE: opens an entry of the menu
entry ()
{
  for try in 1 2 3; do
    focus_main
    press slash
    sleep 1
    xdotool type --delay 40 "$1"
    sleep 1
    press Return
    wait_for 10 window_is_open "$2" && break
    press Escape
  done
  window_is_open "$2" && xdotool windowactivate --sync "$(xdotool search --onlyvisible --name "^$2\$" | head -n 1)"
  sleep 1
}
window_is_open () { [ "$(xdotool search --onlyvisible --name "^$1\$")" ]; }
focus_main
check "Router Maps opens" entry 'router maps' 'Router Maps'
picture 12-router-maps
press Escape
check "and closes" wait_for 5 not_running
check "Models opens" entry 'models' 'Models'
picture 13-models
press Escape
check "and closes" wait_for 5 not_running
check "Subjects opens" entry 'subjects...' 'Subjects'
picture 14-subjects
press Escape
check "and closes" wait_for 5 not_running
check "Generate opens" entry 'generate...' 'Generate'
picture 15-generate
press Escape
check "and closes" wait_for 5 not_running

for id in $(fu '(cadr (gimp-image-list))' | tr -d '#()'); do
  fu "(gimp-image-clean-all $id)" >/dev/null
done
echo "1..$n"
[ $failed = 0 ]
