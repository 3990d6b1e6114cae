#!/bin/sh
# npm run conformance: the validation suite of opencontainers/runtime-tools against what was built.
#
#   npm run conformance [-- [--tsrun-only] [--guest]]
#
# Runs it against tsrun, crun and runc on the host, in both views of its cgroups (test/conformance/inside.sh), and records
# the results in recorded.json and docs/conformance.md. With --tsrun-only only tsrun runs, beside what was recorded of the
# others, and nothing is written. With --guest the programs about seccomp, AppArmor, SELinux and cgroups run in the guest of
# npm run test:vm. The last line counts what tsrun passed, what it failed though another passes it, and the rest.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
results=$repository/build/conformance/results
runtimes='tsrun crun runc' record=--record guest=
for word in "$@"; do
  case $word in
    --tsrun-only) runtimes=tsrun record= ;;
    --guest) guest=1 ;;
    *) echo 'usage: npm run conformance [-- [--tsrun-only] [--guest]]' >&2; exit 2 ;;
  esac
done
sh "$repository/scripts/setup.sh" conformance
bun=$(echo "$repository"/node_modules/@oven/bun-linux-*/bin/bun)
make --silent --directory "$repository" -j2
sh "$here/build.sh"
rm -rf "$results"
mkdir -p "$results"

. "$repository/scripts/peers.sh"
tree=-
if [ "$runtimes" != tsrun ] || [ -d "$peers_tree" ]; then
  if make_peers_tree conformance; then tree=$peers_tree; else runtimes=tsrun record=; fi
fi
. "$here/runtimes.sh"
if [ -n "$guest" ]; then
  for view in guest guest-v1; do
    # shellcheck disable=SC2046 # a list of names
    sh "$repository/test/vm/run.sh" --plain --silence 1800 sh "$here/guest.sh" --archive $view "$tree" /run/conformance "$runtimes" \
      $(guest_programs $view) > "$results/$view.tar"
    tar -C "$results" -xf "$results/$view.tar"
  done
  exec "$bun" "$here/report.ts" $record "$results" guest guest-v1
fi
programs=$(ls "$repository/build/conformance/suite/bin")
# All at once: they spend their time waiting, and each has a box of its own.
for view in hybrid v2; do
  for runtime in $runtimes; do
    mkdir -p "$results/$view-$runtime"
    # shellcheck disable=SC2086 # a list of names
    sh "$repository/test/e2e/box.sh" sh "$here/inside.sh" $view "$tree" "$(runtime_path "$runtime")" \
      "$results/$view-$runtime" $programs > "$results/$view-$runtime/log" 2>&1 &
  done
done
wait
exec "$bun" "$here/report.ts" $record "$results" hybrid v2
