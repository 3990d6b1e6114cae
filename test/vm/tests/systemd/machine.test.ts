/** The guest is what the tests beside this one take it for, and a container lives and ends in it. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { args } from '../../../e2e/harness/config.ts';
import { isAlive } from '../../../e2e/harness/kernel.ts';
import { call } from '../../../e2e/harness/runtime.ts';
import { expect, test } from '../../../e2e/harness/test.ts';

test('systemd is process 1 and answers', async () => {
  expect(readFileSync('/proc/1/comm', 'utf8')).toBe('systemd\n');
  const state = await call(['systemctl', 'is-system-running', '--wait']);
  expect(state.expectCode(0).stdout).toBe('running\n');
});

test('the system bus is where it always is', async () => {
  expect(statSync('/run/dbus/system_bus_socket').isSocket()).toBe(true);
  const version = await call(
    'busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager Version'.split(
      ' ',
    ),
  );
  expect(version.expectCode(0).stdout).toMatch(/^s "\d+/);
});

test('create, start and delete', async ({ lab }) => {
  const container = await lab.create([args('pause')]);
  await container.start();
  await container.told('pause');
  expect((await container.state()).status).toBe('running');
  (await container.delete('--force')).expectCode(0);
  expect(isAlive(container.pid)).toBe(false);
  expect(existsSync(`${lab.root}/${container.id}`)).toBe(false);
});
