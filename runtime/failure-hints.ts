/**
 * What a failed operation of init most likely means, and what to do: the errno alone is often misleading. A table: the
 * first row that fits is taken, and each has a test.
 */
import { enumerate, namespaceTypes, rlimitName } from './describe.ts';
import { errno } from './errno.ts';
import { MOUNT_FLAG, type Operation } from './generated/wire.ts';
import { show } from './text.ts';

/** A failed operation as init tells it. */
export interface Failure {
  readonly operation: Operation;
  readonly errno: number;
  readonly syscall: string;
  /** What the call was about; empty where there is nothing to name. */
  readonly object: string;
}

type Name = Operation['op'];
type FailureOf<N extends Name> = Failure & { readonly operation: Extract<Operation, { op: N }> };

interface Row {
  /** For the test that covers it. */
  readonly name: string;
  hint(failure: Failure): string | undefined;
}

const anything: readonly string[] = [];

/**
 * A row of the table.
 *
 * @param operations The operations it is about; all where empty.
 * @param calls The system calls; all where empty.
 * @param says The hint, or undefined where a look at the operation shows that the row does not fit.
 */
function row<N extends Name>(
  name: string,
  operations: readonly N[],
  calls: readonly string[],
  errnos: readonly number[],
  says: string | ((failure: FailureOf<N>) => string | undefined),
): Row {
  const fits = (failure: Failure): failure is FailureOf<N> =>
    (operations.length === 0 || operations.some((op) => op === failure.operation.op)) &&
    (calls.length === 0 || calls.includes(failure.syscall)) &&
    errnos.includes(failure.errno);
  return {
    name,
    hint: (failure) => (fits(failure) ? (typeof says === 'string' ? says : says(failure)) : undefined),
  };
}

const { EPERM, ENOENT, EAGAIN, ENOMEM, EACCES, EBUSY, EEXIST, EXDEV, ENODEV, ENOTDIR, EINVAL } = errno;
const { ENXIO, EMFILE, ENOSPC, EROFS, ENAMETOOLONG, ELOOP, EOVERFLOW } = errno;
/** Numbers that only this table has a use for. */
const ENOTBLK = 15;
const ENFILE = 23;
const EUSERS = 87;
const EDQUOT = 122;

/** Every operation that resolves a path in the root file system. */
const inRoot = [
  'mount',
  'mountOld',
  'bind',
  'remount',
  'device',
  'symlink',
  'mask',
  'readonlyPath',
  'console',
] as const;
const resolves = [...inRoot, 'makeCwd', 'chdir'] as const;
const makesPaths = ['openat2', 'mkdirat', 'mknodat', 'symlinkat', 'fchmodat', 'fchownat'];
const makesMounts = ['open_tree', 'move_mount', 'fsmount', 'mount', 'pivot_root'];

/** The limits of /proc/sys/user on new namespaces. */
const namespaceLimits: ReadonlyMap<string, string> = new Map([
  ['pid', 'max_pid_namespaces'],
  ['network', 'max_net_namespaces'],
  ['mount', 'max_mnt_namespaces'],
  ['ipc', 'max_ipc_namespaces'],
  ['uts', 'max_uts_namespaces'],
  ['user', 'max_user_namespaces'],
  ['cgroup', 'max_cgroup_namespaces'],
  ['time', 'max_time_namespaces'],
]);

/** What a refusal to make the namespaces in CLONE_NEW* `flags` means; for clone3(2) and unshare(2) alike. */
export function namespaceHint(number: number, flags: number | bigint): string | undefined {
  const types = namespaceTypes(flags);
  switch (number) {
    case ENOSPC:
    case EUSERS: {
      const limits = types.map((type) => `user.${namespaceLimits.get(type)}`);
      return `a limit on namespaces is reached: look at the sysctl ${enumerate(limits)}, or namespaces are nested too deeply`;
    }
    case EPERM:
      return types.includes('user')
        ? 'this host does not let the caller make user namespaces: look at the sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces, and whether the caller runs in a chroot'
        : 'the caller lacks CAP_SYS_ADMIN: run as root, or add a user namespace';
    case EINVAL:
      return `this kernel does not have every one of these namespaces: ${enumerate(types)}`;
    case EAGAIN:
      return 'no more processes may be made: look at the cgroup’s pids.max and the caller’s RLIMIT_NPROC';
    default:
      return undefined;
  }
}

const devptsAdvice =
  'a terminal needs a devpts of the container’s own: add to mounts {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620"]}';

/** Built when something failed: a command that succeeds does not pay for it. */
const build = (): readonly Row[] => [
  // --- namespaces
  row('new namespaces', ['fork', 'unshare'], anything, [ENOSPC, EUSERS, EPERM, EINVAL, EAGAIN], (failure) =>
    namespaceHint(failure.errno, failure.operation.flags),
  ),
  row('join: of another user namespace', ['join'], ['setns'], [EPERM], (failure) =>
    namespaceTypes(failure.operation.type).includes('user')
      ? 'the caller lacks CAP_SYS_ADMIN in that user namespace, or shares its root with others'
      : 'the namespace belongs to another user namespace: join that one as well',
  ),
  row('join: refused', ['join'], ['setns'], [EINVAL], (failure) => {
    const types = namespaceTypes(failure.operation.type);
    if (types.includes('pid')) return 'a pid namespace can be joined only from itself or from one around it';
    if (types.includes('user')) return 'the caller is in that user namespace already: remove it from linux.namespaces';
    return 'the path leads to a namespace of another type';
  }),
  row('id 0 is not mapped', ['becomeRoot'], anything, [EINVAL, EPERM], 'the user namespace does not map id 0'),
  row(
    'host name: not permitted',
    ['hostname', 'domainname'],
    anything,
    [EPERM],
    'the uts namespace belongs to another user namespace',
  ),
  row('host name: too long', ['hostname', 'domainname'], anything, [EINVAL], 'a name has at most 64 bytes'),
  row(
    'kernel parameter: missing',
    ['sysctl'],
    ['openat2'],
    [ENOENT, ENOTDIR],
    'this kernel has no such parameter, or its module is not loaded',
  ),
  row(
    'kernel parameter: of the host',
    ['sysctl'],
    anything,
    [EPERM, EACCES, EROFS],
    'it cannot be set for a container: it is read-only, or belongs to no namespace of the container',
  ),
  row(
    'kernel parameter: the value',
    ['sysctl'],
    ['write'],
    [EINVAL, errno.ERANGE, EOVERFLOW],
    (failure) => `the kernel does not take the value ${show(failure.operation.value)}`,
  ),
  row(
    'procfs',
    ['procHandle'],
    anything,
    [ENODEV, EPERM],
    'what is mounted at /proc is not the procfs of this host, whole',
  ),
  row('loopback', ['loopbackUp'], anything, [EPERM], 'the network namespace belongs to another user namespace'),

  // --- the root file system
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
    ['bind'],
    ['open_tree'],
    [ENOENT],
    (failure) => `the source ${show(failure.operation.source)} is missing`,
  ),
  row(
    'bind: source closed',
    ['bind'],
    ['open_tree'],
    [EACCES],
    'a directory on the way to the source is closed to the caller',
  ),
  row(
    'bind: source not a directory',
    ['bind'],
    ['open_tree'],
    [ENOTDIR],
    'the path of the source leads through a file',
  ),
  row(
    'bind: source loops',
    ['bind'],
    ['open_tree'],
    [ELOOP],
    'symbolic links on the way to the source lead in a circle',
  ),
  row('bind: source locked', ['bind'], ['open_tree'], [EINVAL], (failure) =>
    Number(failure.operation.flags ?? 0) & MOUNT_FLAG.RECURSIVE
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

  // --- identity and limits
  row('hard limit', ['rlimit', 'raiseLimit'], ['prlimit'], [EPERM], (failure) => {
    const isFiles = rlimitName(failure.operation.resource) === 'RLIMIT_NOFILE';
    const files = isFiles ? ', and nobody may raise this one above the sysctl fs.nr_open' : '';
    return `raising a hard limit needs CAP_SYS_RESOURCE, which the caller lacks${files}`;
  }),
  row('soft limit', ['rlimit'], ['prlimit'], [EINVAL], 'the soft limit must not be above the hard one'),
  row(
    'bounding set',
    ['bounding'],
    anything,
    [EPERM],
    'dropping from the bounding set needs CAP_SETPCAP, which the caller lacks',
  ),
  row(
    'groups: not permitted',
    ['groups'],
    ['setgroups'],
    [EPERM],
    'the caller lacks CAP_SETGID, or setgroups is denied in this user namespace, as it is where one id alone is mapped',
  ),
  row(
    'groups: not mapped',
    ['groups'],
    ['setgroups'],
    [EINVAL],
    'the user namespace does not map one of the groups, or there are more than 65536',
  ),
  row(
    'user: not mapped',
    ['user'],
    ['setresuid'],
    [EINVAL],
    (failure) => `the user namespace does not map user ${failure.operation.uid}: look at linux.uidMappings`,
  ),
  row(
    'group: not mapped',
    ['user'],
    ['setresgid'],
    [EINVAL],
    (failure) => `the user namespace does not map group ${failure.operation.gid}: look at linux.gidMappings`,
  ),
  row(
    'user: not permitted',
    ['user'],
    ['setresuid', 'setresgid'],
    [EPERM],
    'the caller lacks CAP_SETUID or CAP_SETGID',
  ),
  row(
    'user: processes',
    ['user'],
    ['setresuid'],
    [EAGAIN],
    'the user has as many processes as RLIMIT_NPROC lets it have',
  ),
  row(
    'capabilities',
    ['capabilities'],
    ['capset'],
    [EPERM],
    'the effective set must lie within the permitted one, that within what the caller holds, and the inheritable set within the bounding one',
  ),
  row(
    'ambient capabilities',
    ['ambient'],
    anything,
    [EPERM],
    'an ambient capability must be permitted and inheritable as well',
  ),
  row(
    'keyring: quota',
    ['keyring'],
    ['keyctl'],
    [EDQUOT],
    'the user’s quota of keys is used up: look at the sysctl kernel.keys.maxkeys and kernel.keys.root_maxkeys, or use --no-new-keyring',
  ),
  row(
    'keyring: filtered',
    ['keyring'],
    ['keyctl'],
    [EPERM, EACCES],
    'a seccomp profile around tsrun refuses it: use --no-new-keyring',
  ),
  row('hook: processes', ['hook'], ['fork'], [EAGAIN], 'no more processes may be made: look at the cgroup’s pids.max'),

  // --- what can end any operation
  row('too many mounts', [], makesMounts, [ENOSPC], 'the mount namespace is full: look at the sysctl fs.mount-max'),
  row('full', [], anything, [ENOSPC, EDQUOT], 'the file system is full, in bytes or in inodes'),
  row('descriptors', [], anything, [EMFILE], 'the limit of open files is too low: raise RLIMIT_NOFILE of the caller'),
  row(
    'descriptors of the system',
    [],
    anything,
    [ENFILE],
    'the system has no open files left: look at the sysctl fs.file-max',
  ),
  row('memory', [], anything, [ENOMEM], 'the kernel, or the cgroup’s limit, has no memory left'),
  row('name', [], anything, [ENAMETOOLONG], 'a path has at most 4095 bytes, and a name in it 255'),
];

let table: readonly Row[] | undefined;

function rows(): readonly Row[] {
  table ??= build();
  return table;
}

/** The names of all rows, for the test that wants an example of each. */
export function hintNames(): string[] {
  return rows().map(({ name }) => name);
}

/** The name of the row that words `failure`, and its words; undefined where the errno says enough. */
export function findHint(failure: Failure): { name: string; hint: string } | undefined {
  for (const { name, hint } of rows()) {
    const words = hint(failure);
    if (words !== undefined) return { name, hint: words };
  }
  return undefined;
}

/** What `failure` most likely means and what to do; undefined where nothing better is known than the errno. */
export function hintFor(failure: Failure): string | undefined {
  return findHint(failure)?.hint;
}
