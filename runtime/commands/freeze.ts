/** `pause` and `resume`, by the freezer of cgroup v2. */
import type { Status } from '../../spec/state.ts';
import { addon } from '../addon.ts';
import { refuseWhereGone, refuseWithoutCgroup } from '../cgroup/absent.ts';
import { cgroupDirectory } from '../cgroup/cgroupfs.ts';
import { waitForText } from '../cgroup/watch.ts';
import type { RequestOf } from '../cli/parse.ts';
import { O } from '../constants.ts';
import { type Context, containerOf, lock } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import { isAlive, readStat } from '../process.ts';
import { statusOf } from '../status.ts';
import type { StoredState } from '../store.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

/** Longer than that no healthy process is in the kernel without a break. */
const FREEZE_TIMEOUT_MS = 10_000;

interface Found {
  readonly state: StoredState;
  readonly status: Status;
  /** The directory of its cgroup. */
  readonly directory: string;
}

/** The container, locked until the command ends, which has to be running or paused. @throws {TsrunError} */
function find(context: Context, command: string, id: string): Found {
  const container = containerOf(context, id);
  lock(context, container);
  const state = container.readState();
  const status = statusOf(container, state);
  if (!state || status === 'stopped')
    throw new TsrunError('not-running', `${command} ${quote(id)}: container not running: it is ${status}`);
  refuseWithoutCgroup(state.cgroup, `${command} ${quote(id)}`, 'to freeze it by');
  refuseWhereGone(state.cgroup, `${command} ${quote(id)}`);
  return { state, status, directory: cgroupDirectory(state.cgroup) };
}

function setFrozen(directory: string, frozen: boolean): void {
  const path = `${directory}/cgroup.freeze`;
  const written = addon.writeFile(path, frozen ? '1' : '0', O.WRONLY, 0);
  if (written < 0) throw new SysError(-written, 'write', path);
}

function waitUntil(directory: string, frozen: boolean): boolean {
  const line = frozen ? 'frozen 1' : 'frozen 0';
  return waitForText(`${directory}/cgroup.events`, (text) => text.includes(line), FREEZE_TIMEOUT_MS);
}

/** The processes that keep the cgroup from being frozen, for the error to name. */
function uninterruptible(directory: string): string {
  const pids = readText(`${directory}/cgroup.procs`)
    .split('\n')
    .filter((pid) => pid !== '' && readStat(Number(pid))?.state === 'D');
  return pids.length === 0 ? '' : `: process ${pids.join(', ')} waits for a device or a file system`;
}

export function pause(context: Context, request: RequestOf<'pause'>): number {
  const { state, status, directory } = find(context, 'pause', request.id);
  const name = quote(request.id);
  if (status === 'paused') throw new TsrunError('wrong-status', `pause ${name}: the container is already paused`);
  setFrozen(directory, true);
  if (!waitUntil(directory, true)) {
    const reason = uninterruptible(directory);
    setFrozen(directory, false);
    throw new TsrunError(
      'cgroup',
      `pause ${name}: the container was not frozen after ${FREEZE_TIMEOUT_MS / 1000} s, and runs on${reason}`,
    );
  }
  // An empty cgroup freezes as well.
  if (!isAlive(state.process)) {
    setFrozen(directory, false);
    throw new TsrunError('not-running', `pause ${name}: container not running: it has just ended`);
  }
  return 0;
}

export function resume(context: Context, request: RequestOf<'resume'>): number {
  const { status, directory } = find(context, 'resume', request.id);
  const name = quote(request.id);
  // An interrupted `pause` may have left a cgroup that is to be frozen and is not yet.
  const isAsked = readText(`${directory}/cgroup.freeze`).startsWith('1');
  if (status !== 'paused' && !isAsked)
    throw new TsrunError('wrong-status', `resume ${name}: container not paused: it is ${status}`);
  if (!isAsked)
    throw new TsrunError('cgroup', `resume ${name}: not the container but a cgroup above ${directory} is frozen`);
  setFrozen(directory, false);
  if (!waitUntil(directory, false))
    throw new TsrunError('cgroup', `resume ${name}: still frozen, for a cgroup above ${directory} is frozen too`);
  return 0;
}
