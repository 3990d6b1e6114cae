import { describe, expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { O } from '../../../runtime/constants.ts';
import { errno } from '../../../runtime/errno.ts';
import { check, checkValue } from '../../../runtime/sys.ts';
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

  it('becomes raw, and what it was', () => {
    const fd = check(addon.open('/dev/ptmx', O.RDWR | O.NOCTTY, 0), 'open');
    const saved = checkValue(addon.terminalSave(fd), 'terminalSave');
    expect(addon.terminalRaw(fd)).toBe(0);
    const raw = checkValue(addon.terminalSave(fd), 'terminalSave');
    expect(raw).not.toEqual(saved);
    expect(addon.terminalRestore(fd, saved)).toBe(0);
    expect(addon.terminalSave(fd)).toEqual(saved);
    expect(addon.terminalRestore(fd, saved.subarray(1))).toBe(-errno.EINVAL);
    addon.close(fd);
  });

  it('has ONLCR cleared and set', () => {
    const fd = check(addon.open('/dev/ptmx', O.RDWR | O.NOCTTY, 0), 'open');
    const ONLCR = 4;
    const output = (): number =>
      new DataView(checkValue(addon.terminalSave(fd), 'terminalSave').buffer).getUint32(4, true);
    expect(output() & ONLCR).toBe(ONLCR);
    expect(addon.terminalOnlcr(fd, false)).toBe(0);
    expect(output() & ONLCR).toBe(0);
    expect(addon.terminalOnlcr(fd, true)).toBe(0);
    expect(output() & ONLCR).toBe(ONLCR);
    addon.close(fd);
  });

  it('is nothing else', () => {
    const fd = openNull();
    expect(addon.isatty(fd)).toBe(false);
    expect(addon.terminalSave(fd)).toBe(-errno.ENOTTY);
    expect(addon.terminalRaw(fd)).toBe(-errno.ENOTTY);
    expect(addon.terminalOnlcr(fd, true)).toBe(-errno.ENOTTY);
    expect(addon.windowSize(fd)).toBe(-errno.ENOTTY);
    expect(addon.setWindowSize(fd, { rows: 1, columns: 1 })).toBe(-errno.ENOTTY);
    expect(addon.terminalRestore(fd, new Uint8Array(60))).toBe(-errno.ENOTTY);
    addon.close(fd);
  });
});
