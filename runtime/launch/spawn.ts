/** Starts init: from a sealed file, with the descriptors of plan.def, in its namespaces and its cgroup. */
import { MOUNT_ATTR } from '../../spec/tables.ts';
import { addon } from '../addon.ts';
import type { Caller } from '../caller.ts';
import { AT, NS, O, OPEN_TREE } from '../constants.ts';
import { errno, errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { namespaceHint } from '../failure-hints.ts';
import { DESCRIPTOR } from '../generated/wire.ts';
import { namespaceNames } from '../host.ts';
import { initPath } from '../install.ts';
import { mapped } from '../lists.ts';
import type { Result } from '../native.ts';
import type { Step } from '../plan/types.ts';
import type { Plan } from '../plan.ts';
import type { Container } from '../store.ts';
import { check, SysError } from '../sys.ts';
import { quote } from '../text.ts';
import type { Undo } from '../undo.ts';
import { encodePlan } from '../wire.ts';
import { memoryLimit, withoutMemory } from './memory.ts';

const SIGKILL = 9;
const EPERM = 1;
const EACCES = 13;
const EBUSY = 16;
const EOPNOTSUPP = 95;

const SIGPIPE = 13;

/**
 * The caller's, but for SIGPIPE, which conmon and other programs that serve sockets ignore for themselves: a program that
 * writes to a pipe nobody reads any more, as in `yes | head`, is to end by it. runc and crun do not pass it on either.
 */
const passedOn = ({ ignoredSignals }: Caller): bigint => ignoredSignals & ~(1n << BigInt(SIGPIPE - 1));

/** What init is started with. */
export interface SpawnRequest {
  readonly container: Container;
  readonly bundle: string;
  readonly plan: Plan;
  readonly caller: Caller;
}

/** Opens the namespaces to join, and makes sure that each is what the configuration says. */
function openJoins(plan: Plan, undo: Undo): number[] {
  return mapped(plan.joins, ({ path, type, flag, from }) => {
    const fd = addon.open(path, O.RDONLY | O.NONBLOCK, 0);
    if (fd < 0)
      throw new TsrunError('namespace', `${from}.path: open the ${type} namespace ${quote(path)}`, {
        cause: new SysError(-fd, 'open'),
      });
    undo.push(() => addon.close(fd));
    const actual = addon.ioctl(fd, NS.GET_NSTYPE);
    if (actual !== flag) {
      const what = namespaceNames().get(actual);
      throw new TsrunError(
        'namespace',
        `${from}.path: ${quote(path)} is ${what === undefined ? 'no namespace' : `a ${what} namespace`}, not one of type ${type}`,
      );
    }
    return fd;
  });
}

function makeFifo(container: Container, name: string): number {
  const path = container.path(name);
  check(addon.mkfifo(path, 0o600), 'mkfifo', path);
  // Read and write: opening waits for nobody, and init never sees the end of the file.
  return check(addon.open(path, O.RDWR | O.NOFOLLOW, 0), 'open', path);
}

/** What clone3 says where it is the cgroup that takes no process. */
export const cgroupRefusals: ReadonlyMap<number, string> = new Map([
  [EOPNOTSUPP, 'its parent is threaded, so that it takes no processes (cgroup.type is "domain invalid"): name another'],
  [EBUSY, 'it has controllers enabled for its children, so that it takes no processes: name another'],
]);

/**
 * init as a sealed file in memory, which no process of the container can write to. Where the host forbids to execute such files
 * (vm.memfd_noexec), a clone of its own mount that is read-only and attached nowhere does the same.
 */
export function openInit(path: string): number {
  const sealed = addon.memfdOfFile(path, 'init');
  if (sealed !== -EACCES) return check(sealed, 'memfd_create', path);
  const tree = addon.openTree(AT.FDCWD, path, OPEN_TREE.CLONE | O.CLOEXEC);
  if (tree === -EPERM)
    throw new TsrunError(
      'host-unsupported',
      'start init: this host lets nobody without CAP_SYS_ADMIN execute a file that lies in memory: set the sysctl vm.memfd_noexec to 0 or 1, or run tsrun as root',
    );
  const clone = check(tree, 'open_tree', path);
  check(addon.mountSetattr(clone, false, MOUNT_ATTR.RDONLY, 0, 0, -1), 'mount_setattr', path);
  return clone;
}

/** Everything that a process of init is started with. */
interface Start {
  readonly steps: readonly Step[];
  readonly preservedFds: number;
  /** Namespaces to join, in the order of their index. */
  readonly joins: readonly number[];
  /** Its end of the handshake. */
  readonly socket: number;
  /** The fifos of `start`. */
  readonly fifos?: { readonly go: number; readonly reply: number };
  readonly cloneFlags: number;
  /** The cgroup to be born in. */
  readonly cgroupFd: number | undefined;
  readonly cwd: string;
  readonly caller: Caller;
}

/** Starts init. @returns its pid, or the negative errno of the step that failed */
export function startInit(start: Start): Result {
  const { steps, preservedFds, joins, caller, cgroupFd, fifos } = start;
  const operations = mapped(steps, (step) => step.operation);
  const bytes = encodePlan(operations, { preserved: preservedFds, inherited: joins.length });
  const planFd = check(addon.memfdOfData(bytes, 'plan'), 'memfd_create', 'the plan');
  const fds = [0, 1, 2];
  fds[DESCRIPTOR.SOCKET] = start.socket;
  fds[DESCRIPTOR.PLAN] = planFd;
  // Without fifos something must have their numbers.
  fds[DESCRIPTOR.GO] = fifos?.go ?? planFd;
  fds[DESCRIPTOR.REPLY] = fifos?.reply ?? planFd;
  for (let fd = 3; fd < 3 + preservedFds; fd++) fds.push(fd);
  fds.push(...joins);
  const executable = openInit(initPath());
  const pid = addon.spawn({
    exeFd: executable,
    argv: ['init'],
    env: [],
    cwd: start.cwd,
    fds,
    cloneFlags: start.cloneFlags,
    ...(cgroupFd === undefined ? {} : { cgroupFd }),
    parentDeathSignal: SIGKILL,
    softNofile: caller.softNofile,
    ignoredSignals: passedOn(caller),
    blockedSignals: caller.blockedSignals,
  });
  addon.close(planFd);
  addon.close(executable);
  return pid;
}

/**
 * Starts init for `create` and returns its pid.
 *
 * @param socket Its end of the handshake.
 * @param cgroupFd The cgroup to be born in.
 * @throws {TsrunError} `namespace`, `cgroup`
 */
export function spawnInit(request: SpawnRequest, undo: Undo, socket: number, cgroupFd: number | undefined): number {
  const { plan, container, caller } = request;
  const joins = openJoins(plan, undo);
  const fifos = { go: makeFifo(container, 'go'), reply: makeFifo(container, 'reply') };
  const pid = startInit({
    steps: plan.steps,
    preservedFds: plan.preservedFds,
    joins,
    socket,
    fifos,
    cloneFlags: plan.cloneFlags,
    cgroupFd,
    cwd: request.bundle, // where createContainer hooks begin, as the other hooks of the host's file system
    caller,
  });
  addon.close(fifos.go);
  addon.close(fifos.reply);
  if (pid < 0) {
    const inCgroup = cgroupFd === undefined ? undefined : cgroupRefusals.get(-pid);
    if (inCgroup !== undefined)
      throw new TsrunError(
        'cgroup',
        `linux.cgroupsPath: start init in the cgroup ${quote(plan.cgroup.path)}: ${inCgroup}`,
      );
    const limit = memoryLimit(plan);
    // execve(2) takes what the limit refuses for an argument list that is too long.
    if (limit !== undefined && (-pid === errno.E2BIG || -pid === errno.ENOMEM)) throw withoutMemory(limit);
    const hint = namespaceHint(-pid, plan.cloneFlags);
    throw new TsrunError(
      'namespace',
      `linux.namespaces: start init in new namespaces: clone3: ${errnoText(-pid)}${hint === undefined ? '' : `: ${hint}`}`,
    );
  }
  return pid;
}
