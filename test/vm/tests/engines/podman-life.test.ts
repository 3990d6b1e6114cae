/** The life of root's podman containers, each time with crun and with tsrun: from create to rm, and all that is done between. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cgroupOf, until } from '../../../e2e/harness/kernel.ts';
import { type Podman, patiently, seen, useEngines } from '../../podman.ts';

const engines = useEngines();

const status = (podman: Podman, name: string): Promise<string> =>
  podman.inspect(name, '{{.State.Status}} {{.State.ExitCode}}');
const pidOf = async (podman: Podman, name: string): Promise<number> =>
  Number(await podman.inspect(name, '{{.State.Pid}}'));

/** Answers a signal, and ends by it. */
const answering = 'trap "echo told; exit 3" TERM; trap "echo user" USR1; echo begun; while :; do sleep 0.1; done';

describe('from create to rm', patiently, () => {
  test('create, start, kill, stop: the states, the exit status and the output', async () => {
    const life = await engines.alike(async (podman) => {
      const id = await podman.told('create', '--network', 'none', '--name', 'life', 'bb', 'sh', '-c', answering);
      const created = await status(podman, 'life');
      (await podman.do('start', 'life')).expectCode(0);
      await podman.said(id, 'begun\n');
      const early = await podman.do('rm', 'life');
      (await podman.do('kill', '--signal', 'USR1', 'life')).expectCode(0);
      await podman.said(id, 'begun\nuser\n');
      const stopped = seen(await podman.do('stop', '--time', '60', 'life'));
      const ended = await status(podman, 'life');
      const logs = seen(await podman.do('logs', 'life'));
      const removed = seen(await podman.do('rm', 'life'));
      return { created, early: early.code, stopped, ended, logs, removed, left: podman.left() };
    });
    expect(life).toMatchObject({
      ...{ created: 'created 0', ended: 'exited 3', left: [] },
      stopped: { code: 0, stdout: 'life\n', stderr: '' },
      logs: { code: 0, stdout: 'begun\nuser\ntold\n', stderr: '' },
      removed: { code: 0, stdout: 'life\n', stderr: '' },
    });
    expect(life.early).not.toBe(0);
  });

  test('restart, kill, wait: it is the same container, and 137 the status of the signal', async () => {
    const life = await engines.alike(async (podman) => {
      const id = await podman.detached('life', [], answering);
      await podman.said(id, 'begun\n');
      (await podman.do('restart', '--time', '60', 'life')).expectCode(0);
      await podman.said(id, 'begun\ntold\nbegun\n');
      const waiting = podman.told('wait', 'life');
      (await podman.do('kill', 'life')).expectCode(0);
      const late = async (): Promise<number> => (await podman.do('kill', 'life')).code;
      return { waited: await waiting, ended: await status(podman, 'life'), late: await late() };
    });
    expect(life).toMatchObject({ waited: '137', ended: 'exited 137' });
    expect(life.late).not.toBe(0);
  });

  test('an end by lack of memory', async () => {
    const oom = await engines.alike(async (podman) => {
      const limits = ['--memory', '24m', '--memory-swap', '24m', '--name', 'oom', '--network', 'none'];
      const line = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=2'];
      return { result: seen(await podman.do('run', ...limits, 'bb', ...line)), ended: await status(podman, 'oom') };
    });
    expect(oom).toEqual({ result: { code: 137, stdout: '', stderr: '' }, ended: 'exited 137' });
  });

  test('attach: to what a container says and is told', async () => {
    const attached = await engines.alike(async (podman) => {
      const script = 'read word; echo "<$word>" >&2; echo "($word)"; exit 5';
      await podman.told('create', '--interactive', '--network', 'none', '--name', 'attached', 'bb', 'sh', '-c', script);
      const result = await podman.call(['start', '--attach', '--interactive', 'attached'], { input: 'typed\n' });
      return { result: seen(result), logs: seen(await podman.do('logs', 'attached')) };
    });
    const words = { stdout: '(typed)\n', stderr: '<typed>\n' };
    expect(attached).toEqual({ result: { code: 5, ...words }, logs: { code: 0, ...words } });
  });

  test('run -it: a terminal with its size, and the keys that detach from it', async () => {
    await engines.alike(async (podman) => {
      const line = ['run', '--interactive', '--tty', '--network', 'none', '--name', 'tty', 'bb', 'sh'];
      const terminal = podman.at(33, 77, ...line);
      const appears = (text: string) =>
        until(`${text} in ${terminal.output}`, () => terminal.output.includes(text), 60);
      try {
        await appears('#');
        terminal.type('stty size; tty; echo $((6*7))-answer\n');
        await appears('42-answer');
        expect(terminal.output).toMatch(/33 77\n\/dev\/pts\/0\n/);
        // podman knows the keys only where it reads each by itself.
        let [code, key] = [-1, 0];
        terminal.ended().then((status) => {
          code = status;
        });
        const detached = async (): Promise<boolean> => {
          terminal.type('\x10\x11'.charAt(key++ % 2));
          await new Promise((wake) => setTimeout(wake, 300));
          return code !== -1;
        };
        await until('the keys detach', detached, 60);
        expect(code).toBe(0);
      } finally {
        await terminal.close();
      }
      const running = await status(podman, 'tty');
      const back = podman.at(44, 88, 'attach', 'tty');
      try {
        await until(
          'it is attached',
          () => {
            back.type('echo $((6*8))-again\n');
            return new Promise<boolean>((tell) => setTimeout(() => tell(back.output.includes('48-again')), 1000));
          },
          60,
        );
        back.type('exit 11\n');
        return { running, code: await back.ended() };
      } finally {
        await back.close();
      }
    });
  });
});

describe('a container that runs', patiently, () => {
  test('exec: in the background, and the exit statuses', async () => {
    const facts = await engines.alike(async (podman) => {
      await podman.detached('life', ['--tmpfs', '/scratch'], answering);
      const background = 'echo done > /scratch/done; exec sleep 1000';
      (await podman.do('exec', '--detach', 'life', 'sh', '-c', background)).expectCode(0);
      const waiting = 'until [ -s /scratch/done ]; do sleep 0.1; done; cat /scratch/done';
      return {
        detached: seen(await podman.do('exec', 'life', 'sh', '-c', waiting)),
        missing: seen(await podman.do('exec', 'life', '/no/such')),
        closed: seen(await podman.do('exec', 'life', '/etc/passwd')),
        cwd: seen(await podman.do('exec', '--workdir', '/no/such', 'life', 'pwd')),
        signal: seen(await podman.do('exec', 'life', 'sh', '-c', 'kill -TERM $$')),
      };
    });
    expect(facts.detached).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
    const { missing, closed, cwd, signal } = facts;
    expect([missing.code, closed.code, cwd.code, signal.code]).toEqual([127, 126, 127, 143]);
  });

  test('exec -it', async () => {
    const { code } = await engines.alike(async (podman) => {
      await podman.detached('life', [], answering);
      const terminal = podman.at(30, 90, 'exec', '--interactive', '--tty', 'life', 'sh');
      const appears = (text: string) =>
        until(`${text} in ${terminal.output}`, () => terminal.output.includes(text), 60);
      try {
        await appears('#');
        terminal.type('tty; stty size; read word; echo "<$word>"; exit 9\n');
        await appears('30 90\n');
        terminal.type('typed\n');
        await appears('<typed>\n');
        return { code: await terminal.ended(), tty: /\/dev\/pts\/\d/.exec(terminal.output)?.[0] };
      } finally {
        await terminal.close();
      }
    });
    expect(code).toBe(9);
  });

  test('pause and unpause', async () => {
    const facts = await engines.alike(async (podman) => {
      await podman.detached('life', [], answering);
      const cgroup = `/sys/fs/cgroup${cgroupOf(await pidOf(podman, 'life'))}`;
      const frozen = () => /frozen \d/.exec(readFileSync(join(cgroup, 'cgroup.events'), 'utf8'))?.[0];
      (await podman.do('pause', 'life')).expectCode(0);
      const paused = [frozen(), await status(podman, 'life')];
      const exec = (await podman.do('exec', 'life', 'true')).code;
      (await podman.do('unpause', 'life')).expectCode(0);
      return { paused, exec, unpaused: frozen(), ended: (await podman.do('stop', '--time', '60', 'life')).code };
    });
    expect(facts).toMatchObject({ paused: ['frozen 1', 'paused 0'], unpaused: 'frozen 0', ended: 0 });
    expect(facts.exec).not.toBe(0);
  });

  test('update, stats, top, inspect', async () => {
    const facts = await engines.alike(async (podman) => {
      const id = await podman.detached('life', ['--memory', '64m', '--init'], answering);
      await podman.said(id, 'begun\n');
      const cgroup = `/sys/fs/cgroup${cgroupOf(await pidOf(podman, 'life'))}`;
      const memory = ['--memory', '96m', '--memory-swap', '128m'];
      const cpu = ['--cpus', '0.7', '--cpu-shares', '2048', '--cpuset-cpus', '1'];
      (await podman.do('update', ...memory, ...cpu, 'life')).expectCode(0);
      const files = ['memory.max', 'memory.swap.max', 'cpu.max', 'cpuset.cpus'];
      const updated = files.map((file) => `${file} ${readFileSync(join(cgroup, file), 'utf8').trim()}`);
      const stats = await podman.told('stats', '--no-stream', '--format', '{{.Name}} {{.MemLimit}}', 'life');
      const top = (await podman.told('top', 'life', 'pid', 'user', 'comm')).split('\n').slice(0, 3);
      const template = '{{.State.Running}} {{.HostConfig.Memory}} {{.HostConfig.Init}} {{.Path}} {{len .Mounts}}';
      return { updated, stats, top, inspected: await podman.inspect('life', template) };
    });
    expect(facts.updated).toEqual([
      ...[`memory.max ${96 << 20}`, `memory.swap.max ${32 << 20}`, 'cpu.max 70000 100000', 'cpuset.cpus 1'],
    ]);
    expect(facts.stats).toMatch(/^life /);
    expect(facts.top).toHaveLength(3);
  });

  test('a health check, by exec', async () => {
    const { states } = await engines.alike(async (podman) => {
      const check = ['--health-cmd', 'test -e /tmp/well', '--health-interval', 'disable', '--health-retries', '1'];
      await podman.detached('checked', check, answering);
      const run = async (): Promise<string> => {
        const { code, stdout } = await podman.do('healthcheck', 'run', 'checked');
        return `${code} ${stdout}`.trim();
      };
      const before = await run();
      (await podman.do('exec', 'checked', 'touch', '/tmp/well')).expectCode(0);
      return { states: [before, await run()] };
    });
    expect(states).toEqual(['1 unhealthy', '0']);
  });
});
