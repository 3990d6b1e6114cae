/** Hints about the process, and about what can end any operation. */
import { rlimitName } from '../describe.ts';
import { errno } from '../errno.ts';
import { anything, makesMounts, type Row, row } from './row.ts';

const { EPERM, EAGAIN, ENOMEM, EACCES, EINVAL, EMFILE, ENOSPC, ENAMETOOLONG } = errno;
const ENFILE = 23;
const EDQUOT = 122;

export const processRows = (): readonly Row[] => [
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
