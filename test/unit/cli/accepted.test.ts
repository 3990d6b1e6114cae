import { describe, expect, test } from 'vitest';
import type { GlobalOptions } from '../../../runtime/cli/global.ts';
import { parse } from '../../../runtime/cli/parse.ts';

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');

/** What the global options are where no flag says otherwise. */
const quiet: GlobalOptions = {
  debug: false,
  log: { file: undefined, format: 'text', level: 'error' },
  root: undefined,
  cgroupManager: 'cgroupfs',
  rootless: 'auto',
};

const create = {
  command: 'create',
  bundle: '.',
  config: undefined,
  consoleSocket: undefined,
  pidFile: undefined,
  pidfdSocket: undefined,
  preserveFds: 0,
  noPivot: false,
  noNewKeyring: false,
  noSubreaper: false,
};
const run = { ...create, command: 'run', detach: false, keep: false };
const exec = {
  command: 'exec',
  process: undefined,
  cwd: undefined,
  env: [],
  tty: false,
  user: undefined,
  additionalGids: [],
  cap: [],
  noNewPrivs: false,
  processLabel: undefined,
  apparmor: undefined,
  consoleSocket: undefined,
  pidFile: undefined,
  pidfdSocket: undefined,
  preserveFds: 0,
  detach: false,
  cgroup: [],
  ignorePaused: false,
  noSubreaper: false,
  program: [],
};
const kill = { command: 'kill', all: false, signal: 15 };
const list = { command: 'list', format: 'table', quiet: false };
const validate = { command: 'validate', bundle: '.', strict: false, json: false, file: undefined };
const explain = { command: 'explain', bundle: '.', config: undefined, json: false };
const spec = { command: 'spec', bundle: '.', file: undefined, rootless: false };

const ps = { command: 'ps', format: 'table', psArgs: [] };
const events = { command: 'events', interval: 5000, stats: false };
const update = {
  command: 'update',
  resources: undefined,
  blkioWeight: undefined,
  cpuPeriod: undefined,
  cpuQuota: undefined,
  cpuBurst: undefined,
  cpuShare: undefined,
  cpuRtPeriod: undefined,
  cpuRtRuntime: undefined,
  cpuIdle: undefined,
  cpusetCpus: undefined,
  cpusetMems: undefined,
  memory: undefined,
  memoryReservation: undefined,
  memorySwap: undefined,
  pidsLimit: undefined,
  l3CacheSchema: undefined,
  memBwSchema: undefined,
};

/** A command line, and the whole request it makes without its global options. */
const rows: [string, object][] = [
  ['create c1', { ...create, id: 'c1' }],
  ['create --bundle /b c1', { ...create, bundle: '/b', id: 'c1' }],
  ['create --bundle=/b c1', { ...create, bundle: '/b', id: 'c1' }],
  ['create -bundle /b c1', { ...create, bundle: '/b', id: 'c1' }],
  ['create -bundle=/b c1', { ...create, bundle: '/b', id: 'c1' }],
  ['create -b /b c1', { ...create, bundle: '/b', id: 'c1' }],
  ['create -b=/b c1', { ...create, bundle: '/b', id: 'c1' }],
  ['create --bundle=a=b c1', { ...create, bundle: 'a=b', id: 'c1' }],
  ['create --bundle ../b c1', { ...create, bundle: '../b', id: 'c1' }],
  ['create --bundle /a --bundle /b c1', { ...create, bundle: '/b', id: 'c1' }],
  ['create --bundle=--pid-file c1', { ...create, bundle: '--pid-file', id: 'c1' }],
  ['create --bundle -b c1', { ...create, bundle: '-b', id: 'c1' }],
  ['create c1 --bundle /b', { ...create, bundle: '/b', id: 'c1' }],
  ['create --bundle /b -- c1', { ...create, bundle: '/b', id: 'c1' }],
  ['create -f other.json c1', { ...create, config: 'other.json', id: 'c1' }],
  ['create --config other.json c1', { ...create, config: 'other.json', id: 'c1' }],
  ['create --console-socket /s c1', { ...create, consoleSocket: '/s', id: 'c1' }],
  ['create --pidfd-socket /s c1', { ...create, pidfdSocket: '/s', id: 'c1' }],
  ['run --pidfd-socket=/s c1', { ...run, pidfdSocket: '/s', id: 'c1' }],
  ['create --pid-file p c1', { ...create, pidFile: 'p', id: 'c1' }],
  ['create --preserve-fds 2 c1', { ...create, preserveFds: 2, id: 'c1' }],
  ['create --preserve-fds=0 c1', { ...create, preserveFds: 0, id: 'c1' }],
  ['create --preserve-fds 1048576 c1', { ...create, preserveFds: 1048576, id: 'c1' }],
  ['create --no-pivot c1', { ...create, noPivot: true, id: 'c1' }],
  ['create --no-pivot=true c1', { ...create, noPivot: true, id: 'c1' }],
  ['create --no-pivot=false c1', { ...create, id: 'c1' }],
  ['create --no-pivot --no-pivot=false c1', { ...create, id: 'c1' }],
  ['create --no-new-keyring c1', { ...create, noNewKeyring: true, id: 'c1' }],
  ['create --no-subreaper c1', { ...create, noSubreaper: true, id: 'c1' }],
  ['create -no-subreaper c1', { ...create, noSubreaper: true, id: 'c1' }],
  ['create a..b', { ...create, id: 'a..b' }],
  ['create .hid', { ...create, id: '.hid' }],
  ['create ...', { ...create, id: '...' }],
  ['create A_z+0.-9', { ...create, id: 'A_z+0.-9' }],
  [`create ${'x'.repeat(255)}`, { ...create, id: 'x'.repeat(255) }],
  ['create create', { ...create, id: 'create' }],
  ['create help', { ...create, id: 'help' }],
  ['create __proto__', { ...create, id: '__proto__' }],
  ['run c1', { ...run, id: 'c1' }],
  ['run -d c1', { ...run, detach: true, id: 'c1' }],
  ['run --detach --pid-file p c1', { ...run, detach: true, pidFile: 'p', id: 'c1' }],
  ['run --keep c1', { ...run, keep: true, id: 'c1' }],
  ['run --no-subreaper c1', { ...run, noSubreaper: true, id: 'c1' }],
  ['run --detach --console-socket s c1', { ...run, detach: true, consoleSocket: 's', id: 'c1' }],
  ['run c1 -b /b -d', { ...run, detach: true, bundle: '/b', id: 'c1' }],
  ['start c1', { command: 'start', id: 'c1' }],
  ['state c1', { command: 'state', id: 'c1' }],
  ['kill c1', { ...kill, id: 'c1' }],
  ['kill c1 KILL', { ...kill, id: 'c1', signal: 9 }],
  ['kill c1 SIGKILL', { ...kill, id: 'c1', signal: 9 }],
  ['kill c1 sigkill', { ...kill, id: 'c1', signal: 9 }],
  ['kill c1 9', { ...kill, id: 'c1', signal: 9 }],
  ['kill c1 0', { ...kill, id: 'c1', signal: 0 }],
  ['kill c1 34', { ...kill, id: 'c1', signal: 34 }],
  ['kill c1 64', { ...kill, id: 'c1', signal: 64 }],
  ['kill c1 SIGRTMIN+3', { ...kill, id: 'c1', signal: 37 }],
  ['kill -s KILL c1', { ...kill, id: 'c1', signal: 9 }],
  ['kill -s 9 c1', { ...kill, id: 'c1', signal: 9 }],
  ['kill c1 --signal=HUP', { ...kill, id: 'c1', signal: 1 }],
  ['kill -s 0 c1', { ...kill, id: 'c1', signal: 0 }],
  ['kill --all c1 9', { ...kill, all: true, id: 'c1', signal: 9 }],
  ['kill -a c1 KILL', { ...kill, all: true, id: 'c1', signal: 9 }],
  ['kill c1 KILL --all', { ...kill, all: true, id: 'c1', signal: 9 }],
  ['delete c1', { command: 'delete', force: false, id: 'c1' }],
  ['delete --force c1', { command: 'delete', force: true, id: 'c1' }],
  ['delete -f c1', { command: 'delete', force: true, id: 'c1' }],
  ['delete c1 --force', { command: 'delete', force: true, id: 'c1' }],
  ['list', list],
  ['list -f json', { ...list, format: 'json' }],
  ['list --format=table', list],
  ['list -q', { ...list, quiet: true }],
  ['ps c1', { ...ps, id: 'c1' }],
  ['ps --format json c1', { ...ps, format: 'json', id: 'c1' }],
  ['ps c1 aux', { ...ps, id: 'c1', psArgs: ['aux'] }],
  ['ps c1 -o pid,comm --help', { ...ps, id: 'c1', psArgs: ['-o', 'pid,comm', '--help'] }],
  ['ps -f json c1 -- -f', { ...ps, format: 'json', id: 'c1', psArgs: ['--', '-f'] }],
  ['ps -- c1 -ef', { ...ps, id: 'c1', psArgs: ['-ef'] }],
  ['pause c1', { command: 'pause', id: 'c1' }],
  ['resume c1', { command: 'resume', id: 'c1' }],
  ['update --memory 64M c1', { ...update, memory: 67_108_864, id: 'c1' }],
  ['update c1 --cpu-quota -1', { ...update, cpuQuota: -1, id: 'c1' }],
  ['update --cpuset-cpus=0-1 --pids-limit=10 c1', { ...update, cpusetCpus: '0-1', pidsLimit: 10, id: 'c1' }],
  ['update -r - c1', { ...update, resources: '-', id: 'c1' }],
  ['events c1', { ...events, id: 'c1' }],
  ['events --stats c1', { ...events, stats: true, id: 'c1' }],
  ['events --interval 500ms c1', { ...events, interval: 500, id: 'c1' }],
  ['events --interval 1m c1', { ...events, interval: 60_000, id: 'c1' }],
  ['events --interval=1m30s c1', { ...events, interval: 90_000, id: 'c1' }],
  ['events --interval 1.5h c1', { ...events, interval: 5_400_000, id: 'c1' }],
  ['events --interval .5s c1', { ...events, interval: 500, id: 'c1' }],
  ['events --interval 1000000000ns c1', { ...events, interval: 1000, id: 'c1' }],
  ['events --interval 1000us c1', { ...events, interval: 1, id: 'c1' }],
  ['spec', spec],
  ['spec -b /b', { ...spec, bundle: '/b' }],
  ['spec --rootless', { ...spec, rootless: true }],
  ['spec -f out.json', { ...spec, file: 'out.json' }],
  ['features', { command: 'features' }],
  ['validate', validate],
  ['validate config.json', { ...validate, file: 'config.json' }],
  ['validate --strict --json -b /b', { ...validate, strict: true, json: true, bundle: '/b' }],
  ['validate x.json --strict', { ...validate, strict: true, file: 'x.json' }],
  ['explain', explain],
  ['explain --json --bundle B', { ...explain, json: true, bundle: 'B' }],
  ['explain -f x.json', { ...explain, config: 'x.json' }],
  ['--version', { command: 'version' }],
  ['-v', { command: 'version' }],
  ['-version', { command: 'version' }],
  ['--version create --nonsense', { command: 'version' }],
  ['--version=false state c1', { command: 'state', id: 'c1' }],
  ['--help', { command: 'help', topic: undefined }],
  ['-h', { command: 'help', topic: undefined }],
  ['help', { command: 'help', topic: undefined }],
  ['help kill', { command: 'help', topic: 'kill' }],
  ['create --help', { command: 'help', topic: 'create' }],
  ['create -h', { command: 'help', topic: 'create' }],
  ['create c1 --help', { command: 'help', topic: 'create' }],
  ['create --help=false c1', { ...create, id: 'c1' }],
  ['list --help', { command: 'help', topic: 'list' }],
  ['exec c1 ls -l --cwd /', { ...exec, id: 'c1', program: ['ls', '-l', '--cwd', '/'] }],
  ['exec -t --cwd / c1 -e A=1 ls -t', { ...exec, id: 'c1', tty: true, cwd: '/', env: ['A=1'], program: ['ls', '-t'] }],
  [
    'enter --ns net c1 -- ls -l',
    {
      ...{ command: 'enter', ns: 'net', user: undefined, preserveCredentials: false, cwd: undefined, env: [] },
      ...{ target: 'c1', words: ['ls', '-l'] },
    },
  ],
  ['exec c1 -- -x -t', { ...exec, id: 'c1', program: ['-x', '-t'] }],
  ['exec -td c1 ls -la', { ...exec, id: 'c1', tty: true, detach: true, program: ['ls', '-la'] }],
  ['exec -tu 7 c1 id', { ...exec, id: 'c1', tty: true, user: { uid: 7, gid: 0 }, program: ['id'] }],
  ['exec -dp f c1', { ...exec, id: 'c1', detach: true, process: 'f', program: [] }],
  ['exec -- c1 -x', { ...exec, id: 'c1', program: ['-x'] }],
  ['exec c1 - -t', { ...exec, id: 'c1', program: ['-', '-t'] }],
  ['exec c1 true --', { ...exec, id: 'c1', program: ['true', '--'] }],
  ['exec c1 echo --help', { ...exec, id: 'c1', program: ['echo', '--help'] }],
  ['exec -u 1 c1 id', { ...exec, id: 'c1', user: { uid: 1, gid: 0 }, program: ['id'] }],
  ['exec -u 1:5 c1 id', { ...exec, id: 'c1', user: { uid: 1, gid: 5 }, program: ['id'] }],
  [
    'exec --user=4294967294:4294967294 c1 id',
    { ...exec, id: 'c1', user: { uid: 4294967294, gid: 4294967294 }, program: ['id'] },
  ],
  [
    'exec -e A=1 --env B= -e A=2 -e C==d c1 env',
    { ...exec, id: 'c1', env: ['A=1', 'B=', 'A=2', 'C==d'], program: ['env'] },
  ],
  ['exec -g 5 --additional-gids 0 c1 id', { ...exec, id: 'c1', additionalGids: [5, 0], program: ['id'] }],
  ['exec -c CAP_KILL --cap=CAP_CHOWN c1 id', { ...exec, id: 'c1', cap: ['CAP_KILL', 'CAP_CHOWN'], program: ['id'] }],
  [
    'exec --no-new-privs --process-label a:b --apparmor p c1 id',
    { ...exec, id: 'c1', noNewPrivs: true, processLabel: 'a:b', apparmor: 'p', program: ['id'] },
  ],
  ['exec --cgroup a/b c1 id', { ...exec, id: 'c1', cgroup: [{ controllers: [], path: 'a/b' }], program: ['id'] }],
  [
    'exec --cgroup cpu,memory:a --cgroup pids:b c1 id',
    {
      ...exec,
      id: 'c1',
      cgroup: [
        { controllers: ['cpu', 'memory'], path: 'a' },
        { controllers: ['pids'], path: 'b' },
      ],
      program: ['id'],
    },
  ],
  [
    'exec -d --pid-file p --console-socket s --pidfd-socket t --preserve-fds 2 --ignore-paused --no-subreaper c1 id',
    {
      ...exec,
      id: 'c1',
      detach: true,
      pidFile: 'p',
      consoleSocket: 's',
      pidfdSocket: 't',
      preserveFds: 2,
      ignorePaused: true,
      noSubreaper: true,
      program: ['id'],
    },
  ],
  ['-- state c1', { command: 'state', id: 'c1' }],
];

describe('a command line makes a request', () => {
  test.each(rows)('%s', (line, expected) => {
    expect(parse(words(line))).toStrictEqual({ ...expected, global: quiet });
  });
});

/** Global flags, and what they change. */
const globalRows: [string, Partial<GlobalOptions>][] = [
  ['--debug', { debug: true, log: { ...quiet.log, level: 'debug' } }],
  ['--debug=false', {}],
  ['--debug --log-level error', { debug: true, log: { ...quiet.log, level: 'debug' } }],
  ['--log l', { log: { ...quiet.log, file: 'l' } }],
  ['--log=/l', { log: { ...quiet.log, file: '/l' } }],
  ['--log file:/l', { log: { ...quiet.log, file: '/l' } }],
  ['--log-format json', { log: { ...quiet.log, format: 'json' } }],
  ['--log-format=text', {}],
  ['-log-format=json', { log: { ...quiet.log, format: 'json' } }],
  ['--log-level warning', { log: { ...quiet.log, level: 'warning' } }],
  ['--log-level=debug', { log: { ...quiet.log, level: 'debug' } }],
  ['--root /run/x', { root: '/run/x' }],
  ['--root /../x', { root: '/../x' }],
  ['--systemd-cgroup', { cgroupManager: 'systemd' }],
  ['--systemd-cgroup=false', {}],
  ['--cgroup-manager systemd', { cgroupManager: 'systemd' }],
  ['--cgroup-manager cgroupfs', {}],
  ['--cgroup-manager=disabled', { cgroupManager: 'disabled' }],
  ['--systemd-cgroup --cgroup-manager systemd', { cgroupManager: 'systemd' }],
  ['--rootless true', { rootless: 'true' }],
  ['--rootless=auto', {}],
];

describe('global flags', () => {
  test.each(globalRows)('%s', (line, expected) => {
    const request = parse([...words(line), 'state', 'c1']);
    expect(request).toStrictEqual({ command: 'state', id: 'c1', global: { ...quiet, ...expected } });
  });
});

const shimGlobal = {
  ...quiet,
  root: '/run/containerd/runc/k8s.io',
  log: { ...quiet.log, file: '/b/log.json', format: 'json' as const },
};
const shim = '--root /run/containerd/runc/k8s.io --log /b/log.json --log-format json';
const systemd = { ...quiet, cgroupManager: 'systemd' as const };
const podmanGlobal = { ...quiet, log: { ...quiet.log, file: '/run/c/oci-log', format: 'json' as const } };
const podman = '--log-format=json --log /run/c/oci-log';
const crio = { ...quiet, root: '/run/runc' };
const crioSystemd = { ...crio, cgroupManager: 'systemd' as const };

/** What the callers of a runtime run, word by word, where the command exists. */
const callers: [string, object][] = [
  // podman and CRI-O, through conmon
  [
    `${podman} create --bundle /b --pid-file /run/c/pidfile c1`,
    { ...create, global: podmanGlobal, bundle: '/b', pidFile: '/run/c/pidfile', id: 'c1' },
  ],
  [
    `--cgroup-manager disabled ${podman} create --bundle /b --pid-file /p --no-pivot --no-new-keyring --preserve-fds 2 --console-socket /s c1`,
    {
      ...create,
      global: { ...podmanGlobal, cgroupManager: 'disabled' },
      bundle: '/b',
      pidFile: '/p',
      noPivot: true,
      noNewKeyring: true,
      preserveFds: 2,
      consoleSocket: '/s',
      id: 'c1',
    },
  ],
  ['start c1', { command: 'start', global: quiet, id: 'c1' }],
  ['kill --all c1 9', { ...kill, global: quiet, all: true, signal: 9, id: 'c1' }],
  ['kill c1 15', { ...kill, global: quiet, id: 'c1' }],
  ['delete --force c1', { command: 'delete', global: quiet, force: true, id: 'c1' }],
  ['state c1', { command: 'state', global: quiet, id: 'c1' }],
  ['--version', { command: 'version', global: quiet }],
  // containerd and Docker, through the shim
  [
    `${shim} create --bundle /b --pid-file /b/init.pid c1`,
    { ...create, global: shimGlobal, bundle: '/b', pidFile: '/b/init.pid', id: 'c1' },
  ],
  [
    `${shim} create --bundle /b --pid-file /b/init.pid --console-socket /t/s.sock --no-pivot --no-new-keyring c1`,
    {
      ...create,
      global: shimGlobal,
      bundle: '/b',
      pidFile: '/b/init.pid',
      consoleSocket: '/t/s.sock',
      noPivot: true,
      noNewKeyring: true,
      id: 'c1',
    },
  ],
  [
    `${shim} exec --process /tmp/runc-process1 --detach --pid-file /b/e.pid c1`,
    { ...exec, global: shimGlobal, process: '/tmp/runc-process1', detach: true, pidFile: '/b/e.pid', id: 'c1' },
  ],
  [
    'exec --pid-file P --process F --detach --preserve-fds 1 --console-socket S c1',
    {
      ...exec,
      global: quiet,
      pidFile: 'P',
      process: 'F',
      detach: true,
      preserveFds: 1,
      consoleSocket: 'S',
      id: 'c1',
    },
  ],
  ['--root /run/runc exec --process F c1', { ...exec, global: crio, process: 'F', id: 'c1' }],
  [`${shim} start c1`, { command: 'start', global: shimGlobal, id: 'c1' }],
  [`${shim} kill --all c1 9`, { ...kill, global: shimGlobal, all: true, signal: 9, id: 'c1' }],
  [`${shim} delete c1`, { command: 'delete', global: shimGlobal, force: false, id: 'c1' }],
  [`${shim} delete --force c1`, { command: 'delete', global: shimGlobal, force: true, id: 'c1' }],
  [`${shim} state c1`, { command: 'state', global: shimGlobal, id: 'c1' }],
  [
    `${shim} --systemd-cgroup create --bundle /b --pid-file /b/init.pid c1`,
    {
      ...create,
      global: { ...shimGlobal, cgroupManager: 'systemd' },
      bundle: '/b',
      pidFile: '/b/init.pid',
      id: 'c1',
    },
  ],
  [
    `${shim} --systemd-cgroup start c1`,
    { command: 'start', global: { ...shimGlobal, cgroupManager: 'systemd' }, id: 'c1' },
  ],
  [`${shim} pause c1`, { command: 'pause', global: shimGlobal, id: 'c1' }],
  [`${shim} resume c1`, { command: 'resume', global: shimGlobal, id: 'c1' }],
  [`${shim} ps --format json c1`, { ...ps, global: shimGlobal, format: 'json', id: 'c1' }],
  [`${shim} update --resources=- c1`, { ...update, global: shimGlobal, resources: '-', id: 'c1' }],
  [`${shim} events --stats c1`, { ...events, global: shimGlobal, stats: true, id: 'c1' }],
  ['features', { command: 'features', global: quiet }],
  // buildkit
  [
    '--log /x/runc-log.json --log-format json run --bundle /b --no-pivot --keep c1',
    {
      ...run,
      global: { ...quiet, log: { ...quiet.log, file: '/x/runc-log.json', format: 'json' } },
      bundle: '/b',
      noPivot: true,
      keep: true,
      id: 'c1',
    },
  ],
  // CRI-O itself
  ['--root /run/runc start c1', { command: 'start', global: crio, id: 'c1' }],
  ['--root /run/runc state c1', { command: 'state', global: crio, id: 'c1' }],
  ['--root /run/runc --systemd-cgroup state c1', { command: 'state', global: crioSystemd, id: 'c1' }],
  ['--root /run/runc kill c1 15', { ...kill, global: crio, id: 'c1' }],
  ['--root /run/runc kill c1 KILL', { ...kill, global: crio, signal: 9, id: 'c1' }],
  ['--root /run/runc --systemd-cgroup kill -a c1 9', { ...kill, global: crioSystemd, all: true, signal: 9, id: 'c1' }],
  ['--root /run/runc delete --force c1', { command: 'delete', global: crio, force: true, id: 'c1' }],
  [
    '--root=/run/runc create --bundle /b --pid-file /p c1',
    { ...create, global: crio, bundle: '/b', pidFile: '/p', id: 'c1' },
  ],
  // buildah
  [
    'create --bundle /b --pid-file /b/pid --no-pivot --console-socket /b/console.sock buildah-1',
    {
      ...create,
      global: quiet,
      bundle: '/b',
      pidFile: '/b/pid',
      noPivot: true,
      consoleSocket: '/b/console.sock',
      id: 'buildah-1',
    },
  ],
  ['kill buildah-1 SIGKILL', { ...kill, global: quiet, signal: 9, id: 'buildah-1' }],
  ['--systemd-cgroup kill c1', { ...kill, global: systemd, id: 'c1' }],
];

describe('the command lines of callers', () => {
  test.each(callers)('%s', (line, expected) => {
    expect(parse(words(line))).toStrictEqual(expected);
  });
});
