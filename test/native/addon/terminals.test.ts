import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { O } from '../../../runtime/constants.ts';
import { errno } from '../../../runtime/errno.ts';
import { check } from '../../../runtime/sys.ts';
import { openNull } from './helpers.ts';

describe('a terminal', () => {
  it('has a size', () => {
    const fd = check(addon.open('/dev/ptmx', O.RDWR | O.NOCTTY, 0), 'open');
    expect(addon.isatty(fd)).toBe(true);
    expect(addon.windowSize(fd)).toEqual({ rows: 0, columns: 0 });
    expect(addon.setWindowSize(fd, { rows: 24, columns: 65535 })).toBe(0);
    expect(addon.windowSize(fd)).toEqual({ rows: 24, columns: 65535 });
    addon.close(fd);
  });

  it('has ONLCR cleared and set', () => {
    const fd = check(addon.open('/dev/ptmx', O.RDWR | O.NOCTTY, 0), 'open');
    const settings = (): string => execFileSync('stty', ['-a'], { stdio: [fd, 'pipe', 'inherit'] }).toString();
    expect(settings()).toMatch(/ onlcr/);
    expect(addon.terminalOnlcr(fd, false)).toBe(0);
    expect(settings()).toMatch(/ -onlcr/);
    expect(addon.terminalOnlcr(fd, true)).toBe(0);
    expect(settings()).toMatch(/ onlcr/);
    addon.close(fd);
  });

  it('is nothing else', () => {
    const fd = openNull();
    expect(addon.isatty(fd)).toBe(false);
    expect(addon.terminalOnlcr(fd, true)).toBe(-errno.ENOTTY);
    expect(addon.windowSize(fd)).toBe(-errno.ENOTTY);
    expect(addon.setWindowSize(fd, { rows: 1, columns: 1 })).toBe(-errno.ENOTTY);
    addon.close(fd);
  });
});
