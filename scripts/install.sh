#!/bin/sh
# Puts what was built in dist/ in place, or removes it again.
#
#   scripts/install.sh install|uninstall
#
# PREFIX (default /usr/local) is where it will be used from, DESTDIR a directory that stands for `/` meanwhile. What was
# installed is listed in PREFIX/libexec/tsrun/manifest: so that a newer version takes the files of an older one along,
# and `uninstall` needs nothing but the list.
set -eu
cd "$(dirname "$0")/.."
action=${1:-}
prefix=${PREFIX:-/usr/local}
case $prefix in
  /*) ;;
  *) echo "install: PREFIX must be an absolute path, and is $prefix" >&2; exit 1 ;;
esac
to=${DESTDIR:-}${prefix%/}
manifest=$to/libexec/tsrun/manifest

# Removes what the list on standard input names, each a path below the prefix and no way out of it: files, and
# directories (with a slash at the end) where they are empty.
remove() {
  sort -r | while read -r name; do
    case /$name in
      */../*) echo "install: $manifest names $name, which is not ours to remove" >&2; exit 1 ;;
      */) rmdir "$to/$name" 2> /dev/null || true ;;
      *) rm -f "$to/$name" ;;
    esac
  done
}

# Makes the directories of a file below the prefix, and adds those that were missing to the list.
make_directories() {
  path=
  rest=$1
  while [ "${rest#*/}" != "$rest" ]; do
    path=$path${rest%%/*}/
    rest=${rest#*/}
    [ -d "$to/$path" ] || {
      mkdir "$to/$path"
      installed="$installed$path
"
    }
  done
}

case $action in
  install)
    [ -x dist/tsrun ] && [ -d dist/share ] || { echo "install: build first: npm run build" >&2; exit 1; }
    files=$(
      cd dist
      find libexec/tsrun share -type f | sort
      echo tsrun
    )
    umask 022
    mkdir -p "$to" && [ -w "$to" ] || { echo "install: $to cannot be written: run it as root, or name a PREFIX of your own" >&2; exit 1; }
    # Directories that an earlier version made are ours still.
    installed=$([ ! -e "$manifest" ] || grep '/$' "$manifest" || true)
    installed=${installed:+$installed
}
    # A container that is being made meanwhile uses the old files to the end: each is replaced whole. The launcher comes last.
    for file in $files; do
      case $file in
        tsrun) name=bin/tsrun ;;
        *) name=$file ;;
      esac
      mode=644
      [ ! -x "dist/$file" ] || mode=755
      make_directories "$name"
      # In large pieces, as the page cache is to hold the engine.
      dd "if=dist/$file" "of=$to/$name.new" bs=4M status=none
      chmod $mode "$to/$name.new"
      mv -f "$to/$name.new" "$to/$name"
      installed="$installed$name
"
    done
    if [ -e "$manifest" ]; then
      printf %s "$installed" > "$manifest.new"
      grep -vxFf "$manifest.new" "$manifest" | remove
    fi
    printf %s "$installed" > "$manifest.new"
    mv -f "$manifest.new" "$manifest"
    echo "installed $to/bin/tsrun"
    ;;
  uninstall)
    [ -e "$manifest" ] || { echo "uninstall: tsrun is not installed below $to (there is no $manifest)" >&2; exit 1; }
    list=$(cat "$manifest")
    rm -f "$manifest"
    echo "$list" | remove
    echo "removed tsrun from $to"
    ;;
  *)
    echo "usage: scripts/install.sh install|uninstall" >&2
    exit 2
    ;;
esac
