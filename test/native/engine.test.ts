/** The built executables, before a command does anything: nothing around them may change what they do. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aligned } from '../../scripts/elf-layout.ts';

const repository = resolve(import.meta.dirname, '../..');
const host = join(repository, 'build/guest/host');
const directory = mkdtempSync(join(tmpdir(), 'tsrun-engine-'));
const evidence = join(directory, 'evidence');

beforeAll(() => {
  // Each of these runs code in a plain Bun or Node program.
  const write = `require('node:fs').writeFileSync(${JSON.stringify(evidence)}, '');`;
  writeFileSync(join(directory, 'evil.js'), write);
  writeFileSync(join(directory, 'bunfig.toml'), 'preload = ["./evil.js"]\n');
  writeFileSync(join(directory, '.env'), 'BUN_OPTIONS=--preload=./evil.js\nNODE_OPTIONS=--require=./evil.js\n');
  writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs", "main": "./evil.js" }\n');
  writeFileSync(join(directory, 'tsconfig.json'), '{ "compilerOptions": { "paths": { "*": ["./evil.js"] } } }\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

const hostile = {
  BUN_OPTIONS: '--preload=./evil.js',
  BUN_BE_BUN: '1',
  BUN_INSPECT: '127.0.0.1:0',
  BUN_JSC_dumpOptions: '2',
  BUN_DEBUG_QUIET_LOGS: '0',
  MIMALLOC_VERBOSE: '1',
  MIMALLOC_SHOW_STATS: '1',
  NODE_OPTIONS: '--require=./evil.js --trace-warnings',
  NODE_PATH: '.',
  NODE_DEBUG: 'module',
  LD_DEBUG: 'all',
  PATH: '',
};

describe.each(['dist/tsrun', 'dist/node/tsrun'])('%s', (path) => {
  function version(settings: string[], env: Record<string, string> = {}) {
    const argv = ['with', ...settings, '--', join(repository, path), '--version'];
    const { status, stdout, stderr } = spawnSync(host, argv, { cwd: directory, env, encoding: 'utf8' });
    return { status, stdout, stderr };
  }
  const expected = {
    status: 0,
    stdout: expect.stringMatching(/^tsrun version [^\n]+\ncommit: [^\n]+\nspec: [0-9.]+\n$/),
    stderr: '',
  };

  it('runs nothing of the current directory and obeys no variable', () => {
    expect(version([], hostile)).toEqual(expected);
    expect(existsSync(evidence)).toBe(false);
  });

  it.each([
    ['a soft limit of 10 open files', ['nofile=10']],
    ['standard input and error closed', ['close=0', 'close=2']],
    ['every signal of a terminal ignored', ['ignore=1', 'ignore=2', 'ignore=3', 'ignore=13', 'ignore=17']],
    ['signals blocked', ['block=2', 'block=15', 'block=17', 'block=30']],
    ['its usual descriptor taken', ['open=1000:/dev/null', 'open=3:/dev/null', 'open=4:/dev/null']],
  ])('works with %s', (_, settings) => {
    expect(version(settings)).toEqual(expected);
  });
});

it('the code of the engine can be mapped in huge pages', () => {
  const engine = readFileSync(join(repository, 'dist/libexec/tsrun/engine'));
  expect(aligned(engine)).toBe(engine);
});
