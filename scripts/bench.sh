#!/bin/sh
# npm run bench: how long tsrun's commands take, beside crun's and runc's in the same minute.
#
#   npm run bench -- [--rounds N] [--json FILE] [--host]
#
# The peers come from a tree of Debian sid (scripts/peers.sh). With --host, or where no tree can be made, the machine's
# own runc is all there is to compare with. The method is told in test/bench/measure.c and test/bench/box.sh.
set -eu
repository=$(cd "$(dirname "$0")/.." && pwd)
work=$repository/build/bench/work
dist=$repository/dist
. "$repository/scripts/peers.sh"
rounds=50 json='' host=no
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --json) json=$2; shift 2 ;;
    --host) host=yes; shift ;;
    *) echo "usage: npm run bench -- [--rounds N] [--json FILE] [--host]" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "the benchmark needs root: containers are made" >&2; exit 1; }

note() { echo "bench: $*" >&2; }

sh "$repository/scripts/setup.sh" bench
mkdir -p "$work/bundles/rootfs"
if [ "$host" = no ] && make_peers_tree bench; then
  tree=$peers_tree
  # The names are of the tree; nothing of the host's decides which crun this is.
  crun=$tree/usr/bin/crun runc=$tree/usr/sbin/runc root=$tree
else
  tree=- root=
  crun='' runc=$(command -v runc || true)
  note "without a tree of peers: no crun, and the machine's own runc"
fi

echo 'int main(void) { return 0; }' > "$work/true.c"
musl-gcc -static -s -O1 -o "$work/bundles/rootfs/true" "$work/true.c"
printf '#include <unistd.h>\nint main(void) { return pause(); }\n' > "$work/pause.c"
musl-gcc -static -s -O1 -o "$work/bundles/rootfs/pause" "$work/pause.c"
musl-gcc -static -s -O1 -D_GNU_SOURCE -Wall -Wextra -Werror -o "$work/measure" "$repository/test/bench/measure.c"
bun=$repository/node_modules/@oven/bun-linux-$(uname -m | sed s/x86_64/x64/)/bin/bun
"$bun" "$repository/test/bench/bundles.ts" "$work/bundles"

set --
facts=$work/facts
printf 'kernel\t%s, %s CPUs\n' "$(uname -sr)" "$(nproc)" > "$facts"
printf 'method\tmedian of %s interleaved rounds after 5 for warming up; ratios are medians of the rounds'\'' ratios\n' "$rounds" >> "$facts"
printf 'load\t%s before\n' "$(cut -d' ' -f1 /proc/loadavg)" >> "$facts"
if [ -x "$dist/tsrun" ] && [ -x "$dist/libexec/tsrun/engine" ]; then
  set -- "$@" tsrun=/run/bench/dist/tsrun
else
  note "dist/tsrun is not there: npm run build"
fi
for peer in crun runc; do
  eval "path=\$$peer"
  [ -n "$path" ] || continue
  set -- "$@" "$peer=${path#"$root"}"
done

mkdir -p "$dist"
sh "$repository/test/bench/box.sh" "$tree" "$work" "$dist" "$rounds" 5 /run/bench/work/bundles "$@" > "$work/samples"
cat "$work/versions" >> "$facts"
if [ -x "$dist/tsrun" ]; then
  note "unpacking 200 MB by tar and by tsrun"
  "$bun" "$repository/test/bench/tarball.ts" "$work/unpack.tar"
  # In memory: how fast a disk is says nothing about either.
  unpacked=$(mktemp -d /dev/shm/tsrun-bench-XXXXXX)
  trap 'rm -rf "$unpacked" "$work/unpack.tar"' EXIT
  sh "$repository/test/bench/unpack.sh" "$work/unpack.tar" "$unpacked" "$dist/tsrun" 5 >> "$work/samples"
  rm -rf "$unpacked" "$work/unpack.tar"
  printf 'tar\t%s\n' "$(tar --version | sed -n '1s/.* //p')" >> "$facts"
fi
exec "$bun" "$repository/test/bench/report.ts" "$work/samples" "$facts" "$json"
