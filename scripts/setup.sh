#!/bin/sh
# Installs what is missing on a Debian machine, and nothing else; says nothing where all is there.
#
#   scripts/setup.sh [build|test|bench|conformance|arm64|vm]      (default: build)
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
need libseccomp-dev /usr/include/seccomp.h
need zlib1g-dev /usr/include/zlib.h
need libzstd-dev /usr/include/zstd.h
case $profile in
  build) ;;
  test | bench)
    need util-linux unshare
    need iproute2 ip
    need procps ps
    need dbus-daemon dbus-daemon
    need uidmap newuidmap
    # What sandboxes have a network by, and what shows that they have it.
    need slirp4netns slirp4netns
    need passt pasta
    need iputils-ping ping
    # Kills a command at a chosen system call, and tells what the kernel was asked.
    need strace strace
    need acl setfacl
    need busybox-static busybox
    need zstd zstd
    need golang-github-containers-common /usr/share/containers/seccomp.json
    need podman podman
    need conmon conmon
    need catatonit catatonit
    # Daemons that tests start in their box, and the runtime that they have without us.
    need containerd containerd
    need docker.io dockerd
    need runc runc
    ;;
  conformance)
    need util-linux unshare
    need iproute2 ip
    need ca-certificates /usr/sbin/update-ca-certificates
    need curl curl
    need xz-utils xz
    need debootstrap debootstrap
    # What the programs of the suite are built from.
    need golang-go go
    gocode=/usr/share/gocode/src
    need golang-gocapability-dev $gocode/github.com/syndtr/gocapability
    need golang-golang-x-sys-dev $gocode/golang.org/x/sys
    for package in mrunalp/fileutils urfave/cli google/uuid hashicorp/go-multierror hashicorp/errwrap opencontainers/specs \
      opencontainers/selinux sirupsen/logrus xeipuuv/gojsonschema xeipuuv/gojsonreference xeipuuv/gojsonpointer \
      blang/semver cpuguy83/go-md2man/v2 russross/blackfriday/v2; do
      need "golang-github-$(echo $package | tr / -)-dev" $gocode/github.com/$package
    done
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
    need apparmor apparmor_parser
    need crun crun
    need runc runc
    # Those who call a runtime, and what they call beside it.
    need podman podman
    need conmon conmon
    need slirp4netns slirp4netns
    need catatonit catatonit
    need netavark /usr/lib/podman/netavark
    need aardvark-dns /usr/lib/podman/aardvark-dns
    need iptables iptables
    need golang-github-containers-common /usr/share/containers/seccomp.json
    need containerd containerd
    need docker.io dockerd
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
  need debootstrap debootstrap
fi

quietly() {
  mkdir -p build
  "$@" > build/setup.log 2>&1 < /dev/null || {
    cat build/setup.log >&2
    return 1
  }
}

# The daemons among them are for the guest: Debian's scripts start none where this file says so.
policy=/usr/sbin/policy-rc.d
install_packages() {
  made=
  if [ ! -e $policy ]; then
    made=$policy
    trap 'rm -f "$made"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 755 $policy
  fi
  status=0
  # shellcheck disable=SC2086 # a list of names
  quietly env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends $missing || status=$?
  rm -f "$made"
  return $status
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
