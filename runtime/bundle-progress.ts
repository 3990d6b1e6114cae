/** What is seen of `bundle` while it works: a line on a terminal; and how it is ended by a signal. */
import { addon } from './addon.ts';
import type { Caller } from './caller.ts';
import { POLL } from './constants.ts';
import { Interrupts } from './interrupts.ts';
import { check } from './sys.ts';

const STDERR = 2;
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
  readonly #interrupts: Interrupts;
  readonly #shown: boolean;
  #total = 0;
  #done = 0;
  #next = 0;
  #hasLine = false;

  /** @param shown whether a line is kept on standard error, which is a terminal then */
  constructor(caller: Caller, shown: boolean) {
    this.#shown = shown;
    this.#interrupts = new Interrupts(caller);
  }

  expect(bytes: number): void {
    this.#total = bytes;
  }

  /** Waits for something to read, or for a signal that ends it. */
  wait(fd: number): void {
    check(addon.poll(Int32Array.of(fd, POLL.IN, this.#interrupts.fd, POLL.IN), -1), 'poll');
    this.#interrupts.obey('bundle', '; nothing is left');
  }

  advance(bytes: number): void {
    this.#done += bytes;
    this.#interrupts.obey('bundle', '; nothing is left');
    if (this.#shown && addon.monotonicMs() >= this.#next) this.#draw();
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
