import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { POLL } from '../../../runtime/constants.ts';
import { errno } from '../../../runtime/errno.ts';
import { check, checkValue } from '../../../runtime/sys.ts';
import { run } from './helpers.ts';

const { SIGPIPE, SIGUSR2 } = constants.signals;

describe('poll', () => {
  it('tells what is ready', () => {
    const [reading, writing] = checkValue(addon.pipe(), 'pipe');
    const fds = Int32Array.of(reading, POLL.IN, writing, POLL.OUT, -1, POLL.IN);
    expect(addon.poll(fds, 0)).toBe(1);
    expect([...fds]).toEqual([reading, 0, writing, POLL.OUT, -1, 0]);
    addon.write(writing, 'x');
    expect(addon.poll(fds.fill(POLL.IN, 1, 2), -1)).toBe(2);
    expect(fds[1]).toBe(POLL.IN);
    addon.close(writing);
    addon.read(reading, new Uint8Array(9));
    expect(addon.poll(fds.fill(POLL.IN, 1, 2), -1)).toBe(2);
    expect(fds[1]).toBe(POLL.HUP);
    expect(fds[3]).toBe(POLL.NVAL);
    addon.close(reading);
  });

  it('waits as long as asked, without descriptors too', () => {
    for (const fds of [new Int32Array(0), Int32Array.of(-1, POLL.IN)]) {
      const started = addon.monotonicMs();
      expect(addon.poll(fds, 60)).toBe(0);
      expect(addon.monotonicMs() - started).toBeGreaterThanOrEqual(60);
      expect(addon.monotonicMs() - started).toBeLessThan(1000);
    }
    expect(addon.poll(Int32Array.of(1), 0)).toBe(-errno.EINVAL);
  });
});

describe('signalfd', () => {
  it('tells the signals of its thread', () => {
    const fd = check(addon.signalfd([SIGPIPE]), 'signalfd');
    expect(addon.readSignal(fd)).toBe(-errno.EAGAIN);
    const [reading, writing] = checkValue(addon.pipe(), 'pipe');
    addon.close(reading);
    expect(addon.write(writing, 'x')).toBe(-errno.EPIPE);
    expect(addon.poll(Int32Array.of(fd, POLL.IN), 1000)).toBe(1);
    expect(addon.readSignal(fd)).toBe(SIGPIPE);
    expect(addon.readSignal(fd)).toBe(-errno.EAGAIN);
    for (const each of [fd, writing]) addon.close(each);
    expect(addon.readSignal(fd)).toBe(-errno.EBADF);
    expect(addon.signalfd([0])).toBe(-errno.EINVAL);
    expect(addon.signalfd([65])).toBe(-errno.EINVAL);
  });

  it('tells signals that arrive at another thread of the engine', () => {
    const fd = check(addon.signalfd([SIGUSR2]), 'signalfd');
    for (let i = 0; i < 20; i++) {
      run(['/bin/kill', '-s', 'USR2', String(process.pid)]);
      expect(addon.poll(Int32Array.of(fd, POLL.IN), 5000)).toBe(1);
      expect(addon.readSignal(fd)).toBe(SIGUSR2);
    }
    addon.close(fd);
  });
});
