#!/bin/sh
# Runs a command in a box, so that nothing a runtime does wrong can reach the machine: mount, pid, ipc, uts, net and
# cgroup namespaces of its own, a cgroup subtree of its own, a private /dev and /run. What is left in the box when the
# command ends is killed and removed with it.
#
#   test/e2e/box.sh COMMAND [ARGUMENT...]
set -eu

if [ "${1:-}" = --inside ]; then
  shift
  # The cgroup hierarchies anew: their roots are now the box's own cgroups. (A hierarchy that cannot be mounted again
  # stays hidden; what no runtime can see, none can use.)
  remount_cgroups() {
    awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/) print $(i + 1), $5, $(i + 3) }' /proc/self/mountinfo |
      while read -r type at options; do
        umount "$at"
        case $type in
          cgroup2) mount -t cgroup2 cgroup2 "$at" ;;
          cgroup)
            controllers=$(printf %s "$options" | tr , '\n' | grep -vxE 'rw|ro|xattr|clone_children' | paste -sd, -)
            mount -t cgroup -o "$controllers" cgroup "$at" || true
            ;;
        esac
      done
  }
  remount_cgroups

  mount -t tmpfs -o mode=755,size=64m tmpfs /run
  # Devices of our own: runtimes change the owner of the nodes that are a container's standard input or output.
  mount -t tmpfs -o mode=755,size=1m tmpfs /dev
  mkdir /dev/pts /dev/shm /dev/mqueue
  mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts /dev/pts
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  mount -t mqueue mqueue /dev/mqueue
  ln -s pts/ptmx /dev/ptmx
  ln -s /proc/self/fd /dev/fd
  for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "/dev/${node%:*}" c 1 "${node#*:}"; done
  mknod -m 666 /dev/tty c 5 0
  mkdir /dev/net
  mknod -m 666 /dev/net/tun c 10 200
  ip link set lo up 2> /dev/null || true

  # Not exec: this shell is pid 1 of the box and has to reap what its containers leave.
  status=0
  "$@" || status=$?
  exit "$status"
fi

[ "$(id -u)" = 0 ] || { echo "the end-to-end tests need root" >&2; exit 1; }
script=$(cd "$(dirname "$0")" && pwd)/box.sh
# A cgroup of the box's own in every hierarchy: what a runtime there takes for `/` is not the machine's.
cgroups=$(
  awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/) print $5, $(i + 1), $(i + 3) }' /proc/self/mountinfo |
    while read -r at type options; do
      if [ "$type" = cgroup2 ]; then
        own=$(sed -n 's/^0:://p' /proc/self/cgroup)
      else
        name=$(printf %s "$options" | tr , '\n' | grep -vxE 'rw|ro|xattr|clone_children' | head -n 1)
        own=$(awk -F: -v name="$name" '{ n = split($2, list, ","); for (i = 1; i <= n; i++) if (list[i] == name) print $3 }' /proc/self/cgroup)
      fi
      echo "$at${own%/}/tsrun-test-$$"
    done
)
[ -n "$cgroups" ] || { echo "the end-to-end tests need a cgroup2 mount" >&2; exit 1; }
runs=$(ls -d /run/tsrun* /run/netns/* 2> /dev/null) || true
TSRUN_TEST_TMP=$(mktemp -d /var/tmp/tsrun-test-XXXXXX)
# The root of a user namespace has to pass.
chmod 711 "$TSRUN_TEST_TMP"
export TSRUN_TEST_TMP TSRUN_TEST_BOX=$$

clean() {
  for cgroup in $cgroups; do
    [ ! -e "$cgroup/cgroup.kill" ] || echo 1 > "$cgroup/cgroup.kill"
    tries=0
    while [ -d "$cgroup" ] && [ "$tries" -lt 100 ]; do
      find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null || sleep 0.05
      tries=$((tries + 1))
    done
  done
  rm -rf --one-file-system "$TSRUN_TEST_TMP"
  # The machine itself, seen from outside the box.
  left=$(
    for place in $cgroups "$TSRUN_TEST_TMP"; do [ ! -e "$place" ] || echo "$place"; done
    grep -F "$TSRUN_TEST_TMP" /proc/self/mountinfo || true
    [ "$runs" = "$(ls -d /run/tsrun* /run/netns/* 2> /dev/null)" ] || echo "files under /run"
  )
  [ -z "$left" ] || { echo "left on the machine: $left" >&2; exit 1; }
}
trap clean EXIT
trap 'exit 130' INT TERM
for cgroup in $cgroups; do
  mkdir "$cgroup"
  # A cpuset of version 1 begins empty, and then takes no process.
  for file in cpuset.cpus cpuset.mems; do
    if [ -e "$cgroup/../$file" ] && [ -z "$(cat "$cgroup/$file")" ]; then cat "$cgroup/../$file" > "$cgroup/$file" || true; fi
  done
done

# The shell that becomes unshare enters the cgroups first, so that the cgroup namespace begins there; then it goes one
# further down in version 2, where a cgroup with processes of its own can have no controllers for its children.
unified=$(for cgroup in $cgroups; do [ ! -e "$cgroup/cgroup.type" ] || echo "$cgroup"; done)
status=0
# shellcheck disable=SC2086 # a list of directories without blanks
sh -c 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"' _ $cgroups -- \
  unshare --cgroup \
  sh -c 'mkdir "$1/caller"; echo $$ > "$1/caller/cgroup.procs"; shift; exec "$@"' _ "$unified" \
  unshare --mount --pid --ipc --uts --net --fork --kill-child --mount-proc --propagation private \
  sh "$script" --inside "$@" || status=$?
exit "$status"
