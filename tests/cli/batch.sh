#!/bin/bash
# moa batch: jobs in a file, done once each by whoever shares them, through kills.  Prints TAP.
#
#   batch.sh MOA PIXELS MODEL    the program, tests/cli/pixels, and the bundled model
. "$(dirname "$0")/common.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mkdir jobs
cp "$model"/pictures/{lake,lake-selection,lake-subject,snow-subject}.png jobs

# bad LINE TEXT: a file of a good line and this one is refused, with its number, and nothing is done.
bad ()
{
  printf '%s\n%s\n' '{"generate": "a man", "output": "good.png", "steps": 2}' "$1" >jobs/bad.jsonl
  run 1 batch jobs/bad.jsonl && says "line 2" && says "$2" && [ ! -e jobs/good.png ]
}

# ---- What is refused ----

run 0 batch --help && grep -q Usage out.log; result "batch --help, 0"
run 2 batch && says "one file"; result "batch of nothing, 2"
run 1 batch nowhere.jsonl && says nowhere; result "a missing file, 1"
printf '# nothing\n\n' >jobs/bad.jsonl
run 1 batch jobs/bad.jsonl && says "no job"; result "a file without jobs, 1"
bad '{"generate": "a man"' "JSON"; result "what is no JSON is told with its line, 1"
bad '{"draw": "a man", "output": "b.png"}' '"replace"'; result "neither replace nor generate, 1"
bad '{"generate": "a man", "replace": "lake.png", "output": "b.png"}' "job is"; result "both of them, 1"
bad '{"generate": "a man", "output": "b.png", "setps": 2}' '"setps"'; result "an unknown key is named, 1"
bad '{"generate": "a man", "output": "b.png", "freedom": 1}' '"freedom"'; result "a key of the other kind too, 1"
bad '{"generate": "a man", "output": "b.png", "steps": "2"}' '"steps" must be a number'
result "a value of another kind, 1"
bad '{"generate": "a man", "output": "b.png", "guidance": 101}' '"guidance" is 101'; result "a value out of its range, 1"
bad '{"generate": "a man", "output": "b.png", "size": "big"}' 'size is'; result "a size of no numbers, 1"
bad '{"generate": "a man", "output": "b.png", "prior_only": 1}' 'true or false'; result "a switch that is a number, 1"
bad '{"generate": "a man", "output": "b.png", "subject_mask": 3}' 'a list of paths'; result "masks that are no paths, 1"
bad '{"generate": "a man"}' '"output"'; result "no output, 1"
bad '{"replace": "lake.png", "output": "b.png"}' '"subjects"'; result "a replacement without subjects, 1"
bad '{"generate": "a man", "subjects": [7], "output": "b.png"}' 'a subject is'; result "a subject that is a number, 1"
bad '{"generate": "a man", "output": "./good.png"}' "line 1"; result "two jobs with one output, 1"
sed -i 2d jobs/bad.jsonl
run 1 batch jobs/bad.jsonl --journal jobs/bad.jsonl && says "no journal" && [ ! -e jobs/good.png ]
result "a journal that is none is left alone, 1"

# ---- Doing jobs ----

cat >jobs/a.jsonl <<'END'
# both kinds
{"replace": "lake.png", "subjects": [["lake-subject.png", "snow-subject.png"]], "select": "lake-selection.png", "output": "out/1.png", "steps": 3, "freedom": 0.5, "seed": 3, "limit": false, "mask": "masks/1.png"}

{"generate": "a man and a woman <2> on a beach <1>", "subjects": ["lake-subject.png", "snow-subject.png"], "output": "out/2.png", "steps": 2, "size": "128x64", "pictures": 2, "seed": 4}
{"generate": "a house", "subjects": ["lake-subject.png"], "output": "out/3.png", "steps": 2}
{"generate": "a man", "subjects": ["later.png"], "output": "out/4.png", "steps": 2}
END
run 1 batch jobs/a.jsonl --sheet sheet.png && drawn 2 && grep -q '^failed out/3.png: .*person' out.log &&
  grep -q '^failed out/4.png: .*later.png' out.log && says "2 of 4 jobs failed" && [ -s sheet.png ] &&
  [ -s jobs/masks/1.png ] && [ -s jobs/out/2-2.png ] && grep -q "^2 done, 0 done before, 2 failed, 0 left" out.log
result "what can be done is done, and what fails is told, 1"
run 0 replace jobs/lake.png jobs/lake-subject.png+jobs/snow-subject.png --select jobs/lake-selection.png --steps 3 \
  --freedom 0.5 --seed 3 --no-limit -o r.png && "$pixels" equal r.png jobs/out/1.png >>out.log
result "a job is what moa replace makes of the same words"
run 0 generate "a man and a woman <2> on a beach <1>" jobs/lake-subject.png jobs/snow-subject.png --steps 2 --size 128x64 \
  --seed 5 -o g.png && "$pixels" equal g.png jobs/out/2-2.png >>out.log
result "and what moa generate makes of them"
lines=$(wc -l <jobs/a.jsonl.journal)
run 1 batch jobs/a.jsonl && drawn 0 && grep -q '^failed out/3.png' out.log &&
  [ "$(wc -l <jobs/a.jsonl.journal)" = "$lines" ]
result "again: nothing is drawn, and what failed is told and not tried"
cp jobs/snow-subject.png jobs/later.png
run 1 batch jobs/a.jsonl && drawn 1 && [ -s jobs/out/4.png ]; result "what failed is tried once its photo is there"
run 1 batch jobs/a.jsonl --retry && drawn 0 && [ "$(grep -c '"error"' jobs/a.jsonl.journal)" = 3 ]
result "--retry tries what failed"
rm jobs/out/2-1.png
run 0 batch jobs/a.jsonl --list && grep -q '^left out/2.png' out.log && grep -q '^done out/1.png' out.log &&
  grep -q '^failed out/3.png' out.log && [ ! -e jobs/out/2-1.png ]
result "--list tells what is done, failed and left, and does nothing"
run 1 batch jobs/a.jsonl && drawn 1 && [ -s jobs/out/2-1.png ]; result "a picture that is missing is drawn again"
rm jobs/masks/1.png
run 1 batch jobs/a.jsonl && drawn 1 && [ -s jobs/masks/1.png ]; result "and so is a mask"
sed -i 's/"seed": 3/"seed": 8/' jobs/a.jsonl
run 1 batch jobs/a.jsonl --json && grep -q '"done": 1' out.log && grep -q '"before": 2' out.log
result "a job that has changed is done again"
printf '{"key": "half a li' >>jobs/a.jsonl.journal
rm jobs/out/1.png
run 1 batch jobs/a.jsonl && drawn 1 && tail -n 1 jobs/a.jsonl.journal | grep -q '^{"key":"[0-9a-f]\{64\}","output":"out/1.png".*}$'
result "a line that was cut short does no harm"
mkdir other && (cd other && run 1 batch ../jobs/a.jsonl && drawn 0); result "paths are seen from the file"

# ---- Many processes ----

# jobs N STEPS NAME: a file of N jobs
jobs ()
{
  for i in $(seq "$1"); do
    echo "{\"generate\": \"a man on a beach\", \"subjects\": [\"lake-subject.png\"], \"steps\": $2, \"seed\": $i, \"output\": \"$3/$i.png\"}"
  done >"jobs/$3.jsonl"
}
# once NAME N: each of N jobs is done, and no line of the journal says so twice
once ()
{
  [ "$(ls "jobs/$1" | grep -c '^[0-9]*\.png$')" = "$2" ] && grep -v '"error"' "jobs/$1.jsonl.journal" |
    sed 's/.*"output":"\([^"]*\)".*/\1/' | sort | uniq -d >twice.log && [ ! -s twice.log ] &&
    ! grep -q '"error"' "jobs/$1.jsonl.journal"
}

# One is killed a moment after each new picture, however fast the machine is.
jobs 20 4 kill
start () { "$moa" batch jobs/kill.jsonl --threads 1 >"worker-$1.log" 2>&1 & worker[$1]=$!; }
for w in 0 1 2 3; do start $w; done
kills=0 seen=0
for _ in $(seq 1200); do
  there=$(ls jobs/kill 2>/dev/null | grep -c '^[0-9]*\.png$')
  [ "$there" -ge 14 ] && break
  if [ "$there" -gt "$seen" ]; then
    seen=$there w=$((RANDOM % 4))
    sleep 0.$((RANDOM % 5))
    kill -9 "${worker[$w]}" 2>/dev/null && kills=$((kills + 1))
    wait "${worker[$w]}" 2>/dev/null
    start $w
  fi
  sleep 0.05
done
all=0
for w in 0 1 2 3; do wait "${worker[$w]}" || all=1; done
cat worker-*.log >out.log
echo "$kills kills; done by $(sed 's/.*"process":\([0-9]*\).*/\1/' jobs/kill.jsonl.journal | sort -u | wc -l) processes" >>out.log
[ $all = 0 ] && [ $kills -ge 3 ] && once kill 20
result "four processes, killed and started again at random: every job once"
run 0 batch jobs/kill.jsonl && drawn 0 && grep -q "20 done before" out.log; result "and nothing is left"

# A worker that waits for another's job takes it over when that one is killed.
jobs 1 999 wait
"$moa" batch jobs/wait.jsonl >first.log 2>&1 &
first=$!
for _ in $(seq 300); do
  "$moa" batch jobs/wait.jsonl --list 2>/dev/null | grep -q "^at work" && break
  sleep 0.1
done
sed -i 's/"steps": 999/"steps": 3/' jobs/wait.jsonl
"$moa" batch jobs/wait.jsonl >out.log 2>err.log &
second=$!
sleep 0.5
[ ! -e jobs/wait/1.png ] && kill -9 $first && { wait $first 2>/dev/null; wait $second; } && drawn 1
result "who waits for a job takes it over from the dead"

jobs 3 999 stop
"$moa" batch jobs/stop.jsonl >out.log 2>err.log &
process=$!
for _ in $(seq 300); do
  "$moa" batch jobs/stop.jsonl --list 2>/dev/null | grep -q "^at work" && break
  sleep 0.1
done
kill -INT $process
wait $process
[ $? -eq 130 ] && says "goes on from here" && [ ! -s jobs/stop.jsonl.journal ]
result "Ctrl-C: 130, and no job counts as failed"

mpi=(mpirun --oversubscribe --bind-to none -n 2 "$moa" batch)
jobs 6 2 ranks
if ! command -v mpirun >/dev/null; then
  skip "two ranks share the jobs" "there is no mpirun"
else
  # MPI keeps memory of its own to the end.
  ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 "${mpi[@]}" jobs/ranks.jsonl --threads 1 >out.log 2>err.log && once ranks 6 &&
    [ "$(grep -c "6 done, 0 done before, 0 failed, 0 left" out.log)" -ge 1 ]
  result "two ranks share the jobs"
fi

end
