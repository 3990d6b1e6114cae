# Sourced, with $repository set: the runtimes that tsrun is compared with, from a tree of Debian sid in build/bench/sid.
# (crun before 1.21 needs CAP_SYS_RESOURCE, which many machines lack.)
# shellcheck shell=sh
peers_tree=$repository/build/bench/sid

# Makes the tree where it is not there yet, with debootstrap; fails where that cannot be done. $1 says who asks.
make_peers_tree() {
  [ ! -d "$peers_tree" ] || return 0
  command -v debootstrap > /dev/null || { echo "$1: no debootstrap here (apt-get install debootstrap)" >&2; return 1; }
  echo "$1: making a tree of Debian sid with crun and runc in build/bench/sid (once, a minute or two)" >&2
  mkdir -p "$repository/build/bench"
  rm -rf --one-file-system "$peers_tree.new"
  debootstrap --variant=minbase --include=crun,runc sid "$peers_tree.new" > "$repository/build/bench/debootstrap.log" 2>&1 ||
    {
      echo "$1: debootstrap failed; see build/bench/debootstrap.log" >&2
      rm -rf --one-file-system "$peers_tree.new"
      return 1
    }
  mv "$peers_tree.new" "$peers_tree"
}
