# The end of guest/init in a plain boot: process 1 runs the command, in the root cgroup, and there is nobody else.
exec switch_root /root /bin/sh "$harness/guest/command.sh"
