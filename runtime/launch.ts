/**
 * Makes a container as its plan says: the host's part of `create`. Each acquisition registers its undo; whatever fails
 * leaves the host as it was.
 */
import type { Config } from '../spec/config.ts';
import { OCI_VERSION, type State, type Status } from '../spec/state.ts';
import { MOUNT_ATTR } from '../spec/tables.ts';
import { addon } from './addon.ts';
import { type Caller, envOf } from './caller.ts';
import { NewCgroup } from './cgroup/lifecycle.ts';
import { type ManagerBus, systemManager } from './cgroup/systemd.ts';
import { Channel, type ChannelEvent } from './channel.ts';
import { AT, NS, O, OPEN_TREE } from './constants.ts';
import { errnoText } from './errno.ts';
import { TsrunError } from './errors.ts';
import { wordFailure } from './failure.ts';
import { namespaceHint } from './failure-hints.ts';
import { DESCRIPTOR, type Operation, POINT } from './generated/wire.ts';
import { HandshakeError } from './handshake.ts';
import { hookState, runHooks } from './hooks.ts';
import { NAMESPACE_NAMES } from './host.ts';
import { initPath } from './install.ts';
import { hasAny, mapped } from './lists.ts';
import { type IdMaps, type Plan, SOURCES_PER_MESSAGE } from './plan.ts';
import { openProcess, type ProcessIdentity, readStat, waitForEnd } from './process.ts';
import { type Container, type Intent, prepareRoot, type StoredState } from './store.ts';
import { check, checkValue, SysError } from './sys.ts';
import { quote } from './text.ts';
import { Undo } from './undo.ts';
import { encodePlan } from './wire.ts';

/** What a container is launched with. */
export interface LaunchRequest {
  container: Container;
  /** The state root, made where it is missing. */
  root: string;
  /** Absolute. */
  bundle: string;
  /** Absolute. */
  rootfs: string;
  config: Config;
  plan: Plan;
  caller: Caller;
  /** Absolute path of the file for the pid. */
  pidFile?: string;
  /** A connected socket that gets the terminal's master. */
  consoleSocket?: number;
  warn(message: string): void;
}

/** A container that waits for `start`. */
export interface Launched {
  state: StoredState;
  /** The terminal's master, where no console socket took it. */
  terminal?: number;
}

const SIGKILL = 9;
const ENOENT = 2;
const EACCES = 13;
const EBUSY = 16;
const EOPNOTSUPP = 95;

/** The state that hooks and `state` begin with. */
export function ociState(state: Omit<StoredState, 'version'> | StoredState, status: Status): State {
  return {
    ociVersion: OCI_VERSION,
    id: state.id,
    status,
    pid: status === 'stopped' ? 0 : state.process.pid,
    bundle: state.bundle,
    ...(Object.keys(state.annotations).length > 0 ? { annotations: state.annotations } : {}),
  };
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

function writeMap(pid: number, file: string, content: string, property: string): void {
  const path = `/proc/${pid}/${file}`;
  const written = addon.writeFile(path, content, O.WRONLY, 0);
  if (written < 0)
    throw new TsrunError('namespace', `${property}: write ${file}`, { cause: new SysError(-written, 'write') });
}

function writeMaps(pid: number, maps: IdMaps): void {
  const lines = (list: IdMaps['uid']): string =>
    mapped(list, ({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
  writeMap(pid, 'gid_map', lines(maps.gid), 'linux.gidMappings');
  writeMap(pid, 'uid_map', lines(maps.uid), 'linux.uidMappings');
}

/** The trees of mounts that init cannot open itself. */
function openSources(plan: Plan, first: number): number[] {
  return mapped(plan.sources.slice(first, first + SOURCES_PER_MESSAGE), ({ path, recursive, from }) => {
    const fd = addon.openTree(AT.FDCWD, path, OPEN_TREE.CLONE | O.CLOEXEC | (recursive ? AT.RECURSIVE : 0));
    // Not in the words of ENOENT, which callers take for a missing program.
    if (fd === -ENOENT) throw new TsrunError('mount', `${from}: the source ${quote(path)} does not exist`);
    if (fd < 0)
      throw new TsrunError('mount', `${from}: open the source ${quote(path)}`, {
        cause: new SysError(-fd, 'open_tree'),
      });
    return fd;
  });
}

function writePidFile(path: string, pid: number): void {
  const slash = path.lastIndexOf('/');
  const temporary = `${path.slice(0, slash)}/.${path.slice(slash + 1)}`;
  const written = addon.writeFile(temporary, String(pid), O.WRONLY | O.CREAT | O.TRUNC | O.NOFOLLOW, 0o666);
  // Readable for the caller whatever its umask: a pid is no secret.
  if (written >= 0) addon.chmod(temporary, 0o644);
  const result = written < 0 ? written : addon.rename(temporary, path);
  if (result >= 0) return;
  addon.unlink(temporary);
  throw new TsrunError('system', `--pid-file: write ${quote(path)}`, { cause: new SysError(-result, 'write') });
}

function makeFifo(container: Container, name: string): number {
  const path = container.path(name);
  check(addon.mkfifo(path, 0o600), 'mkfifo', path);
  // Read and write: opening waits for nobody, and init never sees the end of the file.
  return check(addon.open(path, O.RDWR | O.NOFOLLOW, 0), 'open', path);
}

/** The process that becomes the container, while the host still answers for it. */
class Launch {
  readonly #request: LaunchRequest;
  readonly #undo: Undo;
  readonly #channel: Channel;
  readonly #cgroup: NewCgroup;
  #process: ProcessIdentity;
  readonly #kept: ReturnType<typeof keptOf>;
  #sourcesSent = 0;
  #terminal: number | undefined;

  constructor(request: LaunchRequest, undo: Undo, channel: Channel, cgroup: NewCgroup, pid: number) {
    this.#request = request;
    this.#undo = undo;
    this.#channel = channel;
    this.#cgroup = cgroup;
    this.#process = this.#adopt(pid);
    this.#note();
    // Now, while init works: later it would wait for this.
    this.#kept = keptOf(request);
  }

  /** Writes down what is there, before it goes on. */
  #note(): void {
    this.#request.container.writeIntent(intentOf(this.#request, this.#cgroup, this.#process));
  }

  /** Notes who the process is, before it may go on. */
  #adopt(pid: number): ProcessIdentity {
    const stat = readStat(pid);
    if (!stat) throw new HandshakeError('init ended at once');
    return { pid, startTime: stat.startTime };
  }

  get process(): ProcessIdentity {
    return this.#process;
  }

  #draft(): Omit<StoredState, 'version'> {
    return {
      ...this.#kept,
      process: this.#process,
      created: new Date().toISOString(),
      cgroup: this.#cgroup.stored,
    };
  }

  #stateFd(status: Status): number {
    const fd = check(addon.memfdOfData(hookState(ociState(this.#draft(), status)), 'state'), 'memfd_create', 'state');
    this.#undo.push(() => addon.close(fd));
    return fd;
  }

  #atPoint(point: number, pid: number | undefined): void {
    const { plan, caller, bundle } = this.#request;
    switch (point) {
      case POINT.MAPS:
        if (plan.idMaps) writeMaps(this.#process.pid, plan.idMaps);
        break;
      case POINT.OFFSETS:
        writeMap(this.#process.pid, 'timens_offsets', plan.timeOffsets ?? '', 'linux.timeOffsets');
        break;
      case POINT.CHILD:
        addon.wait(this.#process.pid, true); // the first stage, which has ended
        this.#process = this.#adopt(pid ?? 0);
        this.#note();
        break;
      case POINT.PLACED:
        this.#cgroup.place(this.#process.pid);
        this.#note();
        break;
      case POINT.SOURCES: {
        const fds = openSources(plan, this.#sourcesSent);
        this.#sourcesSent += fds.length;
        this.#channel.answer(point, fds);
        for (const fd of fds) addon.close(fd);
        return;
      }
      case POINT.LIMITS:
        for (const { resource, hard, from } of plan.limits) {
          const raised = addon.raiseHardLimit(this.#process.pid, resource, BigInt(hard));
          if (raised < 0)
            throw new TsrunError('process', `${from}: raise the hard limit`, {
              cause: new SysError(-raised, 'prlimit'),
            });
        }
        break;
      case POINT.HOOKS: {
        const state = ociState(this.#draft(), 'creating');
        // Whoever kills the container (delete --force) must not have to wait for a hook.
        const pidfd = check(addon.pidfdOpen(this.#process.pid), 'pidfd_open', 'init');
        this.#undo.push(() => addon.close(pidfd));
        runHooks('prestart', plan.hooks.prestart, state, bundle, caller, pidfd);
        runHooks('createRuntime', plan.hooks.createRuntime, state, bundle, caller, pidfd);
        this.#channel.answer(point, plan.containerHooks.create ? [this.#stateFd('creating')] : []);
        return;
      }
    }
    this.#channel.answer(point);
  }

  #takeTerminal(master: number): void {
    const { consoleSocket } = this.#request;
    if (consoleSocket === undefined) {
      this.#terminal = master;
      return;
    }
    // The name goes along for a human who traces it; receivers look at the descriptor alone.
    const sent = addon.sendMessage(consoleSocket, new TextEncoder().encode('/dev/ptmx'), [master]);
    addon.close(master);
    if (sent < 0)
      throw new TsrunError('console', '--console-socket: send the terminal', { cause: new SysError(-sent, 'sendmsg') });
  }

  /** Everything that must stand before init may live without us. */
  #complete(): StoredState {
    const { container, plan, pidFile } = this.#request;
    const { pid } = this.#process;
    if (plan.oomScoreAdj !== undefined) {
      const path = `/proc/${pid}/oom_score_adj`;
      const written = addon.writeFile(path, String(plan.oomScoreAdj), O.WRONLY, 0);
      if (written < 0)
        throw new TsrunError('process', `process.oomScoreAdj: write ${plan.oomScoreAdj} to ${path}`, {
          cause: new SysError(-written, 'write'),
        });
    }
    const state: StoredState = { version: 1, ...this.#draft() };
    container.writeState(state);
    if (pidFile !== undefined) {
      writePidFile(pidFile, pid);
      this.#undo.push(() => addon.unlink(pidFile));
    }
    this.#channel.handOver(plan.containerHooks.start ? [this.#stateFd('created')] : []);
    return state;
  }

  /** Talks with init until it lives on by itself. */
  converse(): Launched {
    const { plan, warn, config } = this.#request;
    let state: StoredState | undefined;
    for (;;) {
      const event: ChannelEvent = this.#channel.next();
      switch (event.kind) {
        case 'point':
          this.#atPoint(event.point, event.pid);
          break;
        case 'console':
          this.#takeTerminal(event.fds[0] ?? -1);
          break;
        case 'warning':
          warn(event.text);
          break;
        case 'ready':
          state = this.#complete();
          break;
        case 'alive':
          if (!state) throw new HandshakeError('alive before it was ready');
          return { state, ...(this.#terminal === undefined ? {} : { terminal: this.#terminal }) };
        case 'failed':
        case 'hookFailed':
          throw wordFailure(plan, event, { args: config.process?.args ?? [] });
      }
    }
  }
}

/** The part of the state that is known before init has done anything. */
function keptOf(request: LaunchRequest): Omit<StoredState, 'version' | 'process' | 'created' | 'cgroup'> {
  const { container, bundle, rootfs, config, plan, caller } = request;
  return {
    ociVersion: OCI_VERSION,
    id: container.id,
    bundle,
    rootfs,
    owner: ownerOf(caller),
    annotations: config.annotations ?? {},
    devicePaths: devicePathsOf(config),
    sharesPidNamespace: !hasAny(config.linux?.namespaces ?? [], ({ type, path }) => type === 'pid' && !path),
    hooks: { poststart: plan.hooks.poststart, poststop: plan.hooks.poststop },
    startSteps: startSteps(plan),
  };
}

function devicePathsOf(config: Config): string[] {
  const paths: string[] = [];
  for (const device of config.linux?.devices ?? []) paths.push(device.path);
  return paths;
}

/** An operation as far as an error needs it. The environment of hooks is not needed, and may hold secrets. */
function storable(operation: Operation): Operation {
  if (operation.op === 'hook') return { ...operation, args: [], env: [] };
  // JSON has no exact form for the largest numbers, and an error can do without.
  if (operation.op === 'rlimit') return { ...operation, soft: Number(operation.soft), hard: Number(operation.hard) };
  return operation;
}

function startSteps(plan: Plan): StoredState['startSteps'] {
  let first = plan.steps.length;
  while (first > 0 && plan.steps[first - 1]?.operation.op !== 'ready') first--;
  const steps = mapped(plan.steps.slice(first), ({ operation, from }) => ({ operation: storable(operation), from }));
  return { first, steps };
}

function ownerOf(caller: Caller): string {
  const uid = addon.geteuid();
  return uid === 0 ? 'root' : (envOf(caller, 'USER') ?? String(uid));
}

function intentOf({ bundle }: LaunchRequest, cgroup: NewCgroup, process: ProcessIdentity | undefined): Intent {
  return { bundle, cgroup: cgroup.stored, cgroupMade: cgroup.made, ...(process ? { process } : {}) };
}

function killAndReap(process: ProcessIdentity): void {
  const pidfd = openProcess(process);
  if (pidfd !== undefined) {
    addon.pidfdSendSignal(pidfd, SIGKILL);
    waitForEnd(pidfd, -1);
    addon.close(pidfd);
  }
  addon.wait(process.pid, false);
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

function spawnInit(request: LaunchRequest, undo: Undo, socket: number, cgroupFd: number | undefined): number {
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

/**
 * Creates the container and returns when it waits for `start`.
 *
 * @throws {TsrunError} Nothing is left behind then; poststop hooks have run if the process was there.
 */
export function launch(request: LaunchRequest): Launched {
  const { container, plan, caller, bundle, warn } = request;
  for (const warning of plan.warnings) warn(warning);
  prepareRoot(request.root);
  const undo = new Undo();
  let active: Launch | undefined;
  try {
    container.claim();
    undo.push(() => container.remove());
    const manager = (): ManagerBus => systemManager((variable) => envOf(caller, variable));
    const note = (): void => container.writeIntent(intentOf(request, cgroup, active?.process));
    const cgroup = new NewCgroup(plan.cgroup, manager, undo, note);
    note();
    const cgroupFd = cgroup.prepare();
    const [ours, theirs] = checkValue(addon.socketpair(), 'socketpair');
    const channel = new Channel(ours, plan.steps);
    undo.push(() => channel.close());
    const pid = spawnInit(request, undo, theirs, cgroupFd);
    addon.close(theirs);
    undo.push(() => {
      if (active) killAndReap(active.process);
    });
    active = new Launch(request, undo, channel, cgroup, pid);
    const launched = active.converse();
    channel.close();
    undo.commit();
    return launched;
  } catch (error) {
    const failed = undo.run(error instanceof HandshakeError ? silentInit(error) : error);
    if (active) runPoststop(request, failed, bundle, caller, warn);
    throw failed;
  }
}

function silentInit(error: HandshakeError): TsrunError {
  return new TsrunError(
    'process',
    `create: ${error.message}: something killed it (out of memory? a limit?); the kernel log may say what`,
  );
}

/** "poststop hooks MUST be called" also where `create` failed; what they do wrong is a warning. */
function runPoststop(
  request: LaunchRequest,
  failed: TsrunError,
  bundle: string,
  caller: Caller,
  warn: (message: string) => void,
): void {
  const { container, config, plan } = request;
  const state: State = {
    ociVersion: OCI_VERSION,
    id: container.id,
    status: 'stopped',
    pid: 0,
    bundle,
    ...(config.annotations ? { annotations: config.annotations } : {}),
  };
  for (const [index, hook] of plan.hooks.poststop.entries()) {
    try {
      runHooks('poststop', [hook], state, bundle, caller);
    } catch (error) {
      warn(`hooks.poststop[${index}]: ${error instanceof Error ? error.message : String(error)}`);
      failed.attach(error);
    }
  }
}
