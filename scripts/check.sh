#!/bin/sh
# Everything that can be said about the sources without running them: types, format, lint, dead code, generated files,
# and the compilers' warnings (which are errors). Says all that is wrong, not only the first.
set -u
cd "$(dirname "$0")/.." || exit 1
sh scripts/setup.sh build || exit 1
bun=$(echo node_modules/@oven/bun-linux-*/bin/bun)

status=0
check() {
  what=$1
  shift
  if output=$("$@" 2>&1); then
    echo "ok      $what"
  else
    echo "FAILED  $what"
    printf '%s\n' "$output"
    status=1
  fi
}

make --silent validators || exit 1
# Tests and scripts are strict TypeScript too: one project holds all.
check types node_modules/.bin/tsc --noEmit -p .
check 'format and lint' node_modules/.bin/biome check --error-on-warnings .
check 'dead code' node_modules/.bin/knip --no-progress
check 'generated wire format' "$bun" scripts/generate-wire.ts --check
check 'C and C++ warnings' make --no-print-directory -j2 dist/tsrun dist/libexec/tsrun/init dist/libexec/tsrun/supervise dist/libexec/tsrun/tsrun.node dist/libexec/tsrun/seccomp.node dist/libexec/tsrun/archive.node test-programs
if command -v aarch64-linux-gnu-gcc > /dev/null; then
  check 'init for arm64' make --no-print-directory init-arm64
fi
exit $status
