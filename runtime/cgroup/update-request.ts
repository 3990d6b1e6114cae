/** What `update` is asked for, as the resources of a configuration. Pure. */
import { apply, RESOURCE_CHECKS } from '../../spec/checks/index.ts';
import { intelRdtIsWellFormed } from '../../spec/checks/linux.ts';
import type { BlockIO, Cpu, Memory, Pids, Resources } from '../../spec/config.ts';
import { Findings } from '../../spec/finding.ts';
import type { RequestOf } from '../cli/parse.ts';
import { commands } from '../cli/spec.ts';
import { UsageError } from '../cli/usage.ts';
import { combinedSchemata } from '../plan/rdt.ts';
import { quote } from '../text.ts';

type Request = RequestOf<'update'>;
type Limit = Exclude<keyof Request, 'command' | 'global' | 'id' | 'resources' | 'l3CacheSchema' | 'memBwSchema'>;

/** Where in `linux.resources` each flag belongs. */
const places: Readonly<Record<Limit, readonly [group: string, property: string]>> = {
  blkioWeight: ['blockIO', 'weight'],
  cpuPeriod: ['cpu', 'period'],
  cpuQuota: ['cpu', 'quota'],
  cpuBurst: ['cpu', 'burst'],
  cpuShare: ['cpu', 'shares'],
  cpuRtPeriod: ['cpu', 'realtimePeriod'],
  cpuRtRuntime: ['cpu', 'realtimeRuntime'],
  cpuIdle: ['cpu', 'idle'],
  cpusetCpus: ['cpu', 'cpus'],
  cpusetMems: ['cpu', 'mems'],
  memory: ['memory', 'limit'],
  memoryReservation: ['memory', 'reservation'],
  memorySwap: ['memory', 'swap'],
  pidsLimit: ['pids', 'limit'],
};

const limits = Object.keys(places) as Limit[];

function flagAt(group: unknown, property: unknown): string {
  const limit = limits.find((key) => places[key][0] === group && places[key][1] === property);
  return limit === undefined ? `${group}.${property}` : `--${commands.update.flags[limit].name}`;
}

/** The flags of limits that are given, as they are typed. */
export function limitFlagsOf(request: Request): string[] {
  return limits
    .filter((limit) => request[limit] !== undefined)
    .map((limit) => `--${commands.update.flags[limit].name}`);
}

/** The values found in `request` for one group of properties; undefined where there is none. */
function groupOf(request: Request, group: string): Record<string, unknown> | undefined {
  const values: Record<string, unknown> = {};
  for (const limit of limits)
    if (places[limit][0] === group && request[limit] !== undefined) values[places[limit][1]] = request[limit];
  return Object.keys(values).length > 0 ? values : undefined;
}

/**
 * The limits given by flags; only what is given is there.
 *
 * @throws {UsageError} where the values do not fit together, or a list is none.
 */
export function resourcesOfFlags(request: Request): Resources {
  const memory = groupOf(request, 'memory') as Memory | undefined;
  const cpu = groupOf(request, 'cpu') as Cpu | undefined;
  const pids = groupOf(request, 'pids') as Pids | undefined;
  const blockIO = groupOf(request, 'blockIO') as BlockIO | undefined;
  const resources: Resources = {
    ...(memory && { memory }),
    ...(cpu && { cpu }),
    ...(pids && { pids }),
    ...(blockIO && { blockIO }),
  };
  const findings = new Findings();
  apply(RESOURCE_CHECKS.errors, resources, findings, []);
  const [first] = findings.errors;
  if (first === undefined) return resources;
  const [group, property] = first.path;
  const value = groupOf(request, String(group))?.[String(property)];
  const hint = first.hint === undefined ? '' : `; ${first.hint}`;
  throw new UsageError(`${flagAt(group, property)}: ${first.problem}: got ${quote(String(value))}${hint}`);
}

/**
 * The lines for the container's class of service of Intel RDT; empty where no flag gives one. They are no property of
 * `linux.resources`: a file of those does not replace them.
 *
 * @throws {UsageError} where a value is no such line.
 */
export function schemataOfFlags({ l3CacheSchema, memBwSchema }: Request): string[] {
  const intelRdt = {
    ...(l3CacheSchema === undefined ? {} : { l3CacheSchema }),
    ...(memBwSchema === undefined ? {} : { memBwSchema }),
  };
  const findings = new Findings();
  intelRdtIsWellFormed({ intelRdt }, findings);
  const [first] = findings.errors;
  if (first !== undefined) {
    const flag = first.path.includes('memBwSchema') ? 'memBwSchema' : 'l3CacheSchema';
    throw new UsageError(
      `--${commands.update.flags[flag].name}: ${first.problem}: got ${quote(String(intelRdt[flag]))}`,
    );
  }
  return combinedSchemata(l3CacheSchema, memBwSchema);
}
