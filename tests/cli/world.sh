#!/bin/bash
# moa world and moa evaluate as commands.  Prints TAP.
#
#   world.sh MOA PIXELS MODEL    the program, tests/cli/pixels, and the bundled model
. "$(dirname "$0")/common.sh"

# ---- moa world ----

run 2 world && says "--out"; result "world: nothing to write, 2"
run 2 world --out w --layout heap && says heap; result "world: an unknown layout is named, 2"
run 2 world --out w --count 0 && says "--count"; result "world: no scenes, 2"
run 2 world --out w --seed x && says "--seed"; result "world: a seed of no number, 2"

run 0 world --seed 5 --count 12 --layout fastcomposer --out fast &&
  [ "$(ls fast/*/*.npy | wc -l)" = 12 ] && [ "$(ls fast/*/*.json | wc -l)" = 12 ] &&
  [ "$(ls fast/*/*.jpg | wc -l)" = 12 ] &&
  [ "$(cat fast/image_ids_train.txt fast/image_ids_test.txt | sort -u | wc -l)" = 12 ]
result "world: FastComposer's layout, every picture in one of the lists"
python3 - >out.log 2>err.log <<'END'
import glob, json
for path in glob.glob("fast/*/*.json"):
    item = json.load(open(path))
    assert item["caption"] and item["segments"], path
    for s in item["segments"]:
        assert 0 < s["end"] <= len(item["caption"]) and item["caption"][s["end"] - 1].isalpha(), path
        assert len(s["bbox"]) == 4, path
END
result "world: captions with the ends of their nouns"
run 0 world --seed 5 --count 12 --layout plain --out plain &&
  [ "$(wc -l <plain/captions.txt)" = 12 ] && [ "$(ls plain/images | wc -l)" = 12 ] &&
  [ "$(ls plain/masks | wc -l)" -ge 12 ] && [ "$(ls plain/photos | wc -l)" -ge 12 ] &&
  [ "$(ls plain/swaps | wc -l)" = 24 ] && "$pixels" size plain/images/*0.png >out.log &&
  grep -q 128x128 out.log
result "world: the plain layout, with swaps and photos"
run 0 world --seed 5 --count 2 --layout swaps --out cases && [ "$(ls cases | wc -l)" = 24 ] &&
  run 0 world --seed 5 --first 1 --count 1 --layout swaps --out case && diff case/one-000001.png cases &&
  ! cmp -s cases/one-000001.png cases/one-000001-truth.png &&
  [ "$("$pixels" size cases/two-000000-kept-right.png)" = 64x64 ] &&
  [ "$("$pixels" size cases/two-000000-truth-left.png)" = 128x128 ]
result "world: swaps with photos, selection and truth"
run 0 world --seed 5 --count 4 --sheet sheet.png && "$pixels" size sheet.png >out.log &&
  grep -q 520x520 out.log
result "world: a sheet of four scenes"
run 0 world --seed 5 --count 12 --layout plain --out again && diff -r plain again >out.log &&
  run 0 world --seed 5 --count 12 --layout fastcomposer --out fast2 && diff -r fast fast2 >out.log &&
  run 0 world --seed 5 --count 4 --sheet sheet2.png && cmp sheet.png sheet2.png
result "world: the same seed, the same bytes"
run 0 world --seed 6 --count 12 --layout plain --out other && ! diff -rq plain other >out.log
result "world: another seed, another world"
run 0 world --seed 5 --first 8 --count 2 --layout plain --out part && [ "$(ls part/images | wc -l)" = 2 ] &&
  cmp part/images/000000000.png plain/images/000000008.png &&
  cmp part/images/000000001.png plain/images/000000009.png
result "world: scenes 8 and 9 alone are those of the whole"

# What it writes is what the trainer reads.
cat >train.json <<END
{"stage": "moa", "model": "$model", "train": ["moa/fuser.*"], "steps": 1, "batch": 1, "micro_batch": 1,
 "data": {"source": "fastcomposer", "path": "fast", "held_out": 1},
 "every": {"log": 1, "samples": 0}}
END
run 0 train train.json --out trained --threads 1; result "train: reads FastComposer's layout"
sed -i 's/fastcomposer/plain/; s/"fast"/"plain"/' train.json
run 0 train train.json --out trained2 --threads 1; result "train: reads the plain layout"

# ---- moa evaluate ----

run 2 evaluate --frobnicate && says frobnicate; result "evaluate: an unknown option is named, 2"
run 2 evaluate --ablate hair && says '"hair"'; result "evaluate: an unknown ablation is named, 2"
run 2 evaluate --photos . && says "--list"; result "evaluate: photographs need a list, 2"

evaluate=(evaluate --seed 3 --count 2 --pairs 1 --no-words --steps 4)
run 0 "${evaluate[@]}" --json numbers.json --markdown table.md --sheet swaps.png &&
  [ -s table.md ] && [ -s swaps.png ]
result "evaluate: numbers, tables and a sheet"
python3 - >out.log 2>err.log <<'END'
import json, math
n = json.load(open("numbers.json"))
for key in ("vae_psnr", "inversion_psnr", "source_person_psnr", "person_psnr", "background_psnr",
            "router_iou", "found_iou"):
    assert math.isfinite(n[key]) and n[key] > 0, key
    low, high = n[key + "_ci95"]
    assert low <= n[key] <= high, key
assert n["vae_psnr"] > 15 and n["router_iou"] < 1 and 0 < n["found_iou"] < 1 and "pair" in n
END
result "evaluate: every number with its interval"
run 0 "${evaluate[@]}" --json again.json && cmp numbers.json again.json
result "evaluate: the same seed, the same numbers"
run 0 "${evaluate[@]}" --pairs 0 --ablate router,inversion --json ablated.json &&
  python3 - >out.log 2>err.log <<'END'
import json
n = json.load(open("ablated.json"))
assert list(n["ablations"]) == ["without the router", "without inversion"], list(n["ablations"])
END
result "evaluate: ablations beside it"

mkdir encoder && cp "$model"/image_encoder/* encoder &&
  cp "$model/feature_extractor/preprocessor_config.json" encoder
cat >list.csv <<END
result,subject,replaced
lake-subject.png,lake-subject.png,snow-subject.png
lake-truth.png,lake-subject.png,snow-subject.png
END
run 0 evaluate --photos "$pictures" --encoder encoder --list list.csv --json photos.json &&
  python3 - >out.log 2>err.log <<'END'
import json
n = json.load(open("photos.json"))
same, other = n["pairs"]
assert abs(same["subject_cosine"] - 1) < 1e-5 and same["replaced_cosine"] < 0.999
assert -1 <= other["subject_cosine"] < 0.999
assert abs(n["subject_cosine"] - (same["subject_cosine"] + other["subject_cosine"]) / 2) < 1e-6
END
result "evaluate: photographs by an image encoder"
echo '[{"result": "lake-truth.png", "subject": "gone.png"}]' >list.json
run 1 evaluate --photos "$pictures" --encoder encoder --list list.json && says gone.png
result "evaluate: a missing photograph is named, 1"

end
