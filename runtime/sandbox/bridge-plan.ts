/** Names and addresses on the bridge of several sandboxes. Pure. */
import { UsageError } from '../cli/usage.ts';
import { quote } from '../text.ts';

/** A private network that a sandbox joins. */
export interface BridgeWish {
  readonly name: string;
  /** With the length of its network, as in 192.168.0.101/24; chosen where it is missing. */
  readonly address: string | undefined;
}

/** The interface of a container on a bridge. */
export interface BridgePort {
  readonly name: string;
  readonly port: string;
}

const PREFIX = 'veth:';

/** Whether it is an address that one of a network can have: not the network's own, nor that of all. */
function isAddress(text: string): boolean {
  const match = /^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\/([1-9][0-9]?)$/.exec(text);
  if (!match) return false;
  const [first = 0, ...rest] = match.slice(1, 5).map((part) => (/^0[0-9]/.test(part) ? 256 : Number(part)));
  const bits = Number(match[5]);
  // A network of one address has none but its own, and so nobody to reach.
  if ([first, ...rest].some((part) => part > 255) || bits > 31) return false;
  // The host's loopback, what means no address, and what is nobody's own.
  if (first === 0 || first === 127 || first >= 224) return false;
  const hosts = 2 ** (32 - bits);
  const host = rest.reduce((sum, part) => sum * 256 + part, first) % hosts;
  return bits === 31 || (host !== 0 && host !== hosts - 1);
}

/** `veth:NAME[,ADDRESS/BITS]`; undefined where it is something else. @throws {UsageError} */
export function bridgeWish(text: string | undefined): BridgeWish | undefined {
  if (!text?.startsWith(PREFIX)) return undefined;
  const [name = '', address, more] = text.slice(PREFIX.length).split(',');
  if (
    !/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(name) ||
    more !== undefined ||
    (address !== undefined && !isAddress(address))
  )
    throw new UsageError(
      `--net: not veth:NAME or veth:NAME,ADDRESS/BITS as in veth:lan,192.168.0.101/24: got ${quote(text)}`,
    );
  return { name, address };
}

/** The ports in what `ip -brief link` prints: `p2@if7  UP …`. */
export function portsIn(text: string): string[] {
  return [...text.matchAll(/^(p[0-9]+)@/gm)].map(([, port = '']) => port);
}

/** The addresses of the sandboxes on the bridge: the aliases of ports in what `ip -oneline link` prints. */
export function addressesIn(text: string): string[] {
  return [...text.matchAll(/^[0-9]+: p[0-9]+@.*\salias (\S+)/gm)].map(([, address = '']) => address);
}

/** An address without the length of its network. */
export function hostOf(address: string): string {
  return address.replace(/\/.*$/, '');
}

/** The first is the network's own, and the last but one that of the last port. */
const FIRST = 2;
const LAST = 254;

/** The lowest number that no port has, and whose address nobody has asked for. */
export function portNumber(hash: string, ports: readonly string[], taken: readonly string[]): number | undefined {
  for (let number = FIRST; number <= LAST; number++)
    if (!ports.includes(`p${number}`) && !taken.includes(hostOf(defaultAddress(hash, number)))) return number;
  return undefined;
}

/** An address of a network that other names hardly have: 10.X.Y.NUMBER/24. `hash` is hexadecimal. */
export function defaultAddress(hash: string, number: number): string {
  const [x, y] = [hash.slice(0, 2), hash.slice(2, 4)].map((digits) => Number.parseInt(digits, 16));
  return `10.${x}.${y}.${number}/24`;
}
