/** The command line as callers use it, and what they read: logs, versions, features, plans. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { args, change, command, set, text, tmpfs } from './harness/config.ts';
import { difference, snapshot } from './harness/leaks.ts';
import { caller, runtimePath } from './harness/places.ts';
import { call, defaultEnvironment, runtime } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

const plain = (...argv: string[]) => call([runtimePath, ...argv]);

describe('--version', () => {
  test.for(['--version', '-v'])('%s', async (flag) => {
    const result = await plain(flag);
    expect([result.code, result.stderr]).toEqual([0, '']);
    const lines = result.stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^tsrun version \d+\.\d+\.\d+/);
    expect(lines[1]).toMatch(/^commit: \S+/);
    expect(lines[2]).toMatch(/^spec: 1\.\d+\.\d+/);
    // dockerd takes every line with this word for the version.
    expect(lines.filter((line) => line.includes('version'))).toHaveLength(1);
  });

  test('with an empty environment', async () => {
    expect((await call([runtimePath, '--version'], { env: {} })).expectCode(0).stderr).toBe('');
  });
});

describe('help', () => {
  test.for([['--help'], ['-h'], ['create', '--help'], ['run', '-h'], ['--debug', 'kill', '--help']])(
    '%j goes to standard output, with status 0',
    async (argv) => {
      const result = await plain(...argv);
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(result.stdout).toMatch(/usage/i);
    },
  );

  test('every command is listed', async () => {
    const { stdout } = await plain('--help');
    for (const name of [
      'create',
      'start',
      'state',
      'kill',
      'delete',
      'run',
      'list',
      'spec',
      'features',
      'validate',
      'explain',
    ]) {
      expect(stdout).toMatch(new RegExp(`^\\s+${name}\\b`, 'm'));
    }
  });

  test('no command at all', async () => {
    const result = await plain();
    expect(result.stdout + result.stderr).toMatch(/usage|command/i);
  });
});

describe('features', () => {
  test('what containerd, CRI-O and docker look for', async () => {
    const result = await plain('features');
    expect([result.code, result.stderr]).toEqual([0, '']);
    const features = result.json<{
      ociVersionMin: string;
      ociVersionMax: string;
      hooks: string[];
      mountOptions: string[];
      linux: {
        namespaces: string[];
        capabilities: string[];
        cgroup: Record<string, boolean>;
        mountExtensions?: { idmap: { enabled: boolean } };
      };
    }>();
    expect(features.ociVersionMin).toBe('1.0.0');
    expect(result.json<{ potentiallyUnsafeConfigAnnotations: string[] }>().potentiallyUnsafeConfigAnnotations).toEqual([
      'org.systemd.property.',
      'run.oci.keep_original_groups',
      'run.oci.mount_context_type',
    ]);
    expect(features.ociVersionMax).toMatch(/^1\.3\./);
    expect(features.hooks.sort()).toEqual([
      'createContainer',
      'createRuntime',
      'poststart',
      'poststop',
      'prestart',
      'startContainer',
    ]);
    expect(features.mountOptions).toEqual(
      expect.arrayContaining(['rro', 'ro', 'rbind', 'rshared', 'nosymfollow', 'tmpcopyup', 'lazytime']),
    );
    expect(features.linux.namespaces.sort()).toEqual([
      'cgroup',
      'ipc',
      'mount',
      'network',
      'pid',
      'time',
      'user',
      'uts',
    ]);
    expect(features.linux.capabilities).toContain('CAP_CHECKPOINT_RESTORE');
  });

  test('by what podman and CRI-O try, there is no checkpoint and no restore', async () => {
    expect((await plain('features')).json<{ annotations: Record<string, string> }>().annotations).toMatchObject({
      'org.tsrun.checkpoint.enabled': 'false',
    });
    for (const argv of [
      ['checkpoint', '--help'],
      ['restore', '--help'],
      ['restore', '--lsm-mount-context'],
    ]) {
      const result = await plain(...argv);
      expect([argv, result.code, result.stdout]).toEqual([argv, 1, '']);
      expect(result.stderr).toMatch(new RegExp(`^tsrun: ${argv[0]}: this version of tsrun has no such command`));
      expect(result.stderr).not.toMatch(/(flag needs|requires) an argument/);
    }
  });
});

describe('spec', () => {
  test('writes a configuration that is valid and runs', async ({ lab }) => {
    const { dir } = lab.bundle();
    rmSync(join(dir, 'config.json'));
    const made = await lab.tsrun(['spec', '--bundle', dir]);
    expect([made.code, made.stdout, made.stderr]).toEqual([0, '', '']);
    const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as {
      process: { args: string[]; terminal: boolean; capabilities: Record<string, string[]> };
    };
    expect(config.process.capabilities.inheritable ?? []).toEqual([]);
    (await lab.tsrun(['validate', '--strict', '--bundle', dir])).expectCode(0);
    config.process.args = ['/guest', 'hostname', 'prctl', 'mounts'];
    config.process.terminal = false;
    writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
    const result = await lab.tsrun(['run', '--bundle', dir, lab.id()]);
    expect(result.expectCode(0).facts.of('prctl').noNewPrivileges).toBe(1);
  });

  test('in the current directory', async ({ lab }) => {
    const dir = lab.directory('empty');
    (await lab.tsrun(['spec'], { cwd: dir })).expectCode(0);
    expect(existsSync(join(dir, 'config.json'))).toBe(true);
  });

  test('does not overwrite', async ({ lab }) => {
    const { dir } = lab.bundle();
    const before = readFileSync(join(dir, 'config.json'), 'utf8');
    const result = await lab.tsrun(['spec', '-b', dir]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('config.json');
    expect(readFileSync(join(dir, 'config.json'), 'utf8')).toBe(before);
  });
});

describe('validate', () => {
  test('a good one', async ({ lab }) => {
    const { dir } = lab.bundle();
    const result = await lab.tsrun(['validate', '--bundle', dir]);
    expect([result.code, result.stderr]).toEqual([0, '']);
    const file = await lab.tsrun(['validate', join(dir, 'config.json')]);
    expect(file.code).toBe(0);
  });

  test('an unknown property is a warning, and with --strict an error with the near miss', async ({ lab }) => {
    const { dir } = lab.bundle(set('linux.rootPropagation', 'private'));
    (await lab.tsrun(['validate', '--bundle', dir])).expectCode(0);
    const strict = await lab.tsrun(['validate', '--strict', '--bundle', dir]);
    expect(strict.code).toBe(1);
    const said = strict.stdout + strict.stderr;
    expect(said).toContain('linux.rootPropagation');
    expect(said).toContain('rootfsPropagation');
    expect(said).toMatch(/config\.json:\d+:\d+/);
  });

  test('tells every mistake, each with its place', async ({ lab }) => {
    const { dir } = lab.bundle(
      set('process.user.uid', -1),
      set('process.oomScoreAdj', 5000),
      set('linux.namespaces[0].type', 'bogus'),
    );
    const result = await lab.tsrun(['validate', '--bundle', dir]);
    expect(result.code).toBe(1);
    for (const property of ['process.user.uid', 'process.oomScoreAdj', 'linux.namespaces[0].type']) {
      expect(result.stdout + result.stderr).toContain(property);
    }
  });

  test('--json', async ({ lab }) => {
    const { dir } = lab.bundle(set('process.user.uid', -1));
    const result = await lab.tsrun(['validate', '--json', '--bundle', dir]);
    expect(result.code).toBe(1);
    expect(JSON.stringify(JSON.parse(result.stdout))).toContain('/process/user/uid');
  });
});

describe('explain', () => {
  test('prints the plan in order, with what it comes from and the system call', async ({ lab }) => {
    const { dir } = lab.bundle(set('hostname', 'explained'), tmpfs('/data', 'ro'));
    const result = await lab.tsrun(['explain', '--bundle', dir]);
    expect([result.code, result.stderr]).toEqual([0, '']);
    const at = ['clone3', 'explained', '/data', 'pivot_root', 'capset', 'execve'].map((word) =>
      result.stdout.lastIndexOf(word),
    );
    expect(at.every((position) => position >= 0)).toBe(true);
    expect(result.stdout.indexOf('mounts[3]')).toBeGreaterThan(result.stdout.indexOf('mounts[0]'));
  });

  test('--json', async ({ lab }) => {
    const { dir } = lab.bundle();
    const plan = (await lab.tsrun(['explain', '--json', '--bundle', dir]))
      .expectCode(0)
      .json<{ steps: { systemCall: string; from: string; does: string }[] }>();
    expect(plan.steps.length).toBeGreaterThan(20);
    for (const step of plan.steps) {
      expect(step).toMatchObject({
        systemCall: expect.any(String),
        from: expect.any(String),
        does: expect.stringMatching(/./),
      });
    }
  });

  test('touches nothing, and needs neither privileges nor the root file system’s goodwill', async ({ lab, skip }) => {
    const { dir } = lab.bundle();
    chmodSync(join(dir, 'config.json'), 0o644);
    const asNobody = [
      '/usr/bin/setpriv',
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      '--bounding-set=-all',
      '--',
    ];
    skip(
      (await call([...asNobody, '/usr/bin/test', '-x', runtimePath])).code !== 0,
      'the executable is out of reach of other users',
    );
    const before = snapshot();
    const result = await call([...asNobody, runtimePath, 'explain', '--bundle', dir]);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toContain('pivot_root');
    expect(existsSync(lab.root)).toBe(false);
    expect(difference(before, snapshot()).filter((line) => line.includes(dir))).toEqual([]);
  });

  test('a configuration that is wrong is an error as with create', async ({ lab }) => {
    const { dir } = lab.bundle(set('process.cwd', 'relative'));
    const result = await lab.tsrun(['explain', '--bundle', dir]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('process.cwd');
  });
});

describe('--bundle', () => {
  test('of a directory that does not exist: not in the words that callers take for a missing program', async ({
    lab,
  }) => {
    for (const argv of [
      ['create', '--bundle', '/nonexistent/bundle', lab.id()],
      ['run', '--bundle', lab.path('none'), lab.id()],
      ['run', '--bundle', lab.directory('empty'), lab.id()],
      ['validate', '--bundle', '/nonexistent/bundle'],
    ]) {
      const result = await lab.tsrun(argv);
      expect([argv, result.code]).toEqual([argv, 1]);
      expect([argv, result.stderr]).toEqual([argv, expect.stringMatching(/^tsrun: [^\n]*does not exist[^\n]*\n$/)]);
      expect([argv, result.stderr]).toEqual([argv, expect.not.stringMatching(/no such file or directory/i)]);
    }
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('standard output that takes nothing', () => {
  const line = (argv: string[]) => argv.map((word) => `'${word}'`).join(' ');

  test.for([['features'], ['--version'], ['--help'], ['list']])('%j > /dev/full', async (argv, { lab }) => {
    await lab.create([args('pause')]);
    const result = await call(['/bin/sh', '-c', `exec ${line(runtime(lab.root, ...argv))} > /dev/full`]);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(/^tsrun: [^\n]*standard output: No space left on device\n$/);
  });

  test('a full disk in the middle of a state', async ({ lab }) => {
    const { id } = await lab.create([args('pause')]);
    const result = await call(['/bin/sh', '-c', `exec ${line(runtime(lab.root, 'state', id))} > /dev/full`]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^tsrun: [^\n]+\n$/);
  });

  test('a reader that is gone: no words, and no signal', async ({ lab }) => {
    for (const argv of [['features'], ['--help'], ['list']]) {
      // The reader closes its end before the runtime is called.
      const script = `{ read -r _; ${line(runtime(lab.root, ...argv))}; echo "status $?" >&2; } < '${lab.path('fifo')}' | { exec <&-; echo > '${lab.path('fifo')}'; }`;
      (await call(['/usr/bin/mkfifo', lab.path('fifo')])).expectCode(0);
      const result = await call(['/bin/sh', '-c', script]);
      rmSync(lab.path('fifo'));
      expect([argv, result.stderr]).toEqual([argv, 'status 0\n']);
    }
  });
});

describe('--config', () => {
  test('names another file', async ({ lab }) => {
    const { dir, config } = lab.bundle(args('print=config.json'));
    config.process.args = ['/guest', 'print=other'];
    writeFileSync(join(dir, 'other.json'), JSON.stringify(config));
    const result = await lab.tsrun(['run', '--bundle', dir, '--config', join(dir, 'other.json'), lab.id()]);
    expect(result.expectCode(0).stdout).toBe('other\n');
  });
});

describe('forms of flags', () => {
  test('--flag value, --flag=value, switches with values, one dash, flags before and after the command', async ({
    lab,
  }) => {
    const { dir } = lab.bundle(args('pause'));
    const log = lab.path('log');
    const output = { stdout: lab.path('o'), stderr: lab.path('e') };
    const id = lab.id();
    const made = await call(
      [
        runtimePath,
        `--root=${lab.root}`,
        '--log',
        log,
        '--log-format=json',
        '--debug=false',
        'create',
        `--bundle=${dir}`,
        '-no-subreaper',
        '--no-new-keyring=true',
        id,
      ],
      { output },
    );
    expect([made.code, made.stderr]).toEqual([0, '']);
    (await lab.tsrun(['kill', '-a', id, 'KILL'])).expectCode(0);
    (await lab.tsrun(['delete', '--force=true', id])).expectCode(0);
  });
});

describe('the log', () => {
  const failing = (global: string[]) => [...global, 'state', 'no-such-container'];

  test('json: exactly one object, with level, msg and time, beside the text on standard error', async ({ lab }) => {
    const log = lab.path('log');
    const result = await lab.tsrun(failing(['--log', log, '--log-format', 'json']));
    expect(result.code).toBe(1);
    const whole = readFileSync(log, 'utf8');
    expect(whole.endsWith('\n')).toBe(true);
    const entry = JSON.parse(whole) as { level: string; msg: string; time: string };
    expect(entry.level).toBe('error');
    expect(entry.msg).toContain('does not exist');
    expect(entry.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
    expect(result.stderr).toMatch(/^tsrun: .*does not exist.*\n$/);
    expect(result.stderr).toContain(entry.msg);
  });

  test('appends', async ({ lab }) => {
    const log = lab.path('log');
    writeFileSync(log, 'before\n');
    for (let round = 0; round < 2; round++) await lab.tsrun(failing(['--log', log, '--log-format', 'json']));
    expect(readFileSync(log, 'utf8').trimEnd().split('\n')).toHaveLength(3);
  });

  test('text: one line', async ({ lab }) => {
    const log = lab.path('log');
    await lab.tsrun(failing(['--log', log]));
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('does not exist');
  });

  test('nothing on success', async ({ lab }) => {
    const log = lab.path('log');
    const result = await lab.run([args('exit=0')], { global: ['--log', log, '--log-format', 'json'] });
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(existsSync(log) ? readFileSync(log, 'utf8') : '').toBe('');
  });

  test('one object too where there are warnings, at every level', async ({ lab }) => {
    for (const level of [[], ['--log-level', 'warning'], ['--log-level', 'debug'], ['--debug']]) {
      const log = lab.path(`log-${level.join('')}`);
      const { dir } = lab.bundle(set('unknownProperty', 1), set('root.path', 'no-such'));
      const result = await lab.tsrun([
        '--log',
        log,
        '--log-format',
        'json',
        ...level,
        'create',
        '--bundle',
        dir,
        lab.id(),
      ]);
      expect(result.code).toBe(1);
      const whole = readFileSync(log, 'utf8');
      const entry = JSON.parse(whole) as { level: string; warnings?: string[] };
      expect(entry.level).toBe('error');
      if (level.length > 0) expect(whole).toContain('unknownProperty');
      expect(lab.leftovers()).toEqual([]);
    }
  });

  test('warnings of a command that succeeds, where they were asked for', async ({ lab }) => {
    const log = lab.path('log');
    const parts = [change((config) => Object.assign(config.linux, { rootPropagation: 'private' })), args('exit=0')];
    (await lab.run(parts, { global: ['--log', log, '--log-format', 'json', '--log-level', 'warning'] })).expectCode(0);
    const entries = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; msg: string });
    expect(entries).toEqual([
      expect.objectContaining({ level: 'warning', msg: expect.stringContaining('linux.rootPropagation') }),
    ]);
    const quiet = await lab.run(parts);
    expect([quiet.code, quiet.stderr]).toEqual([0, '']);
  });

  test('without a file it is standard error, in its format', async ({ lab }) => {
    const result = await lab.tsrun(failing(['--log-format', 'json']));
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('does not exist');
  });

  test('a relative file is in the caller’s directory', async ({ lab }) => {
    await lab.tsrun(failing(['--log', 'here.log']), { cwd: lab.dir });
    expect(existsSync(lab.path('here.log'))).toBe(true);
  });

  test('in a directory that does not exist', async ({ lab }) => {
    const result = await lab.tsrun(failing(['--log', '/no/such/dir/log']));
    expect(result.code).toBe(1);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('errors of the start of the program go there too', async ({ lab }) => {
    const log = lab.path('log');
    const result = await lab.run([command('/no/such')], { global: ['--log', log, '--log-format', 'json'] });
    expect(result.code).toBe(1);
    expect((JSON.parse(readFileSync(log, 'utf8')) as { msg: string }).msg).toContain('/no/such');
  });
});

describe('the state root', () => {
  test('a damaged entry does not break list, and delete --force removes it', async ({ lab }) => {
    const good = await lab.create([args('pause')]);
    const variants: Record<string, (path: string) => void> = {
      empty: (path) => writeFileSync(path, ''),
      null: (path) => writeFileSync(path, 'null'),
      object: (path) => writeFileSync(path, '{}'),
      array: (path) => writeFileSync(path, '[]'),
      garbage: (path) => writeFileSync(path, 'garb{age'),
      cut: (path) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 40)),
    };
    for (const [name, damage] of Object.entries(variants)) {
      const container = await lab.started([args('pause')]);
      await container.told('pause');
      const state = join(lab.root, container.id);
      for (const file of readdirSync(state)) {
        const path = join(state, file);
        if (lstatSync(path).isFile() && file.endsWith('.json')) damage(path);
      }
      const listed = await lab.tsrun(['list', '-q']);
      expect([name, listed.code, listed.stdout.split('\n').includes(good.id)]).toEqual([name, 0, true]);
      const asked = await lab.tsrun(['state', container.id]);
      expect([name, asked.stderr.split('\n').length <= 2, /at .*\(.*:\d+:\d+\)/.test(asked.stderr)]).toEqual([
        name,
        true,
        false,
      ]);
      const removed = await lab.tsrun(['delete', '--force', container.id]);
      expect([name, removed.code]).toEqual([name, 0]);
      await container.ended();
      expect([name, existsSync(state)]).toEqual([name, false]);
    }
  });

  test('a directory that is not ours in it', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    mkdirSync(join(lab.root, lab.id()));
    const listed = await lab.tsrun(['list', '-q']);
    expect([listed.code, listed.stdout.includes(container.id)]).toEqual([0, true]);
  });

  test('a full file system: create fails and leaves nothing', async ({ lab }) => {
    mkdirSync(lab.root);
    chownSync(lab.root, caller ?? 0, caller ?? 0);
    for (const size of ['size=4k', 'nr_inodes=2', 'nr_inodes=3', 'nr_inodes=4', 'size=8k,nr_inodes=5']) {
      const options = `mode=700,uid=${caller ?? 0},${size}`;
      (await call(['/bin/mount', '-t', 'tmpfs', '-o', options, 'small', lab.root])).expectCode(0);
      try {
        const { result, id } = await lab.tryCreate(
          lab.bundle(
            args('pause'),
            change((config) => {
              config.annotations = { big: 'x'.repeat(20_000) };
            }),
          ),
        );
        if (result.code !== 0) {
          expect([size, result.code, result.stderr.trimEnd().split('\n').length]).toEqual([size, 1, 1]);
        }
        (await lab.tsrun(['delete', '--force', id])).expectCode(0);
        expect([size, lab.leftovers()]).toEqual([size, []]);
      } finally {
        (await call(['/bin/umount', lab.root])).expectCode(0);
      }
    }
  });

  test('a read-only file system: the error names it, list and state still work', async ({ lab }) => {
    mkdirSync(lab.root);
    chownSync(lab.root, caller ?? 0, caller ?? 0);
    const options = `mode=700,uid=${caller ?? 0},ro`;
    (await call(['/bin/mount', '-t', 'tmpfs', '-o', options, 'readonly', lab.root])).expectCode(0);
    try {
      const { result } = await lab.tryCreate(lab.bundle(args('pause')));
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(lab.root);
      expect((await lab.tsrun(['list', '-q'])).code).toBe(0);
      expect((await lab.tsrun(['state', 'nothing'])).stderr).toContain('does not exist');
    } finally {
      (await call(['/bin/umount', lab.root])).expectCode(0);
    }
  });
});

test('a log and a state of another time zone and locale', async ({ lab }) => {
  const result = await lab.tsrun(['state', 'none'], {
    env: { ...defaultEnvironment, TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
  });
  expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('does not exist')]);
});

test('a configuration of some size', async ({ lab }) => {
  const { dir } = lab.bundle(
    change((config) => {
      config.annotations = Object.fromEntries(
        Array.from({ length: 2000 }, (_, index) => [`org.example.${index}`, 'x'.repeat(500)]),
      );
    }),
    args('print=big'),
  );
  expect((await lab.tsrun(['run', '--bundle', dir, lab.id()])).expectCode(0).stdout).toBe('big\n');
});

test('text that is not JSON names its line and column', async ({ lab }) => {
  const result = await lab.run([text('{\n  "ociVersion": "1.0.2",\n  oops\n}')]);
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/config\.json:3:3: /);
});
