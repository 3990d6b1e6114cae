/** Intel RDT, of which no test machine has the hardware: `update` on a tree of files that looks like resctrl. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cgroups } from './harness/cgroups.ts';
import { args, linux } from './harness/config.ts';
import type { Container, Lab } from './harness/lab.ts';
import { describe, expect, test } from './harness/test.ts';

const before = '    L3:0=ff;1=ff\n    MB:0= 90\n';

/** A container that is told to be in a class of service. */
async function classed(lab: Lab): Promise<{ container: Container; schemata: () => string }> {
  const container = await lab.create([args('pause')]);
  const group = lab.directory('gold');
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, 'schemata'), before, { mode: 0o666 });
  const path = join(lab.root, container.id, 'state.json');
  const state = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...state, rdt: { tasks: [join(group, 'tasks')], directories: [] } }));
  return { container, schemata: () => readFileSync(join(group, 'schemata'), 'utf8') };
}

describe('update', () => {
  test.for<[string[], string]>([
    [['--l3-cache-schema', 'L3:0=f'], 'L3:0=f\n'],
    [['--mem-bw-schema', 'MB:0=50'], 'MB:0=50\n'],
  ])('%j writes to the schemata', async ([flags, written], { lab }) => {
    const { container, schemata } = await classed(lab);
    (await lab.tsrun(['update', ...flags, container.id])).expectCode(0);
    // A file of resctrl would keep one line for each resource; this one is written over from its start.
    expect(schemata()).toBe(written + before.slice(written.length));
  });

  test('of both, beside a file of limits, which does not replace them', async ({ lab }) => {
    const { container, schemata } = await classed(lab);
    const schema = ['--l3-cache-schema', 'L3:0=1', '--mem-bw-schema', 'MB:0=50'];
    const limits = JSON.stringify({ pids: { limit: 77 } });
    (await lab.tsrun(['update', ...schema, '--resources', '-', container.id], { input: limits })).expectCode(0);
    expect(schemata()).toMatch(/^MB:0=50\n/);
    expect(new Cgroups(container.pid).read('pids.max')).toBe('77');
  });

  test('takes them back where the limits beside them cannot be set', async ({ lab }) => {
    const { container, schemata } = await classed(lab);
    const argv = ['update', '--l3-cache-schema', 'L3:0=1', '--cpuset-cpus', '8191', container.id];
    const result = await lab.tsrun(argv);
    expect([result.code, result.stderr]).toEqual([1, expect.stringMatching(/^tsrun: [^\n]*cpus[^\n]*\n$/)]);
    expect(schemata()).toMatch(/^L3:0=ff;1=ff\n/);
  });

  test('of a container without a class of service is refused', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const result = await lab.tsrun(['update', '--mem-bw-schema', 'MB:0=50', container.id]);
    expect([result.code, result.stderr]).toEqual([
      1,
      expect.stringMatching(/no class of service of Intel RDT to change: it was made without linux\.intelRdt\n$/),
    ]);
  });
});

test.for([{}, { closID: 'x' }])('%j on a host without resctrl is refused', async (intelRdt, { lab }) => {
  const { result } = await lab.tryCreate(lab.bundle(linux({ intelRdt } as object)));
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/linux\.intelRdt: no resctrl file system is mounted/);
  expect(lab.leftovers()).toEqual([]);
});
