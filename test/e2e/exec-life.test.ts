/** `exec`: how it begins and ends, in containers of every status, and what it leaves: nothing. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { args, hook, type Part, terminal, userNamespace, withoutNamespace } from './harness/config.ts';
import { cgroupMount, cgroupOf, descriptorsOf, isAlive, processes, statusField, until } from './harness/kernel.ts';
import type { Container, Lab } from './harness/lab.ts';
import { guestPath, hostToolPath } from './harness/places.ts';
import { call, runtime, start } from './harness/runtime.ts';
import { ConsoleSocket, Terminal } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';

const waiting = (lab: Lab, ...parts: Part[]): Promise<Container> => lab.started([args('pause'), ...parts]);
const outputs = (lab: Lab) => ({ stdout: lab.path('exec.out'), stderr: lab.path('exec.err') });
const members = (container: Container): string[] =>
  readFileSync(join(cgroupMount, cgroupOf(container.pid), 'cgroup.procs'), 'utf8')
    .trim()
    .split('\n');

/** The container holds its own process and no other. */
async function alone(container: Container): Promise<void> {
  await until('only the first process is left', () => members(container).join() === String(container.pid));
}

describe('the exit status', () => {
  test.for([0, 1, 7, 254, 255])('%d of the program', async (status, { lab }) => {
    const container = await waiting(lab);
    const result = await lab.exec(container, [`exit=${status}`]);
    expect([result.code, result.stdout, result.stderr]).toEqual([status, '', '']);
    await alone(container);
  });

  test.for([9, 15, 11, 34])('128 + %d, of a signal', async (signal, { lab }) => {
    const container = await waiting(lab);
    expect((await lab.exec(container, [`raise=${signal}`])).code).toBe(128 + signal);
  });

  test('of a program that takes longer', async ({ lab }) => {
    const container = await waiting(lab);
    expect((await lab.exec(container, ['sleep=0.3', 'print=late', 'exit=5'])).code).toBe(5);
    expect((await lab.exec(container, ['sleep=0.3', 'raise=9'])).code).toBe(137);
  });

  test.for([
    ['nosuch', /executable file not found in \$PATH/],
    ['/nosuch', /no such file or directory/],
    ['/etc', /permission denied/],
    ['/etc/data', /permission denied/],
    ['/script', /no such file or directory.*interpreter/],
    ['/text', /exec format error/],
  ] as const)('255 where %s cannot be executed', async ([program, words], { lab }) => {
    const container = await waiting(lab);
    const { rootfs } = container.bundle;
    writeFileSync(join(rootfs, 'etc/data'), 'x');
    writeFileSync(join(rootfs, 'script'), '#!/no/interpreter\n', { mode: 0o755 });
    writeFileSync(join(rootfs, 'text'), 'x', { mode: 0o755 });
    const [log, pidFile] = [lab.path('log'), lab.path('pid')];
    const result = await lab.tsrun([
      ...['--log', log, '--log-format', 'json', 'exec', '--pid-file', pidFile, container.id, program],
    ]);
    expect([result.code, result.stdout]).toEqual([255, '']);
    expect(result.stderr).toMatch(words);
    expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({ level: 'error', msg: expect.stringMatching(words) });
    expect(existsSync(pidFile)).toBe(false);
    await alone(container);
  });

  test('255 where there is no such container', async ({ lab }) => {
    const result = await lab.exec({ id: 'nobody' }, ['pass']);
    expect([result.code, result.stderr]).toEqual([255, 'tsrun: container "nobody" does not exist\n']);
  });

  test('255 where the log cannot be written', async ({ lab }) => {
    const container = await waiting(lab);
    expect((await lab.exec(container, ['pass'], { global: ['--log', '/no/such/log'] })).code).toBe(255);
  });
});

describe('in a container that is', () => {
  test('created', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    (await lab.exec(container, ['exit=4'])).expectCode(4);
    await container.start();
    await container.told('pause');
  });

  test('stopped', async ({ lab }) => {
    const container = await lab.started([args('exit=0')]);
    await container.ended();
    const result = await lab.exec(container, ['pass']);
    expect([result.code, result.stderr]).toEqual([255, expect.stringContaining('container not running')]);
  });

  test('paused: only with --ignore-paused, and then it runs after resume', async ({ lab }) => {
    const container = await waiting(lab);
    await container.told('pause');
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    const refused = await lab.exec(container, ['pass']);
    expect([refused.code, refused.stderr]).toEqual([255, expect.stringContaining('paused container')]);
    const running = start(
      runtime(lab.root, 'exec', '--ignore-paused', container.id, '/guest', 'print=thawed', 'exit=6'),
      {},
    );
    await until('it is there, frozen', () => members(container).length === 2);
    (await lab.tsrun(['resume', container.id])).expectCode(0);
    const { exitCode, stdout } = await running;
    expect([exitCode, stdout]).toEqual([6, 'thawed\n']);
  });

  test('forking all the time', async ({ lab }) => {
    const container = await lab.started([args('forks=1000000')]);
    for (let round = 0; round < 10; round++) (await lab.exec(container, ['exit=2'])).expectCode(2);
  });

  test.for([false, true])('full of processes (user namespace: %s)', async (inner, { lab }) => {
    const limits: Part = ({ config }) => {
      Object.assign(config.linux, { resources: { pids: { limit: 1 } } });
    };
    const container = await waiting(lab, limits, ...(inner ? [userNamespace()] : []));
    await container.told('pause');
    const result = await lab.exec(container, ['pass']);
    expect([result.code, result.stderr]).toEqual([255, expect.stringMatching(/^tsrun: [^\n]*pids\.max[^\n]*\n$/)]);
    await alone(container);
  });

  test('without a pid namespace, and is ended with it', async ({ lab }) => {
    const container = await waiting(lab, withoutNamespace('pid'));
    const pidFile = lab.path('pid');
    (await lab.exec(container, ['pause'], { flags: ['-d', '--pid-file', pidFile], output: outputs(lab) })).expectCode(
      0,
    );
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(isAlive(pid)).toBe(true);
    (await container.delete('--force')).expectCode(0);
    await until('it is gone too', () => !isAlive(pid));
  });

  test('being killed: the right words, or the status of what was killed', async ({ lab }) => {
    for (let round = 0; round < 12; round++) {
      const container = await waiting(lab, ...(round % 2 ? [withoutNamespace('pid')] : []));
      const execs = Array.from({ length: 4 }, (_, index) => lab.exec(container, index % 2 ? ['pass'] : ['pause']));
      await new Promise((wake) => setTimeout(wake, round));
      (await lab.tsrun(['kill', '--all', container.id, 'KILL'])).expectCode(0);
      for (const { code, stderr } of await Promise.all(execs)) {
        if (code === 255) expect(stderr).toMatch(/^tsrun: [^\n]*(container not running|killed it)[^\n]*\n$/);
        else expect([0, 137]).toContain(code);
      }
      (await container.delete('--force')).expectCode(0);
    }
  });

  test('being deleted by force', async ({ lab }) => {
    for (let round = 0; round < 12; round++) {
      const container = await waiting(lab, ...(round % 2 ? [withoutNamespace('pid')] : []));
      const execs = Array.from({ length: 4 }, () => lab.exec(container, ['pause']));
      await new Promise((wake) => setTimeout(wake, round));
      (await container.delete('--force')).expectCode(0);
      for (const { code, stderr } of await Promise.all(execs)) {
        if (code === 255) expect(stderr).toMatch(/^tsrun: [^\n]*(not running|does not exist|killed it)[^\n]*\n$/);
        else expect(code).toBe(137);
      }
    }
  });
});

test('a hundred at once', { timeout: 120_000 }, async ({ lab }) => {
  const container = await waiting(lab);
  const results = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      lab.exec(container, ['print=here', `exit=${index % 7}`], { timeout: 100 }),
    ),
  );
  for (const [index, { code, stdout, stderr }] of results.entries())
    expect([code, stdout, stderr]).toEqual([index % 7, 'here\n', '']);
  await alone(container);
});

describe('killed at any moment', () => {
  const moments = Array.from({ length: 40 }, (_, index) => index * 350);

  test('it leaves nothing but a program that runs', { timeout: 120_000 }, async ({ lab }) => {
    const container = await waiting(lab);
    for (const moment of moments) {
      const argv = runtime(lab.root, 'exec', container.id, '/guest', 'pass=exec-mark', 'sleep=0.05');
      await call([hostToolPath, 'killafter', String(moment), ...argv], { output: outputs(lab) });
    }
    await alone(container);
    expect((await container.state()).status).toBe('running');
  });
});

describe('detached', () => {
  test('the pid file is there, bare, and the process runs on', async ({ lab }) => {
    const container = await waiting(lab);
    const pidFile = lab.path('pid');
    (
      await lab.exec(container, ['print=on', 'pause'], { flags: ['-d', '--pid-file', pidFile], output: outputs(lab) })
    ).expectCode(0);
    const text = readFileSync(pidFile, 'utf8');
    expect(text).toMatch(/^\d+$/);
    await until('it printed', () => readFileSync(lab.path('exec.out'), 'utf8').includes('on'));
    expect(isAlive(Number(text))).toBe(true);
    expect(statusField(Number(text), 'NSpid').split('\t')).toHaveLength(2);
  });

  test('its parent is the caller’s subreaper', async ({ lab }) => {
    const container = await waiting(lab);
    const result = await call(
      [hostToolPath, 'reaper', ...runtime(lab.root, 'exec', '-d', container.id, '/guest', 'exit=9')],
      {},
    );
    expect(result.stdout).toMatch(/"descendant","pid":\d+,"exit":9/);
  });

  test('in the foreground a pid file is written too', async ({ lab }) => {
    const container = await waiting(lab);
    const pidFile = lab.path('pid');
    (await lab.exec(container, ['exit=0'], { flags: ['--pid-file', pidFile] })).expectCode(0);
    expect(readFileSync(pidFile, 'utf8')).toMatch(/^\d+$/);
  });
});

describe('sockets', () => {
  test('--console-socket gets the terminal', async ({ lab }) => {
    const container = await waiting(lab);
    const socket = await ConsoleSocket.listen(lab.path('console.sock'));
    try {
      const flags = ['-d', '-t', '--console-socket', socket.path];
      (await lab.exec(container, ['tty', 'stdio', 'fds', 'pause'], { flags, output: outputs(lab) })).expectCode(0);
      await socket.said('"pause"');
      expect(socket.facts.of('received')).toMatchObject({ fds: 1 });
      expect(socket.facts.of('tty')).toMatchObject({ tty: true, controlling: true });
      expect(socket.facts.list<{ fd: number }>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2]);
    } finally {
      await socket.close();
    }
  });

  test.for(['exec', 'create'])('--pidfd-socket of %s gets a pidfd of the process', async (command, { lab }) => {
    const socket = await ConsoleSocket.listen(lab.path('pidfd.sock'), 'pidfd');
    try {
      const flags = ['--pidfd-socket', socket.path];
      const container = await lab.started([args('pause')], command === 'create' ? { flags } : {});
      let pid = container.pid;
      if (command === 'exec') {
        const pidFile = lab.path('pid');
        (
          await lab.exec(container, ['pause'], { flags: [...flags, '-d', '--pid-file', pidFile], output: outputs(lab) })
        ).expectCode(0);
        pid = Number(readFileSync(pidFile, 'utf8'));
      }
      await socket.said('"verb":"pidfd","pid"');
      expect(socket.facts.of('received')).toMatchObject({ fds: 1 });
      expect(socket.facts.of('pidfd')).toMatchObject({ pid });
      process.kill(pid, 'SIGKILL');
      await socket.said('"ended"');
    } finally {
      await socket.close();
    }
  });
});

describe('at a terminal', () => {
  async function atTerminal(lab: Lab, container: Container, verbs: string[], use: (screen: Terminal) => Promise<void>) {
    const screen = new Terminal(24, 80, runtime(lab.root, 'exec', '-t', container.id, '/guest', ...verbs));
    try {
      await use(screen);
    } finally {
      await screen.close();
    }
  }

  test('it has one of its own, of the caller’s size', async ({ lab }) => {
    const container = await waiting(lab);
    await atTerminal(lab, container, ['tty', 'pids', 'exit=3'], async (screen) => {
      expect(await screen.ended()).toBe(3);
      expect(screen.facts.of('tty')).toMatchObject({ tty: true, rows: 24, columns: 80, controlling: true });
      const { pid, sid } = screen.facts.of('pids') as { pid?: number; sid?: number };
      expect(sid).toBe(pid);
    });
  });

  test('raw meanwhile, and as before after it', async ({ lab }) => {
    const container = await waiting(lab);
    await atTerminal(lab, container, ['line', 'exit=0'], async (screen) => {
      const before = await screen.modes('before');
      await screen.said('"line-ready"');
      await until('it is raw', async () => !(await screen.modes()).icanon);
      screen.type('typed words\r');
      await screen.said('"value":"typed words"');
      expect(await screen.ended()).toBe(0);
      expect(await screen.modes('after')).toEqual({ ...before, verb: 'after' });
    });
  });

  test('as before where the program cannot be run', async ({ lab }) => {
    const container = await waiting(lab);
    const screen = new Terminal(24, 80, runtime(lab.root, 'exec', '-t', container.id, '/no/such'));
    const before = await screen.modes('before');
    expect(await screen.ended()).toBe(255);
    expect(await screen.modes('after')).toEqual({ ...before, verb: 'after' });
    await screen.close();
  });

  test('with another terminal of the container beside it', async ({ lab }) => {
    const socket = await ConsoleSocket.listen(lab.path('console.sock'));
    try {
      const container = await lab.started([terminal(), args('pause')], { flags: ['--console-socket', socket.path] });
      await atTerminal(lab, container, ['tty', 'exit=0'], async (screen) => {
        expect(await screen.ended()).toBe(0);
        expect(screen.facts.of('tty')).toMatchObject({ name: '/dev/pts/1' });
      });
    } finally {
      await socket.close();
    }
  });
});

test('standard input reaches it', async ({ lab }) => {
  const container = await waiting(lab);
  const { facts } = (await lab.exec(container, ['stdin'], { input: 'some words' })).expectCode(0);
  expect(facts.text('stdin')).toBe('some words');
});

test('hooks do not run for it', async ({ lab }) => {
  const mark = lab.path('mark');
  const container = await lab.create([
    args('pause'),
    hook('startContainer', { path: '/guest', args: ['guest', 'pass'] }),
    hook('poststart', { path: guestPath, args: ['guest', `write=${mark}=x`] }),
  ]);
  (await lab.exec(container, ['pass'])).expectCode(0);
  expect(existsSync(mark)).toBe(false);
});

test('a damaged copy of the configuration is named', async ({ lab }) => {
  const container = await waiting(lab);
  const path = join(lab.root, container.id, 'config.json');
  for (const content of ['', '{', '[]', '{"ociVersion":"1.0.0"}', 'null']) {
    writeFileSync(path, content);
    const result = await lab.exec(container, ['pass']);
    expect([content, result.code, result.stderr]).toEqual([
      content,
      255,
      expect.stringMatching(/^tsrun: [^\n]*config\.json is damaged[^\n]*\n$/),
    ]);
  }
});

test('nothing of it stays in the box', async ({ lab }) => {
  const container = await waiting(lab);
  await container.told('pause');
  const before = processes().length;
  const fds = descriptorsOf(container.pid);
  for (let round = 0; round < 20; round++) await lab.exec(container, round % 2 ? ['exit=1'] : ['raise=9']);
  await until('as many processes as before', () => processes().length <= before);
  expect(descriptorsOf(container.pid)).toEqual(fds);
});
