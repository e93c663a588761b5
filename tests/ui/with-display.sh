#!/bin/sh
# with-display.sh PROGRAM ARGUMENTS...: runs a test that needs a screen on one of its own.
if ! command -v Xvfb >/dev/null || ! command -v xvfb-run >/dev/null; then
  echo "1..0 # SKIP Xvfb is not installed"
  exit 0
fi
unset GTK2_RC_FILES DBUS_SESSION_BUS_ADDRESS
unset XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME
export NO_AT_BRIDGE=1 LC_ALL=C.UTF-8
# GTK notes in the user's folder which files were chosen, and complains where there is none.
HOME=$(mktemp -d) || exit 1
export HOME
trap 'rm -rf "$HOME"' EXIT
mkdir -p "$HOME/.local/share"
xvfb-run -a -s "-screen 0 1920x1200x24 -nolisten tcp" "$@"
