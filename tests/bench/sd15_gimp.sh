#!/bin/bash
# One replacement in GIMP, 512 x 512 pixels and 4 steps, with the files of sd15_files.py; prints the seconds and
# the largest process.
#
#   sd15_gimp.sh PLUGIN FILES OUT.png    build/plugin/moa-gimp, the folder of sd15_files.py
set -eu
plugin=$(realpath "$1") files=$(realpath "$2") out=$(realpath "$3")
pictures=$(cd "$(dirname "$0")/../../engine/models/mini/pictures" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/gimp/plug-ins/moa-gimp"
cp "$plugin" "$work/gimp/plug-ins/moa-gimp/moa-gimp"
options="{\\\"expert\\\": \\\"$files/ip-adapter-plus.safetensors\\\", \
\\\"image_encoder\\\": \\\"$files/image_encoder.safetensors\\\", \\\"freedom\\\": 0.8, \\\"fixed_point\\\": 0, \
\\\"cache\\\": false, \\\"device\\\": \\\"cpu\\\"}"
script="(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE \"$pictures/lake.png\" \"lake\")))
  (subject (car (gimp-file-load RUN-NONINTERACTIVE \"$pictures/lake-subject.png\" \"subject\"))))
 (gimp-image-scale image 512 512)
 (gimp-image-select-ellipse image CHANNEL-OP-REPLACE 120 60 280 440)
 (plug-in-moa-replace-person RUN-NONINTERACTIVE image (car (gimp-image-get-active-layer image)) 1
   (vector (car (gimp-image-get-active-layer subject))) \"a person\" 4 3 1 \"$files/sd15.safetensors\"
   \"$options\")
 (gimp-file-save RUN-NONINTERACTIVE image (car (gimp-image-merge-visible-layers image CLIP-TO-IMAGE))
   \"$out\" \"out\")
 (gimp-image-delete image) (gimp-image-delete subject))"
export HOME=$work GIMP2_DIRECTORY=$work/gimp
python3 - "$script" <<'END'
import resource, subprocess, sys, time
start = time.time ()
subprocess.run (["gimp", "-i", "-d", "-f", "-b", sys.argv[1], "-b", "(gimp-quit 0)"], stdin=subprocess.DEVNULL)
used = resource.getrusage (resource.RUSAGE_CHILDREN)
print (f"{time.time () - start:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processors, "
       f"{used.ru_maxrss / 2**20:.2f} GiB")
END
[ -s "$out" ]
