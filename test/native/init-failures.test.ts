/** What the kernel really answers, and that the hint for it is the right one. */
import { describe, expect, test } from 'vitest';
import { errnoName } from '../../runtime/errno.ts';
import { findHint } from '../../runtime/failure-hints.ts';
import { MESSAGE, MOUNT_FLAG, type Operation } from '../../runtime/generated/wire.ts';
import { failureOf } from '../../runtime/handshake.ts';
import { runOperations } from './init-sandbox.ts';

const rootfs: Operation = { op: 'rootfs', path: '/root', fd: -1 };
const tmpfs = (target: string, ...options: string[]): Operation => ({
  op: 'mount',
  type: 'tmpfs',
  source: 'tmpfs',
  target,
  options,
});
const bind = (source: string, target: string, flags = 0): Operation => ({ op: 'bind', source, target, fd: -1, flags });
const longName = 'x'.repeat(65);

type Row = readonly [what: string, before: readonly Operation[], failing: Operation, said: string, hint: string];

const rows: readonly Row[] = [
  ['a missing root', [], { op: 'rootfs', path: '/none', fd: -1 }, 'ENOENT open_tree /none', 'root: missing'],
  ['a file as the root', [], { op: 'rootfs', path: '/init', fd: -1 }, 'ENOTDIR open /init', 'root: not a directory'],
  [
    'no file system',
    [rootfs],
    { ...tmpfs('/dev'), type: 'nofs' } as Operation,
    'ENODEV fsopen nofs',
    'file system: unknown',
  ],
  [
    'an option',
    [rootfs],
    tmpfs('/dev', 'bogus'),
    "EINVAL fsconfig bogus: tmpfs: Unknown parameter 'bogus'",
    'file system: option',
  ],
  [
    'a bad value',
    [rootfs],
    tmpfs('/dev', 'size=lots'),
    "EINVAL fsconfig size=lots: tmpfs: Bad value for 'size'",
    'file system: option',
  ],
  [
    'an id that is not mapped',
    [rootfs],
    tmpfs('/dev', 'uid=70000'),
    "EINVAL fsconfig uid=70000: tmpfs: Invalid uid '70000'",
    'file system: id option',
  ],
  [
    'a file system of the host',
    [rootfs],
    { ...tmpfs('/dev'), type: 'ext4' } as Operation,
    'EPERM fsconfig ext4',
    'file system: not in a user namespace',
  ],
  [
    'a target below a file',
    [rootfs],
    tmpfs('/program/below'),
    'ENOTDIR openat2 /program/below',
    'path: through a file',
  ],
  ['a target that loops', [rootfs], tmpfs('/loop'), 'ELOOP openat2 /loop', 'path: a circle'],
  [
    'a link in place of /proc',
    [rootfs],
    { ...tmpfs('/link'), flags: MOUNT_FLAG.NO_SYMLINKS } as Operation,
    'ELOOP openat2 /link',
    'mount point: a link',
  ],
  [
    'a read-only file system',
    [rootfs, tmpfs('/ro', 'ro')],
    tmpfs('/ro/below'),
    'EROFS openat2 /ro/below',
    'path: read-only',
  ],
  ['a missing source', [rootfs], bind('/none', '/x'), 'ENOENT open_tree /none', 'bind: source missing'],
  [
    'a source below a file',
    [rootfs],
    bind('/init/x', '/x'),
    'ENOTDIR open_tree /init/x',
    'bind: source not a directory',
  ],
  ['a file on a directory', [rootfs], bind('/init', '/dir'), 'EINVAL move_mount /dir', 'bind: file on a directory'],
  [
    'a directory on a file',
    [rootfs],
    bind('/root', '/program'),
    'ENOTDIR openat2 /program',
    'bind: directory on a file',
  ],
  [
    'a file for a device',
    [rootfs],
    bind('/init', '/x', MOUNT_FLAG.DEVICE_NODE),
    'ENODEV fstat /init',
    'bind: not a device',
  ],
  [
    'no mount to change',
    [rootfs],
    { op: 'remount', target: '/dir', attributesSet: 1 },
    'EINVAL mount_setattr /dir',
    'remount: nothing is mounted',
  ],
  [
    'a device in a user namespace',
    [rootfs],
    { op: 'device', path: '/d', mode: 0o20666, major: 1, minor: 3, uid: 0, gid: 0 },
    'EPERM mknodat /d',
    'device: not permitted',
  ],
  [
    'a file in place of a fifo',
    [rootfs],
    { op: 'device', path: '/program', mode: 0o10666, major: 0, minor: 0, uid: 0, gid: 0 },
    'EEXIST mknodat /program',
    'device: something else is there',
  ],
  [
    'an owner that is not mapped',
    [rootfs, tmpfs('/dev')],
    { op: 'device', path: '/dev/f', mode: 0o10666, major: 0, minor: 0, uid: 70000, gid: 0 },
    'EINVAL fchownat /dev/f',
    'device: owner',
  ],
  [
    'a directory in place of a link',
    [rootfs],
    { op: 'symlink', target: 'x', path: '/dir', replace: 1 },
    'EEXIST symlinkat /dir',
    'link: something else is there',
  ],
  [
    'no devpts',
    [rootfs],
    { op: 'console', path: '/dev/console', uid: 0 },
    'ENOENT openat2 /dev/pts/ptmx',
    'terminal: no devpts',
  ],
  [
    'a working directory that is a file',
    [rootfs],
    { op: 'makeCwd', path: '/program' },
    'ENOTDIR mkdirat /program',
    'path: through a file',
  ],
  [
    'a missing working directory',
    [rootfs],
    { op: 'chdir', path: '/none' },
    'ENOENT openat2 /none',
    'working directory: missing',
  ],
  ['a long host name', [], { op: 'hostname', name: longName }, `EINVAL sethostname ${longName}`, 'host name: too long'],
  ['a group that is not mapped', [], { op: 'groups', gids: [70000] }, 'EINVAL setgroups', 'groups: not mapped'],
  ['a user that is not mapped', [], { op: 'user', uid: 70000, gid: 0 }, 'EINVAL setresuid', 'user: not mapped'],
  ['a gid that is not mapped', [], { op: 'user', uid: 0, gid: 70000 }, 'EINVAL setresgid', 'group: not mapped'],
  [
    'a soft limit above the hard one',
    [],
    { op: 'rlimit', resource: 4, soft: 2, hard: 1 },
    'EINVAL prlimit',
    'soft limit',
  ],
  [
    'a raised limit',
    [{ op: 'rlimit', resource: 4, soft: 1, hard: 1 }],
    { op: 'rlimit', resource: 4, soft: 1, hard: 2 },
    'EPERM prlimit',
    'hard limit',
  ],
  [
    'capabilities beyond the permitted',
    [{ op: 'capabilities', effective: 0, permitted: 0, inheritable: 0 }],
    { op: 'capabilities', effective: 1, permitted: 1, inheritable: 0 },
    'EPERM capset',
    'capabilities',
  ],
  [
    'an ambient one that is not inheritable',
    [],
    { op: 'ambient', capabilities: 1 },
    'EPERM prctl PR_CAP_AMBIENT_RAISE',
    'ambient capabilities',
  ],
  [
    'a bounding set without CAP_SETPCAP',
    [{ op: 'capabilities', effective: 0, permitted: 0, inheritable: 0 }],
    { op: 'bounding', capabilities: 0 },
    'EPERM prctl PR_CAPBSET_DROP',
    'bounding set',
  ],
  [
    'namespaces without CAP_SYS_ADMIN',
    [{ op: 'capabilities', effective: 0, permitted: 0, inheritable: 0 }],
    { op: 'unshare', flags: 0x20000 },
    'EPERM unshare',
    'new namespaces',
  ],
  [
    'a root without a mount',
    [{ op: 'rootDirectory', path: '/root' }],
    { op: 'pivotRoot' },
    'EINVAL pivot_root the root file system',
    'root: ramdisk',
  ],
];

describe('a failure of init', () => {
  test.each(rows)('%s', (_, before, failing, said, hint) => {
    const { messages } = runOperations([...before, failing]);
    const last = messages.at(-1);
    expect(last?.type).toBe(MESSAGE.ERROR);
    expect(last?.operation).toBe(before.length);
    const event = failureOf({
      type: last?.type ?? 0,
      operation: last?.operation ?? 0,
      value: last?.value ?? 0,
      detail: new TextEncoder().encode(last?.detail),
    });
    if (event?.kind !== 'failed') throw new Error('no failure');
    expect(`${errnoName(event.errno)} ${event.syscall} ${event.object}`.trim()).toBe(said);
    expect(findHint({ ...event, operation: failing })?.name).toBe(hint);
  });
});
