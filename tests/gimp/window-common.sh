# What the tests in a window share beside common.sh: a screen, GIMP in it, keys, pictures of the screen.  To be
# sourced.
for program in Xvfb openbox xdotool; do
  if ! command -v $program >/dev/null; then
    echo "1..0 # SKIP $program is not installed"
    exit 0
  fi
done

. "$(dirname "$0")/common.sh"
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

complain () { picture "failed-$n"; }
bail_out ()
{
  echo "Bail out! $1"
  tail -n 20 "$out/window.log" | sed 's/^/# /'
  exit 1
}

# ---- GIMP ----
# picture NAME: of the whole screen
picture ()
{
  fu "(let* ((screen (car (plug-in-screenshot 1 1 0 0 0 0 0)))
             (layer (car (gimp-image-get-active-drawable screen))))
        (file-png-save-defaults 1 screen layer \"$out/$1.png\" \"$out/$1.png\")
        (gimp-image-delete screen))" >/dev/null
}

# window_picture TITLE NAME: of one window alone, to be looked at; none without ImageMagick or that window, for
# which import would wait to be shown one
window_picture ()
{
  local window
  window=$(xdotool search --onlyvisible --name "^$1\$" | tail -n 1)
  if [ "$window" ] && command -v import >/dev/null; then
    timeout 20 import -window "$window" "$out/$2.png"
  fi
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

# choose_file CHOOSER FILE: in the window of that title, when it has come, and until it has gone
choose_file ()
{
  wait_for 20 window_is_open "$1" || return 1
  xdotool windowactivate --sync "$(xdotool search --onlyvisible --name "^$1\$" | head -n 1)"
  sleep 1
  press slash # opens the field for a path
  sleep 1
  press ctrl+a
  xdotool type --delay 30 "$2"
  sleep 1
  press Return
  wait_for 20 eval "! window_is_open '$1'"
}
# add_layer N: the person of the N-th layer that Add Person offers, from 0 on
add_layer ()
{
  press alt+a
  sleep 0.5
  for ((down = 0; down < $1; down++)); do press Down; done
  press Return
  sleep 0.5
}

# ---- the end ----
gimp_is_gone () { ! kill -0 "$gimp" 2>/dev/null; }
# GIMP is told to quit, and asks nothing about its images.
quit_gimp ()
{
  local id
  for id in $(fu '(cadr (gimp-image-list))' | tr -d '#()'); do
    fu "(gimp-image-clean-all $id)" >/dev/null
  done
  fu '(gimp-quit 1)' >/dev/null 2>&1
  wait_for 30 gimp_is_gone
}

# ---- a screen, and GIMP ----
# start_gimp SIZE MODEL PICTURE...
start_gimp ()
{
  local size=$1 model=$2
  shift 2
  export LC_ALL=C.UTF-8
  # The first display that is free; its number, once it takes programs.
  Xvfb -displayfd 3 -screen 0 ${size}x24 -nolisten tcp 3>"$work/display" >/dev/null 2>&1 &
  jobs+=($!)
  wait_for 30 [ -s "$work/display" ] || bail_out "Xvfb does not start"
  export DISPLAY=:$(cat "$work/display")
  openbox >/dev/null 2>&1 &
  jobs+=($!)
  run_gimp "$model" "$@"
}

# run_gimp MODEL PICTURE...: on the screen that is there
run_gimp ()
{
  local model=$1
  shift
  export LANGUAGE=${MOA_TEST_LANGUAGE:-}
  MOA_MODEL=$model gimp -n -s -d -f "$@" \
    -b "(plug-in-script-fu-server RUN-NONINTERACTIVE \"127.0.0.1\" $port \"$work/server.log\")" \
    >"$out/window.log" 2>&1 &
  gimp=$!
  jobs+=($gimp)
  wait_for 240 fu '1' >/dev/null || bail_out "GIMP does not start"
  wait_for 60 main_window >/dev/null
  sleep 2
}
