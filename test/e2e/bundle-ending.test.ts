/** `bundle` while it works: what a terminal shows, and how it is ended before its time. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { archive } from './harness/archive.ts';
import { until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { defaultEnvironment, runtime } from './harness/runtime.ts';
import { Terminal } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';

const whole = archive({ name: 'first', content: 'x' }, { name: 'second', content: 'x'.repeat(100_000) });
/** As much as makes the first of its files, and no more. */
const part = whole.subarray(0, 2048);

/** The hidden directories that bundles are made in. */
const places = (lab: Lab): string[] => readdirSync(lab.dir).filter((name) => name.startsWith('.tsrun-bundle-'));

/** `bundle` from a pipe that gives a part of an archive, and then nothing. */
async function waiting(lab: Lab): Promise<{ child: ChildProcess; words: () => string }> {
  const [file = '', ...args] = runtime(lab.root, 'bundle', '-', lab.path('made'));
  const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'pipe'], env: defaultEnvironment });
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  child.stdin?.write(part);
  await until('the first file is there', () =>
    places(lab).some((name) => existsSync(join(lab.dir, name, 'rootfs/first'))),
  );
  return { child, words: () => words };
}

describe('while it waits for a pipe', () => {
  test.for(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)(
    '%s ends it at once, and nothing is left',
    async (signal, { lab }) => {
      const { child, words } = await waiting(lab);
      child.kill(signal);
      const [code] = await once(child, 'close');
      expect(code).toBe(128 + constants.signals[signal]);
      expect(words()).toBe(`tsrun: bundle: ended by ${signal}; nothing is left\n`);
      expect(readdirSync(lab.dir)).toEqual([]);
    },
  );

  test('a signal that the caller ignores does not', async ({ lab }) => {
    const source = lab.path('pipe');
    execFileSync('mkfifo', [source]);
    const script = 'trap "" INT; exec "$@"';
    const argv = ['/bin/sh', '-c', script, '-', ...runtime(lab.root, 'bundle', source, lab.path('made'))];
    const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: 'ignore', env: defaultEnvironment });
    await until('it has begun', () => places(lab).length > 0);
    child.kill('SIGINT');
    writeFileSync(source, whole);
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(readdirSync(lab.path('made/rootfs'))).toEqual(['first', 'second']);
  });

  test('that nobody writes to, it can be ended as well', async ({ lab }) => {
    const source = lab.path('pipe');
    execFileSync('mkfifo', [source]);
    const [file = '', ...args] = runtime(lab.root, 'bundle', source, lab.path('made'));
    const child = spawn(file, args, { stdio: 'ignore', env: defaultEnvironment });
    await until('it has begun', () => places(lab).length > 0);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([143, null]);
    expect(readdirSync(lab.dir)).toEqual(['pipe']);
  });

  test('what a killed one has left is removed by the next, and what one at work has is not', async ({ lab }) => {
    const { child } = await waiting(lab);
    const [kept] = places(lab);
    const source = lab.path('source.tar');
    writeFileSync(source, whole);
    (await lab.tsrun(['bundle', source, lab.path('other')])).expectCode(0);
    expect(places(lab)).toEqual([kept]);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(places(lab)).toEqual([kept]);
    (await lab.tsrun(['bundle', source, lab.path('third')])).expectCode(0);
    expect(readdirSync(lab.dir).sort()).toEqual(['other', 'source.tar', 'third']);
  });

  test('its name is free until it is complete', async ({ lab }) => {
    const { child, words } = await waiting(lab);
    expect(existsSync(lab.path('made'))).toBe(false);
    writeFileSync(lab.path('made'), 'of somebody else');
    child.stdin?.end(whole.subarray(part.length));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(words()).toMatch(/^tsrun: bundle: [^\n]*made has come to be meanwhile\n$/);
    expect(readFileSync(lab.path('made'), 'utf8')).toBe('of somebody else');
    expect(readdirSync(lab.dir)).toEqual(['made']);
  });
});

describe('on a terminal', () => {
  async function shown(lab: Lab, ...argv: string[]): Promise<string> {
    const terminal = new Terminal(24, 80, runtime(lab.root, 'bundle', ...argv, lab.path('made')));
    try {
      expect(await terminal.ended()).toBe(0);
      return terminal.raw;
    } finally {
      await terminal.close();
    }
  }

  test('a bar tells how far it is, and goes away', async ({ lab }) => {
    writeFileSync(lab.path('source.tar'), whole);
    const raw = await shown(lab, lab.path('source.tar'));
    expect(raw).toMatch(/^(?:\r\[#* *\] +\d+% of 0\.1 MB\x1b\[K)+\r\x1b\[K$/);
  });

  test('of a pipe it tells how much there was', async ({ lab }) => {
    const source = lab.path('pipe');
    execFileSync('mkfifo', [source]);
    const writer = spawn('sh', ['-c', 'exec cat > "$0"', source], { stdio: ['pipe', 'ignore', 'ignore'] });
    writer.stdin.end(whole);
    expect(await shown(lab, source)).toMatch(/^(?:\r0\.\d MB read\x1b\[K)+\r\x1b\[K$/);
  });

  test('nothing is shown with --quiet', async ({ lab }) => {
    writeFileSync(lab.path('source.tar'), whole);
    expect(await shown(lab, '--quiet', lab.path('source.tar'))).toBe('');
  });
});
