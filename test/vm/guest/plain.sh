#!/bin/sh
# Process 1 of a plain boot: nobody but the command, in the root cgroup.
. "$(cat /run/vm/harness)/guest/machine.sh"
sh "$harness/guest/command.sh"
