/** Moves network devices of the host into the container. config-linux.md, "Network Devices" */
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import type { Address, Link } from '../netlink/message.ts';
import { Netlink } from '../netlink/socket.ts';
import type { NetDevicePlan } from '../plan/types.ts';
import { check, SysError } from '../sys.ts';
import { quote } from '../text.ts';
import type { Undo } from '../undo.ts';
import { fetchDescriptor } from './fetch.ts';

const EPERM = 1;
const EINVAL = 22;
const EOPNOTSUPP = 95;

function hintFor(number: number): string {
  switch (number) {
    case EPERM:
      return ': moving a device needs CAP_NET_ADMIN where it is, which the caller lacks';
    case EINVAL:
    case EOPNOTSUPP:
      return ': the kernel keeps this device in its network namespace';
    default:
      return '';
  }
}

function failed(from: string, doing: string, error: unknown): unknown {
  if (!(error instanceof SysError)) return error;
  return new TsrunError('namespace', `${from}: ${doing}: ${error.message}${hintFor(error.errno)}`);
}

/** The name that a device gets: in place of `%d`, the first number that is free. @throws {TsrunError} it is taken. */
function freeName(inside: Netlink, { name, from }: NetDevicePlan): string {
  const taken = inside.names();
  if (!name.includes('%d')) {
    if (!taken.has(name)) return name;
    throw new TsrunError(
      'namespace',
      `${from}: the container’s network namespace has a device ${quote(name)} already: give another name, or one with %d in it`,
    );
  }
  for (let number = 0; ; number++) {
    const candidate = name.replace('%d', String(number));
    if (!taken.has(candidate)) return candidate;
  }
}

/** One device on its way, which is put back where a later step fails. */
class Move {
  readonly #outside: Netlink;
  readonly #inside: Netlink;
  readonly #link: Link;
  readonly #addresses: readonly Address[];

  constructor(outside: Netlink, inside: Netlink, link: Link) {
    this.#outside = outside;
    this.#inside = inside;
    this.#link = link;
    this.#addresses = outside.addresses(link);
  }

  static #settle(netlink: Netlink, name: string, addresses: readonly Address[], up: boolean): void {
    const link = netlink.link(name);
    if (!link) throw new SysError(EINVAL, 'netlink', name);
    netlink.add(link, addresses);
    if (up) netlink.up(link);
  }

  into(namespaceFd: number, name: string, undo: Undo): void {
    this.#outside.move(this.#link, namespaceFd, name);
    undo.push(() => this.#back(name));
    Move.#settle(this.#inside, name, this.#addresses, true);
  }

  #back(name: string): void {
    const link = this.#inside.link(name);
    const here = addon.open('/proc/self/ns/net', O.RDONLY, 0);
    if (link && here >= 0) this.#inside.move(link, here, this.#link.name);
    if (here >= 0) addon.close(here);
    if (link) Move.#settle(this.#outside, this.#link.name, this.#addresses, this.#link.up);
  }
}

/**
 * Moves the devices of a plan.
 *
 * @param pid A process in the container's network namespace.
 * @param socket The number of a descriptor of that process: a netlink socket that was made there.
 * @param undo Gets what puts them back.
 * @throws {TsrunError} `namespace`
 */
export function moveNetDevices(devices: readonly NetDevicePlan[], pid: number, socket: number, undo: Undo): void {
  const outside = Netlink.open();
  undo.push(() => outside.close());
  const inside = new Netlink(fetchDescriptor(pid, socket, 'linux.netDevices'));
  undo.push(() => inside.close());
  const path = `/proc/${pid}/ns/net`;
  const namespace = check(addon.open(path, O.RDONLY, 0), 'open', path);
  undo.push(() => addon.close(namespace));
  for (const device of devices) {
    const { from, source } = device;
    try {
      const link = outside.link(source);
      if (!link)
        throw new TsrunError(
          'namespace',
          `${from}: the host has no network device ${quote(source)} (ip link shows those it has)`,
        );
      const name = freeName(inside, device);
      new Move(outside, inside, link).into(namespace, name, undo);
    } catch (error) {
      throw failed(from, `move the network device ${quote(source)} into the container`, error);
    }
  }
}
