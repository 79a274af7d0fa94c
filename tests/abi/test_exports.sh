#!/bin/sh
# test_exports.sh NM LIBRARY LIST INCLUDE_DIR: the library exports what LIST says and nothing else, and that is what the
# headers in INCLUDE_DIR declare. A symbol that goes breaks programs that were built with it; LIST makes that a decision.
set -eu
export LC_ALL=C

nm=$1
library=$2
list=$3
include_dir=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The 'A' is the version's own name. A sanitizer's symbols are not ours.
"$nm" -D --defined-only "$library" |
  awk '$2 != "A" && $3 !~ /^__(asan|ubsan|tsan|lsan|odr_asan)/ {sub(/@.*/, "", $3); print $3}' | sort >"$work/exported"

# A declaration may go over several lines: put each on one.
cat "$include_dir"/*.h | tr '\n' ' ' | tr ';' '\n' |
  sed -n 's/.*IPC_EXPORT [^(]*[ *]\(ipc_[a-z0-9_]*\) *(.*/\1/p' | sort >"$work/declared"

compare() {
  if ! diff "$list" "$work/$1" >"$work/diff"; then
    echo "$2 differ from $list (< only in the list, > only there):" >&2
    grep '^[<>]' "$work/diff" >&2
    return 1
  fi
}

status=0
grep -q . "$list" || { echo "$list is empty" >&2; exit 1; }
compare exported "the symbols that $library exports" || status=1
compare declared "the functions that the headers declare" || status=1
exit "$status"
