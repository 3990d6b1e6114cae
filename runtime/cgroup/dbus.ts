/**
 * A connection to a message bus, or to a program that speaks D-Bus without one: one call at a time, each waiting for
 * its answer. Signals that were asked for are kept while a call waits. D-Bus Specification, "Message Bus" and
 * "Authentication Protocol".
 *
 * ```
 * us                          other end
 * \0AUTH EXTERNAL        ──▶            who we are is what the kernel says of the socket's other end: right also
 * DATA                                  inside a user namespace, where our uid has another number outside
 * BEGIN
 *                        ◀── DATA
 *                        ◀── OK <guid>
 * Hello                  ──▶            only with a bus: it names us
 * ```
 *
 * All three lines go in one piece and messages only after the answer: systemd, where it is the other end itself, does
 * not look at a message that arrives in one piece with BEGIN until something else arrives.
 */

import { decodeText } from '../text.ts';
import {
  decodeMessage,
  encodeCall,
  MESSAGE,
  type Message,
  type MethodCall,
  messageLength,
  PRELUDE,
} from './dbus-message.ts';
import { DBusFormatError } from './dbus-signature.ts';
import type { DBusValue } from './dbus-value.ts';

/** The other end answered a call with an error. */
export class DBusCallError extends Error {
  /** Such as `org.freedesktop.DBus.Error.AccessDenied`. */
  readonly errorName: string;
  /** What the other end says of it. */
  readonly text: string;

  constructor(errorName: string, text: string) {
    super(text === '' ? errorName : `${text} (${errorName})`);
    this.errorName = errorName;
    this.text = text;
  }
}

/** The connection cannot be used any more. */
export class DBusConnectionError extends Error {
  /** Whether it was only that no answer came in time. */
  readonly timedOut: boolean;

  constructor(message: string, timedOut = false) {
    super(message);
    this.timedOut = timedOut;
  }
}

/** Bytes to and from the other end, and a clock. */
export interface Transport {
  /** Sends all of `data` before `deadline`. @throws {DBusConnectionError} */
  write(data: Uint8Array, deadline: number): void;
  /** What arrives before `deadline`: at least one byte. @throws {DBusConnectionError} */
  read(buffer: Uint8Array, deadline: number): number;
  /** Monotonic milliseconds. */
  now(): number;
  close(): void;
}

/** The signals to listen for. */
export interface SignalRule {
  /** The well-known name of who sends them. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

const BUS = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
const LONGEST_LINE = 4096;
/** Signals that came and that nobody took: more than this is a mistake. */
const MOST_SIGNALS = 65_536;
const CHUNK = 64 * 1024;
/** How long a call may take; busy service managers need seconds. */
export const CALL_TIMEOUT_MS = 30_000;

const nothing = new Uint8Array(0);

function isWatched(rule: SignalRule | undefined, message: Message): boolean {
  return (
    rule !== undefined &&
    message.type === MESSAGE.SIGNAL &&
    message.path === rule.path &&
    message.interface === rule.interface &&
    message.member === rule.member
  );
}

/** A connection that is authenticated, and known to the bus where there is one. */
export class DBusConnection {
  readonly #transport: Transport;
  /** Without a bus between there is nobody to greet and nothing to subscribe to. */
  readonly #direct: boolean;
  readonly #chunk = new Uint8Array(CHUNK);
  #received: Uint8Array = nothing;
  #serial = 0;
  #rule: SignalRule | undefined;
  #signals: Message[] = [];

  /**
   * Authenticates, and greets the bus. The transport is closed where that fails.
   *
   * @param direct whether the other end is a program itself, not a bus.
   * @throws {DBusConnectionError | DBusCallError | DBusFormatError}
   */
  constructor(transport: Transport, direct: boolean) {
    this.#transport = transport;
    this.#direct = direct;
    try {
      this.#authenticate(transport.now() + CALL_TIMEOUT_MS);
      if (!direct) this.call({ ...BUS, member: 'Hello', body: [] });
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  close(): void {
    this.#transport.close();
  }

  #authenticate(deadline: number): void {
    this.#transport.write(new TextEncoder().encode('\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n'), deadline);
    const challenge = this.#line(deadline);
    const answer = challenge === 'DATA' ? this.#line(deadline) : challenge;
    if (challenge !== 'DATA' || !answer.startsWith('OK '))
      throw new DBusConnectionError(`it does not accept who we are (${JSON.stringify(answer)})`);
  }

  #line(deadline: number): string {
    for (;;) {
      const end = this.#received.indexOf(0x0a);
      if (end >= 0) {
        const line = decodeText(this.#received.subarray(0, end));
        this.#received = this.#received.subarray(end + 1);
        if (!line.endsWith('\r')) throw new DBusFormatError('a line that does not end as lines do');
        return line.slice(0, -1);
      }
      if (this.#received.length > LONGEST_LINE) throw new DBusFormatError('a line without an end');
      this.#fill(deadline);
    }
  }

  /** Adds what arrives next to what was received. */
  #fill(deadline: number): void {
    const length = this.#transport.read(this.#chunk, deadline);
    const more = new Uint8Array(this.#received.length + length);
    more.set(this.#received);
    more.set(this.#chunk.subarray(0, length), this.#received.length);
    this.#received = more;
  }

  #receive(deadline: number): Message {
    while (this.#received.length < PRELUDE) this.#fill(deadline);
    const length = messageLength(this.#received.subarray(0, PRELUDE));
    while (this.#received.length < length) this.#fill(deadline);
    const message = decodeMessage(this.#received.slice(0, length));
    this.#received = this.#received.subarray(length);
    return message;
  }

  #keep(message: Message): void {
    if (!isWatched(this.#rule, message)) return;
    if (this.#signals.length >= MOST_SIGNALS) throw new DBusFormatError('signals without an end');
    this.#signals.push(message);
  }

  /**
   * Calls a method and waits for its answer.
   *
   * @throws {DBusCallError} The answer is an error.
   * @throws {DBusConnectionError} No answer came.
   * @throws {DBusFormatError} What came is not D-Bus, or the body cannot be sent.
   */
  call(call: MethodCall, timeoutMs = CALL_TIMEOUT_MS): Message {
    this.#serial++;
    const deadline = this.#transport.now() + timeoutMs;
    this.#transport.write(encodeCall(call, this.#serial), deadline);
    for (;;) {
      const message = this.#receive(deadline);
      const answers = message.type === MESSAGE.RETURN || message.type === MESSAGE.ERROR;
      if (!answers || message.replySerial !== this.#serial) {
        this.#keep(message);
        continue;
      }
      if (message.type === MESSAGE.RETURN) return message;
      const text = message.body[0];
      throw new DBusCallError(message.errorName, text?.type === 's' ? text.value : '');
    }
  }

  /** Listens for the signals of `rule` from now on, in place of those listened for before. */
  watch(rule: SignalRule): void {
    this.#rule = rule;
    this.#signals = [];
    // Without a bus between, every signal comes anyway.
    if (this.#direct) return;
    const match = `type='signal',sender='${rule.sender}',path='${rule.path}',interface='${rule.interface}',member='${rule.member}'`;
    this.call({ ...BUS, member: 'AddMatch', body: [{ type: 's', value: match }] });
  }

  /**
   * The first signal listened for that `wanted` accepts; those before it are dropped.
   *
   * @throws {DBusConnectionError} None came in time.
   */
  signal(wanted: (message: Message) => boolean, timeoutMs: number): Message {
    const deadline = this.#transport.now() + timeoutMs;
    for (;;) {
      const next = this.#signals.shift();
      if (next === undefined) this.#keep(this.#receive(deadline));
      else if (wanted(next)) return next;
    }
  }
}

/** The text of `value` where it is of one of the types that are text. */
export function textOf(value: DBusValue | undefined): string {
  const inner = value?.type === 'v' ? value.value : value;
  if (inner?.type !== 's' && inner?.type !== 'o')
    throw new DBusFormatError('an answer of another type than it should be');
  return inner.value;
}
