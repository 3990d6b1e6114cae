/** The output of several guests at a time, one after the other: that of the first as it comes, that of the next when it has ended. */
import type { Stream } from './machine.ts';

type Chunk = readonly [stream: Stream, bytes: Uint8Array];

export class Output {
  readonly #write: (stream: Stream, bytes: Uint8Array) => void;
  /** Those that are not told yet, the first of them live. */
  readonly #waiting: { readonly kept: Chunk[]; ended: boolean }[] = [];

  constructor(write: (stream: Stream, bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** The next in the order; what it is given is told when all before it have ended. */
  next(): { write: (stream: Stream, bytes: Uint8Array) => void; end: () => void } {
    const own = { kept: [] as Chunk[], ended: false };
    this.#waiting.push(own);
    return {
      write: (stream, bytes) => {
        if (this.#waiting[0] === own) this.#write(stream, bytes);
        else own.kept.push([stream, bytes]);
      },
      end: () => {
        own.ended = true;
        this.#advance();
      },
    };
  }

  /** Goes on to the next where the first has ended. */
  #advance(): void {
    while (this.#waiting[0]?.ended) {
      this.#waiting.shift();
      for (const [stream, bytes] of this.#waiting[0]?.kept.splice(0) ?? []) this.#write(stream, bytes);
    }
  }
}
