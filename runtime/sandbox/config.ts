/** sandboxConfig(): from the flags of `sandbox` and what the host is to a config.json, the same as anybody writes. Pure. */
import type { Config, Namespace, NamespaceType, Process, Resources } from '../../spec/config.ts';
import { defaultConfig } from '../../spec/default-config.ts';
import { OCI_VERSION } from '../../spec/state.ts';
import { NAMESPACES } from '../../spec/tables.ts';
import { TsrunError } from '../errors.ts';
import { quote } from '../text.ts';
import type { SandboxFacts } from './facts.ts';
import { type FlagNames, flagNames } from './flag-names.ts';
import { planCapabilities, planUser, type UserPlan } from './identity.ts';
import { isVisible, planRoot, type RootTree } from './mounts.ts';
import { nameServers } from './network.ts';
import type { NamespaceWish, SandboxRequest } from './request.ts';

/** A bundle to be. */
export interface SandboxBundle {
  readonly config: Config;
  /** What the configuration says of names is in this file of the bundle: `undefined` where it says nothing. */
  readonly resolver: string | undefined;
  /** What the configuration needs to be there; nothing where that is not ours to make. */
  readonly tree: RootTree | undefined;
  /** The flags that its properties came of. */
  readonly flags: FlagNames;
}

/** Where a bundle will be, and what its container is called. */
export interface SandboxPlace {
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
}

/** The directory of the bundle that mounts are made in, where the root is the host's. */
const ROOT_DIRECTORY = 'rootfs';

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PERIOD = 100_000;

const namespaceTypes: readonly NamespaceType[] = ['user', 'mount', 'pid', 'network', 'ipc', 'uts', 'cgroup', 'time'];

/** Private unless asked for otherwise: what is the host's can be harmed. The clocks cannot. */
function defaultWish(type: NamespaceType, user: UserPlan): NamespaceWish {
  if (type === 'time') return { kind: 'host' };
  if (type === 'user') return { kind: user.kind === 'new' ? 'private' : 'host' };
  return { kind: 'private' };
}

function namespaceOf(type: NamespaceType, wish: NamespaceWish, facts: SandboxFacts): Namespace | undefined {
  switch (wish.kind) {
    case 'private':
      return { type };
    case 'host':
      return undefined;
    case 'path':
      return { type, path: wish.path };
    case 'container':
      return { type, path: `/proc/${facts.containers.get(wish.id)}/ns/${NAMESPACES.get(type)?.file}` };
  }
}

/** The variable `name` of the caller, or none. */
function inherited(name: string, env: readonly string[]): string[] {
  return env.filter((variable) => variable.startsWith(`${name}=`)).slice(0, 1);
}

/** With the host's programs goes the caller's environment; a foreign root knows nothing of it. */
function planEnv(request: SandboxRequest, facts: SandboxFacts): string[] {
  const foreign = [...(facts.imageProcess?.env ?? [defaultPath]), ...inherited('TERM', facts.env)];
  const env = request.rootfs === undefined ? facts.env : foreign;
  const values = new Map(env.map((variable) => [variable.slice(0, variable.indexOf('=')), variable]));
  for (const text of request.env) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const [variable] = equals < 0 ? inherited(name, facts.env) : [text];
    if (variable === undefined) throw new TsrunError('usage', `--env: the caller has no variable ${quote(name)}`);
    values.set(name, variable);
  }
  return [...values.values()];
}

function planWords(request: SandboxRequest, facts: SandboxFacts): readonly string[] {
  if (request.words.length > 0) return request.words;
  if (facts.imageProcess?.args) return facts.imageProcess.args;
  const shell = request.rootfs === undefined ? inherited('SHELL', facts.env)[0]?.slice('SHELL='.length) : undefined;
  return [shell || '/bin/sh'];
}

function planResources(request: SandboxRequest): Resources {
  const { memory, milliCpus, pids } = request;
  return {
    devices: [{ allow: request.privileged, access: 'rwm' }],
    ...(memory === undefined ? {} : { memory: { limit: memory } }),
    ...(milliCpus === undefined ? {} : { cpu: { quota: milliCpus * (PERIOD / 1000), period: PERIOD } }),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  };
}

function planProcess(request: SandboxRequest, facts: SandboxFacts, user: UserPlan, ownMounts: boolean): Process {
  const isHostRoot = request.rootfs === undefined;
  const foreign = facts.imageProcess?.cwd ?? '/';
  const home = isHostRoot && (!ownMounts || isVisible(facts.cwd, request)) ? facts.cwd : foreign;
  return {
    // A terminal is a file of the sandbox's own /dev/pts.
    terminal: facts.terminal && ownMounts,
    user: user.user,
    args: planWords(request, facts),
    env: planEnv(request, facts),
    cwd: request.cwd ?? home,
    capabilities: planCapabilities(request, user),
    noNewPrivileges: !request.privileged,
  };
}

function rootOf({ path }: RootTree, own: string, { rootfs, overlay }: SandboxRequest): Config['root'] {
  return { path: path === own ? ROOT_DIRECTORY : path, readonly: rootfs === undefined && overlay === undefined };
}

/** What the root is without mounts of the sandbox's own: a directory to change into. */
function foreignRoot(request: SandboxRequest): Pick<Config, 'root'> {
  return { root: { path: request.rootfs?.path ?? '/' } };
}

/**
 * The configuration of a sandbox.
 *
 * @throws {TsrunError} `usage`, `host-unsupported`: what is asked for cannot be had together, or by this caller.
 */
export function sandboxConfig(request: SandboxRequest, facts: SandboxFacts, place: SandboxPlace): SandboxBundle {
  const user = planUser(request, facts);
  const namespaces: Namespace[] = [];
  const isNew = new Set<NamespaceType>();
  for (const type of namespaceTypes) {
    const asked = type === 'user' && user.kind === 'new' ? undefined : request.namespaces.get(type);
    const wish = asked ?? defaultWish(type, user);
    if (wish.kind === 'private') isNew.add(type);
    const namespace = namespaceOf(type, wish, facts);
    if (namespace) namespaces.push(namespace);
  }
  const ownMounts = isNew.has('mount');
  const own = `${place.bundle}/${ROOT_DIRECTORY}`;
  const root = ownMounts ? planRoot(request, facts, user, own) : undefined;
  const isGuarded = ownMounts && !request.privileged;
  const { maskedPaths = [], readonlyPaths = [] } = defaultConfig().linux ?? {};
  // An id can be longer than a host name.
  const hostname = request.hostname ?? (isNew.has('uts') ? place.id.slice(0, 64) : undefined);
  const config: Config = {
    ociVersion: OCI_VERSION,
    process: planProcess(request, facts, user, ownMounts),
    ...(root ? { root: rootOf(root.tree, own, request) } : foreignRoot(request)),
    ...(hostname === undefined ? {} : { hostname }),
    ...(root ? { mounts: root.mounts } : {}),
    linux: {
      namespaces,
      ...(user.kind === 'new' ? { uidMappings: user.uidMappings, gidMappings: user.gidMappings } : {}),
      resources: planResources(request),
      ...(facts.seccomp === undefined ? {} : { seccomp: facts.seccomp }),
      ...(isGuarded ? { maskedPaths, readonlyPaths } : {}),
    },
  };
  const resolver = request.network && ownMounts ? `nameserver ${nameServers[request.network.program]}\n` : undefined;
  return {
    config,
    resolver,
    tree: request.rootfs === undefined ? root?.tree : undefined,
    flags: flagNames(request, config, root?.flags ?? new Map()),
  };
}
