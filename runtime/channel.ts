/** The host's end of the handshake, read and written in order and without an event loop. */
import { addon } from './addon.ts';
import { POLL } from './constants.ts';
import { MESSAGE } from './generated/wire.ts';
import { Handshake, HandshakeError, type HandshakeEvent } from './handshake.ts';
import type { Interrupts } from './interrupts.ts';
import type { Step } from './plan/types.ts';
import { check, checkValue } from './sys.ts';
import { decodeMessages, encodeMessage, MESSAGE_MAX } from './wire.ts';

const EPIPE = 32;
const ECONNRESET = 104;

/** An event, and the descriptors that came with it. */
export type ChannelEvent = HandshakeEvent & { fds: number[] };

export class Channel {
  readonly #socket: number;
  readonly #handshake: Handshake;
  readonly #interrupts: Interrupts | undefined;
  readonly #buffer = new Uint8Array(MESSAGE_MAX);

  /** @param interrupts What ends the waiting for init; without them it goes on to the end, whatever signals come. */
  constructor(socket: number, steps: readonly Step[], interrupts?: Interrupts) {
    this.#socket = socket;
    this.#interrupts = interrupts;
    this.#handshake = new Handshake(steps);
  }

  /** What init has said already comes first. @throws {TsrunError} `interrupted` */
  #wait(interrupts: Interrupts): void {
    for (;;) {
      const fds = Int32Array.of(this.#socket, POLL.IN, interrupts.fd, POLL.IN);
      check(addon.poll(fds, -1), 'poll', 'init');
      if (fds[1]) return;
      interrupts.obey('wait for init');
    }
  }

  /** Waits for what init says next. @throws {HandshakeError} @throws {TsrunError} `interrupted` */
  next(): ChannelEvent {
    if (this.#interrupts) this.#wait(this.#interrupts);
    const result = addon.receiveMessage(this.#socket, this.#buffer);
    if (result === -ECONNRESET) throw new HandshakeError('init ended');
    const received = checkValue(result, 'recvmsg', 'init');
    if (received.length === 0) {
      this.#handshake.end();
      return { kind: 'ended', fds: [] };
    }
    const { messages } = decodeMessages(this.#buffer.subarray(0, received.length));
    const [message] = messages;
    if (!message || messages.length > 1) throw new HandshakeError('init sent something that is not a message');
    const event = this.#handshake.receive(message);
    const expectsFds = event.kind === 'console' || (event.kind === 'point' && event.brings) ? 1 : 0;
    if (received.fds.length !== expectsFds) {
      for (const fd of received.fds) addon.close(fd);
      throw new HandshakeError(`${received.fds.length} descriptors in place of ${expectsFds}`);
    }
    return { ...event, fds: received.fds };
  }

  /** Lets init go on from a point. */
  answer(point: number, fds: readonly number[] = []): void {
    this.#send(MESSAGE.CONTINUE, point, fds);
  }

  /** Lets init live on by itself. */
  handOver(fds: readonly number[]): void {
    this.#send(MESSAGE.HANDOVER, 0, fds);
  }

  #send(type: number, value: number, fds: readonly number[]): void {
    const sent = addon.sendMessage(this.#socket, encodeMessage(type, value), fds);
    if (sent === -EPIPE || sent === -ECONNRESET) throw new HandshakeError('init ended');
    check(sent, 'sendmsg', 'init');
  }

  close(): void {
    addon.close(this.#socket);
  }
}
