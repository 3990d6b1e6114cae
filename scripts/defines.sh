#!/bin/sh
# Prints the bundler's options that tell the sources their version (runtime/version.ts), one word each.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
# A commit is told only where this directory is a repository itself, not an archive unpacked below another one.
commit=unknown
if [ -e .git ]; then
  commit=$(git rev-parse --short=12 HEAD 2> /dev/null || echo unknown)
  [ -z "$(git status --porcelain --untracked-files=no 2> /dev/null)" ] || commit=$commit-modified
fi
printf '%s\n' --define "TSRUN_VERSION='$version'" --define "TSRUN_COMMIT='$commit'"
