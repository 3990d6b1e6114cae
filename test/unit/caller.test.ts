import { describe, expect, it } from 'vitest';
import { decodeCaller, envOf } from '../../runtime/caller.ts';

interface Parts {
  magic?: string;
  version?: number;
  closed?: number;
  softNofile?: bigint;
  ignored?: bigint;
  blocked?: bigint;
  fds?: number[];
  fdCount?: number;
  env?: string | Uint8Array;
  envCount?: number;
  envLength?: number;
  reserved?: number;
}

function record(parts: Parts): Uint8Array {
  const fds = parts.fds ?? [];
  const env = Buffer.from(parts.env ?? '');
  const header = Buffer.alloc(56);
  header.write(parts.magic ?? 'tsruncal', 'latin1');
  header.writeUInt32LE(parts.version ?? 1, 8);
  header.writeUInt32LE(parts.closed ?? 0, 12);
  header.writeBigUInt64LE(parts.softNofile ?? 1024n, 16);
  header.writeBigUInt64LE(parts.ignored ?? 0n, 24);
  header.writeBigUInt64LE(parts.blocked ?? 0n, 32);
  header.writeUInt32LE(parts.fdCount ?? fds.length, 40);
  header.writeUInt32LE(parts.envCount ?? env.filter((byte) => byte === 0).length, 44);
  header.writeUInt32LE(parts.envLength ?? env.length, 48);
  header.writeUInt32LE(parts.reserved ?? 0, 52);
  const list = Buffer.alloc(fds.length * 4);
  fds.forEach((fd, i) => {
    list.writeUInt32LE(fd, i * 4);
  });
  return Buffer.concat([header, list, env]);
}

describe('decodeCaller', () => {
  it('reads every field', () => {
    const bytes = record({
      closed: 0b101,
      softNofile: 20_000n,
      ignored: (1n << 63n) | 1n,
      blocked: 1n << 12n,
      fds: [1, 3, 70_000],
      env: 'A=1\0EMPTY=\0no sign\0',
    });
    expect(decodeCaller(bytes)).toEqual({
      softNofile: 20_000,
      ignoredSignals: 0x8000000000000001n,
      blockedSignals: 0x1000n,
      openFds: [1, 3, 70_000],
      closedStdio: [0, 2],
      env: ['A=1', 'EMPTY=', 'no sign'],
    });
  });

  it('reads a record that lies at an odd offset of a larger buffer', () => {
    const bytes = record({ fds: [2], env: 'A=1\0' });
    const larger = new Uint8Array(bytes.length + 2);
    larger.set(bytes, 1);
    expect(decodeCaller(larger.subarray(1, -1))).toMatchObject({ openFds: [2], env: ['A=1'] });
  });

  it('keeps empty variables, a leading byte order mark and bytes that are not UTF-8 apart', () => {
    expect(decodeCaller(record({ env: '\0\0' })).env).toEqual(['', '']);
    expect(decodeCaller(record({ env: '\ufeffA=1\0' })).env).toEqual(['\ufeffA=1']);
    expect(decodeCaller(record({ env: Uint8Array.of(0x41, 0x3d, 0xff, 0) })).env).toEqual(['A=\ufffd']);
    expect(decodeCaller(record({})).env).toEqual([]);
  });

  it.each<[string, Uint8Array]>([
    ['only 0 bytes', new Uint8Array()],
    ['only 55 bytes', record({}).subarray(1)],
    ['not such a record', record({ magic: 'tsrunCAL' })],
    ['version 2 in place of 1: reinstall tsrun', record({ version: 2 })],
    ['57 bytes in place of 56', Buffer.concat([record({}), Buffer.alloc(1)])],
    ['60 bytes in place of 64', record({ fds: [1], fdCount: 2 })],
    ['56 bytes in place of 17179869236', record({ fdCount: 0xffffffff })],
    ['60 bytes in place of 61', record({ env: 'A=1\0', envLength: 5 })],
    ['unknown bits are set', record({ closed: 8 })],
    ['unknown bits are set', record({ reserved: 1 })],
    ['variables are missing', record({ envCount: 1 })],
    ['the last variable is cut off', record({ env: 'A=1' })],
    ['2 variables in place of 1', record({ env: 'A=1\0B=2\0', envCount: 1 })],
  ])('refuses a record: %s', (reason, bytes) => {
    expect(() => decodeCaller(bytes)).toThrow(`read the launcher's record of the caller: ${reason}`);
  });
});

describe('envOf', () => {
  const caller = { env: ['A=1', 'AB=2', 'A=3', 'EMPTY=', 'bare'] };

  it.each([
    ['A', '1'],
    ['AB', '2'],
    ['EMPTY', ''],
    ['bare', undefined],
    ['B', undefined],
  ])('%s', (name, value) => {
    expect(envOf(caller, name)).toBe(value);
  });
});
