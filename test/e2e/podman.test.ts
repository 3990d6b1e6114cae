/** podman and conmon, as they are installed, with the runtime under test. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isAlive, namespaceOf, until } from './harness/kernel.ts';
import { isTsrun, repository, runtimePath } from './harness/places.ts';
import { image, Podman } from './harness/podman.ts';
import { ServiceManager } from './harness/terminal.ts';

let podman: Podman;
beforeAll(async () => {
  podman = await Podman.make('podman');
}, 120_000);
afterEach(async () => {
  await podman.clear();
}, 120_000);
afterAll(async () => {
  await podman.close();
}, 120_000);

const pidOf = async (container: string): Promise<number> => Number(await podman.inspect(container, '{{.State.Pid}}'));
const statusOf = (container: string): Promise<string> => podman.inspect(container, '{{.State.Status}}');

describe('run', () => {
  test('has the program’s output and its exit status', async () => {
    const result = await podman.run(['--rm'], 'print=of the program', 'stderr=of its errors', 'exit=7');
    expect([result.code, result.stdout]).toEqual([7, 'of the program\n']);
    // Before it, podman may warn of a cgroup that it could not make for conmon.
    expect(result.stderr).toMatch(/^(time=.*conmon.*\n)?of its errors\n$/);
    expect((await podman.run(['--rm'])).code).toBe(0);
  });

  test.for([
    ['/no/such/program', 127, /no such file or directory/],
    ['no-such-name', 127, /not found/],
    ['/bin/no-executable', 126, /permission denied/],
    ['/bin/no-program', 126, /exec format error/],
    ['/etc', 126, /permission denied|is a directory/],
  ] as const)('of %s says what is wrong, with status %i', async ([program, code, words]) => {
    const result = await podman.do('run', '--rm', '--network', 'none', image, program);
    expect([result.code, result.stderr.toLowerCase()]).toEqual([code, expect.stringMatching(words)]);
    // podman reads it from the log, which is JSON for a runtime that it has been told of.
    if (isTsrun) expect(result.stderr).toMatch(/Error: .*tsrun/);
  });

  test('takes what it is given', async () => {
    const source = join(podman.dir, 'given');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'of the host');
    const result = await podman.run(
      [
        ...['--rm', '--hostname', 'named', '--env', 'GIVEN=1', '--workdir', '/work', '--user', 'somebody'],
        ...['--read-only', '--tmpfs', '/tmp:size=64k,noexec', '--volume', `${source}:/volume:ro`],
        ...['--cap-drop', 'all', '--cap-add', 'CHOWN', '--security-opt', 'no-new-privileges'],
        ...[
          '--ulimit',
          'core=5:6',
          '--ulimit',
          'nofile=1024:1024',
          '--ulimit',
          'nproc=1000:1000',
          '--sysctl',
          'kernel.shmmax=12345',
          '--oom-score-adj',
          '500',
          '--device',
          '/dev/full:/dev/own:r',
        ],
      ],
      ...['hostname', 'env', 'cwd', 'ids', 'write=/x=1', 'write=/tmp/x=1', 'read=/volume/file', 'write=/volume/x=1'],
      ...['caps', 'prctl', 'rlimits', 'read=/proc/sys/kernel/shmmax', 'read=/proc/self/oom_score_adj', 'stat=/dev/own'],
      ...['open=/dev/own=w', 'statfs=/tmp', 'pids', 'read=/proc/kcore'],
    );
    const { facts } = result.expectCode(0);
    expect(facts.text('hostname')).toBe('named');
    expect(facts.list('env')).toContain('GIVEN=1');
    expect(facts.text('cwd')).toBe('/work');
    expect(facts.of('ids')).toMatchObject({ uid: 1234, gid: 5678 });
    expect(facts.of('write', '/x').errno).toBe('EROFS');
    expect(facts.of('write', '/tmp/x').errno).toBe('');
    expect(facts.text('read', '/volume/file')).toBe('of the host');
    expect(facts.of('write', '/volume/x').errno).toBe('EROFS');
    expect(facts.of('prctl')).toMatchObject({ noNewPrivileges: 1 });
    expect(facts.text('read', '/proc/sys/kernel/shmmax')).toBe('12345\n');
    expect(facts.text('read', '/proc/self/oom_score_adj')).toBe('500\n');
    expect(facts.of('stat', '/dev/own')).toMatchObject({ type: 'char', major: 1, minor: 7 });
    expect(facts.of('pids').pid).toBe(1);
  });

  test('-t gives it a terminal, and -i what is typed', async () => {
    const result = await podman.run(['--rm', '--tty'], 'tty', 'stat=/dev/console');
    expect(result.expectCode(0).facts.of('tty')).toMatchObject({ tty: true, controlling: true });
    expect(result.facts.of('stat')).toMatchObject({ type: 'char', major: 136 });
    const typed = await podman.call(['run', '--rm', '--network', 'none', '--interactive', image, '/guest', 'stdin'], {
      input: 'some words',
    });
    expect(typed.expectCode(0).stdout).toContain('some words');
  });

  test('--cgroups disabled: podman asks for it by --cgroup-manager', async () => {
    const result = await podman.run(['--rm', '--cgroups', 'disabled'], 'print=without');
    expect(result.expectCode(0).stdout).toBe('without\n');
  });

  test('--network host, --pid host, --ipc host, --uts host: the namespaces are the host’s', async () => {
    for (const [flag, kind] of [
      ['pid', 'pid'],
      ['ipc', 'ipc'],
      ['uts', 'uts'],
      ['network', 'net'],
    ] as const) {
      const network = flag === 'network' ? [] : ['--network', 'none'];
      const result = await podman.do('run', '--rm', ...network, `--${flag}`, 'host', image, '/guest', `ns=${kind}`);
      expect([flag, result.code, result.facts.of('ns')[kind]]).toEqual([flag, 0, namespaceOf('self', kind)]);
    }
  });

  test('joins the namespaces of another container', async () => {
    const first = await podman.detached([], 'pause');
    const pid = await pidOf(first);
    for (const [flag, kind] of [
      ['pid', 'pid'],
      ['ipc', 'ipc'],
      ['network', 'net'],
    ] as const) {
      const result = await podman.do('run', '--rm', `--${flag}`, `container:${first}`, image, '/guest', `ns=${kind}`);
      expect([flag, result.code, result.facts.of('ns')[kind]]).toEqual([flag, 0, namespaceOf(pid, kind)]);
    }
  });

  test('--init: what the program leaves is reaped', async () => {
    const result = await podman.run(['--rm', '--init'], 'pids', 'exit=3');
    expect(result.code).toBe(3);
    expect(result.facts.of('pids').pid).toBe(2);
  });

  test('--uidmap: root of the container is somebody else', async () => {
    const id = await podman.detached(['--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'], 'ids', 'pause');
    await podman.said(id, '"pause"');
    expect(readFileSync(`/proc/${await pidOf(id)}/uid_map`, 'utf8').trim()).toMatch(/^0 +100000 +65536$/);
  });
});

test('build: each RUN is a container of the runtime', async () => {
  const context = join(podman.dir, 'context');
  mkdirSync(context);
  const steps = [
    `FROM ${image}`,
    'RUN ["/guest", "print=is built", "write=/tmp/made=made"]',
    'USER 1',
    'RUN ["/guest", "caps"]',
  ];
  writeFileSync(join(context, 'Containerfile'), `${steps.join('\n')}\n`);
  // buildah, which is inside podman, asks for ambient capabilities, and for no inheritable ones.
  const built = await podman.do('build', '--network', 'none', '--tag', 'built', context);
  expect(built.expectCode(0).stdout).toContain('is built\n');
  const { facts } = await podman.do('run', '--rm', '--network', 'none', 'built', '/guest', 'read=/tmp/made', 'ids');
  expect(facts.text('read')).toBe('made');
  expect(facts.of('ids')).toMatchObject({ uid: 1 });
}, 120_000);

describe('the life of a container', () => {
  test('create, start, exec, pause, unpause, kill, restart, stop, rm', async () => {
    const id = (await podman.do('create', '--network', 'none', '--name', 'life', image, '/guest', 'pause'))
      .expectCode(0)
      .stdout.trim();
    expect(await statusOf('life')).toBe('created');
    (await podman.do('start', 'life')).expectCode(0);
    expect(await statusOf('life')).toBe('running');
    expect(await podman.inspect('life', '{{.OCIRuntime}}')).toBe('tsrun');

    const inside = await podman.do(
      'exec',
      '--env',
      'A=1',
      '--workdir',
      '/work',
      '--user',
      '1:2',
      'life',
      '/guest',
      'ids',
      'cwd',
      'env',
      'exit=9',
    );
    expect(inside.code).toBe(9);
    expect(inside.facts.of('ids')).toMatchObject({ uid: 1, gid: 2 });
    expect(inside.facts.text('cwd')).toBe('/work');
    expect(inside.facts.list('env')).toContain('A=1');
    expect((await podman.do('exec', '--tty', 'life', '/guest', 'tty')).facts.of('tty')).toMatchObject({ tty: true });
    expect((await podman.do('exec', 'life', '/no/such/program')).code).toBe(127);
    expect((await podman.do('exec', 'life', '/bin/no-executable')).code).toBe(126);
    expect((await podman.do('exec', '--workdir', '/no/such', 'life', '/guest')).code).toBe(127);
    expect((await podman.do('exec', 'life', '/guest', 'raise=15')).code).toBe(143);
    (await podman.do('exec', '--detach', 'life', '/guest', 'write=/tmp/detached=1')).expectCode(0);
    await until('the detached process has run', async () =>
      (await podman.do('exec', 'life', '/guest', 'read=/tmp/detached')).stdout.includes('"value":"1"'),
    );

    (await podman.do('pause', 'life')).expectCode(0);
    expect(await statusOf('life')).toBe('paused');
    (await podman.do('unpause', 'life')).expectCode(0);
    expect(await statusOf('life')).toBe('running');

    const first = await pidOf(id);
    (await podman.do('restart', '--time', '1', 'life')).expectCode(0);
    expect(await pidOf(id)).not.toBe(first);
    (await podman.do('kill', 'life')).expectCode(0);
    expect((await podman.do('wait', 'life')).stdout.trim()).toBe('137');
    await until('podman has cleaned up', async () => (await statusOf('life')) === 'exited');
    await podman.remove('life');
  });

  test('stop lets the program end by itself, and the status is its own', async () => {
    const id = await podman.detached(['--stop-signal', 'USR1'], 'until=/never', 'exit=0');
    const result = await podman.do('stop', '--time', '0', id);
    expect(result.code).toBe(0);
    expect((await podman.do('wait', id)).stdout.trim()).toMatch(/^(137|138)$/);
  });

  test('top, and what checkpoint says', async () => {
    const id = await podman.detached([], 'pause');
    expect((await podman.do('top', id, 'pid', 'comm')).expectCode(0).stdout).toContain('guest');
    const refused = await podman.do('container', 'checkpoint', id);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toMatch(/CRIU|does not support checkpoint/);
  });

  test('start --attach has what comes, and the exit status', async () => {
    const id = (await podman.do('create', '--network', 'none', image, '/guest', 'print=came', 'exit=4'))
      .expectCode(0)
      .stdout.trim();
    const ended = await podman.do('start', '--attach', id);
    expect([ended.code, ended.stdout]).toEqual([4, 'came\n']);
  });
});

test('docs/engines.md: podman reads every line of its configuration', async () => {
  const [, lines = ''] =
    /^## podman$.*?^```toml\n(.*?)^```$/ms.exec(readFileSync(join(repository, 'docs/engines.md'), 'utf8')) ?? [];
  const file = join(podman.dir, 'documented.conf');
  writeFileSync(file, lines.replaceAll('/usr/local/bin/tsrun', runtimePath));
  const argv = ['--log-level', 'debug', 'info', '--format', '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'];
  const result = (await podman.call(argv, { env: { CONTAINERS_CONF: file } })).expectCode(0);
  expect(result.stdout.trim()).toBe(`tsrun ${runtimePath}`);
  expect(result.stderr).not.toMatch(/decode the keys/);
});

describe('many, and bad moments', () => {
  test('fifty are started at once, stopped and removed: none is lost, nothing is left', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `many${index}`);
    const started = await Promise.all(
      names.map((name) => podman.run(['--detach', '--name', name], `print=${name}`, 'pause')),
    );
    expect(started.filter(({ code }) => code !== 0).map(({ stderr }) => stderr)).toEqual([]);
    const running = (await podman.do('ps', '--format', '{{.Names}}')).expectCode(0).stdout.trim().split('\n');
    expect(running.sort()).toEqual([...names].sort());
    const pids = await Promise.all(names.map(pidOf));
    expect(pids.filter((pid) => !isAlive(pid))).toEqual([]);
    for (const name of ['many0', 'many49']) await podman.said(name, name);
    (await podman.do('stop', '--all', '--time', '0')).expectCode(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await podman.do('ps', '--all', '--format', '{{.Names}}')).stdout.trim().split('\n')).toHaveLength(50);
    await podman.remove('--all');
    await until(`nothing is left of them: ${podman.left().join('\n')}`, () => podman.left().length === 0);
  }, 180_000);

  test('conmon is killed: rm --force ends the container, which the runtime still knows, and removes', async () => {
    const id = await podman.detached([], 'children=3', 'pause');
    const pid = await pidOf(id);
    const conmon = Number(readFileSync(await podman.inspect(id, '{{.ConmonPidFile}}'), 'utf8'));
    process.kill(conmon, 'SIGKILL');
    await until('conmon has ended', () => !isAlive(conmon));
    await podman.remove('--force', '--time', '0', id);
    expect(isAlive(pid)).toBe(false);
    expect(await podman.sweep()).toBe(1);
  });

  /** What podman knows of, its own rm removes; what it does not yet, or no more, is there for the runtime's delete. */
  const clearAll = async (): Promise<void> => {
    await podman.removeAll();
    await podman.sweep();
    await podman.clear();
  };

  test('podman is killed at any moment: everything can be removed', async () => {
    for (let moment = 20_000; moment < 300_000; moment += 20_000) {
      await podman.killed(moment, ['run', '--network', 'none', '--detach', image, '/guest', 'pause']);
      await clearAll();
    }
  }, 180_000);

  test('conmon is killed while it makes a container: everything can be removed', async () => {
    const output = { stdout: join(podman.dir, 'o'), stderr: join(podman.dir, 'e') };
    const conmons = (): number[] =>
      podman.processes().flatMap(({ pid, command }) => (/conmon .*--api-version/.test(command) ? [pid] : []));
    for (let moment = 0; moment < 8; moment++) {
      const running = podman.start(['run', '--network', 'none', '--detach', image, '/guest', 'pause'], { output });
      await until('conmon is there', () => conmons().length > 0);
      // After so many looks at /proc: sooner or later in its work.
      for (let look = 0; look < moment * 2; look++) podman.processes();
      for (const pid of conmons()) process.kill(pid, 'SIGKILL');
      await running;
      await clearAll();
    }
  }, 180_000);
});

describe('--sdnotify', () => {
  test.for([
    ['container', ['READY=1', 'MAINPID=<conmon>']],
    ['conmon', ['MAINPID=<conmon>\nREADY=1']],
    ['ignore', []],
  ] as const)('%s', async ([mode, expected]) => {
    const manager = await ServiceManager.listen(join(podman.dir, `manager-${mode}`));
    try {
      const output = { stdout: join(podman.dir, `${mode}.out`), stderr: join(podman.dir, `${mode}.err`) };
      const line = ['run', '--detach', '--network', 'none', '--sdnotify', mode, image, '/guest'];
      const result = await podman.call([...line, 'env', 'notify=STATUS=x', 'notify=READY=1', 'pause'], {
        env: { NOTIFY_SOCKET: manager.path },
        output,
      });
      const id = result.expectCode(0).stdout.trim();
      await podman.said(id, 'pause');
      const conmon = await podman.inspect(id, '{{.State.ConmonPid}}');
      const messages = await manager.told(expected.length);
      expect(messages.map(([message]) => message.replaceAll(conmon, '<conmon>'))).toEqual(expected);
    } finally {
      await manager.close();
    }
  });
});
