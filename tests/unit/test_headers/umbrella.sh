#!/bin/sh
# umbrella.sh DIR: DIR/ipc.h includes every other header of DIR.
set -eu

status=0
for header in "$1"/*.h; do
  name=$(basename "$header")
  if [ "$name" != ipc.h ] && ! grep -q "^#include <ipc/$name>" "$1/ipc.h"; then
    echo "ipc.h does not include <ipc/$name>: add it" >&2
    status=1
  fi
done
exit "$status"
