#!/bin/bash
# examples/batch and the scripts of examples/: what they write, and the exit status; prints TAP.
#   MOA_PLUGIN, MOA_TEST_MODEL  as for common.sh
. "$(dirname "$0")/common.sh"
examples=$root/examples
cd "$work" || exit 1
complain () { sed 's/^/# /' out err; }

# ends STATUS [ARGUMENT...]: examples/batch ends with it
ends ()
{
  local expected=$1
  shift
  "$examples/batch" "$@" >out 2>err
  local status=$?
  echo "status $status" >>err
  [ $status = "$expected" ]
}

quick='{"steps": 2, "fixed_point": 0, "freedom": 0.3}'
check "a person is replaced" ends 0 "$examples/replace.scm" "$pictures/lake.png" \
  "$pictures/lake-subject.png" "$work/one.xcf" "$quick"
check "the file is there" [ -s one.xcf ]
check "the script's words are told" grep -q "^wrote .*one.xcf" out
check "a photo that is missing fails" ends 1 "$examples/replace.scm" "$pictures/lake.png" \
  /nowhere.png "$work/two.xcf" "$quick"
check "with the reason" grep -q "nowhere" err
check "and nothing written" [ ! -e two.xcf ]
check "an option that is wrong fails" ends 1 "$examples/replace.scm" "$pictures/lake.png" \
  "$pictures/lake-subject.png" "$work/two.xcf" '{"fredom": 1}'
check "with the reason" grep -q '"fredom"' err
check "it is repeated" ends 0 "$examples/repeat.scm" "$work/one.xcf" "$work/three.xcf" 7
check "its settings are told" ends 0 "$examples/edit.scm" "$work/three.xcf"
check "with the new seed" grep -q '"seed": 7' out
check "they are edited" ends 0 "$examples/edit.scm" "$work/one.xcf" "$work/four.xcf" '{"steps": 3}'
check "and told" grep -q '"steps": 3' out
check "its router maps are drawn" ends 0 "$examples/router-maps.scm" "$work/one.xcf" "$work/maps.png"
check "as a PNG file" grep -q PNG maps.png
check "a picture without a result has none" ends 1 "$examples/router-maps.scm" "$pictures/lake.png" \
  "$work/none.png"
check "a subject is saved" ends 0 "$examples/subjects.scm" add Ann "$pictures/lake-subject.png" \
  "$pictures/snow-subject.png"
check "from both photos" grep -q '"photos": 2' out
check "the model is tried" ends 0 "$examples/models.scm" test
check "a model that is missing fails" ends 1 "$examples/models.scm" check /nowhere
check "pictures are drawn" ends 0 "$examples/generate.scm" "a person on a beach" "$work/made-" 2 \
  "$pictures/lake-subject.png"
check "both are there" [ -s made-1.png -a -s made-2.png ]
check "and say what made them" grep -aq "drawn with MoA for GIMP" made-2.png
check "a morph is drawn" ends 0 "$examples/morph.scm" "a woman on a beach" "$work/morph.gif" 3 \
  "$pictures/lake-subject.png" "$pictures/snow-subject.png" '{"steps": 2, "delay": 70}'
check "as an animation of three pictures, 70 ms each" \
  [ "$(od -An -v -tx1 morph.gif | tr -d ' \n' | grep -o '21f904..0700' | wc -l)" = 3 ]
check "a time lapse is drawn" ends 0 "$examples/time-lapse.scm" "$pictures/lake-subject.png" "$work/ages.xcf" \
  woman '{"steps": 2}'
check "with the ages of a woman" grep -aq "a photo of an old woman (800ms) (replace)" ages.xcf
check "a story is drawn" ends 0 "$examples/story.scm" "$examples/story.txt" "$work/story.xcf"
check "with its captions" grep -aq "Ben, as always, had gone to the park first." story.xcf
echo "(this is not closed" >broken.scm
check "a script with a fault in it fails" ends 1 broken.scm
echo '(gimp-quit 0)' >quits.scm
check "a script that ends GIMP fails" ends 1 quits.scm
check "no script: how it is used" ends 2
end
