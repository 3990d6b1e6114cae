/** Memory, and huge pages. */
import { maxUint64, narrow, numberOf, parsePressure, present, table } from './text.ts';
import type { CgroupFiles, CgroupView, HugetlbEntry, MemoryEntry, MemoryStats, Stats } from './types.ts';

/** No limit, nothing used: how readers expect what is not counted. */
const nothing: MemoryEntry = { limit: 0, failcnt: 0 };

function unifiedMemory(files: CgroupFiles, name: 'memory' | 'memory.swap'): MemoryEntry {
  const usage = numberOf(files.read(`${name}.current`));
  if (usage === undefined) return nothing;
  return present<MemoryEntry>({
    limit: numberOf(files.read(`${name}.max`)) ?? 0,
    usage,
    max: numberOf(files.read(`${name}.peak`)),
    // How often the limit was reached, as failcnt of v1 counts it.
    failcnt: table(files.read(`${name}.events`)).get('max') ?? 0,
  });
}

/** v2 counts swap alone; readers expect memory and swap together, as v1 has it. */
function withMemory(swap: MemoryEntry, memory: MemoryEntry): MemoryEntry {
  if (memory === nothing) return nothing;
  const isUnlimited = swap.limit === maxUint64 || memory.limit === maxUint64;
  return {
    limit: isUnlimited ? maxUint64 : narrow(BigInt(swap.limit) + BigInt(memory.limit)),
    usage: narrow(BigInt(swap.usage ?? 0) + BigInt(memory.usage ?? 0)),
    failcnt: swap.failcnt,
  };
}

function legacyMemory(files: CgroupFiles, name: string): MemoryEntry {
  const usage = numberOf(files.read(`${name}.usage_in_bytes`));
  if (usage === undefined) return nothing;
  return present<MemoryEntry>({
    limit: numberOf(files.read(`${name}.limit_in_bytes`)) ?? 0,
    usage,
    max: numberOf(files.read(`${name}.max_usage_in_bytes`)),
    failcnt: numberOf(files.read(`${name}.failcnt`)) ?? 0,
  });
}

export function memoryStats({ unified, v1 }: CgroupView): MemoryStats {
  const legacy = v1.get('memory');
  const raw = table((legacy ?? unified).read('memory.stat'));
  const memory = legacy ? legacyMemory(legacy, 'memory') : unifiedMemory(unified, 'memory');
  return present<MemoryStats>({
    cache: raw.get(legacy ? 'cache' : 'file'),
    usage: memory,
    swap: legacy ? legacyMemory(legacy, 'memory.memsw') : withMemory(unifiedMemory(unified, 'memory.swap'), memory),
    kernel: legacy ? legacyMemory(legacy, 'memory.kmem') : nothing,
    kernelTCP: legacy ? legacyMemory(legacy, 'memory.kmem.tcp') : nothing,
    raw: raw.size > 0 ? Object.fromEntries(raw) : undefined,
    psi: parsePressure(unified.read('memory.pressure')),
  });
}

export function hugetlbStats({ unified, v1 }: CgroupView): Stats['hugetlb'] {
  const legacy = v1.get('hugetlb');
  const files = legacy ?? unified;
  const suffix = legacy ? 'usage_in_bytes' : 'current';
  const stats: Stats['hugetlb'] = {};
  for (const name of [...files.names()].sort()) {
    const size = name.startsWith('hugetlb.') && name.endsWith(`.${suffix}`) ? name.split('.')[1] : undefined;
    if (size === undefined || name !== `hugetlb.${size}.${suffix}`) continue; // hugetlb.2MB.rsvd.current
    const prefix = `hugetlb.${size}`;
    stats[size] = present<HugetlbEntry>({
      usage: numberOf(files.read(name)) ?? 0,
      max: legacy && numberOf(legacy.read(`${prefix}.max_usage_in_bytes`)),
      failcnt:
        (legacy ? numberOf(legacy.read(`${prefix}.failcnt`)) : table(unified.read(`${prefix}.events`)).get('max')) ?? 0,
    });
  }
  return stats;
}
