import { expect, test } from 'vitest';
import { restoringValue } from '../../../runtime/cgroup/resources/restore.ts';

test.each<[file: string, value: string, before: string, expected: string]>([
  ['memory.max', '5', 'max\n', 'max'],
  ['cpu.max', '5 6', 'max 100000\n', 'max 100000'],
  ['cpuset.cpus', '0', '\n', '\n'],
  ['memory.oom_control', '1', 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n', '0'],
  ['memory.oom_control', '0', 'oom_kill_disable 1\nunder_oom 0\n', '1'],
  ['io.max', '8:0 rbps=1', '', '8:0 rbps=max wbps=max riops=max wiops=max'],
  [
    'io.max',
    '8:0 rbps=1',
    '8:1 rbps=7 wbps=max riops=max wiops=max\n8:0 rbps=9 wbps=max riops=max wiops=max\n',
    '8:0 rbps=9 wbps=max riops=max wiops=max',
  ],
  ['io.weight', '50', 'default 100\n8:0 20\n', '100'],
  ['io.weight', 'default 50', 'default 100\n', '100'],
  ['io.weight', '8:0 50', 'default 100\n8:0 20\n', '8:0 20'],
  ['io.weight', '8:16 50', 'default 100\n8:0 20\n', '8:16 default'],
  ['io.bfq.weight', '50', '100\n', '100'],
  ['rdma.max', 'mlx hca_handle=1', 'mlx hca_handle=max hca_object=5\n', 'mlx hca_handle=max hca_object=5'],
  ['blkio.throttle.read_bps_device', '8:0 5', '8:16 7\n', '8:0 0'],
  ['net_prio.ifpriomap', 'eth0 5', 'lo 0\neth0 3\n', 'eth0 3'],
])('%s: %j is taken back', (file, value, before, expected) => {
  expect(restoringValue({ file, value }, before)).toBe(expected);
});
