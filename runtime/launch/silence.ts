/** What is said of an init that ended without a word. */
import { addon } from '../addon.ts';
import { oomKills } from '../cgroup/oom.ts';
import { viewOf } from '../cgroup/view.ts';
import { TsrunError } from '../errors.ts';
import type { HandshakeError } from '../handshake.ts';
import { type ProcessIdentity, waitForEnd } from '../process.ts';
import type { StoredCgroup } from '../store.ts';
import { probablyWithoutMemory, withoutMemory } from './memory.ts';

const SIGKILL = 9;
const SIGSYS = 31;

/** How long a process that has nothing more to say may take to end. */
const LAST_BREATH_MS = 1000;

/** The signal that ended a child, or 0. */
function deathSignal(process: ProcessIdentity | undefined): number {
  // Not looked for by its start time: until it is reaped here, the number is its own.
  const pidfd = process ? addon.pidfdOpen(process.pid) : -1;
  if (!process || pidfd < 0) return 0;
  waitForEnd(pidfd, LAST_BREATH_MS);
  addon.close(pidfd);
  const status = addon.wait(process.pid, false);
  return typeof status === 'object' ? (status?.signal ?? 0) : 0;
}

/** Whether the kernel has killed a process of the cgroup for want of memory; undefined where nobody counts, or the cgroup is gone. */
function isOutOfMemory(cgroup: StoredCgroup | undefined): boolean | undefined {
  const kills = cgroup === undefined || cgroup.driver === 'disabled' ? undefined : oomKills(viewOf(cgroup));
  return kills === undefined ? undefined : Number(kills) > 0;
}

/**
 * The error of a `create` whose init broke off the conversation.
 * @param cgroup Where it was.
 * @param limit The property that limits its memory.
 */
export function silentInit(
  error: HandshakeError,
  process: ProcessIdentity | undefined,
  cgroup: StoredCgroup | undefined,
  limit: string | undefined,
): TsrunError {
  const signal = deathSignal(process);
  if (signal === SIGSYS)
    return new TsrunError(
      'process',
      'linux.seccomp: process killed by its own seccomp profile: it must allow write, close and read as init calls them, and execve (`tsrun seccomp explain` tells what it does)',
    );
  const isOut = isOutOfMemory(cgroup);
  if (isOut) return withoutMemory(limit);
  // A service manager removes a scope with its last process, and with that what the kernel has counted.
  if (isOut === undefined && signal === SIGKILL && limit !== undefined) return probablyWithoutMemory(limit);
  return new TsrunError(
    'process',
    `create: ${error.message}: something killed it (out of memory? a limit? linux.seccomp?); the kernel log may say what`,
  );
}
