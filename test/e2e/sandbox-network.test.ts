/** `sandbox --net slirp4netns` and `--net pasta`: a way out, and a way in, against servers of the test on its own loopback. */
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import { isAlive, processes, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { caller, runtimePath } from './harness/places.ts';
import { asUser, call, defaultEnvironment, runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';
import { ensureUplink, freePort, listen, UPLINK } from './harness/uplink.ts';

const programs = ['slirp4netns', 'pasta'] as const;
const gateway = { slirp4netns: '10.0.2.2', pasta: UPLINK.gateway };
const GREETING = 'greetings of the host';

let server: Server;
let port: number;

beforeAll(async () => {
  await ensureUplink();
  server = createServer((socket) => socket.end(GREETING));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  ({ port } = server.address() as AddressInfo);
});

afterAll(() => {
  server.close();
});

/** The pids of the programs that serve sandboxes of this lab, by what their command lines name. */
const helpersOf = (lab: Lab): number[] =>
  processes().filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return /^(slirp4netns|pasta)$/.test(words[0] ?? '') && words.some((word) => word.includes(lab.root));
    } catch {
      return false;
    }
  });

async function said(lab: Lab, flags: readonly string[], script: string): Promise<string> {
  const result = await lab.tsrun(['sandbox', '--name', lab.id(), ...flags, '--', 'bash', '-c', script]);
  expect(result.stderr).toBe('');
  expect(helpersOf(lab)).toEqual([]);
  return result.expectCode(0).stdout.trim();
}

const nodeServer = `require('net').createServer((s) => s.end('greetings of the sandbox')).listen(80)`;

describe.each(programs)('--net %s', (program) => {
  const connectTo = (host: string) => `timeout 5 cat < /dev/tcp/${host}/${port}`;

  test('reaches the host’s loopback where that is said, at the gateway', async ({ lab }) => {
    expect(await said(lab, ['--net', program, '--host-loopback'], connectTo(gateway[program]))).toBe(GREETING);
  });

  test('does not without, nor at the sandbox’s own loopback', async ({ lab }) => {
    const tries = [gateway[program], '127.0.0.1'].map(
      (host) => `timeout 2 bash -c '< /dev/tcp/${host}/${port}' 2>/dev/null && echo ${host}`,
    );
    expect(await said(lab, ['--net', program], `${tries.join('; ')}; true`)).toBe('');
  });

  test('has an interface, a route, and somebody to ask for names', async ({ lab }) => {
    const told = await said(lab, ['--net', program], 'ip -brief address show tap0; ip route; cat /etc/resolv.conf');
    expect(told).toContain(program === 'pasta' ? '198.51.100.2/24' : '10.0.2.100/24');
    expect(told).toContain(`default via ${gateway[program]} dev tap0`);
    expect(told).toMatch(program === 'pasta' ? /nameserver 169\.254\.1\.1$/ : /nameserver 10\.0\.2\.3$/);
  });

  test('is reached by a published port, and ends with tsrun by SIGKILL', async ({ lab }) => {
    const at = await freePort();
    const name = lab.id();
    // A low port is root's, as everywhere.
    const flags = ['--name', name, '--net', program, '-p', `127.0.0.1:${at}:80`, '--map-root'];
    const running = start(runtime(lab.root, 'sandbox', ...flags, '--', process.execPath, '-e', nodeServer));
    let text = '';
    await until('the sandbox answers', async () => {
      text = await listen(at).catch(() => '');
      return text !== '';
    });
    expect(text).toBe('greetings of the sandbox');
    const helpers = helpersOf(lab);
    expect(helpers).toHaveLength(1);
    running.kill('SIGKILL');
    await running;
    await until('its network has ended', () => !helpers.some(isAlive));
    await until('its state has gone', () => lab.leftovers().length === 0);
  });

  test('that is not installed is named, with its package, and nothing is left', async ({ lab }) => {
    const env = { ...defaultEnvironment, PATH: '/nowhere' };
    const line = [runtimePath, '--root', lab.root, 'sandbox', '--net', program, '--', '/bin/true'];
    const result = await call(caller === undefined ? line : asUser(caller, ...line), { env });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`--net ${program}: there is no ${program} in /nowhere: install it (package `);
    expect(lab.leftovers()).toEqual([]);
  });

  test('refuses a port that is taken, and nothing is left', async ({ lab }) => {
    const flags = ['--net', program, '-p', `127.0.0.1:${port}:80`];
    const result = await lab.tsrun(['sandbox', '--name', lab.id(), ...flags, '--', 'true']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(program);
    expect(helpersOf(lab)).toEqual([]);
    expect(lab.leftovers()).toEqual([]);
  });
});
