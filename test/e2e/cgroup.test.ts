/** The container's cgroup: made, entered, removed; and what is never touched. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inV1, isV1, resources } from './harness/cgroups.ts';
import { args, linux, mount, namespace, type Part, withCapabilities, withoutNamespace } from './harness/config.ts';
import { cgroupMount, cgroupOf, isAlive, processes, until } from './harness/kernel.ts';
import type { Container, Lab } from './harness/lab.ts';
import { isTsrun } from './harness/places.ts';
import { call, runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

const strace = '/usr/bin/strace';

const inV2 = (path: string): string => join(cgroupMount, path);

const members = (path: string): number[] =>
  readFileSync(join(inV2(path), 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);

const at = (cgroupsPath: string): Part => linux({ cgroupsPath });

/** A container that may make cgroups of its own, in /cg. */
const ownCgroups: readonly Part[] = [
  namespace('cgroup'),
  withCapabilities('CAP_SYS_ADMIN'),
  mount({ destination: '/cg', type: 'cgroup2', source: 'cgroup2', options: ['rw'] }),
];

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

  test('parents that several share go with the last one, whoever made them; others stay', async ({ lab }) => {
    const [foreign, hierarchy] = [`/${lab.id()}`, isV1('pids') ? [inV2, (path: string) => inV1('pids', path)] : [inV2]];
    const there = (path: string): boolean[] => hierarchy.map((place) => existsSync(place(path)));
    const limits = resources({ pids: { limit: 20 } });
    for (const place of hierarchy) mkdirSync(place(foreign));
    try {
      const containers: Container[] = [];
      for (const name of ['a', 'b/deep', 'b/deeper'])
        containers.push(await lab.create([at(`${foreign}/shared/${name}`), limits, args('pause')]));
      for (const container of containers) {
        expect(there(`${foreign}/shared`)).not.toContain(false);
        (await container.delete('--force')).expectCode(0);
      }
      expect(there(`${foreign}/shared`)).not.toContain(true);
      expect(there(foreign)).not.toContain(false);
    } finally {
      for (const place of hierarchy) rmdirSync(place(foreign));
    }
  });

  test('a parent with a cgroup of somebody else stays', async ({ lab }) => {
    const top = `/${lab.id()}`;
    const first = await lab.create([at(`${top}/a`), args('pause')]);
    const second = await lab.create([at(`${top}/b`), args('pause')]);
    mkdirSync(inV2(`${top}/foreign`));
    try {
      for (const container of [first, second]) (await container.delete('--force')).expectCode(0);
      expect(existsSync(inV2(`${top}/foreign`))).toBe(true);
    } finally {
      rmdirSync(inV2(`${top}/foreign`));
      rmdirSync(inV2(top));
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
      ...ownCgroups,
      args('mkdir=/cg/inner', 'mkdir=/cg/inner/deeper', 'write=/cg/inner/deeper/cgroup.procs=0', 'pause'),
    ]);
    const told = await container.told('pause');
    expect(told.each('mkdir').map(({ errno }) => errno)).toEqual(['', '']);
    const path = cgroupOf(container.pid);
    expect(path).toMatch(/\/inner\/deeper$/);
    (await container.delete('--force')).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('those too whose path is longer than the kernel takes, and what is in them is found', async ({ lab }) => {
    const container = await lab.started([...ownCgroups, args('nest=/cg=20', 'pause')]);
    expect((await container.told('pause')).of('nest')).toMatchObject({ errno: '' });
    expect((await lab.tsrun(['ps', '-f', 'json', container.id])).expectCode(0).json()).toEqual([container.pid]);
    (await container.delete('--force')).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('thousands of them', async ({ lab }) => {
    const container = await lab.started([...ownCgroups, args('fan=/cg=3000', 'nest=/cg/fan7=3', 'pause')]);
    expect((await container.told('pause')).of('fan')).toMatchObject({ errno: '' });
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

describe.runIf(isTsrun && existsSync(strace))('the first process', () => {
  /** The call of `create` that makes it: the engine's own threads are no processes, and newuidmap and the like come after it. */
  async function cloneOf(lab: Lab, ...global: string[]): Promise<string | undefined> {
    const id = lab.id();
    const trace = lab.path('trace');
    const line = runtime(lab.root, ...global, 'create', '--bundle', lab.bundle(args('pause')).dir, id);
    const output = { stdout: lab.path('out'), stderr: lab.path('err') };
    (await call([strace, '-qq', '-o', trace, '-e', 'trace=clone3', ...line], { output })).expectCode(0);
    return readFileSync(trace, 'utf8')
      .split('\n')
      .find((call) => call.startsWith('clone3(') && !call.includes('CLONE_THREAD'));
  }

  test('is born in the cgroup', async ({ lab }) => {
    expect(await cloneOf(lab)).toMatch(/flags=\S*CLONE_INTO_CGROUP.*cgroup=\d+/);
  });

  test('is not, where there is none', async ({ lab }) => {
    const clone = await cloneOf(lab, '--cgroup-manager', 'disabled');
    expect(clone).toContain('clone3(');
    expect(clone).not.toContain('INTO_CGROUP');
  });
});

describe.runIf(isTsrun && existsSync(strace))('create that is killed while it makes cgroups', () => {
  const below = (root: string, name: string): string[] =>
    readdirSync(root)
      .filter((entry) => entry === name)
      .map((entry) => join(root, entry));

  test.for([1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'at directory %i: delete --force leaves no parents of them',
    async (nth, { lab }) => {
      const top = lab.id();
      const limits = isV1('pids') ? resources({ pids: { limit: 20 } }) : [];
      const { dir } = lab.bundle(at(`/${top}/k/x`), ...[limits].flat(), args('pause'));
      const id = lab.id();
      const output = { stdout: lab.path('out'), stderr: lab.path('err') };
      const inject = ['-e', 'trace=mkdir,mkdirat', '-e', `inject=mkdir,mkdirat:signal=SIGKILL:when=${nth}`];
      const { signal } = await call(
        [strace, '-qq', '-o', lab.path('trace'), ...inject, ...runtime(lab.root, 'create', '--bundle', dir, id)],
        {
          output,
        },
      );
      // The state root, the container's directory, and three cgroups at least.
      if (nth <= 5) expect(signal).toBe('SIGKILL');
      await lab.tsrun(['delete', '--force', id]);
      const roots = [cgroupMount, ...(isV1('pids') ? [inV1('pids', '/')] : [])];
      expect(roots.flatMap((root) => below(root, top))).toEqual([]);
    },
  );
});

describe.runIf(isTsrun && existsSync(strace))('delete', () => {
  // systemd removes an empty scope: between two system calls, or within one.
  test.for([
    ['openat', 'ENODEV'],
    ['write', 'ENODEV'],
    ['write', 'ENOENT'],
  ])('of a container whose cgroup goes at the moment it is killed: %s answers %s', async ([name, error], { lab }) => {
    const path = `/${lab.id()}`;
    const container = await lab.started([at(path), args('exit=0')]);
    await container.ended();
    const kill = join(inV2(path), 'cgroup.kill');
    const output = { stdout: lab.path('out'), stderr: lab.path('err') };
    const inject = ['-P', kill, '-e', `trace=${name}`, '-e', `inject=${name}:error=${error}`];
    const result = await call(
      [strace, '-qq', '-o', lab.path('trace'), ...inject, ...runtime(lab.root, 'delete', container.id)],
      { output },
    );
    expect(readFileSync(lab.path('trace'), 'utf8')).toContain(`${error} `);
    expect([result.code, readFileSync(output.stderr, 'utf8')]).toEqual([0, '']);
    expect(existsSync(inV2(path))).toBe(false);
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

  test('one in the place of its own, which somebody removed while it ran', async ({ lab }) => {
    const [path, elsewhere] = [`/${lab.id()}`, `/${lab.id()}`];
    const container = await lab.started([at(path), args('pause')]);
    mkdirSync(inV2(elsewhere));
    try {
      writeFileSync(join(inV2(elsewhere), 'cgroup.procs'), String(container.pid));
      rmdirSync(inV2(path));
      const refused = async (words: RegExp): Promise<void> => {
        const results = [
          await lab.tsrun(['exec', container.id, '/guest', 'exit=0']),
          await lab.tsrun(['pause', container.id]),
          await lab.tsrun(['update', '--pids-limit', '20', container.id]),
        ];
        expect(results.map(({ code }) => code)).toEqual([255, 1, 1]);
        for (const { stderr } of results) expect(stderr).toMatch(words);
      };
      await refused(/the cgroup "\S+" of the container is gone: delete the container/);
      await inhabited(path, async (pid) => {
        await refused(/is gone, and the one that has its name now is not the container’s: delete/);
        expect(members(path)).toEqual([pid]);
        expect(readFileSync(join(inV2(path), 'cgroup.freeze'), 'utf8')).toBe('0\n');
        (await container.delete('--force')).expectCode(0);
      });
      await container.ended();
    } finally {
      rmdirSync(inV2(elsewhere));
    }
  });

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

  test('one of a v1 controller, which an update would need', async ({ lab, skip }) => {
    skip(!isV1('pids'), 'the pids controller is not bound to cgroup v1');
    const path = `/${lab.id()}`;
    const foreign = inV1('pids', path);
    mkdirSync(foreign);
    try {
      const container = await lab.started([at(path), args('pause')]);
      const refused = await lab.tsrun(['update', '--pids-limit', '5', container.id]);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('exists already and tsrun did not')]);
      (await container.delete('--force')).expectCode(0);
      expect(existsSync(foreign)).toBe(true);
      const again = await lab.tryCreate(lab.bundle(at(path), resources({ pids: { limit: 5 } }), args('pause')));
      expect([again.result.code, existsSync(foreign)]).toEqual([1, true]);
    } finally {
      rmdirSync(foreign);
    }
  });

  test('one that was made anew where the container’s has gone', async ({ lab }) => {
    const path = `/${lab.id()}`;
    const container = await lab.started([at(path), args('pause')]);
    await container.told('pause');
    process.kill(container.pid, 'SIGKILL');
    await until('it is gone', () => members(path).length === 0);
    rmdirSync(inV2(path));
    await inhabited(path, async () => {
      expect((await lab.tsrun(['kill', '--all', container.id, 'KILL'])).code).not.toBe(-1);
      expect((await lab.tsrun(['ps', '--format', 'json', container.id])).stdout.trim()).toMatch(/^(\[\]|null)?$/);
      (await container.delete('--force')).expectCode(0);
      expect(existsSync(inV2(path))).toBe(true);
    });
  });

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

test.runIf(isTsrun)(
  'the one that holds the cgroups of all containers is refused, with its place in the file',
  async ({ lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(at('/tsrun'), args('pause')));
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(/config\.json:\d+:\d+: linux\.cgroupsPath: /);
  },
);

describe.runIf(isTsrun)('below the cgroup of another container', () => {
  test.for(['/x', '/deep/er/x'])('%s is refused, for it would end with that one', async (more, { lab }) => {
    const first = await lab.started([args('pause')]);
    await first.told('pause');
    const path = cgroupOf(first.pid);
    const { result, id } = await lab.tryCreate(lab.bundle(at(`${path}${more}`), args('pause')));
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain('linux.cgroupsPath');
    expect(result.stderr).toContain(inV2(path));
    expect(readdirSync(inV2(path), { withFileTypes: true }).filter((entry) => entry.isDirectory())).toEqual([]);
    (await lab.tsrun(['delete', '--force', id])).expectCode(0);
    expect(isAlive(first.pid)).toBe(true);
  });

  test('is refused with limits too', async ({ lab }) => {
    const first = await lab.started([args('pause')]);
    const parts = [at(`${cgroupOf(first.pid)}/x`), resources({ pids: { limit: 5 } }), args('pause')];
    const { result } = await lab.tryCreate(lab.bundle(...parts));
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('of another container')]);
  });

  test('is free once that one is deleted', async ({ lab }) => {
    const path = `/${lab.id()}`;
    const first = await lab.create([at(path), args('pause')]);
    (await first.delete('--force')).expectCode(0);
    const second = await lab.create([at(`${path}/x`), args('pause')]);
    expect(cgroupOf(second.pid)).toBe(`${path}/x`);
  });

  test.runIf(existsSync(strace))('what the one that gave way could not remove goes with the other', async ({ lab }) => {
    const path = `/${lab.id()}`;
    const { dir } = lab.bundle(at(path), args('pause'));
    const output = { stdout: lab.path('out'), stderr: lab.path('err') };
    // Its cgroup is there, and not known as a container's until its mark is made.
    const slowly = [
      '-qq',
      '-o',
      lab.path('trace'),
      '-e',
      'trace=setxattr',
      '-e',
      'inject=setxattr:delay_enter=8s:when=1',
    ];
    const first = call([strace, ...slowly, ...runtime(lab.root, 'create', '--bundle', dir, lab.id())], { output });
    await until('the cgroup is there', () => existsSync(inV2(path)));
    const second = await lab.create([at(`${path}/x`), args('pause')]);
    expect((await first).code).toBe(1);
    expect(readFileSync(output.stderr, 'utf8')).toContain('holds one that was made meanwhile');
    (await second.delete('--force')).expectCode(0);
    expect(existsSync(inV2(path))).toBe(false);
  });

  test('of two that are made at once, one at the most is', async ({ lab }) => {
    for (let round = 0; round < 8; round++) {
      const path = `/${lab.id()}`;
      const tries = await Promise.all(
        [path, `${path}/x`].map((where) => lab.tryCreate(lab.bundle(at(where), args('pause')))),
      );
      const made = tries.filter(({ result }) => result.code === 0);
      expect(made.length, tries.map(({ result }) => result.stderr).join('')).toBeLessThan(2);
      for (const { result } of tries) if (result.code !== 0) expect(result.stderr).toContain('linux.cgroupsPath');
      for (const { id } of tries) (await lab.tsrun(['delete', '--force', id])).expectCode(0);
      expect(existsSync(inV2(path))).toBe(false);
    }
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
