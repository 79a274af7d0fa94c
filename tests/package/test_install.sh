#!/bin/sh
# test_install.sh --build DIR --cc CC --libdir DIR --python EXE --python-dir DIR --lua EXE --lua-dir DIR --lua-cdir DIR:
# install into a fresh prefix and use what is there as a stranger would: nothing of the build tree is on any path.
set -eu

while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2 ;;
    --cc) cc=$2 ;;
    --libdir) libdir=$2 ;;
    --python) python=$2 ;;
    --python-dir) python_dir=$2 ;;
    --lua) lua=$2 ;;
    --lua-dir) lua_dir=$2 ;;
    --lua-cdir) lua_cdir=$2 ;;
    *)
      echo "no option '$1'" >&2
      exit 2
      ;;
  esac
  shift 2
done

here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
unset LIBIPC_HUB LD_LIBRARY_PATH PKG_CONFIG_PATH PYTHONPATH LUA_PATH LUA_CPATH

# Say nothing unless it fails.
quietly() {
  "$@" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
  }
}

quietly cmake --install "$build" --prefix "$prefix"

echo "pkg-config"
export PKG_CONFIG_PATH="$prefix/$libdir/pkgconfig"
sed -i "s|^prefix=.*|prefix=$prefix|" "$PKG_CONFIG_PATH/libipc.pc"
# shellcheck disable=SC2046 # flags are words
"$cc" -o "$work/consumer" "$here/consumer/main.c" $(pkg-config --cflags --libs libipc)
LD_LIBRARY_PATH="$prefix/$libdir" "$work/consumer"

echo "find_package"
quietly cmake -G Ninja -S "$here/consumer" -B "$work/consumer-build" \
  -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc"
quietly cmake --build "$work/consumer-build"
"$work/consumer-build/consumer"

if [ -n "$python" ]; then
  echo "Python"
  PYTHONPATH=$prefix/$python_dir "$python" -c '
import libipc, sys
assert libipc.__file__.startswith(sys.argv[1]), libipc.__file__
queue = libipc.Queue()
queue.put("hello")
assert queue.get(timeout=10) == "hello"' "$prefix"
fi

if [ -n "$lua" ]; then
  echo "Lua"
  LUA_PATH="$prefix/$lua_dir/?.lua;$prefix/$lua_dir/?/init.lua" LUA_CPATH="$prefix/$lua_cdir/?.so" "$lua" -e '
local ipc = require "libipc"
local queue = assert(ipc.Queue())
assert(queue:put("hello"))
assert(queue:get(10) == "hello")'
fi
