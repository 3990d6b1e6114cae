#!/bin/sh
# Packs the initramfs of the guest: busybox (whose shell finds its own applets), the modules that the guest's root
# needs, and guest/init.
#
#   test/vm/initramfs.sh KERNEL_VERSION OUTPUT
set -eu
version=$1
output=$2
here=$(cd "$(dirname "$0")" && pwd)

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$tree/bin" "$tree/modules" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/lower" "$tree/upper" "$tree/root"
cp "$(command -v busybox)" "$tree/bin/busybox"
install -m 755 "$here/guest/init" "$tree/init"

# PATH: modprobe is in sbin, which a user's PATH may lack.
PATH=$PATH:/usr/sbin:/sbin
for module in virtio_pci 9pnet_virtio 9p overlay virtio_rng virtio_console virtio_blk; do
  modprobe --set-version "$version" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
  name=$(basename "$file")
  # Compressed modules are unpacked here, so that the guest needs no decompressor.
  case $name in
    *.xz) name=${name%.xz} && xz -dc "$file" > "$tree/modules/$name" ;;
    *.zst) name=${name%.zst} && zstd -dcq "$file" > "$tree/modules/$name" ;;
    *.gz) name=${name%.gz} && gzip -dc "$file" > "$tree/modules/$name" ;;
    *) cp "$file" "$tree/modules/$name" ;;
  esac
  echo "$name" >> "$tree/modules/order"
done
[ -s "$tree/modules/order" ] || { echo "kernel $version has no modules for virtio and 9p" >&2; exit 1; }

mkdir -p "$(dirname "$output")"
(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 > "$output.$$"
mv "$output.$$" "$output"
