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

const RDONLY: SuperblockFlag = { parameter: 'ro', msFlag: 1 << 0, value: true };
const NOT_RDONLY: SuperblockFlag = { parameter: 'rw', msFlag: 1 << 0, value: false };

const options: ReadonlyMap<string, MountOption> = new Map<string, MountOption>([
  ['ro', { ...attribute(MOUNT_ATTR.RDONLY, 0), superblock: RDONLY }],
  ['rw', { ...attribute(0, MOUNT_ATTR.RDONLY), superblock: NOT_RDONLY }],
  ['rro', attribute(MOUNT_ATTR.RDONLY, 0, true)],
  ['rrw', attribute(0, MOUNT_ATTR.RDONLY, true)],
  ...attributePair('nosuid', 'suid', MOUNT_ATTR.NOSUID),
  ...attributePair('nodev', 'dev', MOUNT_ATTR.NODEV),
  ...attributePair('noexec', 'exec', MOUNT_ATTR.NOEXEC),
  ...attributePair('nodiratime', 'diratime', MOUNT_ATTR.NODIRATIME),
  ...attributePair('nosymfollow', 'symfollow', MOUNT_ATTR.NOSYMFOLLOW),
  // The negations mean the kernel's default, which has been relatime since Linux 2.6.30.
  ...accessTime('noatime', MOUNT_ATTR.NOATIME),
  ...accessTime('atime', MOUNT_ATTR.RELATIME),
  ...accessTime('relatime', MOUNT_ATTR.RELATIME),
  ...accessTime('norelatime', MOUNT_ATTR.RELATIME),
  ...accessTime('strictatime', MOUNT_ATTR.STRICTATIME),
  ...accessTime('nostrictatime', MOUNT_ATTR.RELATIME),
  ['sync', superblock('sync', 1 << 4, true)],
  ['async', superblock('async', 1 << 4, false)],
  ['mand', superblock('mand', 1 << 6, true)],
  ['nomand', superblock('nomand', 1 << 6, false)],
  ['dirsync', superblock('dirsync', 1 << 7, true)],
  ['iversion', superblock(undefined, 1 << 23, true)],
  ['noiversion', superblock(undefined, 1 << 23, false)],
  ['lazytime', superblock('lazytime', 1 << 25, true)],
  ['nolazytime', superblock('nolazytime', 1 << 25, false)],
  ['bind', { kind: 'bind', recursive: false }],
  ['rbind', { kind: 'bind', recursive: true }],
  ...propagationPair('private', PROPAGATION.PRIVATE),
  ...propagationPair('shared', PROPAGATION.SHARED),
  ...propagationPair('slave', PROPAGATION.SLAVE),
  ...propagationPair('unbindable', PROPAGATION.UNBINDABLE),
  ['remount', { kind: 'remount' }],
  ['tmpcopyup', { kind: 'tmpcopyup' }],
  ['idmap', { kind: 'idmap', recursive: false }],
  ['ridmap', { kind: 'idmap', recursive: true }],
  ['defaults', { kind: 'ignored' }],
  ['silent', { kind: 'ignored' }],
  ['loud', { kind: 'ignored' }],
]);

/** What an option of `mounts[].options` means; undefined for a word that is the filesystem's own (`size=64m`). */
export function mountOption(name: string): MountOption | undefined {
  return options.get(name);
}

/** All options that `mountOption` knows, sorted. */
export function mountOptionNames(): string[] {
  return [...options.keys()].sort();
}

type AttributeOption = Extract<MountOption, { kind: 'attribute' }>;

function attribute(set: number, clear: number, recursive = false): AttributeOption {
  return { kind: 'attribute', set, clear, recursive };
}

/** An option, its opposite, and both for the mounts below (`nodev dev rnodev rdev`). */
function attributePair(on: string, off: string, bit: number): [string, MountOption][] {
  return [
    [on, attribute(bit, 0)],
    [off, attribute(0, bit)],
    [`r${on}`, attribute(bit, 0, true)],
    [`r${off}`, attribute(0, bit, true)],
  ];
}

function accessTime(name: string, mode: number): [string, MountOption][] {
  return [
    [name, attribute(mode, MOUNT_ATTR.ATIME)],
    [`r${name}`, attribute(mode, MOUNT_ATTR.ATIME, true)],
  ];
}

function superblock(parameter: string | undefined, msFlag: number, value: boolean): MountOption {
  return { kind: 'superblock', parameter, msFlag, value };
}

function propagationPair(name: string, flags: number): [string, MountOption][] {
  return [
    [name, { kind: 'propagation', flags, recursive: false }],
    [`r${name}`, { kind: 'propagation', flags, recursive: true }],
  ];
}
