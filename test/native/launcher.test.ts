import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeCaller } from '../../runtime/caller.ts';

const repository = resolve(import.meta.dirname, '../..');
const host = join(repository, 'build/guest/host');
const scratch = mkdtempSync(join(tmpdir(), 'tsrun-launcher-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** In the engine's place: writes down what it was started with. */
const probe = join(repository, 'build/launcher-probe');

const layouts = {
  'beside the launcher': ['tsrun', 'libexec/tsrun/engine'],
  'of an installed prefix': ['bin/tsrun', 'libexec/tsrun/engine'],
} as const;

let directory: string;
let launcher: string;
let engine: string;

function install([launcherPath, enginePath]: readonly [string, string], withEngine: boolean): void {
  launcher = join(directory, launcherPath);
  engine = join(directory, enginePath);
  for (const path of [launcher, engine]) mkdirSync(dirname(path), { recursive: true });
  copyFileSync(join(repository, 'dist/tsrun'), launcher);
  if (!withEngine) return;
  copyFileSync(probe, engine);
}

beforeEach(() => {
  directory = mkdtempSync(join(scratch, 'test-'));
  install(layouts['beside the launcher'], true);
});
afterEach(() => rmSync(directory, { recursive: true }));

interface Seen {
  record: ReturnType<typeof decodeCaller>;
  environ: string[];
  arguments: string[];
  stdio: string[];
  /** A field of /proc/<pid>/status. */
  status(name: string): string;
  limits: string;
}

const fieldsOf = (block: string) => block.split('\0').slice(0, -1);

/** Runs the launcher with `args` after the settings of `host with`, and returns what the probe saw. */
function launch(settings: string[], args: string[] = [], env: Record<string, string> = {}): Seen {
  const run = spawnSync(host, ['with', ...settings, '--', launcher, ...args], { env, encoding: 'utf8' });
  expect(run).toMatchObject({ status: 0, stderr: '' });
  const read = (name: string) => readFileSync(join(dirname(engine), name), 'utf8');
  return {
    record: decodeCaller(readFileSync(join(dirname(engine), 'record'))),
    environ: fieldsOf(read('environ')),
    arguments: fieldsOf(read('arguments')),
    stdio: read('stdio').trim().split('\n'),
    status: (name) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(read('status'))?.[1] ?? '',
    limits: read('limits'),
  };
}

/** Descriptors that the test runner itself lets its children inherit. */
let inherited: number[];
beforeAll(() => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  const script = 'for fd in /proc/$$/fd/*; do [ ! -e "$fd" ] || echo "${fd##*/}"; done';
  const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  inherited = stdout
    .split('\n')
    .map(Number)
    .filter((fd) => fd > 2);
});
const expectedFds = (fds: number[]) => [...fds, ...inherited].sort((a, b) => a - b);

function fail(command: string, args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('the record', () => {
  it('tells which descriptors were open', () => {
    const { record } = launch(['open=5:/dev/null', 'open=90:/dev/null']);
    expect(record.openFds).toEqual(expectedFds([0, 1, 2, 5, 90]));
    expect(record.closedStdio).toEqual([]);
  });

  it.each<[string[], number[]]>([
    [['close=0'], [0]],
    [['close=1'], [1]],
    [
      ['close=0', 'close=2'],
      [0, 2],
    ],
    [
      ['close=0', 'close=1', 'close=2'],
      [0, 1, 2],
    ],
  ])('tells that standard descriptors were closed, and opens /dev/null there: %s', (settings, closed) => {
    const { record, stdio } = launch(['open=3:/dev/null', ...settings]);
    expect(record.closedStdio).toEqual(closed);
    expect(record.openFds).toEqual(expectedFds([0, 1, 2, 3].filter((fd) => !closed.includes(fd))));
    for (const fd of closed) expect(stdio[fd]).toBe('/dev/null');
  });

  it('tells more descriptors than one call lists', () => {
    const many = Array.from({ length: 900 }, (_, i) => i + 3).filter((fd) => !inherited.includes(fd));
    const { record } = launch(many.map((fd) => `dup=${fd}:0`));
    expect(record.openFds).toEqual(expectedFds([0, 1, 2, ...many]));
  });

  it('tells the ignored signals, real-time ones included', () => {
    const { record } = launch(['ignore=13', 'ignore=1', 'ignore=40', 'ignore=64']);
    const mask = (1n << 12n) | (1n << 0n) | (1n << 39n) | (1n << 63n);
    expect(record.ignoredSignals & mask).toBe(mask);
    expect(launch(['default=13', 'default=1']).record.ignoredSignals & mask).toBe(0n);
  });

  it('tells the blocked signals', () => {
    const { record } = launch(['block=12', 'block=40']);
    expect(record.blockedSignals).toBe((1n << 11n) | (1n << 39n));
    expect(launch([]).record.blockedSignals).toBe(0n);
  });

  it.each([1024, 64, 16, 10, 4])('tells a soft limit of %d open files', (limit) => {
    const { record, limits } = launch([`nofile=${limit}`]);
    expect(record.softNofile).toBe(limit);
    // The engine raises it anyway; the launcher does so first, to have room itself.
    expect(limits).toMatch(/^Max open files +(\d+) +\1 /m);
  });

  it('fits below a small hard limit', () => {
    const args = ['-c', 'ulimit -n 8; exec "$0" x', launcher];
    expect(fail('/bin/sh', args)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(join(dirname(engine), 'arguments'), 'utf8')).toBe('tsrun\x007\0x\0');
  });

  it('holds the environment as it was given', () => {
    const env = { PATH: '/bin', EMPTY: '', SPACES: ' a  b\n', UMLAUT: 'ä', BIG: 'x'.repeat(100_000) };
    expect(launch([], [], env).record.env).toEqual(Object.entries(env).map(([name, value]) => `${name}=${value}`));
    expect(launch([], [], {}).record.env).toEqual([]);
  });

  it('is at a number that callers do not use, also where that one is taken', () => {
    expect(launch([]).arguments).toEqual(['tsrun', '1000']);
    expect(launch(['open=1000:/dev/null', 'open=1001:/dev/null']).arguments).toEqual(['tsrun', '1002']);
  });
});

describe('the engine', () => {
  it('gets no variable of the caller', () => {
    const hostile = {
      BUN_OPTIONS: '--preload ./evil.ts',
      BUN_BE_BUN: '1',
      BUN_INSPECT: '1',
      BUN_JSC_useJIT: '1',
      MIMALLOC_VERBOSE: '1',
      NODE_OPTIONS: '--require ./evil.js',
      LD_PRELOAD: './evil.so',
      GLIBC_TUNABLES: 'x',
    };
    const { environ, record } = launch([], [], hostile);
    expect(environ).toEqual(['BUN_JSC_useJIT=0', 'MIMALLOC_ALLOW_THP=1']);
    expect(record.env).toContain('BUN_OPTIONS=--preload ./evil.ts');
  });

  it('gets the arguments as they are', () => {
    const args = ['', '--flag=a b', '-v', '', '--', '\'\\\n"', 'ä', '*', ''];
    expect(launch([], args).arguments).toEqual(['tsrun', '1000', ...args]);
  });

  it('starts with every signal blocked, and an ignored SIGCHLD reset', () => {
    const seen = launch(['ignore=17', 'ignore=12']);
    // The kernel lets nobody block SIGKILL and SIGSTOP.
    const unblockable = (1n << 8n) | (1n << 18n);
    expect(BigInt(`0x${seen.status('SigBlk')}`)).toBe(0xffffffffffffffffn & ~unblockable);
    expect(BigInt(`0x${seen.status('SigIgn')}`) & ((1n << 16n) | (1n << 11n))).toBe(1n << 11n);
    expect(seen.record.ignoredSignals & (1n << 16n)).not.toBe(0n);
  });

  it.each(Object.keys(layouts) as (keyof typeof layouts)[])('is found %s, through symbolic links too', (name) => {
    rmSync(directory, { recursive: true });
    install(layouts[name], true);
    expect(launch([], ['a']).arguments).toEqual(['tsrun', '1000', 'a']);
    const link = spawnSync('sh', ['-c', 'ln -s "$0" "$1" && "$1" through-link', launcher, join(directory, 'link')]);
    expect(link.status).toBe(0);
    expect(readFileSync(join(dirname(engine), 'arguments'), 'utf8')).toBe('tsrun\x001000\0through-link\0');
  });
});

describe('a failure is one sentence and exit status 1', () => {
  it('with fewer open files than the engine needs to start, counting what the caller has open', () => {
    // Those that the test runner lets its children inherit are closed.
    const closed = inherited.map((fd) => `close=${fd}`);
    const refused = {
      status: 1,
      stdout: '',
      stderr:
        "tsrun: too few open files are allowed: raise the caller's hard limit (ulimit -Hn), or close what it has open\n",
    };
    for (let limit = 1; limit <= 12; limit++) {
      const opened = limit > 5 ? ['open=4:/dev/null'] : [];
      const without = fail(host, ['with', ...closed, `nofilemax=${limit}`, '--', launcher]);
      const withOne = fail(host, ['with', ...closed, ...opened, `nofilemax=${limit}`, '--', launcher]);
      expect([limit, without]).toEqual([limit, limit < 8 ? refused : { status: 0, stdout: '', stderr: '' }]);
      expect([limit, withOne]).toEqual([limit, limit < 9 ? refused : { status: 0, stdout: '', stderr: '' }]);
    }
  });

  it('without an engine', () => {
    rmSync(engine);
    expect(fail(launcher, ['state', 'x'])).toEqual({
      status: 1,
      stdout: '',
      stderr: `tsrun: run the engine ${engine}: No such file or directory\n`,
    });
  });

  it('with an engine that cannot be executed', () => {
    chmodSync(engine, 0o644);
    expect(fail(launcher, [])).toEqual({
      status: 1,
      stdout: '',
      stderr: `tsrun: run the engine ${engine}: Permission denied\n`,
    });
  });

  it.skipIf(process.getuid?.() !== 0)('without /proc', () => {
    // A box may have mounted one procfs over another.
    const script = 'while umount -l /proc 2> /dev/null; do :; done; "$0" --version';
    expect(fail('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, launcher])).toEqual({
      status: 1,
      stdout: '',
      stderr: 'tsrun: /proc is not mounted: mount it (mount -t proc proc /proc) and try again\n',
    });
    expect(existsSync(join(dirname(engine), 'record'))).toBe(false);
  });
});
