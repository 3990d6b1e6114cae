import type { Cpu } from '../../../spec/config.ts';
import type { Writes } from './writes.ts';

/** config-linux.md, "CPU": `cpus` and `mems`. Both hierarchies have the same two files. */
export function writeCpuset(writes: Writes, { cpus, mems }: Cpu): void {
  // Callers written in Go send '' for "not set".
  if (cpus !== undefined && cpus !== '') writes.add('cpuset', 'cpuset.cpus', cpus, 'cpu.cpus');
  if (mems !== undefined && mems !== '') writes.add('cpuset', 'cpuset.mems', mems, 'cpu.mems');
}
