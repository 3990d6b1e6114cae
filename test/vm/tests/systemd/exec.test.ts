/** `exec` into a scope of systemd. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { args } from '../../../e2e/harness/config.ts';
import { testExecInCgroups } from '../../../e2e/harness/exec-cgroup-tests.ts';
import { cgroupOf } from '../../../e2e/harness/kernel.ts';
import { expect, test } from '../../../e2e/harness/test.ts';

const global = ['--systemd-cgroup'];

testExecInCgroups({ global });

test('systemd counts what exec brings to the scope, and leaves it there', async ({ lab }) => {
  const container = await lab.started([args('pause')], { global });
  const pidFile = lab.path('exec.pid');
  const output = { stdout: lab.path('exec.out'), stderr: lab.path('exec.err') };
  (await lab.exec(container, ['pause'], { flags: ['-d', '--pid-file', pidFile], output })).expectCode(0);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const unit = `tsrun-${container.id}.scope`;
  const show = (property: string): string =>
    execFileSync('systemctl', ['show', '--value', '-p', property, unit], { encoding: 'utf8' }).trim();
  expect([cgroupOf(pid), show('TasksCurrent')]).toEqual([show('ControlGroup'), '2']);
  execFileSync('systemctl', ['daemon-reload']);
  expect(cgroupOf(pid)).toBe(cgroupOf(container.pid));
});
