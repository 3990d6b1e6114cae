import { openSync, readFileSync, readSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { elfInterpreter, parseElf } from '../../runtime/elf.ts';
import { type ExecFailure, explainExecFailure } from '../../runtime/exec-failure.ts';

const [ENOENT, EACCES, ENOEXEC] = [2, 13, 8];

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const bytes = (content: string): Uint8Array => Uint8Array.from(content, (character) => character.charCodeAt(0));

interface ElfParts {
  bits?: 32 | 64;
  bigEndian?: boolean;
  machine?: number;
  type?: number;
  loader?: string;
  /** Cut the file here. */
  length?: number;
}

/** An ELF header, two program headers (the second is PT_INTERP) and the loader's name. */
function elf({ bits = 64, bigEndian = false, machine = 62, type = 2, loader, length }: ElfParts = {}): Uint8Array {
  const file = new Uint8Array(512);
  const view = new DataView(file.buffer);
  const little = !bigEndian;
  const wide = bits === 64;
  const word = (at: number, value: number) =>
    wide ? view.setBigUint64(at, BigInt(value), little) : view.setUint32(at, value, little);
  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, bigEndian ? 2 : 1, 1]);
  view.setUint16(16, type, little);
  view.setUint16(18, machine, little);
  const table = wide ? 64 : 52;
  const entry = wide ? 56 : 32;
  word(wide ? 32 : 28, table);
  view.setUint16(wide ? 54 : 42, entry, little);
  view.setUint16(wide ? 56 : 44, loader === undefined ? 0 : 2, little);
  if (loader !== undefined) {
    const header = table + entry;
    const name = text(`${loader}\0`);
    view.setUint32(table, 6, little);
    view.setUint32(header, 3, little);
    word(header + (wide ? 8 : 4), 300);
    word(header + (wide ? 32 : 16), name.length);
    file.set(name, 300);
  }
  return file.subarray(0, length);
}

function withByte(file: Uint8Array, at: number, value: number): Uint8Array {
  file[at] = value;
  return file;
}

const explain = (failure: Omit<ExecFailure, 'hostMachine' | 'path'> & Partial<ExecFailure>) =>
  explainExecFailure({ path: '/app/run', hostMachine: 'x86_64', ...failure });

describe('ENOENT', () => {
  test.each<[string, Partial<ExecFailure>, string]>([
    ['a name in no directory of PATH', { path: 'nope' }, 'executable file not found in $PATH'],
    ['a missing file', { path: '/app/run' }, 'no such file or directory'],
    ['a missing relative path', { path: './run' }, 'no such file or directory'],
    [
      'a missing interpreter',
      { head: text('#!/usr/bin/python9 -u\nprint()\n') },
      'no such file or directory: its interpreter "/usr/bin/python9" (from its `#!` line), or what that needs, is missing',
    ],
    ['blanks before it', { head: text('#! \t/opt/perl\n') }, 'its interpreter "/opt/perl" (from its `#!` line)'],
    [
      'a long script',
      { head: text(`#!/opt/perl\n${'x'.repeat(300)}`) },
      'its interpreter "/opt/perl" (from its `#!` line)',
    ],
    ['no newline at all', { head: text('#!/opt/perl') }, 'its interpreter "/opt/perl" (from its `#!` line)'],
    [
      'CR LF',
      { head: text('#!/bin/sh\r\nexit 0\r\n') },
      'no such file or directory: its `#!` line ends in CR LF, so the interpreter looked for is "/bin/sh\\r": save the file with LF',
    ],
    [
      'a glibc loader',
      { head: elf({ loader: '/lib64/ld-linux-x86-64.so.2' }) },
      'no such file or directory: the binary needs the loader "/lib64/ld-linux-x86-64.so.2", which is missing: perhaps a glibc program in a musl image',
    ],
    ['a musl loader', { head: elf({ loader: '/lib/ld-musl-x86_64.so.1' }) }, 'perhaps a musl program in a glibc image'],
    ['another loader', { head: elf({ loader: '/nix/ld.so' }) }, 'needs the loader "/nix/ld.so", which is missing'],
    ['a 32-bit loader', { head: elf({ bits: 32, machine: 3, loader: '/lib/ld-linux.so.2' }) }, '"/lib/ld-linux.so.2"'],
    [
      'an impossible program header',
      { head: withByte(elf({ loader: '/lib/ld.so' }), 54, 40) },
      'the loader that the binary asks for',
    ],
    [
      'a loader out of sight',
      { head: elf({ loader: '/lib/ld.so', length: 200 }) },
      'the loader that the binary asks for',
    ],
    ['a file with nothing to say', { head: text('hello\n') }, 'no such file or directory'],
  ])('%s', (_, failure, expected) => {
    const said = explain({ errno: ENOENT, ...failure });
    expect(said).toContain(expected);
    expect(said).not.toMatch(/permission denied|operation not permitted|exec format error/);
    expect(said).toMatch(/^(no such file or directory|executable file not found in \$PATH)/);
  });
});

describe('EACCES', () => {
  test.each<[string, Partial<ExecFailure>, string]>([
    ['a directory', { mode: 0o040755 }, 'permission denied: it is a directory'],
    ['a device', { mode: 0o020666 }, 'permission denied: it is not a regular file'],
    ['no x bit', { mode: 0o100644 }, 'permission denied: nobody may execute it (mode 0644): chmod +x /app/run'],
    [
      'a script with an x bit',
      { mode: 0o100700, head: text('#!/bin/sh\n') },
      'it or its interpreter "/bin/sh" may not',
    ],
    [
      'a binary with a loader',
      { mode: 0o100755, head: elf({ loader: '/lib/ld.so' }) },
      'it or its loader "/lib/ld.so"',
    ],
    ['a static binary', { mode: 0o100755, head: elf() }, 'this user may not execute it, or its file system is mounted'],
    ['nothing known', {}, 'this user may not execute it'],
  ])('%s', (_, failure, expected) => {
    const said = explain({ errno: EACCES, ...failure });
    expect(said).toContain(expected);
    expect(said).toMatch(/^permission denied: /);
    expect(said).not.toMatch(/no such file|not found/);
  });

  it('says what Docker looks for where it is a directory', () => {
    expect(explain({ errno: EACCES, mode: 0o040755 })).toMatch(/permission denied.*is a directory/);
  });
});

describe('ENOEXEC', () => {
  test.each<[string, Uint8Array, string]>([
    ['an empty file', text(''), 'the file is empty'],
    ['text', text('echo hello\n'), 'it is a text file without a `#!` line, such as `#!/bin/sh`'],
    ['#! alone', text('#!\necho hello\n'), 'its `#!` line names no interpreter'],
    ['#! and blanks', text('#! \t \n'), 'its `#!` line names no interpreter'],
    [
      'a very long #! line',
      text(`#!/${'x'.repeat(300)}\n`),
      'its `#!` line is longer than the kernel reads (255 bytes)',
    ],
    [
      'a long argument is no reason',
      text(`#!/bin/a ${'x'.repeat(300)}\n`),
      'its interpreter "/bin/a" is not something',
    ],
    ['an interpreter that is no program', text('#!/etc/passwd\n'), 'its interpreter "/etc/passwd" is not something'],
    ['a byte order mark', text('\ufeff#!/bin/sh\n'), 'a byte order mark stands before its `#!`'],
    ['binary data', bytes('\x01\x00\x02'), 'it is neither an ELF binary nor a script'],
    ['a Windows program', bytes('MZ\x90\x00'), 'it is a Windows or DOS program, not a Linux program'],
    ['WebAssembly', bytes('\0asm\x01\0\0\0'), 'it is a WebAssembly module'],
    ['Mach-O', bytes('\xcf\xfa\xed\xfe\x07'), 'it is a macOS program'],
    ['half a header', elf({ length: 40 }), 'its ELF header is cut short'],
    ['only the magic', bytes('\x7fELF'), 'its ELF header is cut short'],
    ['an object file', elf({ type: 1 }), 'it is an object file that was not linked'],
    ['a core dump', elf({ type: 4 }), 'it is a core dump'],
    [
      'the right machine',
      elf(),
      'it is for this machine (x86-64), but damaged, or of a kind that this kernel cannot load',
    ],
    ['aarch64', elf({ machine: 183 }), 'the binary is aarch64, this host is x86-64'],
    ['arm', elf({ machine: 40, bits: 32 }), 'the binary is arm, this host is x86-64'],
    ['i386', elf({ machine: 3, bits: 32 }), 'the binary is i386, this host is x86-64'],
    ['x32', elf({ machine: 62, bits: 32 }), 'the binary is x32, this host is x86-64'],
    ['riscv64', elf({ machine: 243 }), 'the binary is riscv64, this host is x86-64'],
    ['riscv32', elf({ machine: 243, bits: 32 }), 'the binary is riscv32, this host is x86-64'],
    ['ppc64le', elf({ machine: 21 }), 'the binary is ppc64le, this host is x86-64'],
    ['ppc64', elf({ machine: 21, bigEndian: true }), 'the binary is ppc64, this host is x86-64'],
    ['s390x', elf({ machine: 22, bigEndian: true }), 'the binary is s390x, this host is x86-64'],
    ['mips64el', elf({ machine: 8 }), 'the binary is mips64el, this host is x86-64'],
    ['loongarch64', elf({ machine: 258 }), 'the binary is loongarch64, this host is x86-64'],
    [
      'arm, big-endian',
      elf({ machine: 183, bigEndian: true }),
      'the binary is aarch64 (big-endian), this host is x86-64',
    ],
    ['arm, ilp32', elf({ machine: 183, bits: 32 }), 'the binary is aarch64 (ilp32), this host is x86-64'],
    ['an unknown machine', elf({ machine: 0x1234 }), 'the binary is machine 0x1234, this host is x86-64'],
  ])('%s', (_, head, expected) => {
    const said = explain({ errno: ENOEXEC, head });
    expect(said.slice(0, `exec format error: ${expected}`.length)).toBe(`exec format error: ${expected}`);
    expect(said).not.toMatch(/no such file|not found|permission denied/);
  });

  it('says no more than the kernel without the file', () => {
    expect(explain({ errno: ENOEXEC })).toBe('exec format error');
  });

  it('knows the host by the names of uname and of Node.js', () => {
    const head = elf({ machine: 62 });
    for (const hostMachine of ['x86_64', 'x64']) {
      expect(explain({ errno: ENOEXEC, head, hostMachine })).toContain('for this machine (x86-64)');
    }
    for (const hostMachine of ['arm64', 'aarch64']) {
      expect(explain({ errno: ENOEXEC, head, hostMachine })).toContain('the binary is x86-64, this host is aarch64');
    }
    expect(explain({ errno: ENOEXEC, head: elf({ machine: 183 }), hostMachine: 'arm64' })).toContain(
      'for this machine (aarch64)',
    );
  });
});

test.each<[number, string]>([
  [40, 'too many levels of symbolic links'],
  [26, 'text file busy: '],
  [7, 'argument list too long: '],
  [80, 'the loader is no valid one'],
  [12, 'cannot allocate memory'],
  [1, 'operation not permitted'],
  [20, 'not a directory'],
])('errno %i', (errno, expected) => {
  expect(explain({ errno })).toContain(expected);
});

test('ELOOP of a script is about interpreters', () => {
  expect(explain({ errno: 40, head: text('#!/a\n') })).toContain('too many levels of interpreters');
});

test('ELIBBAD names the loader', () => {
  expect(explain({ errno: 80, head: elf({ loader: '/lib/x.so' }) })).toBe('the loader "/lib/x.so" is no valid one');
});

describe('a file that lies', () => {
  it('is never trusted, whatever it says', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.nat(0x40),
        fc.constantFrom(2, 8, 13, 40, 80),
        (junk, at, errno) => {
          const head = elf({ loader: '/lib/ld.so' });
          head.set(junk.subarray(0, head.length - at), at);
          expect(typeof explain({ errno, head })).toBe('string');
          expect(typeof explain({ errno, head: junk })).toBe('string');
        },
      ),
    );
  });

  it('puts no control character into the sentence', () => {
    const said = explain({ errno: ENOENT, head: text('#!/bin/\u001b[31mred\u202e\n') });
    expect(said).not.toMatch(/[\u001b\u202e]/);
  });
});

test('the running program', () => {
  const head = new Uint8Array(4096);
  readSync(openSync(process.execPath, 'r'), head);
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86-64';
  expect(parseElf(head)).toMatchObject({ bits: 64, bigEndian: false, machine });
  expect(readFileSync(elfInterpreter(head) ?? '').length).toBeGreaterThan(0);
});
