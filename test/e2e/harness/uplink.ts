/** Networks of the box, for what leads out of sandboxes; nothing of it leads out of the box. */
import { type AddressInfo, connect, createServer } from 'node:net';
import { call } from './runtime.ts';

/** pasta gives a sandbox the host's own addresses and routes: without one to anywhere it has none to give. */
export const UPLINK = { name: 'uplink', peer: 'uplink-peer', address: '198.51.100.2/24', gateway: '198.51.100.1' };

async function ip(...args: string[]): Promise<void> {
  const result = await call(['ip', ...args]);
  // Another test file was faster.
  if (!/File exists|already assigned/.test(result.stderr)) result.expectCode(0);
}

/** Makes sure that the box has an interface with a default route; it goes with the box. */
export async function ensureUplink(): Promise<void> {
  const { name, peer, address, gateway } = UPLINK;
  await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', peer);
  await ip('address', 'add', address, 'dev', name);
  for (const end of [name, peer]) await ip('link', 'set', end, 'up');
  await ip('route', 'add', 'default', 'via', gateway);
}

/** All that a server at a port of this machine says. */
export function listen(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

/** A port that nobody has. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening) => probe.listen(0, '0.0.0.0', listening));
  const { port } = probe.address() as AddressInfo;
  await new Promise((closed) => probe.close(closed));
  return port;
}
