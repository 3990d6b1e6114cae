/** What is said of an init that ended without a word. */
import { addon } from '../addon.ts';
import { oomKills } from '../cgroup/oom.ts';
import { viewOf } from '../cgroup/view.ts';
import { TsrunError } from '../errors.ts';
import type { HandshakeError } from '../handshake.ts';
import { type ProcessIdentity, waitForEnd } from '../process.ts';
import type { StoredCgroup } from '../store.ts';
import { withoutMemory } from './memory.ts';

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

function isOutOfMemory(cgroup: StoredCgroup | undefined): boolean {
  return cgroup !== undefined && cgroup.driver !== 'disabled' && Number(oomKills(viewOf(cgroup)) ?? 0) > 0;
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
  if (deathSignal(process) === SIGSYS)
    return new TsrunError(
      'process',
      'linux.seccomp: process killed by its own seccomp profile: it must allow write, close and read as init calls them, and execve (`tsrun seccomp explain` tells what it does)',
    );
  if (isOutOfMemory(cgroup)) return withoutMemory(limit);
  return new TsrunError(
    'process',
    `create: ${error.message}: something killed it (out of memory? a limit? linux.seccomp?); the kernel log may say what`,
  );
}
