#!/bin/sh
# Runs the tests, or one command, in a guest with cgroup v2 and systemd; `run.sh --help` tells how.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
if [ "$(uname -m)" != x86_64 ]; then
  echo "test:vm: the guest runs on x86-64 hosts only, and this one is $(uname -m)" >&2
  exit 125
fi
sh "$repository/scripts/setup.sh" vm
# All tests test what the sources say now; parts of them, and commands, what was built last.
if [ $# -eq 0 ]; then
  make --silent --directory "$repository" -j2
  sh "$repository/scripts/setup.sh" conformance
  sh "$repository/test/conformance/build.sh"
fi
exec "$repository"/node_modules/@oven/bun-linux-x64/bin/bun "$here/main.ts" "$@"
