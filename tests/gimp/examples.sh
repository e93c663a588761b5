#!/bin/bash
# examples/batch and the scripts of examples/: what they write, and the exit status; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL  as for batch.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
examples=$here/../../examples pictures=$MOA_TEST_MODEL/pictures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/gimp/plug-ins/moa-gimp"
cp "$MOA_PLUGIN" "$work/gimp/plug-ins/moa-gimp/moa-gimp"
unset XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME
export HOME=$work LC_ALL=C GIMP2_DIRECTORY=$work/gimp MOA_MODEL=$MOA_TEST_MODEL
cd "$work" || exit 1

n=0 failed=0
# check NAME STATUS [ARGUMENT...]: runs examples/batch.
check ()
{
  local name=$1 expected=$2
  shift 2
  "$examples/batch" "$@" >out 2>err
  local status=$?
  n=$((n + 1))
  if [ $status = "$expected" ]; then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name (status $status)"
    sed 's/^/# /' out err
    failed=1
  fi
}
# has NAME COMMAND...: of what the last one left.
has ()
{
  local name=$1
  shift
  n=$((n + 1))
  if "$@" >/dev/null; then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
    sed 's/^/# /' out err
    failed=1
  fi
}

quick='{"steps": 2, "fixed_point": 0, "freedom": 0.3}'
check "a person is replaced" 0 "$examples/replace.scm" "$pictures/lake.png" \
  "$pictures/lake-subject.png" "$work/one.xcf" "$quick"
has "the file is there" [ -s one.xcf ]
has "the script's words are told" grep -q "^wrote .*one.xcf" out
check "a photo that is missing fails" 1 "$examples/replace.scm" "$pictures/lake.png" \
  /nowhere.png "$work/two.xcf" "$quick"
has "with the reason" grep -q "nowhere" err
has "and nothing written" [ ! -e two.xcf ]
check "an option that is wrong fails" 1 "$examples/replace.scm" "$pictures/lake.png" \
  "$pictures/lake-subject.png" "$work/two.xcf" '{"fredom": 1}'
has "with the reason" grep -q '"fredom"' err
check "it is repeated" 0 "$examples/repeat.scm" "$work/one.xcf" "$work/three.xcf" 7
check "its settings are told" 0 "$examples/edit.scm" "$work/three.xcf"
has "with the new seed" grep -q '"seed": 7' out
check "they are edited" 0 "$examples/edit.scm" "$work/one.xcf" "$work/four.xcf" '{"steps": 3}'
has "and told" grep -q '"steps": 3' out
check "its router maps are drawn" 0 "$examples/router-maps.scm" "$work/one.xcf" "$work/maps.png"
has "as a PNG file" grep -q PNG maps.png
check "a picture without a result has none" 1 "$examples/router-maps.scm" "$pictures/lake.png" \
  "$work/none.png"
check "a subject is saved" 0 "$examples/subjects.scm" add Ann "$pictures/lake-subject.png" \
  "$pictures/snow-subject.png"
has "from both photos" grep -q '"photos": 2' out
check "the model is tried" 0 "$examples/models.scm" test
check "a model that is missing fails" 1 "$examples/models.scm" check /nowhere
check "pictures are drawn" 0 "$examples/generate.scm" "a person on a beach" "$work/made-" 2 \
  "$pictures/lake-subject.png"
has "both are there" [ -s made-1.png -a -s made-2.png ]
has "and say what made them" grep -aq "drawn with MoA for GIMP" made-2.png
check "a morph is drawn" 0 "$examples/morph.scm" "a woman on a beach" "$work/morph.gif" 3 \
  "$pictures/lake-subject.png" "$pictures/snow-subject.png" '{"steps": 2, "delay": 70}'
has "as an animation of three pictures, 70 ms each" \
  [ "$(od -An -v -tx1 morph.gif | tr -d ' \n' | grep -o '21f904..0700' | wc -l)" = 3 ]
check "a time lapse is drawn" 0 "$examples/time-lapse.scm" "$pictures/lake-subject.png" "$work/ages.xcf" \
  woman '{"steps": 2}'
has "with the ages of a woman" grep -aq "a photo of an old woman (800ms) (replace)" ages.xcf
check "a story is drawn" 0 "$examples/story.scm" "$examples/story.txt" "$work/story.xcf"
has "with its captions" grep -aq "Ben, as always, had gone to the park first." story.xcf
echo "(this is not closed" >broken.scm
check "a script with a fault in it fails" 1 broken.scm
echo '(gimp-quit 0)' >quits.scm
check "a script that ends GIMP fails" 1 quits.scm
check "no script: how it is used" 2
echo "1..$n"
[ $failed = 0 ]
