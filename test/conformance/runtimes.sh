# Sourced, with $repository set: what the suite runs against, and which of its programs where.
# shellcheck shell=sh
runtime_path() {
  case $1 in
    tsrun) echo "$repository/dist/tsrun" ;;
    crun) echo /usr/bin/crun ;;
    runc) echo /usr/sbin/runc ;;
  esac
}

# What a view of the guest is for.
guest_programs() {
  case $1 in
    guest) echo linux_seccomp linux_process_apparmor_profile linux_mount_label linux_masked_paths linux_readonly_paths linux_sysctl ;;
    guest-v1)
      echo delete_resources delete_only_create_resources
      ls "$repository/build/conformance/suite/bin" | grep '^linux_cgroups_'
      ;;
  esac
}
