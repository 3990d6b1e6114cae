/** A foreground `run` while the container's program runs: signals are forwarded, the terminal is served, children reaped. */
import { addon } from './addon.ts';
import { POLL } from './constants.ts';
import { check } from './sys.ts';
import type { Terminal } from './terminal.ts';

const SIGWINCH = 28;
/** SIGKILL and SIGSTOP cannot be caught; SIGCHLD is about this process's children. */
const notForwarded = new Set([9, 19, 17]);
const LAST_SIGNAL = 64;
const LAST_STANDARD = 31;
/** glibc keeps 32 and 33 for itself. */
const FIRST_REALTIME = 34;

/** Every signal that a caller may mean for the container, blocked from here on. */
export function openSignals(): number {
  const signals: number[] = [];
  for (let signal = 1; signal <= LAST_SIGNAL; signal++)
    if (!notForwarded.has(signal) && (signal <= LAST_STANDARD || signal >= FIRST_REALTIME)) signals.push(signal);
  return check(addon.signalfd(signals), 'signalfd');
}

/** The exit status of `run`: the program's own, or 128 and the number of the signal that ended it. */
function exitStatus(pid: number): number {
  const ended = addon.wait(pid, true);
  if (typeof ended === 'number' || ended === null) return 1;
  return ended.signal > 0 ? 128 + ended.signal : ended.code;
}

/** Reaps what the container's first process left behind, where we are the subreaper. */
function reapOthers(pid: number): number | undefined {
  for (;;) {
    const ended = addon.wait(-1, false);
    if (typeof ended === 'number' || ended === null) return undefined;
    if (ended.pid === pid) return ended.signal > 0 ? 128 + ended.signal : ended.code;
  }
}

/** Waits for the program `pid` and returns the exit status of `run`. */
export function waitInForeground(pid: number, signals: number, terminal: Terminal | undefined): number {
  const pidfd = check(addon.pidfdOpen(pid), 'pidfd_open', 'the container');
  const children = check(addon.signalfd([17]), 'signalfd');
  const fds = new Int32Array(10);
  let status: number | undefined;
  while (status === undefined) {
    const wantsWrite = terminal?.hasPending ? POLL.OUT : 0;
    fds.set([pidfd, POLL.IN, signals, POLL.IN, children, POLL.IN, terminal?.input ?? -1, POLL.IN]);
    fds.set([terminal?.output ?? -1, POLL.IN | wantsWrite], 8);
    check(addon.poll(fds, -1), 'poll', 'the container');
    if (fds[9]) {
      terminal?.flush();
      if ((fds[9] ?? 0) & ~POLL.OUT) terminal?.carryOutput();
    }
    if (fds[7]) terminal?.carryInput();
    if (fds[3]) forward(pidfd, signals, terminal);
    if (fds[5]) {
      while (addon.readSignal(children) > 0) {}
      status = reapOthers(pid);
    }
    if (status === undefined && fds[1]) status = exitStatus(pid);
  }
  addon.close(pidfd);
  addon.close(children);
  return status;
}

function forward(pidfd: number, signals: number, terminal: Terminal | undefined): void {
  for (let signal = addon.readSignal(signals); signal > 0; signal = addon.readSignal(signals)) {
    // The terminal's driver sends SIGWINCH to the container itself, once its size has changed.
    if (signal === SIGWINCH && terminal) terminal.resize();
    else addon.pidfdSendSignal(pidfd, signal);
  }
}
