#!/bin/sh
# Builds the validation suite of opencontainers/runtime-tools in build/conformance/suite: a directory with the programs in
# bin/, and runtimetest and the root file system beside them. Once; then it has nothing to do.
#
# The sources are Debian's source package, from the mirror that apt uses; the libraries are Debian's Go packages. The one
# library that Debian lacks has a stand-in in tap/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
work=$repository/build/conformance
suite=$work/suite
package=golang-github-opencontainers-runtime-tools
version=0.9.0.109.ge931285
sha256=203989a1ea98cf2aaced79155bbda09270b20db19b03376dde91ab12e5e6a0fe

[ ! "$suite/bin" -nt "$here/tap/tap.go" ] || exit 0
rm -rf "$suite" "$suite.new" "$work/go"
mkdir -p "$work"

archive=$work/${package}_$version.orig.tar.xz
if [ ! -e "$archive" ]; then
  echo "conformance: fetching the sources of runtime-tools $version" >&2
  mirrors=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | sort -u)
  for mirror in $mirrors; do
    if curl --silent --show-error --fail --location --output "$archive.new" \
      "$mirror/pool/main/g/$package/${archive##*/}"; then break; fi
  done
  echo "$sha256  $archive.new" | sha256sum --quiet --check
  mv "$archive.new" "$archive"
fi

echo "conformance: building the programs (once, half a minute)" >&2
source=$work/go/src/github.com/opencontainers/runtime-tools
mkdir -p "$source" "$work/go/src/github.com/mndrix" "$suite.new/bin"
tar -C "$source" -xf "$archive" --strip-components=1
cp -r "$here/tap" "$work/go/src/github.com/mndrix/tap-go"
(
  cd "$source"
  export GO111MODULE=off CGO_ENABLED=0 GOFLAGS= GOPATH="$work/go:/usr/share/gocode" GOCACHE="$work/go/cache"
  go build -tags 'netgo osusergo' -o "$suite.new/bin/" $(find validation -name '*.go' -not -path '*/util/*' -printf './%h\n' | sort -u)
  go build -tags 'netgo osusergo' -o "$suite.new/" ./cmd/runtimetest
)
cp "$source"/rootfs-*.tar.gz "$suite.new/"
rm -rf "$work/go"
mv "$suite.new" "$suite"
