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
import { planCgroup } from './plan/cgroup.ts';
import { type NodeSource, planDeviceLinks, planDevices } from './plan/devices.ts';
import { bindsDev, type MountContext, planMount } from './plan/mounts.ts';
import { planNamespaces } from './plan/namespaces.ts';
import { resolve } from './plan/path.ts';
import { planIdentity, planLimits, planProgram } from './plan/process.ts';
import type { CgroupDriver, CgroupPlan, HostLimit, HostSource, Plan, Step } from './plan/types.ts';
import { refuseForeignMounts, refuseUnsupported } from './plan/unsupported.ts';
import { quote } from './text.ts';

export type { IdMaps, Plan, Step } from './plan/types.ts';

/** What a container is made from. */
export interface PlanRequest {
  id: string;
  /** Absolute path of the bundle's directory. */
  bundle: string;
  config: Config;
  cgroupDriver: CgroupDriver;
  /** `--no-pivot`: move the root over `/` instead of pivot_root(2). */
  noPivot: boolean;
  /** `--no-new-keyring`. */
  newKeyring: boolean;
  /** How many descriptors from 3 on the process keeps, those of socket activation included. */
  preservedFds: number;
  /** How many of them are sockets of sd_listen_fds(3), which the process is told of. */
  listenFds: number;
}

/** At most this many descriptors go with one message (SCM_MAX_FD). */
export const SOURCES_PER_MESSAGE = 250;

const propagations: Readonly<Record<string, number>> = PROPAGATION;

/** MS_* bits of `rootfsPropagation`, and whether it is one of the recursive words. */
function rootPropagation(linux: Linux | undefined): { flags: number; recursive: boolean } | undefined {
  const word = linux?.rootfsPropagation;
  if (word === undefined) return undefined;
  const recursive = word.startsWith('r');
  return { flags: propagations[(recursive ? word.slice(1) : word).toUpperCase()] ?? 0, recursive };
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

/** The root file system and all that is mounted and made in it, up to the hooks that may look at it. */
function planRootfs(request: PlanRequest, context: MountContext, nodes: NodeSource, newMounts: boolean): Step[] {
  const { config, bundle } = request;
  const path = resolve(bundle, config.root.path);
  if (!newMounts) return [{ operation: { op: 'rootDirectory', path }, from: 'root.path' }];
  const wanted = rootPropagation(config.linux);
  const isShared = wanted !== undefined && (wanted.flags & PROPAGATION.SHARED) !== 0;
  const steps: Step[] = [
    {
      operation: { op: 'propagation', flags: wanted ? wanted.flags | MS.REC : MS.SLAVE | MS.REC },
      from: wanted ? 'linux.rootfsPropagation' : 'the host must not see the container’s mounts',
    },
  ];
  // Unbindable mounts could not be cloned for the root; the container's root becomes so at the end.
  if (wanted && wanted.flags & PROPAGATION.UNBINDABLE)
    steps[0] = { operation: { op: 'propagation', flags: MS.PRIVATE | MS.REC }, from: 'linux.rootfsPropagation' };
  const sourceSteps: Step[] = [];
  let fd = -1;
  if (context.byHost) {
    fd = context.sources.length;
    context.sources.push({ path, recursive: true, from: 'root.path' });
  }
  const rootfs: Step = {
    operation: { op: 'rootfs', path, fd, ...(isShared ? { detachParents: 1 } : {}) },
    from: 'root.path',
  };
  const mounts = config.mounts ?? [];
  const mountSteps = mapped(mounts, (mount, index) => planMount(mount, index, context));
  const deviceSteps = bindsDev(mounts)
    ? []
    : [...planDevices(config.linux?.devices ?? [], nodes), ...planDeviceLinks()];
  for (let sent = 0; sent < context.sources.length; sent += SOURCES_PER_MESSAGE)
    sourceSteps.push({ operation: { op: 'sync', point: POINT.SOURCES }, from: 'mounts, seen by the host' });
  return [...steps, ...sourceSteps, rootfs, ...mountSteps, ...deviceSteps];
}

/** Hides and protects paths, and makes the root the root. */
function planEnclosure(request: PlanRequest, newMounts: boolean): Step[] {
  const { config } = request;
  const { linux } = config;
  const steps: Step[] = [];
  for (const [index, path] of linux?.readonlyPaths?.entries() ?? [])
    steps.push({ operation: { op: 'readonlyPath', path }, from: `linux.readonlyPaths[${index}]` });
  for (const [index, path] of linux?.maskedPaths?.entries() ?? [])
    steps.push({ operation: { op: 'mask', path }, from: `linux.maskedPaths[${index}]` });
  if (config.process) steps.push({ operation: { op: 'makeCwd', path: config.process.cwd }, from: 'process.cwd' });
  if (!newMounts) steps.push({ operation: { op: 'chroot' }, from: 'root.path' });
  else if (request.noPivot) steps.push({ operation: { op: 'moveRoot' }, from: '--no-pivot' });
  else steps.push({ operation: { op: 'pivotRoot' }, from: 'root.path' });
  const wanted = rootPropagation(linux);
  if (wanted && newMounts)
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

/** Raises hard limits, while there is the privilege: in a user namespace there is none, so the host does it. */
function raiseSteps(limits: readonly HostLimit[], byHost: boolean): Step[] {
  if (limits.length === 0) return [];
  if (byHost) return [{ operation: { op: 'sync', point: POINT.LIMITS }, from: 'process.rlimits' }];
  return mapped(limits, ({ resource, hard, from }) => ({ operation: { op: 'raiseLimit', resource, hard }, from }));
}

/** Sets the limits, at the very end: neither init nor hooks could do their work under some. */
function limitSteps(limits: readonly HostLimit[]): Step[] {
  return mapped(limits, ({ resource, soft, hard, from }) => ({
    operation: { op: 'rlimit', resource, soft, hard },
    from,
  }));
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

function nodeSource(ownUser: boolean, facts: HostFacts, sources: HostSource[]): NodeSource {
  if (ownUser) return sources;
  return facts.inUserNamespace ? 'bound' : 'made';
}

/** The default umask, as every runtime has it. */
const DEFAULT_UMASK = 0o022;

/** Decides everything. @throws {TsrunError} where the host or this version cannot do what is asked. */
export function plan(request: PlanRequest, facts: HostFacts): Plan {
  const { config, id } = request;
  const { process } = config;
  refuseUnsupported(config);
  if (!process)
    throw new TsrunError(
      'config-invalid',
      'process: missing: it is needed to create a container, and says what to run',
    );

  const warnings: string[] = [];
  const namespaces = planNamespaces(config, facts);
  const newMounts = namespaces.isNew('mount');
  if (!newMounts) refuseForeignMounts(config);
  const ownUser = namespaces.has('user');
  const cgroup = planCgroup(id, config, request.cgroupDriver, facts, warnings);
  const sources: HostSource[] = [];
  const inherited = rootPropagation(config.linux);
  const context: MountContext = {
    bundle: request.bundle,
    byHost: ownUser,
    defaultPropagation: inherited?.flags || MS.SLAVE,
    canMount: (type) => {
      const needed = needsOwnNamespace.get(type);
      return needed === undefined || !(ownUser || facts.inUserNamespace) || namespaces.has(needed);
    },
    cgroupDirectory: cgroup.driver === 'disabled' ? undefined : cgroup.root + cgroup.path,
    ownCgroupNamespace: namespaces.isNew('cgroup'),
    sources,
  };
  const rootfs = planRootfs(request, context, nodeSource(ownUser, facts, sources), newMounts);
  const limits = planLimits(process);
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
  const grantable = ownUser ? ~0n : facts.capabilities;

  const steps: Step[] = [
    ...placement(cgroup),
    ...namespaces.steps,
    { operation: { op: 'session' }, from: 'a terminal of its own' },
    ...(request.newKeyring
      ? [{ operation: { op: 'keyring', name: `_ses.${id}` }, from: 'a session keyring of its own' } satisfies Step]
      : []),
    ...planNames(config),
    ...(namespaces.isNew('network')
      ? [{ operation: { op: 'loopbackUp' }, from: 'linux.namespaces' } satisfies Step]
      : []),
    ...rootfs,
    ...console,
    ...hookPoint,
    ...createContainer,
    ...planSysctls(config),
    ...planEnclosure(request, newMounts),
    ...planProgram(process, listenVariables(request, namespaces.isNew('pid'), warnings)),
    { operation: { op: 'chdir', path: process.cwd }, from: 'process.cwd' },
    { operation: { op: 'affinity' }, from: 'every CPU of the cpuset' },
    ...raiseSteps(limits, ownUser),
    ...planIdentity(process, grantable, true, warnings),
    { operation: { op: 'umask', mask: process.user.umask ?? DEFAULT_UMASK }, from: 'process.user.umask' },
    { operation: { op: 'findExecutable' }, from: 'process.args[0]' },
    { operation: { op: 'ready' }, from: 'create' },
    { operation: { op: 'waitStart' }, from: 'start' },
    ...startContainer,
    { operation: { op: 'descriptors' }, from: 'nothing of the host is passed on' },
    ...limitSteps(limits),
    { operation: { op: 'exec' }, from: 'process.args' },
  ];
  return {
    cloneFlags: namespaces.cloneFlags,
    joins: namespaces.joins,
    steps,
    ...(namespaces.idMaps ? { idMaps: namespaces.idMaps } : {}),
    ...(namespaces.timeOffsets ? { timeOffsets: namespaces.timeOffsets } : {}),
    sources,
    limits: ownUser ? limits : [],
    ...(process.oomScoreAdj === undefined ? {} : { oomScoreAdj: process.oomScoreAdj }),
    cgroup,
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
