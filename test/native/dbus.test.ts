/** Our D-Bus with a real message bus: the reference implementation's, run for these tests alone. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DBusCallError, DBusConnection, DBusConnectionError, textOf } from '../../runtime/cgroup/dbus.ts';
import { connectSocket } from '../../runtime/cgroup/dbus-socket.ts';
import type { DBusValue } from '../../runtime/cgroup/dbus-value.ts';
import { ServiceManager } from '../../runtime/cgroup/systemd.ts';
import { openFds } from './addon/helpers.ts';

const installed = spawnSync('dbus-daemon', ['--version']).status === 0;
const directory = mkdtempSync(join(tmpdir(), 'tsrun-dbus-'));
const socket = join(directory, 'bus');
const bus = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
const text = (value: string): DBusValue => ({ type: 's', value });
let daemon: ChildProcess;

beforeAll(async () => {
  writeFileSync(
    join(directory, 'conf'),
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
    <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`,
  );
  if (!installed) return;
  daemon = spawn('dbus-daemon', [`--config-file=${directory}/conf`, '--nofork', '--print-address'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise((resolve) => daemon.stdout?.once('data', resolve));
});

afterAll(() => {
  daemon?.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

const connect = (): DBusConnection => new DBusConnection(connectSocket(socket), false);

describe.skipIf(!installed)('a message bus', () => {
  it('greets us, and knows us by the number that the kernel told it', () => {
    const connection = connect();
    const names = connection.call({ ...bus, member: 'ListNames', body: [] }).body[0];
    expect(names).toMatchObject({ type: 'a', element: 's', items: [text('org.freedesktop.DBus'), text(':1.0')] });
    const body = [text(':1.0')];
    expect(connection.call({ ...bus, member: 'GetConnectionUnixUser', body }).body).toEqual([
      { type: 'u', value: process.geteuid?.() },
    ]);
    connection.close();
  });

  it('tells what failed', () => {
    const connection = connect();
    const call = { destination: 'org.freedesktop.systemd1', path: '/x', interface: 'a.b', member: 'C', body: [] };
    expect(() => connection.call(call)).toThrow(DBusCallError);
    expect(() => connection.call(call)).toThrow(/org\.freedesktop\.DBus\.Error\.ServiceUnknown/);
    connection.close();
  });

  it('takes a message longer than a socket holds, and answers', () => {
    const connection = connect();
    const body: DBusValue[] = [{ type: 'a', element: 's', items: Array(50_000).fill(text('x'.repeat(50))) }];
    expect(() => connection.call({ ...bus, member: 'Hello', body })).toThrow(/InvalidArgs|Failed/);
    expect(textOf(connection.call({ ...bus, member: 'GetId', body: [] }).body[0])).toHaveLength(32);
    connection.close();
  });

  it('passes the signals that were asked for on', () => {
    const [watcher, other] = [connect(), connect()];
    watcher.watch({ sender: bus.destination, path: bus.path, interface: bus.interface, member: 'NameOwnerChanged' });
    const request: DBusValue[] = [text('org.example.Test'), { type: 'u', value: 0 }];
    other.call({ ...bus, member: 'RequestName', body: request });
    const signal = watcher.signal(({ body }) => textOf(body[0]) === 'org.example.Test', 5000);
    expect(signal.body.slice(0, 2)).toEqual([text('org.example.Test'), text('')]);
    expect(() => watcher.signal(() => true, 50)).toThrow(/no answer in time/);
    watcher.close();
    other.close();
  });

  it('ends a connection that sends no D-Bus', () => {
    const transport = connectSocket(socket);
    transport.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'), transport.now() + 5000);
    expect(() => transport.read(new Uint8Array(100), transport.now() + 5000)).toThrow(
      /closed the connection|Connection reset by peer/,
    );
    transport.close();
  });

  it('without systemd is not mistaken for one', () => {
    const manager = new ServiceManager({ user: true, addresses: `unix:path=${socket}` });
    expect(() => manager.version()).toThrow(/no systemd is on this bus/);
    expect(() =>
      manager.createScope({ unit: 'a.scope', slice: 'b.slice', description: '', pid: 1, properties: [] }),
    ).toThrow(/^make the systemd scope "a.scope" in b.slice: .*no systemd is on this bus/);
    expect(() => manager.stopScope('a.scope', '')).toThrow(
      /^stop the systemd scope "a.scope": .*no systemd is on this bus/,
    );
    manager.close();
  });
});

describe('a socket', () => {
  it('that nobody made is named', () => {
    expect(() => connectSocket('/nowhere/bus')).toThrow('connect /nowhere/bus: No such file or directory');
  });

  it('at whose other end nobody answers is given up in time, and closed', async () => {
    const path = join(directory, 'silent');
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const before = openFds().length;
    const transport = connectSocket(path);
    const soon = { ...transport, now: () => transport.now() - 29_900 };
    expect(() => new DBusConnection(soon, false)).toThrow(DBusConnectionError);
    expect(openFds()).toHaveLength(before);
    server.close();
  });
});
