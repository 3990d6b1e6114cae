#!/bin/sh
# From nothing to a running container: installs what is missing, builds, runs bundles/hello.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh build
make --no-print-directory -j2 dist hello-bundle
if [ "$(id -u)" != 0 ]; then
  echo "hello: the container needs root; as root: dist/tsrun run --bundle build/hello hello" >&2
  exit 1
fi
exec dist/tsrun run --bundle build/hello "hello-$$"
