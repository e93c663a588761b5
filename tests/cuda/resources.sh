#!/bin/sh
# The registers, stack and spills of each kernel as nvcc made it, against the table that is kept beside
# this program.  Prints TAP.
#
#   resources.sh TABLE NVCC RESOURCES...            compares
#   resources.sh --update TABLE NVCC RESOURCES...   writes the table anew
#
# A kernel may not be missing in the table, nor spill, or need more of the stack, than there; with the
# toolkit that the table was made with, nor take 16 registers more.
set -u
update=
if [ "$1" = --update ]; then
  update=yes
  shift
fi
table=$1 nvcc=$2
shift 2
release=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
if [ "$update" ]; then
  {
    echo "# nvcc $release: architecture, kernel, registers, bytes of stack, bytes spilled"
    cat "$@" | sort -u
  } >"$table"
  exit 0
fi
offences=$(cat "$@" | sort | awk -v release="$release" -v table="$table" '
  BEGIN {
    while ((getline line < table) > 0) {
      n = split (line, f, " ")
      if (f[1] == "#") { same = f[3] == release ":"; continue }
      key = f[1] " " f[2]
      known[f[2]] = 1; registers[key] = f[3]; stack[key] = f[4]; spilled[key] = f[5]
      if (f[5] > most[f[2]]) most[f[2]] = f[5]
    }
  }
  !($2 in known) { print $1, $2 ": not in the table; resources.sh --update adds it"; next }
  {
    key = $1 " " $2
    if (!(key in registers)) { if ($5 > most[$2]) print key, "spills", $5, "bytes"; next }
    if ($5 > spilled[key]) print key, "spills", $5, "bytes, in the table", spilled[key]
    if ($4 > stack[key]) print key, "takes", $4, "bytes of stack, in the table", stack[key]
    if (same && $3 > registers[key] + 16) print key, "takes", $3, "registers, in the table", registers[key]
  }')
echo 1..1
if [ "$offences" ]; then
  echo "not ok 1 - the kernels need no more than they did"
  echo "$offences" | sed 's/^/# /'
  exit 1
fi
echo "ok 1 - the kernels need no more than they did"
