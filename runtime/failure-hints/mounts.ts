/** Hints about the root file system and its mounts. */
import { errno } from '../errno.ts';
import { MOUNT_FLAG } from '../generated/wire.ts';
import { show } from '../text.ts';
import { anything, type Row, row } from './row.ts';

const { EPERM, ENOENT, EACCES, EBUSY, EXDEV, ENODEV, ENOTDIR, EINVAL, ENXIO, EROFS, ELOOP } = errno;
const ENOTBLK = 15;

export const mountRows = (): readonly Row[] => [
  row('umount: the root', ['umount'], ['umount2'], [EBUSY], 'the path leads to the container’s root, which stays'),
  row(
    'umount: in procfs',
    ['umount'],
    ['fstatfs'],
    [EXDEV],
    'a link leads it into procfs or sysfs, where everything stays',
  ),
  row('umount', ['umount'], ['umount2'], [EINVAL], 'nothing is mounted there: see `tsrun mounts list`'),
  // --- the root file system
  row('root: no state directory', ['rootfs'], ['open'], [ENOENT, ENOTDIR, EACCES], (failure) =>
    failure.operation.at !== undefined && failure.object === failure.operation.at
      ? `the mount namespace does not have the state directory, where the root is attached: give the container one of its own, or name another directory with --root`
      : undefined,
  ),
  row(
    'root: missing',
    ['rootfs', 'rootDirectory'],
    anything,
    [ENOENT],
    (failure) => `the directory ${show(failure.operation.path)} is missing: root.path is relative to the bundle`,
  ),
  row('root: not a directory', ['rootfs', 'rootDirectory'], anything, [ENOTDIR], 'the root must be a directory'),
  row(
    'root: closed',
    ['rootfs', 'rootDirectory'],
    ['open', 'open_tree'],
    [EACCES],
    'a directory on the way to it is closed to the caller',
  ),
  row(
    'root: unbindable',
    ['rootfs'],
    ['open_tree'],
    [EINVAL],
    'it lies on an unbindable mount, or on one that a user namespace locks',
  ),
  row(
    'root: attach',
    ['rootfs'],
    ['move_mount'],
    [EINVAL, EBUSY, ELOOP],
    'the root file system cannot be attached there: it must not be the host’s `/`',
  ),
  row(
    'root: ramdisk',
    ['pivotRoot'],
    ['pivot_root'],
    [EINVAL],
    'the current root is on a ramdisk, or shared: use --no-pivot',
  ),
  row(
    'root: busy',
    ['pivotRoot'],
    ['pivot_root'],
    [EBUSY],
    'the root file system is the current root already: give the container a directory of its own',
  ),
  row(
    'root: move',
    ['moveRoot'],
    ['mount'],
    [EINVAL],
    'the mount that holds the root is shared: leave --no-pivot away',
  ),
  row('root: propagation', ['propagation'], ['mount'], [EINVAL], '`/` is not a mount point: tsrun runs in a chroot'),

  // --- mounts
  row(
    'file system: unknown',
    ['mount', 'mountOld'],
    ['fsopen', 'mount'],
    [ENODEV],
    (failure) =>
      `this kernel has no file system ${show(failure.operation.type)}: look at /proc/filesystems and at the modules`,
  ),
  row(
    'file system: not in a user namespace',
    ['mount', 'mountOld'],
    ['fsopen', 'fsconfig', 'fsmount', 'mount'],
    [EPERM],
    (failure) =>
      `the kernel does not let the caller mount ${show(failure.operation.type)}: it lacks CAP_SYS_ADMIN, or the file system is not for user namespaces`,
  ),
  row('file system: id option', ['mount'], ['fsconfig'], [EINVAL], (failure) =>
    /^(uid|gid)=/.test(failure.object) ? 'it is no id, or one that the user namespace does not map' : undefined,
  ),
  row('file system: option', ['mount'], ['fsconfig'], [EINVAL], (failure) =>
    failure.object.startsWith(failure.operation.type)
      ? 'the file system does not take these options together, or not this source'
      : 'the file system does not take this option',
  ),
  row('file system: data', ['mountOld'], ['mount'], [EINVAL], 'the file system does not take one of the options'),
  row(
    'file system: source missing',
    ['mount', 'mountOld'],
    ['fsconfig', 'mount'],
    [ENOENT],
    (failure) => `the source ${show(failure.operation.source ?? '')}, or a path in the options, is missing`,
  ),
  row(
    'file system: not a block device',
    ['mount', 'mountOld'],
    ['fsconfig', 'mount'],
    [ENOTBLK],
    (failure) =>
      `the source ${show(failure.operation.source ?? '')} is not a block device: for a directory or file use the option bind`,
  ),
  row(
    'file system: no device',
    ['mount', 'mountOld'],
    ['fsconfig', 'mount'],
    [ENXIO],
    'no driver serves that block device',
  ),
  row(
    'file system: busy',
    ['mount', 'mountOld'],
    ['fsconfig', 'fsmount', 'mount'],
    [EBUSY],
    'the source is in use, or the file system is mounted elsewhere with other options, or it must not be seen whole in a user namespace',
  ),
  row(
    'file system: read-only device',
    ['mount', 'mountOld'],
    ['fsconfig', 'mount'],
    [EACCES, EROFS],
    'the device is read-only: add the option ro',
  ),
  row(
    'bind: source missing',
    ['bind', 'openSource'],
    ['open_tree'],
    [ENOENT],
    ({ operation }) => `the source ${show(operation.op === 'bind' ? operation.source : operation.path)} is missing`,
  ),
  row(
    'bind: source closed',
    ['bind', 'openSource'],
    ['open_tree'],
    [EACCES],
    'a directory on the way to the source is closed to the caller',
  ),
  row(
    'bind: source not a directory',
    ['bind', 'openSource'],
    ['open_tree'],
    [ENOTDIR],
    'the path of the source leads through a file',
  ),
  row(
    'bind: source loops',
    ['bind', 'openSource'],
    ['open_tree'],
    [ELOOP],
    'symbolic links on the way to the source lead in a circle',
  ),
  row('bind: source locked', ['bind', 'openSource'], ['open_tree'], [EINVAL], ({ operation }) =>
    (operation.op === 'bind' ? Number(operation.flags ?? 0) & MOUNT_FLAG.RECURSIVE : operation.recursive)
      ? 'the source lies on an unbindable mount, or in another mount namespace'
      : 'the source lies on an unbindable mount, or has mounts below that a user namespace locks: use the option rbind',
  ),
  row(
    'bind: not permitted',
    ['bind'],
    ['open_tree', 'move_mount'],
    [EPERM],
    'the caller lacks CAP_SYS_ADMIN, or the mount namespace belongs to another user namespace',
  ),
  row(
    'bind: not a device',
    ['bind'],
    ['fstat'],
    [ENODEV],
    (failure) => `the host’s ${show(failure.operation.source)} is not a character device`,
  ),
  row(
    'bind: directory on a file',
    ['bind'],
    ['openat2'],
    [ENOTDIR],
    'the source is a directory and the target a file, or the target’s path leads through a file',
  ),
  row(
    'bind: file on a directory',
    ['bind'],
    ['move_mount'],
    [EINVAL, ENOTDIR],
    'the source is not a directory and the target is one',
  ),
  row(
    'bind: within itself',
    ['bind', 'mount'],
    ['move_mount'],
    [ELOOP],
    'it would be mounted within itself, or holds a mount namespace that is older than this one',
  ),
  row(
    'mount point: in procfs',
    ['mount', 'mountOld', 'bind'],
    ['fstatfs'],
    [EXDEV],
    'a link of the root file system leads it into procfs, where it would cover what the kernel’s parameters are written through',
  ),
  row(
    '/proc: another file system',
    ['bind'],
    ['fstatfs'],
    [errno.EMEDIUMTYPE],
    'only a procfs may be mounted on /proc: too much depends on what is there',
  ),
  row('mount point: a link', ['mount', 'mountOld', 'bind'], ['openat2'], [ELOOP], (failure) =>
    Number(failure.operation.flags ?? 0) & MOUNT_FLAG.NO_SYMLINKS
      ? `${show(failure.object)} in the root file system is a symbolic link, and would lead what is written there somewhere else`
      : undefined,
  ),
  row(
    'remount: nothing is mounted',
    ['remount'],
    ['mount_setattr'],
    [EINVAL],
    (failure) => `nothing is mounted at ${show(failure.operation.target)}`,
  ),
  row(
    'attributes: locked',
    ['mount', 'mountOld', 'bind', 'remount', 'readonlyPath'],
    ['mount_setattr'],
    [EPERM],
    'a user namespace cannot take ro, nosuid, nodev, noexec or the access time options from a mount that it got with them',
  ),
  row(
    'attributes: refused',
    ['mount', 'mountOld', 'bind', 'remount', 'rootPropagation', 'rootReadonly'],
    ['mount_setattr'],
    [EINVAL],
    'the file system does not take these attributes',
  ),
  row(
    'attributes: busy',
    ['mount', 'mountOld', 'bind', 'remount', 'readonlyPath', 'rootReadonly'],
    ['mount_setattr'],
    [EBUSY],
    'a file on it is open for writing',
  ),
];
