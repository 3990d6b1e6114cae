/** create, start, state, kill, delete, run, list: the runtime-spec's lifecycle with the exit codes and words callers expect. */
import { existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { args, linux, namespaces, processProperties, set, withoutNamespace } from './harness/config.ts';
import { isAlive, processes, statusField, until } from './harness/kernel.ts';
import { hostToolPath, runtimePath } from './harness/places.ts';
import { call, defaultEnvironment, runtime } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

describe('the way of a container', () => {
  test('create, start, end, delete', async ({ lab }) => {
    const container = await lab.create([args('hostname', 'until=/go')]);
    const created = await container.state();
    expect(created.status).toBe('created');
    expect(created.pid).toBe(container.pid);
    expect(container.output).toBe('');

    await container.start();
    await container.told('hostname');
    expect((await container.state()).status).toBe('running');

    writeFileSync(join(container.bundle.rootfs, 'go'), '');
    await container.ended();
    await until('the state is stopped', async () => (await container.state()).status === 'stopped');
    expect((await container.state()).pid).toBe(0);

    const deleted = await container.delete();
    expect([deleted.code, deleted.stdout, deleted.stderr]).toEqual([0, '', '']);
    expect((await lab.tsrun(['state', container.id])).code).toBe(1);
    expect(lab.leftovers()).toEqual([]);
  });

  test('create, start, kill and delete print nothing', async ({ lab }) => {
    const bundle = lab.bundle(args('pause'));
    const { result, id } = await lab.tryCreate(bundle);
    expect([result.code, result.stdout, result.stderr]).toEqual([0, '', '']);
    for (const argv of [
      ['start', id],
      ['kill', id, 'KILL'],
    ]) {
      const done = await lab.tsrun(argv);
      expect([argv[0], done.code, done.stdout, done.stderr]).toEqual([argv[0], 0, '', '']);
    }
    await until(
      'it is stopped',
      async () => (await lab.tsrun(['state', id])).json<{ status: string }>().status === 'stopped',
    );
    const deleted = await lab.tsrun(['delete', id]);
    expect([deleted.code, deleted.stdout, deleted.stderr]).toEqual([0, '', '']);
  });

  test('the process does not run before start', async ({ lab }) => {
    const container = await lab.create([args('write=/ran=1')]);
    await new Promise((wake) => setTimeout(wake, 50));
    expect(existsSync(join(container.bundle.rootfs, 'ran'))).toBe(false);
    await container.start();
    await container.ended();
    expect(existsSync(join(container.bundle.rootfs, 'ran'))).toBe(true);
  });

  test('a change of config.json after create has no effect', async ({ lab }) => {
    const container = await lab.create([args('print=first')]);
    rmSync(join(container.bundle.dir, 'config.json'));
    await container.start();
    await container.ended();
    expect(container.output).toBe('first\n');
    (await container.delete()).expectCode(0);
  });

  test('the same id serves again after delete', async ({ lab }) => {
    const id = lab.id();
    for (let round = 0; round < 3; round++) {
      (await lab.run([args('exit=0')], { id })).expectCode(0);
    }
  });

  test('the bundle is the current directory where none is given', async ({ lab }) => {
    const { dir } = lab.bundle(args('print=here'));
    const result = await lab.tsrun(['run', lab.id()], { cwd: dir });
    expect(result.expectCode(0).stdout).toBe('here\n');
  });

  test('a relative bundle and a bundle with blanks and UTF-8 in its name', async ({ lab }) => {
    const { dir } = lab.bundle(args('print=odd'));
    const odd = lab.path('a  bündle');
    (await call(['/bin/mv', dir, odd])).expectCode(0);
    expect((await lab.tsrun(['run', '--bundle', 'a  bündle', lab.id()], { cwd: lab.dir })).expectCode(0).stdout).toBe(
      'odd\n',
    );
  });
});

describe('state', () => {
  test('has the members callers read', async ({ lab }) => {
    const container = await lab.create([
      args('pause'),
      set('annotations', { 'org.example.key': 'value', 'org.example.empty': '' }),
    ]);
    const state = await container.state();
    expect(state).toMatchObject({
      id: container.id,
      status: 'created',
      pid: container.pid,
      bundle: container.bundle.dir,
      rootfs: container.bundle.rootfs,
      owner: expect.any(String),
      annotations: { 'org.example.key': 'value', 'org.example.empty': '' },
    });
    expect(state.ociVersion).toMatch(/^1\.\d+\.\d+/);
    expect(state.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
    expect(Math.abs(Date.parse(state.created ?? '') - Date.now())).toBeLessThan(60_000);
  });

  test('writes nothing on standard error', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const result = await lab.tsrun(['state', container.id]);
    expect(result.stderr).toBe('');
  });

  test('of a container that does not exist', async ({ lab }) => {
    const result = await lab.tsrun(['state', lab.id()]);
    expect(result.code).toBe(1);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('does not exist');
  });

  test('is stopped when the process was killed from outside, before start and after', async ({ lab }) => {
    for (const started of [false, true]) {
      const container = await lab.create([args('pause')]);
      if (started) await container.start();
      process.kill(container.pid, 'SIGKILL');
      await container.ended();
      const state = await container.state();
      expect([state.status, state.pid]).toEqual(['stopped', 0]);
      const late = await lab.tsrun(['start', container.id]);
      expect(late.code).toBe(1);
      (await container.delete()).expectCode(0);
    }
  });
});

describe('operations in the wrong state fail and change nothing', () => {
  test('create with the id of a container that exists', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const second = await lab.tryCreate(lab.bundle(args('pause')), { id: container.id });
    expect(second.result.code).toBe(1);
    expect(second.result.stderr).toMatch(/exists/);
    expect(await container.state()).toMatchObject({ status: 'created', pid: container.pid });
  });

  test('start twice', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    const again = await lab.tsrun(['start', container.id]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(container.id);
    expect((await container.state()).status).toBe('running');
  });

  test('start of none', async ({ lab }) => {
    const result = await lab.tsrun(['start', lab.id()]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('does not exist');
  });

  test('start, kill and delete of a stopped one', async ({ lab }) => {
    const container = await lab.started([args('exit=0')]);
    await container.ended();
    const restarted = await lab.tsrun(['start', container.id]);
    expect(restarted.code).toBe(1);
    const killed = await lab.tsrun(['kill', container.id, 'TERM']);
    expect(killed.code).toBe(1);
    expect(killed.stderr).toContain('container not running');
    const all = await lab.tsrun(['kill', '--all', container.id, 'KILL']);
    expect([all.code, all.stderr]).toEqual([0, '']);
    const short = await lab.tsrun(['kill', '-a', container.id, '9']);
    expect([short.code, short.stderr]).toEqual([0, '']);
    (await container.delete()).expectCode(0);
  });

  test('kill of none', async ({ lab }) => {
    const result = await lab.tsrun(['kill', lab.id(), 'KILL']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('does not exist');
  });

  test('delete of a running one', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    const result = await container.delete();
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(container.id);
    expect((await container.state()).status).toBe('running');
    expect(isAlive(container.pid)).toBe(true);
  });

  test('delete of none: an error, and with --force silence', async ({ lab }) => {
    const id = lab.id();
    const plain = await lab.tsrun(['delete', id]);
    expect(plain.code).toBe(1);
    expect(plain.stderr).toContain('does not exist');
    const forced = await lab.tsrun(['delete', '--force', id]);
    expect([forced.code, forced.stdout, forced.stderr]).toEqual([0, '', '']);
  });
});

describe('delete', () => {
  test('of a created one kills it', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    (await container.delete()).expectCode(0);
    await container.ended();
    expect(lab.leftovers()).toEqual([]);
  });

  test('--force of a running one kills it and all it started', async ({ lab }) => {
    const container = await lab.started([args('children=5', 'pause')]);
    await container.told('pause');
    const result = await container.delete('--force');
    expect([result.code, result.stdout, result.stderr]).toEqual([0, '', '']);
    expect(isAlive(container.pid)).toBe(false);
    expect(lab.leftovers()).toEqual([]);
  });

  test('-f is --force', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    (await container.delete('-f')).expectCode(0);
  });

  test('--force reaches processes outside the pid namespace', async ({ lab }) => {
    const container = await lab.started([withoutNamespace('pid'), args('daemon=/pid', 'pause')]);
    await container.told('pause');
    const daemon = Number(readFileSync(join(container.bundle.rootfs, 'pid'), 'utf8'));
    expect(isAlive(daemon)).toBe(true);
    (await container.delete('--force')).expectCode(0);
    await until('the daemon ends', () => !isAlive(daemon));
  });

  test('of a stopped one without a pid namespace ends what it left', async ({ lab }) => {
    const container = await lab.started([withoutNamespace('pid'), args('daemon=/pid')]);
    await container.ended();
    const daemon = Number(readFileSync(join(container.bundle.rootfs, 'pid'), 'utf8'));
    expect((await container.state()).status).toBe('stopped');
    (await container.delete('--force')).expectCode(0);
    await until('the daemon ends', () => !isAlive(daemon));
    expect(lab.leftovers()).toEqual([]);
  });

  test('after the bundle is gone', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    rmSync(container.bundle.dir, { recursive: true });
    (await container.delete('--force')).expectCode(0);
  });
});

describe('kill', () => {
  const names: [string[], number][] = [
    [['TERM'], 15],
    [['SIGTERM'], 15],
    [['15'], 15],
    [[], 15],
    [['HUP'], 1],
    [['SIGUSR1'], 10],
    [['USR2'], 12],
    [['WINCH'], 28],
    [['34'], 34],
    [['64'], 64],
    [['SIGRTMIN'], 34],
    [['SIGRTMIN+3'], 37],
    [['RTMAX'], 64],
    [['RTMAX-2'], 62],
    [['term'], 15],
  ];
  test('takes names with and without SIG, numbers and real-time signals; TERM by default', async ({ lab }) => {
    const container = await lab.started([args(`signals=${names.length}`)]);
    await container.told('signals-ready');
    let count = 0;
    for (const [signal, number] of names) {
      (await lab.tsrun(['kill', container.id, ...signal])).expectCode(0);
      const facts = await container.told('signal', ++count);
      expect([signal, facts.each('signal').at(-1)?.number]).toEqual([signal, number]);
    }
  });

  test.for(['999', '-5', '65', '', 'SIGBOGUS', 'constructor', '9x', '1.5', '+9', '0x9', 'SIG9'])(
    'refuses the signal %j and the container lives',
    async (signal, { lab }) => {
      const container = await lab.started([args('pause')]);
      await container.told('pause');
      const result = await lab.tsrun(['kill', container.id, signal]);
      expect(result.code).toBe(1);
      expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(isAlive(container.pid)).toBe(true);
    },
  );

  test('STOP and CONT, many times: the container is running all along', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    for (let round = 0; round < 20; round++) {
      (await lab.tsrun(['kill', container.id, 'STOP'])).expectCode(0);
      expect((await container.state()).status).toBe('running');
      (await lab.tsrun(['kill', container.id, 'CONT'])).expectCode(0);
    }
    expect((await container.state()).status).toBe('running');
  });

  test('reaches a created container', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    (await lab.tsrun(['kill', container.id, 'KILL'])).expectCode(0);
    await container.ended();
    await until('stopped', async () => (await container.state()).status === 'stopped');
  });

  test('--all reaches every process', async ({ lab }) => {
    const container = await lab.started([withoutNamespace('pid'), args('daemon=/pid', 'children=3', 'pause')]);
    await container.told('pause');
    const daemon = Number(readFileSync(join(container.bundle.rootfs, 'pid'), 'utf8'));
    (await lab.tsrun(['kill', '--all', container.id, 'KILL'])).expectCode(0);
    await container.ended();
    await until('the daemon ends', () => !isAlive(daemon));
  });

  test('--all with a mild signal reaches the children too', async ({ lab }) => {
    const container = await lab.started([args('ignore=10', 'children=3', 'pause')]);
    await container.told('pause');
    const children = () =>
      processes().filter((pid) => {
        try {
          return statusField(pid, 'PPid') === String(container.pid) && isAlive(pid);
        } catch {
          return false;
        }
      });
    expect(children()).toHaveLength(3);
    (await lab.tsrun(['kill', '--all', container.id, 'TERM'])).expectCode(0);
    await until('the children end', () => children().length === 0);
  });
});

describe('--pid-file', () => {
  test('holds the bare pid, without a newline', async ({ lab }) => {
    const { result, pidFile } = await lab.tryCreate(lab.bundle(args('pause')));
    result.expectCode(0);
    const text = readFileSync(pidFile, 'utf8');
    expect(text).toMatch(/^[1-9]\d*$/);
    expect(isAlive(Number(text))).toBe(true);
  });

  test("is relative to the caller's directory, not the bundle's", async ({ lab }) => {
    const { dir } = lab.bundle(args('pause'));
    const [stdout, stderr] = [lab.path('o'), lab.path('e')];
    const id = lab.id();
    (
      await lab.tsrun(['create', '--bundle', dir, '--pid-file', 'the.pid', id], {
        cwd: lab.dir,
        output: { stdout, stderr },
      })
    ).expectCode(0);
    expect(readFileSync(lab.path('the.pid'), 'utf8')).toMatch(/^\d+$/);
    expect(existsSync(join(dir, 'the.pid'))).toBe(false);
  });

  test('replaces what is there', async ({ lab }) => {
    const id = lab.id();
    writeFileSync(lab.path(`${id}.pid`), 'a longer text than a pid\n');
    const { result, pidFile } = await lab.tryCreate(lab.bundle(args('pause')), { id });
    result.expectCode(0);
    expect(readFileSync(pidFile, 'utf8')).toMatch(/^\d+$/);
  });

  test('is not written when create fails', async ({ lab }) => {
    const { result, pidFile } = await lab.tryCreate(lab.bundle(args('pause'), set('root.path', 'no-such-directory')));
    expect(result.code).toBe(1);
    expect(existsSync(pidFile)).toBe(false);
  });

  test('in a directory that does not exist fails and leaves nothing', async ({ lab }) => {
    const { dir } = lab.bundle(args('pause'));
    const result = await lab.tsrun(['create', '--bundle', dir, '--pid-file', '/nonexistent/x.pid', lab.id()]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^tsrun: --pid-file: [^\n]*\/nonexistent[^\n]*\n$/);
    // Callers take these words for a missing program.
    expect(result.stderr).not.toMatch(/no such file or directory/i);
    expect(lab.leftovers()).toEqual([]);
  });

  test('is readable whatever the caller’s umask', async ({ lab }) => {
    for (const umask of ['777', '077', '000']) {
      const { result, pidFile } = await lab.tryCreate(lab.bundle(args('pause')), { inherit: [`umask=${umask}`] });
      result.expectCode(0);
      expect([umask, statSync(pidFile).mode & 0o7777]).toEqual([umask, 0o644]);
    }
  });
});

describe('run', () => {
  test('removes the container at its end', async ({ lab }) => {
    (await lab.run([args('exit=0')])).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('--keep leaves it, stopped', async ({ lab }) => {
    const id = lab.id();
    (await lab.run([args('exit=4')], { id, flags: ['--keep'] })).expectCode(4);
    expect((await lab.tsrun(['state', id])).json()).toMatchObject({ status: 'stopped', pid: 0 });
    (await lab.tsrun(['delete', id])).expectCode(0);
  });

  test('--detach returns while the container runs', async ({ lab }) => {
    const container = await lab.create([args('pause')], { detach: true });
    await container.told('pause');
    expect(await container.state()).toMatchObject({ status: 'running', pid: container.pid });
    expect(statusField(container.pid, 'PPid')).not.toBe('0');
  });

  test('--detach of a program that cannot be run fails and leaves nothing', async ({ lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(set('process.args', ['/no-such-program'])), { detach: true });
    expect(result.code).toBe(1);
    expect(lab.leftovers()).toEqual([]);
  });

  test('standard streams are the container’s', async ({ lab }) => {
    const result = await lab.run([args('stdin', 'print=to out', 'stderr=to err')], { input: 'from the caller' });
    result.expectCode(0);
    expect(result.facts.text('stdin')).toBe('from the caller');
    expect(result.stdout).toContain('to out\n');
    expect(result.stderr).toBe('to err\n');
  });

  test('much output through pipes arrives whole', async ({ lab }) => {
    const result = await lab.run([args('flood=3000000')]);
    result.expectCode(0);
    expect([result.stdout.length, result.stderr.length]).toEqual([3_000_000, 3_000_000]);
  });
});

describe('list', () => {
  test('of nothing', async ({ lab }) => {
    const json = await lab.tsrun(['list', '--format', 'json']);
    expect(json.expectCode(0).stderr).toBe('');
    expect(json.json() ?? []).toEqual([]);
    const quiet = await lab.tsrun(['list', '-q']);
    expect(quiet.expectCode(0).stdout).toBe('');
  });

  test('shows every container, in each format', async ({ lab }) => {
    const created = await lab.create([args('pause')]);
    const running = await lab.started([args('pause')]);
    const ids = [created.id, running.id].sort();
    expect((await lab.tsrun(['list', '--quiet'])).expectCode(0).stdout.split('\n').filter(Boolean).sort()).toEqual(ids);

    const entries = (await lab.tsrun(['list', '-f', 'json']))
      .expectCode(0)
      .json<{ id: string; status: string; pid: number; bundle: string }[]>();
    expect(entries.map(({ id, status, pid }) => [id, status, pid]).sort()).toEqual(
      [
        [created.id, 'created', created.pid],
        [running.id, 'running', running.pid],
      ].sort(),
    );
    expect(entries.every(({ bundle }) => bundle.startsWith('/'))).toBe(true);

    const table = (await lab.tsrun(['list'])).expectCode(0).stdout.split('\n');
    expect(table[0]).toMatch(/^ID\s+PID\s+STATUS\s+BUNDLE\s+CREATED\s+OWNER/);
    for (const id of ids) expect(table.some((line) => line.startsWith(id))).toBe(true);
  });

  test('of a state root that does not exist', async ({ lab }) => {
    const result = await call(runtime(lab.path('nowhere'), 'list', '-q'));
    expect([result.code, result.stdout]).toEqual([0, '']);
  });
});

describe('faults of the caller and of the machine', () => {
  test('16 creates of one id at once: one wins, and its container works', async ({ lab }) => {
    const id = lab.id();
    const attempts = await Promise.all(
      Array.from({ length: 16 }, async (_, index) => {
        const bundle = lab.bundle(args('print=won'));
        const output = { stdout: lab.path(`o${index}`), stderr: lab.path(`e${index}`) };
        return { result: await lab.tsrun(['create', '--bundle', bundle.dir, id], { output }), output };
      }),
    );
    const won = attempts.filter(({ result }) => result.code === 0);
    expect(won).toHaveLength(1);
    for (const { result } of attempts.filter((attempt) => attempt.result.code !== 0)) {
      expect([result.code, result.stderr]).toEqual([1, expect.stringMatching(/exists/)]);
    }
    (await lab.tsrun(['start', id])).expectCode(0);
    await until('the winner ran', () => readFileSync(won[0]?.output.stdout ?? '', 'utf8') === 'won\n');
    (await lab.tsrun(['delete', '--force', id])).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('four starts at once: one succeeds; four deletes by force: all do', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    const starts = await Promise.all(Array.from({ length: 4 }, () => lab.tsrun(['start', container.id])));
    expect(starts.map(({ code }) => code).sort()).toEqual([0, 1, 1, 1]);
    await container.told('pause');
    expect((await container.state()).status).toBe('running');
    const deletes = await Promise.all(Array.from({ length: 4 }, () => lab.tsrun(['delete', '--force', container.id])));
    expect(deletes.map(({ code, stderr }) => [code, stderr])).toEqual(Array(4).fill([0, '']));
    expect(lab.leftovers()).toEqual([]);
  });

  test('the default state root, also of a root with XDG_RUNTIME_DIR', async ({ lab }) => {
    const { dir } = lab.bundle(args('pause'));
    const id = lab.id();
    // A private /run: the default is the machine's own.
    const script = `mount -t tmpfs none /run; "$0" create --bundle ${dir} ${id} < /dev/null > /dev/null && ls /run/tsrun && "$0" list -q; "$0" delete --force ${id}; "$0" list -q`;
    for (const more of [{}, { XDG_RUNTIME_DIR: lab.dir }, { XDG_RUNTIME_DIR: '' }]) {
      const inside = ['/usr/bin/unshare', '--mount', '--propagation', 'private', '/bin/sh', '-c', script, runtimePath];
      const result = await call(inside, { env: { ...defaultEnvironment, ...more } });
      expect([result.code, result.stdout, result.stderr]).toEqual([0, `${id}\n${id}\n`, '']);
    }
  });

  test('a bundle whose path has a newline and quotes', async ({ lab }) => {
    const { dir } = lab.bundle(args('print=odd'));
    const odd = lab.path('a\n"b\' \\c');
    renameSync(dir, odd);
    const id = lab.id();
    const output = { stdout: lab.path('o'), stderr: lab.path('e') };
    (await lab.tsrun(['create', '--bundle', odd, id], { output })).expectCode(0);
    expect((await lab.tsrun(['state', id])).json()).toMatchObject({ bundle: odd });
    (await lab.tsrun(['list'])).expectCode(0);
    (await lab.tsrun(['start', id])).expectCode(0);
    await until('it ran', () => readFileSync(output.stdout, 'utf8') === 'odd\n');
  });

  test('a bundle that is reached through a link', async ({ lab }) => {
    const { dir } = lab.bundle(args('print=linked'));
    symlinkSync(dir, lab.path('link'));
    expect((await lab.tsrun(['run', '-b', lab.path('link'), lab.id()])).expectCode(0).stdout).toBe('linked\n');
  });

  test('the container survives the end of its caller', async ({ lab }) => {
    const { dir } = lab.bundle(args('print=late'));
    const id = lab.id();
    const output = { stdout: lab.path('o'), stderr: lab.path('e') };
    // As conmon and go-runc do: the runtime itself is to die with its caller, the container is not.
    const line = [hostToolPath, 'with', 'pdeathsig=9', '--', ...runtime(lab.root, 'create', '--bundle', dir, id)];
    (await call(['/bin/sh', '-c', '"$@"; exit $?', '_', ...line], { output })).expectCode(0);
    expect((await lab.tsrun(['state', id])).json()).toMatchObject({ status: 'created' });
    (await lab.tsrun(['start', id])).expectCode(0);
    await until('it ran', () => readFileSync(output.stdout, 'utf8') === 'late\n');
  });

  test('the container does not inherit a parent-death signal', async ({ lab }) => {
    const result = await lab.run([args('prctl')], { inherit: ['pdeathsig=9'] });
    expect(result.expectCode(0).facts.of('prctl').parentDeathSignal).toBe(0);
  });

  test("the process is handed to the caller's subreaper, with its exit status", async ({ lab }) => {
    const { dir } = lab.bundle(args('exit=37'));
    const id = lab.id();
    const [create, begin] = [runtime(lab.root, 'create', '--bundle', dir, id), runtime(lab.root, 'start', id)].map(
      (line) => line.join(' '),
    );
    const result = await call([hostToolPath, 'reaper', '/bin/sh', '-c', `${create} && ${begin}`]);
    const endings = result.facts.all as unknown as { verb: string; exit: number }[];
    expect(endings.find(({ verb }) => verb === 'command')?.exit).toBe(0);
    expect(endings.filter(({ verb }) => verb === 'descendant').map(({ exit }) => exit)).toContain(37);
  });

  test('a state root of its own is made, with its parents out of reach of others', async ({ lab }) => {
    await lab.create([args('pause')]);
    expect((await call(['/usr/bin/stat', '-c', '%a', lab.root])).stdout.trim()).toMatch(/^1?7[0-5]0$|^1?711$/);
  });

  test('an empty XDG_RUNTIME_DIR and nothing else in the environment', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    const env = { XDG_RUNTIME_DIR: '' };
    (await lab.tsrun(['state', container.id], { env })).expectCode(0);
    (await lab.tsrun(['kill', container.id, 'KILL'], { env })).expectCode(0);
    await container.ended();
    (await lab.tsrun(['delete', '--force', container.id], { env })).expectCode(0);
  });

  test('closed standard streams', async ({ lab }) => {
    const container = await lab.create([args('stdio', 'fds', 'pause')]);
    const bundle = lab.bundle(args('write=/ran=yes', 'pause'));
    const id = lab.id();
    const pidFile = lab.path('closed.pid');
    const closed = await call(runtime(lab.root, 'create', '--bundle', bundle.dir, '--pid-file', pidFile, id), {
      inherit: ['close=0', 'close=1', 'close=2'],
    });
    expect(closed.code).toBe(0);
    const begun = await call(runtime(lab.root, 'start', id), { inherit: ['close=0', 'close=1', 'close=2'] });
    expect(begun.code).toBe(0);
    await until('it ran', () => existsSync(join(bundle.rootfs, 'ran')));
    await container.delete();
  });
});

describe('the created container waits in little room', () => {
  test('less than half a megabyte, no names, no needless descriptors', async ({ lab }) => {
    const secret = 'TSRUN_E2E_SECRET=visible';
    const container = await lab.create([args('pause')], {
      env: { ...defaultEnvironment, TSRUN_E2E_SECRET: 'visible' },
    });
    const resident = Number(statusField(container.pid, 'VmRSS').split(' ')[0]);
    expect(resident).toBeLessThan(512);
    expect(statusField(container.pid, 'Threads')).toBe('1');

    const commandLine = readFileSync(`/proc/${container.pid}/cmdline`, 'latin1');
    for (const revealing of [container.bundle.dir, lab.root, container.id, '/'])
      expect(commandLine).not.toContain(revealing);
    const environment = readFileSync(`/proc/${container.pid}/environ`, 'latin1');
    expect(environment).not.toContain(secret.split('=')[0]);
    expect(environment).not.toContain('PATH=');
  });

  test('is not dumpable: its /proc entries belong to root of the machine', async ({ lab }) => {
    const container = await lab.create([args('pause'), processProperties({ user: { uid: 1000, gid: 1000 } })]);
    const owner = await call(['/usr/bin/stat', '-c', '%u', `/proc/${container.pid}/environ`]);
    expect(owner.stdout.trim()).toBe('0');
  });
});

test('a container with no namespaces but mount', async ({ lab }) => {
  const facts = await lab.facts(namespaces('mount'), linux({}), set('mounts', []), args('pids'));
  expect(facts.of('pids').pid).toBeGreaterThan(1);
});
