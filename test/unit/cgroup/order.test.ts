/** The order of writes, judged by a model of what the kernel accepts: from any state, each write must be legal. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { restoringValue } from '../../../runtime/cgroup/resources/restore.ts';
import { type CgroupWrite, type ControllerFacts, resourceWrites } from '../../../runtime/cgroup/resources.ts';
import type { Resources } from '../../../spec/config.ts';

const v1: ControllerFacts = {
  unified: new Set(),
  v1: new Map([
    ['memory', '/m'],
    ['cpu', '/c'],
  ]),
};
const v2: ControllerFacts = { unified: new Set(['memory', 'cpu']), v1: new Map() };

type Files = Map<string, string>;
const unlimited = 2n ** 63n - 4096n;

const number = (text = '0'): bigint => (/^(?:-1|max)$/.test(text) ? unlimited : BigInt(text));

/** What must hold after every write, with a parent that allows a whole CPU. */
function isLegal(files: Files): boolean {
  if (files.has('memory.memsw.limit_in_bytes'))
    if (number(files.get('memory.limit_in_bytes')) > number(files.get('memory.memsw.limit_in_bytes'))) return false;
  const [v2Quota, v2Period] = files.get('cpu.max')?.split(' ') ?? [];
  const quota = number(v2Quota ?? files.get('cpu.cfs_quota_us'));
  const period = number(v2Period ?? files.get('cpu.cfs_period_us'));
  const burst = number(files.get('cpu.max.burst') ?? files.get('cpu.cfs_burst_us'));
  return quota === unlimited || (burst <= quota && quota <= period);
}

/** Writes in order; each earlier value is kept, and at the end all are taken back in reverse. */
function apply(files: Files, writes: readonly CgroupWrite[]): Files {
  const undo: { file: string; value: string }[] = [];
  const write = (file: string, value: string): void => {
    files.set(file, value);
    expect([file, value, isLegal(files)]).toEqual([file, value, true]);
  };
  for (const { file, value } of writes) {
    undo.unshift({ file, value: restoringValue({ file, value }, `${files.get(file) ?? ''}\n`) });
    write(file, value);
  }
  const result = new Map(files);
  for (const { file, value } of undo) write(file, value);
  return result;
}

const limit = fc.oneof(fc.constant(-1n), fc.bigInt({ min: 1n, max: 1000n }));
/** Legal pairs of a limit and the total that includes it. */
const memory = fc
  .tuple(limit, limit)
  .filter(([limit, total]) => total < 0n || (limit > 0n && total >= limit))
  .map(([limit, swap]) => ({ limit, swap }));
/** Legal triples with at most one CPU. */
const bandwidth = fc
  .tuple(
    fc.bigInt({ min: 1000n, max: 9000n }),
    fc.bigInt({ min: 1000n, max: 9000n }),
    fc.bigInt({ min: 0n, max: 9000n }),
  )
  .filter(([quota, period, burst]) => quota <= period && burst <= quota)
  .map(([quota, period, burst]) => ({ quota, period, burst }));

function update(resources: Resources, facts: ControllerFacts, files: Files): Files {
  const present = new Map(files);
  const { writes } = resourceWrites(resources, facts, (_, file) => `${present.get(file)}\n`);
  const result = apply(files, writes);
  expect(files).toEqual(present);
  return result;
}

test('v1: limits of memory move from anywhere to anywhere, and back', () => {
  fc.assert(
    fc.property(memory, memory, (before, after) => {
      const files = new Map([
        ['memory.limit_in_bytes', String(number(`${before.limit}`))],
        ['memory.memsw.limit_in_bytes', String(number(`${before.swap}`))],
      ]);
      const result = update({ memory: after }, v1, files);
      expect(number(result.get('memory.limit_in_bytes'))).toBe(number(`${after.limit}`));
      expect(number(result.get('memory.memsw.limit_in_bytes'))).toBe(number(`${after.swap}`));
    }),
  );
});

test('v1: quota, period and burst move from anywhere to anywhere, and back', () => {
  fc.assert(
    fc.property(bandwidth, bandwidth, (before, after) => {
      const files = new Map([
        ['cpu.cfs_quota_us', `${before.quota}`],
        ['cpu.cfs_period_us', `${before.period}`],
        ['cpu.cfs_burst_us', `${before.burst}`],
      ]);
      expect(update({ cpu: after }, v1, files)).toEqual(
        new Map([
          ['cpu.cfs_quota_us', `${after.quota}`],
          ['cpu.cfs_period_us', `${after.period}`],
          ['cpu.cfs_burst_us', `${after.burst}`],
        ]),
      );
    }),
  );
});

test('v2: quota, period and burst move from anywhere to anywhere, and back', () => {
  fc.assert(
    fc.property(bandwidth, bandwidth, (before, after) => {
      const files = new Map([
        ['cpu.max', `${before.quota} ${before.period}`],
        ['cpu.max.burst', `${before.burst}`],
      ]);
      expect(update({ cpu: after }, v2, files)).toEqual(
        new Map([
          ['cpu.max', `${after.quota} ${after.period}`],
          ['cpu.max.burst', `${after.burst}`],
        ]),
      );
    }),
  );
});

test('v2: swap alone is the total without the memory', () => {
  fc.assert(
    fc.property(memory, memory, (before, after) => {
      const files = new Map([
        ['memory.max', before.limit < 0n ? 'max' : `${before.limit}`],
        ['memory.swap.max', 'max'],
      ]);
      const result = update({ memory: after }, v2, files);
      if (after.swap < 0n) expect(result.get('memory.swap.max')).toBe('max');
      else expect(number(result.get('memory.max')) + number(result.get('memory.swap.max'))).toBe(after.swap);
    }),
  );
});
