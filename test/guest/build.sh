#!/bin/sh
# Builds the two test programs, static, into DIR (default build/guest): `guest` runs in containers, `host` beside the
# runtime. CC may name another musl compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../build/guest}
arch=$(uname -m)
mkdir -p "$out"
compile() {
  "${CC:-musl-gcc}" -static -Os -std=c11 -Wall -Wextra -Werror \
    -idirafter /usr/include -idirafter "/usr/include/$arch-linux-gnu" "$@"
}
cd "$here"
compile -o "$out/guest" guest.c facts_process.c facts_files.c facts_attributes.c facts_scheduling.c acts.c calls.c loads.c watch.c json.c
compile -o "$out/host" host.c agent.c json.c
