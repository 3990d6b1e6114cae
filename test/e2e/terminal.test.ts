/** Terminals: console sockets, `run` at a terminal, sizes and modes. */
import { statSync } from 'node:fs';
import { args, set, terminal, user, userNamespace, withoutNamespace } from './harness/config.ts';
import { until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { runtime } from './harness/runtime.ts';
import { ConsoleSocket, Terminal } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';

describe('--console-socket', () => {
  async function withConsole(lab: Lab, use: (socket: ConsoleSocket) => Promise<void>): Promise<void> {
    const socket = await ConsoleSocket.listen(lab.path('console.sock'));
    try {
      await use(socket);
    } finally {
      await socket.close();
    }
  }

  test('receives one terminal, with ONLCR off, and the process has its other end', async ({ lab }) => {
    await withConsole(lab, async (socket) => {
      const container = await lab.create(
        [terminal(), args('tty', 'pids', 'fds', 'stat=/dev/console', 'stdio', 'pause')],
        {
          flags: ['--console-socket', socket.path],
        },
      );
      await socket.said('"verb":"terminal"');
      expect(socket.facts.of('received')).toMatchObject({ fds: 1, payload: expect.stringMatching(/./) });
      expect(socket.facts.of('terminal')).toMatchObject({ onlcr: false });
      expect(container.output).toBe('');
      await container.start();
      await socket.said('"pause"');
      expect(socket.facts.of('tty')).toMatchObject({
        tty: true,
        controlling: true,
        session: 1,
        name: expect.stringMatching(/^\/dev\/(pts\/0|console)$/),
      });
      expect(socket.facts.of('pids')).toMatchObject({ sid: 1 });
      expect(socket.facts.of('stat')).toMatchObject({ type: 'char', major: 136, minor: 0 });
      expect(socket.facts.list<{ tty: boolean }>('stdio').map(({ tty }) => tty)).toEqual([true, true, true]);
      expect(socket.facts.list<{ fd: number }>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2]);
      // Nothing of it reaches the caller's own streams.
      expect([container.output, container.errorOutput]).toEqual(['', '']);
    });
  });

  test('what is typed arrives, what is written comes back', async ({ lab }) => {
    await withConsole(lab, async (socket) => {
      const container = await lab.started([terminal(), args('line', 'print=good bye')], {
        flags: [`--console-socket=${socket.path}`],
      });
      await socket.said('"line-ready"');
      socket.type('some words\n');
      await socket.said('"value":"some words"');
      await socket.said('good bye');
      await container.ended();
    });
  });

  test('the size is the configuration’s', async ({ lab }) => {
    await withConsole(lab, async (socket) => {
      await lab.started([terminal({ height: 33, width: 111 }), args('tty', 'pause')], {
        flags: ['--console-socket', socket.path],
      });
      await socket.said('"pause"');
      expect(socket.facts.of('tty')).toMatchObject({ rows: 33, columns: 111 });
    });
  });

  test('the terminal belongs to the container’s user', async ({ lab }) => {
    await withConsole(lab, async (socket) => {
      await lab.started(
        [terminal(), user(1000, 1000), args('open=/dev/pts/0=rw', 'open=/dev/tty=rw', 'stat=/dev/pts/0', 'pause')],
        {
          flags: ['--console-socket', socket.path],
        },
      );
      await socket.said('"pause"');
      for (const attempt of socket.facts.each('open')) expect(attempt).toMatchObject({ errno: '' });
      expect(socket.facts.of('stat')).toMatchObject({ uid: 1000 });
    });
  });

  test('in a user namespace', async ({ lab }) => {
    await withConsole(lab, async (socket) => {
      await lab.started(
        [userNamespace(), terminal(), args('tty', 'stat=/dev/console', 'open=/dev/console=rw', 'pause')],
        {
          flags: ['--console-socket', socket.path],
        },
      );
      await socket.said('"pause"');
      expect(socket.facts.of('tty')).toMatchObject({ tty: true, controlling: true });
      expect(socket.facts.of('open').errno).toBe('');
    });
  });

  test('run --detach', async ({ lab }) => {
    await withConsole(lab, async (socket) => {
      await lab.create([terminal(), args('tty', 'pause')], { detach: true, flags: ['--console-socket', socket.path] });
      await socket.said('"pause"');
      expect(socket.facts.of('tty')).toMatchObject({ tty: true });
    });
  });

  test('a relative path is the caller’s', async ({ lab }) => {
    await withConsole(lab, async (socket) => {
      const { dir } = lab.bundle(terminal(), args('tty', 'pause'));
      const id = lab.id();
      (
        await lab.tsrun(['run', '--detach', '--bundle', dir, '--console-socket', 'console.sock', id], { cwd: lab.dir })
      ).expectCode(0);
      await socket.said('"pause"');
    });
  });

  test('is required for a terminal where nobody stays with it', async ({ lab }) => {
    for (const detach of [false, true]) {
      const { result } = await lab.tryCreate(lab.bundle(terminal(), args('pause')), { detach });
      expect(result.code).toBe(1);
      expect(result.stderr).toContain('console-socket');
      expect(lab.leftovers()).toEqual([]);
    }
  });

  test('is refused without a terminal', async ({ lab }) => {
    await withConsole(lab, async (socket) => {
      const { result } = await lab.tryCreate(lab.bundle(args('pause')), { flags: ['--console-socket', socket.path] });
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/terminal/);
      expect(lab.leftovers()).toEqual([]);
    });
  });

  test.for(['/no/such/socket', '/dev/null', ''])('to %j fails by name', async (path, { lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(terminal(), args('pause')), {
      flags: ['--console-socket', path],
    });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(path === '' ? 'console-socket' : path);
    expect(lab.leftovers()).toEqual([]);
  });

  test('a path longer than a socket address', async ({ lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(terminal(), args('pause')), {
      flags: ['--console-socket', `/tmp/${'s'.repeat(120)}`],
    });
    expect(result.code).toBe(1);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('run at a terminal', () => {
  async function atTerminal(
    lab: Lab,
    parts: Parameters<Lab['bundle']>,
    use: (screen: Terminal, id: string) => Promise<void>,
  ): Promise<void> {
    const { dir } = lab.bundle(terminal(), ...parts);
    const id = lab.id();
    const screen = new Terminal(24, 80, runtime(lab.root, 'run', '--bundle', dir, id));
    try {
      await use(screen, id);
    } finally {
      await screen.close();
    }
  }

  test('the process has a terminal of its own, of the caller’s size', async ({ lab }) => {
    await atTerminal(lab, [args('tty', 'stdio', 'exit=3')], async (screen) => {
      expect(await screen.ended()).toBe(3);
      expect(screen.facts.of('tty')).toMatchObject({
        tty: true,
        rows: 24,
        columns: 80,
        controlling: true,
        session: 1,
        name: expect.stringMatching(/\/dev\/(pts\/0|console)/),
      });
    });
    expect(lab.leftovers()).toEqual([]);
  });

  test('the caller’s terminal is raw while it runs and as before after it', async ({ lab }) => {
    await atTerminal(lab, [args('line', 'exit=0')], async (screen) => {
      const before = await screen.modes('before');
      expect(before).toMatchObject({ icanon: true, echo: true, isig: true });
      await screen.said('"line-ready"');
      expect(await screen.modes()).toMatchObject({ icanon: false, echo: false, isig: false });
      screen.type('x\r');
      expect(await screen.ended()).toBe(0);
      expect(await screen.modes('after')).toEqual({ ...before, verb: 'after' });
    });
  });

  test('what is typed is echoed once, by the container’s terminal', async ({ lab }) => {
    await atTerminal(lab, [args('line', 'print=end', 'exit=0')], async (screen) => {
      await screen.said('"line-ready"');
      screen.type('typed words\r');
      await screen.said('"value":"typed words"');
      expect(await screen.ended()).toBe(0);
      expect(screen.output.split('typed words').length - 1).toBe(2);
      expect(screen.raw).toContain('\r\n');
    });
  });

  test('Ctrl-C is a character for the container', async ({ lab }) => {
    await atTerminal(lab, [args('signals=1', 'exit=6')], async (screen) => {
      await screen.said('"signals-ready"');
      screen.type('\x03');
      await screen.said('"number":2');
      expect(await screen.ended()).toBe(6);
    });
  });

  test('a change of size arrives', async ({ lab }) => {
    await atTerminal(lab, [args('winch=2', 'exit=0')], async (screen) => {
      await screen.said('"winch-ready"');
      screen.resize(40, 132);
      await screen.said('"rows":40,"columns":132');
      screen.resize(10, 20);
      await screen.said('"rows":10,"columns":20');
      expect(await screen.ended()).toBe(0);
    });
  });

  test.for([15, 1])('is restored when signal %d ends it', async (number, { lab }) => {
    await atTerminal(lab, [withoutNamespace('pid'), args('print=now', 'pause')], async (screen) => {
      const before = await screen.modes('before');
      await screen.said('"pause"');
      screen.signal(number);
      expect(await screen.ended()).toBe(128 + number);
      expect(await screen.modes('after')).toEqual({ ...before, verb: 'after' });
    });
  });

  test('is restored when the program cannot be run', async ({ lab }) => {
    await atTerminal(lab, [set('process.args', ['/no/such/program'])], async (screen) => {
      const before = await screen.modes('before');
      expect(await screen.ended()).toBe(1);
      expect(screen.output).toMatch(/no such file or directory/i);
      expect(await screen.modes('after')).toEqual({ ...before, verb: 'after' });
    });
    expect(lab.leftovers()).toEqual([]);
  });

  test('is restored when the container is deleted by force from elsewhere', async ({ lab }) => {
    await atTerminal(lab, [args('pause')], async (screen, id) => {
      const before = await screen.modes('before');
      await screen.said('"pause"');
      (await lab.tsrun(['kill', id, 'KILL'])).expectCode(0);
      expect(await screen.ended()).toBe(137);
      expect(await screen.modes('after')).toEqual({ ...before, verb: 'after' });
    });
  });

  test('much output arrives whole', async ({ lab }) => {
    await atTerminal(lab, [args('flood=200000', 'print=the end', 'exit=0')], async (screen) => {
      expect(await screen.ended()).toBe(0);
      expect(screen.output).toContain('the end');
      expect(screen.output.split('x').length - 1).toBeGreaterThanOrEqual(400_000);
    });
  });

  test('without terminal in the configuration the caller’s terminal is the container’s', async ({ lab }) => {
    const { dir } = lab.bundle(args('tty', 'exit=0'));
    const screen = new Terminal(24, 80, runtime(lab.root, 'run', '--bundle', dir, lab.id()));
    try {
      expect(await screen.ended()).toBe(0);
      expect(screen.facts.of('tty')).toMatchObject({ tty: true });
    } finally {
      await screen.close();
    }
  });

  test('with terminal and no terminal at the caller’s end it fails, or its output comes through all the same', async ({
    lab,
  }) => {
    const result = await lab.run([terminal(), args('print=hello', 'exit=0')], { timeout: 15 });
    if (result.code === 0) expect(result.stdout).toContain('hello');
    else expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(lab.leftovers()).toEqual([]);
  });
});

test('the machine’s own nodes stay as they were', async ({ lab }) => {
  await lab.run([user(1000, 1000), args('exit=0')]);
  await until('/dev/zero is as before', () => statSync('/dev/zero').uid === 0);
});
