import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { run, temporaryDirectory } from './helpers.ts';

const directory = temporaryDirectory();
const root = new URL('../../../', import.meta.url).pathname;

/** The compiler itself: the `bun` package's own command is made by an install script, which may not have run. */
function bun(): string {
  const packages = createRequire(createRequire(import.meta.url).resolve('bun/package.json'));
  const platform = process.arch === 'arm64' ? 'aarch64' : 'x64';
  for (const variant of ['', '-baseline']) {
    const path = join(dirname(packages.resolve(`@oven/bun-linux-${platform}${variant}/package.json`)), 'bin/bun');
    if (existsSync(path)) return path;
  }
  throw new Error('no bun is installed');
}

const program = `
import { addon } from ${JSON.stringify(join(root, 'runtime/addon.ts'))};
const text = new TextDecoder();
const [reading, writing] = addon.pipe() as [number, number];
const options = { env: ['A=1'], fds: [0, writing, 2] };
const pid = addon.spawn({ ...options, path: '/bin/cat', argv: ['cat', '/proc/self/status'], softNofile: 99 });
addon.close(writing);
const buffer = new Uint8Array(65536);
let status = '';
for (let n = addon.read(reading, buffer); n > 0; n = addon.read(reading, buffer)) status += text.decode(buffer.subarray(0, n));
const end = addon.wait(pid, true);
const fd = addon.signalfd([10, 15]);
const killer = addon.spawn({ ...options, fds: [0, 1, 2], path: '/bin/kill', argv: ['kill', '-TERM', String(addon.getpid())] });
addon.wait(killer, true);
addon.poll(Int32Array.of(fd, 1), 5000);
let refused = '';
try { (addon as any).open(1); } catch (error) { refused = String(error); }
addon.write(1, JSON.stringify({
  functions: Object.keys(addon).length,
  signals: ['SigBlk', 'SigIgn', 'SigCgt'].map((name) => new RegExp(name + ':\\\\s*(\\\\w+)').exec(status)?.[1]),
  end: (end as { code: number }).code,
  signal: addon.readSignal(fd),
  none: addon.wait(-1, false),
  passwd: text.decode(addon.readFile('/etc/passwd', 1 << 20) as Uint8Array).slice(0, 5),
  failing: addon.spawn({ ...options, fds: [], path: '/nowhere', argv: ['x'] }),
  refused,
}));
addon.exit(3);
`;

it('works in a compiled executable', { timeout: 60_000 }, () => {
  writeFileSync(join(directory, 'program.ts'), program);
  const executable = join(directory, 'engine');
  const build = [
    'build',
    '--compile',
    '--bytecode',
    '--minify',
    join(directory, 'program.ts'),
    '--outfile',
    executable,
  ];
  execFileSync(bun(), build, { cwd: directory, stdio: 'pipe' });
  copyFileSync(join(root, 'dist/libexec/tsrun/tsrun.node'), join(directory, 'tsrun.node'));
  // Started as the launcher starts it, with every signal blocked.
  const { output, end } = run([executable], { env: [], cwd: '/', blockedSignals: (1n << 64n) - 1n });
  expect(end).toMatchObject({ code: 3, signal: 0 });
  const clean = '0'.repeat(16);
  expect(JSON.parse(output)).toEqual({
    functions: Object.keys(addon).length,
    signals: [clean, clean, clean],
    end: 0,
    signal: 15,
    none: -10,
    passwd: 'root:',
    failing: -2,
    refused: 'TypeError: open: path must be a string',
  });
});
