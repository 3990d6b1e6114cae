/** A conversation with rtnetlink(7) in one network namespace: that in which its socket was made. */
import { addon } from '../addon.ts';
import { check, checkValue, SysError } from '../sys.ts';
import {
  type Address,
  type Answer,
  addAddress,
  decodeAnswers,
  getAddresses,
  getLink,
  getLinks,
  type Link,
  linkUp,
  moveLink,
} from './message.ts';

/** The kernel fills no more at once. */
const BUFFER = 64 * 1024;
const ENODEV = 19;

export class Netlink {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER);

  /**
   * @param fd A socket of NETLINK_ROUTE, which is closed with this.
   * @throws {SysError}
   */
  constructor(fd: number) {
    this.#fd = fd;
    // To the kernel: nobody else can send to it then, though whoever has CAP_NET_ADMIN in that namespace may send to others.
    check(addon.connectNetlink(fd), 'connect', 'netlink');
  }

  /** One in the caller's network namespace. */
  static open(): Netlink {
    return new Netlink(check(addon.netlinkSocket(), 'socket', 'netlink'));
  }

  close(): void {
    addon.close(this.#fd);
  }

  #receive(object: string): Answer[] {
    const { length } = checkValue(addon.receiveMessage(this.#fd, this.#buffer), 'recvmsg', object);
    const answers = decodeAnswers(this.#buffer.subarray(0, length));
    for (const answer of answers)
      if (answer.kind === 'error' && answer.error !== 0) throw new SysError(answer.error, 'netlink', object);
    return answers;
  }

  /** Sends a request that one message answers. @throws {SysError} */
  #ask(message: Uint8Array, object: string): Answer[] {
    check(addon.sendMessage(this.#fd, message, []), 'sendmsg', object);
    return this.#receive(object);
  }

  /** Sends a request that is answered by a list. @throws {SysError} */
  #dump(message: Uint8Array, object: string): Answer[] {
    check(addon.sendMessage(this.#fd, message, []), 'sendmsg', object);
    const answers: Answer[] = [];
    do answers.push(...this.#receive(object));
    while (answers.at(-1)?.kind !== 'done');
    return answers;
  }

  /** The link of that name, or undefined. @throws {SysError} */
  link(name: string): Link | undefined {
    try {
      const [answer] = this.#ask(getLink(name), name);
      return answer?.kind === 'link' ? answer.link : undefined;
    } catch (error) {
      if (error instanceof SysError && error.errno === ENODEV) return undefined;
      throw error;
    }
  }

  /** The names of all links. @throws {SysError} */
  names(): Set<string> {
    const names = new Set<string>();
    for (const answer of this.#dump(getLinks(), 'the network devices'))
      if (answer.kind === 'link') names.add(answer.link.name);
    return names;
  }

  /** The addresses of a link that go along with it. @throws {SysError} */
  addresses({ index, name }: Link): Address[] {
    const kept: Address[] = [];
    for (const answer of this.#dump(getAddresses(), name))
      if (answer.kind === 'address' && answer.address.index === index && answer.address.isKept)
        kept.push(answer.address);
    return kept;
  }

  /** Moves a link to the namespace behind a descriptor, as `name`. @throws {SysError} */
  move({ index, name: old }: Link, namespaceFd: number, name: string): void {
    this.#ask(moveLink(index, namespaceFd, name), old);
  }

  /** Adds addresses to a link. @throws {SysError} */
  add({ index, name }: Link, addresses: readonly Address[]): void {
    for (const address of addresses) this.#ask(addAddress(index, address), name);
  }

  /** Brings a link up. @throws {SysError} */
  up({ index, name }: Link): void {
    this.#ask(linkUp(index), name);
  }
}
