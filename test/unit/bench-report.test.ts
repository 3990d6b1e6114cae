import { expect, it } from 'vitest';
import { median, parseSamples, renderTable, rowOf } from '../bench/report.ts';

const lines = [
  // A slow round: both halves take twice as long, and the ratio stays.
  '0 run tsrun 2000000',
  '0 run crun 1000000',
  '1 run crun 2000000',
  '1 run tsrun 4000000',
  '2 run tsrun 9000000',
  '2 run crun 3000000',
  '0 state crun 3000000',
  '0 state tsrun 12000000',
  'failed run runc',
  '',
].join('\n');

const { samples, failed } = parseSamples(lines);

it('takes the middle, or the mean of the two', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

it('compares within rounds', () => {
  const row = rowOf('run', samples, failed);
  expect(row.figures.map(({ runtime, median, ratio }) => [runtime, median, ratio])).toEqual([
    ['tsrun', 4, undefined],
    ['crun', 2, 2],
  ]);
  expect(row.figures[0]).toMatchObject({ best: 2, p90: 9, samples: 3 });
  expect(row.failed).toEqual(['runc']);
});

it('shows what failed, what was not measured and which aims are met', () => {
  const table = renderTable(['run', 'state'].map((scenario) => rowOf(scenario, samples, failed)));
  expect(table.split('\n')).toEqual([
    'median, ms  tsrun  crun    runc  ÷ crun  ÷ runc',
    'run          4.00  2.00  failed    2.00       -',
    'state       12.00  3.00       -    4.00       -',
    '',
    "aim missed: state takes 4.00 × crun's time (at most 3)",
    "aim met: run takes 2.00 × crun's time (at most 2)",
  ]);
});

it('compares two scenarios of tsrun within rounds', () => {
  const own = parseSamples(
    [
      '0 create tsrun 10',
      '0 create-profiled tsrun 12',
      '0 create-profiled crun 3',
      '1 create tsrun 40',
      '1 create-profiled tsrun 42',
      '2 create tsrun 10',
      '2 create-profiled tsrun 10',
    ].join('\n'),
  ).samples;
  const rows = ['create', 'create-profiled'].map((scenario) => rowOf(scenario, own, new Map()));
  expect(rows.map(({ ownRatio }) => ownRatio)).toEqual([undefined, 1.05]);
  expect(renderTable(rows)).toContain(
    "aim met: create with podman's seccomp profile takes 1.05 × the time of create (at most 1.1)",
  );
});
