/** Signal numbers of Linux on x86-64 and arm64 (signal(7)); the index is the number, index 0 the null signal's empty name. */
export const SIGNALS: readonly string[] = [
  '',
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGSTKFLT',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
];

const otherNames = (): ReadonlyMap<string, number> =>
  new Map([
    ['SIGIOT', 6],
    ['SIGCLD', 17],
    ['SIGPOLL', 29],
  ]);

/** The first real-time signal that a program can use: the C libraries keep 32 and 33 for themselves. */
const RTMIN = 34;
const RTMAX = 64;

/**
 * The number of a signal named as callers name it: `KILL`, `SIGKILL`, `sigkill`, `9`, `RTMIN+3`, `SIGRTMAX-1`.
 * A number is plain decimal, 0 (test for existence, kill(2)) to 64. Anything else is undefined: no blanks, no sign, no
 * leading zero.
 */
export function parseSignal(text: string): number | undefined {
  if (/^[0-9]{1,2}$/.test(text)) {
    const number = Number(text);
    return number <= RTMAX && String(number) === text ? number : undefined;
  }
  // Lower case by ASCII rules alone: toUpperCase would also turn "ſ" into "S".
  if (!/^[A-Za-z0-9+-]{2,16}$/.test(text)) return undefined;
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const index = SIGNALS.indexOf(name);
  if (index > 0) return index;
  return otherNames().get(name) ?? parseRealTime(name);
}

/** The name of a signal for messages: `SIGKILL`, `SIGRTMIN+3`, or the number where there is none. */
export function signalName(number: number): string {
  if (number > 0 && number < SIGNALS.length) return SIGNALS[number] ?? String(number);
  if (number < RTMIN || number > RTMAX) return String(number);
  return number === RTMIN ? 'SIGRTMIN' : `SIGRTMIN+${number - RTMIN}`;
}

function parseRealTime(name: string): number | undefined {
  const match = /^SIGRT(?:MIN(?:\+([1-9][0-9]?))?|MAX(?:-([1-9][0-9]?))?)$/.exec(name);
  if (match === null) return undefined;
  const number = name.startsWith('SIGRTMIN') ? RTMIN + Number(match[1] ?? 0) : RTMAX - Number(match[2] ?? 0);
  return number >= RTMIN && number <= RTMAX ? number : undefined;
}
