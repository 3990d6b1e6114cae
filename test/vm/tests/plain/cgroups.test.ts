/** The container's cgroup under the cgroupfs driver: where it is, what it needs of those above it, what it shows inside. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { Cgroups, resources } from '../../../e2e/harness/cgroups.ts';
import { args, linux, mount, namespace, type Part, userNamespace } from '../../../e2e/harness/config.ts';
import { cgroupOf, isAlive, until } from '../../../e2e/harness/kernel.ts';
import { cgroupsNamed, type Lab } from '../../../e2e/harness/lab.ts';
import { call, type Result, runtime } from '../../../e2e/harness/runtime.ts';
import { describe, expect, test } from '../../../e2e/harness/test.ts';

const root = '/sys/fs/cgroup';
const strace = '/usr/bin/strace';
const MIB = 1024 * 1024;
const some = { memory: { limit: 64 * MIB }, pids: { limit: 64 } };
const at = (cgroupsPath: string): Part => linux({ cgroupsPath });
const enabled = (path: string): string[] =>
  readFileSync(`${root}${path}/cgroup.subtree_control`, 'utf8').trim().split(' ');

/** A cgroup of the test's own, with what it asks for in it; gone afterwards. */
async function withCgroup(path: string, use: () => Promise<void>): Promise<void> {
  mkdirSync(`${root}${path}`);
  try {
    await use();
  } finally {
    await until('it is empty', () => !readFileSync(`${root}${path}/cgroup.events`, 'utf8').includes('populated 1'));
    rmdirSync(`${root}${path}`);
  }
}

/** A process in a cgroup, that must live on. */
async function withStranger(path: string, use: (stranger: ChildProcess) => Promise<void>): Promise<void> {
  const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const pid = stranger.pid ?? 0;
  try {
    writeFileSync(`${root}${path}/cgroup.procs`, String(pid));
    await use(stranger);
    expect(isAlive(pid)).toBe(true);
  } finally {
    stranger.kill('SIGKILL');
    await until('the stranger is gone', () => !existsSync(`/proc/${pid}`));
  }
}

/** Expects a refusal in one sentence, with nothing left of it. */
function refused(lab: Lab, result: Result, ...words: (string | RegExp)[]): void {
  expect([result.code, result.stdout]).toEqual([1, '']);
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  for (const word of words) expect(result.stderr).toMatch(word);
  expect(lab.leftovers()).toEqual([]);
}

/** Calls `create` through another command line, such as unshare. */
async function createThrough(lab: Lab, line: string[], ...parts: Part[]): Promise<Result> {
  const { dir } = lab.bundle(...parts, args('pause'));
  const id = lab.id();
  const output = { stdout: lab.path(`${id}.o`), stderr: lab.path(`${id}.e`) };
  return call([...line, ...runtime(lab.root, 'create', '--bundle', dir, id)], { output });
}

describe('the owner', () => {
  const hostRoot = 200000;
  const files = (directory: string): Record<string, number> =>
    Object.fromEntries(readdirSync(directory).map((name) => [name, statSync(`${directory}/${name}`).uid]));
  const shown =
    (...options: string[]): Part =>
    (draft) => {
      mkdirSync(`${draft.rootfs}/sys/fs/cgroup`, { recursive: true });
      mount({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options })(draft);
    };

  test('a process in a user namespace divides what it is shown writable, and its limits stay', async ({ lab }) => {
    const container = await lab.started([
      userNamespace(hostRoot),
      namespace('cgroup'),
      shown('rw'),
      resources(some),
      args(
        'mkdir=/sys/fs/cgroup/inner',
        'write=/sys/fs/cgroup/inner/cgroup.procs=0',
        'write=/sys/fs/cgroup/cgroup.subtree_control=+pids',
        'write=/sys/fs/cgroup/pids.max=max',
        'pause',
      ),
    ]);
    const told = await container.told('pause');
    expect(told.each('mkdir').map(({ errno }) => errno)).toEqual(['']);
    expect(told.each('write').map(({ errno }) => errno)).toEqual(['', '', 'EACCES']);
    const directory = `${root}/tsrun/${container.id}`;
    expect(statSync(directory).uid).toBe(hostRoot);
    const { inner, ...own } = files(directory);
    expect(inner).toBe(hostRoot);
    const listed = readFileSync('/sys/kernel/cgroup/delegate', 'utf8').trim().split('\n');
    const given = Object.keys(own).filter((name) => own[name] === hostRoot);
    expect(given.toSorted()).toEqual(listed.filter((name) => name in own).toSorted());
    expect(Object.values(own).filter((uid) => uid !== hostRoot && uid !== 0)).toEqual([]);
    (await lab.exec(container, ['ids'])).expectCode(0);
    (await container.delete('--force')).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('of one that is shown read-only: who made it', async ({ lab }) => {
    const container = await lab.create([userNamespace(hostRoot), namespace('cgroup'), shown(), args('pause')]);
    const directory = `${root}/tsrun/${container.id}`;
    expect(new Set([statSync(directory).uid, ...Object.values(files(directory))])).toEqual(new Set([0]));
  });
});

describe('cgroupsPath', () => {
  test('absent: below /tsrun, with the controllers that are needed', async ({ lab }) => {
    const container = await lab.create([resources(some), args('pause')]);
    expect(cgroupOf(container.pid)).toBe(`/tsrun/${container.id}`);
    for (const path of ['', '/tsrun']) expect(enabled(path)).toEqual(expect.arrayContaining(['memory', 'pids']));
    (await container.delete('--force')).expectCode(0);
    expect(existsSync(`${root}/tsrun/${container.id}`)).toBe(false);
  });

  test('empty: the same', async ({ lab }) => {
    const container = await lab.create([at(''), resources(some), args('pause')]);
    expect(cgroupOf(container.pid)).toBe(`/tsrun/${container.id}`);
  });

  test('relative: below /tsrun, and the directories on the way go too', async ({ lab }) => {
    const id = lab.id();
    const container = await lab.create([at(`pods/${id}/one`), resources(some), args('pause')]);
    expect(cgroupOf(container.pid)).toBe(`/tsrun/pods/${id}/one`);
    expect(enabled(`/tsrun/pods/${id}`)).toEqual(expect.arrayContaining(['memory', 'pids']));
    (await container.delete('--force')).expectCode(0);
    expect(existsSync(`${root}/tsrun/pods`)).toBe(false);
  });

  test('absolute: there', async ({ lab }) => {
    const parent = `/${lab.id()}`;
    await withCgroup(parent, async () => {
      const container = await lab.create([at(`${parent}/leaf`), resources(some), args('pause')]);
      expect(cgroupOf(container.pid)).toBe(`${parent}/leaf`);
      expect(new Cgroups(container.pid).read('pids.max')).toBe('64');
      expect(enabled(parent).sort()).toEqual(['memory', 'pids']);
      (await container.delete('--force')).expectCode(0);
      expect(existsSync(`${root}${parent}/leaf`)).toBe(false);
    });
  });

  test('two containers side by side, the second with other controllers', async ({ lab }) => {
    const parent = `/${lab.id()}`;
    await withCgroup(parent, async () => {
      const first = await lab.create([at(`${parent}/one`), resources({ pids: { limit: 5 } }), args('pause')]);
      const second = await lab.create([at(`${parent}/two`), resources({ cpu: { shares: 512 } }), args('pause')]);
      expect(new Cgroups(first.pid).read('pids.max')).toBe('5');
      expect(new Cgroups(second.pid).read('cpu.weight')).toBe('59');
      for (const container of [first, second]) (await container.delete('--force')).expectCode(0);
    });
  });
});

describe('what is refused', () => {
  test('a parent with processes of its own, where controllers are needed', async ({ lab }) => {
    const parent = `/${lab.id()}`;
    await withCgroup(parent, () =>
      withStranger(parent, async () => {
        const { result } = await lab.tryCreate(lab.bundle(at(`${parent}/new/leaf`), resources(some), args('pause')));
        expect([result.code, result.stdout]).toEqual([1, '']);
        expect(result.stderr).toMatch(
          new RegExp(`linux\\.resources.*(memory|pids).*${parent}/cgroup\\.subtree_control.*has processes of its own`),
        );
        expect(existsSync(`${root}${parent}/new`)).toBe(false);
        // Without limits there is nothing to refuse.
        const container = await lab.create([at(`${parent}/leaf`), args('pause')]);
        (await container.delete('--force')).expectCode(0);
      }),
    );
  });

  test('a controller that the parent does not have', async ({ lab }) => {
    const outer = `/${lab.id()}`;
    await withCgroup(outer, () =>
      withCgroup(`${outer}/inner`, () =>
        withStranger(outer, async () => {
          const path = `${outer}/inner/leaf`;
          const { result } = await lab.tryCreate(lab.bundle(at(path), resources(some), args('pause')));
          expect(result.code).toBe(1);
          expect(result.stderr).toMatch(/linux\.resources.*(memory|pids).*subtree_control/);
          expect(existsSync(`${root}${path}`)).toBe(false);
        }),
      ),
    );
  });

  test('a read-only cgroup file system', async ({ lab }) => {
    const script = `mount -o remount,bind,ro ${root} && exec "$@"`;
    const line = ['/usr/bin/unshare', '--mount', 'sh', '-c', script, '_'];
    refused(lab, await createThrough(lab, line), /cgroup/, /read-only/i);
    refused(lab, await createThrough(lab, line, resources(some)), /cgroup/, /read-only/i);
  });

  test('a cgroup that is not delegated', async ({ lab }) => {
    const parent = `/${lab.id()}`;
    await withCgroup(parent, async () => {
      chownSync(`${root}${parent}`, 2000, 2000);
      // Root that may not pass over owners is anybody.
      const line = ['/usr/bin/setpriv', '--bounding-set=-dac_override,-dac_read_search'];
      const result = await createThrough(lab, line, at(`${parent}/leaf`));
      expect([result.code, result.stdout]).toEqual([1, '']);
      expect(result.stderr).toMatch(/make the cgroup.*Permission denied.*Delegate=yes/);
      expect(existsSync(`${root}${parent}/leaf`)).toBe(false);
    });
  });

  test('no more cgroups allowed', async ({ lab }) => {
    const parent = `/${lab.id()}`;
    await withCgroup(parent, async () => {
      writeFileSync(`${root}${parent}/cgroup.max.descendants`, '0');
      const { result } = await lab.tryCreate(lab.bundle(at(`${parent}/leaf`), args('pause')));
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/make the cgroup.*cgroup\.max\.(descendants|depth)/);
    });
  });

  test('a cgroup of threads', async ({ lab }) => {
    const parent = `/${lab.id()}`;
    await withCgroup(parent, async () => {
      writeFileSync(`${root}${parent}/cgroup.type`, 'threaded');
      const { result } = await lab.tryCreate(lab.bundle(at(`${parent}/leaf`), args('pause')));
      expect([result.code, result.stdout]).toEqual([1, '']);
      expect(result.stderr).toMatch(/linux\.cgroupsPath.*its parent is threaded/);
      expect(existsSync(`${root}${parent}/leaf`)).toBe(false);
    });
  });

  /** Values, and what the sentence says of them. */
  const bad: [string, Record<string, unknown>, ...(string | RegExp)[]][] = [
    ['memory.swap below the limit', { memory: { limit: 64 * MIB, swap: MIB } }, 'linux.resources.memory.swap'],
    ['memory.swap alone', { memory: { swap: 64 * MIB } }, 'linux.resources.memory.swap', 'memory.limit'],
    ['cpu.quota too small', { cpu: { quota: 10 } }, 'linux.resources.cpu.quota', '"10 100000"', 'cpu.max', '(cpu)'],
    ['cpu.period too small', { cpu: { period: 10 } }, 'linux.resources.cpu.period', 'cpu.max', '(cpu)'],
    ['cpu.burst above the quota', { cpu: { quota: 20_000, burst: 30_000 } }, 'linux.resources.cpu.burst'],
    ['cpu.cpus that are not there', { cpu: { cpus: '512' } }, 'linux.resources.cpu.cpus', '"512"', '(cpuset)'],
    ['cpu.mems that are not there', { cpu: { mems: '9' } }, 'linux.resources.cpu.mems', '"9"', '(cpuset)'],
    [
      'blockIO of a disk that is not there',
      { blockIO: { throttleReadBpsDevice: [{ major: 99, minor: 99, rate: 1000 }] } },
      'linux.resources.blockIO.throttleReadBpsDevice[0]',
      'io.max',
      '(io)',
    ],
    [
      'hugepageLimits of no size',
      { hugepageLimits: [{ pageSize: '3MB', limit: 0 }] },
      'linux.resources.hugepageLimits[0]',
    ],
    // What only cgroup v1 has.
    ['memory.swappiness', { memory: { swappiness: 10 } }, 'linux.resources.memory.swappiness', 'cgroup v2'],
    ['memory.disableOOMKiller', { memory: { disableOOMKiller: true } }, 'memory.disableOOMKiller', 'cgroup v2'],
    ['cpu.realtimeRuntime', { cpu: { realtimeRuntime: 1000 } }, 'linux.resources.cpu.realtimeRuntime', 'cgroup v2'],
    ['network.classID', { network: { classID: 7 } }, 'linux.resources.network.classID', 'cgroup v2'],
    [
      'network.priorities',
      { network: { priorities: [{ name: 'lo', priority: 1 }] } },
      'network.priorities[0]',
      'cgroup v2',
    ],
  ];
  test.for(bad)('%s', async ([, limits, ...words], { lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(resources(limits), args('pause')));
    const escaped = words.map((word) => (typeof word === 'string' ? word.replaceAll(/[[\]().]/g, '\\$&') : word));
    refused(lab, result, ...escaped.map((word) => new RegExp(word)));
  });

  test('memory.kernel has no effect, and the warning says so', async ({ lab }) => {
    const result = (
      await lab.run([resources({ memory: { kernel: 16 * MIB } }), args('exit=0')], {
        global: ['--log-level', 'warning'],
      })
    ).expectCode(0);
    expect(result.stderr).toMatch(/warning: linux\.resources\.memory\.kernel: ignored/);
  });
});

describe('inside', () => {
  const mounted = (...options: string[]): Part =>
    mount({
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', ...options],
    });
  const look: Part = args(
    'read=/proc/self/cgroup',
    'read=/sys/fs/cgroup/cgroup.procs',
    'read=/sys/fs/cgroup/pids.max',
    'write=/sys/fs/cgroup/pids.max=7',
    'mkdir=/sys/fs/cgroup/below',
    'stat=/sys/fs/cgroup/tsrun',
  );
  const sys: Part = ({ rootfs }) => mkdirSync(`${rootfs}/sys/fs/cgroup`, { recursive: true });

  test('a cgroup namespace and the mount: its own is the root, and cannot be written', async ({ lab }) => {
    const facts = await lab.facts(namespace('cgroup'), sys, mounted('ro'), resources(some), look);
    expect(facts.text('read', '/proc/self/cgroup')).toBe('0::/\n');
    expect(facts.text('read', '/sys/fs/cgroup/cgroup.procs')).toBe('1\n');
    expect(facts.text('read', '/sys/fs/cgroup/pids.max')).toBe('64\n');
    expect([facts.of('write').errno, facts.of('mkdir').errno]).toEqual(['EROFS', 'EROFS']);
    expect(facts.of('stat').errno).toBe('ENOENT');
  });

  test('it is read-only also where nothing is said', async ({ lab }) => {
    const facts = await lab.facts(namespace('cgroup'), sys, mounted(), resources(some), look);
    expect([facts.of('write').errno, facts.of('mkdir').errno]).toEqual(['EROFS', 'EROFS']);
  });

  test('it is writable when asked, yet its own limits stay out of reach', async ({ lab }) => {
    const facts = await lab.facts(namespace('cgroup'), sys, mounted('rw'), resources(some), look);
    // nsdelegate: the files of a delegated root belong to those outside.
    expect(facts.of('write').errno).toBe('EPERM');
    expect(facts.of('mkdir').errno).toBe('');
  });

  test('without a namespace: the container’s own cgroup is bound there', async ({ lab }) => {
    const facts = await lab.facts(sys, mounted('ro'), resources(some), look);
    expect(facts.text('read', '/proc/self/cgroup')).toMatch(/^0::\/tsrun\//);
    expect(facts.text('read', '/sys/fs/cgroup/cgroup.procs')).toBe('1\n');
    expect(facts.text('read', '/sys/fs/cgroup/pids.max')).toBe('64\n');
    expect([facts.of('write').errno, facts.of('mkdir').errno]).toEqual(['EROFS', 'EROFS']);
    expect(facts.of('stat').errno).toBe('ENOENT');
  });
});

describe('a create that fails', () => {
  test.for([
    ['in init', (draft) => draft.config.mounts.push({ destination: '/x', type: 'bogusfs', source: 'x' })],
    ['in the program', (draft) => (draft.config.process.args = ['/no/such/program'])],
    ['in a hook', (draft) => (draft.config.hooks = { createRuntime: [{ path: '/bin/false' }] })],
    ['at a limit', resources({ ...some, cpu: { cpus: '512' } })],
  ] as [string, Part][])('%s leaves no cgroup', async ([, part], { lab }) => {
    const id = lab.id();
    const { result } = await lab.tryCreate(lab.bundle(at(`deep/${id}/leaf`), resources(some), part), { id });
    expect(result.code).toBe(1);
    expect(lab.leftovers()).toEqual([]);
    expect(existsSync(`${root}/tsrun/deep`)).toBe(false);
  });
});

test('a create that is killed is removed by delete --force, whatever call it has come to', {
  timeout: 300_000,
}, async ({ lab, skip }) => {
  skip(!existsSync(strace), 'there is no strace');
  const id = lab.id();
  const { dir } = lab.bundle(at(`deep/${id}/leaf`), resources({ ...some, cpu: { shares: 100 } }), args('pause'));
  const output = { stdout: lab.path('o'), stderr: lab.path('e') };
  const traced = (...more: string[]) =>
    call([strace, '-qq', '-o', lab.path('trace'), ...more, ...runtime(lab.root, 'create', '--bundle', dir, id)], {
      output,
      timeout: 60,
    });
  const calls = 'mkdir,write,openat,rename';
  (await traced('-e', `trace=${calls}`)).expectCode(0);
  (await lab.tsrun(['delete', '--force', id])).expectCode(0);
  // The calls from the first that names the cgroup, each by its number among those of its name.
  const lines = readFileSync(lab.path('trace'), 'utf8').split('\n');
  const counts = new Map<string, number>();
  const moments: [string, number][] = [];
  let seen = false;
  for (const line of lines) {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name === undefined) continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    seen ||= line.includes(`${root}/tsrun`);
    if (seen && name !== 'openat') moments.push([name, counts.get(name) ?? 0]);
  }
  expect(moments.length).toBeGreaterThan(10);
  for (const [name, number] of moments) {
    const { code } = await traced('-e', `trace=${name}`, '-e', `inject=${name}:signal=KILL:when=${number}`);
    expect([name, number, code]).toEqual([name, number, code === -1 ? -1 : 137]);
    expect([name, number, (await lab.tsrun(['delete', '--force', id])).code]).toEqual([name, number, 0]);
    expect([name, number, cgroupsNamed(id), existsSync(`${root}/tsrun/deep`)]).toEqual([name, number, [], false]);
    expect([name, number, existsSync(`${lab.root}/${id}`)]).toEqual([name, number, false]);
  }
});
