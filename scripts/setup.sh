#!/bin/sh
# Installs what is missing on a Debian machine, and nothing else; says nothing where all is there.
#
#   scripts/setup.sh [build|test|bench|arm64|vm]      (default: build)
set -eu
cd "$(dirname "$0")/.."
profile=${1:-build}

missing=
# need PACKAGE COMMAND-OR-FILE: the package is missing where the command or file is.
need() {
  case $2 in
    /*) [ -e "$2" ] || missing="$missing $1" ;;
    *) command -v "$2" > /dev/null || missing="$missing $1" ;;
  esac
}

need make make
need gcc gcc
need g++ g++
need musl-tools musl-gcc
need libc6-dev /usr/include/stdio.h
need linux-libc-dev /usr/include/linux/openat2.h
case $profile in
  build) ;;
  test | bench)
    need util-linux unshare
    need iproute2 ip
    need procps ps
    need dbus-daemon dbus-daemon
    ;;
  arm64)
    need gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc
    need libc6-dev-arm64-cross /usr/aarch64-linux-gnu/include/stdio.h
    ;;
  vm)
    need util-linux setpriv
    need iproute2 ip
    need qemu-system-x86 qemu-system-x86_64
    need busybox-static busybox
    need cpio cpio
    need kmod /sbin/modprobe
    need e2fsprogs /sbin/mkfs.ext4
    need procps ps
    # Kills a command at a chosen system call; and the peer that a test compares with.
    need strace strace
    need crun crun
    need systemd /lib/systemd/systemd
    need dbus dbus-daemon
    # For a user's own manager and bus.
    need libpam-systemd "/lib/$(uname -m)-linux-gnu/security/pam_systemd.so"
    need dbus-user-session /usr/lib/systemd/user/dbus.socket
    need uidmap newuidmap
    # Any kernel with a root on 9p will do, and the newest is taken.
    set -- /lib/modules/*/kernel/fs/9p
    need linux-image-amd64 "$1"
    # The guest has an initramfs of its own; the host needs none for a kernel that it does not boot.
    export INITRD=No
    ;;
  *)
    echo "setup: unknown profile $profile" >&2
    exit 1
    ;;
esac
if [ "$profile" = bench ]; then
  need runc runc
fi

quietly() {
  mkdir -p build
  "$@" > build/setup.log 2>&1 < /dev/null || {
    cat build/setup.log >&2
    return 1
  }
}

install_packages() {
  # shellcheck disable=SC2086 # a list of names
  quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
}

if [ -n "$missing" ]; then
  if ! command -v apt-get > /dev/null || [ "$(id -u)" != 0 ]; then
    echo "setup: install these packages (as root, with the system's package manager):$missing" >&2
    exit 1
  fi
  echo "setup: installing$missing" >&2
  set -- /var/lib/apt/lists/*_Packages*
  [ -e "$1" ] || quietly apt-get update
  # Lists from long ago name versions that the archive no longer has.
  install_packages || { quietly apt-get update && install_packages; }
fi

node_major=$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null || echo 0)
if [ "$node_major" -lt 20 ] || ! command -v npm > /dev/null; then
  echo "setup: Node.js 20 or newer and npm are needed" >&2
  exit 1
fi
# What is installed is what this copy of the lock file says; times would lie after a checkout.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  echo "setup: installing the npm packages of package-lock.json" >&2
  # No package of ours needs its install script; bun's compiler comes as a package of its own.
  quietly npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock.json
fi
