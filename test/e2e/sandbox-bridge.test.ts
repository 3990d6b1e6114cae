/** `sandbox --net veth:NAME`: a private network of several sandboxes. Root's. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { runtimePath } from './harness/places.ts';
import { asUser, call, runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** A sandbox that waits on a network of this name; its address. */
async function member(lab: Lab, net: string, ...flags: string[]) {
  const name = lab.id();
  const script = 'ip -brief address show eth0; exec sleep 60';
  const running = start(runtime(lab.root, 'sandbox', '--name', name, '--net', net, ...flags, '--', 'sh', '-c', script));
  let text = '';
  running.stdout?.on('data', (chunk) => {
    text += chunk;
  });
  const found = () => text.match(/ ([0-9.]+)\/[0-9]+/)?.[1];
  let ended = false;
  void running.then((result) => {
    ended = true;
    if (result.exitCode !== 137) text += result.stderr;
  });
  await until(`${name} has an address`, () => found() !== undefined || ended);
  expect(found(), text).toBeDefined();
  return { name, running, address: found() ?? '' };
}

const ping = (lab: Lab, net: string, address: string) =>
  lab.tsrun(['sandbox', '--name', lab.id(), '--net', net, '--', 'ping', '-c', '1', '-W', '2', address]);

/** Nothing of networks is left: no file, no mount, no interface of the host's. */
async function expectNoNetwork(lab: Lab): Promise<void> {
  expect(existsSync(join(lab.root, '@net'))).toBe(false);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(lab.root);
  expect((await call(['ip', '-brief', 'link'])).stdout).not.toMatch(/^(bridge|p[0-9]+@|eth0)/m);
}

describe('--net veth', () => {
  test('sandboxes of one network reach each other, and nobody else', async ({ lab }) => {
    const one = await member(lab, 'veth:lan');
    const two = await member(lab, 'veth:lan', '--map-root');
    expect(one.address.split('.').slice(0, 3)).toEqual(two.address.split('.').slice(0, 3));
    expect(one.address).not.toBe(two.address);
    for (const { address } of [one, two])
      expect((await ping(lab, 'veth:lan', address)).expectCode(0).stdout).toContain('1 received');
    // The same address in a network of another name is nobody's.
    expect((await ping(lab, `veth:other,${one.address.replace(/[0-9]+$/, '250')}/24`, one.address)).code).not.toBe(0);
    expect((await call(['ping', '-c', '1', '-W', '1', one.address])).code).not.toBe(0);
    for (const { name } of [one, two]) (await lab.tsrun(['kill', name, 'KILL'])).expectCode(0);
    await Promise.all([one.running, two.running]);
    await expectNoNetwork(lab);
  });

  test('addresses may be said, and one that was given up is free again', async ({ lab }) => {
    const one = await member(lab, 'veth:lan,192.168.0.101/24');
    expect(one.address).toBe('192.168.0.101');
    expect((await ping(lab, 'veth:lan,192.168.0.102/24', '192.168.0.101')).expectCode(0).stdout).toContain(
      '1 received',
    );
    const asked = await member(lab, 'veth:lan');
    (await lab.tsrun(['kill', asked.name, 'KILL'])).expectCode(0);
    await asked.running;
    const again = await member(lab, 'veth:lan');
    expect(again.address).toBe(asked.address);
    for (const { name } of [one, again]) (await lab.tsrun(['kill', name, 'KILL'])).expectCode(0);
    await Promise.all([one.running, again.running]);
    await expectNoNetwork(lab);
  });

  test('refuses an address that another sandbox has, and chooses none that was asked for', async ({ lab }) => {
    const first = await member(lab, 'veth:lan');
    const [network] = first.address.match(/^.*\./) ?? [];
    // What would be chosen for the next but one.
    const asked = await member(lab, `veth:lan,${network}4/24`);
    for (const address of [`${network}4/24`, `${network}4/16`, `${first.address}/24`]) {
      const result = await lab.tsrun(['sandbox', '--name', lab.id(), '--net', `veth:lan,${address}`, '--', 'true']);
      const own = address.replace(/\/.*/, '');
      expect([result.code, result.stderr]).toEqual([
        1,
        expect.stringContaining(`--net veth:lan: the address ${own} is that of another sandbox on this network`),
      ]);
    }
    const next = await member(lab, 'veth:lan');
    expect(next.address).toBe(`${network}5`);
    // The same address in another network is another one.
    (await lab.tsrun(['sandbox', '--net', `veth:other,${network}4/24`, '--', 'true'])).expectCode(0);
    for (const { name } of [first, asked, next]) (await lab.tsrun(['kill', name, 'KILL'])).expectCode(0);
    await Promise.all([first.running, asked.running, next.running]);
    await expectNoNetwork(lab);
  });

  test('begins again however often the last sandbox has just left', async ({ lab }) => {
    const visit = () => lab.tsrun(['sandbox', '--name', lab.id(), '--net', 'veth:lan', '--', 'true']);
    for (let round = 0; round < 4; round++)
      for (const result of await Promise.all([visit(), visit(), visit()])) result.expectCode(0);
    await expectNoNetwork(lab);
  });

  test('nothing is left where tsrun is killed', async ({ lab }) => {
    const { name, running } = await member(lab, 'veth:lan');
    running.kill('SIGKILL');
    await running;
    await until('its state has gone', () => !existsSync(join(lab.root, name)));
    await expectNoNetwork(lab);
  });

  test('takes root, and says what does not', async ({ lab }) => {
    const line = [runtimePath, '--root', join(lab.dir, 'own'), 'sandbox', '--net', 'veth:lan', '--', 'true'];
    const result = await call(asUser(60001, ...line));
    expect([result.code, result.stderr]).toEqual([
      1,
      expect.stringContaining('--net veth:lan: a network of several sandboxes takes root'),
    ]);
  });
});
