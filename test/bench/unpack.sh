#!/bin/sh
# Times unpacking a large tarball by `tsrun bundle` and by GNU tar, by turns.
#
#   test/bench/unpack.sh TARBALL DIRECTORY TSRUN ROUNDS
#
# Prints a line for each sample, in measure's form. DIRECTORY is used, and empty again at the end.
set -eu
tarball=$1 directory=$2 tsrun=$3 rounds=$4
# Neither has to read it from a disk.
cat "$tarball" > /dev/null
by_tar() { mkdir "$directory/out" && tar --extract --preserve-permissions --same-owner --directory "$directory/out" --file "$tarball"; }
by_tsrun() { "$tsrun" bundle --quiet "$tarball" "$directory/out"; }
sample() {
  # What the one before has written is not to be this one's load.
  sync
  began=$(date +%s%N)
  if "by_$2"; then
    ended=$(date +%s%N)
    [ "$1" -lt 0 ] || echo "$1 unpack $2 $((ended - began))"
  else
    echo "failed unpack $2"
  fi
  rm -rf "$directory/out"
}
mkdir -p "$directory"
round=-1
while [ "$round" -lt "$rounds" ]; do
  if [ $((round % 2)) = 0 ]; then order='tar tsrun'; else order='tsrun tar'; fi
  for name in $order; do sample "$round" "$name"; done
  round=$((round + 1))
done
