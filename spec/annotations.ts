/** Names of annotations that change what the runtime does. crun knows them as well, and podman writes them. */

/** The process keeps the supplementary groups of the caller. */
export const KEEP_ORIGINAL_GROUPS = 'run.oci.keep_original_groups';
/** The mount option that sets `linux.mountLabel`. */
export const MOUNT_CONTEXT_TYPE = 'run.oci.mount_context_type';
/** What begins so names a property of the container's systemd unit. */
export const SYSTEMD_PROPERTY = 'org.systemd.property.';
