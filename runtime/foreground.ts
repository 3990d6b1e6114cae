/**
 * A program in the foreground of the caller. The engine does not stay in memory for it: what takes longer than a moment, or
 * has a terminal, is waited for by a small static program (native/supervise), which this process becomes.
 */
import { addon } from './addon.ts';
import { POLL } from './constants.ts';
import type { Context } from './context.ts';
import { TsrunError } from './errors.ts';
import { enginePath, supervisePath } from './install.ts';
import type { Notification } from './notification.ts';
import { check, SysError } from './sys.ts';

/** SIGKILL and SIGSTOP cannot be caught; SIGCHLD is about this process's children. */
const notForwarded = new Set([9, 19, 17]);
const LAST_SIGNAL = 64;
const LAST_STANDARD = 31;
/** glibc keeps 32 and 33 for itself. */
const FIRST_REALTIME = 34;

/** How long the engine waits itself, in milliseconds: most programs that end soon have ended by then. */
const MOMENT_MS = 50;

/** Every signal that a caller may mean for the container, blocked from here on. */
export function openSignals(): number {
  const signals: number[] = [];
  for (let signal = 1; signal <= LAST_SIGNAL; signal++)
    if (!notForwarded.has(signal) && (signal <= LAST_STANDARD || signal >= FIRST_REALTIME)) signals.push(signal);
  return check(addon.signalfd(signals), 'signalfd');
}

/** How the program is served. */
export interface ForegroundStyle {
  /** Whether it is in the foreground of our own terminal, and gets what is typed there by itself. */
  readonly sharesTerminal?: boolean;
  /** Whether what would end any other program ends this one too, though it is the first of its pid namespace. */
  readonly endsAsAny?: boolean;
}

/** The program, a child of ours. */
export interface ForegroundProgram {
  readonly pid: number;
  /** What {@link openSignals} gave. */
  readonly signals: number;
  /** The master of its terminal. */
  readonly terminal?: number | undefined;
  readonly style?: ForegroundStyle;
  /** What it says about being ready, where that is to be passed on. */
  readonly notification?: Notification | undefined;
}

const STDIN = 0;

/** Makes a terminal fit for the caller's, before its program starts and may ask for the size. */
export function fitTerminal(master: number): void {
  // init cleared it for callers that add the carriage return themselves; here nobody else would.
  addon.terminalOnlcr(master, true);
  const size = addon.windowSize(STDIN);
  if (typeof size !== 'number' && (size.rows > 0 || size.columns > 0)) addon.setWindowSize(master, size);
}

/** The exit status of a program that ends within a moment, if no signal is to be forwarded before. */
function endsSoon({ pid, signals }: ForegroundProgram): number | undefined {
  const pidfd = check(addon.pidfdOpen(pid), 'pidfd_open', 'the program');
  const fds = new Int32Array([pidfd, POLL.IN, signals, POLL.IN]);
  check(addon.poll(fds, MOMENT_MS), 'poll', 'the program');
  addon.close(pidfd);
  if (!fds[1]) return undefined;
  const ended = addon.wait(pid, true);
  if (typeof ended === 'number' || ended === null) return 1;
  return ended.signal > 0 ? 128 + ended.signal : ended.code;
}

function letters({ sharesTerminal, endsAsAny }: ForegroundStyle): string {
  return `${sharesTerminal ? 's' : ''}${endsAsAny ? 'e' : ''}` || '-';
}

/**
 * Waits for a program and returns its exit status: its own, or 128 and the number of the signal that ended it. Where that takes
 * longer, this function never returns: another program waits in this process, ends with the status, or executes an engine
 * with `afterwards` and the status as its arguments.
 */
export function waitInForeground(context: Context, program: ForegroundProgram, afterwards?: readonly string[]): number {
  const { pid, terminal, style = {}, notification } = program;
  const status = terminal === undefined ? endsSoon(program) : undefined;
  if (status !== undefined) {
    notification?.forward();
    return status;
  }
  const fds: number[] = [...(notification?.fds ?? [])];
  const argv = ['tsrun:supervise', String(pid), terminal === undefined ? '-' : String(terminal), letters(style)];
  argv.push(notification ? notification.fds.join(',') : '-');
  if (terminal !== undefined) fds.push(terminal);
  if (afterwards) {
    const record = check(addon.memfdOfData(context.record, 'tsrun-caller'), 'memfd_create', 'the record of the caller');
    fds.push(record);
    argv.push(String(record), enginePath(), String(record), ...afterwards);
  }
  const failed = addon.become(supervisePath(), argv, [], fds);
  throw new TsrunError('system', `wait for process ${pid}`, {
    cause: new SysError(-failed, 'execve', supervisePath()),
  });
}
