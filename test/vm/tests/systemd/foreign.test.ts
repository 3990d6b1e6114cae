/** What is not the container's own is left as it is, also when something fails. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { resources } from '../../../e2e/harness/cgroups.ts';
import { args, linux } from '../../../e2e/harness/config.ts';
import { cgroupOf, isAlive, until } from '../../../e2e/harness/kernel.ts';
import { call } from '../../../e2e/harness/runtime.ts';
import { describe, expect, test } from '../../../e2e/harness/test.ts';

const systemd = { global: ['--systemd-cgroup'] };
const read = (path: string): string => readFileSync(path, 'utf8').trim();

describe('a failed create', () => {
  test('leaves a scope of the same name and description running', async ({ lab }) => {
    const id = lab.id();
    const unit = `tsrun-${id}.scope`;
    const options = ['--scope', `--unit=${unit}`, `--description=tsrun container ${id}`];
    const stranger = spawn('systemd-run', [...options, 'sleep', '1000'], { stdio: 'ignore' });
    try {
      await until('the scope is there', () => cgroupOf(stranger.pid ?? 0).endsWith(unit));
      const { result } = await lab.tryCreate(lab.bundle(args('pause')), { ...systemd, id });
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(unit);
      expect(isAlive(stranger.pid ?? 0)).toBe(true);
      expect((await call(['/usr/bin/systemctl', 'is-active', unit])).stdout.trim()).toBe('active');
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('leaves a cgroup with processes as it was', async ({ lab }) => {
    const name = lab.id();
    const parent = `/sys/fs/cgroup/${name}`;
    mkdirSync(parent);
    const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
    try {
      writeFileSync(`${parent}/cgroup.procs`, String(stranger.pid));
      const { result } = await lab.tryCreate(
        lab.bundle(linux({ cgroupsPath: `/${name}/leaf` }), resources({ pids: { limit: 5 } }), args('pause')),
      );
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/pids controller.*has processes of its own/);
      expect([read(`${parent}/cgroup.type`), read(`${parent}/cgroup.subtree_control`)]).toEqual(['domain', '']);
    } finally {
      stranger.kill('SIGKILL');
      await until('it is empty', () => read(`${parent}/cgroup.events`).includes('populated 0'));
      rmdirSync(parent);
    }
  });
});

test('a failed update changes nothing that systemd knows', async ({ lab }) => {
  const container = await lab.started([resources({ pids: { limit: 20 } }), args('pause')], systemd);
  const rule = { allow: true, type: 'c', major: 1, minor: 3, access: 'r' };
  const many = Array.from({ length: 100_000 }, (_, minor) => ({ ...rule, minor }));
  const file = lab.path('resources.json');
  writeFileSync(file, JSON.stringify({ pids: { limit: 9 }, devices: many }));
  expect((await lab.tsrun(['update', '--resources', file, container.id])).code).toBe(1);
  await call(['/usr/bin/systemctl', 'daemon-reload']);
  expect(read(`/sys/fs/cgroup${cgroupOf(container.pid)}/pids.max`)).toBe('20');
});
