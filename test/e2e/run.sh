#!/bin/sh
# The end-to-end suite, in its box.
#
#   test/e2e/run.sh [--core] [VITEST ARGUMENT...]
#
# TSRUN_TEST_RUNTIME names the executable under test (default dist/tsrun); --core runs the part that is independent of
# how the runtime is packed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
if [ "${1:-}" = --core ]; then
  shift
  TSRUN_TEST_CORE=1
  export TSRUN_TEST_CORE
fi
guest=$repository/build/guest
if [ ! -e "$guest/host" ] || [ -n "$(find "$here/../guest" -newer "$guest/host" -name '*.[ch]')" ]; then
  sh "$here/../guest/build.sh" "$guest"
fi
cd "$repository"
exec sh "$here/box.sh" node node_modules/vitest/vitest.mjs run --config "$here/vitest.config.ts" "$@"
