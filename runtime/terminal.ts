/** The terminal of a foreground `run`: the caller's in raw mode, what is typed and printed carried to and fro. */
import { addon } from './addon.ts';

/** What is read at once. */
const CHUNK = 64 * 1024;

const STDIN = 0;
const STDOUT = 1;

export class Terminal {
  readonly #master: number;
  #saved: Uint8Array | undefined;
  readonly #buffer = new Uint8Array(CHUNK);
  /** Typed, and not taken by the container yet. */
  #pending = new Uint8Array(0);
  #inputOpen = true;
  #outputOpen = true;

  constructor(master: number) {
    this.#master = master;
    addon.setNonblocking(master, true); // ours alone, unlike the caller's descriptors
    // init cleared it for callers that add the carriage return themselves; here nobody else would.
    addon.terminalOnlcr(master, true);
    this.resize();
    if (!addon.isatty(STDIN)) return;
    const saved = addon.terminalSave(STDIN);
    if (typeof saved === 'number') return;
    this.#saved = saved;
    addon.terminalRaw(STDIN);
  }

  /** Gives the container's terminal the size of the caller's. */
  resize(): void {
    const size = addon.windowSize(STDIN);
    if (typeof size !== 'number' && (size.rows > 0 || size.columns > 0)) addon.setWindowSize(this.#master, size);
  }

  /** Descriptors and events to wait for, and what to do then. */
  get input(): number {
    return this.#inputOpen && this.#pending.length === 0 ? STDIN : -1;
  }

  get output(): number {
    return this.#outputOpen ? this.#master : -1;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Carries what was typed to the container. */
  carryInput(): void {
    const count = addon.read(STDIN, this.#buffer);
    if (count <= 0) this.#inputOpen = false;
    // End of file on a pipe is what Ctrl-D is on a terminal: the program sees the end of its input.
    else this.#pending = this.#buffer.slice(0, count);
    if (count === 0) this.#pending = new Uint8Array([4]);
    this.flush();
  }

  /** Tries to hand over what is pending. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const written = addon.write(this.#master, this.#pending);
    if (written > 0) this.#pending = this.#pending.subarray(written);
    else if (written !== -EAGAIN) this.#pending = new Uint8Array(0);
  }

  /** Carries what the container printed to the caller; false when there is nothing (more). */
  carryOutput(): boolean {
    const count = addon.read(this.#master, this.#buffer);
    if (count === -EAGAIN) return false;
    if (count <= 0) {
      this.#outputOpen = false; // EIO: the last process has closed the terminal
      return false;
    }
    addon.write(STDOUT, this.#buffer.subarray(0, count));
    return true;
  }

  /** What is left to print, and the caller's terminal as it was. */
  close(): void {
    while (this.#outputOpen && this.carryOutput()) {}
    if (this.#saved) addon.terminalRestore(STDIN, this.#saved);
    this.#saved = undefined;
    addon.close(this.#master);
  }
}

const EAGAIN = 11;
