#!/bin/sh
# Pictures of the drawn world as prints in indigo, rose and cream, with their captions: what style.json trains
# a LoRA on.  Needs moa and ImageMagick's convert.
#
#   style.sh FOLDER [COUNT]     COUNT pictures, 1000 unless given
set -eu
folder=$1 count=${2:-1000}
drawn=$folder/drawn
mkdir -p "$folder/images"
moa world --seed 51 --count "$count" --out "$drawn"

# Brightness chooses one of the print's inks; a third of the picture's own colours stays, so that people do.
# convert runs for each picture, and for several pictures at once.
export MAGICK_THREAD_LIMIT=1
find "$drawn/images" -name '*.png' -printf '%f\n' | xargs -P "$(nproc)" -I {} convert "$drawn/images/{}" \
  '(' +clone -colorspace gray -sigmoidal-contrast 4,50% -colorspace sRGB \
      '(' 'xc:#1d1240' 'xc:#c43c62' 'xc:#ffe9b8' +append -filter triangle -resize '256x1!' ')' -clut ')' \
  -compose blend -define compose:args=65 -composite "$folder/images/{}"
cp "$drawn/captions.txt" "$folder"
rm -r "$drawn"
