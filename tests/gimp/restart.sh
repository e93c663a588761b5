#!/bin/bash
# Large letters in German on a screen of 1400 x 900; then another GIMP with the same profile: what it still
# knows, and what Reset and the procedure do.  Under Xvfb, by keys; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL, MOA_TEST_OUT  as for window.sh
#   MOA_BUILD                                 has the translations in po/
. "$(dirname "$0")/window-common.sh"

plugin () { ps -o pid=,comm= --ppid "$gimp" | awk '$2 == "moa-gimp" { print $1; exit }'; }
windows () { local pid; pid=$(plugin) && [ "$pid" ] && xdotool search --onlyvisible --pid "$pid"; }
# calls CALL: a procedure with a dialog, which keeps the server busy until it is closed
calls ()
{
  fu "(begin $1 1)" >/dev/null 2>&1 &
  call=$!
  wait_for 60 windows >/dev/null || return 1
  sleep 1
  xdotool windowactivate --sync "$(windows | tail -n 1)"
  sleep 1
}
closes ()
{
  [ -z "$(windows)" ] || press Escape
  wait_for 30 not_running
  wait $call
}
fits ()
{
  local X Y WIDTH HEIGHT SCREEN WINDOW
  eval "$(xdotool getwindowgeometry --shell "$(windows | tail -n 1)")"
  echo "# $WIDTH x $HEIGHT at $X, $Y"
  [ "$WIDTH" -le 1400 ] && [ "$HEIGHT" -le 880 ] && [ "$WIDTH" -gt 300 ]
}
dialog_call () { echo "(plug-in-moa-replace-person RUN-INTERACTIVE $image $layer 0 #() \"\" 0 -1 0 \"\" \"{}\")"; }
quit ()
{
  local children
  children=$(ps -o pid= --ppid "$gimp")
  quit_gimp
  kill $children 2>/dev/null # the server
}
look_up ()
{
  image=$(fu '(vector-ref (cadr (gimp-image-list)) 0)')
  layer=$(fu "(car (gimp-image-get-active-layer $image))")
}

# ---- large letters ----
mkdir -p "$profile/plug-ins/moa-gimp/locale"
cp -r "$MOA_BUILD/po/de" "$profile/plug-ins/moa-gimp/locale/"
printf '(theme "Dark")\n(moa-consent "yes")\n' >"$profile/gimprc"
echo 'gtk-font-name = "Sans 20"' >"$profile/gtkrc"
MOA_TEST_LANGUAGE=de start_gimp 1400x900 "$MOA_TEST_MODEL" "$pictures/snow.png"
look_up
for call in "Replace Person" "Generate" "Morph" "Time Lapse" "Story" "Router Maps" "Models" "Subjects"; do
  case $call in
    Replace*) procedure=$(dialog_call) ;;
    Generate) procedure='(plug-in-moa-generate RUN-INTERACTIVE "" 0 #() 0 1 "" "{}")' ;;
    Morph) procedure='(plug-in-moa-morph RUN-INTERACTIVE "" 0 #() 0 2 "" "{}")' ;;
    Time*) procedure='(plug-in-moa-time-lapse RUN-INTERACTIVE "" 0 #() 0 0 "" "{}")' ;;
    Story) procedure='(plug-in-moa-story RUN-INTERACTIVE "" 0 #() 0 0 "" "{}")' ;;
    Router*) procedure="(plug-in-moa-router-maps RUN-INTERACTIVE $image $layer \"\")" ;;
    Models) procedure='(plug-in-moa-models RUN-INTERACTIVE "" "")' ;;
    Subjects) procedure='(plug-in-moa-subjects RUN-INTERACTIVE "" "" "" 0 #() "")' ;;
  esac
  name=$call
  calls "$procedure"
  check "$name fits a screen of 1400 x 900 with large letters" fits
  closes
done
quit

# ---- settings that are kept; the only other layer is the subject by itself ----
# The dialog has made its result and gone.  If not it is ended, as the server waits for it.
closed ()
{
  wait_for ${MOA_TEST_WAIT:-240} not_running || kill "$(plugin)"
  wait $call
  layers_are 2
}
rm "$profile/gtkrc"
run_gimp "$MOA_TEST_MODEL" "$pictures/snow-subject.png" "$pictures/snow.png"
look_up
calls "$(dialog_call)"
wait_for 60 not_busy
press alt+v
sleep 1
type_into alt+s 7
press alt+p
check "a run with seven steps ends" closed
quit

run_gimp "$MOA_TEST_MODEL" "$pictures/snow-subject.png" "$pictures/snow.png"
look_up
settings_of () # the newest result's; by a file, as the server's answers are short
{
  fu "(let ((file (open-output-file \"$work/parasite\")))
        (display (caddr (car (gimp-item-get-parasite (vector-ref (cadr (gimp-image-get-layers $image)) 0)
                                                     \"moa-replace-person\"))) file)
        (close-output-port file) 1)" >/dev/null
  cat "$work/parasite"
  rm "$work/parasite"
}
calls "$(dialog_call)"
wait_for 60 not_busy
press alt+p
check "a run in another GIMP ends" closed
settings_of >"$work/kept"
check "the next GIMP still has the settings" grep -q '"steps": 7' "$work/kept"
fu "(gimp-image-remove-layer $image (vector-ref (cadr (gimp-image-get-layers $image)) 0))" >/dev/null

# ---- Reset ----
calls "$(dialog_call)"
wait_for 60 not_busy
press alt+t
sleep 1
press alt+p
check "after Reset it runs" closed
settings_of | grep -v '"seconds"\|"result"\|snow-subject' >"$work/reset"
check "Reset brings the model's own back" grep -q '"steps": 50' "$work/reset"
fu "(gimp-image-remove-layer $image (vector-ref (cadr (gimp-image-get-layers $image)) 0))" >/dev/null
fu "(plug-in-moa-replace-person RUN-NONINTERACTIVE $image $layer 1
      (vector (car (gimp-image-get-active-layer (vector-ref (cadr (gimp-image-list)) 1)))) \"\" 0 -1 0 \"\" \"{}\")" >/dev/null
settings_of | grep -v '"seconds"\|"result"\|snow-subject' >"$work/procedure"
# The dialog says besides that the first subject takes the first person.
clean () { tr -d ' \n' <"$1" | sed 's/,*"order":\[0\],*//'; }
check "the dialog after Reset and the procedure do the same" [ "$(clean "$work/reset")" = "$(clean "$work/procedure")" ]
diff "$work/reset" "$work/procedure" | sed 's/^/# /'
quit
end
