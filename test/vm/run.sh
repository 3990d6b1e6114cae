#!/bin/sh
# Runs the tests, or one command, in a guest with cgroup v2 and systemd; `run.sh --help` tells how.
set -eu
# npm tells where it was called from.
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
[ "$(uname -m)" = x86_64 ] || { echo "test:vm: the guest runs on x86-64 hosts only, and this one is $(uname -m)" >&2; exit 125; }
sh "$repository/scripts/setup.sh" vm
exec "$repository"/node_modules/@oven/bun-linux-x64/bin/bun "$here/main.ts" "$@"
