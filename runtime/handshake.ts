/**
 * The conversation with init as a value: which message must come next follows from the plan, and everything else is an
 * error: early, late, twice, or the end of the connection. Drivers (launch.ts) move bytes; this decides.
 */
import { MESSAGE, POINT } from './generated/wire.ts';
import type { Step } from './plan/types.ts';
import { decodeText } from './text.ts';
import type { Message } from './wire.ts';

/** What the host has to do now. */
export type HandshakeEvent =
  /** init waits at a point, and for the answer. `pid` is the new process at POINT.CHILD. */
  | { kind: 'point'; point: number; pid?: number }
  /** The terminal's master came along. */
  | { kind: 'console' }
  /** The container is made; init waits for the handover. */
  | { kind: 'ready' }
  /** init lives on by itself. */
  | { kind: 'alive' }
  | { kind: 'warning'; text: string }
  /** An operation failed. */
  | { kind: 'failed'; operation: number; errno: number; syscall: string; object: string }
  /** A hook inside the container failed; `status` is a wait status, or -1 where its time was over. */
  | { kind: 'hookFailed'; operation: number; status: number; output: string };

interface Expected {
  type: number;
  value: number;
  event: HandshakeEvent;
}

function expectationsOf(steps: readonly Step[]): Expected[] {
  const expected: Expected[] = [];
  for (const { operation } of steps) {
    switch (operation.op) {
      case 'sync': {
        const point = Number(operation.point);
        expected.push({ type: MESSAGE.SYNC, value: point, event: { kind: 'point', point } });
        break;
      }
      case 'fork':
        expected.push({ type: MESSAGE.SYNC, value: POINT.CHILD, event: { kind: 'point', point: POINT.CHILD } });
        break;
      case 'console':
        expected.push({ type: MESSAGE.CONSOLE, value: 0, event: { kind: 'console' } });
        break;
      case 'ready':
        expected.push({ type: MESSAGE.READY, value: 0, event: { kind: 'ready' } });
        expected.push({ type: MESSAGE.ALIVE, value: 0, event: { kind: 'alive' } });
        break;
    }
  }
  return expected;
}

/** init said something out of turn, or ended without a word. */
export class HandshakeError extends Error {}

/** The text of a detail `first\nsecond`. */
function twoParts(detail: Uint8Array): [string, string] {
  const all = decodeText(detail);
  const at = all.indexOf('\n');
  return at < 0 ? [all, ''] : [all.slice(0, at), all.slice(at + 1)];
}

/** The failure that a message of type ERROR or HOOK_FAILED tells. */
export function failureOf(message: Message): HandshakeEvent | undefined {
  if (message.type === MESSAGE.ERROR) {
    const [syscall, object] = twoParts(message.detail);
    return { kind: 'failed', operation: message.operation, errno: message.value, syscall, object };
  }
  if (message.type === MESSAGE.HOOK_FAILED)
    return {
      kind: 'hookFailed',
      operation: message.operation,
      status: message.value,
      output: decodeText(message.detail),
    };
  return undefined;
}

export class Handshake {
  readonly #expected: readonly Expected[];
  #next = 0;
  #failed = false;

  constructor(steps: readonly Step[]) {
    this.#expected = expectationsOf(steps);
  }

  /** Whether everything has been said. */
  get done(): boolean {
    return this.#next === this.#expected.length;
  }

  /** What `message` means now. @throws {HandshakeError} where it is not its turn. */
  receive(message: Message): HandshakeEvent {
    if (this.#failed) throw new HandshakeError(`message ${message.type} after a failure`);
    const failure = failureOf(message);
    if (failure && !this.done) {
      this.#failed = true;
      return failure;
    }
    if (message.type === MESSAGE.WARNING && !this.done) return { kind: 'warning', text: decodeText(message.detail) };
    const expected = this.#expected[this.#next];
    if (!expected) throw new HandshakeError(`message ${message.type} after the end`);
    if (message.type !== expected.type || message.value !== expected.value)
      throw new HandshakeError(
        `message ${message.type} (${message.value}) in place of ${expected.type} (${expected.value})`,
      );
    this.#next++;
    if (expected.event.kind !== 'point' || expected.event.point !== POINT.CHILD) return expected.event;
    const pid = Number(decodeText(message.detail));
    if (!Number.isSafeInteger(pid) || pid <= 1) throw new HandshakeError('a forked process without a pid');
    return { ...expected.event, pid };
  }

  /** The connection ended. @throws {HandshakeError} unless everything was said. */
  end(): void {
    if (!this.done) throw new HandshakeError('init ended without saying why');
  }
}
