#!/bin/sh
# npm run bench: how long tsrun's commands take, beside crun's and runc's in the same minute.
#
#   npm run bench -- [--rounds N] [--json FILE] [--host]
#
# The peers come from a tree of Debian sid in build/bench, made once by debootstrap (crun before 1.21 needs
# CAP_SYS_RESOURCE, which many machines lack). With --host, or where no tree can be made, the machine's own runc is all
# there is to compare with. The method is told in
# test/bench/measure.c and test/bench/box.sh.
set -eu
repository=$(cd "$(dirname "$0")/.." && pwd)
work=$repository/build/bench/work
tree=$repository/build/bench/sid
dist=$repository/dist
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

make_tree() {
  command -v debootstrap > /dev/null || { note "no debootstrap here (apt-get install debootstrap)"; return 1; }
  note "making a tree of Debian sid with crun and runc in build/bench/sid (once, a minute or two)"
  rm -rf --one-file-system "$tree.new"
  debootstrap --variant=minbase --include=crun,runc sid "$tree.new" > "$repository/build/bench/debootstrap.log" 2>&1 ||
    { note "debootstrap failed; see build/bench/debootstrap.log"; rm -rf --one-file-system "$tree.new"; return 1; }
  mv "$tree.new" "$tree"
}

mkdir -p "$work/bundle/rootfs"
if [ "$host" = no ] && { [ -d "$tree" ] || make_tree; }; then
  # The names are of the tree; nothing of the host's decides which crun this is.
  crun=$tree/usr/bin/crun runc=$tree/usr/sbin/runc root=$tree
else
  tree=- root=
  crun='' runc=$(command -v runc || true)
  note "without a tree of peers: no crun, and the machine's own runc"
fi

echo 'int main(void) { return 0; }' > "$work/true.c"
musl-gcc -static -s -O1 -o "$work/bundle/rootfs/true" "$work/true.c"
musl-gcc -static -s -O1 -D_GNU_SOURCE -Wall -Wextra -Werror -o "$work/measure" "$repository/test/bench/measure.c"
cp "$repository/test/bench/config.json" "$work/bundle/config.json"

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
sh "$repository/test/bench/box.sh" "$tree" "$work" "$dist" "$rounds" 5 /run/bench/work/bundle "$@" > "$work/samples"
cat "$work/versions" >> "$facts"
bun=$repository/node_modules/@oven/bun-linux-$(uname -m | sed s/x86_64/x64/)/bin/bun
exec "$bun" "$repository/test/bench/report.ts" "$work/samples" "$facts" "$json"
