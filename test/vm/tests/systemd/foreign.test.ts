/** What is not the container's own is left as it is, also when something fails. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { addon } from '../../../../runtime/addon.ts';
import { assembleDeviceProgram } from '../../../../runtime/cgroup/device-policy.ts';
import { resources } from '../../../e2e/harness/cgroups.ts';
import { args, linux } from '../../../e2e/harness/config.ts';
import { cgroupOf, isAlive, until } from '../../../e2e/harness/kernel.ts';
import type { Container, Lab } from '../../../e2e/harness/lab.ts';
import { call, runtime } from '../../../e2e/harness/runtime.ts';
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

describe('a failed update', () => {
  /** A disk, which the default policy does not allow. */
  const rule = (disk: string) => {
    const [major = 0, minor = 0] = read(`/sys/block/${disk}/dev`).split(':').map(Number);
    return { allow: true, type: 'b', major, minor, access: 'r' } as const;
  };
  const update = (lab: Lab, { id }: Container, limits: object, before: string[] = []) =>
    call([...before, ...runtime(lab.root, 'update', '--resources', '-', id)], {
      input: JSON.stringify(limits),
      timeout: 120,
    });
  /** The number of processes that are allowed, now and after systemd has written it again. */
  async function allowed({ pid }: Container): Promise<string[]> {
    const file = `/sys/fs/cgroup${cgroupOf(pid)}/pids.max`;
    const now = read(file);
    (await call(['/usr/bin/systemctl', 'daemon-reload'])).expectCode(0);
    return [now, read(file)];
  }
  /** Those that a process in the container's cgroup can open. */
  const opens = ({ pid }: Container): string[] =>
    ['vda', 'vdb'].filter((name) => {
      const script = `echo $$ > /sys/fs/cgroup${cgroupOf(pid)}/cgroup.procs && : < /dev/${name}`;
      return spawnSync('sh', ['-c', script], { stdio: 'ignore' }).status === 0;
    });
  const limited = resources({ pids: { limit: 20 }, devices: [rule('vda')] });

  // So many rules take an emulated machine, where others work too, more than two minutes.
  test('leaves what systemd knows where the kernel refuses the device policy', { timeout: 600_000 }, async ({
    lab,
  }) => {
    const container = await lab.started([limited, args('pause')], systemd);
    const many = Array.from({ length: 100_000 }, (_, minor) => ({ ...rule('vda'), minor }));
    const result = await update(lab, container, { pids: { limit: 9 }, devices: many });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('linux.resources.devices');
    expect(await allowed(container)).toEqual(['20', '20']);
    expect(opens(container)).toEqual(['vda']);
  });

  test('leaves it as well where the policy cannot take the place of the earlier one', async ({ lab }) => {
    const id = lab.id();
    const at = linux({ cgroupsPath: `foreigntest.slice:p:${id}` });
    const container = await lab.started([at, limited, args('pause')], { ...systemd, id });
    // A program above that admits no others below it.
    const slice = openSync('/sys/fs/cgroup/foreigntest.slice', 'r');
    const program = addon.bpfLoadDevice(assembleDeviceProgram([{ ...rule('vda'), access: 7 }]));
    try {
      expect(addon.bpfAttachDevice(program, slice, 0, -1)).toBeGreaterThanOrEqual(0);
      const result = await update(lab, container, { pids: { limit: 9 }, devices: [rule('vdb')] });
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/linux\.resources\.devices: replace the device policy.*Operation not permitted/);
      expect(await allowed(container)).toEqual(['20', '20']);
    } finally {
      addon.bpfDetachDevice(program, slice);
      for (const fd of [slice, program]) closeSync(fd);
    }
    expect(opens(container)).toEqual(['vda']);
  });

  test('leaves limits and the device policy where systemd cannot be told', async ({ lab }) => {
    const container = await lab.started([limited, args('pause')], systemd);
    const script = 'for at in /run/dbus /run/systemd; do mount -t tmpfs none $at; done; exec "$@"';
    const alone = ['/usr/bin/unshare', '--mount', 'sh', '-c', script, '_'];
    const change = { pids: { limit: 9 }, devices: [rule('vdb')] };
    const result = await update(lab, container, change, alone);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^tsrun: the systemd cgroup driver: [^\n]*\n$/);
    expect(await allowed(container)).toEqual(['20', '20']);
    expect(opens(container)).toEqual(['vda']);
    // It is nothing else that failed.
    (await update(lab, container, change)).expectCode(0);
    expect(await allowed(container)).toEqual(['9', '9']);
    expect(opens(container)).toEqual(['vdb']);
  });
});
