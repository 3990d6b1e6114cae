#!/bin/sh
# The end-to-end suite, in its box.
#
#   test/e2e/run.sh [--core] [--rootless] [--podman] [--engines] [VITEST ARGUMENT...]
#
# TSRUN_TEST_RUNTIME names the executable under test (default dist/tsrun); --core runs the part that is independent of
# how the runtime is packed; --rootless has a user without privileges call the runtime; --podman runs what podman does with it;
# --engines what containerd and Docker do.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
if [ "${1:-}" = --core ]; then
  shift
  TSRUN_TEST_CORE=1
  export TSRUN_TEST_CORE
fi
user=
if [ "${1:-}" = --rootless ]; then
  shift
  user=$here/rootless.sh
fi
if [ "${1:-}" = --podman ]; then
  shift
  TSRUN_TEST_PODMAN=1
  export TSRUN_TEST_PODMAN
fi
if [ "${1:-}" = --engines ]; then
  shift
  user=$here/engines.sh
  TSRUN_TEST_ENGINES=1
  export TSRUN_TEST_ENGINES
fi
guest=$repository/build/guest
if [ ! -e "$guest/host" ] || [ -n "$(find "$here/../guest" -newer "$guest/host" -name '*.[ch]')" ]; then
  sh "$here/../guest/build.sh" "$guest"
fi
cd "$repository"
exec sh "$here/box.sh" ${user:+sh "$user"} node node_modules/vitest/vitest.mjs run --config "$here/vitest.config.ts" "$@"
