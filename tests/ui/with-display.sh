#!/bin/sh
# with-display.sh PROGRAM ARGUMENTS...: runs a test that needs a screen on one of its own.
if ! command -v Xvfb >/dev/null || ! command -v xvfb-run >/dev/null; then
  echo "1..0 # SKIP Xvfb is not installed"
  exit 0
fi
unset GTK2_RC_FILES DBUS_SESSION_BUS_ADDRESS
export NO_AT_BRIDGE=1 LC_ALL=C.UTF-8
exec xvfb-run -a -s "-screen 0 1920x1200x24 -nolisten tcp" "$@"
