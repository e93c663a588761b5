#!/bin/bash
# Translations: every text that a user sees is marked, every catalogue is complete, placeholders and
# mnemonics are those of the original.  Prints TAP.
#
#   po.sh SOURCE_ROOT
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$1
cd "$root" || exit 1
. "$here/common.sh" xgettext msgfmt msgcmp msgattrib msggrep

xgettext --from-code=UTF-8 -k_ -kN_ -kngettext:1,2 -c -f po/POTFILES.in -o "$tmp/moa.pot" 2>"$tmp/xgettext"
check "the marked texts can be read" "$tmp/xgettext"

grep -lE '(\b_|\bN_|ngettext) ?\("' engine/*/*.c plugin/*.c ui/*.c | LC_ALL=C sort >"$tmp/used"
LC_ALL=C sort po/POTFILES.in | diff - "$tmp/used" >"$tmp/potfiles"
check "POTFILES.in lists each file with such texts, in order" "$tmp/potfiles"

# What makes text visible takes a marked one, or none with letters in it.
grep -nE '(gtk_(label|button|check_button|radio_button|expander|menu_item|frame|tooltip)_new[a-z_]*|gimp_frame_new|gtk_(label|button|window|progress_bar|widget|menu_item)_set_(text|label|title|markup|tooltip_text)|gtk_button_new_with_[a-z]*|gimp_dialog_new|atk_object_set_(name|description)|progress_row_(say|retitle)|gtk_message_dialog_new|gtk_file_chooser_dialog_new|gimp_help_set_help_data) \([^_]*[^_(, ]*"[^"]*[[:alpha:]]{2}[^"]*"' ui/*.c |
  grep -vE '_ \("|"moa-[a-z-]*"|"%s"' >"$tmp/unmarked"
check "texts of widgets are marked" "$tmp/unmarked"

while read -r language; do
  catalogue=po/$language.po
  msgfmt --check --output-file=/dev/null "$catalogue" 2>"$tmp/format"
  check "$language: well formed, with the placeholders of the original" "$tmp/format"
  msgcmp "$catalogue" "$tmp/moa.pot" 2>"$tmp/missing"
  check "$language: complete" "$tmp/missing"
  { msgattrib --only-fuzzy "$catalogue"; msgattrib --only-obsolete "$catalogue"; } >"$tmp/stale"
  check "$language: nothing fuzzy, nothing left over" "$tmp/stale"
  # A label with an underscore needs one in each language, and only there.
  msgattrib --no-wrap --no-obsolete "$catalogue" | awk '
    /^msgid "/ { id = $0 }
    /^msgstr "/ && id != "msgid \"\"" {
      if (gsub (/_[^_ ]/, "&", id) != gsub (/_[^_ ]/, "&", $0)) print id " -> " $0
    }' >"$tmp/mnemonics"
  check "$language: mnemonics where the original has them" "$tmp/mnemonics"
done <po/LINGUAS

echo "1..$n"
[ $failed = 0 ]
