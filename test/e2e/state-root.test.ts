/** The directory with the state of all containers: the caller's own, or it is refused. */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Lab } from './harness/lab.ts';
import { caller } from './harness/places.ts';
import { describe, expect, test } from './harness/test.ts';

const own = caller ?? 0;
const stranger = own + 1;

/** A state root that is there already. */
function made(lab: Lab, mode: number, uid: number, gid: number): void {
  mkdirSync(lab.root);
  chownSync(lab.root, uid, gid);
  chmodSync(lab.root, mode);
}

describe('a state root that is there', () => {
  test.for([
    ['the caller’s alone', 0o700, own],
    ['others may look at', 0o755, own],
    ['the caller’s own group may write', 0o775, own],
  ] as const)('%s: is used', async ([, mode, gid], { lab }) => {
    made(lab, mode, own, gid);
    (await lab.tsrun(['run', '--bundle', lab.bundle().dir, lab.id()])).expectCode(0);
    expect((await lab.tsrun(['list', '--quiet'])).expectCode(0).stdout).toBe('');
  });

  const rows: readonly (readonly [what: string, mode: number, uid: number, gid: number, said: RegExp])[] = [
    ['somebody else’s', 0o755, stranger, own, /belongs to uid \d+, and the caller is uid \d+: give another directory/],
    ['everybody may write', 0o707, own, own, /others may write there \(mode 0707\): chmod go-w /],
    ['everybody may write, like /tmp', 0o1777, own, own, /others may write there \(mode 1777\)/],
    ['another group may write', 0o770, own, stranger, /others may write there \(mode 0770\)/],
  ];
  test.for(rows)('%s: is refused', async ([, mode, uid, gid, said], { lab }) => {
    made(lab, mode, uid, gid);
    const { dir } = lab.bundle();
    for (const [status, ...argv] of [
      [1, 'run', '--bundle', dir, 'x'],
      [1, 'create', '--bundle', dir, 'x'],
      [1, 'sandbox', '--', 'true'],
      [1, 'list'],
      [1, 'state', 'x'],
      [1, 'kill', 'x'],
      [1, 'delete', '--force', 'x'],
      [255, 'exec', 'x', 'true'],
    ] as const) {
      const result = await lab.tsrun(argv);
      expect([result.code, result.stdout]).toEqual([status, '']);
      expect(result.stderr).toMatch(said);
      expect(result.stderr).toMatch(/^tsrun: use the state directory "[^\n]*--root or XDG_RUNTIME_DIR\n$/);
    }
    expect(readdirSync(lab.root)).toEqual([]);
  });

  test('no directory: is refused', async ({ lab }) => {
    writeFileSync(lab.root, '');
    const result = await lab.tsrun(['list']);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(/^tsrun: use the state directory "[^\n]*": it is no directory: [^\n]*\n$/);
    rmSync(lab.root);
  });

  test('not yet: is made for the caller alone by who makes a container, and by nobody else', async ({ lab }) => {
    expect((await lab.tsrun(['list', '--quiet'])).expectCode(0).stdout).toBe('');
    expect(existsSync(lab.root)).toBe(false);
  });
});
