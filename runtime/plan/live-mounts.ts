/**
 * Mounts of a container that runs already, as a plan for a process that joins its mount namespace: the same operations that
 * mounted what it has. Pure.
 */
import type { Config, Mount } from '../../spec/config.ts';
import { CLONE, MS } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { POINT } from '../generated/wire.ts';
import { mapped } from '../lists.ts';
import { mountLabelOf } from './annotations.ts';
import type { MountContext } from './mounts.ts';
import { planMount } from './mounts.ts';
import { normalize } from './path.ts';
import type { HostSource, Step } from './types.ts';

/** What is done in the container's mounts. */
export interface LivePlan {
  readonly steps: readonly Step[];
  readonly sources: readonly HostSource[];
  /** Index of the first step about a mount: the one at that index plus n is about mount n. */
  readonly first: number;
}

/** What is known of the container. */
export interface LiveRequest {
  readonly config: Config;
  /** How its namespaces are joined, so that its root is the root. */
  readonly joins: readonly Step[];
  /** Absolute: where relative sources begin. */
  readonly directory: string;
  readonly cgroupDirectory: string | undefined;
  /** Whether the caller may clone trees of the host's mounts. */
  readonly clonesMounts: boolean;
}

/**
 * Has the sources opened. Where the host may not, init does, in the container's user namespace but with mounts of the caller's: there it
 * has the privilege over a copy of those. What the kernel locks in it cannot be had without what is mounted below.
 */
function entry(joins: readonly Step[], sources: readonly HostSource[], clonesMounts: boolean): Step[] {
  if (sources.length === 0) return [...joins];
  if (clonesMounts)
    return [...joins, { operation: { op: 'sync', point: POINT.SOURCES }, from: 'mounts, seen by the host' }];
  const opened = mapped(
    sources,
    ({ path, recursive, from }): Step => ({
      operation: { op: 'openSource', path, ...(recursive ? { recursive: 1 } : {}) },
      from,
    }),
  );
  const at = joins.findIndex(({ operation }) => operation.op === 'join' && operation.type === CLONE.NEWNS);
  if (at < 0) return [...joins, ...opened]; // the caller sees what the container sees
  const copied: Step = { operation: { op: 'unshare', flags: CLONE.NEWNS }, from: 'mounts, seen by the caller' };
  return [...joins.slice(0, at), copied, ...opened, ...joins.slice(at)];
}

const done: Step = { operation: { op: 'done' }, from: 'mounts' };

/** More mounts. @throws {TsrunError} where one cannot be had in a container that runs. */
export function planAdd(mounts: readonly Mount[], request: LiveRequest): LivePlan {
  const { config, joins, directory, cgroupDirectory, clonesMounts } = request;
  const sources: HostSource[] = [];
  const namespaces = new Set(config.linux?.namespaces?.map(({ type }) => type));
  const context: MountContext = {
    bundle: directory,
    byHost: true,
    inForeign: false,
    mapsIds: clonesMounts,
    groups: namespaces.has('user') ? config.linux?.gidMappings : undefined,
    warnings: [],
    defaultPropagation: MS.SLAVE,
    canMount: () => true,
    cgroupDirectory,
    ownCgroupNamespace: false,
    mountLabel: mountLabelOf(config),
    sources,
  };
  const wanted = mounts.map((mount, index) => {
    if (normalize(mount.destination) === '/')
      throw new TsrunError(
        'config-invalid',
        `mounts[${index}].destination: a mount cannot replace the container's root while the container runs`,
      );
    // init joins the mount namespace alone, and the others decide what these show.
    for (const type of ['proc', 'sysfs', 'mqueue'])
      if (mount.type === type)
        throw new TsrunError('unsupported', `mounts[${index}].type: ${type} cannot be added to a container that runs`);
    return planMount(mount, index, context);
  });
  const before = entry(joins, sources, clonesMounts);
  return { steps: [...before, ...wanted, done], sources, first: before.length };
}

/** Detaches what is mounted on these paths, the last first. */
export function planRemove(destinations: readonly string[], { joins }: Pick<LiveRequest, 'joins'>): LivePlan {
  const steps = destinations.map((destination, index): Step => {
    const path = normalize(destination);
    const from = `mounts[${index}].destination`;
    if (path === '/' || path === '/proc' || path.startsWith('/proc/'))
      throw new TsrunError('config-invalid', `${from}: ${path} stays: what tsrun and the container rely on is there`);
    return { operation: { op: 'umount', path }, from };
  });
  return { steps: [...joins, ...steps.reverse(), done], sources: [], first: joins.length };
}
