import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { O } from '../../../runtime/constants.ts';
import { errno } from '../../../runtime/errno.ts';
import { Netlink } from '../../../runtime/netlink/socket.ts';
import { check, checkValue } from '../../../runtime/sys.ts';
import { openFds, openNull, temporaryDirectory } from './helpers.ts';

const directory = temporaryDirectory();
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

function pair(): [number, number] {
  return checkValue(addon.socketpair(), 'socketpair');
}

describe('messages', () => {
  it('keep their bounds, and carry descriptors', () => {
    const [a, b] = pair();
    const nothing = openNull();
    expect(addon.sendMessage(a, bytes('first'), [nothing, nothing])).toBe(5);
    expect(addon.sendMessage(a, bytes('second'), [])).toBe(6);
    const buffer = new Uint8Array(100);
    const first = checkValue(addon.receiveMessage(b, buffer), 'receiveMessage');
    expect(first).toEqual({ length: 5, fds: [expect.any(Number), expect.any(Number)], truncated: false });
    expect(Buffer.from(buffer.subarray(0, 5)).toString()).toBe('first');
    for (const fd of first.fds) {
      expect(addon.readlink(`/proc/self/fd/${fd}`)).toBe('/dev/null');
      expect(first.fds).not.toContain(nothing);
      addon.close(fd);
    }
    expect(addon.receiveMessage(b, buffer)).toEqual({ length: 6, fds: [], truncated: false });
    addon.close(a);
    expect(addon.receiveMessage(b, buffer)).toEqual({ length: 0, fds: [], truncated: false });
    expect(addon.sendMessage(b, bytes('late'), [])).toBe(-errno.EPIPE);
    addon.close(b);
    addon.close(nothing);
  });

  it('carry up to 253 descriptors', () => {
    const [a, b] = pair();
    const nothing = openNull();
    const before = openFds();
    const many = (count: number): number[] => new Array<number>(count).fill(nothing);
    expect(addon.sendMessage(a, bytes('x'), many(253))).toBe(1);
    const received = checkValue(addon.receiveMessage(b, new Uint8Array(1)), 'receiveMessage');
    expect(received.fds.length).toBe(253);
    expect(received.truncated).toBe(false);
    for (const fd of received.fds) addon.close(fd);
    expect(openFds()).toEqual(before);
    expect(addon.sendMessage(a, bytes('x'), many(254))).toBe(-errno.E2BIG);
    expect(addon.sendMessage(a, bytes('x'), [-1])).toBe(-errno.EBADF);
    for (const fd of [a, b, nothing]) addon.close(fd);
  });

  it('say when they were cut', () => {
    const [a, b] = pair();
    addon.sendMessage(a, bytes('too long'), []);
    expect(addon.receiveMessage(b, new Uint8Array(3))).toEqual({ length: 3, fds: [], truncated: true });
    check(addon.setNonblocking(b, true), 'setNonblocking');
    expect(addon.receiveMessage(b, new Uint8Array(3))).toBe(-errno.EAGAIN);
    for (const fd of [a, b]) addon.close(fd);
    expect(addon.receiveMessage(b, new Uint8Array(3))).toBe(-errno.EBADF);
  });
});

describe('connectUnix', () => {
  async function withServer(path: string, test: (fd: number) => void | Promise<void>): Promise<void> {
    const server = createServer((socket) => socket.end('hello'));
    const parent = check(addon.open(path.slice(0, path.lastIndexOf('/')), O.PATH, 0), 'open');
    await new Promise<void>((resolve) => server.listen(`/proc/self/fd/${parent}/socket`, resolve));
    addon.close(parent);
    const fd = check(addon.connectUnix(path), 'connectUnix', path);
    try {
      await test(fd);
    } finally {
      addon.close(fd);
      await new Promise((resolve) => server.close(resolve));
    }
  }

  it.each([[''], ['/'.padEnd(120, 'deep/')]])('reaches a socket in the directory "%s"', async (below) => {
    const path = join(directory, below, 'socket');
    mkdirSync(join(directory, below), { recursive: true });
    await withServer(path, async (fd) => {
      check(addon.setNonblocking(fd, true), 'setNonblocking');
      const buffer = new Uint8Array(10);
      expect(addon.read(fd, buffer)).toBe(-errno.EAGAIN);
      await expect.poll(() => addon.read(fd, buffer)).toBe(5);
    });
  });

  it('ends where nobody accepts, and the queue is full', async () => {
    const path = join(directory, 'deaf');
    const listener = spawn('python3', [
      '-c',
      `import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(0)
held = []
try:
    while True:
        c = socket.socket(socket.AF_UNIX)
        c.setblocking(False)
        c.connect(sys.argv[1])
        held.append(c)
except BlockingIOError:
    print("full", flush=True)
sys.stdin.read()`,
      path,
    ]);
    try {
      await once(listener.stdout, 'data');
      expect(addon.connectUnix(path)).toBe(-errno.EAGAIN);
    } finally {
      listener.kill();
      await once(listener, 'exit');
    }
  }, 30_000);

  it('fails where there is none', () => {
    expect(addon.connectUnix(join(directory, 'nothing'))).toBe(-errno.ENOENT);
    expect(addon.connectUnix('/etc/passwd')).toBe(-errno.ECONNREFUSED);
    expect(addon.connectUnix('')).toBe(-errno.ENOENT);
    expect(addon.connectUnix('x'.repeat(5000))).toBe(-errno.ENAMETOOLONG);
  });
});

describe('netlink', () => {
  const host = join(import.meta.dirname, '../../../build/guest/host');
  /** The ports of all sockets of rtnetlink in this network namespace. */
  const ports = (): string[] =>
    readFileSync('/proc/net/netlink', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, protocol]) => protocol === '0')
      .map(([, , port = '']) => port);

  it('takes nothing from anybody but the kernel', () => {
    const before = new Set(ports());
    const netlink = Netlink.open();
    const [port = ''] = ports().filter((one) => !before.has(one));
    expect(port).toMatch(/^[1-9][0-9]*$/);
    expect(spawnSync(host, ['netlink', port]).status).toBe(errno.ECONNREFUSED);
    expect([...netlink.names()]).toContain('lo');
    netlink.close();
  });
});
