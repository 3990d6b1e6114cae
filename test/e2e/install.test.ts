/** `npm run install:system` and `uninstall:system`, below a prefix of the test's own. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { args } from './harness/config.ts';
import { runtimePath } from './harness/places.ts';
import { call, type Result } from './harness/runtime.ts';
import { expect, test } from './harness/test.ts';

const repository = join(import.meta.dirname, '../..');
const script = (action: string, env: Record<string, string>): Promise<Result> =>
  call(['sh', join(repository, 'scripts/install.sh'), action], { env: { PATH: process.env.PATH ?? '', ...env } });

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !statSync(join(directory, name)).isDirectory())
    .sort();

test('what is installed runs containers, and uninstalling leaves what was there before', async ({ lab }) => {
  const PREFIX = lab.path('prefix');
  mkdirSync(join(PREFIX, 'share/man'), { recursive: true });
  (await script('install', { PREFIX })).expectCode(0);
  const installed = filesBelow(PREFIX);
  for (const name of readdirSync(join(repository, 'dist/libexec/tsrun')))
    expect(installed).toContain(`libexec/tsrun/${name}`);
  expect(installed).toEqual(
    expect.arrayContaining([
      'bin/tsrun',
      'share/man/man8/tsrun.8',
      'share/bash-completion/completions/tsrun',
      'share/zsh/site-functions/_tsrun',
      'share/fish/vendor_completions.d/tsrun.fish',
    ]),
  );
  const { dir } = lab.bundle(args('hostname'));
  const tsrun = join(PREFIX, 'bin/tsrun');
  const result = await call([tsrun, '--root', lab.root, 'run', '--bundle', dir, lab.id()]);
  result.expectCode(0);
  expect((await call([tsrun, '--version'])).stdout).toBe((await call([runtimePath, '--version'])).stdout);

  (await script('uninstall', { PREFIX })).expectCode(0);
  expect(filesBelow(PREFIX)).toEqual([]);
  expect(readdirSync(PREFIX, { recursive: true }).sort()).toEqual(['share', 'share/man']);
});

test('a newer version takes along what an older one had, and nothing else', async ({ lab }) => {
  const DESTDIR = lab.path('destination');
  (await script('install', { DESTDIR })).expectCode(0);
  const prefix = join(DESTDIR, 'usr/local');
  const manifest = join(prefix, 'libexec/tsrun/manifest');
  writeFileSync(join(prefix, 'libexec/tsrun/old-helper'), '');
  writeFileSync(join(prefix, 'libexec/tsrun/foreign'), '');
  writeFileSync(manifest, `${readFileSync(manifest, 'utf8')}libexec/tsrun/old-helper\n`);
  (await script('install', { DESTDIR })).expectCode(0);
  expect(existsSync(join(prefix, 'libexec/tsrun/old-helper'))).toBe(false);
  (await script('uninstall', { DESTDIR })).expectCode(0);
  expect(filesBelow(prefix)).toEqual(['libexec/tsrun/foreign']);
  expect((await script('uninstall', { DESTDIR })).expectCode(1).stderr).toContain('tsrun is not installed below');
});

test('a manifest that names what is not below the prefix is refused', async ({ lab }) => {
  const PREFIX = lab.path('prefix');
  (await script('install', { PREFIX })).expectCode(0);
  const outside = lab.path('outside');
  writeFileSync(outside, '');
  writeFileSync(join(PREFIX, 'libexec/tsrun/manifest'), '../outside\n');
  expect((await script('uninstall', { PREFIX })).stderr).toContain('not ours to remove');
  expect(existsSync(outside)).toBe(true);
  expect((await script('install', { PREFIX: 'relative' })).expectCode(1).stderr).toContain('absolute path');
});
