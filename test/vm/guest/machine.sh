# Read by both kinds of boot: what a machine has before its service manager starts.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
harness=$(cat /run/vm/harness)

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t devtmpfs -o mode=755,nosuid devtmpfs /dev
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666,nosuid,noexec devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
mount -t mqueue mqueue /dev/mqueue
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
# The host's may be large, and neither is the guest's business.
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /tmp
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /var/tmp
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
echo tsrun-vm > /etc/hostname
hostname tsrun-vm
# A host that is a container itself says so here; the guest is none.
rm -f /.dockerenv
ip link set lo up
# Somebody without privileges, and ids for a user namespace of theirs.
echo 'vm:x:2000:2000::/tmp:/bin/sh' >> /etc/passwd
echo 'vm:x:2000:' >> /etc/group
echo 'vm:*:20000:0:99999:7:::' >> /etc/shadow
echo 'vm:200000:65536' > /etc/subuid
echo 'vm:200000:65536' > /etc/subgid
