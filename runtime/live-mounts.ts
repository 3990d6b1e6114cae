/** Carries out plans in the mount namespace of a container that runs: the host's part of `mounts`. */
import { addon } from './addon.ts';
import type { Caller } from './caller.ts';
import { Channel } from './channel.ts';
import { errnoText } from './errno.ts';
import { TsrunError } from './errors.ts';
import { endChild } from './exec/enter.ts';
import { type FailureEvent, wordFailure } from './failure.ts';
import { openSources } from './launch/points.ts';
import { startInit } from './launch/spawn.ts';
import type { LivePlan } from './plan/live-mounts.ts';
import { checkValue } from './sys.ts';

/** A plan that ended early. */
export class LiveMountError extends TsrunError {
  /** How many mounts were dealt with before the one that failed. */
  readonly done: number;

  constructor(plan: LivePlan, event: FailureEvent) {
    const worded = wordFailure(plan, event, { args: [] });
    super(worded.code, worded.message);
    this.done = 'operation' in event ? Math.max(0, event.operation - plan.first) : 0;
  }
}

function converse(channel: Channel, plan: LivePlan, pid: number, caller: Caller): void {
  let sent = 0;
  for (;;) {
    const event = channel.next();
    switch (event.kind) {
      case 'point': {
        const fds = openSources(plan, sent, pid, caller);
        sent += fds.length;
        channel.answer(event.point, fds);
        for (const fd of fds) addon.close(fd);
        break;
      }
      case 'done':
        return;
      case 'failed':
      case 'hookFailed':
        throw new LiveMountError(plan, event);
    }
  }
}

/**
 * Carries out `plan`.
 *
 * @param joins Descriptors of the namespaces that its steps join.
 * @throws {LiveMountError} naming the mount; those before it were dealt with.
 */
export function carryOut(plan: LivePlan, joins: readonly number[], caller: Caller): void {
  const [ours, theirs] = checkValue(addon.socketpair(), 'socketpair');
  const pid = startInit({
    steps: plan.steps,
    preservedFds: 0,
    joins,
    socket: theirs,
    cloneFlags: 0,
    cgroupFd: undefined,
    cwd: '/',
    caller,
  });
  addon.close(theirs);
  const channel = new Channel(ours, plan.steps);
  try {
    if (pid < 0) throw new TsrunError('process', `mounts: start a process: clone3: ${errnoText(-pid)}`);
    converse(channel, plan, pid, caller);
  } finally {
    channel.close();
    if (pid > 0) endChild(pid);
  }
}
