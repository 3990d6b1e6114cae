/** NOTIFY_SOCKET of the caller: a container's program is awaited as sd_notify(3) has it; see plan/notify.ts. */
import { addon } from './addon.ts';
import { type Caller, envOf } from './caller.ts';
import { O, POLL } from './constants.ts';
import { TsrunError } from './errors.ts';
import type { Interrupts } from './interrupts.ts';
import { NOTIFY_SOCKET_NAME, readyMessage, saysReady } from './plan/notify.ts';
import type { ProcessIdentity } from './process.ts';
import type { Container } from './store.ts';
import { check, SysError } from './sys.ts';
import { quote } from './text.ts';

/** Every user of the container may write to it, whatever its ids are outside. */
const SOCKET_MODE = 0o777;
/** What sd_notify(3) sends is far shorter. */
const MESSAGE_MAX = 4096;
/** How long the service manager may take to look at the message, in milliseconds. */
const BARRIER_MS = 30_000;

/** A program that may say that it is ready, and somebody who waits for that. */
export class Notification {
  /** The container's socket. */
  readonly #from: number;
  /** Connected to the caller's socket. */
  readonly #to: number;
  readonly #pid: number;

  private constructor(from: number, to: number, pid: number) {
    this.#from = from;
    this.#to = to;
    this.#pid = pid;
  }

  /**
   * Opens both sockets, before the program starts; undefined where the caller has no NOTIFY_SOCKET now or had none when the
   * container was created.
   * @throws {TsrunError} `usage` where nobody is at NOTIFY_SOCKET
   */
  static open(container: Container, { pid }: ProcessIdentity, caller: Caller): Notification | undefined {
    const name = envOf(caller, 'NOTIFY_SOCKET');
    if (!name) return undefined;
    const path = container.notifyDirectory;
    const directory = addon.open(path, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
    if (directory < 0) return undefined;
    if (!/^[/@]./u.test(name))
      throw new TsrunError(
        'usage',
        `NOTIFY_SOCKET: neither an absolute path nor an abstract @name: got ${quote(name)}`,
      );
    const to = addon.connectDatagram(name);
    if (to < 0)
      throw new TsrunError('usage', `NOTIFY_SOCKET: connect to ${quote(name)}`, {
        cause: new SysError(-to, 'connect'),
      });
    const socket = `${path}/${NOTIFY_SOCKET_NAME}`;
    addon.unlink(socket); // of a start that did not come to its end
    const from = check(addon.bindDatagram(directory, NOTIFY_SOCKET_NAME), 'bind', socket);
    addon.close(directory);
    check(addon.chmod(socket, SOCKET_MODE), 'chmod', socket);
    return new Notification(from, to, pid);
  }

  /** Both descriptors, for a program that carries on with this: the container's, and the caller's. */
  get fds(): readonly [number, number] {
    return [this.#from, this.#to];
  }

  /** Passes on what has been said already; whether that the program is ready was among it. */
  forward(): boolean {
    const buffer = new Uint8Array(MESSAGE_MAX);
    for (;;) {
      const length = addon.read(this.#from, buffer);
      if (length < 0) return false;
      if (!saysReady(new TextDecoder().decode(buffer.subarray(0, length)))) continue;
      // Where nobody listens any more, nobody misses it.
      addon.sendMessage(this.#to, new TextEncoder().encode(readyMessage(this.#pid)), []);
      return true;
    }
  }

  /**
   * Waits until the program is ready, and the caller has heard of it; false where it ended before.
   * @throws {TsrunError} `interrupted`: a signal ended the waiting, and not the program.
   */
  wait(interrupts: Interrupts): boolean {
    const pidfd = addon.pidfdOpen(this.#pid);
    if (pidfd < 0) return this.forward();
    const fds = new Int32Array(6);
    for (;;) {
      fds.set([this.#from, POLL.IN, pidfd, POLL.IN, interrupts.fd, POLL.IN]);
      check(addon.poll(fds, -1), 'poll', 'the socket of the container');
      if (this.forward()) break;
      if (fds[3]) return false;
      if (fds[5]) interrupts.obey('NOTIFY_SOCKET: wait until the program is ready');
    }
    this.#barrier();
    return true;
  }

  /** Lets the service manager look at who spoke, before that process is gone; sd_notify_barrier(3). */
  #barrier(): void {
    const pipe = addon.pipe();
    if (typeof pipe === 'number') return;
    const [ours, theirs] = pipe;
    const sent = addon.sendMessage(this.#to, new TextEncoder().encode('BARRIER=1'), [theirs]);
    addon.close(theirs);
    if (sent >= 0) addon.poll(new Int32Array([ours, POLL.IN]), BARRIER_MS);
    addon.close(ours);
  }
}
