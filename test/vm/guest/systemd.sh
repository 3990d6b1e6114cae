# The end of guest/init in a boot with systemd, which gets a target of our own: the least that has D-Bus, and the service
# that runs the command.
units=/root/run/systemd/system
mkdir -p $units /root/run/systemd/system-generators /root/run/systemd/journald.conf.d
# The root is the host's, but not what the host mounts and starts: no fstab, no generators, and of the units that the
# basic targets want only what is named here.
: > /root/etc/fstab
for generator in /root/lib/systemd/system-generators/* /root/etc/systemd/system-generators/*; do
  ln -sf /dev/null "/root/run/systemd/system-generators/${generator##*/}"
done
for target in sysinit basic local-fs swap sockets timers paths slices; do
  for unit in /root/etc/systemd/system/$target.target.wants/* /root/lib/systemd/system/$target.target.wants/*; do
    case ${unit##*/} in
      dbus.socket | dev-mqueue.mount | systemd-journald*.socket | systemd-journald.service | *.target | '*') ;;
      *) ln -sf /dev/null "$units/${unit##*/}" ;;
    esac
  done
done
printf '[Journal]\nStorage=volatile\nAudit=no\n' > /root/run/systemd/journald.conf.d/vm.conf
echo 7473727565742d766d0a000000000001 > /root/etc/machine-id

cat > $units/tsrun-vm.target << END
[Unit]
Requires=basic.target dbus.service
Wants=tsrun-vm.service
AllowIsolate=yes
END
# An OOM kill in a test must not end the tests; neither may a limit on their number of processes.
cat > $units/tsrun-vm.service << END
[Unit]
Requires=dbus.service
After=basic.target dbus.service
[Service]
ExecStart=/bin/sh "$harness/guest/command.sh"
Delegate=yes
KillMode=process
OOMPolicy=continue
TasksMax=infinity
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
END
exec switch_root /root /lib/systemd/systemd --unit=tsrun-vm.target
