#!/bin/sh
# The house keeps its order: which folder may include which, what the engine may not do, and
# that the public header stands alone.  Prints TAP.
#
#   layering.sh SOURCE_ROOT ENGINE_LIBRARY CC CXX
set -u
root=$1 library=$(realpath "$2") cc=$3 cxx=$4
cd "$root" || exit 1
count=0
failed=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# result NAME FILE: passes when FILE, the list of offences, is empty.
result ()
{
  count=$((count + 1))
  if [ -s "$2" ]; then
    echo "not ok $count - $1"
    sed 's/^/# /' "$2"
    failed=1
  else
    echo "ok $count - $1"
  fi
}

sources ()
{
  find "$@" -name '*.[ch]' -o -name '*.cu' | sort
}

# The text of C files without comments and strings, as FILE:LINE:TEXT.
code ()
{
  awk '
    FNR == 1 { comment = 0 }
    {
      line = $0
      out = ""
      while (line != "") {
        if (comment) {
          end = index (line, "*/")
          if (end == 0) break
          line = substr (line, end + 2); comment = 0
        } else if (match (line, /"([^"\\]|\\.)*"|\/\/.*|\/\*|'"'"'([^'"'"'\\]|\\.)+'"'"'/)) {
          out = out substr (line, 1, RSTART - 1)
          token = substr (line, RSTART, RLENGTH)
          line = substr (line, RSTART + RLENGTH)
          if (token == "/*") comment = 1
        } else {
          out = out line
          line = ""
        }
      }
      print FILENAME ":" FNR ":" out
    }' $(sources "$@")
}

# Lists each include of another folder of engine/ by a folder that may not know it.
# Arguments: the folder, then those it may include.
check_arrows ()
{
  folder=$1
  shift
  grep -Hn '^ *# *include *"' $(sources "engine/$folder") /dev/null |
    awk -F '"' -v folder="$folder" -v allowed="moa.h $folder $*" '
      BEGIN { n = split (allowed, list, " "); for (i = 1; i <= n; i++) ok[list[i]] = 1 }
      { split ($2, path, "/"); if (!(path[1] in ok) && !($2 in ok)) print $0 }'
}

{
  check_arrows base
  check_arrows io base
  check_arrows text base io
  check_arrows device base
  check_arrows graph base io device ops/op.h  # the one table of ops is all the graph sees of them
  check_arrows ops base io device graph
  check_arrows nets base io text device graph ops
  check_arrows sample base io text device graph ops
  check_arrows jobs base io text device graph ops nets sample
  check_arrows train base io text device graph ops nets sample
  check_arrows evaluate base io text device graph ops nets sample jobs train
  check_arrows cli base io text device graph ops nets sample jobs train evaluate
} >"$tmp/arrows"
result "engine: arrows between folders point one way" "$tmp/arrows"

# A folder that check_arrows does not know would go unchecked.
find engine -mindepth 2 -name '*.[ch]' | awk -F / '{ print $2 }' | sort -u |
  grep -v -x -E 'base|io|text|device|graph|ops|nets|sample|jobs|train|evaluate|cli' >"$tmp/folders"
result "engine: every folder has its place" "$tmp/folders"

grep -Hn -i -E '^ *# *include *[<"](lib)?(gimp|gtk|gdk|gegl|babl)' $(sources engine) |
  grep -v -E '^engine/(cli|train)/[^:]*:[0-9]*:#include <gdk-pixbuf/gdk-pixbuf.h>$' >"$tmp/host"
result "engine: knows nothing of GIMP and GTK (command line and trainer read files with gdk-pixbuf)" \
       "$tmp/host"

# "job.h" is a neighbour of the file, "plugin/job.h" a file of that folder; "jobs/job.h" is neither.
for folder in plugin ui; do
  [ -d $folder ] || continue
  grep -Hn '^ *# *include *"' $(sources $folder) /dev/null | awk -F '"' -v folder=$folder '
    $2 != "moa.h" && $2 != "icon.h" {  # icon.h is made by the build
      path = $2 ~ /^(plugin|ui)\// ? $2 : folder "/" $2
      if (path !~ /^(plugin|ui)\/[^\/]*$/ || system ("test -e " path) != 0)
        print $0
    }'
done >"$tmp/host-side"
result "plugin, ui: of the engine they include moa.h alone" "$tmp/host-side"

code $(find engine -mindepth 1 -maxdepth 1 -type d ! -name cli) >"$tmp/code"
grep -E '(^|[^A-Za-z0-9_])(v?f?printf|puts|fputs|putchar|fputc|perror|exit|_exit|abort|raise|g_print|g_printerr|g_message|g_warning|g_critical|g_error|g_log|g_info|g_debug|g_on_error_query|err|errx|warn|warnx) *\(' \
  "$tmp/code" >"$tmp/prints"
grep -E '(^|[^A-Za-z0-9_])(stdout|stderr)([^A-Za-z0-9_]|$)' "$tmp/code" >>"$tmp/prints"
result "engine: a library, it neither prints nor ends the process" "$tmp/prints"

flags=$(pkg-config --cflags gio-2.0)
printf '#include "moa.h"\nint moa_header_alone;\n' >"$tmp/alone.c"
cp "$tmp/alone.c" "$tmp/alone.cc"
$cc -std=c99 -Wall -Wextra -Werror -Iengine $flags -fsyntax-only "$tmp/alone.c" >"$tmp/c" 2>&1 ||
  [ -s "$tmp/c" ] || echo "the compiler failed" >"$tmp/c"
result "moa.h: compiles alone as C" "$tmp/c"
$cxx -std=c++11 -Wall -Wextra -Werror -Iengine $flags -fsyntax-only "$tmp/alone.cc" >"$tmp/cc" 2>&1 ||
  [ -s "$tmp/cc" ] || echo "the compiler failed" >"$tmp/cc"
result "moa.h: compiles alone as C++" "$tmp/cc"

$cc -E -Iengine $flags engine/moa.h |
  grep -o -E '(^|[^A-Za-z0-9_])moa_[a-z0-9_]+ *\(' | grep -o -E 'moa_[a-z0-9_]+' | sort -u >"$tmp/declared"
nm --defined-only -g "$library" 2>/dev/null | awk '$2 == "T" { print $3 }' | sort -u >"$tmp/defined"
[ -s "$tmp/declared" ] || echo "moa.h declares no function" >"$tmp/undefined"
comm -23 "$tmp/declared" "$tmp/defined" >>"$tmp/undefined"
result "moa.h: the library defines every function that it declares" "$tmp/undefined"

echo "1..$count"
exit $failed
