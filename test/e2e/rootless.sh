#!/bin/sh
# Runs a command in the box with somebody there who has no privileges, but ranges of ids and a part of the cgroup tree:
#
#   test/e2e/box.sh test/e2e/rootless.sh COMMAND [ARGUMENT...]
#
# The command itself runs as root; TSRUN_TEST_USER in its environment tells who calls the runtime.
set -eu
uid=60001
# Files of our own over those of the machine, in the mount namespace of the box.
if [ ! -e /etc/subuid ] || [ ! -e /etc/subgid ] || ! command -v newuidmap > /dev/null; then
  echo "skipped: the rootless suite needs newuidmap (package uidmap), /etc/subuid and /etc/subgid"
  exit 0
fi
files=$TSRUN_TEST_TMP/etc
mkdir "$files"
printf 'root:x:0:0::/root:/bin/sh\ntsruntest:x:%s:%s::/:/bin/sh\n' "$uid" "$uid" > "$files/passwd"
printf 'root:x:0:\ntsruntest:x:%s:\n' "$uid" > "$files/group"
echo 'tsruntest:100000:65536' > "$files/subuid"
cp "$files/subuid" "$files/subgid"
for file in passwd group subuid subgid; do
  chmod 644 "$files/$file"
  mount --bind "$files/$file" "/etc/$file"
done
# The box's cgroup becomes the user's, as a service manager would delegate it, with all controllers: the kernel lets nobody
# enable that of cpusets where it has processes of others. (Where v2 is mounted, box.sh knows.)
unified=$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup2") at = $5 } END { print at }' /proc/self/mountinfo)
for controller in $(cat "$unified/cgroup.controllers"); do
  echo "+$controller" > "$unified/cgroup.subtree_control"
done
for file in "$unified" "$unified/caller" "$unified/cgroup.procs" "$unified/cgroup.threads" "$unified/cgroup.subtree_control"; do
  chown "$uid:$uid" "$file"
done
TSRUN_TEST_USER=$uid
export TSRUN_TEST_USER
exec "$@"
