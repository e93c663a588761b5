#!/bin/bash
# A picture of 6000 x 4000: the plug-in's memory stays within bounds.  Prints TAP.
#   MOA_PLUGIN, MOA_TEST_PLUGIN, MOA_TEST_MODEL   as for common.sh
available=$(awk '/^MemAvailable/ { print int ($2 / 1024) }' /proc/meminfo)
if [ "$available" -lt 5000 ]; then
  echo "1..0 # SKIP 5 GB of free memory are needed"
  exit 0
fi
. "$(dirname "$0")/common.sh"
mv "$profile/plug-ins/moa-gimp/moa-gimp" "$work/real-moa-gimp"
# In the plug-in's place, what notes the most memory that it had.
cat >"$profile/plug-ins/moa-gimp/moa-gimp" <<END
#!/bin/bash
"$work/real-moa-gimp" "\$@" <&0 &
while peak=\$(awk '/^VmHWM/ { print int (\$2 / 1024) }' /proc/\$!/status 2>/dev/null) && [ "\$peak" ]; do
  echo "\$peak" >"$work/peak"
  sleep 0.1
done
wait \$!
END
chmod +x "$profile/plug-ins/moa-gimp/moa-gimp"
complain () { tail -n 5 "$work/log" | sed 's/^/# /'; }
within () { [ -e "$work/done" ] && [ "${peak:-99999}" -lt "$1" ]; }

# swap NAME SELECTION MEGABYTES
swap ()
{
  rm -f "$work/done" "$work/peak"
  timeout 600 gimp -i -d -f -b "(let* ((image (car (gimp-image-new 6000 4000 RGB)))
      (layer (car (gimp-layer-new image 6000 4000 RGB-IMAGE \"large\" 100 0)))
      (small (car (gimp-image-new 64 64 RGB)))
      (subject (car (gimp-layer-new small 64 64 RGB-IMAGE \"subject\" 100 0))))
    (gimp-image-insert-layer image layer 0 0)
    (gimp-image-insert-layer small subject 0 0)
    (gimp-drawable-fill layer FILL-FOREGROUND)
    (moa-test-fill subject 3)
    $2
    (plug-in-moa-replace-person RUN-NONINTERACTIVE image layer 1 (vector subject) \"\" 2 -1 1 \"\"
                                \"{\\\"fixed_point\\\": 0}\")
    (gimp-image-delete image) (gimp-image-delete small)
    (close-output-port (open-output-file \"$work/done\")))" -b '(gimp-quit 0)' \
    </dev/null >"$work/log" 2>&1
  local peak
  peak=$(cat "$work/peak" 2>/dev/null)
  check "$1: ${peak:-?} of $3 MiB" within "$3"
}

swap "a person of 800 x 1500" "(gimp-image-select-rectangle image 2 2000 1200 800 1500)" 800
swap "the whole picture" "" 1600
end
