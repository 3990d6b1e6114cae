import { describe, expect, test } from 'vitest';
import { limitFlagsOf, resourcesOfFlags, schemataOfFlags } from '../../../runtime/cgroup/update-request.ts';
import { parse, type RequestOf } from '../../../runtime/cli/parse.ts';
import { UsageError } from '../../../runtime/cli/usage.ts';
import { wordError } from '../../../runtime/errors.ts';
import type { Resources } from '../../../spec/config.ts';

const request = (line: string): RequestOf<'update'> =>
  parse(['update', ...line.split(' ').filter((word) => word !== ''), 'c1']) as RequestOf<'update'>;

const accepted: [string, Resources][] = [
  ['--memory 64M', { memory: { limit: 67_108_864 } }],
  ['--memory 64m', { memory: { limit: 67_108_864 } }],
  ['--memory 64MB', { memory: { limit: 67_108_864 } }],
  ['--memory=64MiB', { memory: { limit: 67_108_864 } }],
  ['--memory 1.5g', { memory: { limit: 1_610_612_736 } }],
  ['--memory 0.0005k', { memory: { limit: 0 } }],
  ['--memory 4096', { memory: { limit: 4096 } }],
  ['--memory 4096b', { memory: { limit: 4096 } }],
  ['--memory -1', { memory: { limit: -1 } }],
  ['--memory 8191P', { memory: { limit: 9_222_246_136_947_933_184n } }],
  ['--memory 9223372036854775807', { memory: { limit: 9_223_372_036_854_775_807n } }],
  ['--memory 9007199254740993', { memory: { limit: 9_007_199_254_740_993n } }],
  ['--memory-swap -1', { memory: { swap: -1 } }],
  [
    '--memory 64M --memory-swap 128M --memory-reservation 32M',
    { memory: { limit: 67_108_864, swap: 134_217_728, reservation: 33_554_432 } },
  ],
  ['--cpu-quota 50000 --cpu-period 100000', { cpu: { quota: 50_000, period: 100_000 } }],
  ['--cpu-quota -1', { cpu: { quota: -1 } }],
  ['--cpu-period 0', { cpu: { period: 0 } }],
  ['--cpu-quota 5000 --cpu-burst 1000', { cpu: { quota: 5000, burst: 1000 } }],
  ['--cpu-share 18446744073709551615', { cpu: { shares: 18_446_744_073_709_551_615n } }],
  ['--cpu-rt-period 1000000 --cpu-rt-runtime 950000', { cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 950_000 } }],
  ['--cpu-rt-runtime -1', { cpu: { realtimeRuntime: -1 } }],
  ['--cpu-idle 1', { cpu: { idle: 1 } }],
  ['--cpuset-cpus 0-3,7 --cpuset-mems 0', { cpu: { cpus: '0-3,7', mems: '0' } }],
  ['--pids-limit 100', { pids: { limit: 100 } }],
  ['--pids-limit -1', { pids: { limit: -1 } }],
  ['--pids-limit 0', { pids: { limit: 0 } }],
  ['--blkio-weight 500', { blockIO: { weight: 500 } }],
  [
    '--blkio-weight 10 --pids-limit 1 --cpu-idle 0 --memory 1M',
    { memory: { limit: 1_048_576 }, cpu: { idle: 0 }, pids: { limit: 1 }, blockIO: { weight: 10 } },
  ],
];

const notASize = '; give bytes, a size such as 64M, or -1 for no limit';
const refused: [string, string][] = [
  ['--memory 64X', `update: --memory: not a size: got "64X"${notASize}`],
  ['--memory -2', `update: --memory: not a size: got "-2"${notASize}`],
  ['--memory=', `update: --memory: not a size: got ""${notASize}`],
  ['--memory 1e9', `update: --memory: not a size: got "1e9"${notASize}`],
  ['--memory 0x10', `update: --memory: not a size: got "0x10"${notASize}`],
  ['--memory 1.2.3', `update: --memory: not a size: got "1.2.3"${notASize}`],
  ['--memory 9223372036854775808', `update: --memory: not a size: got "9223372036854775808"${notASize}`],
  ['--memory 8192P', `update: --memory: not a size: got "8192P"${notASize}`],
  ['--cpu-quota -2', 'update: --cpu-quota: not a whole number from -1 to 9223372036854775807: got "-2"'],
  ['--cpu-quota x', 'update: --cpu-quota: not a whole number from -1 to 9223372036854775807: got "x"'],
  ['--cpu-quota 1.5', 'update: --cpu-quota: not a whole number from -1 to 9223372036854775807: got "1.5"'],
  ['--cpu-period -1', 'update: --cpu-period: not a whole number from 0 to 18446744073709551615: got "-1"'],
  ['--cpu-share +1', 'update: --cpu-share: not a whole number from 0 to 18446744073709551615: got "+1"'],
  ['--cpu-share 010', 'update: --cpu-share: not a whole number from 0 to 18446744073709551615: got "010"'],
  [
    '--cpu-share 18446744073709551616',
    'update: --cpu-share: not a whole number from 0 to 18446744073709551615: got "18446744073709551616"',
  ],
  ['--cpu-idle 2', 'update: --cpu-idle: not a whole number from 0 to 1: got "2"'],
  ['--blkio-weight 9', 'update: --blkio-weight: not a whole number from 10 to 1000: got "9"'],
  ['--pids-limit -2', 'update: --pids-limit: not a whole number from -1 to 9223372036854775807: got "-2"'],
  [
    '--kernel-memory 1M',
    'update: --kernel-memory: Linux has no limit for the memory of the kernel alone any more; use --memory',
  ],
  [
    '--memory 64M --memory-swap 32M',
    '--memory-swap: less than memory.limit 67108864, which it includes: got "33554432"',
  ],
  ['--memory 10', '--memory: less than a page of memory: got "10"; give at least 4096 bytes, or -1 for no limit'],
  ['--cpu-quota 1000 --cpu-burst 2000', '--cpu-burst: greater than the quota 1000: got "2000"'],
  ['--cpuset-cpus zero', '--cpuset-cpus: not a list of numbers: got "zero"; write it as 0-3,7'],
  ['--cpuset-mems 3-1', '--cpuset-mems: not a list of numbers: got "3-1"; write it as 0-3,7'],
];

describe('flags of update', () => {
  test.each(accepted)('%s', (line, resources) => {
    expect(resourcesOfFlags(request(line))).toStrictEqual(resources);
  });

  test.each(refused)('%s: refused', (line, message) => {
    try {
      resourcesOfFlags(request(line));
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect(wordError(error)).toBe(message);
      return;
    }
    throw new Error('accepted');
  });

  test('are named as they are typed', () => {
    expect(limitFlagsOf(request('--resources f'))).toEqual([]);
    expect(limitFlagsOf(request('--memory 1M --cpu-idle 0'))).toEqual(['--cpu-idle', '--memory']);
  });
});

describe('flags of the class of service', () => {
  test.each<[string, string[]]>([
    ['--memory 64M', []],
    ['--l3-cache-schema L3:0=f;1=f', ['L3:0=f;1=f']],
    ['--mem-bw-schema MB:0=50', ['MB:0=50']],
    ['--mem-bw-schema MB:0=50 --l3-cache-schema L3:0=f', ['L3:0=f', 'MB:0=50']],
    ['--mem-bw-schema MB:0=50 --l3-cache-schema L3:0=f\nMB:0=10', ['L3:0=f', 'MB:0=50']],
  ])('%j', (line, lines) => {
    expect(schemataOfFlags(request(line))).toEqual(lines);
    expect(resourcesOfFlags(request(line))).toEqual(line.includes('memory') ? { memory: { limit: 67_108_864 } } : {});
  });

  test.each([
    ['--l3-cache-schema x', '--l3-cache-schema: expected a line such as L3:0=f: got "x"'],
    ['--l3-cache-schema=', 'update: --l3-cache-schema: must not be empty'],
    ['--l3-cache-schema L3:0=f\n', '--l3-cache-schema: expected a line such as L3:0=f: got "L3:0=f\\n"'],
    ['--mem-bw-schema x', '--mem-bw-schema: expected one line, begun with the letters MB and a colon: got "x"'],
    ['--mem-bw-schema=', 'update: --mem-bw-schema: must not be empty'],
  ])('%j: refused', (line, message) => {
    expect(() => schemataOfFlags(request(line))).toThrow(message);
  });
});
