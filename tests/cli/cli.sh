#!/bin/bash
# The program moa: results, exit statuses, messages, interrupting.  Prints TAP.
#
#   cli.sh MOA PIXELS MODEL    the program, tests/cli/pixels, and the bundled model
docs=$(realpath "$(dirname "$0")/../../docs")
. "$(dirname "$0")/common.sh"

# says TEXT: one short message has it, and nothing was written.
says ()
{
  grep -qF -- "$1" err.log && [ "$(wc -l <err.log)" -le 2 ] && [ ! -e out.png ]
}

person="$pictures/lake.png $pictures/lake-subject.png"

# ---- Usage ----

run 2; result "no command: usage, 2"
run 2 swap && says '"swap"'; result "an unknown command is named, 2"
run 0 --help && grep -q replace out.log; result "--help, 0"
run 0 --version && grep -q '^moa [0-9]' out.log; result "--version, 0"
for command in replace generate maps info bench convert; do
  run 0 $command --help && grep -q Usage out.log && [ ! -s err.log ]; result "$command --help, 0"
  run 2 $command --frobnicate && says frobnicate; result "$command: an unknown option is named, 2"
done
run 2 replace "$pictures/lake.png" -o out.png && says "photo"; result "replace without a subject, 2"
run 2 replace $person && says "-o OUT.png"; result "replace without -o, 2"
run 2 replace $person -o out.png --seed -1 && says "--seed"; result "a negative seed, 2"
run 2 replace $person -o out.png --base middle && says "middle"; result "an unknown base, 2"
run 2 replace $person -o out.png --order 1,x && says "1,x"; result "an order of no numbers, 2"
run 2 replace $person -o out.png --steps many && says "many"; result "steps of no number, 2"
run 2 maps "$pictures/lake.png" -o maps --at 3,,4 && says "3,,4"; result "maps at no step, 2"
run 2 generate -o out.png && says "prompt"; result "generate without a prompt, 2"
run 2 generate "a man" -o out.png --size big && says "big" &&
  run 2 generate "a man" -o out.png --size 64x64x9 && says "64x64x9"; result "generate of no size, 2"

# ---- Bad input ----

run 1 replace nowhere.png "$pictures/lake-subject.png" -o out.png && says nowhere.png
result "a missing picture is named, 1"
run 1 replace "$pictures/lake.png" "$model/README.md" -o out.png && says README.md
result "a photo that is no picture is named, 1"
run 1 replace $person -o out.jpg && says "only PNG"; result "an output that is no PNG, 1"
run 1 replace $person -o no/folder/out.png && says "no/folder"; result "an output in no folder, 1"
run 1 replace $person -o out.png --model /nowhere && says /nowhere; result "a missing model is named, 1"
run 1 replace $person -o out.png --steps 5000 && says 5000; result "too many steps, 1"
run 1 replace $person -o out.png --guidance nan && says guidance; result "a guidance of NaN, 1"
run 1 replace $person -o out.png --prompt "a house" && says person; result "a prompt without a person, 1"
run 2 replace $person -o out.png --heads 1,2,30,40 && says "set faces"; result "heads without faces, 2"
run 1 replace $person -o out.png --faces 0.5 --heads 1,2,30 && says "4 each"; result "half a box for a head, 1"
run 1 replace $person -o out.png --faces 0.5 --heads 100,2,30,40 --steps 2 && says "head of subject 1"
result "a head beside the picture, 1"
run 1 replace $person -o out.png --order 2 && says order; result "an order of persons that are not there, 1"
run 1 replace $person -o out.png --select "$pictures/lake-subject.png" && says "64 x 64"
result "a mask of another size, 1"
run 1 replace $person -o out.png --memory 1M && says "memory"; result "too little memory, 1"
run 1 replace $person -o out.png --memory lots && says "lots"; result "memory of no size, 1"

# ---- Replacing ----

run 0 replace $person -o out.png --select "$pictures/lake-selection.png" --steps 8 --json \
  --mask mask.png --maps maps --reconstruction back.png --trajectory z.safetensors --seed 5 &&
  [ ! -s err.log ] && grep -q '"steps": 8' out.log && grep -q '"warnings": \[\]' out.log &&
  [ -s mask.png ] && [ -s back.png ] && [ "$(ls maps | wc -l)" = 16 ]
result "replace writes all that is asked for, and no progress into a pipe"
"$pixels" same "$pictures/lake.png" out.png "$pictures/lake-selection.png" >out.log
result "outside the selection the pixels are the picture's"
"$pixels" same "$pictures/lake.png" out.png mask.png >out.log
result "outside the mask too"
run 0 info z.safetensors --tensors && grep -q 'F32 *9x16x16x4 *trajectory' out.log
result "the trajectory has steps + 1 latents"
mv out.png first.png
run 0 replace $person -o again.png --select "$pictures/lake-selection.png" --steps 8 --seed 5 --json \
  --faces 0.5 --heads 50,40,30,36 && tr -d ' \n' <out.log | grep -qF '"heads":[[50,40,30,36]]' &&
  ! cmp -s again.png first.png && "$pixels" same "$pictures/lake.png" again.png mask.png >out.log
result "--faces: the head is drawn again, and the rest is the picture's still"
run 0 replace $person -o out.png --select "$pictures/lake-selection.png" --steps 8 --seed 5 &&
  cmp out.png first.png
result "the same again gives the same bytes"
rm -f out.png
run 0 replace $person -o out.png --steps 3 --freedom 0.5 --seed 1 && mv out.png first.png &&
  run 0 replace $person -o out.png --steps 3 --freedom 0.5 --seed 2 && ! cmp -s out.png first.png
result "another seed gives another picture where there is freedom"
cp "$pictures/lake-subject.png" "a+b.png" && rm -f out.png
run 1 replace "$pictures/lake.png" "a+b.png+$pictures/snow-subject.png" -o out.png --steps 2
result "a + in the name of a file among several is refused, not guessed"
run 0 replace "$pictures/lake.png" "a+b.png" -o out.png --steps 2 &&
  run 0 replace "$pictures/lake.png" "$pictures/lake-subject.png+$pictures/snow-subject.png" \
    -o out.png --steps 2
result "several photos of one person"
run 0 replace "$pictures/pair.png" "$pictures/pair-subject-left.png" \
  "$pictures/pair-kept-right.png" -o out.png --select "$pictures/pair-selection-left.png" \
  --steps 4 --order 1,2
result "two persons, one of them kept"

run 0 replace $person -o out.png --steps 1 --json --prompt "$(printf 'a man \377')" &&
  grep -q '"prompt": "a man .uFFFD"' out.log
result "JSON holds for a prompt that is no UTF-8"
rm -f out.png
echo x >afile
run 1 replace $person -o out.png --maps afile --steps 1 && says afile && [ ! -e out.png ] &&
  run 1 generate "a man" -o out.png --maps afile && says afile && [ ! -e out.png ]
result "a folder of maps that cannot be made is said before the job"

script -qec "'$moa' replace $person -o out.png --steps 20" /dev/null >out.log 2>&1 </dev/null &&
  grep -q 'invert .*s left' out.log
result "on a terminal progress is shown, with the time left"

"$pixels" canvas "$pictures/lake.png" big.png &&
  "$pixels" canvas "$pictures/lake-selection.png" bigmask.png &&
  "$pixels" hollow big.png bighollow.png &&
  run 0 replace bighollow.png "$pictures/lake-subject.png" -o out.png --select bigmask.png \
    --steps 3 --json && "$pixels" same bighollow.png out.png bigmask.png >>out.log
result "in a large picture with alpha only the selection changes, and the alpha stays"
grep -A5 '"area"' out.log | tr -d ' \n' | grep -q '"area":\[3[0-9]*,1[0-9]*,2[0-9]*,2[0-9]*\]'
result "and only its surroundings are worked on"
rm -f out.png
run 1 replace big.png "$pictures/lake-subject.png" -o out.png --select "$pictures/lake-selection.png" &&
  says "900 x 500"
result "without them a mask of another size is refused"
"$pixels" turned big.png turned.jpg && "$pixels" size turned.jpg >out.log &&
  grep -q 500x900 out.log &&
  run 0 replace turned.jpg "$pictures/lake-subject.png" -o out.png --select bigmask.png --steps 2 &&
  "$pixels" size out.png >>out.log && grep -q 900x500 out.log
result "a picture is turned upright as its EXIF tag says"

# profile_is FILE TEXT: the space of its colour profile and its checksum begin so
profile_is () { [[ "$("$pixels" profile "$1" | tee -a out.log)" == "$2"* ]]; }
"$pixels" profiled "$pictures/lake.png" tagged.jpg "RGB " && tag=$("$pixels" profile tagged.jpg) &&
  [[ $tag == RGB* ]] && rm -f out.png &&
  run 0 replace tagged.jpg "$pictures/lake-subject.png" -o out.png --steps 2 --reconstruction back.png \
    --mask mask.png --variations 1 && profile_is out.png "$tag" && profile_is back.png "$tag" &&
  profile_is mask.png none
result "the result and the reconstruction carry the picture's colour profile, the mask none"
run 0 replace out.png "$pictures/lake-subject.png" -o two.png --steps 2 && profile_is two.png "$tag" &&
  run 0 replace "$pictures/lake.png" "$pictures/lake-subject.png" -o out.png --steps 2 && profile_is out.png none
result "so does the result of a PNG with one; a picture without one gets none"
"$pixels" turned tagged.jpg turned.jpg && run 0 replace turned.jpg "$pictures/lake-subject.png" -o out.png \
  --steps 2 && profile_is turned.jpg "$tag" && profile_is out.png "$tag"
result "and that of a JPEG that is turned upright"
"$pixels" profiled "$pictures/lake.png" gray.jpg GRAY && profile_is gray.jpg GRAY &&
  run 0 replace gray.jpg "$pictures/lake-subject.png" -o out.png --steps 2 && profile_is out.png none
result "the profile of a gray file is none of an RGB result"

# ---- The other commands ----

run 0 maps "$pictures/lake.png" -o seen --at 0,3 --steps 4 --json && [ "$(ls seen | wc -l)" = 48 ] &&
  [ -s seen/mean-layer-15.png ] && [ -s seen/step-003-layer-00.png ] && [ ! -s err.log ]
result "maps: 16 blocks, their mean and two steps, without a subject"
rm -f out.png
run 1 maps "$pictures/lake.png" -o seen --at 9 --steps 4 && says "9"; result "maps of a step too far, 1"
run 0 generate "a man on a beach" "$pictures/lake-subject.png" -o new.png --steps 3 --pictures 2 \
  --seed 7 --size 128x64 && [ "$(grep -c '^new-' out.log)" = 2 ] &&
  "$pixels" size new-2.png >out.log && grep -q 128x64 out.log
result "generate: two pictures of their size"
run 0 generate "a man on a beach" "$pictures/lake-subject.png" -o one.png --steps 3 --seed 8 \
  --size 128x64 && cmp one.png new-2.png
result "generate: the second is that of the next seed"
run 0 info && grep -q "complete" out.log; result "info of the default model"
run 0 info "$model" --json && grep -q '"complete": true' out.log && grep -q '"replace_bytes"' out.log
result "info of a model, as JSON"
run 0 info "$model/moa/moa.safetensors" && grep -q F16 out.log; result "info of a weights file"
run 1 info "$model/README.md" && says README.md; result "info of another file, 1"
run 1 info /nowhere && says /nowhere; result "info of nothing, 1"
mkdir half && cp -r "$model"/* half/ && rm half/moa/moa.safetensors
run 1 info half && says "moa/moa.safetensors"; result "info of an incomplete model says what is missing, 1"
head -c 100000 "$model/unet/diffusion_pytorch_model.safetensors" >cut.safetensors
run 1 info cut.safetensors && says cut.safetensors; result "info of a file cut short, 1"

# ---- Files of a model ----

mkdir prior && cp -r "$model"/* prior/ && rm -r prior/moa
run 0 info prior && grep -q "without persons" out.log && grep -q "missing.*MoA weights" out.log
result "info of a model without an expert says what to get"
run 0 generate "a man" --model prior -o out.png --steps 2; result "generate without an expert"
run 0 bench prior --unet -r 1 && grep -q unet_prior out.log && ! grep -q unet_moa out.log
result "bench without an expert times the prior"
rm -f out.png
run 1 replace $person --model prior -o out.png && says "MoA weights"; result "replace without an expert, 1"
run 0 generate "a man" --model prior --expert "$model/moa" -o out.png "$pictures/lake-subject.png" \
  --steps 2 && run 0 generate "a man" -o two.png "$pictures/lake-subject.png" --steps 2 &&
  cmp out.png two.png
result "--expert: MoA weights from another folder"
rm -f out.png
# An IP-Adapter, on the tiny model of the fixtures.
data=$(realpath "$(dirname "$script")/../data")
adapter="--model $data/tiny --expert $data/real/ip-adapter-plus.safetensors"
run 0 info "$data/tiny" --expert "$data/real/ip-adapter-plus.safetensors" &&
  grep -q "IP-Adapter Plus, in 16 blocks" out.log && grep -q "  ip_adapter " out.log
result "info of a model with an IP-Adapter names it"
run 0 replace $person -s "$pictures/lake-selection.png" $adapter --steps 2 --expert-scale 0.5 \
  -o ip.png --maps ip-maps && [ -s ip.png ] && [ -d ip-maps ]
result "replace with an IP-Adapter"
run 0 replace "$pictures/lake.png" "$pictures/lake-subject.png" "$pictures/lake.png" $adapter --steps 1 \
  --subject-mask "$pictures/lake-selection.png" --subject-mask "$pictures/lake-selection.png" -o ip2.png &&
  [ -s ip2.png ]; result "--subject-mask: a mask for each of two subjects"
kept="$pictures/pair-selection.png"
run 0 replace "$pictures/pair.png" "$pictures/lake-subject.png" keep $adapter --steps 2 -s "$kept" \
  --subject-mask "$pictures/pair-selection-left.png" --subject-mask "$kept" -o kept.png &&
  "$pixels" equal "$pictures/pair.png" kept.png >out.log &&
  run 0 replace "$pictures/pair.png" "$pictures/lake-subject.png" "$pictures/lake.png" $adapter --steps 2 \
    -s "$kept" --subject-mask "$pictures/pair-selection-left.png" --subject-mask "$kept" -o ip3.png &&
  ! "$pixels" equal "$pictures/pair.png" ip3.png >>out.log
result "keep with an IP-Adapter: nothing changes in that subject's mask"
run 1 replace $person $adapter -o out.png --subject-mask "$pictures/lake-selection.png" \
  --subject-mask "$pictures/lake-selection.png" && says "one for each"
result "--subject-mask: as many as subjects, 1"
run 0 convert "$data/tiny/unet/diffusion_pytorch_model.safetensors" adapted --config "$data/tiny" \
  --expert "$data/real/ip-adapter-face.safetensors" && run 0 info adapted &&
  grep -q "IP-Adapter FaceID" out.log
result "convert puts an IP-Adapter into the model's folder"
run 1 replace $person --model adapted -o out.png && says "face embedding"
result "a photo for FaceID, 1"

# FaceID Plus: a face embedding beside the photo.
cp "$data/real/face.safetensors" .
run 1 replace $person --model "$data/tiny" --expert "$data/real/ip-adapter-face-plusv2.safetensors" -o out.png &&
  says "photo.png+face.safetensors"
result "a photo alone for FaceID Plus, 1"
run 0 replace "$pictures/lake.png" "$pictures/lake-subject.png+face.safetensors" --steps 2 -o plus.png \
  --model "$data/tiny" --expert "$data/real/ip-adapter-face-plusv2.safetensors" &&
  run 0 convert "$data/tiny/unet/diffusion_pytorch_model.safetensors" plus --config "$data/tiny" \
    --vae "$data/tiny/vae" --text-encoder "$data/tiny/text_encoder" --image-encoder "$data/tiny/image_encoder" \
    --expert "$data/real/ip-adapter-face-plusv2.safetensors" &&
  run 0 replace "$pictures/lake.png" "$pictures/lake-subject.png+face.safetensors" --steps 2 -o plus2.png \
    --model plus && [ -s plus.png ] && cmp plus.png plus2.png
result "FaceID Plus with a photo and a face embedding; its second version stays that in a folder"

# FastComposer, from its file and from the folder that is made of it.
fast=$data/real/fastcomposer-model.safetensors
run 0 info "$fast" && grep -q "a FastComposer model" out.log
result "info of FastComposer's file names it"
run 0 info "$data/tiny" --expert "$fast" && grep -q "FastComposer, in 16 blocks" out.log &&
  grep -q "  fastcomposer " out.log
result "info of a model with FastComposer names it"
run 0 replace $person -s "$pictures/lake-selection.png" --model "$data/tiny" --expert "$fast" --steps 2 \
  -o fast.png && run 0 convert "$data/tiny/unet/diffusion_pytorch_model.safetensors" composed \
  --config "$data/tiny" --vae "$data/tiny/vae" --text-encoder "$data/tiny/text_encoder" --expert "$fast" &&
  run 0 replace $person -s "$pictures/lake-selection.png" --model composed --steps 2 -o fast2.png &&
  [ -s fast.png ] && cmp fast.png fast2.png
result "replace with FastComposer; the same with the folder that convert makes of it"

run 1 generate "a man" -o out.png --lora "$model/vae/diffusion_pytorch_model.safetensors" &&
  says "is a VAE; a LoRA was expected"
result "--lora of something else, 1"
run 1 convert "$model/vae/diffusion_pytorch_model.safetensors" made && says "is a VAE" && [ ! -e made ]
result "convert of something else, 1"
run 2 convert one && says "folder to make"; result "convert without a folder, 2"
run 0 convert "$model/unet/diffusion_pytorch_model.safetensors" made --config "$model" &&
  run 0 generate "a man" -o out.png "$pictures/lake-subject.png" --steps 2 --model made &&
  cmp out.png two.png
result "convert: a folder that does the same"
run 1 convert "$model/unet/diffusion_pytorch_model.safetensors" made --config "$model" && grep -q "there already" err.log
result "convert into a folder that is there, 1"
rm -f out.png

# ---- Settings ----

"$moa" info --settings >settings.md && cmp settings.md "$docs/settings.md"
result "docs/settings.md is what info --settings prints"
run 2 info --settings "$model" && says "without a folder"; result "info --settings with a folder, 2"
run 0 replace $person -o many.png --steps 3 --freedom 0.5 --seed 1 --variations 2 &&
  [ ! -e many.png ] && cmp many-1.png first.png && ! cmp -s many-2.png first.png
result "variations: the first is that of its seed alone"
rm -f out.png
run 1 replace $person -o out.png --steps 3 --variations 2 --freedom 0 && says "freedom"
result "variations without freedom, 1"
run 1 replace $person -o out.png --mask-threshold 2 && says "mask_threshold"
result "a setting out of its range, 1"
run 0 replace $person -o out.png --steps 3 --no-limit --no-blend && ! cmp -s out.png first.png
result "what is on is turned off by --no-"
rm -f out.png

# ---- Interrupting ----

mkdir quiet
"$moa" replace $person -o quiet/out.png --mask quiet/mask.png --steps 1000 --fixed-point 20 \
  >out.log 2>err.log &
process=$!
sleep 0.5
kill -INT $process
wait $process
[ $? -eq 130 ] && [ -z "$(ls -A quiet)" ] && grep -q interrupted err.log
result "Ctrl-C: 130, and nothing is written"

end
