/** The class of service of Intel RDT that a container's processes are in. config-linux.md, "IntelRdt" */
import type { Config } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';

/** What is made and written in the resctrl file system. */
export interface RdtPlan {
  /** The directory of the class of service. */
  readonly group: string;
  /** What becomes of a group that is missing: it is made, or that is an error. */
  readonly missing: 'make' | 'refuse';
  /** Whether the group is the container's alone, so that it goes with it. */
  readonly isOwn: boolean;
  /** Lines that a group which is there already must have. */
  readonly expected: readonly string[];
  /** Lines for `schemata`, in their order. */
  readonly schemata: readonly string[];
  /** The directory of a monitoring group of the container's own. */
  readonly monitor?: string;
}

const from = 'linux.intelRdt';

/** `l3CacheSchema` without the lines that `memBwSchema` gives, and that one. */
export function combinedSchemata(l3CacheSchema: string | undefined, memBwSchema: string | undefined): string[] {
  const lines = l3CacheSchema === undefined || l3CacheSchema === '' ? [] : l3CacheSchema.split('\n');
  if (memBwSchema === undefined || memBwSchema === '') return lines;
  return [...lines.filter((line) => !line.startsWith('MB:')), memBwSchema];
}

/**
 * Plans the class of service of container `id`; undefined where none is asked for.
 *
 * @param resctrl Where the resctrl file system is mounted.
 * @throws {TsrunError} `host-unsupported`
 */
export function planRdt(id: string, { linux }: Config, resctrl: string | undefined): RdtPlan | undefined {
  const rdt = linux?.intelRdt;
  // An object without properties asks for a class of service of the container's own, as good as the default one.
  if (!rdt) return undefined;
  if (resctrl === undefined)
    throw new TsrunError(
      'host-unsupported',
      `${from}: no resctrl file system is mounted: where the CPU has RDT, mount -t resctrl resctrl /sys/fs/resctrl`,
    );
  const { closID, l3CacheSchema, memBwSchema, schemata = [], enableMonitoring } = rdt;
  const expected = combinedSchemata(l3CacheSchema, memBwSchema);
  const lines = [...expected, ...schemata];
  const group = closID === '/' ? resctrl : `${resctrl}/${closID || id}`;
  return {
    group,
    missing: !closID || lines.length > 0 ? 'make' : 'refuse',
    isOwn: !closID,
    expected,
    schemata: lines,
    ...(enableMonitoring ? { monitor: `${group}/mon_groups/${id}` } : {}),
  };
}
