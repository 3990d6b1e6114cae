/** The engine inside the executable must not show: neither to the environment, nor to the directory, nor to the container. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { args } from './harness/config.ts';
import type { OpenDescriptor } from './harness/facts.ts';
import { descriptorsOf } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { guestPath, repository, runtimePath } from './harness/places.ts';
import { call, defaultEnvironment, runtime } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** A directory full of what an engine may read, each of which would leave a mark. */
function trap(lab: Lab): { dir: string; sprung: () => boolean; script: string } {
  const dir = lab.directory('trap');
  const mark = lab.path('sprung');
  const script = join(dir, 'evil.js');
  const commonJs = join(dir, 'evil.cjs');
  for (const path of [script, commonJs, join(dir, 'index.ts'), join(dir, 'evil.mjs')]) {
    writeFileSync(
      path,
      path.endsWith('.cjs')
        ? `require('fs').writeFileSync(${JSON.stringify(mark)}, 'cjs')`
        : `import('node:fs').then((fs) => fs.writeFileSync(${JSON.stringify(mark)}, 'js'))`,
    );
  }
  writeFileSync(
    join(dir, '.env'),
    `BUN_OPTIONS=--preload=${script}\nNODE_OPTIONS=--require=${commonJs}\nPATH=/evil\nXDG_RUNTIME_DIR=${dir}\n`,
  );
  for (const name of ['.env.local', '.env.production', '.env.development'])
    writeFileSync(join(dir, name), readFileSync(join(dir, '.env')));
  writeFileSync(join(dir, 'bunfig.toml'), `preload = ["${script}"]\n[run]\npreload = ["${script}"]\n`);
  writeFileSync(join(dir, 'package.json'), '{ "type": "commonjs", "imports": { "#x": "./evil.js" } }');
  writeFileSync(join(dir, 'tsconfig.json'), '{ "compilerOptions": { "paths": { "*": ["./evil.js"] } } }');
  mkdirSync(join(dir, 'node_modules'));
  return { dir, sprung: () => existsSync(mark), script };
}

test('nothing in the current directory is loaded', async ({ lab }) => {
  const { dir, sprung } = trap(lab);
  const version = await call([runtimePath, '--version'], { cwd: dir });
  expect(version.stdout).toBe((await call([runtimePath, '--version'])).stdout);
  await lab.tsrun(['state', 'none'], { cwd: dir });
  const bundle = lab.bundle(args('env'));
  const result = await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()], { cwd: dir });
  expect(result.expectCode(0).facts.list('env')).toEqual(['PATH=/usr/bin:/bin:/', 'HOME=/']);
  expect(sprung()).toBe(false);
});

test('nothing in the bundle is loaded, where the bundle is the current directory', async ({ lab }) => {
  const { dir, sprung } = trap(lab);
  const bundle = lab.bundle(args('print=fine'));
  (await call(['/bin/sh', '-c', `cp -a ${dir}/. ${bundle.dir}/`])).expectCode(0);
  expect((await lab.tsrun(['run', lab.id()], { cwd: bundle.dir })).expectCode(0).stdout).toBe('fine\n');
  expect(sprung()).toBe(false);
});

describe('a variable of the caller changes nothing', () => {
  const variables: [string, (script: string) => string][] = [
    ['BUN_OPTIONS', (script) => `--preload=${script}`],
    ['BUN_INSPECT', () => '127.0.0.1:0'],
    ['BUN_INSPECT_PRELOAD', (script) => script],
    ['BUN_BE_BUN', () => '1'],
    ['BUN_CONFIG_VERBOSE_FETCH', () => '1'],
    ['BUN_JSC_useJIT', () => 'maybe'],
    ['BUN_JSC_dumpOptions', () => '2'],
    ['JSC_dumpOptions', () => '2'],
    ['BUN_DEBUG_ALL', () => '1'],
    ['NODE_OPTIONS', (script) => `--require ${script.replace(/js$/, 'cjs')}`],
    ['NODE_DEBUG', () => 'module,fs'],
    ['NODE_EXTRA_CA_CERTS', () => '/no/such/file'],
    ['NODE_PATH', () => '/no/such'],
    ['NODE_V8_COVERAGE', (script) => `${script}.coverage`],
    ['NODE_PENDING_DEPRECATION', () => '1'],
    ['NODE_REDIRECT_WARNINGS', (script) => `${script}.warnings`],
    ['MIMALLOC_VERBOSE', () => '1'],
    ['MIMALLOC_SHOW_STATS', () => '1'],
    ['MIMALLOC_SHOW_ERRORS', () => '1'],
    ['LD_PRELOAD', () => '/no/such/library.so'],
    ['LD_LIBRARY_PATH', () => '/no/such'],
    ['LD_DEBUG', () => 'all'],
    ['UV_THREADPOOL_SIZE', () => '1'],
    ['OPENSSL_CONF', () => '/no/such'],
    ['FORCE_COLOR', () => '3'],
    ['DEBUG', () => '*'],
    ['TMPDIR', () => '/no/such'],
    ['HOME', () => '/no/such'],
  ];
  test.for(variables)('%s', async ([name, value], { lab }) => {
    const { dir, sprung, script } = trap(lab);
    const env = { ...defaultEnvironment, [name]: value(script) };
    const version = await call([runtimePath, '--version'], { env, cwd: dir });
    expect([version.code, version.stderr]).toEqual([0, '']);
    expect(version.stdout).toBe((await call([runtimePath, '--version'])).stdout);
    const state = await lab.tsrun(['state', 'none'], { env });
    expect([state.code, state.stdout, state.stderr.trimEnd().split('\n').length]).toEqual([1, '', 1]);
    const bundle = lab.bundle(args('env', 'exit=3'));
    const result = await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()], { env });
    expect([result.code, result.stderr]).toEqual([3, '']);
    expect(result.facts.list('env')).toEqual(['PATH=/usr/bin:/bin:/', 'HOME=/']);
    expect(sprung()).toBe(false);
    expect([`${script}.coverage`, `${script}.warnings`].filter((path) => existsSync(path))).toEqual([]);
  });
});

describe('the caller’s streams', () => {
  test('are not made non-blocking', async ({ lab }) => {
    // The last command looks at the pipes that all of them share.
    const line = (argv: string[]) => argv.map((word) => `'${word}'`).join(' ');
    const { dir } = lab.bundle(args('stdio'));
    const script = [
      `${line([runtimePath, '--version'])} > /dev/null`,
      line(runtime(lab.root, 'state', 'none')),
      line(runtime(lab.root, 'list')),
      line(runtime(lab.root, 'run', '--bundle', dir, lab.id())),
      `${guestPath} stdio`,
    ].join('; ');
    const result = await call(['/bin/sh', '-c', `cat /dev/null | { ${script}; } 2>&1 | cat`]);
    const told = result.facts.each('stdio');
    expect(told).toHaveLength(2);
    for (const fact of told) {
      expect((fact.value as { nonblock: boolean }[]).map(({ nonblock }) => nonblock)).toEqual([false, false, false]);
    }
  });

  test('a reader that goes away does not end in a trace', async ({ lab }) => {
    const result = await call([
      '/bin/sh',
      '-c',
      `'${runtimePath}' --help | true; '${runtimePath}' features | head -n 1`,
    ]);
    expect(result.stderr).not.toMatch(/at .*:\d+:\d+/);
    expect(lab.leftovers()).toEqual([]);
  });

  test.for([['close=0'], ['close=1'], ['close=2'], ['close=0', 'close=1', 'close=2']])(
    'closed: %j',
    async (inherit, { lab }) => {
      const { dir } = lab.bundle(args('exit=7'));
      const result = await call(runtime(lab.root, 'run', '--bundle', dir, lab.id()), { inherit });
      expect(result.code).toBe(7);
      expect(lab.leftovers()).toEqual([]);
    },
  );
});

describe('descriptors', () => {
  test('a created container holds those it needs, and none of a directory or a file of the machine', async ({
    lab,
  }) => {
    const container = await lab.create([args('pause')], {
      inherit: ['open=9:/', 'open=10:/etc/passwd', 'openrw=11:/dev/zero'],
    });
    const links = [...descriptorsOf(container.pid)].filter(([fd]) => fd > 2);
    for (const [fd, link] of links) {
      expect([fd, link]).toEqual([fd, expect.stringMatching(/^(socket|pipe):|^anon_inode:|^\/memfd:|\/(go|reply)$/)]);
    }
    expect(links.length).toBeLessThanOrEqual(4);
  });

  test('the started process has the three it was given', async ({ lab }) => {
    const container = await lab.started([args('fds', 'pause')]);
    const told = await container.told('pause');
    expect(told.list<OpenDescriptor>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2]);
    expect([...descriptorsOf(container.pid).keys()]).toEqual([0, 1, 2]);
  });

  test('init is small on disk', async ({ lab, skip }) => {
    const init = join(repository, 'dist/libexec/tsrun/init');
    skip(!existsSync(init), 'no build in dist');
    expect(readFileSync(init).length).toBeLessThan(100 * 1024);
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('a caller with little', () => {
  test.for([64, 16, 10, 8])('%d open files', async (count, { lab }) => {
    const result = await lab.run([args('print=fits')], { inherit: [`nofile=${count}`] });
    if (result.code === 0) expect(result.stdout).toBe('fits\n');
    else expect([result.code, result.stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
    expect(lab.leftovers()).toEqual([]);
  });

  test.for([24, 16, 12, 10, 9, 8, 7, 6, 5, 4, 3])(
    '%d open files, a limit that nobody may raise',
    async (count, { lab }) => {
      const version = await call([runtimePath, '--version'], { inherit: [`nofilemax=${count}`] });
      if (version.code === 0) expect(version.stdout).toMatch(/^tsrun version /);
      else expect([version.code, version.stderr]).toEqual([1, expect.stringMatching(/^tsrun: [^\n]*ulimit[^\n]*\n$/)]);
      const result = await lab.run([args('print=fits')], { inherit: [`nofilemax=${count}`] });
      if (result.code === 0) expect(result.stdout).toBe('fits\n');
      else expect([result.code, result.stderr]).toEqual([1, expect.stringMatching(/^tsrun: [^\n]*\n$/)]);
      expect(lab.leftovers()).toEqual([]);
    },
  );

  test('a file size limit of nothing', async ({ lab }) => {
    const result = await lab.run([args('print=fits')], { inherit: ['fsize=0'] });
    if (result.code !== 0) expect([result.code, result.stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
    expect(lab.leftovers()).toEqual([]);
  });

  test('a umask that forbids everything', async ({ lab }) => {
    const result = await lab.run([args('umask', 'print=fits')], { inherit: ['umask=777'] });
    expect(result.expectCode(0).stdout).toContain('fits');
  });

  test('ignored and blocked signals do not stop it', async ({ lab }) => {
    const inherit = [
      ...[1, 2, 13, 15, 17].map((number) => `ignore=${number}`),
      ...[10, 14, 17, 28].map((number) => `block=${number}`),
    ];
    (await lab.run([args('exit=4')], { inherit })).expectCode(4);
  });

  test.for([1, 2])('memfds that are not executable by default (vm.memfd_noexec = %d)', async (value, { lab, skip }) => {
    skip(!existsSync('/proc/sys/vm/memfd_noexec'), 'this kernel has no vm.memfd_noexec');
    const { dir } = lab.bundle(args('print=runs'));
    // The parameter belongs to the pid namespace.
    const script = `echo ${value} > /proc/sys/vm/memfd_noexec && "$@"`;
    const inside = ['/usr/bin/unshare', '--pid', '--fork', '--mount-proc', '/bin/sh', '-c', script, '_'];
    const result = await call([...inside, ...runtime(lab.root, 'run', '--bundle', dir, lab.id())]);
    expect(result.expectCode(0).stdout).toBe('runs\n');
  });

  test('no /proc: one line, not a trace', async ({ lab }) => {
    const { dir } = lab.bundle(args('exit=0'));
    const id = lab.id();
    const script = 'mount -t tmpfs none /proc && "$@"';
    const result = await call([
      '/usr/bin/unshare',
      '--mount',
      '--propagation',
      'private',
      '/bin/sh',
      '-c',
      script,
      '_',
      ...runtime(lab.root, 'run', '--bundle', dir, id),
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/\/proc/);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(lab.leftovers()).toEqual([]);
  });
});
