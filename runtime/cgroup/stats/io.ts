/** Block devices. */
import { numberOf, parsePressure, present } from './text.ts';
import type { BlkioEntry, BlkioStats, CgroupFiles, CgroupView } from './types.ts';

/** The keys of `io.stat`, and what they are in v1's words. */
const ioKeys = [
  ['ioServiceBytesRecursive', { rbytes: 'Read', wbytes: 'Write', dbytes: 'Discard' }],
  ['ioServicedRecursive', { rios: 'Read', wios: 'Write', dios: 'Discard' }],
] as const;

/** Lines such as `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`. */
function unifiedIo(text: string | undefined): BlkioStats {
  const stats: BlkioStats = {};
  for (const line of (text ?? '').split('\n')) {
    const match = /^([0-9]+):([0-9]+) (.*)$/.exec(line);
    if (match === null) continue;
    const values = new Map((match[3] ?? '').split(' ').map((pair) => pair.split('=') as [string, string]));
    const device = { major: numberOf(match[1]) ?? 0, minor: numberOf(match[2]) ?? 0 };
    for (const [list, keys] of ioKeys)
      for (const [key, op] of Object.entries(keys)) {
        const value = numberOf(values.get(key));
        if (value === undefined) continue;
        stats[list] ??= [];
        stats[list].push({ ...device, op, value });
      }
  }
  return stats;
}

/** Lines such as `8:0 Read 1`, `8:0 7` and, at the end, `Total 8`. */
function blkioEntries(text: string | undefined): BlkioEntry[] | undefined {
  const entries: BlkioEntry[] = [];
  for (const line of (text ?? '').split('\n')) {
    const match = /^([0-9]+):([0-9]+) (?:([A-Za-z]+) )?([0-9]+)$/.exec(line);
    if (match === null) continue;
    const [, major, minor, op, value] = match;
    entries.push(
      present<BlkioEntry>({
        major: numberOf(major) ?? 0,
        minor: numberOf(minor) ?? 0,
        op,
        value: numberOf(value) ?? 0,
      }),
    );
  }
  return entries.length > 0 ? entries : undefined;
}

const bfqFiles = [
  ['ioServiceBytesRecursive', 'blkio.bfq.io_service_bytes_recursive'],
  ['ioServicedRecursive', 'blkio.bfq.io_serviced_recursive'],
  ['ioQueueRecursive', 'blkio.bfq.io_queued_recursive'],
  ['ioServiceTimeRecursive', 'blkio.bfq.io_service_time_recursive'],
  ['ioWaitTimeRecursive', 'blkio.bfq.io_wait_time_recursive'],
  ['ioMergedRecursive', 'blkio.bfq.io_merged_recursive'],
  ['ioTimeRecursive', 'blkio.bfq.time_recursive'],
  ['sectorsRecursive', 'blkio.bfq.sectors_recursive'],
] as const;

const throttleFiles = [
  ['ioServiceBytesRecursive', 'blkio.throttle.io_service_bytes_recursive'],
  ['ioServicedRecursive', 'blkio.throttle.io_serviced_recursive'],
] as const;

function legacyIo(files: CgroupFiles): BlkioStats {
  // The BFQ scheduler counts what passes through it; where it is not in use, what passes the throttle is counted.
  for (const group of [bfqFiles, throttleFiles]) {
    const stats: BlkioStats = {};
    for (const [list, file] of group) {
      const entries = blkioEntries(files.read(file));
      if (entries) stats[list] = entries;
    }
    if (Object.keys(stats).length > 0) return stats;
  }
  return {};
}

export function blkioStats({ unified, v1 }: CgroupView): BlkioStats {
  const legacy = v1.get('blkio');
  const psi = parsePressure(unified.read('io.pressure'));
  return { ...(legacy ? legacyIo(legacy) : unifiedIo(unified.read('io.stat'))), ...(psi && { psi }) };
}
