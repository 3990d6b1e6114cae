import type { Rdma } from '../../../spec/config.ts';
import type { Writes } from './writes.ts';

/** config-linux.md, "RDMA". Both hierarchies have the same file, a line for each device. */
export function writeRdma(writes: Writes, rdma: Readonly<Record<string, Rdma>>): void {
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(rdma)) {
    const words = [device];
    if (hcaHandles !== undefined) words.push(`hca_handle=${hcaHandles}`);
    if (hcaObjects !== undefined) words.push(`hca_object=${hcaObjects}`);
    writes.add('rdma', 'rdma.max', words.join(' '), `rdma.${device}`);
  }
}
