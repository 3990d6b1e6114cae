/** Processes as /proc shows them: a pid is trusted only together with its start time. */
import { addon } from './addon.ts';
import { POLL } from './constants.ts';
import { readText } from './host.ts';

/** A process that cannot be mistaken for another one that got the same pid later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, in clock ticks since boot. */
  readonly startTime: number;
}

interface ProcessStat {
  /** One letter, as in ps: R, S, D, Z, … */
  state: string;
  startTime: number;
}

/** The state and start time of `pid`, or undefined where there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  // The second field is a name in parentheses that may hold anything, a parenthesis included.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state ? { state, startTime: Number(fields[19]) } : undefined;
}

/** Whether exactly this process is there and has not ended (a zombie has). */
export function isAlive(process: ProcessIdentity): boolean {
  const stat = readStat(process.pid);
  return stat !== undefined && stat.startTime === process.startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** A pidfd of exactly this process, or undefined where it has ended. */
export function openProcess(process: ProcessIdentity): number | undefined {
  const fd = addon.pidfdOpen(process.pid);
  if (fd < 0) return undefined;
  // Looked at after the pidfd was opened: from here on the pid cannot change its meaning unnoticed.
  if (isAlive(process)) return fd;
  addon.close(fd);
  return undefined;
}

/** Waits until the process behind a pidfd has ended; false when `timeoutMs` is over first. */
export function waitForEnd(pidfd: number, timeoutMs: number): boolean {
  return addon.poll(new Int32Array([pidfd, POLL.IN]), timeoutMs) > 0;
}

const SIGKILL = 9;

/** Ends exactly this process, and reaps it where it is our child. */
export function killAndReap(process: ProcessIdentity): void {
  const pidfd = openProcess(process);
  if (pidfd !== undefined) {
    addon.pidfdSendSignal(pidfd, SIGKILL);
    waitForEnd(pidfd, -1);
    addon.close(pidfd);
  }
  addon.wait(process.pid, false);
}
