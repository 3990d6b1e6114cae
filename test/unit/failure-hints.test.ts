import { describe, expect, test } from 'vitest';
import { CLONE } from '../../runtime/constants.ts';
import { errno } from '../../runtime/errno.ts';
import { findHint, hintNames } from '../../runtime/failure-hints.ts';
import { MOUNT_FLAG, type Operation } from '../../runtime/generated/wire.ts';

const mount: Operation = { op: 'mount', type: 'tmpfs', source: 'tmpfs', target: '/dev', options: [] };
const proc: Operation = { ...mount, type: 'proc', target: '/proc', flags: MOUNT_FLAG.NO_SYMLINKS };
const disk: Operation = { ...mount, type: 'ext4', source: '/dev/sdz9' };
const old: Operation = { op: 'mountOld', type: 'ext4', source: '/dev/sdz9', target: '/data', mountFlags: 0 };
const bind: Operation = { op: 'bind', source: '/src', target: '/dst', fd: -1 };
const rbind: Operation = { ...bind, flags: MOUNT_FLAG.RECURSIVE };
const remount: Operation = { op: 'remount', target: '/dst' };
const rootfs: Operation = { op: 'rootfs', path: '/bundle/rootfs', fd: -1 };
const device: Operation = { op: 'device', path: '/dev/null', mode: 0o20666, major: 1, minor: 3, uid: 5, gid: 6 };
const symlink: Operation = { op: 'symlink', target: 'pts/ptmx', path: '/dev/ptmx', replace: 1 };
const terminal: Operation = { op: 'console', path: '/dev/console', uid: 1000 };
const sysctl: Operation = { op: 'sysctl', path: 'sys/net/ipv4/ip_forward', value: 'two' };
const user: Operation = { op: 'user', uid: 1000, gid: 100 };
const filter: Operation = { op: 'seccomp', flags: 0, program: [] };
const chdir: Operation = { op: 'chdir', path: '/work' };
const makeCwd: Operation = { op: 'makeCwd', path: '/work' };
const mask: Operation = { op: 'mask', path: '/proc/kcore' };

type Row = readonly [
  name: string,
  operation: Operation,
  syscall: string,
  object: string,
  number: keyof typeof errno | number,
  hint: RegExp,
];

const scheduler: Operation = {
  op: 'scheduler',
  policy: 1,
  flags: 0,
  nice: 0,
  priority: 1,
  runtime: 0,
  deadline: 0,
  period: 0,
};
const label: Operation = { op: 'label', path: 'self/attr/apparmor/exec', label: 'exec x' };

const rows: readonly Row[] = [
  [
    'new namespaces',
    { op: 'fork', flags: CLONE.NEWPID | CLONE.NEWNET },
    'clone3',
    '',
    'ENOSPC',
    /user\.max_pid_namespaces and user\.max_net_namespaces/,
  ],
  [
    'new namespaces',
    { op: 'unshare', flags: CLONE.NEWUSER },
    'unshare',
    '',
    'EPERM',
    /kernel\.unprivileged_userns_clone/,
  ],
  [
    'new namespaces',
    { op: 'fork', flags: CLONE.NEWPID },
    'clone3',
    '',
    'EPERM',
    /CAP_SYS_ADMIN: run as root, or add a user namespace/,
  ],
  ['new namespaces', { op: 'unshare', flags: CLONE.NEWTIME }, 'unshare', '', 'EINVAL', /kernel does not have .*: time/],
  ['new namespaces', { op: 'fork', flags: CLONE.NEWPID }, 'clone3', '', 'EAGAIN', /pids\.max/],
  ['new namespaces', { op: 'unshare', flags: CLONE.NEWUSER }, 'unshare', '', 87, /user\.max_user_namespaces/],
  [
    'join: of another user namespace',
    { op: 'join', fd: 0, type: CLONE.NEWNET },
    'setns',
    '',
    'EPERM',
    /join that one as well/,
  ],
  [
    'join: of another user namespace',
    { op: 'join', fd: 0, type: CLONE.NEWUSER },
    'setns',
    '',
    'EPERM',
    /lacks CAP_SYS_ADMIN/,
  ],
  [
    'join: refused',
    { op: 'join', fd: 0, type: CLONE.NEWPID },
    'setns',
    '',
    'EINVAL',
    /only from itself or from one around it/,
  ],
  ['join: refused', { op: 'join', fd: 0, type: CLONE.NEWUSER }, 'setns', '', 'EINVAL', /already/],
  ['join: refused', { op: 'join', fd: 0, type: CLONE.NEWNET }, 'setns', '', 'EINVAL', /another type/],
  ['id 0 is not mapped', { op: 'becomeRoot' }, 'setresgid', '', 'EINVAL', /does not map id 0/],
  ['host name: not permitted', { op: 'hostname', name: 'x' }, 'sethostname', 'x', 'EPERM', /another user namespace/],
  ['host name: too long', { op: 'domainname', name: 'x' }, 'setdomainname', 'x', 'EINVAL', /64 bytes/],
  ['kernel parameter: missing', sysctl, 'openat2', 'sys/net/ipv4/ip_forward', 'ENOENT', /no such parameter/],
  [
    'kernel parameter: of the host',
    sysctl,
    'write',
    'sys/net/ipv4/ip_forward',
    'EACCES',
    /cannot be set for a container/,
  ],
  [
    'kernel parameter: of the host',
    sysctl,
    'openat2',
    'sys/net/ipv4/ip_forward',
    'EPERM',
    /cannot be set for a container/,
  ],
  ['kernel parameter: the value', sysctl, 'write', 'sys/net/ipv4/ip_forward', 'EINVAL', /does not take the value two/],
  ['procfs', { op: 'procHandle' }, 'open_tree', '/proc', 'ENODEV', /procfs of this host/],
  ['loopback', { op: 'loopbackUp' }, 'ioctl', 'lo', 'EPERM', /another user namespace/],
  [
    'root: no state directory',
    { ...rootfs, at: '/run/tsrun/c/rootfs' },
    'open',
    '/run/tsrun/c/rootfs',
    'ENOENT',
    /does not have the state directory/,
  ],
  ['root: missing', rootfs, 'open_tree', '/bundle/rootfs', 'ENOENT', /directory \/bundle\/rootfs is missing/],
  ['root: missing', { op: 'rootDirectory', path: '/r' }, 'open', '/r', 'ENOENT', /directory \/r is missing/],
  ['root: not a directory', rootfs, 'open', '/bundle/rootfs', 'ENOTDIR', /must be a directory/],
  ['root: closed', rootfs, 'open_tree', '/bundle/rootfs', 'EACCES', /closed to the caller/],
  ['root: unbindable', rootfs, 'open_tree', '/bundle/rootfs', 'EINVAL', /unbindable/],
  ['root: attach', rootfs, 'move_mount', '/bundle/rootfs', 'EBUSY', /must not be the host’s `\/`/],
  [
    'root: ramdisk',
    { op: 'pivotRoot' },
    'pivot_root',
    'the root file system',
    'EINVAL',
    /ramdisk, or shared: use --no-pivot/,
  ],
  ['root: busy', { op: 'pivotRoot' }, 'pivot_root', 'the root file system', 'EBUSY', /a directory of its own/],
  ['root: move', { op: 'moveRoot' }, 'mount', 'the root file system', 'EINVAL', /leave --no-pivot away/],
  ['root: propagation', { op: 'propagation', flags: 0 }, 'mount', '/', 'EINVAL', /runs in a chroot/],
  ['file system: unknown', { ...mount, type: 'xfs' }, 'fsopen', 'xfs', 'ENODEV', /this kernel has no file system xfs/],
  ['file system: unknown', old, 'mount', '/data', 'ENODEV', /no file system ext4/],
  ['file system: not in a user namespace', disk, 'fsconfig', 'ext4', 'EPERM', /not for user namespaces/],
  [
    'file system: id option',
    { ...mount, type: 'devpts' },
    'fsconfig',
    'gid=5: devpts: Bad value',
    'EINVAL',
    /user namespace does not map/,
  ],
  ['file system: option', mount, 'fsconfig', 'bogus: tmpfs: Unknown parameter', 'EINVAL', /does not take this option/],
  ['file system: option', mount, 'fsconfig', 'tmpfs', 'EINVAL', /these options together/],
  ['file system: data', old, 'mount', '/data', 'EINVAL', /one of the options/],
  [
    'file system: source missing',
    disk,
    'fsconfig',
    'ext4',
    'ENOENT',
    /source \/dev\/sdz9, or a path in the options, is missing/,
  ],
  ['file system: not a block device', disk, 'fsconfig', 'ext4', 15, /use the option bind/],
  ['file system: no device', disk, 'fsconfig', 'ext4', 'ENXIO', /no driver/],
  ['file system: busy', proc, 'fsmount', 'proc', 'EBUSY', /in use/],
  ['file system: read-only device', disk, 'fsconfig', 'ext4', 'EACCES', /add the option ro/],
  ['bind: source missing', bind, 'open_tree', '/src', 'ENOENT', /the source \/src is missing/],
  ['bind: source closed', bind, 'open_tree', '/src', 'EACCES', /way to the source is closed/],
  ['bind: source not a directory', bind, 'open_tree', '/src', 'ENOTDIR', /leads through a file/],
  ['bind: source loops', bind, 'open_tree', '/src', 'ELOOP', /lead in a circle/],
  ['bind: source locked', bind, 'open_tree', '/src', 'EINVAL', /use the option rbind/],
  ['bind: source locked', rbind, 'open_tree', '/src', 'EINVAL', /another mount namespace/],
  ['bind: not permitted', bind, 'open_tree', '/src', 'EPERM', /CAP_SYS_ADMIN/],
  [
    'bind: not a device',
    { ...bind, flags: MOUNT_FLAG.DEVICE_NODE },
    'fstat',
    '/src',
    'ENODEV',
    /not a character device/,
  ],
  ['bind: directory on a file', bind, 'openat2', '/dst', 'ENOTDIR', /source is a directory and the target a file/],
  [
    'bind: file on a directory',
    bind,
    'move_mount',
    '/dst',
    'EINVAL',
    /source is not a directory and the target is one/,
  ],
  ['bind: within itself', bind, 'move_mount', '/dst', 'ELOOP', /within itself/],
  ['mount point: in procfs', bind, 'fstatfs', '/dst', 'EXDEV', /leads it into procfs/],
  ['/proc: another file system', bind, 'fstatfs', '/src', 'EMEDIUMTYPE', /only a procfs may be mounted on \/proc/],
  ['mount point: a link', proc, 'openat2', '/proc', 'ELOOP', /\/proc in the root file system is a symbolic link/],
  ['remount: nothing is mounted', remount, 'mount_setattr', '/dst', 'EINVAL', /nothing is mounted at \/dst/],
  ['attributes: locked', remount, 'mount_setattr', '/dst', 'EPERM', /cannot take ro/],
  ['attributes: refused', bind, 'mount_setattr', '/dst', 'EINVAL', /does not take these attributes/],
  ['attributes: busy', remount, 'mount_setattr', '/dst', 'EBUSY', /open for writing/],
  ['terminal: no devpts', terminal, 'openat2', '/dev/pts/ptmx', 'ENOENT', /needs a devpts.*"type": "devpts"/],
  ['terminal: no devpts', terminal, 'openat2', '/dev/pts/ptmx', 'ENODEV', /needs a devpts/],
  ['terminal: devpts is a link', terminal, 'openat2', '/dev/pts/ptmx', 'ELOOP', /through a symbolic link/],
  ['terminal: closed', terminal, 'openat2', '/dev/pts/ptmx', 'EACCES', /ptmxmode=0666/],
  ['terminal: too many', terminal, 'openat2', '/dev/pts/ptmx', 'ENOSPC', /kernel\.pty\.max/],
  ['terminal: owner', terminal, 'fchown', 'the terminal', 'EINVAL', /does not map user 1000/],
  ['device: something else is there', device, 'mknodat', '/dev/null', 'EEXIST', /something else at \/dev\/null/],
  ['device: not permitted', device, 'mknodat', '/dev/null', 'EPERM', /CAP_MKNOD/],
  ['device: owner', device, 'fchownat', '/dev/null', 'EINVAL', /does not map 5:6/],
  ['link: something else is there', symlink, 'symlinkat', '/dev/ptmx', 'EEXIST', /cannot be replaced/],
  ['path: read-only', mount, 'openat2', '/dev', 'EROFS', /\/dev is missing and its file system is read-only/],
  ['path: read-only', device, 'mknodat', '/dev/null', 'EROFS', /read-only/],
  ['path: closed', bind, 'openat2', '/dst', 'EACCES', /closed to id 0 of the container/],
  ['path: through a file', mount, 'openat2', '/dev', 'ENOTDIR', /not a directory/],
  ['path: through a file', chdir, 'openat2', '/work', 'ENOTDIR', /not a directory/],
  ['path: a circle', mount, 'openat2', '/dev', 'ELOOP', /in a circle/],
  ['path: nowhere', symlink, 'openat2', '/dev/ptmx', 'ENOENT', /cannot be made/],
  ['path: owner without a name', mount, 'openat2', '/dev', 'EOVERFLOW', /does not map id 0/],
  ['path: moving', mask, 'openat2', '/proc/kcore', 'EAGAIN', /keeps moving/],
  ['path: outside', bind, 'openat2', '/dst', 'EXDEV', /out of the root file system/],
  ['path: occupied', mount, 'openat2', '/dev', 'EEXIST', /something else is there/],
  ['working directory: missing', chdir, 'openat2', '/work', 'ENOENT', /could not be made/],
  ['working directory: a magic link', chdir, 'openat2', '/proc/self/fd/7', 'ELOOP', /leaves the container/],
  ['working directory: outside', chdir, 'getcwd', '/work', 'EXDEV', /outside of the container’s root/],
  ['working directory: closed', chdir, 'fchdir', '/work', 'EACCES', /closed to id 0/],
  ['working directory: missing', makeCwd, 'mkdirat', '/work', 'ENOENT', /could not be made/],
  [
    'hard limit',
    { op: 'rlimit', resource: 8, soft: 1, hard: 2 },
    'prlimit',
    '',
    'EPERM',
    /needs CAP_SYS_RESOURCE, which the caller lacks$/,
  ],
  ['hard limit', { op: 'rlimit', resource: 7, soft: 1, hard: 2 }, 'prlimit', '', 'EPERM', /fs\.nr_open/],
  ['soft limit', { op: 'rlimit', resource: 7, soft: 3, hard: 2 }, 'prlimit', '', 'EINVAL', /not be above/],
  ['bounding set', { op: 'bounding', capabilities: 0 }, 'prctl', 'PR_CAPBSET_DROP', 'EPERM', /CAP_SETPCAP/],
  ['groups: not permitted', { op: 'groups', gids: [] }, 'setgroups', '', 'EPERM', /setgroups is denied/],
  ['groups: not mapped', { op: 'groups', gids: [9] }, 'setgroups', '', 'EINVAL', /does not map one of the groups/],
  ['user: not mapped', user, 'setresuid', '', 'EINVAL', /does not map user 1000/],
  ['group: not mapped', user, 'setresgid', '', 'EINVAL', /does not map group 100/],
  ['user: not permitted', user, 'setresgid', '', 'EPERM', /CAP_SETGID/],
  ['user: processes', user, 'setresuid', '', 'EAGAIN', /RLIMIT_NPROC/],
  [
    'capabilities',
    { op: 'capabilities', effective: 1, permitted: 0, inheritable: 0 },
    'capset',
    '',
    'EPERM',
    /within the permitted one/,
  ],
  [
    'ambient capabilities',
    { op: 'ambient', capabilities: 1 },
    'prctl',
    'PR_CAP_AMBIENT_RAISE',
    'EPERM',
    /inheritable as well/,
  ],
  ['keyring: quota', { op: 'keyring', name: '_ses.x' }, 'keyctl', '_ses.x', 122, /--no-new-keyring/],
  ['keyring: filtered', { op: 'keyring', name: '_ses.x' }, 'keyctl', '_ses.x', 'EPERM', /seccomp/],
  ['scheduler: not permitted', scheduler, 'sched_setattr', '', 'EPERM', /CAP_SYS_NICE/],
  ['scheduler: not known', scheduler, 'sched_setattr', '', 'EINVAL', /sched_setattr\(2\)/],
  ['scheduler: no room', scheduler, 'sched_setattr', '', 'EBUSY', /time left/],
  ['I/O priority', { op: 'ioPriority', class: 1, level: 0 }, 'ioprio_set', '', 'EPERM', /CAP_SYS_NICE/],
  ['memory policy', { op: 'memoryPolicy', mode: 2, nodes: [9] }, 'set_mempolicy', '', 'EINVAL', /nodes are not there/],
  ['AppArmor: not loaded', label, 'write', 'self/attr/apparmor/exec', 'ENOENT', /apparmor_parser/],
  ['label: refused', label, 'write', 'self/attr/apparmor/exec', 'EACCES', /does not allow/],
  ['label: not kept', label, 'read', 'self/attr/apparmor/exec', 'ENODATA', /keeps another one/],
  ['SELinux: not a label', label, 'write', 'self/attr/exec', 'EINVAL', /policy knows no such label/],
  ['umount: the root', { op: 'umount', path: '/x' }, 'umount2', '/x', 'EBUSY', /which stays/],
  ['umount: in procfs', { op: 'umount', path: '/x' }, 'fstatfs', '/x', 'EXDEV', /into procfs/],
  ['umount', { op: 'umount', path: '/x' }, 'umount2', '/x', 'EINVAL', /nothing is mounted there/],
  ['affinity', { op: 'affinity', cpus: [99] }, 'sched_setaffinity', '', 'EINVAL', /in the cpuset/],
  ['filter: flags', filter, 'seccomp', '', 'EINVAL', /Linux 5\.19/],
  ['filter: not permitted', filter, 'seccomp', '', 'EACCES', /noNewPrivileges/],
  ['filter: listener', filter, 'seccomp', '', 'EBUSY', /listener already/],
  ['filter: size', filter, 'seccomp', '', 'ENOMEM', /too large/],
  [
    'capability for the filter',
    { op: 'lastCapabilities', effective: 0, permitted: 0, inheritable: 0 },
    'capset',
    '',
    77,
    /allow that in linux\.seccomp/,
  ],
  ['hook: processes', { op: 'hook', path: '/h', timeoutMs: 0, args: [], env: [] }, 'fork', '/h', 'EAGAIN', /pids\.max/],
  ['too many mounts', bind, 'move_mount', '/dst', 'ENOSPC', /fs\.mount-max/],
  ['full', mount, 'write', 'file', 'ENOSPC', /file system is full/],
  ['descriptors', mount, 'fsopen', 'tmpfs', 'EMFILE', /RLIMIT_NOFILE/],
  ['descriptors of the system', mount, 'fsopen', 'tmpfs', 23, /fs\.file-max/],
  ['memory', mount, 'fsopen', 'tmpfs', 'ENOMEM', /memory/],
  ['name', mount, 'openat2', 'x', 'ENAMETOOLONG', /4095/],
];

describe('hints of failed operations', () => {
  test.each(rows)('%s', (name, operation, syscall, object, number, hint) => {
    const code = typeof number === 'number' ? number : errno[number];
    const found = findHint({ operation, errno: code, syscall, object });
    expect(found?.name).toBe(name);
    expect(found?.hint).toMatch(hint);
  });

  test('each has an example here', () => {
    expect(hintNames().filter((name) => !rows.some(([tested]) => tested === name))).toEqual([]);
  });

  test('no name is used twice', () => {
    expect(new Set(hintNames()).size).toBe(hintNames().length);
  });

  // Callers take these for a program that is missing or may not be executed.
  test.each(rows)('%s holds no phrase of another error', (_, operation, syscall, object, number) => {
    const code = typeof number === 'number' ? number : errno[number];
    expect(findHint({ operation, errno: code, syscall, object })?.hint).not.toMatch(
      /no such file or directory|executable file not found|permission denied|operation not permitted|is a directory$/i,
    );
  });

  test('where nothing better is known the errno has to do', () => {
    expect(findHint({ operation: { op: 'umask', mask: 0 }, errno: errno.EINVAL, syscall: 'umask', object: '' })).toBe(
      undefined,
    );
  });
});
