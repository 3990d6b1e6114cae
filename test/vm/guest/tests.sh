#!/bin/sh
# Runs the tests of a suite inside the guest: tests.sh SUITE FILE...   The report goes to the exchange directory.
set -eu
suite=$1
shift
TSRUN_TEST_PATIENCE=4
export TSRUN_TEST_PATIENCE
# Where the end-to-end harness has its own /run, the exchange directory is out of sight.
report=$(mktemp -d /var/tmp/tsrun-report-XXXXXX)/report.json
tests() {
  status=0
  "$@" || status=$?
  [ ! -e "$report" ] || cp "$report" /run/vm/report.json
  exit "$status"
}
set -- node node_modules/vitest/vitest.mjs run --config test/vm/vitest.config.ts --reporter=verbose --reporter=json \
  --outputFile.json="$report" "$@"

if [ "$suite" = rootless ]; then
  # A user with a part of the cgroup tree that has every controller, as no service manager gives it.
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
  done
  tests sh test/e2e/box.sh sh test/e2e/rootless.sh "$@"
fi

# The guest itself is the box that the end-to-end harness asks for.
TSRUN_TEST_BOX=vm
TSRUN_TEST_TMP=$(mktemp -d /var/tmp/tsrun-test-XXXXXX)
chmod 711 "$TSRUN_TEST_TMP"
export TSRUN_TEST_BOX TSRUN_TEST_TMP
if [ "$suite" = user ]; then
  # The user of guest/init has logged in, and may limit all that a user can be allowed to.
  mkdir -p /run/systemd/system/user@.service.d
  printf '[Service]\nDelegate=cpu cpuset io memory pids\n' > /run/systemd/system/user@.service.d/delegate.conf
  systemctl daemon-reload
  systemctl start user@2000.service
  TSRUN_TEST_USER=2000
  TSRUN_TEST_USER_RUNTIME=/run/user/2000
  export TSRUN_TEST_USER TSRUN_TEST_USER_RUNTIME
fi
tests "$@"
