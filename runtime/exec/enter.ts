/** Makes a process of a container that is there, as its plan says: the host's part of `exec`. */
import type { Config } from '../../spec/config.ts';
import type { Status } from '../../spec/state.ts';
import { addon } from '../addon.ts';
import type { Caller } from '../caller.ts';
import { Channel, type ChannelEvent } from '../channel.ts';
import { POLL } from '../constants.ts';
import { errno, errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { type FailureEvent, wordFailure } from '../failure.ts';
import { fitTerminal } from '../foreground.ts';
import { POINT } from '../generated/wire.ts';
import { HandshakeError } from '../handshake.ts';
import { Interrupts } from '../interrupts.ts';
import { sendListener } from '../launch/listener.ts';
import { adjustOomScore, raiseLimits } from '../launch/points.ts';
import { sendPidfd, sendTerminal } from '../launch/sockets.ts';
import { cgroupRefusals, startInit } from '../launch/spawn.ts';
import { ociState } from '../launch.ts';
import type { ExecPlan } from '../plan/exec.ts';
import { enterRdt } from '../rdt.ts';
import type { StoredState } from '../store.ts';
import { checkValue } from '../sys.ts';
import { quote } from '../text.ts';
import { Undo } from '../undo.ts';
import type { ExecCgroup } from './cgroup.ts';

const SIGKILL = 9;

/** What a process enters a container with. */
export interface EntryRequest {
  readonly state: StoredState;
  readonly plan: ExecPlan;
  /** Descriptors of the namespaces to join. */
  readonly joins: readonly number[];
  /** A pidfd of the container's process. */
  readonly pidfd: number;
  readonly cgroup: ExecCgroup;
  /** The configuration that the container was made from. */
  readonly config: Config;
  /** Its status. */
  readonly status: Status;
  /** process.args. */
  readonly args: readonly string[];
  readonly caller: Caller;
  /** A connected socket that gets the terminal's master. */
  readonly consoleSocket: number | undefined;
  /** A connected socket that gets a pidfd of the process. */
  readonly pidfdSocket: number | undefined;
}

/** A process that has become its program. */
export interface Entered {
  readonly pid: number;
  /** The terminal's master, where no console socket took it. */
  readonly terminal?: number;
}

/** Whether the process behind `pidfd` has ended, or does within `timeoutMs`. */
export function hasEnded(pidfd: number, timeoutMs = 0): boolean {
  return addon.poll(new Int32Array([pidfd, POLL.IN]), timeoutMs) > 0;
}

/** What kills a container kills its processes in any order. */
export const ONE_BY_ONE_MS = 200;

/** Ends a child of ours, whose pid is its own until it is reaped. */
export function endChild(pid: number): void {
  addon.kill(pid, SIGKILL);
  addon.wait(pid, true);
}

function notStarted(number: number, { cgroup }: StoredState): TsrunError {
  const inCgroup = cgroupRefusals.get(number);
  if (inCgroup !== undefined)
    return new TsrunError('cgroup', `start the process in the cgroup ${quote(cgroup.path)}: ${inCgroup}`);
  const hint =
    number === errno.EAGAIN
      ? ': no more processes may be made: look at pids.max of the container’s cgroup and the caller’s RLIMIT_NPROC'
      : '';
  return new TsrunError('process', `start the process: clone3: ${errnoText(number)}${hint}`);
}

/** Binds this process, and so the one that it starts. @throws {TsrunError} */
function bindTo(cpus: readonly number[]): void {
  const bound = addon.setAffinity(cpus);
  if (bound < 0)
    throw new TsrunError(
      'process',
      `process.execCPUAffinity.initial: run on the CPUs ${cpus.join(', ')}: sched_setaffinity: ${errnoText(-bound)}: none of them is there for the caller`,
    );
}

/** Starts init, which gets `socket`. */
function spawn(request: EntryRequest, socket: number): number {
  const { plan, cgroup, state, caller } = request;
  const start = (cgroupFd: number | undefined): number => {
    const pid = startInit({
      steps: plan.steps,
      preservedFds: plan.preservedFds,
      joins: request.joins,
      socket,
      cloneFlags: 0,
      cgroupFd,
      cwd: '/',
      caller,
    });
    if (cgroupFd !== undefined) addon.close(cgroupFd);
    return pid;
  };
  if (plan.initialCpus.length > 0) bindTo(plan.initialCpus);
  let pid = start(cgroup.open());
  if (pid === -errno.EBUSY) {
    const below = cgroup.openOf(state.process.pid);
    if (below !== undefined) pid = start(below);
  }
  addon.close(socket);
  if (pid < 0) throw notStarted(-pid, state);
  return pid;
}

type PointEvent = Extract<ChannelEvent, { kind: 'point' }>;

class Entry {
  readonly #request: EntryRequest;
  readonly #channel: Channel;
  #pid: number;
  #terminal: number | undefined;

  constructor(request: EntryRequest, channel: Channel, pid: number) {
    this.#request = request;
    this.#channel = channel;
    this.#pid = pid;
  }

  get pid(): number {
    return this.#pid;
  }

  /** It is where the container is, and waits. */
  #joined(): void {
    const { pidfd, pidfdSocket, state } = this.#request;
    // Whoever ended the container before this process was in its cgroup did not end this one with it.
    if (hasEnded(pidfd)) throw new HandshakeError('the container ended');
    if (state.rdt) enterRdt(state.rdt, this.#pid);
    if (pidfdSocket !== undefined) sendPidfd(pidfdSocket, this.#pid);
  }

  #atPoint(event: PointEvent): void {
    const { plan, cgroup, state, config } = this.#request;
    const { point, pid } = event;
    switch (point) {
      case POINT.OOM_SCORE:
        if (plan.oomScoreAdj !== undefined) adjustOomScore(this.#pid, plan.oomScoreAdj);
        break;
      case POINT.PLACED:
        cgroup.place(this.#pid, state.process.pid);
        break;
      case POINT.CHILD:
        addon.wait(this.#pid, true); // the first stage, which has ended
        this.#pid = pid ?? 0;
        this.#joined();
        break;
      case POINT.JOINED:
        this.#joined();
        break;
      case POINT.LISTENER: {
        const oci = ociState(state, this.#request.status);
        sendListener(this.#pid, event, oci, { bundle: state.bundle, config });
        break;
      }
      case POINT.LIMITS:
        raiseLimits(this.#pid, plan.limits);
        break;
    }
    this.#channel.answer(point);
  }

  #takeTerminal(master: number): void {
    const { consoleSocket } = this.#request;
    if (consoleSocket !== undefined) {
      sendTerminal(consoleSocket, master);
      return;
    }
    // Before the program starts, which may ask for the size of its terminal at once.
    fitTerminal(master);
    this.#terminal = master;
  }

  /** Talks with init until it has become the program. */
  converse(): Entered {
    const { plan, args } = this.#request;
    let notExecuted: FailureEvent | undefined;
    for (;;) {
      const event: ChannelEvent = this.#channel.next();
      switch (event.kind) {
        case 'point':
          this.#atPoint(event);
          break;
        case 'console':
          this.#takeTerminal(event.fds[0] ?? -1);
          break;
        case 'execFailed':
          notExecuted = event;
          break;
        case 'ended':
          if (notExecuted) throw wordFailure(plan, notExecuted, { args });
          return { pid: this.#pid, ...(this.#terminal === undefined ? {} : { terminal: this.#terminal }) };
        case 'failed':
        case 'hookFailed':
          throw wordFailure(plan, event, { args });
      }
    }
  }
}

/** What became of a process that said nothing more. */
function silent(error: HandshakeError): TsrunError {
  return new TsrunError(
    'process',
    `${error.message}: something killed it (out of memory? a limit?); the kernel log may say what`,
  );
}

/**
 * Makes the process, and returns once it is its program.
 *
 * @throws {TsrunError} Nothing is left of it then. `not-running`: the container has ended meanwhile.
 */
export function enter(request: EntryRequest): Entered {
  const undo = new Undo();
  try {
    const [ours, theirs] = checkValue(addon.socketpair(), 'socketpair');
    const channel = new Channel(ours, request.plan.steps, new Interrupts(request.caller));
    undo.push(() => channel.close());
    const entry = new Entry(request, channel, spawn(request, theirs));
    undo.push(() => endChild(entry.pid));
    const entered = entry.converse();
    channel.close();
    return entered;
  } catch (error) {
    const isSilent = error instanceof HandshakeError;
    const failed = undo.run(isSilent ? silent(error) : error);
    if (hasEnded(request.pidfd, isSilent ? ONE_BY_ONE_MS : 0)) throw endedMeanwhile(request.state.id);
    throw failed;
  }
}

/** The container ended while a process was to join it. */
export function endedMeanwhile(id: string): TsrunError {
  return new TsrunError('not-running', `container ${quote(id)}: container not running: it has just ended`);
}
