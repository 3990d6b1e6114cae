/** Intel RDT, on a tree of files that looks like resctrl: what is written where. No test machine has the hardware. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { planRdt } from '../../runtime/plan/rdt.ts';
import { changeSchemata, enterRdt, makeRdt, removeRdt, type StoredRdt } from '../../runtime/rdt.ts';
import { Undo } from '../../runtime/undo.ts';
import type { Config, IntelRdt } from '../../spec/config.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsrun-resctrl-'));
  for (const name of ['schemata', 'tasks']) writeFileSync(join(root, name), '');
});
afterEach(() => rmSync(root, { recursive: true }));

/** A group as the kernel makes it: a directory that has its files at once. */
function group(name: string, schemata = ''): void {
  mkdirSync(join(root, name, 'mon_groups'), { recursive: true });
  writeFileSync(join(root, name, 'schemata'), schemata);
  writeFileSync(join(root, name, 'tasks'), '');
}

const config = (intelRdt: IntelRdt): Config => ({
  ociVersion: '1.3.0',
  root: { path: 'rootfs' },
  process: { args: ['x'], cwd: '/', user: { uid: 0, gid: 0 } },
  linux: { intelRdt },
});
const planned = (rdt: IntelRdt) => {
  const plan = planRdt('c1', config(rdt), root);
  if (!plan) throw new Error('no plan');
  return plan;
};
const text = (...names: string[]): string => readFileSync(join(root, ...names), 'utf8');

describe('what is planned', () => {
  test.each<[string, IntelRdt, string[]]>([
    ['both', { l3CacheSchema: 'L3:0=f', memBwSchema: 'MB:0=50' }, ['L3:0=f', 'MB:0=50']],
    [
      'MB in the first is replaced',
      { l3CacheSchema: 'MB:0=10\nL3:0=f', memBwSchema: 'MB:0=50' },
      ['L3:0=f', 'MB:0=50'],
    ],
    ['MB in the first alone stays', { l3CacheSchema: 'L3:0=f\nMB:0=10' }, ['L3:0=f', 'MB:0=10']],
    [
      'schemata come last',
      { memBwSchema: 'MB:0=50', schemata: ['L2:0=3', 'MB:0=60'] },
      ['MB:0=50', 'L2:0=3', 'MB:0=60'],
    ],
    ['nothing', { closID: 'x' }, []],
  ])('%s', (_, rdt, lines) => {
    expect(planned(rdt).schemata).toEqual(lines);
  });

  test('a host without resctrl', () => {
    expect(() => planRdt('c1', config({ closID: 'x' }), undefined)).toThrow(
      /linux\.intelRdt: no resctrl file system is mounted/,
    );
    expect(() => planRdt('c1', config({}), undefined)).toThrow(/no resctrl file system is mounted/);
  });

  test('an object without properties: a group of the container’s own, to which nothing is written', () => {
    expect(planned({})).toEqual({
      group: `${root}/c1`,
      missing: 'make',
      isOwn: true,
      expected: [],
      schemata: [],
    });
    expect(planRdt('c1', { ...config({}), linux: {} }, root)).toBeUndefined();
  });
});

describe('what is done', () => {
  test('a group that is there gets the process, and nothing is written or removed', () => {
    group('gold', '    L3:0=ff\n');
    const noted: StoredRdt[] = [];
    const stored = makeRdt(planned({ closID: 'gold' }), new Undo(), (rdt) => noted.push(rdt));
    enterRdt(stored, 42);
    removeRdt(stored);
    expect(noted).toEqual([stored]);
    expect([text('gold', 'tasks'), text('gold', 'schemata')]).toEqual(['42', '    L3:0=ff\n']);
    expect(stored.directories).toEqual([]);
  });

  test('the default class', () => {
    enterRdt(
      makeRdt(planned({ closID: '/' }), new Undo(), () => undefined),
      7,
    );
    expect(text('tasks')).toBe('7');
  });

  test('without a closID a group of the container’s own, which goes with it', () => {
    const stored = makeRdt(planned({ enableMonitoring: false }), new Undo(), () => undefined);
    expect(existsSync(join(root, 'c1'))).toBe(true);
    expect(stored).toEqual({ tasks: [`${root}/c1/tasks`], directories: [`${root}/c1`] });
    removeRdt(stored);
    expect(existsSync(join(root, 'c1'))).toBe(false);
  });

  test('a failure takes back what was made', () => {
    const undo = new Undo();
    // A directory of a real file system has no file schemata, and one is never made by writing.
    expect(() => makeRdt(planned({ closID: 'new', memBwSchema: 'MB:0=50' }), undo, () => undefined)).toThrow(
      /linux\.intelRdt: write .*schemata/,
    );
    undo.run(new Error('x'));
    expect(existsSync(join(root, 'new'))).toBe(false);
  });

  test('a group that is there must be what is asked for; blanks do not count', () => {
    group('gold', '    L3:0=ff;1=0f\n  MB:0=50\n');
    makeRdt(planned({ closID: 'gold', l3CacheSchema: 'L3:0=ff;1=0f' }), new Undo(), () => undefined);
    expect(text('gold', 'schemata')).toContain('L3:0=ff');
    expect(() => makeRdt(planned({ closID: 'gold', memBwSchema: 'MB:0=70' }), new Undo(), () => undefined)).toThrow(
      /is there already, and has not "MB:0=70"/,
    );
  });

  test.each([
    ['L3:0=ff', true],
    ['L3:1=f', true],
    ['L3:1=0F;0=0ff', true],
    ['L2:0=0', true],
    ['L3:0=fe', false],
    ['L3:2=ff', false],
    ['MB:0=5', false],
    ['SMBA:0=50', false],
  ])('%s is what the group has: %s', (line, isThere) => {
    group('gold', '    L2:0=000\n    L3:0=0ff;1=00f\n    MB:0= 50;1=100\n');
    const make = () => makeRdt(planned({ closID: 'gold', l3CacheSchema: line }), new Undo(), () => undefined);
    if (isThere) make();
    else expect(make).toThrow(/has not/);
  });

  test('without schemata a named group must be there', () => {
    expect(() => makeRdt(planned({ closID: 'none' }), new Undo(), () => undefined)).toThrow(
      /closID: there is no class of service/,
    );
    expect(existsSync(join(root, 'none'))).toBe(false);
  });

  test('monitoring has a group of the container’s own, removed with it', () => {
    group('gold');
    const stored = makeRdt(planned({ closID: 'gold', enableMonitoring: true }), new Undo(), () => undefined);
    expect(stored.tasks).toEqual([`${root}/gold/tasks`, `${root}/gold/mon_groups/c1/tasks`]);
    expect(existsSync(join(root, 'gold/mon_groups/c1'))).toBe(true);
    removeRdt(stored);
    expect(existsSync(join(root, 'gold/mon_groups/c1'))).toBe(false);
    expect(existsSync(join(root, 'gold'))).toBe(true);
  });
});

describe('update', () => {
  const stored = (...names: string[]): StoredRdt => ({ tasks: [join(root, ...names, 'tasks')], directories: [] });
  /** What is in the file then. It is no file of resctrl: each write begins at its start and leaves what is behind. */
  const writes = (use: (rdt: StoredRdt) => void): string => {
    group('c1', '    L3:0=ff;1=ff\n    MB:0=100\n');
    const at = join(root, 'c1/schemata');
    use(stored('c1'));
    return readFileSync(at, 'utf8');
  };

  test('writes to the schemata of the container’s group', () => {
    expect(writes((rdt) => changeSchemata(rdt, ['L3:0=f']))).toMatch(/^L3:0=f\n/);
  });

  test('takes back the lines of what it changed, and no others', () => {
    expect(writes((rdt) => changeSchemata(rdt, ['L3:0=f'])())).toMatch(/^L3:0=ff;1=ff\n/);
  });

  test('a group that has gone is named', () => {
    expect(() => changeSchemata(stored('gone'), ['L3:0=f'])).toThrow(/linux\.intelRdt: read .*gone\/schemata/);
  });
});
