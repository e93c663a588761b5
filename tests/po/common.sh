# What the tests of translations share: sourced with the programs that are needed, in the source's root.
for program in "$@"; do
  if ! command -v $program >/dev/null; then
    echo "1..0 # SKIP $program is not installed"
    exit 0
  fi
done
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

n=0 failed=0
# check NAME FILE: passes when FILE, the list of offences, is empty
check ()
{
  n=$((n + 1))
  if [ -s "$2" ]; then
    failed=1
    echo "not ok $n - $1"
    sed 's/^/# /' "$2" | head -n 40
  else
    echo "ok $n - $1"
  fi
}
