/** The container's cgroup: made, entered, removed; and what is never touched. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { args, linux, mount, namespace, type Part, withCapabilities, withoutNamespace } from './harness/config.ts';
import { cgroupMount, cgroupOf, isAlive, processes, until } from './harness/kernel.ts';
import { isTsrun } from './harness/places.ts';
import { call, runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

const inV2 = (path: string): string => join(cgroupMount, path);

const members = (path: string): number[] =>
  readFileSync(join(inV2(path), 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);

const at = (cgroupsPath: string): Part => linux({ cgroupsPath });

describe('its own', () => {
  test('is made for it, holds all its processes, and goes with it', async ({ lab }) => {
    const container = await lab.started([args('children=2', 'read=/proc/self/cgroup', 'pause')]);
    const told = await container.told('pause');
    const path = cgroupOf(container.pid);
    expect(path).not.toBe('/');
    expect(path).toContain(container.id);
    expect(members(path)).toContain(container.pid);
    expect(members(path)).toHaveLength(3);
    expect(told.text('read')).toContain(`0::${path}`);
    (await container.delete('--force')).expectCode(0);
    expect(existsSync(inV2(path))).toBe(false);
  });

  test('is there at create already', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    expect(members(cgroupOf(container.pid))).toEqual([container.pid]);
  });

  test('at the path of the configuration', async ({ lab }) => {
    const path = `/${lab.id()}`;
    const container = await lab.create([at(path), args('pause')]);
    expect(cgroupOf(container.pid)).toBe(path);
    (await container.delete('--force')).expectCode(0);
    expect(existsSync(inV2(path))).toBe(false);
  });

  test('below one that is there, which stays', async ({ lab }) => {
    const parent = `/${lab.id()}`;
    mkdirSync(inV2(parent));
    try {
      const container = await lab.create([at(`${parent}/leaf`), args('pause')]);
      expect(cgroupOf(container.pid)).toBe(`${parent}/leaf`);
      (await container.delete('--force')).expectCode(0);
      expect(existsSync(inV2(`${parent}/leaf`))).toBe(false);
      expect(existsSync(inV2(parent))).toBe(true);
    } finally {
      rmdirSync(inV2(parent));
    }
  });

  test('a relative path', async ({ lab }) => {
    const name = lab.id();
    const container = await lab.create([at(`${name}`), args('pause')]);
    expect(cgroupOf(container.pid)).toContain(name);
    expect(cgroupOf(container.pid)).not.toBe('/');
  });

  test('cgroups that the container made go too', async ({ lab }) => {
    const container = await lab.started([
      namespace('cgroup'),
      withCapabilities('CAP_SYS_ADMIN'),
      mount({ destination: '/cg', type: 'cgroup2', source: 'cgroup2', options: ['rw'] }),
      args('mkdir=/cg/inner', 'mkdir=/cg/inner/deeper', 'write=/cg/inner/deeper/cgroup.procs=0', 'pause'),
    ]);
    const told = await container.told('pause');
    expect(told.each('mkdir').map(({ errno }) => errno)).toEqual(['', '']);
    const path = cgroupOf(container.pid);
    expect(path).toMatch(/\/inner\/deeper$/);
    (await container.delete('--force')).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('a frozen container can be killed and deleted', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    const path = cgroupOf(container.pid);
    writeFileSync(join(inV2(path), 'cgroup.freeze'), '1');
    await until('it is frozen', () => /frozen 1/.test(readFileSync(join(inV2(path), 'cgroup.events'), 'utf8')));
    (await container.delete('--force')).expectCode(0);
    expect(isAlive(container.pid)).toBe(false);
    expect(lab.leftovers()).toEqual([]);
  });

  test('it is gone after create fails, at whatever point', async ({ lab }) => {
    const parts: Part[] = [
      (draft) => {
        draft.config.mounts.push({ destination: '/x', type: 'bogusfs', source: 'x' });
      },
      (draft) => {
        draft.config.process.args = ['/no/such/program'];
      },
      linux({ sysctl: { 'net.ipv4.nothing': '1' } }),
    ];
    for (const part of parts) {
      const { result } = await lab.tryCreate(lab.bundle(part));
      expect(result.code).toBe(1);
      expect(lab.leftovers()).toEqual([]);
    }
  });

  test('none, where the manager is disabled', async ({ lab }) => {
    const container = await lab.create([args('pause')], { global: ['--cgroup-manager', 'disabled'] });
    expect(cgroupOf(container.pid)).toBe(cgroupOf('self'));
    expect(lab.leftovers().filter((line) => line.startsWith('cgroup'))).toEqual([]);
    await container.start();
    await container.told('pause');
    (await container.delete('--force')).expectCode(0);
    await container.ended();
  });
});

// A runtime that fails here may kill whatever it finds: others are not tried.
describe.runIf(isTsrun)('another’s is never taken and never killed', () => {
  async function inhabited(path: string, use: (pid: number) => Promise<void>): Promise<void> {
    mkdirSync(inV2(path), { recursive: true });
    const stranger = start(['/bin/sleep', '60']);
    const pid = stranger.pid ?? 0;
    try {
      writeFileSync(join(inV2(path), 'cgroup.procs'), String(pid));
      await use(pid);
      expect(isAlive(pid)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
      await stranger;
      await until('the cgroup is empty', () => members(path).length === 0);
      rmdirSync(inV2(path));
    }
  }

  test('one that is not empty', async ({ lab }) => {
    const path = `/${lab.id()}`;
    await inhabited(path, async (pid) => {
      const { result, id } = await lab.tryCreate(lab.bundle(at(path), args('pause')));
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(path);
      expect(result.stderr).toMatch(/not empty|processes|in use|exists/);
      (await lab.tsrun(['delete', '--force', id])).expectCode(0);
      expect(isAlive(pid)).toBe(true);
      expect(members(path)).toEqual([pid]);
    });
  });

  test('one whose child is not empty', async ({ lab }) => {
    const path = `/${lab.id()}`;
    mkdirSync(inV2(path));
    try {
      await inhabited(`${path}/child`, async () => {
        const { result, id } = await lab.tryCreate(lab.bundle(at(path), args('pause')));
        expect(result.code).toBe(1);
        (await lab.tsrun(['delete', '--force', id])).expectCode(0);
      });
    } finally {
      rmdirSync(inV2(path));
    }
  });

  test('one that was there before, empty, is not removed', async ({ lab }) => {
    const path = `/${lab.id()}`;
    mkdirSync(inV2(path));
    try {
      const { result, id } = await lab.tryCreate(lab.bundle(at(path), args('pause')));
      if (result.code !== 0) expect(result.stderr).toContain(path);
      (await lab.tsrun(['delete', '--force', id])).expectCode(0);
      expect(existsSync(inV2(path))).toBe(true);
    } finally {
      rmdirSync(inV2(path));
    }
  });

  test.for(['/', '//', '/.', '/../..', '..', '/x/../..', '/a/../../b'])(
    '%j: the root or beyond it',
    async (path, { lab }) => {
      const stranger = start(['/bin/sleep', '60']);
      try {
        const { result, id } = await lab.tryCreate(lab.bundle(at(path), args('pause')));
        expect(result.code).toBe(1);
        expect(result.stderr).toContain('cgroupsPath');
        (await lab.tsrun(['delete', '--force', id])).expectCode(0);
        expect(stranger.exitCode).toBe(null);
        // The box's own processes, which a kill of everything would take: its pid 1 and this test's parent.
        expect(processes()).toEqual(expect.arrayContaining([1, process.ppid, stranger.pid]));
      } finally {
        stranger.kill('SIGKILL');
        await stranger;
      }
    },
  );

  test('an ancestor of the caller’s', async ({ lab }) => {
    const outer = `/${lab.id()}`;
    mkdirSync(inV2(`${outer}/inner`), { recursive: true });
    try {
      const { dir } = lab.bundle(at(outer), args('pause'));
      const id = lab.id();
      const line = [
        '/bin/sh',
        '-c',
        `echo $$ > ${inV2(outer)}/inner/cgroup.procs; "$@"; code=$?; "$0" --version > /dev/null; exit $code`,
      ];
      const result = await call([
        ...line,
        ...runtime(lab.root, 'create', '--bundle', dir, id).slice(0, 1),
        ...runtime(lab.root, 'create', '--bundle', dir, id),
      ]);
      expect(result.code).toBe(1);
      expect(result.stderr).toContain('cgroup');
    } finally {
      await until('the caller is gone', () => members(`${outer}/inner`).length === 0);
      rmdirSync(inV2(`${outer}/inner`));
      rmdirSync(inV2(outer));
    }
  });

  test('one of another container', async ({ lab }) => {
    const path = `/${lab.id()}`;
    const first = await lab.started([at(path), args('pause')]);
    await first.told('pause');
    const { result, id } = await lab.tryCreate(lab.bundle(at(path), args('pause')));
    expect(result.code).toBe(1);
    (await lab.tsrun(['delete', '--force', id])).expectCode(0);
    expect(isAlive(first.pid)).toBe(true);
  });
});

describe('what delete --force must not touch', () => {
  test('a process of the machine whose pid stands in a damaged state', async ({ lab }) => {
    const container = await lab.started([args('exit=0')]);
    await container.ended();
    const stranger = start(['/bin/sleep', '60']);
    try {
      const walk = (dir: string): void => {
        for (const entry of readdirSync(dir, { withFileTypes: true })) {
          const path = join(dir, entry.name);
          if (entry.isDirectory()) walk(path);
          else if (entry.isFile()) {
            const text = readFileSync(path, 'latin1');
            writeFileSync(
              path,
              text.replaceAll(new RegExp(`\\b${container.pid}\\b`, 'g'), String(stranger.pid)),
              'latin1',
            );
          }
        }
      };
      walk(lab.root);
      const state = await lab.tsrun(['state', container.id]);
      if (state.code === 0) expect(state.json()).toMatchObject({ status: 'stopped' });
      await lab.tsrun(['kill', container.id, 'KILL']);
      await lab.tsrun(['delete', '--force', container.id]);
      expect(stranger.exitCode).toBe(null);
      expect(isAlive(stranger.pid ?? 0)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
      await stranger;
    }
  });

  test('--systemd-cgroup without systemd is refused by name', async ({ lab, skip }) => {
    skip(existsSync('/run/systemd/system'), 'systemd runs here');
    const { result } = await lab.tryCreate(lab.bundle(args('pause')), { global: ['--systemd-cgroup'] });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/systemd/);
    expect(lab.leftovers()).toEqual([]);
  });
});

test('kill --all without a pid namespace reaches what moved to a session of its own', async ({ lab }) => {
  const container = await lab.started([withoutNamespace('pid'), args('daemon=/one', 'daemon=/two', 'pause')]);
  await container.told('pause');
  const pids = ['one', 'two'].map((name) => Number(readFileSync(join(container.bundle.rootfs, name), 'utf8')));
  (await lab.tsrun(['kill', '--all', container.id, '9'])).expectCode(0);
  await until('all are gone', () => [container.pid, ...pids].every((pid) => !isAlive(pid)));
});
