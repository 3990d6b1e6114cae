/** Networks that programs of the host make: what they are told, and what is mounted for them. */
import { describe, expect, test } from 'vitest';
import {
  type NetworkWish,
  pastaArguments,
  publishedPort,
  slirpArguments,
  slirpForward,
} from '../../../runtime/sandbox/network.ts';
import { host, made } from './fixtures.ts';

const port = (text: string) => publishedPort(text);
const wish = (program: NetworkWish['program'], ports: string[] = [], hostLoopback = false): NetworkWish => ({
  program,
  ports: ports.map(publishedPort),
  hostLoopback,
});

describe('a published port', () => {
  test.each([
    ['8080:80', { protocol: 'tcp', address: undefined, host: 8080, container: 80 }],
    ['127.0.0.1:1:65535', { protocol: 'tcp', address: '127.0.0.1', host: 1, container: 65535 }],
    ['53:53/udp', { protocol: 'udp', address: undefined, host: 53, container: 53 }],
    ['53:53/tcp', { protocol: 'tcp', address: undefined, host: 53, container: 53 }],
  ])('%s', (text, expected) => {
    expect(port(text)).toEqual(expected);
  });

  test.each([
    '',
    '80',
    ':80',
    '80:',
    '0:80',
    '80:65536',
    'x:80',
    '1:2:3',
    '1.2.3:1:2',
    '1.2.3.256:1:2',
    '1:2/sctp',
    '1:2/tcp/x',
    '1:2:3:4',
  ])('%s is none', (text) => {
    expect(() => port(text)).toThrow('--publish: ');
  });
});

describe('slirp4netns', () => {
  const place = { readyFd: 3, socket: '/s' };

  test('is told where, and keeps the host’s loopback closed', () => {
    expect(slirpArguments(42, wish('slirp4netns'), place)).toEqual([
      ...['slirp4netns', '--configure', '--mtu=65520', '--ready-fd=3', '--disable-host-loopback', '42', 'tap0'],
    ]);
    expect(slirpArguments(42, wish('slirp4netns', ['1:2'], true), place)).toEqual([
      ...['slirp4netns', '--configure', '--mtu=65520', '--ready-fd=3', '--api-socket=/s', '42', 'tap0'],
    ]);
  });

  test('is asked for ports one by one', () => {
    expect(JSON.parse(slirpForward(port('8080:80/udp')))).toEqual({
      execute: 'add_hostfwd',
      arguments: { proto: 'udp', host_addr: '0.0.0.0', host_port: 8080, guest_addr: '10.0.2.100', guest_port: 80 },
    });
  });
});

describe('pasta', () => {
  test('forwards what is said, and nothing else', () => {
    const line = pastaArguments(42, wish('pasta', ['127.0.0.1:8080:80', '53:53/udp']), {
      pidFile: '/p',
      namespaceFd: undefined,
    }).join(' ');
    expect(line).toContain('-t 127.0.0.1/8080:80 -u 53:53 -T none -U none --no-map-gw');
    expect(line).toMatch(/--pid \/p 42$/);
  });

  test('of root gets the namespace', () => {
    const line = pastaArguments(42, wish('pasta', [], true), { pidFile: '/p', namespaceFd: 3 }).join(' ');
    expect(line).toContain('-t none -u none');
    expect(line).not.toContain('--no-map-gw');
    expect(line).toMatch(/--runas 0:0 --netns-only --netns \/proc\/self\/fd\/3$/);
  });
});

test('a sandbox with such a network is told whom to ask for names', () => {
  const { config, resolver } = made('--net slirp4netns', host);
  expect(resolver).toBe('nameserver 10.0.2.3\n');
  expect(config.mounts?.find(({ destination }) => destination === '/etc/resolv.conf')?.source).toBe('resolv.conf');
  expect(config.linux?.namespaces).toContainEqual({ type: 'network' });
  expect(made('--net none', host).resolver).toBeUndefined();
});
