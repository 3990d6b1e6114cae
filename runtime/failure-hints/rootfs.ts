/** Hints about what is made in the root file system, and about the paths that lead there. */
import { errno } from '../errno.ts';
import { show } from '../text.ts';
import { anything, inRoot, makesPaths, type Row, resolves, row } from './row.ts';

const { EPERM, ENOENT, EAGAIN, EACCES, EEXIST, EXDEV, ENODEV, ENOTDIR, EINVAL, ENOSPC, EROFS, ELOOP, EOVERFLOW } =
  errno;

const devptsAdvice =
  'a terminal needs a devpts of the container’s own: add to mounts {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620"]}';

export const rootfsRows = (): readonly Row[] => [
  // --- the terminal
  row('terminal: no devpts', ['console'], ['openat2', 'fstat'], [ENOENT, ENODEV, ENOTDIR], (failure) =>
    failure.object === '/dev/pts/ptmx' ? devptsAdvice : undefined,
  ),
  row(
    'terminal: devpts is a link',
    ['console'],
    ['openat2'],
    [ELOOP],
    (failure) => `${show(failure.object)} leads through a symbolic link of the root file system: ${devptsAdvice}`,
  ),
  row(
    'terminal: closed',
    ['console'],
    ['openat2'],
    [EACCES, EPERM],
    'the ptmx of devpts is closed: add ptmxmode=0666 to its options',
  ),
  row(
    'terminal: too many',
    ['console'],
    ['openat2', 'ioctl'],
    [ENOSPC, errno.EIO],
    'no more terminals: look at the sysctl kernel.pty.max',
  ),
  row(
    'terminal: owner',
    ['console'],
    ['fchown'],
    [EINVAL],
    (failure) => `the user namespace does not map user ${failure.operation.uid}`,
  ),

  // --- devices
  row(
    'device: something else is there',
    ['device'],
    ['mknodat'],
    [EEXIST],
    (failure) =>
      `the root file system has something else at ${show(failure.operation.path)}: remove it, or mount a tmpfs on its directory`,
  ),
  row(
    'device: not permitted',
    ['device'],
    ['mknodat'],
    [EPERM],
    'it needs CAP_MKNOD outside of any user namespace, and a device policy around tsrun that allows it',
  ),
  row(
    'device: owner',
    ['device'],
    ['fchownat'],
    [EINVAL, EPERM],
    (failure) => `the user namespace does not map ${failure.operation.uid}:${failure.operation.gid}`,
  ),
  row(
    'link: something else is there',
    ['symlink'],
    ['symlinkat'],
    [EEXIST],
    (failure) => `the root file system has something at ${show(failure.operation.path)} that cannot be replaced`,
  ),

  // --- paths in the root file system
  row(
    'path: read-only',
    resolves,
    makesPaths,
    [EROFS],
    (failure) =>
      `${show(failure.object)} is missing and its file system is read-only: make it in the root file system beforehand`,
  ),
  row(
    'path: closed',
    resolves,
    makesPaths,
    [EACCES, EPERM],
    'a directory on its path is closed to id 0 of the container: look at its owner and mode, as seen through the ID maps',
  ),
  row(
    'path: through a file',
    resolves,
    makesPaths,
    [ENOTDIR],
    'its path leads through something that is not a directory',
  ),
  row(
    'path: a circle',
    inRoot,
    makesPaths,
    [ELOOP],
    'symbolic links on its path lead in a circle, or it goes through a link of procfs such as /proc/1/root',
  ),
  row('path: nowhere', inRoot, makesPaths, [ENOENT], 'a part of its path is missing, and cannot be made'),
  row(
    'path: owner without a name',
    resolves,
    anything,
    [EOVERFLOW],
    'nothing can be made in a user namespace that does not map id 0: map it, or make the path beforehand',
  ),
  row(
    'path: moving',
    resolves,
    ['openat2'],
    [EAGAIN],
    'something keeps moving parts of its path while the container is made',
  ),
  row('path: outside', inRoot, ['openat2'], [EXDEV], 'its path leads out of the root file system'),
  row('path: occupied', resolves, makesPaths, [EEXIST], 'something else is there'),

  // --- the working directory
  row('working directory: missing', ['chdir', 'makeCwd'], anything, [ENOENT], 'it is missing, and could not be made'),
  row(
    'working directory: a magic link',
    ['chdir', 'makeCwd'],
    anything,
    [ELOOP],
    'its path leads in a circle, or through a link of /proc that leaves the container',
  ),
  row('working directory: outside', ['chdir', 'makeCwd'], anything, [EXDEV], 'it is outside of the container’s root'),
  row('working directory: closed', ['chdir'], ['fchdir'], [EACCES], 'it is closed to id 0 of the container'),
];
