/** NOTIFY_SOCKET: sd_notify(3) between a container's program and whoever waits until it is ready. */
import { existsSync, writeFileSync } from 'node:fs';
import { args, type Part, userNamespace } from './harness/config.ts';
import { Facts } from './harness/facts.ts';
import { until } from './harness/kernel.ts';
import type { Container, Lab } from './harness/lab.ts';
import { caller } from './harness/places.ts';
import { defaultEnvironment, runtime, start } from './harness/runtime.ts';
import { ServiceManager } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';

const told = (socket: string) => ({ env: { ...defaultEnvironment, NOTIFY_SOCKET: socket } });
/** Says what is not to be passed on; then, when it may, that it is ready. */
const service: Part = args(
  'env',
  'notify=STATUS=on the way',
  'until=/go',
  'notify=MAINPID=1;READY=1;FDSTORE=1',
  'pause',
);

async function withManager(path: string, act: (manager: ServiceManager) => Promise<void>): Promise<void> {
  const manager = await ServiceManager.listen(path);
  try {
    await act(manager);
  } finally {
    await manager.close();
  }
}

const allow = (container: { bundle: Container['bundle'] }): void => writeFileSync(`${container.bundle.rootfs}/go`, '');
const readyOf = (pid: number): [string, number] => [`READY=1\nMAINPID=${pid}\n`, 0];
const barrier: [string, number] = ['BARRIER=1', 1];

/** `start` in a process of its own. */
function starting(lab: Lab, { id }: { id: string }, socket: string) {
  return start(runtime(lab.root, 'start', id), told(socket));
}

test('start waits until the program is ready, and passes that on alone', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    const container = await lab.create([service], told(manager.path));
    const call = starting(lab, container, manager.path);
    await container.told('notify');
    expect((await container.state()).status).toBe('running');
    expect(call.exitCode).toBeNull();
    expect(manager.messages).toEqual([]);
    allow(container);
    expect(await call).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await manager.told(2)).toEqual([readyOf(container.pid), barrier]);
    const facts = await container.told('notify', 2);
    expect(facts.each('notify').map(({ errno }) => errno)).toEqual(['', '']);
    expect(facts.list('env')).toContain('NOTIFY_SOCKET=/run/notify/notify.sock');
    (await container.delete('--force')).expectCode(0);
    expect(existsSync(`${lab.root}/${container.id}`)).toBe(false);
  });
});

test('a signal ends the waiting, and not the program', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    const container = await lab.create([service], told(manager.path));
    const call = starting(lab, container, manager.path);
    await container.told('notify');
    call.kill('SIGTERM');
    expect(await call).toMatchObject({ exitCode: 143, stderr: expect.stringMatching(/NOTIFY_SOCKET: .*SIGTERM\n?$/) });
    expect((await container.state()).status).toBe('running');
  });
});

test('the program can do no more with the directory than speak', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    const socket = '/run/notify/notify.sock';
    const container = await lab.create(
      [args(`unlink=${socket}`, 'write=/run/notify/x=1', 'ls=/run/notify', 'notify=READY=1', 'pause')],
      told(manager.path),
    );
    expect((await starting(lab, container, manager.path)).exitCode).toBe(0);
    const facts = await container.told('notify');
    expect(facts.of('unlink', socket).errno).toBe('EROFS');
    expect(facts.of('write', '/run/notify/x').errno).toBe('EROFS');
    expect(facts.list('ls', '/run/notify')).toEqual(['notify.sock']);
  });
});

test.skipIf(caller !== undefined)('other ids of a user namespace can speak, too', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    const container = await lab.create(
      [userNamespace(), args('setuid=1', 'notify=READY=1', 'pause')],
      told(manager.path),
    );
    expect((await starting(lab, container, manager.path)).exitCode).toBe(0);
    expect(await manager.told(2)).toEqual([readyOf(container.pid), barrier]);
  });
});

test('run --detach waits as start does', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    const bundle = lab.bundle(service);
    const id = lab.id();
    const output = { stdout: lab.path('out'), stderr: lab.path('err') };
    const call = start(runtime(lab.root, 'run', '--detach', '--bundle', bundle.dir, id), {
      ...told(manager.path),
      output,
    });
    await until('it runs', async () => (await lab.tsrun(['state', id])).stdout.includes('"running"'));
    const { pid } = (await lab.tsrun(['state', id])).json<{ pid: number }>();
    expect(call.exitCode).toBeNull();
    allow({ bundle });
    expect((await call).exitCode).toBe(0);
    expect(await manager.told(2)).toEqual([readyOf(pid), barrier]);
  });
});

test('run in the foreground passes it on while nothing but the supervisor is left', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    const bundle = lab.bundle(service);
    const id = lab.id();
    const call = start(runtime(lab.root, 'run', '--bundle', bundle.dir, id), told(manager.path));
    let output = '';
    call.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await until('it has begun', () => new Facts(output).each('notify').length === 1);
    const { pid } = (await lab.tsrun(['state', id])).json<{ pid: number }>();
    expect(manager.messages).toEqual([]);
    allow({ bundle });
    expect(await manager.told(1)).toEqual([readyOf(pid)]);
    (await lab.tsrun(['kill', id, 'KILL'])).expectCode(0);
    expect((await call).exitCode).toBe(137);
    expect(manager.messages).toEqual([readyOf(pid)]);
  });
});

test('a program in the foreground that is ready and has ended at once was ready', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    (await lab.run([args('notify=READY=1', 'exit=3')], told(manager.path))).expectCode(3);
    expect(await manager.told(1)).toEqual([[expect.stringMatching(/^READY=1\nMAINPID=\d+\n$/), 0]]);
  });
});

test('a program that ends before it is ready is not waited for', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    const container = await lab.create([args('notify=STATUS=READY=1', 'notify=READY=0')], told(manager.path));
    const result = await lab.tsrun(['--log-level', 'warning', 'start', container.id], told(manager.path));
    expect([result.code, result.stderr]).toEqual([0, expect.stringContaining('ended before it said that it is ready')]);
    expect(manager.messages).toEqual([]);
  });
});

test('nobody has to wait for a container that is not ready', async ({ lab }) => {
  await withManager(lab.path('socket'), async (manager) => {
    const container = await lab.create([args('notify=STATUS=1', 'pause')], told(manager.path));
    const call = starting(lab, container, manager.path);
    await container.told('notify');
    const second = await lab.tsrun(['start', container.id], told(manager.path));
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('already running')]);
    (await container.delete('--force')).expectCode(0);
    expect((await call).exitCode).toBe(0);
    expect(manager.messages).toEqual([]);
  });
});

test('an abstract name', async ({ lab }) => {
  await withManager(`@tsrun-test-${process.pid}-${lab.id()}`, async (manager) => {
    const container = await lab.create([args('notify=READY=1', 'pause')], told(manager.path));
    expect((await starting(lab, container, manager.path)).exitCode).toBe(0);
    expect(await manager.told(2)).toEqual([readyOf(container.pid), barrier]);
  });
});

describe('nobody to be told', () => {
  test('a container that was created without NOTIFY_SOCKET is started without', async ({ lab }) => {
    await withManager(lab.path('socket'), async (manager) => {
      const container = await lab.create([args('env', 'ls=/run/notify', 'pause')]);
      expect((await starting(lab, container, manager.path)).exitCode).toBe(0);
      const facts = await container.told('ls');
      expect(facts.list('env').filter((entry) => String(entry).startsWith('NOTIFY_SOCKET'))).toEqual([]);
      expect(facts.of('ls', '/run/notify').errno).toBe('ENOENT');
      expect(manager.messages).toEqual([]);
    });
  });

  test.for([
    ['a path where nobody listens', '/nonexistent/socket', 'NOTIFY_SOCKET: connect to "/nonexistent/socket"'],
    ['an abstract name of nobody', '@tsrun-test-of-nobody', 'NOTIFY_SOCKET: connect to "@tsrun-test-of-nobody"'],
    ['a name too long', `@${'x'.repeat(200)}`, 'NOTIFY_SOCKET: connect to "@xxx'],
    ['no path', 'vsock:2:1', 'NOTIFY_SOCKET: neither an absolute path nor an abstract @name: got "vsock:2:1"'],
  ] as const)('%s: start fails, and can be tried again', async ([, socket, words], { lab }) => {
    const container = await lab.create([args('pause')], told(socket));
    const result = await lab.tsrun(['start', container.id], told(socket));
    expect([result.code, result.stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining(words)]]);
    expect((await container.state()).status).toBe('created');
    (await lab.tsrun(['start', container.id])).expectCode(0);
    await container.told('pause');
  });
});
