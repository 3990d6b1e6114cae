/**
 * plan(): from what is asked and what the host can do, to an ordered list of what will be done. Pure: the same input
 * gives the same plan, nothing is touched, and a test can read the result.
 */
import type { Config, Hook, Linux, NamespaceType } from '../spec/config.ts';
import { sysctlPath } from '../spec/sysctl.ts';
import { PROPAGATION } from '../spec/tables.ts';
import { MS } from './constants.ts';
import { TsrunError } from './errors.ts';
import type { HostFacts } from './facts.ts';
import { POINT } from './generated/wire.ts';
import { mapped } from './lists.ts';
import { mountLabelOf } from './plan/annotations.ts';
import { planCgroup } from './plan/cgroup.ts';
import { type NodeSource, planDeviceLinks, planDevices } from './plan/devices.ts';
import { attachesRoot, refuseForeignMounts, sharesMounts } from './plan/foreign-mounts.ts';
import { refuseForeignLabels, withKeyLabel } from './plan/labels.ts';
import { bindsDev, type MountContext, planMount } from './plan/mounts.ts';
import { planNamespaces } from './plan/namespaces.ts';
import { planNetDevices } from './plan/net-devices.ts';
import { resolve } from './plan/path.ts';
import { canTrace, planPayload } from './plan/payload.ts';
import { planRdt } from './plan/rdt.ts';
import type { CgroupDriver, CgroupPlan, HostSource, Plan, Step } from './plan/types.ts';
import {
  groupsUse,
  joinedMaps,
  mapsOfContainer,
  refuseGroups,
  refuseUnmappedUser,
  refuseWithoutUserNamespace,
} from './plan/user.ts';
import { summarize } from './seccomp/profile.ts';
import { quote } from './text.ts';

export type { IdMaps, Plan, Step } from './plan/types.ts';

/** What a container is made from. */
export interface PlanRequest {
  id: string;
  /** Absolute path of the bundle's directory. */
  bundle: string;
  config: Config;
  cgroupDriver: CgroupDriver;
  /** Where its root is attached if it has no mount namespace of its own: an absolute path. */
  mountPoint: string;
  /** `--no-pivot`: move the root over `/` instead of pivot_root(2). */
  noPivot: boolean;
  /** `--no-new-keyring`. */
  newKeyring: boolean;
  /** How many descriptors from 3 on the process keeps, those of socket activation included. */
  preservedFds: number;
  /** How many of them are sockets of sd_listen_fds(3), which the process is told of. */
  listenFds: number;
  /** Whether a working directory that is missing is one to refuse; else it is made. */
  needsCwd?: boolean;
  /** What `linux.seccomp` was compiled to: two words an instruction. Needed where it is there. */
  seccompProgram?: Uint32Array | undefined;
}

/** At most this many descriptors go with one message (SCM_MAX_FD). */
export const SOURCES_PER_MESSAGE = 250;

const propagations: Readonly<Record<string, number>> = PROPAGATION;

/** MS_* bits of `rootfsPropagation`, and whether it is one of the recursive words. */
interface Propagation {
  readonly flags: number;
  readonly recursive: boolean;
}

function rootPropagation(linux: Linux | undefined): Propagation | undefined {
  const word = linux?.rootfsPropagation;
  if (word === undefined) return undefined;
  const recursive = word.startsWith('r');
  return { flags: propagations[(recursive ? word.slice(1) : word).toUpperCase()] ?? 0, recursive };
}

/** Whether mounts are not even to come in from the host. Unbindable ones could not be moved: the root becomes so at the end. */
function isPrivate(flags = 0): boolean {
  return (flags & (PROPAGATION.PRIVATE | PROPAGATION.UNBINDABLE)) !== 0;
}

function planHook(hook: Hook, from: string): Step {
  return {
    operation: {
      op: 'hook',
      path: hook.path,
      timeoutMs: (hook.timeout ?? 0) * 1000,
      args: hook.args ?? [hook.path],
      env: hook.env ?? [],
    },
    from,
  };
}

function planHooks(hooks: readonly Hook[] | undefined, kind: string): Step[] {
  return mapped(hooks ?? [], (hook, index) => planHook(hook, `hooks.${kind}[${index}]`));
}

/** New mounts that the kernel refuses inside a user namespace unless this namespace is new as well. */
const needsOwnNamespace: ReadonlyMap<string, NamespaceType> = new Map([
  ['proc', 'pid'],
  ['sysfs', 'network'],
  ['mqueue', 'ipc'],
]);

/** How the mounts propagate that are in the new namespace already. */
function planPropagation(wanted: Propagation | undefined): Step[] {
  // Unbindable mounts could not be cloned for the root; the container's root becomes so at the end.
  if (wanted && wanted.flags & PROPAGATION.UNBINDABLE)
    return [{ operation: { op: 'propagation', flags: MS.PRIVATE | MS.REC }, from: 'linux.rootfsPropagation' }];
  return [
    {
      operation: { op: 'propagation', flags: wanted ? wanted.flags | MS.REC : MS.SLAVE | MS.REC },
      from: wanted ? 'linux.rootfsPropagation' : 'the host must not see the container’s mounts',
    },
  ];
}

/** The tree of the root file system, as a mount of its own. */
function planRoot(request: PlanRequest, context: MountContext, wanted: Propagation | undefined): Step {
  const path = resolve(request.bundle, request.config.root.path);
  const isShared = wanted !== undefined && (wanted.flags & PROPAGATION.SHARED) !== 0;
  let fd = -1;
  if (context.byHost) {
    fd = context.sources.length;
    context.sources.push({ path, recursive: true, from: 'root.path' });
  }
  return {
    operation: {
      op: 'rootfs',
      path,
      ...(context.inForeign ? { at: request.mountPoint } : {}),
      fd,
      ...(isShared && !context.inForeign ? { detachParents: 1 } : {}),
      // It is a peer of the host's mounts: whatever is mounted there would show on the host.
      ...(context.byHost || context.inForeign ? { propagation: isPrivate(wanted?.flags) ? MS.PRIVATE : MS.SLAVE } : {}),
    },
    from: 'root.path',
  };
}

/** The root file system and all that is mounted and made in it, up to the hooks that may look at it. */
function planRootfs(request: PlanRequest, context: MountContext, nodes: NodeSource): Step[] {
  const { config } = request;
  const wanted = rootPropagation(config.linux);
  const sourceSteps: Step[] = [];
  const rootfs = planRoot(request, context, wanted);
  const mounts = config.mounts ?? [];
  const mountSteps = mapped(mounts, (mount, index) => planMount(mount, index, context));
  const deviceSteps = bindsDev(mounts)
    ? []
    : [...planDevices(config.linux?.devices ?? [], nodes), ...planDeviceLinks()];
  for (let sent = 0; sent < context.sources.length; sent += SOURCES_PER_MESSAGE)
    sourceSteps.push({ operation: { op: 'sync', point: POINT.SOURCES }, from: 'mounts, seen by the host' });
  const propagation = context.inForeign ? [] : planPropagation(wanted);
  return [...propagation, ...sourceSteps, rootfs, ...mountSteps, ...deviceSteps];
}

/** Hides and protects paths, and makes the root the root. */
function planEnclosure(request: PlanRequest): Step[] {
  const { config } = request;
  const { linux } = config;
  const steps: Step[] = [];
  for (const [index, path] of linux?.readonlyPaths?.entries() ?? [])
    steps.push({ operation: { op: 'readonlyPath', path }, from: `linux.readonlyPaths[${index}]` });
  for (const [index, path] of linux?.maskedPaths?.entries() ?? [])
    steps.push({ operation: { op: 'mask', path }, from: `linux.maskedPaths[${index}]` });
  if (config.process && !request.needsCwd)
    steps.push({ operation: { op: 'makeCwd', path: config.process.cwd }, from: 'process.cwd' });
  if (sharesMounts(config)) steps.push({ operation: { op: 'chroot' }, from: 'root.path' });
  else if (request.noPivot) steps.push({ operation: { op: 'moveRoot' }, from: '--no-pivot' });
  else steps.push({ operation: { op: 'pivotRoot' }, from: 'root.path' });
  const wanted = rootPropagation(linux);
  if (wanted)
    steps.push({
      operation: {
        op: 'rootPropagation',
        propagation: wanted.flags,
        ...(wanted.recursive ? { recursive: 1 } : {}),
      },
      from: 'linux.rootfsPropagation',
    });
  if (config.root.readonly) steps.push({ operation: { op: 'rootReadonly' }, from: 'root.readonly' });
  return steps;
}

function planNames(config: Config): Step[] {
  const steps: Step[] = [];
  if (config.hostname !== undefined)
    steps.push({ operation: { op: 'hostname', name: config.hostname }, from: 'hostname' });
  if (config.domainname !== undefined)
    steps.push({ operation: { op: 'domainname', name: config.domainname }, from: 'domainname' });
  return steps;
}

function planSysctls(config: Config): Step[] {
  const entries = Object.entries(config.linux?.sysctl ?? {});
  if (entries.length === 0) return [];
  const steps: Step[] = [{ operation: { op: 'procHandle' }, from: 'linux.sysctl' }];
  for (const [key, value] of entries) {
    const path = sysctlPath(key);
    if (path === undefined)
      throw new TsrunError('config-invalid', `linux.sysctl: ${quote(key)} is no kernel parameter`);
    steps.push({ operation: { op: 'sysctl', path: `sys/${path}`, value }, from: `linux.sysctl["${key}"]` });
  }
  return steps;
}

/** The variables of socket activation; the process's own pid is known beforehand only where it is the first of its namespace. */
function listenVariables({ listenFds }: PlanRequest, isFirst: boolean, warnings: string[]): string[] {
  if (listenFds === 0) return [];
  if (isFirst) return [`LISTEN_FDS=${listenFds}`, 'LISTEN_PID=1'];
  warnings.push('LISTEN_FDS: passed without LISTEN_PID, for the container has no pid namespace of its own');
  return [`LISTEN_FDS=${listenFds}`];
}

/**
 * init is born in its cgroup of the v2 hierarchy. In v1 there is no such thing, and systemd makes a scope around a
 * process that exists: there it waits until it is put in place.
 */
function placement({ v1, scope }: CgroupPlan): Step[] {
  return v1.length > 0 || scope ? [{ operation: { op: 'sync', point: POINT.PLACED }, from: 'linux.resources' }] : [];
}

/** Where nodes come from: only the initial user namespace may make them. */
function nodeSource(byHost: boolean, inner: boolean, sources: HostSource[]): NodeSource {
  if (byHost) return sources;
  return inner ? 'bound' : 'made';
}

function keyringSteps({ id, newKeyring }: PlanRequest): Step[] {
  if (!newKeyring) return [];
  return [{ operation: { op: 'keyring', name: `_ses.${id}` }, from: 'a session keyring of its own' }];
}

/** Decides everything. @throws {TsrunError} where the host or this version cannot do what is asked. */
export function plan(request: PlanRequest, facts: HostFacts): Plan {
  const { config, id } = request;
  const { process } = config;
  refuseForeignLabels(config, facts.security);
  if (!process)
    throw new TsrunError(
      'config-invalid',
      'process: missing: it is needed to create a container, and says what to run',
    );

  refuseWithoutUserNamespace(config, facts);
  const warnings: string[] = [];
  const namespaces = planNamespaces(config, facts);
  const shared = sharesMounts(config);
  if (shared) refuseForeignMounts(config);
  const attached = attachesRoot(config);
  const ownUser = namespaces.has('user');
  // Whether the container's user namespace is not the initial one, where the kernel allows more.
  const inner = ownUser || facts.inUserNamespace;
  const groups = groupsUse(config, namespaces.idMaps, facts);
  const maps = mapsOfContainer(config, facts);
  const joined = joinedMaps(config);
  refuseGroups(process, groups);
  refuseUnmappedUser(process, maps);
  const byHost = ownUser && facts.clonesMounts;
  const cgroup = planCgroup(id, config, request.cgroupDriver, facts, warnings);
  const sources: HostSource[] = [];
  const inherited = rootPropagation(config.linux);
  const context: MountContext = {
    bundle: request.bundle,
    byHost,
    inForeign: shared,
    mapsIds: facts.clonesMounts,
    groups: maps?.gid,
    warnings,
    defaultPropagation: inherited?.flags || MS.SLAVE,
    canMount: (type) => {
      const needed = needsOwnNamespace.get(type);
      return needed === undefined || !inner || namespaces.has(needed);
    },
    cgroupDirectory: cgroup.root === '' ? undefined : cgroup.root + cgroup.path,
    ownCgroupNamespace: namespaces.isNew('cgroup'),
    mountLabel: mountLabelOf(config),
    sources,
  };
  const rootfs: Step[] =
    shared && !attached
      ? [{ operation: { op: 'rootDirectory', path: resolve(request.bundle, config.root.path) }, from: 'root.path' }]
      : planRootfs(request, context, nodeSource(byHost, inner, sources));
  const hooks = config.hooks ?? {};
  const createContainer = planHooks(hooks.createContainer, 'createContainer');
  const startContainer = planHooks(hooks.startContainer, 'startContainer');
  const runtimeHooks = [...(hooks.prestart ?? []), ...(hooks.createRuntime ?? [])];
  const hookPoint: Step[] =
    runtimeHooks.length > 0 || createContainer.length > 0
      ? [{ operation: { op: 'sync', point: POINT.HOOKS }, from: 'hooks' }]
      : [];
  const console: Step[] = process.terminal
    ? [
        {
          operation: {
            op: 'console',
            path: '/dev/console',
            ...(process.consoleSize ? { rows: process.consoleSize.height, columns: process.consoleSize.width } : {}),
            uid: process.user.uid,
          },
          from: 'process.terminal',
        },
      ]
    : [];
  const payload = planPayload(process, {
    purpose: 'create',
    linux: config.linux ?? {},
    grantable: ownUser ? ~0n : facts.capabilities,
    limitsByHost: ownUser,
    groups,
    addedEnv: listenVariables(request, namespaces.isNew('pid'), warnings),
    seccompProgram: request.seccompProgram,
    fetches: canTrace(facts.capabilities),
    hooksFollow: startContainer.length > 0,
    security: facts.security,
    warnings,
  });

  // exec finds the namespaces in /proc/<pid>. Nobody but the caller sees the process there while it waits, unless it shares its pid namespace.
  const isShown = ownUser && namespaces.isNew('pid') && !canTrace(facts.capabilities);
  const netDevices = planNetDevices(config, facts.capabilities);
  const rdt = planRdt(id, config, facts.resctrl);
  const steps: Step[] = [
    ...placement(cgroup),
    ...namespaces.steps,
    { operation: { op: 'session' }, from: 'a terminal of its own' },
    ...withKeyLabel(keyringSteps(request), process),
    ...planNames(config),
    ...(namespaces.isNew('network')
      ? [{ operation: { op: 'loopbackUp' }, from: 'linux.namespaces' } satisfies Step]
      : []),
    ...(netDevices.length > 0 ? [{ operation: { op: 'netDevices' }, from: 'linux.netDevices' } satisfies Step] : []),
    ...rootfs,
    ...console,
    ...hookPoint,
    ...createContainer,
    ...planSysctls(config),
    ...planEnclosure(request),
    ...payload.setUp,
    // The host completes its part first: under the filter, init does no more than it must.
    { operation: { op: 'ready', ...(isShown ? { dumpable: 1 } : {}) }, from: 'create' },
    ...payload.filter,
    { operation: { op: 'alive' }, from: 'create' },
    { operation: { op: 'waitStart' }, from: 'start' },
    ...startContainer,
    ...payload.last,
  ];
  return {
    cloneFlags: namespaces.cloneFlags,
    joins: namespaces.joins,
    steps,
    ...(namespaces.idMaps ? { idMaps: namespaces.idMaps } : {}),
    ...(joined ? { joinedMaps: joined } : {}),
    ...(namespaces.timeOffsets ? { timeOffsets: namespaces.timeOffsets } : {}),
    sources,
    ...(attached ? { mountPoint: request.mountPoint } : {}),
    limits: payload.hostLimits,
    netDevices,
    ...(rdt ? { rdt } : {}),
    ...(process.oomScoreAdj === undefined ? {} : { oomScoreAdj: process.oomScoreAdj }),
    cgroup,
    ...(config.linux?.seccomp ? { seccomp: summarize(config.linux.seccomp) } : {}),
    hooks: {
      prestart: hooks.prestart ?? [],
      createRuntime: hooks.createRuntime ?? [],
      poststart: hooks.poststart ?? [],
      poststop: hooks.poststop ?? [],
    },
    containerHooks: { create: createContainer.length > 0, start: startContainer.length > 0 },
    terminal: process.terminal ?? false,
    preservedFds: request.preservedFds,
    warnings,
  };
}
