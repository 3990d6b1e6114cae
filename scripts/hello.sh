#!/bin/sh
# From nothing to a running container: installs what is missing, builds, runs bundles/hello.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh build
make --silent -j2 dist hello-bundle
if [ "$(id -u)" != 0 ]; then
  echo "hello: the container needs root; as root: dist/tsrun run --bundle build/hello hello" >&2
  exit 1
fi
# The state lies in build/ too, so that not even an empty directory stays in /run.
exec dist/tsrun --root "$PWD/build/run" run --bundle build/hello "hello-$$"
