import type { Resources } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';
import { checkNumberList, MAX_CPU, MAX_NODE } from './text.ts';

/** config-linux.md, "Memory": `swap` is memory and swap together. */
export function swapIncludesMemory({ memory }: Resources, findings: Findings, at: Path): void {
  const { limit = 0, swap = 0 } = memory ?? {};
  if (limit > 0 && swap > 0 && swap < limit) {
    findings.error([...at, 'memory', 'swap'], `less than memory.limit ${limit}, which it includes`);
  }
}

/** The smallest page of any machine that tsrun runs on, in bytes. */
const PAGE = 4096;

/**
 * config-linux.md, "Memory": 0 and absent are the same, -1 is no limit. The kernel counts whole pages, and so would take
 * a limit below one for none at all: nothing could start, and an update would end the container.
 */
export function memoryHoldsAPage({ memory }: Resources, findings: Findings, at: Path): void {
  const { limit = 0 } = memory ?? {};
  if (limit > 0 && limit < PAGE)
    findings.error(
      [...at, 'memory', 'limit'],
      'less than a page of memory',
      `give at least ${PAGE} bytes, or -1 for no limit`,
    );
}

/** config-linux.md, "CPU" */
export function cpuIsConsistent({ cpu }: Resources, findings: Findings, at: Path): void {
  const { quota = 0, burst = 0, cpus = '', mems = '' } = cpu ?? {};
  const here = [...at, 'cpu'];
  if (quota < -1) findings.error([...here, 'quota'], 'negative', 'use -1 for no limit');
  if (quota > 0 && burst > quota) findings.error([...here, 'burst'], `greater than the quota ${quota}`);
  if (cpus !== '') checkNumberList(cpus, MAX_CPU, findings, [...here, 'cpus']);
  if (mems !== '') checkNumberList(mems, MAX_NODE, findings, [...here, 'mems']);
}

/** config-linux.md, "Block IO" */
export function blockWeightsAreGiven({ blockIO }: Resources, findings: Findings, at: Path): void {
  blockIO?.weightDevice?.forEach(({ weight, leafWeight }, index) => {
    if (weight !== undefined || leafWeight !== undefined) return;
    findings.errorAt([...at, 'blockIO', 'weightDevice', index], 'needs weight or leafWeight');
  });
}

/** config-linux.md, "Huge page limits": the size becomes part of a file's name. */
export function pageSizesAreSizes({ hugepageLimits }: Resources, findings: Findings, at: Path): void {
  hugepageLimits?.forEach(({ pageSize }, index) => {
    if (/^[1-9][0-9]{0,5}[KMG]B$/.test(pageSize)) return;
    findings.error([...at, 'hugepageLimits', index, 'pageSize'], 'not a size of huge pages', 'expected one like 2MB');
  });
}

/** config-linux.md, "RDMA" */
export function rdmaLimitsAreGiven({ rdma }: Resources, findings: Findings, at: Path): void {
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(rdma ?? {})) {
    const here = [...at, 'rdma', device];
    // The device is the first word of a line written to the cgroup's file.
    if (!/^[A-Za-z0-9_.-]+$/.test(device)) findings.errorAt(here, 'not a name of an RDMA device');
    if (hcaHandles === undefined && hcaObjects === undefined) findings.errorAt(here, 'needs hcaHandles or hcaObjects');
  }
}

/** config-linux.md, "Unified": the key is the name of a file in the cgroup. */
export function unifiedNamesAreFiles({ unified }: Resources, findings: Findings, at: Path): void {
  for (const name of Object.keys(unified ?? {})) {
    if (/^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_-]+)+$/.test(name)) continue;
    findings.errorAt([...at, 'unified', name], 'not a name of a cgroup file', 'expected one like memory.high');
  }
}
