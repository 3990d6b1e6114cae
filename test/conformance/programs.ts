/** What has to be known about single programs of the validation suite to read the table. */

/** Programs that ask for what the specification forbids, or forbid what it asks for, with its sentence. */
export const CONTRADICTIONS: Readonly<Record<string, string>> = {
  delete:
    'wants `delete` of a container that was created, but not started, to fail. runtime.md, “Delete”, says so too (“Attempting to `delete` a container that is not `stopped` MUST have no effect on the container and MUST generate an error”), but podman, containerd and CRI-O rely on it, and every runtime does it.',
  linux_mount_label:
    'sets `linux.mountLabel` and looks at nothing; a pass means that a label was ignored on a host without SELinux. config.md, “Valid values”: “Runtimes MUST generate an error when invalid or unsupported values are encountered.”',
  linux_process_apparmor_profile:
    'sets a profile that does not exist and looks at nothing; a pass means that the profile was ignored on a host without AppArmor. config.md, “Valid values”: “Runtimes MUST generate an error when invalid or unsupported values are encountered.”',
  poststart_fail:
    'wants a failing `poststart` hook to be a warning. runtime.md, “Lifecycle”: “If any `poststart` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12.”',
  prestart:
    'wants `prestart` hooks to run after `start`. config.md, “Prestart”: “The `prestart` hooks MUST be called as part of the `create` operation”.',
  process_capabilities_fail:
    'wants an unknown capability to be an error. config.md, “Linux Process”: “Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be logged as a warning by the runtime.”',
  start:
    'wants `create` and `start` to succeed without `process`. runtime.md, “Start”: “This operation MUST generate an error if `process` was not set.”',
};

/** Programs that no runtime can pass, and why. */
export const UNREACHABLE: Readonly<Record<string, string>> = {
  hooks: 'its expected text lacks a word in each line.',
  linux_cgroups_blkio: 'wants files of cgroup v1 (`blkio.leaf_weight`) that kernels no longer have.',
  linux_cgroups_hugetlb: 'wants files of cgroup v1, for page sizes that the host may lack.',
  linux_cgroups_memory: 'wants `memory.kmem.*` of cgroup v1, which kernels no longer have.',
  linux_cgroups_network: 'wants `net_cls` and `net_prio` of cgroup v1.',
  linux_cgroups_relative_blkio: 'as linux_cgroups_blkio.',
  linux_cgroups_relative_hugetlb: 'as linux_cgroups_hugetlb.',
  linux_cgroups_relative_memory: 'as linux_cgroups_memory.',
  linux_cgroups_relative_network: 'as linux_cgroups_network.',
  misc_props: 'runs a program that is not in its bundle.',
  process_capabilities: 'cannot have CAP_SYS_RESOURCE where the caller lacks it.',
  process_rlimits: 'compares with a limit that its own language’s runtime has raised.',
};

/**
 * Programs that pass where something is slow enough: a container’s `true` is still there two calls of the runtime later. So
 * they run up to ten times, and are compared with the peers only in the same run.
 */
export const RACES: ReadonlySet<string> = new Set(['killsig', 'pidfile', 'poststart', 'poststop', 'poststop_fail']);
