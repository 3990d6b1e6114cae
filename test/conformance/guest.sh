#!/bin/sh
# In the guest of npm run test:vm: runs programs of the suite against several runtimes, one after the other.
#
#   test/conformance/guest.sh [--archive] VIEW TREE|- RESULTS RUNTIMES PROGRAM...
#
# RUNTIMES are names, in one word with blanks between them; the others are as for inside.sh, and each runtime gets a
# directory VIEW-RUNTIME in RESULTS. With --archive, RESULTS goes to standard output, as a tar archive.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
. "$here/runtimes.sh"
archive=
if [ "$1" = --archive ]; then
  archive=1
  shift
fi
view=$1 tree=$2 results=$3 runtimes=$4
shift 4
# The machine is tens of times slower than the host.
TSRUN_CONFORMANCE_PATIENCE=600
export TSRUN_CONFORMANCE_PATIENCE
for runtime in $runtimes; do
  mkdir -p "$results/$view-$runtime"
  unshare --mount --propagation private \
    sh "$here/inside.sh" "$view" "$tree" "$(runtime_path "$runtime")" "$results/$view-$runtime" "$@" \
    > "$results/$view-$runtime/log" 2>&1
done
[ -z "$archive" ] || tar -C "$results" -cf - .
