/**
 * The mount options of config.md, "Linux mount options", in the terms of the kernel's newer mount interface:
 * what belongs to one mount (mount_setattr), what to the superblock (fsconfig), and what is an order to the runtime.
 */

/** `MOUNT_ATTR_*` of linux/mount.h. ATIME is the mask of a field with three values, of which RELATIME is 0. */
export const MOUNT_ATTR = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  ATIME: 0x70,
  RELATIME: 0x00,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  IDMAP: 0x100000,
  NOSYMFOLLOW: 0x200000,
} as const;

/** The propagation types: `MS_*` of linux/mount.h, as mount(2) and mount_setattr(2) both take them. */
export const PROPAGATION = { UNBINDABLE: 1 << 17, PRIVATE: 1 << 18, SLAVE: 1 << 19, SHARED: 1 << 20 } as const;

/** What one option asks for. Later options win over earlier ones: clear before set, in the order of the configuration. */
export type MountOption =
  /**
   * A property of the mount. `clear` is removed, then `set` added; an access-time option always clears the whole field, which is
   * what mount_setattr demands. `recursive`: of every mount below too (`rro` …). `superblock`: what a newly made
   * filesystem gets as well, as with mount(2), where `ro` means both.
   */
  | {
      readonly kind: 'attribute';
      readonly set: number;
      readonly clear: number;
      readonly recursive: boolean;
      readonly superblock?: SuperblockFlag;
    }
  /** A property of the filesystem as a whole; no meaning for a bind mount. */
  | ({ readonly kind: 'superblock' } & SuperblockFlag)
  /** Mount propagation; `flags` is one value of PROPAGATION. */
  | { readonly kind: 'propagation'; readonly flags: number; readonly recursive: boolean }
  /** The mount is a bind mount of `source`. */
  | { readonly kind: 'bind'; readonly recursive: boolean }
  /** Change the mount that is already at `destination`. */
  | { readonly kind: 'remount' }
  /** Copy what lies under the mount point into the new tmpfs. */
  | { readonly kind: 'tmpcopyup' }
  /** Map the ids of the mount; `recursive` for `ridmap`. */
  | { readonly kind: 'idmap'; readonly recursive: boolean }
  /** Known and without effect: `defaults`, and `silent`/`loud`, which only steer what the kernel logs. */
  | { readonly kind: 'ignored' };

/** A flag of the superblock. */
export interface SuperblockFlag {
  /** The name for fsconfig(FSCONFIG_SET_FLAG) that says it; undefined where only mount(2) can. */
  readonly parameter: string | undefined;
  /** The `MS_*` bit of mount(2). */
  readonly msFlag: number;
  /** Whether the option switches it on or off. */
  readonly value: boolean;
}

/** All options that `mountOption` knows, sorted. */
export const MOUNT_OPTIONS: readonly string[] = [
  'async',
  'atime',
  'bind',
  'defaults',
  'dev',
  'diratime',
  'dirsync',
  'exec',
  'idmap',
  'iversion',
  'lazytime',
  'loud',
  'mand',
  'noatime',
  'nodev',
  'nodiratime',
  'noexec',
  'noiversion',
  'nolazytime',
  'nomand',
  'norelatime',
  'nostrictatime',
  'nosuid',
  'nosymfollow',
  'private',
  'ratime',
  'rbind',
  'rdev',
  'rdiratime',
  'relatime',
  'remount',
  'rexec',
  'ridmap',
  'rnoatime',
  'rnodev',
  'rnodiratime',
  'rnoexec',
  'rnorelatime',
  'rnostrictatime',
  'rnosuid',
  'rnosymfollow',
  'ro',
  'rprivate',
  'rrelatime',
  'rro',
  'rrw',
  'rshared',
  'rslave',
  'rstrictatime',
  'rsuid',
  'rsymfollow',
  'runbindable',
  'rw',
  'shared',
  'silent',
  'slave',
  'strictatime',
  'suid',
  'symfollow',
  'sync',
  'tmpcopyup',
  'unbindable',
];

/** What an option of `mounts[].options` means; undefined for a word that is the filesystem's own (`size=64m`). */
export function mountOption(name: string): MountOption | undefined {
  return (
    plainOption(name) ?? perMount(name, false) ?? (name.startsWith('r') ? perMount(name.slice(1), true) : undefined)
  );
}

/** The options that have no recursive form. */
function plainOption(name: string): MountOption | undefined {
  switch (name) {
    case 'ro':
      return {
        ...attribute(MOUNT_ATTR.RDONLY, 0, false),
        superblock: { parameter: 'ro', msFlag: 1 << 0, value: true },
      };
    case 'rw':
      return {
        ...attribute(0, MOUNT_ATTR.RDONLY, false),
        superblock: { parameter: 'rw', msFlag: 1 << 0, value: false },
      };
    case 'sync':
      return superblock('sync', 1 << 4, true);
    case 'async':
      return superblock('async', 1 << 4, false);
    case 'mand':
      return superblock('mand', 1 << 6, true);
    case 'nomand':
      return superblock('nomand', 1 << 6, false);
    case 'dirsync':
      return superblock('dirsync', 1 << 7, true);
    case 'iversion':
      return superblock(undefined, 1 << 23, true);
    case 'noiversion':
      return superblock(undefined, 1 << 23, false);
    case 'lazytime':
      return superblock('lazytime', 1 << 25, true);
    case 'nolazytime':
      return superblock('nolazytime', 1 << 25, false);
    case 'remount':
    case 'tmpcopyup':
      return { kind: name };
    case 'defaults':
    case 'silent':
    case 'loud':
      return { kind: 'ignored' };
    default:
      return undefined;
  }
}

/** The options that concern one mount, or with an `r` before them also those below it. */
function perMount(name: string, recursive: boolean): MountOption | undefined {
  switch (name) {
    case 'ro':
      return attribute(MOUNT_ATTR.RDONLY, 0, recursive);
    case 'rw':
      return attribute(0, MOUNT_ATTR.RDONLY, recursive);
    case 'nosuid':
      return attribute(MOUNT_ATTR.NOSUID, 0, recursive);
    case 'suid':
      return attribute(0, MOUNT_ATTR.NOSUID, recursive);
    case 'nodev':
      return attribute(MOUNT_ATTR.NODEV, 0, recursive);
    case 'dev':
      return attribute(0, MOUNT_ATTR.NODEV, recursive);
    case 'noexec':
      return attribute(MOUNT_ATTR.NOEXEC, 0, recursive);
    case 'exec':
      return attribute(0, MOUNT_ATTR.NOEXEC, recursive);
    case 'nodiratime':
      return attribute(MOUNT_ATTR.NODIRATIME, 0, recursive);
    case 'diratime':
      return attribute(0, MOUNT_ATTR.NODIRATIME, recursive);
    case 'nosymfollow':
      return attribute(MOUNT_ATTR.NOSYMFOLLOW, 0, recursive);
    case 'symfollow':
      return attribute(0, MOUNT_ATTR.NOSYMFOLLOW, recursive);
    case 'noatime':
      return attribute(MOUNT_ATTR.NOATIME, MOUNT_ATTR.ATIME, recursive);
    case 'strictatime':
      return attribute(MOUNT_ATTR.STRICTATIME, MOUNT_ATTR.ATIME, recursive);
    // The negations mean the kernel's default, which has been relatime since Linux 2.6.30.
    case 'relatime':
    case 'atime':
    case 'norelatime':
    case 'nostrictatime':
      return attribute(MOUNT_ATTR.RELATIME, MOUNT_ATTR.ATIME, recursive);
    case 'private':
      return { kind: 'propagation', flags: PROPAGATION.PRIVATE, recursive };
    case 'shared':
      return { kind: 'propagation', flags: PROPAGATION.SHARED, recursive };
    case 'slave':
      return { kind: 'propagation', flags: PROPAGATION.SLAVE, recursive };
    case 'unbindable':
      return { kind: 'propagation', flags: PROPAGATION.UNBINDABLE, recursive };
    case 'bind':
    case 'idmap':
      return { kind: name, recursive };
    default:
      return undefined;
  }
}

function attribute(set: number, clear: number, recursive: boolean): Extract<MountOption, { kind: 'attribute' }> {
  return { kind: 'attribute', set, clear, recursive };
}

function superblock(parameter: string | undefined, msFlag: number, value: boolean): MountOption {
  return { kind: 'superblock', parameter, msFlag, value };
}
