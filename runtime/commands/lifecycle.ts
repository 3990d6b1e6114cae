/** `start`, `state`, `list`, `kill` and `delete`: what is done with a container that is there. */

import { OCI_VERSION, type Status } from '../../spec/state.ts';
import { signalName } from '../../spec/tables.ts';
import { addon } from '../addon.ts';
import { refuseWithoutCgroup } from '../cgroup/absent.ts';
import { killCgroup, pidsOf } from '../cgroup/cgroupfs.ts';
import type { RequestOf } from '../cli/parse.ts';
import { type Context, containerOf, lock, stateRoot } from '../context.ts';
import { TsrunError, wordError } from '../errors.ts';
import { Interrupts } from '../interrupts.ts';
import type { Notification } from '../notification.ts';
import { print } from '../output.ts';
import { openProcess } from '../process.ts';
import { destroy, destroyRemains, interrupt } from '../remove.ts';
import { renderList, renderState, type StateReport } from '../render.ts';
import { start } from '../start.ts';
import { statusOf } from '../status.ts';
import { Container, listIds, type StoredState } from '../store.ts';
import { check } from '../sys.ts';
import { quote } from '../text.ts';

const SIGKILL = 9;
/** Well below the usual limit of descriptors. */
const PIDFDS_AT_ONCE = 512;

/** Waits until the program says that it is ready. Others may do with the container what they like meanwhile. */
export function awaitReady({ caller, log }: Context, container: Container, notification: Notification): void {
  container.unlock();
  if (!notification.wait(new Interrupts(caller)))
    log.warn('NOTIFY_SOCKET: the program ended before it said that it is ready');
}

export function startCommand(context: Context, request: RequestOf<'start'>): number {
  const container = containerOf(context, request.id);
  lock(context, container);
  const notification = start(container, container.readState(), context.caller, (message) => context.log.warn(message));
  if (notification) awaitReady(context, container, notification);
  return 0;
}

function report(container: Container, state: StoredState | undefined): StateReport {
  const status = statusOf(container, state);
  if (state) {
    const { id, bundle, rootfs, created, owner, annotations } = state;
    const pid = status === 'stopped' ? 0 : state.process.pid;
    const shown = Object.keys(annotations).length > 0 ? { annotations } : {};
    return { ociVersion: OCI_VERSION, id, status, pid, bundle, rootfs, created, owner, ...shown };
  }
  const intent = container.readIntent();
  return {
    ociVersion: OCI_VERSION,
    id: container.id,
    status,
    pid: 0,
    bundle: intent?.bundle ?? '',
    rootfs: '',
    created: creationTime(container),
    owner: '',
  };
}

/** When the id was taken; there is no better time for a container that was never finished. */
function creationTime(container: Container): string {
  const stat = addon.stat(container.directory, false);
  return new Date(typeof stat === 'number' ? 0 : stat.mtimeMs).toISOString();
}

export function stateCommand(context: Context, request: RequestOf<'state'>): number {
  const container = containerOf(context, request.id);
  print(renderState(report(container, container.readState())));
  return 0;
}

export function list(context: Context, request: RequestOf<'list'>): number {
  const root = stateRoot(context);
  const reports: StateReport[] = [];
  for (const id of listIds(root)) {
    const container = new Container(root, id);
    try {
      reports.push(report(container, container.readState()));
    } catch (error) {
      // One damaged or just removed container must not hide the others.
      if (!(error instanceof TsrunError && error.code === 'not-found')) context.log.warn(wordError(error));
    }
  }
  print(renderList(reports, request.quiet ? 'quiet' : request.format));
  return 0;
}

function notRunning(id: string): TsrunError {
  return new TsrunError('not-running', `container ${quote(id)}: container not running`);
}

/** Signals every process of the container's cgroup. */
function signalAll(state: StoredState, signal: number): void {
  if (signal === SIGKILL) {
    killCgroup(state.cgroup);
    return;
  }
  const pids = pidsOf(state.cgroup);
  for (let first = 0; first < pids.length; first += PIDFDS_AT_ONCE) {
    const opened: (readonly [pid: number, pidfd: number])[] = [];
    for (const pid of pids.slice(first, first + PIDFDS_AT_ONCE)) opened.push([pid, addon.pidfdOpen(pid)]);
    // Still in the cgroup after the pidfd was opened: it is the process that was meant.
    const there = new Set(pidsOf(state.cgroup));
    for (const [pid, pidfd] of opened) {
      if (pidfd < 0) continue;
      if (there.has(pid)) addon.pidfdSendSignal(pidfd, signal);
      addon.close(pidfd);
    }
  }
}

export function kill(context: Context, request: RequestOf<'kill'>): number {
  const container = containerOf(context, request.id);
  const state = container.readState();
  const { signal, all } = request;
  const hasCgroup = state !== undefined && state.cgroup.driver !== 'disabled';
  if (all && state) refuseWithoutCgroup(state.cgroup, `kill --all ${quote(container.id)}`, 'to find its processes by');
  const pidfd = state && openProcess(state.process);
  if (!state || pidfd === undefined) {
    // The first process has ended; others may be left where the pid namespace is shared.
    if (!all) throw notRunning(container.id);
    if (state) signalAll(state, signal);
    return 0;
  }
  const everything = all || (signal === SIGKILL && state.sharesPidNamespace && hasCgroup);
  if (everything) signalAll(state, signal);
  else
    check(
      addon.pidfdSendSignal(pidfd, signal),
      'pidfd_send_signal',
      `${signalName(signal)} to container ${quote(container.id)}`,
    );
  addon.close(pidfd);
  return 0;
}

/** Whether `delete` may remove a container of this status without being forced to. */
function isRemovable(status: Status): boolean {
  return status === 'stopped' || status === 'created';
}

/** How long `delete --force` lets another command finish before it kills what that works on, in milliseconds. */
const PATIENCE_MS = 250;

/** Gets the container also from a command that waits for ever, for a hook or for init. */
function lockByForce(container: Container): void {
  let end = addon.monotonicMs() + PATIENCE_MS;
  while (!container.tryLock()) {
    if (addon.monotonicMs() > end) {
      // Again and again, for what it works on may not have been there yet.
      interrupt(container.readIntent());
      end += PATIENCE_MS;
    }
    addon.poll(new Int32Array(0), 5);
  }
}

export function deleteCommand(context: Context, request: RequestOf<'delete'>): number {
  const container = containerOf(context, request.id);
  const warn = (message: string): void => context.log.warn(message);
  try {
    if (request.force) lockByForce(container);
    else lock(context, container);
  } catch (error) {
    if (request.force && error instanceof TsrunError && error.code === 'not-found') return 0;
    throw error;
  }
  let state: StoredState | undefined;
  try {
    state = container.readState();
  } catch (error) {
    if (!request.force) throw error;
    warn(wordError(error));
  }
  if (!state) {
    destroyRemains(container, container.readIntent());
    return 0;
  }
  const status = statusOf(container, state);
  if (!request.force && !isRemovable(status))
    throw new TsrunError(
      'wrong-status',
      `cannot delete container ${quote(container.id)} that is not stopped: it is ${status}; stop it, or use --force`,
    );
  destroy(container, state, context.caller, warn, new Interrupts(context.caller));
  return 0;
}
