/** The layout of the engine's file. */
import { expect, test } from 'vitest';
import { aligned, HUGE_PAGE } from '../../scripts/elf-layout.ts';

interface Part {
  readonly type?: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly size: bigint;
}

/** An executable of these segments, with a section for each, whose content says where it belongs in memory. */
function elf(parts: readonly Part[]): Uint8Array {
  const sections = Math.max(...parts.map(({ offset, size }) => Number(offset + size))) + 16;
  const view = new DataView(new ArrayBuffer(sections + 64 * parts.length));
  for (const [index, { type = 1, flags, offset, address, size }] of parts.entries()) {
    for (let at = 0n; at + 8n <= size; at += 8n) view.setBigUint64(Number(offset + at), address + at, true);
    view.setUint32(64 + 56 * index, type, true);
    view.setUint32(64 + 56 * index + 4, flags, true);
    view.setBigUint64(64 + 56 * index + 8, offset, true);
    view.setBigUint64(64 + 56 * index + 16, address, true);
    view.setBigUint64(64 + 56 * index + 32, size, true);
    view.setBigUint64(sections + 64 * index + 24, offset, true);
  }
  view.setUint32(0, 0x7f454c46);
  view.setUint16(4, 0x0201);
  view.setBigUint64(32, 64n, true);
  view.setBigUint64(40, BigInt(sections), true);
  for (const [at, value] of [
    [54, 56],
    [56, parts.length],
    [58, 64],
    [60, parts.length],
  ] as const)
    view.setUint16(at, value, true);
  return new Uint8Array(view.buffer);
}

/** What is loaded at an address, according to the program headers. */
function loadedAt(bytes: Uint8Array, address: bigint): bigint {
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < view.getUint16(56, true); index++) {
    const at = 64 + 56 * index;
    const first = view.getBigUint64(at + 16, true);
    if (view.getUint32(at, true) !== 1 || address < first || address >= first + view.getBigUint64(at + 32, true))
      continue;
    return view.getBigUint64(Number(view.getBigUint64(at + 8, true) + address - first), true);
  }
  throw new Error(`nothing is at ${address}`);
}

/** Read-only data from 0x200000, whose last page the code begins in; then data. */
const parts: readonly Part[] = [
  { flags: 4, offset: 0x1000n, address: 0x201000n, size: 0x2700n },
  { flags: 5, offset: 0x3708n, address: 0x20b708n, size: 0x5000n },
  { flags: 6, offset: 0x9000n, address: 0x212000n, size: 0x1000n },
  { type: 7, flags: 4, offset: 0x9000n, address: 0x212000n, size: 0x100n },
];

test('code gets an offset that differs from its address by huge pages, and everything stays where it is in memory', () => {
  const before = elf(parts);
  const after = aligned(before);
  const view = new DataView(after.buffer);
  const [offset, address] = [view.getBigUint64(64 + 56 + 8, true), view.getBigUint64(64 + 56 + 16, true)];
  expect((address - offset) % BigInt(HUGE_PAGE)).toBe(0n);
  for (const { type = 1, address: first, size } of parts)
    for (let at = 0n; type === 1 && at + 8n <= size; at += 8n) expect(loadedAt(after, first + at)).toBe(first + at);
  // The other tables tell the same places.
  expect(view.getBigUint64(64 + 3 * 56 + 8, true)).toBe(view.getBigUint64(64 + 2 * 56 + 8, true));
  const sections = Number(view.getBigUint64(40, true));
  for (const [index] of parts.entries())
    expect(view.getBigUint64(sections + 64 * index + 24, true)).toBe(view.getBigUint64(64 + 56 * index + 8, true));
});

test('what is aligned stays as it is', () => {
  const once = aligned(elf(parts));
  expect(aligned(once)).toBe(once);
});

test.each([
  ['no ELF', new TextEncoder().encode('#!/bin/sh\n'.repeat(20))],
  ['no code', elf([{ flags: 4, offset: 0x1000n, address: 0x201000n, size: 0x100n }])],
  ['code from the beginning of the file on', elf([{ flags: 5, offset: 0n, address: 0x400000n, size: 0x1000n }])],
  [
    'code within what is loaded before it',
    elf([
      { flags: 4, offset: 0x1000n, address: 0x201000n, size: 0x9000n },
      { flags: 5, offset: 0x3000n, address: 0x20b000n, size: 0x1000n },
    ]),
  ],
])('%s: as it is', (_, bytes) => {
  expect(aligned(bytes)).toBe(bytes);
});
