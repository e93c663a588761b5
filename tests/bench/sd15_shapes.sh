#!/bin/sh
# Makes a model folder with the configurations and the vocabulary of Stable Diffusion 1.5 with MoA, and
# no weights: enough for moa bench --train, which draws them.
#
#   sd15_shapes.sh FOLDER
set -eu
from=$(cd "$(dirname "$0")/../../engine/models/sd15" && pwd)
mkdir -p "$1"
for part in unet vae text_encoder tokenizer scheduler; do
  cp -r "$from/$part" "$1"
done
cp -r "$from/image_encoder-vit-l" "$1/image_encoder"
cp -r "$from/recipe/moa" "$from/recipe/feature_extractor" "$1"
