#!/bin/bash
# moa morph, timelapse, layout and story as commands.  Prints TAP.
#
#   apps.sh MOA PIXELS MODEL [ANIMATION]    the program, tests/cli/pixels, the bundled model, tests/cli/animation
animation=${4:+$(realpath "$4")}
. "$(dirname "$0")/common.sh"
cp "$model"/pictures/{lake,lake-selection,lake-subject,snow-subject,mountain-subject}.png .

equal () { "$pixels" equal "$1" "$2" >>out.log; }
differ () { ! equal "$1" "$2"; }

# ---- Usage ----

for command in morph timelapse layout story; do
  run 0 $command --help && grep -q Usage out.log && [ ! -s err.log ]; result "$command --help, 0"
  run 2 $command --frobnicate && says frobnicate; result "$command: an unknown option is named, 2"
done
run 2 morph lake-subject.png -o m && says "two persons"; result "morph of one person, 2"
run 2 morph lake-subject.png snow-subject.png && says "-o FOLDER"; result "morph to nowhere, 2"
run 2 morph lake-subject.png snow-subject.png -o m --frames 1 && says "--frames"; result "morph of one frame, 2"
run 2 morph lake-subject.png snow-subject.png -o m --seed x && says "--seed"; result "morph: a seed of no number, 2"
run 2 morph lake-subject.png snow-subject.png -o m --freedom 1 && says freedom
result "morph: an option of replacements needs --into, 2"
run 2 layout "a man" -o l --pick 1 && says SUBJECT; result "layout: nobody to pick for, 2"
run 2 layout "a man" lake-subject.png -o l --pick 9 && says "seed 9"; result "layout: a pick that is not in the row, 2"
[ ! -e m ] && [ ! -e l ]; result "and nothing was made"

# ---- Morph ----

morph="morph lake-subject.png snow-subject.png --frames 3 --steps 3 --seed 5"
run 0 $morph --prompt "a woman on a beach" -o m && drawn 3 && [ -s m/sheet.png ]; result "morph: frames and a sheet"
run 0 generate "a woman on a beach" lake-subject.png --steps 3 --seed 5 -o a.png &&
  run 0 generate "a woman on a beach" snow-subject.png --steps 3 --seed 5 -o b.png &&
  equal a.png m/frame-000.png && equal b.png m/frame-002.png &&
  differ a.png m/frame-001.png && differ b.png m/frame-001.png
result "its ends are the two persons, with the same seed"
run 0 $morph --prompt "a woman on a beach" -o m && drawn 0; result "again: nothing is drawn"
if [ -n "$animation" ]; then
  run 0 $morph --prompt "a woman on a beach" -o m --animation morph.webp && drawn 0 &&
    "$animation" morph.webp 150 m/frame-00{0,1,2}.png >out.log; result "--animation: all frames, just as they are"
  run 0 $morph --prompt "a woman on a beach" -o m --animation morph.webp --delay 40 && drawn 0 &&
    "$animation" morph.webp 40 m/frame-00{0,1,2}.png >out.log; result "--delay of its frames"
fi
run 2 $morph -o m --animation m.gif && says ".webp"; result "an animation of another kind, 2"
run 2 $morph -o m --animation no/where.webp && grep -qE "no/where|libwebp" err.log; result "an animation in no folder, 2"
rm m/frame-001.png
run 0 $morph --prompt "a woman on a beach" -o m && drawn 1 && [ -s m/frame-001.png ]
result "what is missing is drawn"
run 0 $morph --prompt "a woman on a beach" --guidance 2 -o m && drawn 3; result "other settings: all are drawn"
run 0 $morph --prompt "a woman on a beach" --guidance 2 --weights q8 -o m && drawn 3
result "weights held otherwise: all are drawn"
cp mountain-subject.png snow-subject-2.png
run 0 morph lake-subject.png snow-subject-2.png --frames 2 --steps 2 -o m2 && drawn 2 &&
  cp "$model/pictures/snow-subject.png" snow-subject-2.png &&
  run 0 morph lake-subject.png snow-subject-2.png --frames 2 --steps 2 -o m2 && drawn 2 &&
  run 0 morph lake-subject.png snow-subject-2.png --frames 2 --steps 2 -o m2 --json &&
  grep -q '"drawn": 0' out.log && grep -q '"before": 2' out.log
result "another photo under the same name: all are drawn"
run 0 $morph --into lake.png --select lake-selection.png --prompt "a person" -o into && drawn 3 &&
  run 0 replace lake.png snow-subject.png --select lake-selection.png --prompt "a person" --steps 3 \
    --seed 5 -o r.png && equal r.png into/frame-002.png &&
  "$pixels" same lake.png into/frame-001.png lake-selection.png >>out.log && [ ! -e into/inversions ]
result "morph --into: in a person's place"
run 1 morph lake-subject.png nowhere.png --frames 2 --steps 2 -o bad && grep -q "nowhere.png" out.log &&
  says "2 of 2"
result "morph: a photo that is missing is named, 1"

# ---- Time lapse ----

run 0 timelapse lake-subject.png --steps 2 --seed 3 -o t --noun woman && drawn 7 && [ -s t/sheet.png ] &&
  run 0 generate "a photo of an old woman" lake-subject.png --steps 2 --seed 3 -o a.png &&
  equal a.png t/age-05.png
result "timelapse: seven ages of a woman"
run 0 timelapse lake-subject.png --steps 2 --prompt "a girl" --prompt "a woman" -o t2 && drawn 2 &&
  "$pixels" size t2/sheet.png >>out.log
result "timelapse: own prompts"

# ---- Layouts ----

run 0 layout "a woman on a beach" lake-subject.png --pictures 3 --seed 4 --steps 2 -o l && drawn 3 &&
  run 0 layout "a woman on a beach" lake-subject.png --pictures 3 --seed 4 --steps 2 -o l --pick 5 &&
  drawn 1 && [ -s l/picked-5.png ] && differ l/picked-5.png l/layout-5.png
result "layout: a row, then what was picked of it"
run 0 generate "a woman on a beach" --prior-only --steps 2 --seed 5 -o a.png && equal a.png l/layout-5.png &&
  run 0 generate "a woman on a beach" lake-subject.png --steps 2 --seed 5 -o a.png && equal a.png l/picked-5.png
result "the row is the prior's, and the pick has the same seed"

# ---- Stories ----

cat >s.txt <<'END'
# a story
title: At the lake
seed: 7
steps: 2
columns: 2
rows: 1
Ann (woman): lake-subject.png
Ben Ode (old man): snow-subject.png+mountain-subject.png

panel: Ann on a
  beach
caption: She was early,
  as always: 7.
panel: Ben Ode and Ann (girl) in the snow, Ben Ode's hands up
seed: 9
panel: Annie in a park
panel: Ann
replace: lake.png
select: lake-selection.png
END
run 0 story s.txt -o s && drawn 4 && [ -s s/page-02.png ] && [ ! -e s/page-03.png ] &&
  "$pixels" size s/page-02.png >>out.log
result "story: panels and pages"
run 0 generate "an old man <1> and a girl <2> in the snow, an old man's hands up" \
  snow-subject.png+mountain-subject.png lake-subject.png --steps 2 --seed 9 -o a.png && equal a.png s/panel-002.png
result "names become nouns with marks, in their order"
run 0 generate "Annie in a park" --steps 2 --seed 7 -o a.png && equal a.png s/panel-003.png
result "a name inside another word is none"
run 0 replace lake.png lake-subject.png --select lake-selection.png --prompt "a woman" --steps 2 --seed 7 \
  -o a.png && equal a.png s/panel-004.png
result "a panel may be a replacement"
cat >s.json <<'END'
{"title": "At the lake", "seed": 7, "steps": 2, "columns": 2, "rows": 1,
 "characters": {"Ann": {"words": "woman", "photos": ["lake-subject.png"]},
                "Ben Ode": {"words": "old man", "photos": ["snow-subject.png", "mountain-subject.png"]}},
 "panels": [{"panel": "Ann on a beach"},
            {"panel": "Ben Ode and Ann (girl) in the snow, Ben Ode's hands up", "seed": 9},
            {"panel": "Annie in a park"},
            {"panel": "Ann", "replace": "lake.png", "select": "lake-selection.png"}]}
END
run 0 story s.json -o s && drawn 0; result "the same story as JSON: nothing is drawn"
sed 's/beach/park/' s.json >s2.json
run 0 story s2.json -o s && drawn 1; result "one panel changed: one is drawn"
mkdir elsewhere && (cd elsewhere && run 0 story ../s2.json -o ../s && drawn 0); result "paths are seen from the file"
run 0 story s2.json -o s --character "Ben Ode=lake-subject.png" --no-pages && drawn 1
result "another one takes a part"
sed 's/^seed: 9/sede: 9/' s.txt >bad.txt
run 1 story bad.txt -o bad2 && says '"sede"' && says "bad.txt, line 14" && [ ! -e bad2 ]
result "an unknown key is named with its line, 1"
printf 'Ann (woman): lake-subject.png\npanel: Ann <2> here\n' >bad.txt
run 1 story bad.txt -o bad2 && says "line 2" && says "marks"; result "a mark in a panel, 1"
printf 'Ann (woman): lake-subject.png\nonly words\n' >bad.txt
run 1 story bad.txt -o bad2 && says "line 2"; result "a line without a key, 1"
printf '{"panels": []}' >bad.json
run 1 story bad.json -o bad2 && says "no panel"; result "a story without panels, 1"
printf '{"characters": {"Ann": "a.png"}, "panels": [{"panel": "Ann"}]}' >bad.json
run 1 story bad.json -o bad2 && says '"Ann"'; result "a character without words, 1"

# Killed twice on the way: what was drawn is not drawn again.
for i in 1 2 3 4 5 6 7 8; do printf 'panel: Ann, %d\nseed: %d\n' $i $i; done |
  cat <(printf 'steps: 20\nAnn (woman): lake-subject.png\n') - >long.txt
for _ in 1 2; do
  "$moa" story long.txt -o long >out.log 2>err.log &
  process=$!
  before=$(ls long 2>/dev/null | grep -c panel)
  for _ in $(seq 300); do
    [ "$(ls long 2>/dev/null | grep -c 'panel-00.\.png$')" -gt "$before" ] && break
    sleep 0.1
  done
  kill -9 $process 2>/dev/null
  wait $process 2>/dev/null
done
before=$(ls long/panel-00?.png | wc -l)
run 0 story long.txt -o long && drawn $((8 - before)) && [ "$before" -ge 2 ]
result "killed twice, it goes on where it was"

end
