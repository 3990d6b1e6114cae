/** Names and addresses on the bridge of several sandboxes. */
import { describe, expect, test } from 'vitest';
import { addressesIn, bridgeWish, defaultAddress, portNumber, portsIn } from '../../../runtime/sandbox/bridge-plan.ts';
import { host, made, rootHost } from './fixtures.ts';

describe('--net veth', () => {
  test('names a network, and perhaps an address', () => {
    expect(bridgeWish('veth:lan')).toEqual({ name: 'lan', address: undefined });
    expect(bridgeWish('veth:lan-2,192.168.0.101/24')).toEqual({ name: 'lan-2', address: '192.168.0.101/24' });
    expect(bridgeWish('veth:lan,10.0.1.0/16')?.address).toBe('10.0.1.0/16');
    expect(bridgeWish('veth:lan,10.0.0.0/31')?.address).toBe('10.0.0.0/31');
    expect(bridgeWish('pasta')).toBeUndefined();
    expect(bridgeWish(undefined)).toBeUndefined();
  });

  test.each([
    'veth:',
    'veth:../x',
    'veth:a/b',
    'veth:a,1.2.3.4',
    'veth:a,1.2.3.256/8',
    'veth:a,1.2.3.4/33',
    'veth:a,1.2.3.4/32',
    'veth:a,1.2.3.4/0',
    'veth:a,1.2.3.0/24',
    'veth:a,1.2.3.255/24',
    'veth:a,1.2.3.010/24',
    'veth:a,127.0.0.2/8',
    'veth:a,0.0.0.1/8',
    'veth:a,224.0.0.1/24',
    'veth:a,1.2.3.4/8,x',
  ])('%s is refused', (text) => {
    expect(() => bridgeWish(text)).toThrow('--net: not veth:NAME or veth:NAME,ADDRESS/BITS');
  });

  test('is a network namespace of its own', () => {
    for (const facts of [host, rootHost])
      expect(made('--net veth:lan', facts).config.linux?.namespaces).toContainEqual({ type: 'network' });
  });
});

describe('ports', () => {
  const listed = 'lo  DOWN  00:00\nbridge  UP  ce:11 <BROADCAST>\np2@if7  UP  aa\np4@if9  UP  bb\n';

  test('are those that ip lists', () => {
    expect(portsIn(listed)).toEqual(['p2', 'p4']);
    expect(portsIn('')).toEqual([]);
  });

  test('tell the addresses of their sandboxes', () => {
    const links = [
      '2: bridge: <UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default \\    link/ether 22:16',
      '4: p2@if3: <UP> mtu 1500 master bridge state UP \\    link/ether ce:66 link-netnsid 0\\    alias 10.1.2.2',
      '5: p3@if4: <UP> mtu 1500 state UP \\    link/ether ce:67 link-netnsid 1',
    ];
    expect(addressesIn(links.join('\n'))).toEqual(['10.1.2.2']);
  });

  test('get the lowest number that is free, and an address with it', () => {
    const hash = '0aff000000000000';
    expect(portNumber(hash, [], [])).toBe(2);
    expect(portNumber(hash, ['p2', 'p4'], [])).toBe(3);
    expect(portNumber(hash, ['p2', 'p4'], ['10.10.255.3', '10.10.254.5'])).toBe(5);
    const all = Array.from({ length: 253 }, (_, index) => `p${index + 2}`);
    expect(portNumber(hash, all, [])).toBeUndefined();
    expect(defaultAddress('0aff000000000000', 7)).toBe('10.10.255.7/24');
  });
});
