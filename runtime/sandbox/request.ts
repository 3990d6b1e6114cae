/** What `sandbox` is asked for: the texts of its flags understood. Pure. */
import type { IdMapping, Int64, NamespaceType } from '../../spec/config.ts';
import { capabilityNumber } from '../../spec/tables.ts';
import { isContainerId } from '../cli/id.ts';
import type { RequestOf } from '../cli/parse.ts';
import { UsageError } from '../cli/usage.ts';
import { normalize, resolve } from '../plan/path.ts';
import { quote, show } from '../text.ts';
import { type BridgeWish, bridgeWish } from './bridge-plan.ts';
import { givenFlags } from './flag-names.ts';
import { NETWORK_PROGRAMS, type NetworkProgram, type NetworkWish, publishedPort } from './network.ts';
import { type RootfsWish, rootfsWish } from './rootfs-word.ts';

/** Where a namespace comes from. */
export type NamespaceWish =
  | { readonly kind: 'private' | 'host' }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'container'; readonly id: string };

/** A directory or file of the host at a place in the sandbox. */
export interface BindWish {
  /** Absolute. */
  readonly source: string;
  /** Absolute, in the sandbox. */
  readonly target: string;
  readonly writable: boolean;
  /** Other owners than on the disk. */
  readonly idMap?: BindIdMap;
  /** The flag, as it was given. */
  readonly flag: string;
}

/** An ID-mapped mount: `containerID` is the id on the disk, `hostID` what it appears as. */
export interface BindIdMap {
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
}

/** A namespace that stays at a file. */
export interface KeptNamespace {
  readonly type: NamespaceType;
  /** As it was given. */
  readonly flag: string;
  /** Absolute. */
  readonly path: string;
}

/** A file system of its own for a directory. */
export interface FreshWish {
  /** Absolute, in the sandbox. */
  readonly target: string;
  /** Whether it begins with what the directory holds. */
  readonly copy: boolean;
  /** The flag, as it was given. */
  readonly flag: string;
}

/** The host's root, writable: what is written goes to `upper`, or is thrown away. */
export interface OverlayWish {
  /** An absolute path. */
  readonly upper: string | undefined;
}

/** What maps the ids of a new user namespace. */
export type MapWish = 'root' | 'self' | 'auto';

/** Which system calls a sandbox has: all, those of the built-in profile, or those of a file's. */
export type SeccompWish =
  | { readonly kind: 'none' | 'default' }
  /** An absolute path. */
  | { readonly kind: 'file'; readonly path: string };

/** A wish for a sandbox, understood and complete in itself. */
export interface SandboxRequest {
  readonly rootfs: RootfsWish | undefined;
  readonly overlay: OverlayWish | undefined;
  readonly namespaces: ReadonlyMap<NamespaceType, NamespaceWish>;
  readonly network: NetworkWish | undefined;
  readonly bridge: BridgeWish | undefined;
  readonly map: MapWish | undefined;
  readonly identity: { readonly uid: number; readonly gid: number | undefined } | undefined;
  readonly hostname: string | undefined;
  readonly binds: readonly BindWish[];
  readonly fresh: readonly FreshWish[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly seccomp: SeccompWish;
  readonly keep: readonly KeptNamespace[];
  readonly memory: Int64 | undefined;
  /** CPUs in thousandths. */
  readonly milliCpus: number | undefined;
  readonly pids: Int64 | undefined;
  readonly env: readonly string[];
  readonly cwd: string | undefined;
  readonly words: readonly string[];
  /** The flags that name one thing, as they were given. */
  readonly given: ReadonlyMap<string, string>;
}

/** The flags that name namespaces, and what the specification calls them. */
const namespaceFlags = ['net', 'pid', 'uts', 'ipc', 'mount', 'cgroup', 'time'] as const;

/** What the specification calls the namespace of a flag. */
function namespaceType(flag: string): NamespaceType {
  return (flag === 'net' ? 'network' : flag) as NamespaceType;
}

function networkProgram(text: string | undefined): NetworkProgram | undefined {
  return NETWORK_PROGRAMS.find((name) => name === text);
}

function networkWish(request: RequestOf<'sandbox'>): NetworkWish | undefined {
  const program = networkProgram(request.net);
  const { publish, hostLoopback } = request;
  if (program === undefined) {
    const flag = publish.length > 0 ? '--publish' : '--host-loopback';
    if (publish.length > 0 || hostLoopback)
      throw new UsageError(`${flag}: needs a network that a program makes: --net slirp4netns or --net pasta`);
    return undefined;
  }
  return { program, ports: publish.map(publishedPort), hostLoopback };
}

function namespaceWish(text: string, flag: string): NamespaceWish | undefined {
  if (text === 'private' || text === 'host') return { kind: text };
  if (flag === 'net' && (text === 'none' || networkProgram(text) || bridgeWish(text))) return { kind: 'private' };
  if (text.startsWith('/')) return { kind: 'path', path: normalize(text) };
  if (!text.startsWith('container:')) return undefined;
  const id = text.slice('container:'.length);
  if (!isContainerId(id)) throw new UsageError(`--${flag}: not a container id: got ${quote(id)}`);
  return { kind: 'container', id };
}

const maxId = 0xffff_fffe;

function idOf(text: string, flag: string): number {
  const id = /^(?:0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : -1;
  if (id >= 0 && id <= maxId) return id;
  throw new UsageError(`--${flag}: not a number from 0 to ${maxId}: got ${quote(text)}`);
}

interface UserWishes {
  namespace?: NamespaceWish;
  identity?: SandboxRequest['identity'];
}

/** `--user` speaks of two things that never look alike. */
function userWishes(texts: readonly string[]): UserWishes {
  const wishes: UserWishes = {};
  for (const text of texts) {
    const namespace = namespaceWish(text, 'user');
    if (namespace) {
      if (wishes.namespace) throw new UsageError('--user: the user namespace is given twice');
      wishes.namespace = namespace;
      continue;
    }
    if (!/^[0-9]/.test(text))
      throw new UsageError(
        `--user: neither UID[:GID] in numbers nor private, host, /PATH or container:ID: got ${quote(text)}`,
      );
    if (wishes.identity) throw new UsageError('--user: the user is given twice');
    const colon = text.indexOf(':');
    const uid = idOf(colon < 0 ? text : text.slice(0, colon), 'user');
    wishes.identity = { uid, gid: colon < 0 ? undefined : idOf(text.slice(colon + 1), 'user') };
  }
  return wishes;
}

/** Devices and links that come after the mounts. config-linux.md, "Default Devices" */
const nodes: readonly string[] = [
  ...['null', 'zero', 'full', 'random', 'urandom', 'tty', 'console', 'ptmx', 'fd', 'stdin', 'stdout', 'stderr'],
];

function absoluteTarget(text: string, flag: string): string {
  if (!text.startsWith('/')) throw new UsageError(`--${flag}: not an absolute path: got ${quote(text)}`);
  const path = normalize(text);
  if (path === '/') throw new UsageError(`--${flag}: the root itself cannot be covered: use --rootfs`);
  if (nodes.some((name) => path === `/dev/${name}`))
    throw new UsageError(
      `--${flag}: every container has a ${path} of its own, which cannot be covered: got ${quote(text)}`,
    );
  return path;
}

/** All ids as they are. */
const same: readonly IdMapping[] = [{ containerID: 0, hostID: 0, size: maxId + 1 }];

/** `b:FROM:TO:RANGE`, for users (`u`), groups (`g`) or both; several with commas between. As mount-idmapped(1) has it. */
function bindIdMap(text: string, flag: string): BindIdMap {
  const uid: IdMapping[] = [];
  const gid: IdMapping[] = [];
  for (const part of text.split(',')) {
    const match = /^([bug]):([0-9]{1,10}):([0-9]{1,10}):([1-9][0-9]{0,9})$/.exec(part);
    const [containerID, hostID, size] = match
      ? [Number(match[2]), Number(match[3]), Number(match[4])]
      : [maxId, maxId, maxId];
    if (!match || containerID + size > maxId + 1 || hostID + size > maxId + 1)
      throw new UsageError(
        `--${flag}: not idmap=b:FROM:TO:RANGE with ids below ${maxId + 1} (u for users alone, g for groups; several with commas between): got ${quote(text)}`,
      );
    if (match[1] !== 'g') uid.push({ containerID, hostID, size });
    if (match[1] !== 'u') gid.push({ containerID, hostID, size });
  }
  // Where only the one kind is spoken of, the other stays as it is.
  return { uid: uid.length > 0 ? uid : same, gid: gid.length > 0 ? gid : same };
}

/**
 * The parts between colons. A backslash takes the meaning from a colon or a
 * backslash after it, and is any other character elsewhere.
 */
function parts(text: string): string[] {
  return [...text.matchAll(/(?:^|:)((?:\\[:\\]|[^:])*)/g)].map(([, part = '']) => part.replace(/\\([:\\])/g, '$1'));
}

/** What is before `:idmap=`, and what is after it. */
function splitIdMap(text: string): [paths: string, map: string | undefined] {
  const match = /^((?:\\[:\\]|\\(?![:\\])|[^:\\]|:(?!idmap=))*):idmap=(.*)$/s.exec(text);
  return match ? [match[1] ?? '', match[2]] : [text, undefined];
}

function bindWish(text: string, writable: boolean, cwd: string): BindWish {
  const flag = writable ? 'bind' : 'ro-bind';
  const [paths, map] = splitIdMap(text);
  const [source = '', target, ...more] = parts(paths);
  if (source === '') throw new UsageError(`--${flag}: the source is empty: got ${quote(text)}`);
  if (target === '' || more.length > 0)
    throw new UsageError(
      `--${flag}: not SRC or SRC:DST, with or without :idmap=b:FROM:TO:RANGE: got ${quote(text)}; write a colon in a path as \\:`,
    );
  const absolute = resolve(cwd, source);
  return {
    source: absolute,
    target: absoluteTarget(target ?? absolute, flag),
    writable,
    flag: `--${flag} ${show(text)}`,
    ...(map === undefined ? {} : { idMap: bindIdMap(map, flag) }),
  };
}

function freshWish(text: string, flag: 'tmpfs' | 'copy-up'): FreshWish {
  return { target: absoluteTarget(text, flag), copy: flag === 'copy-up', flag: `--${flag} ${show(text)}` };
}

/** `TYPE=FILE`: a namespace of the sandbox's own. */
function keptNamespace(text: string, namespaces: SandboxRequest['namespaces'], cwd: string): KeptNamespace {
  const equals = text.indexOf('=');
  const flag = text.slice(0, equals);
  const file = text.slice(equals + 1);
  const known = flag === 'user' || (namespaceFlags as readonly string[]).includes(flag);
  if (equals < 0 || file === '' || !known)
    throw new UsageError(`--keep-ns: not TYPE=FILE with one of ${namespaceFlags.join(', ')}, user: got ${quote(text)}`);
  const type = namespaceType(flag);
  const wish = namespaces.get(type) ?? { kind: type === 'time' ? 'host' : 'private' };
  if (wish.kind !== 'private')
    throw new UsageError(`--keep-ns ${flag}: the sandbox has none of its own: ask for one by --${flag} private`);
  return { type, flag, path: resolve(cwd, file) };
}

/** A name of a capability with or without `CAP_`, in any case; `ALL` for all of them. */
function capability(text: string, flag: string): string {
  const upper = text.toUpperCase();
  if (upper === 'ALL') return 'ALL';
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (capabilityNumber(name) !== undefined) return name;
  throw new UsageError(`--${flag}: no capability of Linux: got ${quote(text)}; give a name such as NET_ADMIN, or ALL`);
}

function milliCpus(text: string): number {
  const value = /^[0-9]{1,5}(?:\.[0-9]{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : 0;
  // The kernel takes a quota of one millisecond and more; the period is 100.
  if (value >= 10) return value;
  throw new UsageError(`--cpus: not a number of CPUs from 0.01 on: got ${quote(text)}; give one such as 1.5`);
}

function mapWish(request: RequestOf<'sandbox'>): MapWish | undefined {
  const maps: MapWish[] = [];
  if (request.mapRoot) maps.push('root');
  if (request.mapSelf) maps.push('self');
  if (request.mapAuto) maps.push('auto');
  const [first, second] = maps;
  if (second !== undefined)
    throw new UsageError(`--map-${first} and --map-${second} contradict each other; give one of them`);
  return first;
}

function overlayWish({ overlay, upper, rootfs }: RequestOf<'sandbox'>, cwd: string): OverlayWish | undefined {
  if (!overlay && upper === undefined) return undefined;
  const flag = upper === undefined ? '--overlay' : '--upper';
  if (rootfs !== undefined)
    throw new UsageError(`${flag}: is about the host's root, and --rootfs, which can be written to, takes its place`);
  if (upper === undefined) return { upper };
  if (/[:,\\"]/.test(upper))
    throw new UsageError(
      `--upper: no path with a colon, comma, quote or backslash can be named to an overlay: got ${quote(upper)}`,
    );
  return { upper: resolve(cwd, upper) };
}

/** A privileged sandbox has no filter unless it is asked for. */
function seccompWish({ seccomp, privileged }: RequestOf<'sandbox'>, cwd: string): SeccompWish {
  if (seccomp === undefined) return { kind: privileged ? 'none' : 'default' };
  if (seccomp === 'none' || seccomp === 'default') return { kind: seccomp };
  return { kind: 'file', path: resolve(cwd, seccomp) };
}

function checkVariable(text: string): void {
  if (!/^[^=]+(?:=.*)?$/s.test(text)) throw new UsageError(`--env: not NAME or NAME=VALUE: got ${quote(text)}`);
}

/** In the configuration, 0 says nothing. */
function memoryLimit(limit: Int64 | undefined): Int64 | undefined {
  if (limit !== undefined && Number(limit) === 0)
    throw new UsageError('--memory: nothing can live on 0 bytes: leave the flag out where there is to be no limit');
  return limit;
}

/** As much as the kernel takes, in bytes. uname(2) */
const maxHostname = 64;

function checkHostname(name: string, uts: NamespaceWish | undefined): void {
  if (uts?.kind === 'host') throw new UsageError("--hostname: would change the host's own name: not with --uts host");
  if (uts && uts.kind !== 'private')
    throw new UsageError('--hostname: would change the name of who else is in that namespace: not with another --uts');
  if (name.includes('\n')) throw new UsageError(`--hostname: contains a newline: got ${quote(name)}`);
  if (new TextEncoder().encode(name).length > maxHostname)
    throw new UsageError(`--hostname: longer than ${maxHostname} bytes: got ${quote(name)}`);
}

/** What cannot be had without mounts of the sandbox's own. */
function checkOwnMounts(request: RequestOf<'sandbox'>, mount: NamespaceWish): void {
  if (mount.kind === 'private') return;
  const wishes = [
    ['--bind', request.bind.length],
    ['--ro-bind', request.roBind.length],
    ['--tmpfs', request.tmpfs.length],
    ['--copy-up', request.copyUp.length],
    ['--overlay', request.overlay ? 1 : 0],
    ['--upper', request.upper === undefined ? 0 : 1],
  ] as const;
  for (const [flag, count] of wishes)
    if (count > 0) throw new UsageError(`${flag}: needs mounts of the sandbox's own, not --mount ${request.mount}`);
}

/**
 * Understands the flags of `sandbox`.
 *
 * @param cwd The caller's directory, which relative sources of --bind begin at.
 * @throws {UsageError}
 */
export function sandboxRequest(request: RequestOf<'sandbox'>, cwd: string): SandboxRequest {
  const namespaces = new Map<NamespaceType, NamespaceWish>();
  for (const flag of namespaceFlags) {
    const text = request[flag];
    if (text === undefined) continue;
    const wish = namespaceWish(text, flag);
    if (!wish) {
      const choices = flag === 'net' ? 'private, host, slirp4netns, pasta, veth:NAME' : 'private, host';
      throw new UsageError(`--${flag}: neither ${choices}, /PATH nor container:ID: got ${quote(text)}`);
    }
    namespaces.set(namespaceType(flag), wish);
  }
  const user = userWishes(request.user);
  if (user.namespace) namespaces.set('user', user.namespace);
  const map = mapWish(request);
  if (map && user.namespace && user.namespace.kind !== 'private')
    throw new UsageError(`--map-${map}: maps the ids of a new user namespace, and --user asks for another one`);
  if (request.hostname !== undefined) checkHostname(request.hostname, namespaces.get('uts'));
  if (request.printConfig && request.explain)
    throw new UsageError('--print-config and --explain are both given; one of them says what to print');
  if (request.name !== undefined && !isContainerId(request.name))
    throw new UsageError(`--name: not a container id: got ${quote(request.name)}`);
  for (const text of request.env) checkVariable(text);
  checkOwnMounts(request, namespaces.get('mount') ?? { kind: 'private' });
  return {
    rootfs: request.rootfs === undefined ? undefined : rootfsWish(request.rootfs, cwd),
    overlay: overlayWish(request, cwd),
    namespaces,
    network: networkWish(request),
    bridge: bridgeWish(request.net),
    map,
    identity: user.identity,
    hostname: request.hostname,
    binds: [
      ...request.bind.map((text) => bindWish(text, true, cwd)),
      ...request.roBind.map((text) => bindWish(text, false, cwd)),
    ],
    fresh: [
      ...request.tmpfs.map((text) => freshWish(text, 'tmpfs')),
      ...request.copyUp.map((text) => freshWish(text, 'copy-up')),
    ],
    capAdd: request.capAdd.map((text) => capability(text, 'cap-add')),
    capDrop: request.capDrop.map((text) => capability(text, 'cap-drop')),
    privileged: request.privileged,
    seccomp: seccompWish(request, cwd),
    keep: request.keepNs.map((text) => keptNamespace(text, namespaces, cwd)),
    memory: memoryLimit(request.memory),
    milliCpus: request.cpus === undefined ? undefined : milliCpus(request.cpus),
    pids: request.pids,
    env: request.env,
    cwd: request.cwd === undefined ? undefined : absoluteOrRoot(request.cwd),
    words: request.words,
    given: givenFlags(request),
  };
}

function absoluteOrRoot(text: string): string {
  if (!text.startsWith('/')) throw new UsageError(`--cwd: not an absolute path: got ${quote(text)}`);
  return normalize(text);
}
