/** Hints about the process, and about what can end any operation. */
import { rlimitName } from '../describe.ts';
import { errno } from '../errno.ts';
import { anything, makesMounts, type Row, row } from './row.ts';

const { ENOENT, ENODATA, EBUSY, E2BIG, EPERM, EAGAIN, ENOMEM, EACCES, EINVAL, EMFILE, ENOSPC, ENAMETOOLONG } = errno;
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
  row(
    'scheduler: not permitted',
    ['scheduler'],
    anything,
    [EPERM],
    'a real-time policy, or a lower nice value, needs CAP_SYS_NICE; SCHED_FIFO and SCHED_RR time in cpu.rt_runtime_us where cgroup v1 has the cpu controller, and SCHED_DEADLINE an affinity to every CPU',
  ),
  row(
    'scheduler: not known',
    ['scheduler'],
    anything,
    [EINVAL, E2BIG],
    'this kernel does not know the policy, a flag, or these values of it: look at sched_setattr(2)',
  ),
  row('scheduler: no room', ['scheduler'], anything, [EBUSY], 'the CPUs have not that much time left to promise'),
  row(
    'I/O priority',
    ['ioPriority'],
    anything,
    [EPERM],
    'IOPRIO_CLASS_RT needs CAP_SYS_ADMIN or CAP_SYS_NICE, which the caller lacks',
  ),
  row(
    'memory policy',
    ['memoryPolicy'],
    anything,
    [EINVAL],
    'the kernel does not know the mode, or these nodes are not there, or not in the cpuset: look at /sys/devices/system/node',
  ),
  row(
    'AppArmor: not loaded',
    ['label'],
    ['write'],
    [ENOENT],
    'no such profile is loaded: load it with apparmor_parser, and see /sys/kernel/security/apparmor/profiles',
  ),
  row(
    'label: refused',
    ['label'],
    ['write'],
    [EACCES, EPERM],
    'the profile or label that tsrun runs under does not allow the change',
  ),
  row('label: not kept', ['label'], ['read'], [ENODATA], 'the security module took the label, and keeps another one'),
  row('SELinux: not a label', ['label'], ['write'], [EINVAL], 'the loaded policy knows no such label'),
  row(
    'affinity',
    ['affinity'],
    anything,
    [EINVAL],
    'none of these CPUs is there, and in the cpuset of the container’s cgroup',
  ),
  row(
    'filter: flags',
    ['seccomp'],
    ['seccomp'],
    [EINVAL],
    'the kernel does not know one of the flags (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is of Linux 5.19)',
  ),
  row(
    'filter: not permitted',
    ['seccomp'],
    ['seccomp'],
    [EACCES, EPERM],
    'it takes CAP_SYS_ADMIN or process.noNewPrivileges; or a seccomp profile around tsrun refuses it',
  ),
  row(
    'filter: listener',
    ['seccomp'],
    ['seccomp'],
    [EBUSY],
    'a filter around tsrun has a listener already, and there can be one',
  ),
  row(
    'filter: size',
    ['seccomp'],
    ['seccomp'],
    [ENOMEM],
    'the filter, with those around tsrun, is too large for the kernel',
  ),
  row(
    'capability for the filter',
    ['lastCapabilities'],
    anything,
    [],
    'the filter is loaded, and refuses capset: allow that in linux.seccomp, or set process.noNewPrivileges',
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
