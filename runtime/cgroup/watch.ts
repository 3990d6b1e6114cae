/** Files of the v2 hierarchy that announce their changes by POLLPRI: cgroup.events, memory.events. */
import { addon } from '../addon.ts';
import { O, POLL } from '../constants.ts';

const MAX_FILE = 4096;

/** Such a file, its text as last read, and the descriptor to wait with. */
export class WatchedFile {
  readonly #path: string;
  #fd = -1;
  #text = '';

  constructor(path: string) {
    this.#path = path;
    this.refresh();
  }

  /** What poll(2) is to be given with {@link POLL.PRI}; -1, which it skips, where the file is not there. */
  get fd(): number {
    return this.#fd;
  }

  /** The text as last read; empty where the file is not there (any more). */
  get text(): string {
    return this.#text;
  }

  /**
   * Reads the file anew. What changes from here on is announced: the kernel compares with what this descriptor has read,
   * and so the file is opened again, for nobody could rewind the descriptor.
   */
  refresh(): void {
    this.close();
    this.#fd = addon.open(this.#path, O.RDONLY, 0);
    const bytes = new Uint8Array(MAX_FILE);
    const count = this.#fd < 0 ? -1 : addon.read(this.#fd, bytes);
    this.#text = count < 0 ? '' : new TextDecoder().decode(bytes.subarray(0, count));
    if (count < 0) this.close();
  }

  close(): void {
    if (this.#fd >= 0) addon.close(this.#fd);
    this.#fd = -1;
  }
}

/** Should an announcement ever get lost, no wait is longer than that. */
const LONGEST_WAIT_MS = 100;

/** Waits until `isReached` says so of the file's text; false when the time is over first. */
export function waitForText(path: string, isReached: (text: string) => boolean, timeoutMs: number): boolean {
  const file = new WatchedFile(path);
  const deadline = addon.monotonicMs() + timeoutMs;
  try {
    for (;;) {
      if (isReached(file.text)) return true;
      const left = Math.ceil(deadline - addon.monotonicMs());
      if (left <= 0 || file.fd < 0) return false;
      addon.poll(new Int32Array([file.fd, POLL.PRI]), Math.min(left, LONGEST_WAIT_MS));
      file.refresh();
    }
  } finally {
    file.close();
  }
}
