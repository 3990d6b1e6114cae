/** AppArmor: profiles of the container's process and of those of exec. The host's kernel need not have the module; this one does. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { args, type Part, processProperties } from '../../../e2e/harness/config.ts';
import type { Lab } from '../../../e2e/harness/lab.ts';
import { call } from '../../../e2e/harness/runtime.ts';
import { expect, test } from '../../../e2e/harness/test.ts';

const profile = 'tsrun-test-confined';
const securityfs = '/sys/kernel/security';

/** Loads a profile that allows all but one file. */
async function load(lab: Lab): Promise<void> {
  if (!existsSync(`${securityfs}/apparmor`))
    (await call(['mount', '-t', 'securityfs', 'securityfs', securityfs])).expectCode(0);
  const file = lab.path('profile');
  writeFileSync(
    file,
    `profile ${profile} flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  mount,
  umount,
  signal,
  ptrace,
  deny /etc/secret rw,
}
`,
  );
  (await call(['apparmor_parser', '--replace', '--skip-cache', file])).expectCode(0);
}

const confined = processProperties({ apparmorProfile: profile });
const withSecret: Part = ({ rootfs }) => {
  writeFileSync(`${rootfs}/etc/secret`, 'secret');
  writeFileSync(`${rootfs}/etc/plain`, 'plain');
};
const looks = args('read=/etc/plain', 'read=/etc/secret', 'read=/proc/self/attr/current');

test('this kernel has AppArmor', () => {
  expect(readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8')).toBe('Y\n');
});

test('a profile that denies a file holds for the container, and not without it', async ({ lab }) => {
  await load(lab);
  const facts = await lab.facts(looks, withSecret, confined);
  expect(facts.of('read', '/etc/plain')).toMatchObject({ errno: '' });
  expect(facts.of('read', '/etc/secret')).toMatchObject({ errno: 'EACCES' });
  expect(facts.text('read', '/proc/self/attr/current')).toMatch(new RegExp(`^${profile} \\(`));
  const free = await lab.facts(looks, withSecret);
  expect(free.of('read', '/etc/secret')).toMatchObject({ errno: '' });
});

test('and with no_new_privs and another user', async ({ lab }) => {
  await load(lab);
  const facts = await lab.facts(
    looks,
    withSecret,
    confined,
    processProperties({ noNewPrivileges: true, user: { uid: 1000, gid: 1000 } }),
  );
  expect(facts.of('read', '/etc/secret')).toMatchObject({ errno: 'EACCES' });
});

test('exec is confined as the container is, or by --apparmor', async ({ lab }) => {
  await load(lab);
  const read = ['/guest', 'read=/etc/secret'];
  const container = await lab.started([args('pause'), withSecret, confined]);
  const own = await lab.tsrun(['exec', container.id, ...read]);
  expect(own.expectCode(0).facts.of('read')).toMatchObject({ errno: 'EACCES' });
  const free = await lab.started([args('pause'), withSecret]);
  expect((await lab.tsrun(['exec', free.id, ...read])).expectCode(0).facts.of('read')).toMatchObject({ errno: '' });
  const given = await lab.tsrun(['exec', '--apparmor', profile, free.id, ...read]);
  expect(given.expectCode(0).facts.of('read')).toMatchObject({ errno: 'EACCES' });
});

test('unconfined may be asked for', async ({ lab }) => {
  const facts = await lab.facts(
    args('read=/proc/self/attr/current'),
    processProperties({ apparmorProfile: 'unconfined' }),
  );
  expect(facts.text('read').trim()).toBe('unconfined');
});

test('a profile that is not loaded is named, and nothing is left', async ({ lab }) => {
  const { result } = await lab.tryCreate(lab.bundle(looks, processProperties({ apparmorProfile: 'tsrun-no-such' })));
  expect(result.expectCode(1).stderr).toMatch(
    /process\.apparmorProfile: give the program the AppArmor profile tsrun-no-such: write .*no such profile is loaded/,
  );
  expect(lab.leftovers()).toEqual([]);
  const container = await lab.started([args('pause')]);
  const exec = await lab.tsrun(['exec', '--apparmor', 'tsrun-no-such', container.id, '/guest', 'ids']);
  expect(exec.expectCode(255).stderr).toContain('no such profile is loaded');
});
