/** Networks of a sandbox that a program of the host makes, without privileges: slirp4netns(1) or pasta(1). Pure. */
import { UsageError } from '../cli/usage.ts';
import { quote } from '../text.ts';

/** The programs, as `--net` calls them. */
export const NETWORK_PROGRAMS = ['slirp4netns', 'pasta'] as const;
export type NetworkProgram = (typeof NETWORK_PROGRAMS)[number];

/** A port of the host that leads into the sandbox. */
export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  /** An address of the host; all of them where it is missing. */
  readonly address: string | undefined;
  readonly host: number;
  readonly container: number;
}

/** What makes a sandbox's network. */
export interface NetworkWish {
  readonly program: NetworkProgram;
  readonly ports: readonly PublishedPort[];
  /** Whether the gateway's address leads to servers on the host's loopback. */
  readonly hostLoopback: boolean;
}

const packages: Readonly<Record<NetworkProgram, string>> = { slirp4netns: 'slirp4netns', pasta: 'passt' };

/** The package of Debian that has it. */
export function packageOf(program: NetworkProgram): string {
  return packages[program];
}

/** Whom the sandbox asks for names; the program passes that on to the host's own servers. */
export const nameServers: Readonly<Record<NetworkProgram, string>> = { slirp4netns: '10.0.2.3', pasta: '169.254.1.1' };

const INTERFACE = 'tap0';
/** What slirp4netns gives a sandbox by itself. */
const SLIRP_ADDRESS = '10.0.2.100';
const MAX_PORT = 65_535;

function portOf(text: string | undefined, given: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text ?? '') ? Number(text) : 0;
  if (port > 0 && port <= MAX_PORT) return port;
  throw new UsageError(`--publish: not [ADDRESS:]HOST:CONTAINER[/udp] with ports from 1 to 65535: got ${quote(given)}`);
}

function isAddress(text: string): boolean {
  return /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255);
}

/** `[ADDRESS:]HOST:CONTAINER[/tcp|/udp]`. @throws {UsageError} */
export function publishedPort(text: string): PublishedPort {
  const [ports = '', protocol = 'tcp', more] = text.split('/');
  if ((protocol !== 'tcp' && protocol !== 'udp') || more !== undefined)
    throw new UsageError(`--publish: neither /tcp nor /udp: got ${quote(text)}`);
  const parts = ports.split(':');
  const [address] = parts.length === 3 ? parts.splice(0, 1) : [];
  if (address !== undefined && !isAddress(address))
    throw new UsageError(`--publish: not an address such as 127.0.0.1: got ${quote(text)}`);
  if (parts.length !== 2) portOf(undefined, text);
  return { protocol, address, host: portOf(parts[0], text), container: portOf(parts[1], text) };
}

/** Where slirp4netns gets what it needs beside its command line. */
export interface SlirpPlace {
  /** The descriptor of its that it says on when the network is there. */
  readonly readyFd: number;
  /** Path of the socket that forwards are asked for at. */
  readonly socket: string;
}

/** The arguments of slirp4netns for the namespaces of `pid`. */
export function slirpArguments(pid: number, wish: NetworkWish, { readyFd, socket }: SlirpPlace): string[] {
  return [
    ...['slirp4netns', '--configure', '--mtu=65520', `--ready-fd=${readyFd}`],
    ...(wish.ports.length > 0 ? [`--api-socket=${socket}`] : []),
    ...(wish.hostLoopback ? [] : ['--disable-host-loopback']),
    ...[String(pid), INTERFACE],
  ];
}

/** What slirp4netns is asked for a forward by. */
export function slirpForward({ protocol, address = '0.0.0.0', host, container }: PublishedPort): string {
  return JSON.stringify({
    execute: 'add_hostfwd',
    arguments: {
      proto: protocol,
      host_addr: address,
      host_port: host,
      guest_addr: SLIRP_ADDRESS,
      guest_port: container,
    },
  });
}

/** What pasta needs to know beside the wish. */
export interface PastaPlace {
  /** The file that it writes its pid to. */
  readonly pidFile: string;
  /** The descriptor of the network namespace that it has where the caller is root. */
  readonly namespaceFd: number | undefined;
}

function pastaPorts(ports: readonly PublishedPort[], protocol: PublishedPort['protocol']): string[] {
  const flag = protocol === 'tcp' ? '-t' : '-u';
  const given = ports.filter((port) => port.protocol === protocol);
  if (given.length === 0) return [flag, 'none'];
  return given.flatMap(({ address, host, container }) => [
    flag,
    `${address === undefined ? '' : `${address}/`}${host}:${container}`,
  ]);
}

/**
 * What pasta joins. Of root it would make nobody, and even as root it gives up the capabilities to find the namespaces of another
 * process: so it gets the one that it needs.
 */
function pastaTarget(pid: number, namespaceFd: number | undefined): string[] {
  if (namespaceFd === undefined) return [String(pid)];
  return ['--runas', '0:0', '--netns-only', '--netns', `/proc/self/fd/${namespaceFd}`];
}

/** The arguments of pasta for the namespaces of `pid`: it forwards nothing by itself, in neither direction. */
export function pastaArguments(pid: number, wish: NetworkWish, { pidFile, namespaceFd }: PastaPlace): string[] {
  return [
    ...['pasta', '--quiet', '--config-net', '--ns-ifname', INTERFACE, '--dns-forward', nameServers.pasta],
    ...pastaPorts(wish.ports, 'tcp'),
    ...pastaPorts(wish.ports, 'udp'),
    ...['-T', 'none', '-U', 'none'],
    ...(wish.hostLoopback ? [] : ['--no-map-gw']),
    ...['--pid', pidFile],
    ...pastaTarget(pid, namespaceFd),
  ];
}
