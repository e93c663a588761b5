# What the tests in GIMP share: a home of its own with the plug-in and the tests' own one, TAP, and questions
# to GIMP through its Script-Fu server.  To be sourced, with this environment:
#   MOA_PLUGIN       the plug-in's executable
#   MOA_TEST_PLUGIN  the tests' own plug-in, from moa-test.c
#   MOA_TEST_MODEL   a model folder
#   MOA_TEST_OUT     where to leave logs and files to look at (default: nowhere)
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
pictures=$MOA_TEST_MODEL/pictures
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
out=${MOA_TEST_OUT:-$work/out}
profile=$work/gimp
mkdir -p "$out"
unset XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME
# babl takes the conversion of colours that is fastest at the moment, and some round otherwise: exact ones only.
export BABL_TOLERANCE=0
export HOME=$work LC_ALL=C GIMP2_DIRECTORY=$profile MOA_MODEL=$MOA_TEST_MODEL

# make_profile FOLDER: of GIMP, with both plug-ins
make_profile ()
{
  mkdir -p "$1/plug-ins/moa-gimp" "$1/plug-ins/moa-test"
  cp "$MOA_PLUGIN" "$1/plug-ins/moa-gimp/moa-gimp"
  cp "$MOA_TEST_PLUGIN" "$1/plug-ins/moa-test/moa-test"
}
make_profile "$profile"

# ---- TAP ----
n=0 failed=0
# What there is to say of a check that failed; tests have their own.
complain () { :; }
# check NAME COMMAND...
check ()
{
  local name=$1
  shift
  n=$((n + 1))
  if "$@"; then
    echo "ok $n - $name"
  else
    failed=$((failed + 1))
    echo "not ok $n - $name"
    complain
  fi
}

bail_out ()
{
  echo "Bail out! $1"
  exit 1
}

# The plan, and whether all passed.
end ()
{
  echo "1..$n"
  [ $failed = 0 ]
  exit
}

# ---- Script-Fu's server ----
port=$((20000 + $$ % 20000))
# fu SCRIPT: its value, by the server's protocol: 'G' and two bytes of length; then the same with
# a byte for errors between.  Fails if there is none.
fu ()
{
  local script=$1 length=${#1} status
  exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf "G\\x$(printf %02x $((length / 256)))\\x$(printf %02x $((length % 256)))%s" "$script" >&9
  head -c 4 <&9 | od -An -tu1 | {
    read -r _ error high low
    head -c $((high * 256 + low)) <&9
    [ "$error" = 0 ]
  }
  status=$?
  exec 9>&-
  return $status
}
fu_true () { [ "$(fu "(if $1 1 0)")" = 1 ]; }
