#!/bin/sh
# Runs measure in namespaces and a cgroup of its own, in the tree of a newer Debian where there is one.
#
#   test/bench/box.sh TREE|- WORK DIST ARGUMENT...
#
# WORK (with the bundle and measure in it) and DIST are seen as /run/bench/work and /run/bench/dist; ARGUMENTs are
# measure's. The runtimes' versions are left in WORK/versions. crun needs a machine whose /sys/fs/cgroup is nothing but cgroup2, so that is what the box shows; its root
# is the box's own cgroup. The devices are the box's own too: runtimes change the owner of the nodes that are a container's
# standard input or output. Whatever is left at the end is killed and removed.
set -eu

if [ "${1:-}" = --inside ]; then
  tree=$2 work=$3 dist=$4 cgroup_leaf=$5
  shift 5
  mkdir "$cgroup_leaf/measure"
  echo $$ > "$cgroup_leaf/measure/cgroup.procs"

  if [ "$tree" = - ]; then
    tree=
  else
    # pivot_root(2) wants a mount point; a bind mount in front of the tree is one.
    mount --bind "$tree" "$tree"
    mount -t proc proc "$tree/proc"
    mount -t sysfs sysfs "$tree/sys"
  fi
  mkdir -p /tmp/bench-mounts
  mount -t tmpfs -o mode=755,size=16m tmpfs /tmp/bench-mounts
  mkdir /tmp/bench-mounts/work /tmp/bench-mounts/dist
  mount --bind "$work" /tmp/bench-mounts/work
  mount --bind "$dist" /tmp/bench-mounts/dist

  mount -t cgroup2 cgroup2 "$tree/sys/fs/cgroup"
  mount -t tmpfs -o mode=755,size=1m tmpfs "$tree/dev"
  mkdir "$tree/dev/pts" "$tree/dev/shm"
  mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts "$tree/dev/pts"
  ln -s pts/ptmx "$tree/dev/ptmx"
  ln -s /proc/self/fd "$tree/dev/fd"
  for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$tree/dev/${node%:*}" c 1 "${node#*:}"; done
  mknod -m 666 "$tree/dev/tty" c 5 0
  mount -t tmpfs -o mode=755,size=64m tmpfs "$tree/run"
  mkdir "$tree/run/bench"
  mount --rbind /tmp/bench-mounts "$tree/run/bench"
  umount -R /tmp/bench-mounts
  rmdir /tmp/bench-mounts
  mount -t tmpfs -o mode=1777,size=64m tmpfs "$tree/tmp"
  if [ -n "$tree" ]; then
    cd "$tree"
    mkdir run/bench/old
    pivot_root . run/bench/old
    umount -l /run/bench/old
    rmdir /run/bench/old
  fi
  cd /
  for runtime in "$@"; do
    case $runtime in
      *=*) printf '%s\t%s\n' "${runtime%%=*}" "$("${runtime#*=}" --version | sed -n '1s/^[a-z]* version //p')" ;;
    esac
  done > /run/bench/work/versions
  exec /run/bench/work/measure "$@"
fi

script=$(cd "$(dirname "$0")" && pwd)/box.sh
mount_point=$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup2") { print $5; exit } }' /proc/self/mountinfo)
[ -n "$mount_point" ] || { echo "the benchmark needs a cgroup2 mount" >&2; exit 1; }
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
cgroup="$mount_point${own%/}/tsrun-bench-$$"
mkdir "$cgroup"
clean() {
  echo 1 > "$cgroup/cgroup.kill"
  tries=0
  while [ -d "$cgroup" ] && [ "$tries" -lt 100 ]; do
    find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null || sleep 0.05
    tries=$((tries + 1))
  done
}
trap clean EXIT
trap 'exit 130' INT TERM

tree=$1 work=$2 dist=$3
shift 3
# The cgroup namespace begins where the shell that becomes unshare is; its root may hold no process of its own once
# a runtime hands controllers down, so the box moves into a leaf at once.
status=0
sh -c 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"' _ "$cgroup" \
  unshare --mount --pid --ipc --uts --net --cgroup --fork --kill-child --mount-proc --propagation private \
  sh "$script" --inside "$tree" "$work" "$dist" "$cgroup" "$@" || status=$?
exit "$status"
