/** The six kinds of hooks: order, namespace, environment, state on standard input, time limits, failures. config.md, "POSIX-platform Hooks" */
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  bind,
  env,
  file,
  type Hook,
  type HookKind,
  hook,
  hookKinds,
  namespace,
  type Part,
  rlimit,
  user,
  userNamespace,
  withoutNamespace,
} from './harness/config.ts';
import { isAlive, namespaceOf, processes, until } from './harness/kernel.ts';
import type { Lab, State } from './harness/lab.ts';
import { guestPath } from './harness/places.ts';
import { defaultEnvironment, runtime } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

interface HookRecord {
  tag: string;
  stdin: string;
  args: string[];
  env: string[];
  cwd: string;
  pid: number;
  uid: number;
  sid: number;
  umask: number;
  ns: Record<string, string>;
  fds: { fd: number; link: string }[];
}

/** Hooks of these kinds record themselves in one file, which the container sees at the same path. */
function recording(
  lab: Lab,
  kinds: readonly HookKind[],
  more: Partial<Hook> = {},
): { parts: Part[]; read: () => HookRecord[] } {
  const shared = lab.directory('shared');
  const at = join(shared, 'records');
  const parts: Part[] = kinds.map((kind) =>
    hook(kind, {
      path: kind === 'startContainer' ? '/guest' : (more.path ?? guestPath),
      args: ['guest', `hook=${at}=${kind}`, ...(more.args ?? [])],
      ...(more.env === undefined ? {} : { env: more.env }),
      ...(more.timeout === undefined ? {} : { timeout: more.timeout }),
    }),
  );
  return {
    parts: [bind(shared, shared), ...parts],
    read: () =>
      existsSync(at)
        ? readFileSync(at, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => JSON.parse(line) as HookRecord)
        : [],
  };
}

const tags = (records: HookRecord[]): string[] => records.map(({ tag }) => tag);
const atCreate: HookKind[] = ['prestart', 'createRuntime', 'createContainer'];

describe('moments', () => {
  test('the order, each at its operation', async ({ lab }) => {
    const { parts, read } = recording(lab, hookKinds);
    const container = await lab.create([...parts, args('pause')]);
    expect(tags(read())).toEqual(atCreate);
    await container.start();
    await container.told('pause');
    expect(tags(read())).toEqual([...atCreate, 'startContainer', 'poststart']);
    (await lab.tsrun(['kill', container.id, 'KILL'])).expectCode(0);
    await container.ended();
    await until('stopped', async () => (await container.state()).status === 'stopped');
    expect(tags(read())).toHaveLength(5);
    (await container.delete()).expectCode(0);
    expect(tags(read())).toEqual([...hookKinds]);
  });

  test('several of one kind run in the order of the list', async ({ lab }) => {
    const at = lab.path('order');
    const entry = (tag: string): Hook => ({ path: guestPath, args: ['guest', `hook=${at}=${tag}`] });
    (
      await lab.run([hook('createRuntime', entry('first'), entry('second'), entry('third')), args('exit=0')])
    ).expectCode(0);
    expect(
      readFileSync(at, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as HookRecord).tag),
    ).toEqual(['first', 'second', 'third']);
  });

  test('with run all six', async ({ lab }) => {
    const { parts, read } = recording(lab, hookKinds);
    (await lab.run([...parts, args('sleep=0.05', 'exit=3')])).expectCode(3);
    expect(tags(read())).toEqual([...hookKinds]);
  });

  test('startContainer runs before the program, poststart after it began', async ({ lab }) => {
    const at = lab.path('seen');
    const facts = await lab.started([
      bind(lab.dir, lab.dir),
      hook('startContainer', { path: '/guest', args: ['guest', `write=${at}=1`] }),
      args(`stat=${at}`, 'pause'),
    ]);
    expect((await facts.told('pause')).of('stat').errno).toBe('');
  });

  test('delete --force runs poststop too', async ({ lab }) => {
    const { parts, read } = recording(lab, ['poststop']);
    const container = await lab.started([...parts, args('pause')]);
    (await container.delete('--force')).expectCode(0);
    expect(tags(read())).toEqual(['poststop']);
  });
});

describe('namespaces', () => {
  test('prestart, createRuntime, poststart and poststop run in the caller’s, the others in the container’s', async ({
    lab,
  }) => {
    const { parts, read } = recording(lab, hookKinds);
    const container = await lab.started([...parts, args('pause')]);
    await container.told('pause');
    const [own, mine] = (['mnt', 'net', 'uts', 'ipc', 'pid'] as const).reduce(
      ([host, guest], kind) => [
        { ...host, [kind]: namespaceOf('self', kind) },
        { ...guest, [kind]: namespaceOf(container.pid, kind) },
      ],
      [{}, {}] as [Record<string, string>, Record<string, string>],
    );
    (await container.delete('--force')).expectCode(0);
    for (const record of read()) {
      const inside = record.tag === 'createContainer' || record.tag === 'startContainer';
      for (const kind of ['mnt', 'net', 'uts', 'ipc']) {
        expect([record.tag, kind, record.ns[kind]]).toEqual([record.tag, kind, inside ? mine[kind] : own[kind]]);
      }
    }
  });

  test('createContainer sees the machine’s files, startContainer the container’s', async ({ lab }) => {
    const shared = lab.directory('shared');
    const list = (name: string, path: string): Hook => ({
      path,
      args: ['guest', `hook=${join(shared, name)}=${name}`],
    });
    const result = await lab.run([
      bind(shared, shared),
      file('/only-inside', ''),
      hook('createContainer', list('create', guestPath)),
      hook('startContainer', list('start', '/guest')),
      args('exit=0'),
    ]);
    result.expectCode(0);
    expect(existsSync(join(shared, 'create'))).toBe(true);
    expect(existsSync(join(shared, 'start'))).toBe(true);
  });

  test('hooks of the caller’s namespaces run as the caller, those of the container before its user is set', async ({
    lab,
  }) => {
    const { parts, read } = recording(lab, ['createRuntime', 'createContainer', 'poststop']);
    (await lab.run([...parts, user(1000, 1000), args('exit=0')])).expectCode(0);
    for (const record of read()) expect([record.tag, record.uid]).toEqual([record.tag, 0]);
  });
});

describe('the state on standard input', () => {
  test('with the status of the moment', async ({ lab }) => {
    const { parts, read } = recording(lab, hookKinds);
    const container = await lab.create([
      ...parts,
      (draft) => {
        draft.config.annotations = { 'org.example': 'x' };
      },
      args('pause'),
    ]);
    await container.start();
    await container.told('pause');
    (await container.delete('--force')).expectCode(0);
    const expected: Record<HookKind, string[]> = {
      prestart: ['created'],
      createRuntime: ['creating'],
      createContainer: ['creating'],
      startContainer: ['created'],
      poststart: ['running'],
      poststop: ['stopped'],
    };
    const records = read();
    expect(records).toHaveLength(6);
    for (const record of records) {
      const state = JSON.parse(record.stdin) as State;
      expect(state).toMatchObject({
        id: container.id,
        bundle: container.bundle.dir,
        annotations: { 'org.example': 'x' },
      });
      expect(state.ociVersion).toMatch(/^1\./);
      expect([record.tag, expected[record.tag as HookKind]]).toEqual([
        record.tag,
        expect.arrayContaining([state.status]),
      ]);
      if (['prestart', 'createRuntime', 'poststart'].includes(record.tag)) {
        expect([record.tag, state.pid]).toEqual([record.tag, container.pid]);
      }
    }
  });

  test('the pid can be used to enter the namespaces, as network plug-ins do', async ({ lab }) => {
    const at = lab.path('ns');
    writeFileSync(
      lab.path('hook.sh'),
      `#!/bin/sh\npid=$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/' | tr -d '\\n')\nreadlink /proc/$pid/ns/net > ${at}\n`,
      { mode: 0o755 },
    );
    const container = await lab.create([
      hook('createRuntime', { path: lab.path('hook.sh'), env: ['PATH=/usr/bin:/bin'] }),
      args('pause'),
    ]);
    expect(readFileSync(at, 'utf8').trim()).toBe(namespaceOf(container.pid, 'net'));
  });
});

describe('environment and descriptors', () => {
  test('only what the hook’s own entry says (CVE-2025-23266)', async ({ lab }) => {
    const { parts, read } = recording(lab, hookKinds, { env: ['ONLY=this', 'AND=that'] });
    const id = lab.id();
    const { dir } = lab.bundle(...parts, env('PATH=/', 'LD_PRELOAD=./evil.so', 'CONTAINER=yes'), args('sleep=0.05'));
    (
      await lab.tsrun(['run', '--bundle', dir, id], {
        env: { ...defaultEnvironment, CALLER: 'secret', LD_LIBRARY_PATH: '/evil' },
      })
    ).expectCode(0);
    const records = read();
    expect(tags(records)).toEqual([...hookKinds]);
    for (const record of records)
      expect([record.tag, record.env.sort()]).toEqual([record.tag, ['AND=that', 'ONLY=this']]);
  });

  test('without env it is empty; startContainer alone may have the process’s', async ({ lab }) => {
    const { parts, read } = recording(lab, hookKinds);
    (await lab.run([...parts, env('PATH=/', 'CONTAINER=yes'), args('sleep=0.05')])).expectCode(0);
    for (const record of read()) {
      const allowed = record.tag === 'startContainer' ? ['PATH=/', 'CONTAINER=yes'] : [];
      expect([
        record.tag,
        record.env.filter((entry) => !allowed.includes(entry) && !entry.startsWith('HOME=')),
      ]).toEqual([record.tag, []]);
    }
  });

  test('the arguments are as given; argv[0] is the path where there are none', async ({ lab }) => {
    const at = lab.path('args');
    writeFileSync(lab.path('hook.sh'), `#!/bin/sh\necho "$0 $#" > ${at}\n`, { mode: 0o755 });
    (await lab.run([hook('createRuntime', { path: lab.path('hook.sh') }), args('exit=0')])).expectCode(0);
    expect(readFileSync(at, 'utf8')).toBe(`${lab.path('hook.sh')} 0\n`);
  });

  test('three descriptors and no more, whatever the caller has open', async ({ lab }) => {
    const { parts, read } = recording(lab, hookKinds);
    const { dir } = lab.bundle(...parts, args('sleep=0.05'));
    (await lab.tsrun(['run', '--bundle', dir, lab.id()], { inherit: ['open=9:/', 'open=10:/etc/passwd'] })).expectCode(
      0,
    );
    for (const record of read()) expect([record.tag, record.fds.map(({ fd }) => fd)]).toEqual([record.tag, [0, 1, 2]]);
  });

  test('the umask is an ordinary one', async ({ lab }) => {
    const { parts, read } = recording(lab, hookKinds);
    (await lab.run([...parts, args('sleep=0.05')], { inherit: ['umask=022'] })).expectCode(0);
    for (const record of read()) expect([record.tag, record.umask]).toEqual([record.tag, 0o022]);
  });

  test('a limit of the process does not stop them', async ({ lab }) => {
    const { parts, read } = recording(lab, hookKinds);
    const limits = [rlimit('RLIMIT_NOFILE', 3, 3), rlimit('RLIMIT_FSIZE', 0, 0)];
    (await lab.run([...parts, ...limits, args('sleep=0.05', 'exit=0')])).expectCode(0);
    expect(tags(read())).toEqual([...hookKinds]);
  });

  test('the working directory is never inside the root file system for hooks of the machine', async ({ lab }) => {
    const { parts, read } = recording(lab, ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop']);
    const container = await lab.started([...parts, args('pause')]);
    (await container.delete('--force')).expectCode(0);
    for (const record of read())
      expect([record.tag, record.cwd.startsWith(container.bundle.rootfs)]).toEqual([record.tag, false]);
  });

  test('the working directory of hooks of the machine’s files is the bundle', async ({ lab }) => {
    const kinds = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop'] satisfies HookKind[];
    const { parts, read } = recording(lab, kinds);
    const container = await lab.started([...parts, args('pause')]);
    (await container.delete('--force')).expectCode(0);
    expect(read().map(({ tag, cwd }) => [tag, cwd])).toEqual(kinds.map((kind) => [kind, container.bundle.dir]));
  });

  test('hooks that close their streams, and leave without reading', async ({ lab }) => {
    writeFileSync(lab.path('hook.sh'), '#!/bin/sh\nexec <&- >&- 2>&-\nsleep 0.05\n', { mode: 0o755 });
    const closing: Hook = { path: lab.path('hook.sh'), env: ['PATH=/usr/bin:/bin'] };
    const kinds = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop'] satisfies HookKind[];
    const result = await lab.run([...kinds.map((kind) => hook(kind, closing)), args('print=done')]);
    expect([result.code, result.stdout, result.stderr]).toEqual([0, 'done\n', '']);
  });

  test('output of a hook that succeeds is not the runtime’s', async ({ lab }) => {
    const noisy: Hook = { path: guestPath, args: ['guest', 'flood=200000'] };
    const result = await lab.run([
      hook('createRuntime', noisy),
      hook('poststart', noisy),
      hook('poststop', noisy),
      args('print=quiet'),
    ]);
    expect([result.code, result.stdout, result.stderr]).toEqual([0, 'quiet\n', '']);
  });
});

describe('failures', () => {
  const failing: Hook = { path: guestPath, args: ['guest', 'print=out-words', 'stderr=err-words', 'exit=7'] };
  const inContainer: Hook = { ...failing, path: '/guest' };

  test.for(atCreate)(
    '%s: create fails, names it, its status and its output, and leaves nothing',
    async (kind, { lab }) => {
      const { parts, read } = recording(lab, ['poststop']);
      const { result, id } = await lab.tryCreate(lab.bundle(...parts, hook(kind, failing), args('print=never')));
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(`${kind}[0]`);
      expect(result.stderr).toContain(guestPath);
      expect(result.stderr).toMatch(/\b7\b/);
      expect(result.stderr).toContain('err-words');
      expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
      expect((await lab.tsrun(['state', id])).code).toBe(1);
      expect(lab.leftovers()).toEqual([]);
      // runtime.md, lifecycle: poststop hooks run also after a create that failed.
      expect(tags(read())).toEqual(['poststop']);
    },
  );

  test('the second of two is named by its number, the first had run, a third does not run', async ({ lab }) => {
    const at = lab.path('ran');
    const record = (tag: string): Hook => ({ path: guestPath, args: ['guest', `hook=${at}=${tag}`] });
    const { result } = await lab.tryCreate(
      lab.bundle(hook('createRuntime', record('one'), failing, record('three')), args('exit=0')),
    );
    expect(result.stderr).toContain('createRuntime[1]');
    expect(readFileSync(at, 'utf8').split('\n').filter(Boolean)).toHaveLength(1);
  });

  test('startContainer: start fails, the program does not run, the container is destroyed', async ({ lab }) => {
    const { parts, read } = recording(lab, ['poststop']);
    const container = await lab.create([...parts, hook('startContainer', inContainer), args('write=/ran=1')]);
    const result = await lab.tsrun(['start', container.id]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('startContainer[0]');
    expect(result.stderr).toMatch(/\b7\b/);
    expect(result.stderr).toContain('err-words');
    await container.ended();
    expect(existsSync(join(container.bundle.rootfs, 'ran'))).toBe(false);
    // runtime.md, lifecycle: the runtime stops the container, undoes create, and runs the poststop hooks.
    (await container.delete('--force')).expectCode(0);
    expect(tags(read())).toEqual(['poststop']);
  });

  test('poststart: start fails and the container is stopped', async ({ lab }) => {
    const { parts, read } = recording(lab, ['poststop']);
    const container = await lab.create([...parts, hook('poststart', failing), args('pause')]);
    const result = await lab.tsrun(['start', container.id]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('poststart[0]');
    expect(result.stderr).toMatch(/\b7\b/);
    await container.ended();
    (await container.delete('--force')).expectCode(0);
    expect(tags(read())).toEqual(['poststop']);
  });

  test('poststop: a warning, the container is deleted all the same, later hooks run', async ({ lab }) => {
    const at = lab.path('later');
    const log = lab.path('log');
    const container = await lab.started([
      hook('poststop', failing, { path: guestPath, args: ['guest', `hook=${at}=later`] }),
      args('exit=0'),
    ]);
    await container.ended();
    const result = await lab.tsrun([
      '--log',
      log,
      '--log-format',
      'json',
      '--log-level',
      'warning',
      'delete',
      container.id,
    ]);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(readFileSync(log, 'utf8')).toContain('poststop[0]');
    expect(existsSync(at)).toBe(true);
    expect(lab.leftovers()).toEqual([]);
  });

  test('with run: the exit status is 1 and nothing is left', async ({ lab }) => {
    for (const [kind, entry] of [
      ['createRuntime', failing],
      ['createContainer', failing],
      ['startContainer', inContainer],
      ['poststart', failing],
    ] as const) {
      const result = await lab.run([hook(kind, entry), args('pause')]);
      expect([kind, result.code]).toEqual([kind, 1]);
      expect(result.stderr).toContain(`${kind}[0]`);
      expect(lab.leftovers()).toEqual([]);
    }
  });

  test('a hook ended by a signal is told so', async ({ lab }) => {
    const { result } = await lab.tryCreate(
      lab.bundle(hook('createRuntime', { path: guestPath, args: ['guest', 'raise=9'] }), args('exit=0')),
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/createRuntime\[0\].*(SIGKILL|signal 9)/);
  });

  test('a hook that cannot be executed is named with the reason', async ({ lab }) => {
    for (const kind of ['createRuntime', 'createContainer'] as const) {
      const { result } = await lab.tryCreate(lab.bundle(hook(kind, { path: '/no/such/hook' }), args('exit=0')));
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(`${kind}[0]`);
      expect(result.stderr).toContain('/no/such/hook');
    }
    const { result } = await lab.tryCreate(
      lab.bundle(
        file('/plain', 'x'),
        hook('createRuntime', { path: join(lab.dir, 'bundle1', 'config.json') }),
        args('exit=0'),
      ),
    );
    expect(result.code).toBe(1);
  });

  test('much output does not hang and is cut in the message', async ({ lab }) => {
    const { result } = await lab.tryCreate(
      lab.bundle(
        hook('createRuntime', { path: guestPath, args: ['guest', 'flood=5000000', 'exit=1'] }),
        args('exit=0'),
      ),
    );
    expect(result.code).toBe(1);
    expect(result.stderr.length).toBeLessThan(8191);
    expect(result.stderr).toContain('createRuntime[0]');
  });

  test('a hook that leaves a process behind with its output open does not hang', async ({ lab }) => {
    const daemon: Hook = { path: guestPath, args: ['guest', `daemon=${lab.path('pid')}`] };
    const result = await lab.run([hook('createRuntime', daemon), args('print=done')], { timeout: 15 });
    expect(result.expectCode(0).stdout).toBe('done\n');
    const pid = Number(readFileSync(lab.path('pid'), 'utf8'));
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await until('it is gone', () => !processes().includes(pid));
  });

  test('a hook that does not read its input does not hang', async ({ lab }) => {
    (
      await lab.run([
        hook('createRuntime', { path: '/bin/true' }),
        (draft) => {
          draft.config.annotations = { big: 'x'.repeat(300_000) };
        },
        args('exit=0'),
      ])
    ).expectCode(0);
  });
});

describe('time limits', () => {
  const slow = (path: string): Hook => ({ path, args: ['guest', 'sleep=600'], timeout: 1 });

  test.for([
    ['createRuntime', guestPath],
    ['createContainer', guestPath],
    ['startContainer', '/guest'],
    ['poststart', guestPath],
  ] as const)('%s', async ([kind, path], { lab }) => {
    const result = await lab.run([hook(kind, slow(path)), args('pause')], { timeout: 20 });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`${kind}[0]`);
    expect(result.stderr).toMatch(/time|1 s/i);
    expect(lab.leftovers()).toEqual([]);
    expect(
      processes().filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sleep=600');
        } catch {
          return false;
        }
      }),
    ).toEqual([]);
  });

  test('poststop', async ({ lab }) => {
    const container = await lab.started([hook('poststop', slow(guestPath)), args('exit=0')]);
    await container.ended();
    expect((await container.delete()).code).toBe(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('one that is in time', async ({ lab }) => {
    (
      await lab.run([
        hook('createRuntime', { path: guestPath, args: ['guest', 'sleep=0.05'], timeout: 30 }),
        args('exit=0'),
      ])
    ).expectCode(0);
  });
});

test('hooks of a container without a pid namespace', async ({ lab }) => {
  const { parts, read } = recording(lab, hookKinds);
  (await lab.run([...parts, withoutNamespace('pid'), namespace('cgroup'), args('sleep=0.05', 'exit=0')])).expectCode(0);
  expect(tags(read())).toEqual([...hookKinds]);
});

test('hooks of a container in a user namespace', async ({ lab }) => {
  // A checkout may lie below a directory that is closed to the ids of the container.
  const path = join(lab.directory('shared'), 'guest');
  copyFileSync(guestPath, path);
  chmodSync(path, 0o755);
  const { parts, read } = recording(lab, hookKinds, { path });
  // Whoever a hook runs as: it has to be able to write its record.
  chmodSync(lab.directory('shared'), 0o777);
  writeFileSync(join(lab.directory('shared'), 'records'), '');
  chmodSync(join(lab.directory('shared'), 'records'), 0o666);
  (await lab.run([userNamespace(), ...parts, args('sleep=0.05', 'exit=0')])).expectCode(0);
  expect(tags(read())).toEqual([...hookKinds]);
});

describe('a hook may call the runtime', () => {
  test('state and list, while the container is being made and when it has started', async ({ lab }) => {
    const id = lab.id();
    const at = lab.path('states');
    const line = (argv: string[]) => argv.map((word) => `'${word}'`).join(' ');
    const script = `#!/bin/sh\n${line(runtime(lab.root, 'state', id))} >> ${at} 2>&1\n${line(runtime(lab.root, 'list', '-q'))} >> ${at} 2>&1\n`;
    writeFileSync(lab.path('hook.sh'), script, { mode: 0o755 });
    const calling: Hook = { path: lab.path('hook.sh'), env: ['PATH=/usr/bin:/bin'], timeout: 10 };
    const container = await lab.started([hook('createRuntime', calling), hook('poststart', calling), args('pause')], {
      id,
    });
    await container.told('pause');
    const states = [...readFileSync(at, 'utf8').matchAll(/"status": *"(\w+)"/g)].map((match) => match[1]);
    expect(states).toEqual(['creating', 'running']);
    expect(
      readFileSync(at, 'utf8')
        .split('\n')
        .filter((word) => word === id),
    ).toHaveLength(2);
  });
});
