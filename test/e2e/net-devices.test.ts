/** Network devices of the host that become the container's; the host here is the box, with a network of its own. */
import { args, type Part, set } from './harness/config.ts';
import { call } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

interface Device {
  ifname: string;
  flags: string[];
  mtu: number;
  address: string;
  addr_info: { local: string; prefixlen: number; scope: string }[];
}

let counter = 0;
/** A name of at most 15 characters that no test beside this one uses. */
const freshName = (): string => `ts${process.pid % 100_000}n${++counter}`;
const ip = async (...words: string[]): Promise<string> => (await call(['ip', ...words])).expectCode(0).stdout;
const devices = async (...words: string[]): Promise<Device[]> =>
  JSON.parse(await ip('-json', ...words, 'addr')) as Device[];
const named = async (name: string, ...words: string[]): Promise<Device | undefined> =>
  (await devices(...words)).find(({ ifname }) => ifname === name);
const netDevices = (value: object): Part => set('linux.netDevices', value);

async function makeDevice(): Promise<{ name: string; before: Device; gone: () => Promise<void> }> {
  const name = freshName();
  // Of a pair, for every kernel that runs containers has those.
  await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}x`);
  await ip('link', 'set', `${name}x`, 'up');
  await ip('link', 'set', name, 'mtu', '1350', 'address', '02:00:00:00:00:07', 'up');
  await ip('addr', 'add', '192.0.2.7/24', 'dev', name);
  await ip('addr', 'add', '2001:db8::7/64', 'dev', name);
  await ip('addr', 'add', '169.254.7.7/16', 'scope', 'link', 'dev', name);
  const before = await named(name);
  if (!before) throw new Error(`no ${name}`);
  return { name, before, gone: async () => void (await call(['ip', 'link', 'delete', `${name}x`])) };
}

const globals = ({ addr_info }: Device): string[] =>
  addr_info
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .sort();

describe('linux.netDevices', () => {
  test('a device moves with its attributes and global addresses, and is up', async ({ lab }) => {
    const { name, before, gone } = await makeDevice();
    try {
      const container = await lab.create([args('pause'), netDevices({ [name]: {} })]);
      expect(await named(name)).toBeUndefined();
      const inside = JSON.parse(
        (await call(['nsenter', '-t', String(container.pid), '-n', 'ip', '-json', 'addr'])).expectCode(0).stdout,
      ) as Device[];
      const moved = inside.find(({ ifname }) => ifname === name);
      expect(moved).toMatchObject({ mtu: 1350, address: before.address, flags: expect.arrayContaining(['UP']) });
      expect(globals(moved as Device)).toEqual(['192.0.2.7/24', '2001:db8::7/64']);
      expect(moved?.addr_info.map(({ local }) => local)).not.toContain('169.254.7.7');
    } finally {
      await gone();
    }
  });

  test('under another name, and under one with a number that is free', async ({ lab }) => {
    const [one, two] = [await makeDevice(), await makeDevice()];
    try {
      const container = await lab.create([
        args('pause'),
        netDevices({ [one.name]: { name: 'eth%d' }, [two.name]: { name: 'eth%d' } }),
      ]);
      const names = (await call(['nsenter', '-t', String(container.pid), '-n', 'ip', '-json', 'link']))
        .expectCode(0)
        .json<Device[]>()
        .map(({ ifname }) => ifname);
      expect(names.sort()).toEqual(['eth0', 'eth1', 'lo']);
    } finally {
      await one.gone();
      await two.gone();
    }
  });

  test.for<[string, (name: string) => object, RegExp]>([
    [
      'a device that is not there',
      () => ({ 'no-such-dev': {} }),
      /linux\.netDevices\["no-such-dev"\].*no network device "no-such-dev"/,
    ],
    ['a name that is taken', (name) => ({ [name]: { name: 'lo' } }), /has a device "lo" already/],
    ['the second of two', (name) => ({ [name]: { name: 'eth0' }, missing0: {} }), /linux\.netDevices\["missing0"\]/],
    [
      'the same name for two',
      (name) => ({ [name]: { name: 'eth0' }, [`${name}b`]: { name: 'eth0' } }),
      /b"\].*"eth0" already/,
    ],
  ])('%s: refused, and everything is back where it was', async ([title, wanted, said], { lab }) => {
    const { name, before, gone } = await makeDevice();
    if (title.startsWith('the same')) await ip('link', 'add', `${name}b`, 'type', 'veth', 'peer', 'name', `${name}c`);
    try {
      const result = await lab.run([args('ids'), netDevices(wanted(name))]);
      expect(result.expectCode(1).stderr).toMatch(said);
      const after = await named(name);
      expect(after).toMatchObject({ mtu: before.mtu, address: before.address, flags: before.flags });
      expect(globals(after as Device)).toEqual(globals(before));
      expect(lab.leftovers()).toEqual([]);
    } finally {
      await gone();
      await call(['ip', 'link', 'delete', `${name}b`]);
    }
  });

  test('a failure later on puts it back as well', async ({ lab }) => {
    const { name, before, gone } = await makeDevice();
    try {
      const result = await lab.run([
        args('ids'),
        set('process.args', ['/no/such']),
        netDevices({ [name]: { name: 'eth9' } }),
      ]);
      expect(result.code).toBe(1);
      const after = await named(name);
      expect(globals(after as Device)).toEqual(globals(before));
      expect(after?.flags).toContain('UP');
    } finally {
      await gone();
    }
  });

  test('hooks see it in its place, and it is among those of a veth pair', async ({ lab }) => {
    const name = freshName();
    await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    try {
      const container = await lab.create([args('pause'), netDevices({ [`${name}p`]: { name: 'eth0' } })]);
      await ip('addr', 'add', '198.51.100.1/24', 'dev', name);
      await ip('link', 'set', name, 'up');
      await call(['nsenter', '-t', String(container.pid), '-n', 'ip', 'addr', 'add', '198.51.100.2/24', 'dev', 'eth0']);
      const flags = (await named(name))?.flags ?? [];
      expect(flags).toContain('LOWER_UP');
    } finally {
      await call(['ip', 'link', 'delete', name]);
    }
  });

  test('without a network namespace of its own it is refused', async ({ lab }) => {
    const result = await lab.run([
      args('ids'),
      ({ config }) => {
        config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== 'network');
      },
      netDevices({ dummy7: {} }),
    ]);
    expect(result.expectCode(1).stderr).toMatch(/linux\.netDevices.*needs a network namespace/);
  });
});
