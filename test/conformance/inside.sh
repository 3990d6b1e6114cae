#!/bin/sh
# In a box (test/e2e/box.sh), or in the guest of npm run test:vm: runs programs of the suite against one runtime.
#
#   test/conformance/inside.sh hybrid|v2|guest|guest-v1 TREE|- RUNTIME RESULTS PROGRAM...
#
# hybrid and guest take the cgroups as they are; guest-v1 mounts every controller of cgroup v1; v2 shows a /sys/fs/cgroup that is nothing but cgroup2. TREE, a newer Debian, becomes
# the root (`/` has to be a mount: pivot_root(2)); this repository is seen in it under its own path. RUNTIME is a path in
# there. RESULTS gets PROGRAM.out, PROGRAM.err and PROGRAM.status for each (PROGRAM.1.out … where it may run several times).
set -eu

if [ "$1" = --run ]; then
  runtime=$2 results=$3
  shift 3
  cd "$(dirname "$0")/../../build/conformance/suite"
  "$runtime" --version | sed -n '1s/.* version //p' > "$results/version"
  run() {
    status=0
    RUNTIME=$runtime timeout --kill-after=5 "${TSRUN_CONFORMANCE_PATIENCE:-90}" "bin/$1" > "$results/$2.out" 2> "$results/$2.err" < /dev/null || status=$?
    echo "$status" > "$results/$2.status"
  }
  races=
  for program in "$@"; do
    case $program in
      killsig | pidfile | poststart | poststop | poststop_fail) races="$races $program" ;;
      *) run "$program" "$program" ;;
    esac
  done
  # A matter of who is faster, so at the end and again: until one run passes, at most ten. What a program
  # says of a failure is the same for all of them.
  for program in $races; do
    for number in 1 2 3 4 5 6 7 8 9 10; do
      run "$program" "$program.$number"
      [ "$(cat "$results/$program.$number.status")" != 0 ] || grep -q '^not ok\|"error"' "$results/$program.$number.out" || break
    done &
  done
  wait
  exit 0
fi

script=$(cd "$(dirname "$0")" && pwd)/inside.sh
repository=${script%/test/conformance/inside.sh}
view=$1 tree=$2
shift 2
if [ "$view" = v2 ]; then
  umount -R -l /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
elif [ "$view" = guest-v1 ]; then
  umount -R -l /sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  for controllers in cpuset cpu,cpuacct memory blkio devices freezer net_cls,net_prio hugetlb pids; do
    mkdir "/sys/fs/cgroup/$controllers"
    mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers"
  done
  for link in cpu cpuacct; do ln -s cpu,cpuacct "/sys/fs/cgroup/$link"; done
  for link in net_cls net_prio; do ln -s net_cls,net_prio "/sys/fs/cgroup/$link"; done
  mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
fi
mount -t tmpfs -o mode=1777 tmpfs /tmp
if [ "$tree" != - ]; then
  mount --bind "$tree" "$tree"
  mkdir -p "$tree$repository"
  mount --rbind "$repository" "$tree$repository"
  for place in proc sys dev run tmp; do mount --rbind "/$place" "$tree/$place"; done
  cd "$tree"
  mkdir -p run/old
  pivot_root . run/old
  cd /
  umount -l /run/old
fi
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec sh "$script" --run "$@"
