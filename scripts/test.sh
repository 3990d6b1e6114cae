#!/bin/sh
# Builds, and runs the tests; the last line counts them.
#
#   scripts/test.sh [SUITE...]      SUITE: unit native e2e rootless podman engines node (default: all seven)
#
#   unit    decisions, without privileges; golden plans
#   native  the launcher, the addon and init, each alone
#   e2e     the built executable on real bundles
#   rootless  the part of e2e that makes sense for a caller without privileges, called by one
#   podman  podman and conmon with the built executable as their runtime
#   engines  containerd and Docker with it, beside runc
#   node    the core of e2e again, with Node in the engine's place
#
# All but unit need root, and run in a box of their own (test/e2e/box.sh).
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || set -- unit native e2e rootless podman engines node

sh scripts/setup.sh test || exit 1
make --silent -j2 || exit 1

reports=$PWD/build/test
rm -rf "$reports"
mkdir -p "$reports"
status=0
# run SUITE COMMAND...: the command, which hands vitest's arguments on.
run() {
  suite=$1
  shift
  echo "== $suite"
  "$@" --reporter=default --reporter=json "--outputFile.json=$reports/$suite.json" < /dev/null || status=1
}
vitest=node_modules/vitest/vitest.mjs

files=
for suite in "$@"; do
  files="$files $reports/$suite.json"
  case $suite in
    unit) run unit node $vitest run --project unit ;;
    native) run native sh test/e2e/box.sh node $vitest run --project native ;;
    e2e) run e2e sh test/e2e/run.sh ;;
    rootless) run rootless sh test/e2e/run.sh --rootless ;;
    podman) run podman sh test/e2e/run.sh --podman ;;
    engines) run engines sh test/e2e/run.sh --engines ;;
    node) run node env TSRUN_TEST_RUNTIME=dist/node/tsrun sh test/e2e/run.sh --core ;;
    *)
      echo "test: unknown suite $suite" >&2
      exit 1
      ;;
  esac
done
# shellcheck disable=SC2086 # a list of files
node_modules/@oven/bun-linux-*/bin/bun scripts/count-tests.ts $files || status=1
exit $status
