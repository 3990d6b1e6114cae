/** Who calls the runtime is killed, podman or conmon: what stays is removed by `podman rm --force`, with crun and with tsrun. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cgroupOf, isAlive, until } from '../../../e2e/harness/kernel.ts';
import { type Podman, patiently, useEngines } from '../../podman.ts';

const engines = useEngines();

/** The numbers of the container's process and of its conmon. */
const pidsOf = async (podman: Podman, name: string): Promise<number[]> =>
  (await podman.inspect(name, '{{.State.Pid}} {{.State.ConmonPid}}')).split(' ').map(Number);

describe('a caller that is killed leaves a container that podman rm --force removes', patiently, () => {
  test('conmon, while the container runs', async () => {
    const { swept } = await engines.alike(async (podman) => {
      await podman.detached('orphan', [], 'sleep 1000 & wait');
      const [pid = 0, conmon = 0] = await pidsOf(podman, 'orphan');
      process.kill(conmon, 'SIGKILL');
      (await podman.do('rm', '--force', '--time', '0', 'orphan')).expectCode(0);
      await until('its process ends', () => !isAlive(pid), 60);
      return { swept: await podman.sweep() };
    });
    expect(swept).toBeLessThanOrEqual(1);
  });

  test('conmon, while the container is paused, and during exec', async () => {
    await engines.alike(async (podman) => {
      await podman.detached('orphan', [], 'sleep 1000 & wait');
      const [pid = 0, conmon = 0] = await pidsOf(podman, 'orphan');
      const exec = podman.start(['exec', 'orphan', 'sleep', '2000']);
      const procs = `/sys/fs/cgroup${cgroupOf(pid)}/cgroup.procs`;
      await until('exec has begun', () => readFileSync(procs, 'utf8').trim().split('\n').length >= 3, 60);
      (await podman.do('pause', 'orphan')).expectCode(0);
      process.kill(conmon, 'SIGKILL');
      const removed = await podman.do('rm', '--force', '--time', '0', 'orphan');
      exec.kill('SIGKILL');
      await exec;
      await until('its process ends', () => !isAlive(pid), 60);
      return { removed: removed.code, swept: await podman.sweep() };
    });
  });

  test('podman, at moments of run', async () => {
    await engines.alike(async (podman) => {
      for (const seconds of [1, 3, 6]) {
        const name = `killed-${seconds}`;
        const running = podman.start(['run', '--detach', '--network', 'none', '--name', name, 'bb', 'sleep', '1000']);
        await new Promise((wake) => setTimeout(wake, seconds * 1000));
        running.kill('SIGKILL');
        await running;
      }
      const removed = await podman.do('rm', '--all', '--force', '--time', '0');
      const left = await podman.told('ps', '--all', '--quiet');
      // How many there are depends on when exactly podman was killed.
      await podman.sweep();
      return { removed: removed.code, left };
    });
  });
});
