#!/bin/bash
# Runs the procedure in a real GIMP without a display and prints TAP.
#   MOA_TESTS     which files to run (default: all)
#   MOA_FIXTURES  tests/data
#   and common.sh's
. "$(dirname "$0")/common.sh"
tap=$work/tap
# The model without its ControlNet.
mkdir "$work/bare"
ln -s "$MOA_TEST_MODEL"/* "$work/bare"
rm "$work/bare/controlnet"
# A model whose defaults can be changed, and other ones.
mkdir -p "$work/changing/moa"
ln -s "$MOA_TEST_MODEL"/* "$work/changing" 2>/dev/null # all but moa
ln -s "$MOA_TEST_MODEL"/moa/* "$work/changing/moa"
rm "$work/changing/moa/config.json"
for defaults in 'changing/moa/ 900 2 500 1 8 0.4 1' 'other- 700 3 900 0.5 6 0.6 0'; do
  set -- $defaults
  { sed '/"defaults"/,$d; s/"max_timestep": [0-9]*/"max_timestep": '"$2"'/' "$MOA_TEST_MODEL/moa/config.json"
    echo "\"defaults\": {\"guidance\": $3, \"guidance_max_timestep\": $4, \"guidance_rescale\": $5,
      \"steps\": $6, \"freedom\": $7, \"fixed_point\": $8}}"; } >"$work/${1}config.json"
done
cp "$MOA_FIXTURES/golden/lora/peft.safetensors" "$work/odd;peft.safetensors"

script="(begin
  (define tap (open-output-file \"$tap\"))
  (define model \"$MOA_TEST_MODEL\")
  (define data \"$MOA_FIXTURES\")
  (define bare \"$work/bare\")
  (define out \"$out\")
  (define work \"$work\")
  (load \"$here/common.scm\")"
for test in ${MOA_TESTS:-replace mixing refuse procedures sequences records document adapter control}; do
  script+=" (load \"$here/$test.scm\")"
done
script+="
  (gimp-image-delete subject-image)
  (display (string-append \"1..\" (number->string n-tests) \"\\n\") tap)
  (close-output-port tap))"

# GIMP ends with 0 whatever happened: the plan, written last, tells that all tests ran.
timeout "${MOA_TEST_TIMEOUT:-900}" gimp -i -d -f -b "$script" -b '(gimp-quit 0)' \
  </dev/null >"$out/gimp.log" 2>&1
cat "$tap" 2>/dev/null
if ! grep -q '^1\.\.' "$tap" 2>/dev/null; then
  echo "not ok $(($(grep -c '^\(not \)\?ok' "$tap" 2>/dev/null) + 1)) - GIMP ran all tests"
  tail -20 "$out/gimp.log" | sed 's/^/# /'
  echo "Bail out! GIMP stopped"
fi
if grep -q 'GeglBuffers leaked' "$out/gimp.log"; then
  echo "not ok - GIMP has all its buffers back"
  echo "Bail out! GEGL buffers leaked"
  exit 1
fi
! grep -qs '^not ok' "$tap" && grep -qs '^1\.\.' "$tap"
