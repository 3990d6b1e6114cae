/**
 * The conversation with init as a value: which message must come next follows from the plan, and everything else is an
 * error: early, late, twice, or the end of the connection. Drivers (launch.ts) move bytes; this decides.
 */
import { MESSAGE, POINT } from './generated/wire.ts';
import type { Step } from './plan/types.ts';
import { FILTER_FLAG } from './seccomp/numbers.ts';
import { decodeText } from './text.ts';
import type { Message } from './wire.ts';

/** What the host has to do now. */
export type HandshakeEvent =
  /** init waits at a point, and for the answer. `pid` is the new process at POINT.CHILD, `fd` a descriptor of init at POINT.LISTENER and POINT.NET_DEVICES; `brings` says that it comes along. */
  | { kind: 'point'; point: number; pid?: number; fd?: number; brings?: boolean }
  /** The terminal's master came along. */
  | { kind: 'console' }
  /** The container is made; init waits for the handover. */
  | { kind: 'ready' }
  /** init lives on by itself. */
  | { kind: 'alive' }
  | { kind: 'warning'; text: string }
  /** An operation failed. */
  | { kind: 'failed'; operation: number; errno: number; syscall: string; object: string }
  /** The program could not be executed; `head` is the beginning of its file. */
  | { kind: 'execFailed'; path: string; errno: number; head: Uint8Array }
  /** The process becomes its program. */
  | { kind: 'started' }
  /** Nothing more will be said. */
  | { kind: 'ended' }
  /** All operations of a plan without a program are done. */
  | { kind: 'done' }
  /** A hook inside the container failed; `status` is a wait status, or -1 where its time was over. */
  | { kind: 'hookFailed'; operation: number; status: number; output: string };

interface Expected {
  type: number;
  value: number;
  event: HandshakeEvent;
}

/** What init says on the way through `steps`: up to the handover, or to its program where there is none. */
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
      case 'done':
        expected.push({ type: MESSAGE.DONE, value: 0, event: { kind: 'done' } });
        break;
      case 'netDevices':
        expected.push({
          type: MESSAGE.SYNC,
          value: POINT.NET_DEVICES,
          event: { kind: 'point', point: POINT.NET_DEVICES },
        });
        break;
      case 'console':
        expected.push({ type: MESSAGE.CONSOLE, value: 0, event: { kind: 'console' } });
        break;
      case 'ready':
        expected.push({ type: MESSAGE.READY, value: 0, event: { kind: 'ready' } });
        break;
      case 'seccomp':
        if (Number(operation.flags) & FILTER_FLAG.NEW_LISTENER)
          expected.push({
            type: MESSAGE.SYNC,
            value: POINT.LISTENER,
            event: { kind: 'point', point: POINT.LISTENER, brings: Number(operation.sends ?? 0) !== 0 },
          });
        break;
      case 'alive':
        expected.push({ type: MESSAGE.ALIVE, value: 0, event: { kind: 'alive' } });
        return expected;
      case 'exec':
        expected.push({ type: MESSAGE.STARTED, value: 0, event: { kind: 'started' } });
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

/** The failure that a message of type ERROR, HOOK_FAILED or EXEC_FAILED tells. */
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
  if (message.type === MESSAGE.EXEC_FAILED) {
    const at = message.detail.indexOf(10);
    const path = decodeText(message.detail.subarray(0, at));
    return { kind: 'execFailed', path, errno: message.value, head: message.detail.subarray(at + 1) };
  }
  return undefined;
}

/** The number that is the detail of a message. @throws {HandshakeError} where it is none, or below `least`. */
function numberIn(message: Message, least: number, problem: string): number {
  const text = decodeText(message.detail);
  const number = text === '' ? Number.NaN : Number(text);
  if (!Number.isSafeInteger(number) || number < least) throw new HandshakeError(problem);
  return number;
}

export class Handshake {
  readonly #expected: readonly Expected[];
  #next = 0;
  #failed = false;
  /** Whether only the end is to come, or that the program cannot be executed. */
  #started = false;

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
    if (failure && (!this.done || this.#started)) {
      // Under a seccomp filter that is said twice: what init knows, and, where it may look, what is in the file.
      this.#failed = failure.kind !== 'execFailed';
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
    const { event } = expected;
    this.#started = event.kind === 'started';
    if (event.kind !== 'point') return event;
    switch (event.point) {
      case POINT.CHILD:
        return { ...event, pid: numberIn(message, 2, 'a forked process without a pid') };
      case POINT.NET_DEVICES:
        return { ...event, fd: numberIn(message, 0, 'a netlink socket without a descriptor') };
      case POINT.LISTENER:
        return { ...event, fd: numberIn(message, 0, 'a listener without a descriptor') };
      default:
        return event;
    }
  }

  /** The connection ended. @throws {HandshakeError} unless everything was said. */
  end(): void {
    if (!this.done) throw new HandshakeError('init ended without saying why');
  }
}
