/** Processes that the kernel kills for want of memory. */
import type { Uint64 } from '../../spec/config.ts';
import { table } from './stats/text.ts';
import type { CgroupView } from './stats/types.ts';

/** How many processes of the container were killed for want of memory; undefined where nobody counts. */
export function oomKills({ unified, v1 }: CgroupView): Uint64 | undefined {
  const legacy = v1.get('memory');
  return table(legacy ? legacy.read('memory.oom_control') : unified.read('memory.events')).get('oom_kill');
}
