/** Starts init: from a sealed file, with the descriptors of plan.def, in its namespaces and its cgroup. */
import { MOUNT_ATTR } from '../../spec/tables.ts';
import { addon } from '../addon.ts';
import type { Caller } from '../caller.ts';
import { AT, NS, O, OPEN_TREE } from '../constants.ts';
import { errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { namespaceHint } from '../failure-hints.ts';
import { DESCRIPTOR } from '../generated/wire.ts';
import { NAMESPACE_NAMES } from '../host.ts';
import { initPath } from '../install.ts';
import { mapped } from '../lists.ts';
import type { Plan } from '../plan.ts';
import type { Container } from '../store.ts';
import { check, SysError } from '../sys.ts';
import { quote } from '../text.ts';
import type { Undo } from '../undo.ts';
import { encodePlan } from '../wire.ts';

const SIGKILL = 9;
const EACCES = 13;
const EBUSY = 16;
const EOPNOTSUPP = 95;

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
      const what = NAMESPACE_NAMES.get(actual);
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
const cgroupRefusals: ReadonlyMap<number, string> = new Map([
  [EOPNOTSUPP, 'its parent is threaded, so that it takes no processes (cgroup.type is "domain invalid"): name another'],
  [EBUSY, 'it has controllers enabled for its children, so that it takes no processes: name another'],
]);

/**
 * init as a sealed file in memory, which no process of the container can write to. Where the host forbids to execute such files
 * (vm.memfd_noexec), a clone of its own mount that is read-only and attached nowhere does the same.
 */
function openInit(path: string): number {
  const sealed = addon.memfdOfFile(path, 'init');
  if (sealed !== -EACCES) return check(sealed, 'memfd_create', path);
  const clone = check(addon.openTree(AT.FDCWD, path, OPEN_TREE.CLONE | O.CLOEXEC), 'open_tree', path);
  check(addon.mountSetattr(clone, false, MOUNT_ATTR.RDONLY, 0, 0, -1), 'mount_setattr', path);
  return clone;
}

/**
 * Starts init and returns its pid.
 *
 * @param socket Its end of the handshake.
 * @param cgroupFd The cgroup to be born in.
 * @throws {TsrunError} `namespace`, `cgroup`
 */
export function spawnInit(request: SpawnRequest, undo: Undo, socket: number, cgroupFd: number | undefined): number {
  const { plan, container, caller } = request;
  const joins = openJoins(plan, undo);
  const operations = mapped(plan.steps, (step) => step.operation);
  const bytes = encodePlan(operations, { preserved: plan.preservedFds, inherited: joins.length });
  const path = initPath();
  const fds = [0, 1, 2];
  fds[DESCRIPTOR.SOCKET] = socket;
  fds[DESCRIPTOR.PLAN] = check(addon.memfdOfData(bytes, 'plan'), 'memfd_create', 'the plan');
  fds[DESCRIPTOR.GO] = makeFifo(container, 'go');
  fds[DESCRIPTOR.REPLY] = makeFifo(container, 'reply');
  const ours = fds.slice(DESCRIPTOR.PLAN);
  const executable = openInit(path);
  for (let fd = 3; fd < 3 + plan.preservedFds; fd++) fds.push(fd);
  fds.push(...joins);
  const pid = addon.spawn({
    exeFd: executable,
    argv: ['init'],
    env: [],
    cwd: request.bundle, // where createContainer hooks begin, as the other hooks of the host's file system
    fds,
    cloneFlags: plan.cloneFlags,
    ...(cgroupFd === undefined ? {} : { cgroupFd }),
    parentDeathSignal: SIGKILL,
    softNofile: caller.softNofile,
    ignoredSignals: caller.ignoredSignals,
    blockedSignals: caller.blockedSignals,
  });
  for (const fd of [...ours, executable]) addon.close(fd);
  if (pid < 0) {
    const inCgroup = cgroupFd === undefined ? undefined : cgroupRefusals.get(-pid);
    if (inCgroup !== undefined)
      throw new TsrunError(
        'cgroup',
        `linux.cgroupsPath: start init in the cgroup ${quote(plan.cgroup.path)}: ${inCgroup}`,
      );
    const hint = namespaceHint(-pid, plan.cloneFlags);
    throw new TsrunError(
      'namespace',
      `linux.namespaces: start init in new namespaces: clone3: ${errnoText(-pid)}${hint === undefined ? '' : `: ${hint}`}`,
    );
  }
  return pid;
}
