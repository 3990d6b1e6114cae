/** What to write to a file of a cgroup so that it says again what was read from it. */
import type { FileValue } from './writes.ts';

/** Files with a line for each device or interface, and what a line says where nothing is set for it. */
const unset: Readonly<Record<string, string>> = {
  'io.max': 'rbps=max wbps=max riops=max wiops=max',
  'io.weight': 'default',
  'io.bfq.weight': 'default',
  'io.latency': 'target=0',
  'rdma.max': 'hca_handle=max hca_object=max',
  'misc.max': 'max',
  'dmem.max': 'max',
  'dmem.min': '0',
  'dmem.low': '0',
  'blkio.weight_device': 'default',
  'blkio.bfq.weight_device': 'default',
  'blkio.throttle.read_bps_device': '0',
  'blkio.throttle.write_bps_device': '0',
  'blkio.throttle.read_iops_device': '0',
  'blkio.throttle.write_iops_device': '0',
  'net_prio.ifpriomap': '0',
};

/** The value that takes back a write, given the text of the file before it: a file does not take all that it shows. */
export function restoringValue({ file, value }: FileValue, before: string): string {
  const lines = before.split('\n').filter((line) => line.trim() !== '');
  // Shown among other facts.
  if (file === 'memory.oom_control') return /^oom_kill_disable ([01])$/m.exec(before)?.[1] ?? '0';
  const nothing = unset[file];
  // A write of no bytes never reaches the kernel's parser.
  if (nothing === undefined) return lines[0]?.trim() ?? '\n';
  return lineBefore(lines, value.trim().split(/\s+/), nothing);
}

function lineBefore(lines: readonly string[], [key = '', ...rest]: readonly string[], nothing: string): string {
  // A weight alone, without a device, is the default of all; it is shown with that word and written without.
  const isDefault = rest.length === 0 || key === 'default';
  const wanted = isDefault ? 'default' : key;
  const line = lines.find((line) => line.split(/\s+/)[0] === wanted);
  if (!isDefault) return line?.trim() ?? `${key} ${nothing}`;
  const shown = (line ?? lines[0] ?? '').replace(/^default\s+/, '').trim();
  return shown === '' ? '\n' : shown;
}
