/** State directories that are not as they were written: foreign things in them, links in their place. */
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { args } from './harness/config.ts';
import { isAlive, until } from './harness/kernel.ts';
import { type Container, cgroupsNamed, type Lab } from './harness/lab.ts';
import { caller } from './harness/places.ts';
import { describe, expect, test } from './harness/test.ts';

const oneLine = (text: string): boolean => /^[^\n]+\n$/.test(text);

async function running(lab: Lab): Promise<{ container: Container; at: (name: string) => string }> {
  const container = await lab.started([args('pause')]);
  await container.told('pause');
  return { container, at: (name) => join(lab.root, container.id, name) };
}

/** It is gone with all it had. */
async function removed(lab: Lab, container: Container): Promise<void> {
  const result = await container.delete('--force');
  expect([result.code, result.stderr]).toEqual([0, '']);
  await container.ended();
  expect(lab.leftovers()).toEqual([]);
}

describe('a link in the state root', () => {
  /** A directory that looks like a container's, beside the state root; and a link to it under an id. */
  function linked(lab: Lab): { id: string; untouched: () => void } {
    const target = lab.directory('target');
    for (const name of ['state.json', 'config.json', 'intent', 'go', 'reply', 'lock', 'state.json.123', 'marker'])
      writeFileSync(join(target, name), `content of ${name}`);
    mkdirSync(join(target, 'directory'));
    const contents = () =>
      readdirSync(target)
        .sort()
        .map((name) => {
          const stat = statSync(join(target, name));
          return [
            name,
            stat.ino,
            stat.mode,
            stat.mtimeMs,
            stat.isFile() ? readFileSync(join(target, name), 'utf8') : '',
          ];
        });
    const before = contents();
    mkdirSync(lab.root, { recursive: true });
    chownSync(lab.root, caller ?? 0, caller ?? 0);
    const id = lab.id();
    symlinkSync(target, join(lab.root, id));
    return {
      id,
      untouched: () => {
        expect(contents()).toEqual(before);
        expect(readlinkSync(join(lab.root, id))).toBe(target);
      },
    };
  }

  test('is no container for any command, and its target stays as it is', async ({ lab }) => {
    const { id, untouched } = linked(lab);
    for (const argv of [
      ['state', id],
      ['start', id],
      ['kill', id, 'KILL'],
      ['kill', '--all', id, 'KILL'],
      ['delete', id],
    ]) {
      const result = await lab.tsrun(argv);
      expect([argv, result.code, result.stdout]).toEqual([argv, 1, '']);
      expect(result.stderr).toMatch(/^tsrun: .*does not exist.*\n$/);
      untouched();
    }
    const forced = await lab.tsrun(['delete', '--force', id]);
    expect([forced.code, forced.stderr]).toEqual([0, '']);
    untouched();
    unlinkSync(join(lab.root, id));
  });

  test('is not listed', async ({ lab }) => {
    const { id, untouched } = linked(lab);
    const { container } = await running(lab);
    const listed = await lab.tsrun(['list', '-q']);
    expect([listed.code, listed.stdout, listed.stderr]).toEqual([0, `${container.id}\n`, '']);
    untouched();
    unlinkSync(join(lab.root, id));
  });

  test('keeps create from its id', async ({ lab }) => {
    const { id, untouched } = linked(lab);
    const { result } = await lab.tryCreate(lab.bundle(args('pause')), { id });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('exists already');
    untouched();
    unlinkSync(join(lab.root, id));
  });

  test('to the directory of another container reaches that one under no other name', async ({ lab }) => {
    const { container } = await running(lab);
    const id = lab.id();
    symlinkSync(container.id, join(lab.root, id));
    expect((await lab.tsrun(['kill', id, 'KILL'])).code).toBe(1);
    (await lab.tsrun(['delete', '--force', id])).expectCode(0);
    expect((await container.state()).status).toBe('running');
    unlinkSync(join(lab.root, id));
  });
});

describe('something else in the place of the lock', () => {
  test('a directory', async ({ lab }) => {
    const { container, at } = await running(lab);
    unlinkSync(at('lock'));
    mkdirSync(at('lock'));
    (await lab.tsrun(['kill', container.id, 'CONT'])).expectCode(0);
    await removed(lab, container);
  });

  test('a link, whose target stays as it is', async ({ lab }) => {
    for (const existing of [true, false]) {
      const { container, at } = await running(lab);
      const target = lab.path(`target-${existing}`);
      if (existing) writeFileSync(target, 'untouched');
      unlinkSync(at('lock'));
      symlinkSync(target, at('lock'));
      await removed(lab, container);
      expect(existsSync(target)).toBe(existing);
      if (existing) expect(readFileSync(target, 'utf8')).toBe('untouched');
    }
  });
});

test('a directory that is not the runtime’s keeps delete from the rest of the files, not of the processes', async ({
  lab,
}) => {
  const { container, at } = await running(lab);
  mkdirSync(at('foreign'));
  writeFileSync(at('foreign/file'), 'kept');
  const result = await container.delete('--force');
  expect([result.code, oneLine(result.stderr)]).toEqual([1, true]);
  expect(result.stderr).toContain('foreign');
  await container.ended();
  expect(cgroupsNamed(container.id)).toEqual([]);
  expect(readFileSync(at('foreign/file'), 'utf8')).toBe('kept');
  rmSync(at('foreign'), { recursive: true });
  await removed(lab, container);
});

test('a link that is not the runtime’s is named, and its target stays as it is', async ({ lab }) => {
  const { container, at } = await running(lab);
  const target = lab.directory('target');
  writeFileSync(join(target, 'marker'), 'marker');
  symlinkSync(target, at('foreign'));
  const result = await container.delete('--force');
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('foreign');
  await container.ended();
  expect(readdirSync(target)).toEqual(['marker']);
  unlinkSync(at('foreign'));
  await removed(lab, container);
});

test('a regular file in the place of the pipe that init waits at', async ({ lab }) => {
  const container = await lab.create([args('print=never')]);
  const go = join(lab.root, container.id, 'go');
  unlinkSync(go);
  writeFileSync(go, '');
  const started = await lab.tsrun(['start', container.id]);
  expect([started.code, oneLine(started.stderr)]).toEqual([1, true]);
  expect(readFileSync(go, 'utf8')).toBe('');
  expect((await container.state()).status).not.toBe('created');
  await removed(lab, container);
  expect(container.output).toBe('');
});

test('a hook in state.json that is none', async ({ lab }) => {
  const { container, at } = await running(lab);
  for (const broken of [null, {}, 'hook', { path: 1 }]) {
    const state = JSON.parse(readFileSync(at('state.json'), 'utf8')) as { hooks: Record<string, unknown> };
    state.hooks.poststart = [broken];
    writeFileSync(at('state.json'), JSON.stringify(state));
    const asked = await lab.tsrun(['state', container.id]);
    expect([broken, asked.code, oneLine(asked.stderr)]).toEqual([broken, 1, true]);
    expect(asked.stderr).toContain('damaged');
  }
  await removed(lab, container);
});

test('the copy of the configuration: what is not as it was written is validated anew', async ({ lab }) => {
  const { container, at } = await running(lab);
  const copy = readFileSync(at('config.json'), 'utf8');
  const other = (change: (process: Record<string, unknown>) => void): string => {
    const config = JSON.parse(copy) as { process: Record<string, unknown> };
    change(config.process);
    return JSON.stringify(config);
  };
  for (const [content, ...words] of [
    [copy.slice(0, 40), 'damaged', 'config.json:'],
    [other((process) => Object.assign(process, { user: 'root' })), 'damaged', 'process.user'],
    [other((process) => Object.assign(process, { cwd: 'relative' })), 'damaged', 'process.cwd'],
  ] as const) {
    writeFileSync(at('config.json'), content);
    const result = await lab.exec(container, ['env']);
    expect([result.code, oneLine(result.stderr)]).toEqual([255, true]);
    for (const word of words) expect(result.stderr).toContain(word);
  }
  writeFileSync(
    at('config.json'),
    other((process) => Object.assign(process, { env: ['OTHER=1'] })),
  );
  expect((await lab.exec(container, ['env'])).expectCode(0).stdout).toContain('OTHER=1');
  writeFileSync(at('config.json'), copy);
  expect((await lab.exec(container, ['env'])).expectCode(0).stdout).not.toContain('OTHER');
  await removed(lab, container);
});

test('neither the state nor what was noted before is to be read: what tsrun wrote is removed', async ({ lab }) => {
  const { container, at } = await running(lab);
  const [cgroup] = cgroupsNamed(container.id);
  const target = lab.path('target');
  writeFileSync(target, 'untouched');
  writeFileSync(at('state.json'), '{"version":1');
  unlinkSync(at('intent'));
  // A note is the target of a link; this one is a path.
  symlinkSync(target, at('intent'));
  const asked = await lab.tsrun(['state', container.id]);
  expect([asked.code, oneLine(asked.stderr)]).toEqual([1, true]);
  expect((await container.delete('--force')).code).toBe(0);
  expect(existsSync(join(lab.root, container.id))).toBe(false);
  expect(readFileSync(target, 'utf8')).toBe('untouched');
  // Nothing says any more what the process was: it is not killed by a guess.
  expect(isAlive(container.pid)).toBe(true);
  process.kill(container.pid, 'SIGKILL');
  await container.ended();
  await until('the cgroup can go', () => {
    try {
      if (cgroup !== undefined) rmdirSync(cgroup);
      return true;
    } catch {
      return false;
    }
  });
  // The one above it goes with the last container.
  const last = await lab.create([args('pause')]);
  (await last.delete('--force')).expectCode(0);
});
