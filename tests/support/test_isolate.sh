#!/bin/sh
# test_isolate.sh ISOLATE: what every other test counts on. The run directory is fresh, private, short and gone afterwards;
# processes that were left behind are ended, also those that broke away; the exit status is the command's, unless a sanitizer
# found something in a process that nobody looks at.
set -eu

isolate=$1
notes=$(mktemp -d)
trap 'rm -rf "$notes"' EXIT

fail() {
  echo "$*" >&2
  exit 1
}

# shellcheck disable=SC2016 # the inner shell's own variables
LIBIPC_ADDRESS=leaked NOTES=$notes "$isolate" sh -c '
  echo "$XDG_RUNTIME_DIR" >"$NOTES/dir"
  stat -c %a "$XDG_RUNTIME_DIR" >"$NOTES/mode"
  ls -A "$XDG_RUNTIME_DIR" >"$NOTES/entries"
  echo "${LIBIPC_ADDRESS-unset}" >"$NOTES/address"
  mkdir -p "$XDG_RUNTIME_DIR/a/b"
  setsid sh -c "trap \"\" TERM; echo \$\$ >\"$NOTES/stubborn\"; while :; do sleep 600; done" &
  until [ -s "$NOTES/stubborn" ]; do sleep 0.01; done'

dir=$(cat "$notes/dir")
[ "${#dir}" -lt 20 ] || fail "$dir is too long for sockets' paths"
[ "$(cat "$notes/mode")" = 700 ] || fail "others may read the run directory"
[ ! -s "$notes/entries" ] || fail "the run directory was not empty"
[ ! -e "$dir" ] || fail "$dir was not removed"
[ "$(cat "$notes/address")" = unset ] || fail "LIBIPC_ADDRESS got through"
if kill -0 "$(cat "$notes/stubborn")" 2>/dev/null; then
  fail "a process that was left behind still runs"
fi

status=0
"$isolate" sh -c 'exit 3' || status=$?
[ "$status" -eq 3 ] || fail "exit status 3 became $status"
status=0
# shellcheck disable=SC2016
"$isolate" sh -c 'kill -ABRT $$' 2>/dev/null || status=$?
[ "$status" -eq 134 ] || fail "the end by SIGABRT became status $status"

status=0
# shellcheck disable=SC2016
"$isolate" sh -c 'echo "a leak" >"${ASAN_OPTIONS##*:log_path=}.7"' 2>"$notes/said" || status=$?
[ "$status" -eq 1 ] || fail "a sanitizer's report became status $status"
grep -q "a leak" "$notes/said" || fail "a sanitizer's report was not shown"
