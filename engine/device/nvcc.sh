#!/bin/sh
# Runs nvcc and keeps what its assembler tells of each kernel: registers, spills.
#
#   nvcc.sh TABLE NVCC ARGUMENT...
#
# TABLE: a line "ARCHITECTURE KERNEL REGISTERS STACK SPILLED" (bytes) for each kernel.
set -eu
table=$1
shift
log=$table.log
if ! "$@" -Xptxas -v >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
# Warnings of nvcc are errors; what is left is ptxas'.
awk '
  /Compiling entry function/ { split ($0, q, "\047"); kernel = q[2]; arch = q[4] }
  /bytes stack frame/ { stack = $1; spilled = $5 + $9 }
  /Used [0-9]+ registers/ {
    for (i = 1; i < NF; i++) if ($i == "Used") registers = $(i + 1)
    print arch, kernel, registers, stack + 0, spilled + 0
  }' "$log" | sort >"$table"
rm -f "$log"
