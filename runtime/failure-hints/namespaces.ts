/** Hints about namespaces. */
import { enumerate, namespaceTypes } from '../describe.ts';
import { errno } from '../errno.ts';
import { show } from '../text.ts';
import { anything, type Row, row } from './row.ts';

const { EPERM, ENOENT, EAGAIN, EACCES, ENODEV, ENOTDIR, EINVAL, ENOSPC, EROFS, EOVERFLOW } = errno;
const EUSERS = 87;

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
        ? 'this host does not let the caller make user namespaces: look at the sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces, whether the caller runs in a chroot, and whether its own ids are mapped into the user namespace that it is in'
        : 'the caller lacks CAP_SYS_ADMIN: run as root, or add a user namespace';
    case EINVAL:
      return `this kernel does not have every one of these namespaces: ${enumerate(types)}`;
    case EAGAIN:
      return 'no more processes may be made: look at the cgroup’s pids.max and the caller’s RLIMIT_NPROC';
    default:
      return undefined;
  }
}

export const namespaceRows = (): readonly Row[] => [
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
];
