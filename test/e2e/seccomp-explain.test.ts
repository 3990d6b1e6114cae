/** `seccomp explain`: what a profile does with a system call, and that it says what a container then sees. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { args, defaultCapabilities } from './harness/config.ts';
import type { Lab } from './harness/lab.ts';
import { deny, numberOf, onX86, podmanProfile, syscall } from './harness/seccomp.ts';
import { describe, expect, test } from './harness/test.ts';

const PODMAN_PROFILE = '/usr/share/containers/seccomp.json';
const native = onX86 ? 'x86_64' : 'aarch64';

/** Writes a profile, or any text. */
function profile(lab: Lab, content: object | string): string {
  const path = lab.path('profile.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(path, 0o644);
  return path;
}

/** The lines of an answer about this machine's architecture. */
async function explain(lab: Lab, path: string, ...words: string[]): Promise<string> {
  const result = (await lab.tsrun(['seccomp', 'explain', '--arch', native, path, ...words])).expectCode(0);
  expect(result.stderr).toBe('');
  return result.stdout;
}

const sockets = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    {
      names: ['socket'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 13,
      args: [
        { index: 0, value: 16, op: 'SCMP_CMP_EQ' },
        { index: 2, value: 9, op: 'SCMP_CMP_NE' },
      ],
    },
  ],
};

describe('a profile', () => {
  const socket = numberOf('socket');

  test('as linux.seccomp alone', async ({ lab }) => {
    const path = profile(lab, sockets);
    const denied = `${native}: socket (${socket}): SCMP_ACT_ERRNO 13 (EACCES): syscalls[0]: argument 0 == 0x10 and argument 2 != 9\n`;
    expect(await explain(lab, path, 'socket', '16', '3', '8')).toBe(denied);
    expect(await explain(lab, path, String(socket), '0x10')).toBe(denied);
    expect(await explain(lab, path, 'SOCKET', '020')).toBe(denied);
    expect(await explain(lab, path, 'socket', '16', '3', '9')).toBe(
      `${native}: socket (${socket}): SCMP_ACT_ALLOW: defaultAction, for no entry matches\n` +
        '  otherwise syscalls[0]: SCMP_ACT_ERRNO 13 where argument 0 == 0x10 and argument 2 != 9\n',
    );
  });

  test('in a config.json', async ({ lab }) => {
    const { dir } = lab.bundle(deny('getcwd'));
    expect(await explain(lab, join(dir, 'config.json'), 'getcwd')).toContain('SCMP_ACT_ERRNO 1 (EPERM): syscalls[0]');
  });

  test('of an engine, for the capabilities that are given', async ({ lab }) => {
    const denied = await explain(lab, PODMAN_PROFILE, 'bpf');
    expect(denied).toContain('SCMP_ACT_ERRNO 1 (EPERM)');
    const allowed = await lab.tsrun([
      'seccomp',
      'explain',
      '--cap',
      'sys_admin',
      '--arch',
      native,
      PODMAN_PROFILE,
      'bpf',
    ]);
    expect(allowed.stdout).toContain('SCMP_ACT_ALLOW');
    // The entry is told as the file has it, though others before it were left out.
    const number = (text: string): number => Number(/syscalls\[(\d+)\]/.exec(text)?.[1]);
    const { syscalls } = (await import(PODMAN_PROFILE, { with: { type: 'json' } })).default;
    expect(syscalls[number(denied)]).toMatchObject({ excludes: { caps: ['CAP_SYS_ADMIN'] } });
    expect(syscalls[number(allowed.stdout)]).toMatchObject({ includes: { caps: ['CAP_SYS_ADMIN'] } });
  });

  test('is read by what engines have made of it, and the container sees what was said', async ({ lab }) => {
    const rows: [string, number[]][] = [
      ['getpid', []],
      ['bpf', [99]],
      ['personality', [1]],
      ['socket', [16, 3, 9]],
      ['swapon', [0, 0]],
    ];
    const facts = await lab.facts(
      podmanProfile(defaultCapabilities),
      args(...rows.map(([name, values]) => syscall(name, ...values))),
    );
    const caps = defaultCapabilities.flatMap((name) => ['--cap', name]);
    const said: (string | undefined)[] = [];
    for (const [name, values] of rows) {
      const argv = ['seccomp', 'explain', '--arch', native, ...caps, PODMAN_PROFILE, name, ...values.map(String)];
      const { stdout } = (await lab.tsrun(argv)).expectCode(0);
      said.push(/\((E\w+)\)/.exec(stdout)?.[1] ?? '');
    }
    expect(facts.each('syscall').map(({ errno }) => errno)).toEqual(said);
  });
});

test('--json has all of it', async ({ lab }) => {
  const path = profile(lab, sockets);
  const result = await lab.tsrun(['seccomp', 'explain', '--json', '--arch', native, path, 'socket', '16']);
  expect(result.expectCode(0).json()).toEqual([
    {
      architecture: `SCMP_ARCH_${native.toUpperCase()}`,
      name: 'socket',
      number: numberOf('socket'),
      action: 'SCMP_ACT_ERRNO',
      data: 13,
      because: 'syscalls[0]: argument 0 == 0x10 and argument 2 != 9',
      entry: 0,
      concerned: [
        {
          entry: 0,
          action: 'SCMP_ACT_ERRNO 13',
          conditions: 'argument 0 == 0x10 and argument 2 != 9',
          matches: true,
        },
      ],
    },
  ]);
});

test.runIf(onX86)('without --arch it is asked for each architecture of the profile', async ({ lab }) => {
  const architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'];
  const path = profile(lab, { ...sockets, architectures });
  expect((await lab.tsrun(['seccomp', 'explain', path, 'getcwd'])).expectCode(0).stdout).toBe(
    [
      'x86_64: getcwd (79): SCMP_ACT_ALLOW: defaultAction, for no entry matches',
      'x86: getcwd (183): SCMP_ACT_ALLOW: defaultAction, for no entry matches',
      `x32: getcwd (${0x4000_0000 + 79}): SCMP_ACT_ALLOW: defaultAction, for no entry matches`,
      '',
    ].join('\n'),
  );
  const other = await lab.tsrun(['seccomp', 'explain', '--arch', 'SCMP_ARCH_ARM', '--arch', 'x86', path, 'socket']);
  expect(other.expectCode(0).stdout).toBe(
    'arm: socket (281): SCMP_ACT_KILL_THREAD: the profile does not list this architecture\n' +
      'x86: socket: here it is a part of socketcall: ask about that\n' +
      '  otherwise syscalls[0]: SCMP_ACT_ERRNO 13 where argument 0 == 0x10 and argument 2 != 9\n',
  );
});

describe('what is refused', () => {
  const P = 'PROFILE';
  test.for<[string[], RegExp]>([
    [[], /missing argument: explain/],
    [['explain'], /missing argument: PROFILE/],
    [['explain', P], /missing argument: CALL/],
    [['show', P, 'read'], /not one of explain: got "show"/],
    [['explain', P, 'redd'], /unknown system call: got "redd"; did you mean read\?/],
    [['explain', P, '99999999999'], /unknown system call/],
    [['explain', P, 'read', ...'1234567'], /at most 6 arguments: got 7/],
    [['explain', P, 'read', 'x'], /not a number of 64 bits: got "x"/],
    [['explain', P, 'read', '18446744073709551616'], /not a number of 64 bits: got "18446744073709551616"/],
    [['explain', P, 'read', '09'], /not a number of 64 bits: got "09"/],
    [['explain', P, 'read', '--json'], /flags stand before the profile/],
    [['explain', '--arch', 'x23', P, 'read'], /unknown architecture: got "x23"; did you mean x32\?/],
    [['explain', '--cap', 'sys_admn', P, 'read'], /unknown capability: got "sys_admn"; did you mean CAP_SYS_ADMIN\?/],
    [['explain', '/no/such', 'read'], /"\/no\/such" does not exist/],
    [['explain', '/', 'read'], /not a regular file/],
  ])('%j', async ([argv, said], { lab }) => {
    const path = profile(lab, sockets);
    const result = await lab.tsrun(['seccomp', ...argv.map((word) => (word === P ? path : word))]);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(/^tsrun: [^\n]+\n$/);
    expect(result.stderr).toMatch(said);
  });

  test.for<[object | string, RegExp]>([
    ['', /:1:1: .*empty/],
    ['{"defaultAction":', /:1:18: the text ends too early/],
    [[], /expected an object/],
    [{}, /:1:1: defaultAction: missing, but required/],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'] }] },
      /: syscalls\[0\]\.action: missing, but required/,
    ],
    [{ linux: {} }, /:1:1: ociVersion: missing/],
    [
      { defaultAction: 'SCMP_ACT_DENY' },
      /:1:2: defaultAction: unknown seccomp action: got "SCMP_ACT_DENY"; use one of/,
    ],
    [{ defaultAction: 'SCMP_ACT_NOTIFY' }, /:1:2: defaultAction: .*SCMP_ACT_NOTIFY/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: {} }, /: syscalls: not as in a seccomp profile/],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['x86'] },
      /architectures\[0\]: unknown seccomp architecture: got "x86"/,
    ],
    [
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [
          { names: ['read'], action: 'SCMP_ACT_KILL', includes: { caps: ['CAP_SYS_ADMIN'] } },
          { names: ['read'], action: 'SCMP_ACT_KIL' },
        ],
      },
      // The place in the file, though the entry before it does not hold.
      /: syscalls\[1\]\.action: unknown seccomp action: got "SCMP_ACT_KIL"; did you mean SCMP_ACT_KILL\?/,
    ],
  ])('%j', async ([content, said], { lab }) => {
    const result = await lab.tsrun(['seccomp', 'explain', profile(lab, content), 'read']);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(/^tsrun: [^\n]*profile\.json[^\n]*\n$/);
    expect(result.stderr).toMatch(said);
  });

  test('a configuration without a profile', async ({ lab }) => {
    const { dir } = lab.bundle();
    const result = await lab.tsrun(['seccomp', 'explain', join(dir, 'config.json'), 'read']);
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('linux.seccomp: missing')]);
  });
});
