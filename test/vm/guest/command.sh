#!/bin/sh
# Runs the command that the host left in the exchange directory, leaves its status there, and switches the machine off.
#
# Its output goes to the host through a port each for standard output and error. A port can be opened only once, so the
# command gets pipes, which it may open again as /dev/stdout.
vm=/run/vm
# The device of the port of this name.
port() {
  for name in /sys/class/virtio-ports/*/name; do
    if [ "$(cat "$name")" = "$1" ]; then basename "$(dirname "$name")"; fi
  done
}
mkfifo -m 600 /run/vm.out /run/vm.err
cat /run/vm.out > "/dev/$(port stdout)" &
out=$!
cat /run/vm.err > "/dev/$(port stderr)" &
err=$!
status=0
: > "$vm/started"
sh "$vm/command" < /dev/null > /run/vm.out 2> /run/vm.err || status=$?
# A daemon of the command may hold the pipes for ever.
(sleep 2; kill "$out" "$err") 2> /dev/null &
wait "$out" "$err"
echo "$status" > "$vm/status"
echo o > /proc/sysrq-trigger
# The machine goes off meanwhile; were this process 1, its end would be a panic.
sleep 60
