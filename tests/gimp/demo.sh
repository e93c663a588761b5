#!/bin/bash
# What ./demo runs in GIMP, and what meson installs; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL  as for common.sh
#   MOA_BUILD                   the build folder
. "$(dirname "$0")/common.sh"
mkdir -p "$work/out"
complain () { tail -n 20 "$work/log" | sed 's/^/# /'; }

# size_of FILE: the width and height in a PNG's header.
size_of ()
{
  od -An -tu1 -j 16 -N 8 "$1" | awk '{ print $3 * 256 + $4 "x" $7 * 256 + $8 }'
}

timeout 300 gimp -i -d -f -b "$(cat "$root/examples/demo.scm")
(moa-demo \"$MOA_TEST_MODEL/pictures/lavender\" \"$work/out\" \"$work/out/done\")" \
  -b '(gimp-quit 0)' </dev/null >"$work/log" 2>&1
check "the demo runs to its end" [ -f "$work/out/done" ]
for file in source subject result mask; do
  check "it leaves $file.png" [ "$(size_of "$work/out/$file.png")" != x ]
done
check "the result has the source's size" \
  [ "$(size_of "$work/out/result.png")" = "$(size_of "$work/out/source.png")" ]
check "the result is another picture" \
  bash -c "! cmp -s '$work/out/source.png' '$work/out/result.png'"
check "it leaves the layers" [ "$(head -c 8 "$work/out/result.xcf")" = "gimp xcf" ]
check "the sheet is larger than four pictures" \
  [ "$(stat -c %s "$work/out/sheet.png")" -gt "$(stat -c %s "$work/out/result.png")" ]
check "it leaves the parameters" grep -q '"steps"' "$work/out/parameters.json"

DESTDIR=$work/root meson install -C "$MOA_BUILD" --no-rebuild >"$work/log" 2>&1
check "meson installs below DESTDIR" [ $? = 0 ]
installed ()
{
  [ "$(cd "$work/root" && find . -path "*/$1" | wc -l)" -ge 1 ]
}
for file in bin/moa plug-ins/moa-gimp/moa-gimp models/mini/unet/diffusion_pytorch_model.safetensors \
  models/mini/moa/moa.safetensors de/LC_MESSAGES/moa-gimp.mo; do
  check "it installs $file" installed "$file"
done
check "it does not install what the model was made from" \
  [ ! "$(find "$work/root" -name recipe)" ]
model=$(dirname "$(find "$work/root" -path '*/models/mini/model_index.json')")
"$(find "$work/root" -path '*/bin/moa')" info "$model" >"$work/log" 2>&1
check "the installed program finds the installed model complete" [ $? = 0 ]
end
