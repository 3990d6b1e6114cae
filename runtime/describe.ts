/** What an operation of init does, in words: for the errors that tell where a container failed, and for `explain`. */
import { EXECUTION_DOMAINS, IO_CLASSES, MEMORY_POLICIES, SCHEDULER_POLICIES } from '../spec/scheduling.ts';
import { CAPABILITIES, NAMESPACES, PROPAGATION, RLIMITS } from '../spec/tables.ts';
import { S } from './constants.ts';
import { MOUNT_FLAG, type Operation, POINT } from './generated/wire.ts';
import type { Step } from './plan/types.ts';
import { show } from './text.ts';

type Integer = number | bigint;
type Of<Name extends Operation['op']> = Extract<Operation, { op: Name }>;

/** The types of the namespaces in CLONE_NEW* `flags`, in the order of the specification. */
export function namespaceTypes(flags: Integer): string[] {
  return [...NAMESPACES].filter(([, { flag }]) => (Number(flags) & flag) !== 0).map(([type]) => type);
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function namespaces(flags: Integer): string {
  const types = namespaceTypes(flags);
  return types.length === 1 ? `a new ${types[0]} namespace` : `new ${enumerate(types)} namespaces`;
}

const propagationNames: readonly (readonly [flag: number, name: string])[] = [
  [PROPAGATION.SHARED, 'shared'],
  [PROPAGATION.SLAVE, 'slave'],
  [PROPAGATION.PRIVATE, 'private'],
  [PROPAGATION.UNBINDABLE, 'unbindable'],
];

/** The word for MS_* propagation flags: `slave`. */
export function propagationName(flags: Integer): string {
  return propagationNames.find(([flag]) => (Number(flags) & flag) !== 0)?.[1] ?? String(flags);
}

/** The names in a mask of capabilities; `every capability` or `no capability` where that says it. */
export function capabilityNames(mask: Integer): string {
  const bits = BigInt.asUintN(64, BigInt(mask));
  if (bits === 0n) return 'no capability';
  const names = CAPABILITIES.filter((_, number) => (bits >> BigInt(number)) & 1n);
  return names.length === CAPABILITIES.length ? 'every capability' : names.join(', ');
}

/** `RLIMIT_NOFILE`. */
export function rlimitName(resource: Integer): string {
  return RLIMITS[Number(resource)] ?? `limit ${resource}`;
}

/** A value of a resource limit: `unlimited` is 2^64 − 1. */
export function limitValue(value: Integer): string {
  const exact = BigInt.asUintN(64, BigInt(value));
  return exact === 0xffff_ffff_ffff_ffffn ? 'unlimited' : String(exact);
}

/** Three or four octal digits. */
export function octal(mode: Integer): string {
  return (Number(mode) & 0o7777).toString(8).padStart(3, '0');
}

function device({ path, mode, major, minor }: Of<'device'>): string {
  switch (Number(mode) & S.IFMT) {
    case S.IFIFO:
      return `make the fifo ${show(path)}`;
    case S.IFBLK:
      return `make the device ${show(path)} (b ${major}:${minor})`;
    default:
      return `make the device ${show(path)} (c ${major}:${minor})`;
  }
}

function bind({ source, target, flags }: Of<'bind'>): string {
  if (Number(flags ?? 0) & MOUNT_FLAG.DEVICE_NODE) return `bind the host's device ${show(source)} on ${show(target)}`;
  return `bind ${show(source)} on ${show(target)}`;
}

/** The name of a kernel's number. */
function nameOf(names: Readonly<Record<string, number>>, number: Integer): string {
  return Object.entries(names).find(([, value]) => value === Number(number))?.[0] ?? String(number);
}

function label({ path, label: text }: Of<'label'>): string {
  const value = text.startsWith('exec ')
    ? `the AppArmor profile ${show(text.slice(5))}`
    : `the SELinux label ${show(text)}`;
  if (text === '') return 'give new keys no label of their own any more';
  return path.endsWith('keycreate') ? `give new keys ${value}` : `give the program ${value}`;
}

const points: ReadonlyMap<number, string> = new Map([
  [POINT.MAPS, 'let the host write the ID maps'],
  [POINT.OFFSETS, 'let the host write the clock offsets'],
  [POINT.CHILD, 'tell the host the new pid'],
  [POINT.PLACED, 'let the host place the process in its cgroup'],
  [POINT.SOURCES, 'take mount sources that the host opened'],
  [POINT.LIMITS, 'let the host set the resource limits'],
  [POINT.HOOKS, 'let the host run its hooks'],
  [POINT.JOINED, 'let the host see that the container is still there'],
  [POINT.TERMINAL, 'let the host give the terminal its size'],
  [POINT.TOOL, 'tell the host that it is in place'],
]);

function describeOperation(operation: Operation): string {
  switch (operation.op) {
    case 'sync':
      return points.get(Number(operation.point)) ?? `wait for the host at point ${operation.point}`;
    case 'fork':
      return Number(operation.flags) === 0
        ? 'go on as a new process'
        : `go on as a new process in ${namespaces(operation.flags)}`;
    case 'ready':
      return 'report that the container is made';
    case 'waitStart':
      return 'wait for `start`';
    case 'hook':
      return `run the hook ${show(operation.path)}`;
    case 'exec':
      return 'execute the program';
    case 'join':
      return `join the ${enumerate(namespaceTypes(operation.type))} namespace`;
    case 'unshare':
      return `make ${namespaces(operation.flags)}`;
    case 'becomeRoot':
      return 'become id 0 of the user namespace';
    case 'hostname':
      return `set the host name ${show(operation.name)}`;
    case 'domainname':
      return `set the domain name ${show(operation.name)}`;
    case 'sysctl':
      return `write ${show(operation.value)} to /proc/${show(operation.path)}`;
    case 'loopbackUp':
      return 'bring the loopback interface up';
    case 'propagation':
      return `make the mounts of the new namespace ${propagationName(operation.flags)}`;
    case 'rootfs':
      return `attach the root file system ${show(operation.path)}${operation.at === undefined ? '' : ` to ${show(operation.at)}`}`;
    case 'mount':
    case 'mountOld':
      return `mount ${show(operation.type)} on ${show(operation.target)}`;
    case 'openSource':
      return `open the source ${show(operation.path)}`;
    case 'bind':
      return bind(operation);
    case 'remount':
      return `change the mount at ${show(operation.target)}`;
    case 'device':
      return device(operation);
    case 'symlink':
      return `link ${show(operation.path)} to ${show(operation.target)}`;
    case 'mask':
      return `mask ${show(operation.path)}`;
    case 'readonlyPath':
      return `make ${show(operation.path)} read-only`;
    case 'pivotRoot':
      return 'make the root file system the root';
    case 'moveRoot':
      return 'move the root file system over the root';
    case 'chroot':
      return 'enter the root file system';
    case 'rootPropagation':
      return `make the container's mounts ${propagationName(operation.propagation)}`;
    case 'rootReadonly':
      return 'make the root read-only';
    case 'procHandle':
      return 'open a procfs to write kernel parameters through';
    case 'rootDirectory':
      return `open the root directory ${show(operation.path)}`;
    case 'session':
      return 'start a session';
    case 'console':
      return operation.path === undefined
        ? 'make a terminal'
        : `make the terminal, and bind it on ${show(operation.path)}`;
    case 'keyring':
      return `join the session keyring ${show(operation.name)}`;
    case 'raiseLimit':
      return `raise the hard limit ${rlimitName(operation.resource)} to ${limitValue(operation.hard)} if it is lower`;
    case 'descriptors':
      return 'put preserved descriptors in their places, and have every other closed by execve';
    case 'listenPid':
      return 'add LISTEN_PID';
    case 'release':
      return 'live on when tsrun ends';
    case 'rlimit':
      return `set ${rlimitName(operation.resource)} to ${limitValue(operation.soft)} (soft) and ${limitValue(operation.hard)} (hard)`;
    case 'umask':
      return `set the umask to ${octal(operation.mask)}`;
    case 'makeCwd':
      return `make the working directory ${show(operation.path)} where it is missing`;
    case 'chdir':
      return `enter the working directory ${show(operation.path)}`;
    case 'args':
      return 'keep the arguments';
    case 'env':
      return 'keep the environment';
    case 'home':
      return `look up HOME of user ${operation.uid}`;
    case 'stdioNull':
      return 'put the container’s /dev/null at 0, 1 and 2 where the caller’s is';
    case 'stdioOwner':
      return `give pipes at 0, 1 and 2 to ${operation.uid}:${operation.gid}`;
    case 'bounding':
      return 'drop capabilities from the bounding set';
    case 'groups':
      return operation.gids.length === 0
        ? 'drop the supplementary groups'
        : `set the supplementary groups ${show(operation.gids.join(','))}`;
    case 'user':
      return `change to user ${operation.uid} and group ${operation.gid}`;
    case 'capabilities':
      return 'set the effective, permitted and inheritable capabilities';
    case 'ambient':
      return 'set the ambient capabilities';
    case 'noNewPrivileges':
      return 'set no_new_privs';
    case 'findExecutable':
      return 'find the program';
    case 'outlive':
      return 'live on without tsrun, and wait until that has ended';
    case 'seccomp':
      return 'load the seccomp filter';
    case 'lastCapabilities':
      return 'give up the capability that loading it needed';
    case 'alive':
      return 'live on without tsrun';
    case 'done':
      return 'tell that all is done';
    case 'umount':
      return `detach what is mounted on ${show(operation.path)}`;
    case 'netDevices':
      return 'let the host move network devices into the container';
    case 'scheduler':
      return `schedule the process by ${nameOf(SCHEDULER_POLICIES, operation.policy)}`;
    case 'ioPriority':
      return `give disk access the priority ${operation.level} of ${nameOf(IO_CLASSES, operation.class)}`;
    case 'personality':
      return `run as ${nameOf(EXECUTION_DOMAINS, operation.domain)}`;
    case 'memoryPolicy':
      return `take memory by ${nameOf(MEMORY_POLICIES, Number(operation.mode) & 0xff)}`;
    case 'label':
      return label(operation);
    case 'affinity':
      return operation.cpus.length === 0
        ? 'run on every CPU of the cpuset'
        : `run on the CPUs ${operation.cpus.join(', ')}`;
  }
}

/** What `step` does, as one clause without a stop: `mount tmpfs on /dev`. Foreign text in it is escaped. */
export function describe(step: Step): string {
  return describeOperation(step.operation);
}
