/**
 * Makes a container as its plan says: the host's part of `create`. Each acquisition registers its undo; whatever fails
 * leaves the host as it was.
 */
import type { Config } from '../spec/config.ts';
import { OCI_VERSION, type State, type Status } from '../spec/state.ts';
import { addon } from './addon.ts';
import { type Caller, envOf } from './caller.ts';
import { NewCgroup } from './cgroup/lifecycle.ts';
import { type ManagerBus, systemManager, userManager } from './cgroup/systemd.ts';
import { Channel, type ChannelEvent } from './channel.ts';
import type { TsrunError } from './errors.ts';
import { wordFailure } from './failure.ts';
import { type Operation, POINT } from './generated/wire.ts';
import { HandshakeError } from './handshake.ts';
import { hookState, runHooks } from './hooks.ts';
import { Interrupts } from './interrupts.ts';
import { checkJoinedMaps } from './launch/joined-maps.ts';
import { sendListener } from './launch/listener.ts';
import { memoryLimit } from './launch/memory.ts';
import { moveNetDevices } from './launch/net-devices.ts';
import { writePidFile } from './launch/pid-file.ts';

import { adjustOomScore, openSources, raiseLimits, writeMap, writeMaps } from './launch/points.ts';
import { silentInit } from './launch/silence.ts';
import { sendPidfd, sendTerminal } from './launch/sockets.ts';

import { spawnInit } from './launch/spawn.ts';
import { hasAny, mapped } from './lists.ts';
import type { Plan } from './plan.ts';
import { killAndReap, type ProcessIdentity, readStat } from './process.ts';
import { enterRdt, makeRdt, type StoredRdt } from './rdt.ts';
import { prepareRoot } from './state-root.ts';
import { type Container, type Intent, type StoredCgroup, type StoredState, sumOfConfig } from './store.ts';
import { check, checkValue } from './sys.ts';
import { Undo } from './undo.ts';

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
  /** The text that it was read from. */
  configBytes: Uint8Array;
  plan: Plan;
  caller: Caller;
  /** Absolute path of the file for the pid. */
  pidFile?: string;
  /** Whether the program gets a socket to say that it is ready. */
  notifies?: boolean;
  /** A connected socket that gets the terminal's master. */
  consoleSocket?: number;
  /** A connected socket that gets a pidfd of the process. */
  pidfdSocket?: number;
  warn(message: string): void;
}

/** A container that waits for `start`. */
export interface Launched {
  state: StoredState;
  /** The terminal's master, where no console socket took it. */
  terminal?: number;
}

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

/** The process that becomes the container, while the host still answers for it. */
class Launch {
  readonly #request: LaunchRequest;
  readonly #undo: Undo;
  readonly #channel: Channel;
  readonly #interrupts: Interrupts;
  readonly #cgroup: NewCgroup;
  #process: ProcessIdentity;
  readonly #kept: ReturnType<typeof keptOf>;
  #sourcesSent = 0;
  #terminal: number | undefined;
  #rdt: StoredRdt | undefined;

  constructor(
    request: LaunchRequest,
    undo: Undo,
    channel: Channel,
    interrupts: Interrupts,
    cgroup: NewCgroup,
    pid: number,
  ) {
    this.#interrupts = interrupts;
    this.#request = request;
    this.#undo = undo;
    this.#channel = channel;
    this.#cgroup = cgroup;
    this.#process = this.#adopt(pid);
    this.#note();
    // Now, while init works: later it would wait for this.
    this.#kept = keptOf(request);
    request.container.writeConfig(request.configBytes);
  }

  /** Writes down what is there, before it goes on. */
  #note(): void {
    const intent = intentOf(this.#request, this.#cgroup, this.#process);
    this.#request.container.writeIntent(this.#rdt ? { ...intent, rdt: this.#rdt } : intent);
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

  get cgroup(): StoredCgroup {
    return this.#cgroup.stored;
  }

  #draft(): Omit<StoredState, 'version'> {
    return {
      ...this.#kept,
      process: this.#process,
      created: new Date().toISOString(),
      cgroup: this.#cgroup.stored,
      ...(this.#rdt ? { rdt: this.#rdt } : {}),
    };
  }

  #stateFd(status: Status): number {
    const fd = check(addon.memfdOfData(hookState(ociState(this.#draft(), status)), 'state'), 'memfd_create', 'state');
    this.#undo.push(() => addon.close(fd));
    return fd;
  }

  #atPoint(event: Extract<ChannelEvent, { kind: 'point' }>): void {
    const { plan, caller, bundle } = this.#request;
    const interrupts = this.#interrupts;
    const { point, pid, fd } = event;
    switch (point) {
      case POINT.MAPS:
        if (plan.idMaps) writeMaps(this.#process.pid, plan.idMaps, caller);
        this.#setOomScore(true);
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
        const fds = openSources(plan, this.#sourcesSent, this.#process.pid, caller);
        this.#sourcesSent += fds.length;
        this.#channel.answer(point, fds);
        for (const fd of fds) addon.close(fd);
        return;
      }
      case POINT.LIMITS:
        raiseLimits(this.#process.pid, plan.limits);
        break;
      case POINT.NET_DEVICES:
        moveNetDevices(plan.netDevices, this.#process.pid, fd ?? -1, this.#undo);
        break;
      case POINT.LISTENER:
        sendListener(this.#process.pid, event, ociState(this.#draft(), 'creating'), this.#request);
        break;
      case POINT.HOOKS: {
        this.#checkJoined();
        const state = ociState(this.#draft(), 'creating');
        // Whoever kills the container (delete --force) must not have to wait for a hook.
        const pidfd = check(addon.pidfdOpen(this.#process.pid), 'pidfd_open', 'init');
        this.#undo.push(() => addon.close(pidfd));
        // From the time when they ran before start, and written for the status that a container had then.
        runHooks('prestart', plan.hooks.prestart, { ...state, status: 'created' }, bundle, caller, interrupts, pidfd);
        runHooks('createRuntime', plan.hooks.createRuntime, state, bundle, caller, interrupts, pidfd);
        this.#channel.answer(point, plan.containerHooks.create ? [this.#stateFd('creating')] : []);
        return;
      }
    }
    this.#channel.answer(point);
  }

  /**
   * Root writes it at the end. Others may open the file only while init is dumpable, which is where maps are written; what
   * init forks later has it from it.
   */
  #setOomScore(early: boolean): void {
    const { oomScoreAdj } = this.#request.plan;
    if (oomScoreAdj === undefined || (addon.geteuid() !== 0) !== early) return;
    adjustOomScore(this.#process.pid, oomScoreAdj);
  }

  #checkJoined(): void {
    const { joinedMaps } = this.#request.plan;
    if (joinedMaps) checkJoinedMaps(this.#process.pid, joinedMaps);
  }

  #takeTerminal(master: number): void {
    const { consoleSocket } = this.#request;
    if (consoleSocket === undefined) {
      this.#terminal = master;
      return;
    }
    sendTerminal(consoleSocket, master);
  }

  /** Everything that must stand before init may live without us. */
  #complete(): StoredState {
    const { container, plan, pidFile, pidfdSocket } = this.#request;
    const { pid } = this.#process;
    this.#checkJoined();
    this.#cgroup.complete();
    this.#setOomScore(false);
    if (plan.rdt) {
      this.#rdt = makeRdt(plan.rdt, this.#undo, (rdt) => {
        this.#rdt = rdt;
        this.#note();
      });
      enterRdt(this.#rdt, pid);
    }
    const state: StoredState = { version: 1, ...this.#draft() };
    container.writeState(state);
    if (pidFile !== undefined) {
      writePidFile(pidFile, pid);
      this.#undo.push(() => addon.unlink(pidFile));
    }
    if (pidfdSocket !== undefined) sendPidfd(pidfdSocket, pid);
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
          this.#atPoint(event);
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
        case 'execFailed':
          throw wordFailure(plan, event, { args: config.process?.args ?? [] });
      }
    }
  }
}

/** The part of the state that is known before init has done anything. */
function keptOf(request: LaunchRequest): Omit<StoredState, 'version' | 'process' | 'created' | 'cgroup'> {
  const { container, bundle, rootfs, config, plan, caller } = request;
  const keyring = keyringOf(plan);
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
    ...(keyring === undefined ? {} : { keyring }),
    configSum: sumOfConfig(request.configBytes),
  };
}

/** The name of the session keyring that the container gets. */
function keyringOf(plan: Plan): string | undefined {
  for (const { operation } of plan.steps) if (operation.op === 'keyring') return operation.name;
  return undefined;
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
  while (first > 0 && plan.steps[first - 1]?.operation.op !== 'alive') first--;
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

/**
 * Creates the container and returns when it waits for `start`.
 *
 * @throws {TsrunError} Nothing is left behind then; poststop hooks have run if the process was there.
 */
export function launch(request: LaunchRequest): Launched {
  const { container, plan, caller, warn } = request;
  for (const warning of plan.warnings) warn(warning);
  prepareRoot(request.root);
  const undo = new Undo();
  const interrupts = new Interrupts(caller);
  let active: Launch | undefined;
  try {
    container.claim();
    undo.push(() => container.remove());
    if (request.notifies) container.makeNotifyDirectory();
    if (plan.mountPoint !== undefined) {
      undo.push(() => container.detachRoot());
      container.makeMountPoint();
    }
    const manager = (): ManagerBus =>
      (plan.cgroup.scope?.user ? userManager : systemManager)((variable) => envOf(caller, variable));
    const note = (): void => container.writeIntent(intentOf(request, cgroup, active?.process));
    const cgroup = new NewCgroup(plan.cgroup, manager, undo, note);
    note();
    const cgroupFd = cgroup.prepare();
    const [ours, theirs] = checkValue(addon.socketpair(), 'socketpair');
    const channel = new Channel(ours, plan.steps, interrupts);
    undo.push(() => channel.close());
    const pid = spawnInit(request, undo, theirs, cgroupFd);
    addon.close(theirs);
    undo.push(() => {
      if (active) killAndReap(active.process);
    });
    active = new Launch(request, undo, channel, interrupts, cgroup, pid);
    const launched = active.converse();
    channel.close();
    undo.commit();
    return launched;
  } catch (error) {
    const failed = undo.run(
      error instanceof HandshakeError ? silentInit(error, active?.process, active?.cgroup, memoryLimit(plan)) : error,
    );
    if (active) runPoststop(request, failed, interrupts);
    throw failed;
  }
}

/** "poststop hooks MUST be called" also where `create` failed; what they do wrong is a warning. */
function runPoststop(request: LaunchRequest, failed: TsrunError, interrupts: Interrupts): void {
  const { container, config, plan, bundle, caller, warn } = request;
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
      runHooks('poststop', [hook], state, bundle, caller, interrupts);
    } catch (error) {
      warn(`hooks.poststop[${index}]: ${error instanceof Error ? error.message : String(error)}`);
      failed.attach(error);
    }
  }
}
