/** What is seen of `bundle` while it works: a line on a terminal; and how it is ended by a signal. */
import { addon } from './addon.ts';
import type { Caller } from './caller.ts';
import { POLL } from './constants.ts';
import { TsrunError } from './errors.ts';
import { check } from './sys.ts';

const STDERR = 2;
/** Hangup, interrupt, quit, termination. */
const ENDING: readonly (readonly [number, string])[] = [
  [1, 'SIGHUP'],
  [2, 'SIGINT'],
  [3, 'SIGQUIT'],
  [15, 'SIGTERM'],
];
const PERIOD_MS = 100;
const BAR = 30;

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The line that tells how far it is; `total` is 0 where nobody knows. Pure. */
function progressLine(done: number, total: number): string {
  if (total === 0) return `${megabytes(done)} read`;
  const part = Math.min(1, done / total);
  const full = Math.floor(part * BAR);
  const percent = `${Math.floor(part * 100)}`.padStart(3);
  return `[${'#'.repeat(full)}${' '.repeat(BAR - full)}] ${percent}% of ${megabytes(total)}`;
}

export class BundleProgress {
  readonly #signals: number;
  readonly #shown: boolean;
  #total = 0;
  #done = 0;
  #next = 0;
  #hasLine = false;

  /** @param shown whether a line is kept on standard error, which is a terminal then */
  constructor({ ignoredSignals }: Caller, shown: boolean) {
    this.#shown = shown;
    const signals = ENDING.map(([signal]) => signal).filter(
      (signal) => ((ignoredSignals >> BigInt(signal - 1)) & 1n) === 0n,
    );
    this.#signals = check(addon.signalfd(signals), 'signalfd');
  }

  expect(bytes: number): void {
    this.#total = bytes;
  }

  /** Waits for something to read, or for a signal that ends it. */
  wait(fd: number): void {
    check(addon.poll(Int32Array.of(fd, POLL.IN, this.#signals, POLL.IN), -1), 'poll');
    this.#endBySignal();
  }

  advance(bytes: number): void {
    this.#done += bytes;
    this.#endBySignal();
    if (this.#shown && addon.monotonicMs() >= this.#next) this.#draw();
  }

  #endBySignal(): void {
    const signal = addon.readSignal(this.#signals);
    const ending = ENDING.find(([number]) => number === signal);
    if (ending) {
      const [number, name] = ending;
      throw new TsrunError('system', `bundle: ended by ${name}; nothing is left`, { exitCode: 128 + number });
    }
  }

  /** Takes the line away. */
  close(): void {
    if (this.#hasLine) addon.write(STDERR, '\r\x1b[K');
    this.#hasLine = false;
  }

  #draw(): void {
    this.#next = addon.monotonicMs() + PERIOD_MS;
    addon.write(STDERR, `\r${progressLine(this.#done, this.#total)}\x1b[K`);
    this.#hasLine = true;
  }
}
