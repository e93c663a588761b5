#!/bin/bash
# Access keys: no two controls that are seen together have the same one, in any language.  The file windows
# beside this one says what is seen together.  Prints TAP.
#
#   windows.sh SOURCE_ROOT
set -u
export LC_ALL=C.UTF-8
here=$(cd "$(dirname "$0")" && pwd)
cd "$1" || exit 1
. "$here/common.sh" xgettext msgattrib msggrep msgunfmt

# Of a catalogue, "ORIGINAL<tab>TRANSLATION" of each original with an access key.
labels ()
{
  msgattrib --no-wrap --no-obsolete - | sed -nE '
    /^msgid ".*_[^_ ]/ { s/^msgid "(.*)"$/\1/; h; n
      s/^msgstr "(.*)"$/\1/; T; H; x; s/\n/\t/; p }'
}

# From sources, on the standard input or by name, the originals with an access key.
marked ()
{
  xgettext -L C --from-code=UTF-8 -k_ -kN_ -kngettext:1,2 -o - "$@" | sed 's/CHARSET/UTF-8/' | labels | cut -f 1
}

# ---- What is seen together ----
window='' n_windows=0
mkdir "$tmp/windows"
while IFS= read -r line; do
  case $line in
    '' | '#'*) continue ;;
    '['*) window=${line#[} window=$tmp/windows/${window%]} n_windows=$((n_windows + 1))
      : >"$window" ;;
    '+ '*) echo "${line#+ }" >>"$window" ;;
    '- '*) grep -Fxv -e "${line#- }" "$window" >"$tmp/rest"
      cmp -s "$tmp/rest" "$window" && echo "${window##*/}: $line" >>"$tmp/idle"
      mv "$tmp/rest" "$window" ;;
    '= '*) cat "$tmp/windows/${line#= }" >>"$window" ;;
    *': '*) echo "$line" | tee -a "$tmp/foreign" >>"$window" ;;
    *' '*) sed -n "/ ${line#* }\[\] = {/,/^};/p" "${line% *}" | marked - >>"$window" ;;
    *) marked "$line" >>"$window" ;;
  esac
done <"$here/windows"
touch "$tmp/idle"
check "what is taken out of a window would be in it" "$tmp/idle"

marked -f po/POTFILES.in | LC_ALL=C sort -u >"$tmp/all"
LC_ALL=C sort -u "$tmp/windows/"* >"$tmp/placed"
# What is a sentence or the name of a variable has no key.
LC_ALL=C comm -23 "$tmp/all" "$tmp/placed" | grep -vE '[A-Z]_[A-Z]' >"$tmp/lost"
check "each label with an access key has its window" "$tmp/lost"
LC_ALL=C sort -u "$tmp/foreign" "$tmp/all" | LC_ALL=C comm -13 - "$tmp/placed" >"$tmp/unknown"
check "each label of a window is a text of the program" "$tmp/unknown"

# ---- Keys ----
# keys LANGUAGE: "ORIGINAL<tab>TRANSLATION", ours and those that GIMP and GTK bring
keys ()
{
  local domain catalogue
  if [ "$1" = en ]; then
    sed -E 's/^([a-z0-9-]+: )?(.*)$/&\t\2/' "$tmp/placed"
    return
  fi
  labels <"po/$1.po"
  for domain in $(sed 's/: .*//' "$tmp/foreign" | sort -u); do
    catalogue=/usr/share/locale/$1/LC_MESSAGES/$domain.mo
    # A system that leaves languages out cannot tell.
    [ -f "$catalogue" ] && msgunfmt "$catalogue" | labels | sed "s/^/$domain: /"
  done
}

for language in en $(cat po/LINGUAS); do
  : >"$tmp/clashes"
  keys "$language" >"$tmp/keys"
  for window in "$tmp/windows/"*; do
    [ "${window##*/}" = none ] && continue
    LC_ALL=C sort -u "$window" | awk -F '\t' '
      NR == FNR { text[$1] = $2; next }
      $1 in text { print text[$1] }' "$tmp/keys" - |
      sed -nE 's/^(.*_([^_ ]).*)$/\L\2\E\t\1/p' | sort |
      awk -F '\t' -v window="${window##*/}" '
        $1 == key { print window ": \"" label "\" and \"" $2 "\"" }
        { key = $1; label = $2 }' >>"$tmp/clashes"
  done
  check "$language: no access key twice in a window" "$tmp/clashes"
done

echo "1..$n"
[ $failed = 0 ]
