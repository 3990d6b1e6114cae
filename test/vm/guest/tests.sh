#!/bin/sh
# Runs test files inside the guest: tests.sh FILE...   The report goes to the exchange directory.
set -eu
# The guest itself is the box that the end-to-end harness asks for.
TSRUN_TEST_BOX=vm
TSRUN_TEST_TMP=$(mktemp -d /var/tmp/tsrun-test-XXXXXX)
chmod 711 "$TSRUN_TEST_TMP"
TSRUN_TEST_PATIENCE=4
export TSRUN_TEST_BOX TSRUN_TEST_TMP TSRUN_TEST_PATIENCE
exec node node_modules/vitest/vitest.mjs run --config test/vm/vitest.config.ts --reporter=verbose --reporter=json \
  --outputFile.json=/run/vm/report.json "$@"
