/** What only a caller without privileges has: its own ids, newuidmap, a delegated part of the cgroup tree. See rootless.sh. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { isV1 } from './harness/cgroups.ts';
import {
  args,
  bind,
  type Draft,
  editText,
  linux,
  mount,
  namespace,
  type Part,
  processProperties,
  rlimit,
  set,
  user,
  withoutNamespace,
} from './harness/config.ts';
import type { Facts } from './harness/facts.ts';
import { cgroupMount, cgroupOf, isAlive, type NamespaceKind, namespaceOf } from './harness/kernel.ts';
import { Lab } from './harness/lab.ts';
import { caller, idPrefix, runtimePath } from './harness/places.ts';
import { SUBORDINATE, wholeMap } from './harness/rootless.ts';
import { asUser, call, defaultEnvironment, runtime } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

const uid = caller ?? 0;
const only = (hostID: number, containerID = 0) => [{ containerID, hostID, size: 1 }];
const maps =
  (uidMappings: unknown, gidMappings: unknown = uidMappings): Part =>
  (draft) => {
    set('linux.uidMappings', uidMappings)(draft);
    set('linux.gidMappings', gidMappings)(draft);
  };

/** A call as the user with this environment, without --root. */
const asCaller = (lab: Lab, argv: readonly string[], env: Record<string, string> = {}, cwd = lab.dir) =>
  call(asUser(uid, runtimePath, ...argv), { cwd, env: { ...defaultEnvironment, ...env } });

describe('the configuration of spec --rootless', () => {
  async function written(lab: Lab, ...verbs: string[]): Promise<string> {
    const { dir } = lab.bundle();
    chownSync(dir, uid, uid);
    (await asCaller(lab, ['spec', '--rootless', '--file', 'own.json'], {}, dir)).expectCode(0);
    const config = JSON.parse(readFileSync(`${dir}/own.json`, 'utf8'));
    config.process.terminal = false;
    config.process.args = ['/guest', ...verbs];
    writeFileSync(`${dir}/config.json`, JSON.stringify(config));
    return dir;
  }

  test('runs as it is: in a user namespace, as root of it, who is the caller outside', async ({ lab }) => {
    const dir = await written(lab, 'ids', 'read=/proc/self/uid_map', 'read=/proc/self/setgroups', 'mounts');
    const runtimeDirectory = lab.directory('xdg');
    chownSync(runtimeDirectory, uid, uid);
    const result = await asCaller(lab, ['run', '--bundle', dir, lab.id()], { XDG_RUNTIME_DIR: runtimeDirectory });
    expect(result.expectCode(0).stderr).toBe('');
    expect(result.facts.of('ids')).toMatchObject({ uid: 0, gid: 0 });
    expect(result.facts.text('read', '/proc/self/uid_map').trim().split(/\s+/)).toEqual(['0', String(uid), '1']);
    expect(result.facts.text('read', '/proc/self/setgroups').trim()).toBe('deny');
  });

  test('keeps its state in XDG_RUNTIME_DIR, through the whole life', async ({ lab }) => {
    const dir = await written(lab, 'pause');
    const XDG_RUNTIME_DIR = lab.directory('xdg');
    chownSync(XDG_RUNTIME_DIR, uid, uid);
    const id = lab.id();
    const tsrun = (...argv: string[]) => asCaller(lab, argv, { XDG_RUNTIME_DIR });
    const output = { stdout: lab.path('out'), stderr: lab.path('err') };
    const line = asUser(uid, runtimePath, 'run', '--detach', '--bundle', dir, id);
    (await call(line, { env: { ...defaultEnvironment, XDG_RUNTIME_DIR }, output })).expectCode(0);
    const state = (await tsrun('state', id)).expectCode(0).json<{ status: string; pid: number; owner: string }>();
    expect(state).toMatchObject({ status: 'running', owner: String(uid) });
    expect((await tsrun('list', '--quiet')).stdout).toBe(`${id}\n`);
    expect(readFileSync(`/proc/${state.pid}/status`, 'utf8')).toMatch(new RegExp(`^Uid:\\s+${uid}\\s`, 'm'));
    (await tsrun('kill', id, 'KILL')).expectCode(0);
    (await tsrun('delete', '--force', id)).expectCode(0);
    expect(isAlive(state.pid)).toBe(false);
    expect((await tsrun('list', '--quiet')).stdout).toBe('');
  });
});

describe('ids', () => {
  test('ranges are mapped by newuidmap and newgidmap, and groups can be set', async ({ lab }) => {
    const facts = await lab.facts(user(1000, 1000, { additionalGids: [7] }), args('ids', 'read=/proc/self/uid_map'));
    expect(facts.of('ids')).toMatchObject({ uid: 1000, gid: 1000, groups: [7] });
    expect(facts.text('read', '/proc/self/uid_map').trim().split(/\s+/).map(Number)).toEqual([
      ...[0, uid, 1],
      ...[1, SUBORDINATE.first, SUBORDINATE.size],
    ]);
  });

  test('one’s own uid, and a range of groups', async ({ lab }) => {
    const facts = await lab.facts(maps(only(uid), wholeMap(uid)), user(0, 5), args('ids'));
    expect(facts.of('ids')).toMatchObject({ uid: 0, gid: 5 });
  });

  test('a map without id 0, for a user whom it has', async ({ lab }) => {
    const facts = await lab.facts(maps(only(uid, 1000)), user(1000, 1000), args('ids'));
    expect(facts.of('ids')).toMatchObject({ uid: 1000, gid: 1000 });
  });
});

describe('cgroups', () => {
  test('one is made in the part that is delegated, and removed', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    expect(cgroupOf(container.pid)).toBe(`/tsrun-${container.id}`);
    (await container.delete('--force')).expectCode(0);
  });

  describe('below one that is root’s', () => {
    /** With a cgroup of root's. */
    async function within(use: (path: string) => Promise<void>): Promise<void> {
      const path = `/${idPrefix}-root-${process.pid}`;
      mkdirSync(cgroupMount + path);
      try {
        await use(`${path}/leaf`);
      } finally {
        rmdirSync(cgroupMount + path);
      }
    }

    test('there is none, with a warning', ({ lab }) =>
      within(async (cgroupsPath) => {
        const { dir } = lab.bundle(linux({ cgroupsPath }), args('read=/proc/self/cgroup'));
        const result = await lab.tsrun(['--log-level', 'warning', 'run', '--bundle', dir, lab.id()]);
        expect(result.expectCode(0).stderr).toMatch(
          /warning: cgroup: none is made, for the cgroup ".*\/leaf" is not delegated to the caller/,
        );
        expect(result.facts.text('read')).toMatch(/0::\/caller$/m);
      }));

    test('what needs one says why there is none, and how to have one', ({ lab }) =>
      within(async (cgroupsPath) => {
        const { id } = await lab.create([linux({ cgroupsPath }), args('pause')]);
        for (const [status, ...argv] of [
          [1, 'pause', id],
          [1, 'resume', id],
          [1, 'update', '--pids-limit', '9', id],
          [1, 'ps', id],
          [1, 'events', '--stats', id],
          [1, 'kill', '--all', id, 'TERM'],
          [255, 'exec', '--cgroup', 'below', id, '/guest'],
        ] as const) {
          const result = await lab.tsrun(argv);
          expect([result.code, result.stdout]).toEqual([status, '']);
          expect(result.stderr).toMatch(
            /^tsrun: [^\n]*made without a cgroup [^\n]*, for none was delegated to the caller: [^\n]*--systemd-cgroup[^\n]*Delegate=yes[^\n]*\n$/,
          );
        }
      }));

    test('a limit is refused', ({ lab }) =>
      within(async (cgroupsPath) => {
        const limited = linux({ cgroupsPath, resources: { memory: { limit: 1 << 26 } } as object });
        const { result } = await lab.tryCreate(lab.bundle(limited));
        expect(result.code).toBe(1);
        expect(result.stderr).toMatch(
          /linux\.resources\.memory\.limit: needs the memory controller, and the cgroup ".*\/leaf" is not delegated/,
        );
        expect(lab.leftovers()).toEqual([]);
      }));
  });
});

describe('namespaces of one’s own containers are joined', () => {
  test.each(['network', 'ipc', 'uts', 'pid', 'mount', 'cgroup', 'time'])(
    '%s, with the user namespace',
    async (type) => {
      const lab = new Lab();
      try {
        const first = await lab.started([namespace(type), namespace('cgroup'), args('pause')]);
        const at = (kind: string): string => `/proc/${first.pid}/ns/${kind}`;
        const names: Record<string, NamespaceKind> = { network: 'net', mount: 'mnt' };
        const kind = names[type] ?? (type as NamespaceKind);
        const second = await lab.create([namespace('user', at('user')), namespace(type, at(kind)), ...alone(type)]);
        await second.start();
        expect(namespaceOf(second.pid, kind)).toBe(namespaceOf(first.pid, kind));
        expect(namespaceOf(second.pid, 'user')).toBe(namespaceOf(first.pid, 'user'));
      } finally {
        expect(await lab.close()).toEqual([]);
      }
    },
  );
});

/** In a mount namespace that is joined, nothing can be mounted. */
const alone = (type: string): Part[] =>
  type === 'mount' ? [set('mounts', []), set('root.path', '/'), args('pause')] : [args('pause')];

describe('exec into a container that waits for start', () => {
  test('finds its namespaces, and nobody else finds more than before', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    (await lab.exec(container, ['exit=4'])).expectCode(4);
    (await call(asUser(uid + 1, 'ls', `/proc/${container.pid}/fd`))).expectCode(2);
    await container.start();
    await container.told('pause');
  });

  test('is refused where it shares its pid namespace, in which it hides', async ({ lab }) => {
    const container = await lab.create([withoutNamespace('pid'), args('pause')]);
    const { code, stderr } = await lab.exec(container, ['pass']);
    expect([code, stderr]).toEqual([
      255,
      expect.stringMatching(/^tsrun: open \/proc\/\d+\/ns\/[^\n]*hides from a caller[^\n]*start it first[^\n]*\n$/),
    ]);
    await container.start();
    await container.told('pause');
    (await lab.exec(container, ['exit=4'])).expectCode(4);
  });
});

describe('inside user namespaces', () => {
  /** A command line in a new user namespace whose only id is the one here, as `id`. */
  const nested = (id: number, ...argv: string[]): string[] => [
    ...['/usr/bin/unshare', '--user', '--mount', `--map-user=${id}`, `--map-group=${id}`, '--'],
    ...argv,
  ];
  const own = (hostID: number, containerID = 0): Part[] => [maps(only(hostID, containerID))];
  const told = async (lab: Lab, line: (...argv: string[]) => string[], ...parts: Part[]): Promise<Facts> => {
    const { dir } = lab.bundle(args('ids', 'read=/proc/self/uid_map', 'ns=user'), ...parts);
    const argv = [runtimePath, '--root', lab.root, 'run', '--bundle', dir, lab.id()];
    return (await call(asUser(uid, ...line(...argv)))).expectCode(0).facts;
  };

  test('root of one: with a user namespace of the container’s own', async ({ lab }) => {
    const facts = await told(lab, (...argv) => nested(0, ...argv), ...own(0));
    expect(facts.of('ids')).toMatchObject({ uid: 0, gid: 0 });
  });

  test('root of one: without', async ({ lab }) => {
    const facts = await told(lab, (...argv) => nested(0, ...argv), editText(withoutUserNamespace));
    expect(facts.of('ids')).toMatchObject({ uid: 0, gid: 0 });
  });

  test('become root, then back to oneself', async ({ lab }) => {
    const facts = await told(lab, (...argv) => nested(0, ...argv), ...own(0, uid), user(uid, uid));
    expect(facts.of('ids')).toMatchObject({ uid, gid: uid });
  });

  test('three deep', async ({ lab }) => {
    const facts = await told(lab, (...argv) => nested(0, ...nested(uid, ...argv)), ...own(uid));
    expect(facts.of('ids')).toMatchObject({ uid: 0, gid: 0 });
    const four = await told(
      lab,
      (...argv) => nested(0, ...nested(uid, ...nested(0, ...argv))),
      ...own(0, 7),
      user(7, 7),
    );
    expect(four.of('ids')).toMatchObject({ uid: 7, gid: 7 });
  });

  test.each<[string, string[], RegExp, ...Part[]]>([
    [
      'whose maps have nobody',
      ['/usr/bin/unshare', '--user', '--mount', '--'],
      /linux\.namespaces: .*the caller's own uid is not mapped.*shows as 65534.*map it there/,
      ...own(0),
    ],
    [
      'that lack an id',
      nested(0),
      /linux\.uidMappings: .*the host id 1 is not mapped into the user namespace that tsrun runs in/,
      maps([{ containerID: 0, hostID: 0, size: 2 }], only(0)),
    ],
    [
      'whose root lacks CAP_SETFCAP',
      nested(0, '/usr/bin/setpriv', '--bounding-set', '-setfcap', '--inh-caps=-all', '--'),
      /linux\.uidMappings: .*host id 0 takes CAP_SETFCAP/,
      ...own(0),
    ],
  ])('%s: refused', async (_, before, said, ...parts) => {
    const lab = new Lab();
    try {
      const { dir } = lab.bundle(args('pass'), ...parts);
      const argv = [...before, runtimePath, '--root', lab.root, 'run', '--bundle', dir, lab.id()];
      const result = await call(asUser(uid, ...argv));
      expect([result.code, result.stdout]).toEqual([1, '']);
      expect(result.stderr).toMatch(said);
      expect(lab.leftovers()).toEqual([]);
    } finally {
      expect(await lab.close()).toEqual([]);
    }
  });

  test('a tmpfs of theirs can have its ids mapped', async ({ lab, skip }) => {
    const [major = 0, minor = 0] = release().split('.').map(Number);
    skip(major < 6 || (major === 6 && minor < 3), 'ids of a tmpfs can be mapped since Linux 6.3');
    const at = lab.directory('tmpfs');
    const bound = mount({ destination: '/data', type: 'bind', source: at, options: ['bind', 'idmap'] });
    const { dir } = lab.bundle(args('write=/data/file=x', 'stat=/data/file'), bound, ...own(0));
    const script = 'mount -t tmpfs tmpfs "$1"; shift; exec "$@"';
    const argv = [runtimePath, '--root', lab.root, 'run', '--bundle', dir, lab.id()];
    const result = await call(asUser(uid, ...nested(0, 'sh', '-c', script, '_', at, ...argv)));
    expect(result.expectCode(0).facts.of('stat')).toMatchObject({ uid: 0, gid: 0 });
  });
});

/** The text of a configuration without its user namespace. */
function withoutUserNamespace(json: string): string {
  const config = JSON.parse(json);
  config.linux.namespaces = config.linux.namespaces.filter(({ type }: { type: string }) => type !== 'user');
  delete config.linux.uidMappings;
  delete config.linux.gidMappings;
  return JSON.stringify(config);
}

describe('bad input: one line with the cause and the cure, and nothing left', () => {
  const range = (hostID: number, size: number, containerID = 0) => [{ containerID, hostID, size }];
  const idmap = (more: object = {}): Part =>
    mount({ destination: '/data', type: 'bind', source: '/srv', options: ['bind', 'idmap'], ...more });
  const two = [...range(100_000, 10), ...range(100_005, 10, 10)];

  test.each<[what: string, said: RegExp, ...parts: Part[]]>([
    ['no user namespace', /linux\.namespaces: .*spec --rootless/, editText(withoutUserNamespace)],
    [
      'ids of somebody else',
      /linux\.gidMappings: newgidmap refused.*200000 to 200009.*\/etc\/subgid.*100000 to 165535/,
      maps(range(200_000, 10)),
    ],
    [
      'users of somebody else',
      /linux\.uidMappings: newuidmap refused.*200000 to 200009.*\/etc\/subuid/,
      maps(range(200_000, 10), wholeMap(uid)),
    ],
    [
      'ids beyond the range',
      /newgidmap refused.*165530 to 165539.*usermod --add-subgids 165530-165539/,
      maps(range(165_530, 10)),
    ],
    [
      'lines that take more than a page',
      /newgidmap refused.*its lines have \d+ bytes, and the kernel takes less than a page/,
      maps(
        wholeMap(uid),
        Array.from({ length: 335 }, (_, id) => ({ containerID: id, hostID: 100_000 + 2 * id, size: 1 })),
      ),
    ],
    ['root of the machine', /newgidmap refused.*host ids 0 to 0/, maps(range(0, 1))],
    ['overlapping host ids', /linux\.uidMappings\[1\]\.hostID: overlaps with entry 0/, maps(two, wholeMap(uid))],
    [
      'overlapping container ids',
      /linux\.gidMappings\[1\]\.containerID: overlaps/,
      maps(wholeMap(uid), [...range(100_000, 10), ...range(100_100, 10, 5)]),
    ],
    ['a map of nothing', /linux\.uidMappings\[0\]\.size: maps nothing/, maps(range(100_000, 0), wholeMap(uid))],
    [
      'a map beyond the last id',
      /linux\.uidMappings\[0\]\.hostID: plus size/,
      maps(range(4_294_967_290, 10), wholeMap(uid)),
    ],
    [
      'more entries than the kernel takes',
      /has 341 entries, expected at most 340/,
      maps(
        Array.from({ length: 341 }, (_, id) => ({ containerID: id, hostID: 100_000 + id, size: 1 })),
        wholeMap(uid),
      ),
    ],
    ['a map of users alone', /linux\.gidMappings: missing/, maps(wholeMap(uid), [])],
    ['a map without id 0, for root', /process\.user\.uid: 0 is not mapped.*linux\.uidMappings/, maps(only(uid, 1000))],
    ['a user that is not mapped', /process\.user\.uid: 33 is not mapped/, maps(only(uid)), user(33, 0)],
    ['a group that is not mapped', /process\.user\.gid: 33 is not mapped/, maps(only(uid)), user(0, 33)],
    [
      'a supplementary group that is not mapped',
      /process\.user\.additionalGids\[0\]: 70000 is not mapped/,
      user(0, 0, { additionalGids: [70_000] }),
    ],
    [
      'setgroups denied',
      /process\.user\.additionalGids: setgroups\(2\) is denied.*subgid/,
      maps(only(uid)),
      user(0, 0, { additionalGids: [0] }),
    ],
    ['a mount with the container’s ids', /mounts\[3\]: the ids of a mount.*CAP_SYS_ADMIN.*run tsrun as root/, idmap()],
    [
      'a mount with ids of its own',
      /mounts\[3\]: .*uidMappings and gidMappings/,
      idmap({ uidMappings: range(0, 1), gidMappings: range(0, 1) }),
    ],
    [
      'a device that the host does not have',
      /linux\.devices\[0\]: .*\/dev\/nothing is missing/,
      linux({ devices: [{ type: 'c', path: '/dev/nothing', major: 1, minor: 3 }] }),
    ],
    [
      'a hard limit above one’s own',
      /process\.rlimits\[0\]: raise the hard limit of RLIMIT_NOFILE.*CAP_SYS_RESOURCE/,
      rlimit('RLIMIT_NOFILE', 1_048_576, 1_048_577),
    ],
    [
      'an OOM score below one’s own',
      /process\.oomScoreAdj: .*Permission denied.*not lower|process\.oomScoreAdj: .*not lower.*Permission denied/,
      processProperties({ oomScoreAdj: -500 }),
    ],
    [
      'a user namespace that is not one’s own',
      /linux\.namespaces\[5\]\.path: open the user namespace .*Permission denied/,
      namespace('user', '/proc/1/ns/user'),
    ],
    [
      'an agent that is to be asked about sendmsg',
      /linux\.seccomp: SCMP_ACT_NOTIFY with a profile that does not simply allow sendmsg takes CAP_SYS_PTRACE/,
      linux({
        seccomp: {
          defaultAction: 'SCMP_ACT_ALLOW',
          listenerPath: '/agent',
          syscalls: [{ names: ['sendmsg'], action: 'SCMP_ACT_NOTIFY' }],
        },
      }),
    ],
    ['a kernel parameter of the machine', /linux\.sysctl/, linux({ sysctl: { 'kernel.pid_max': '1000' } })],
    [
      'an id of a tmpfs that is not mapped',
      /mounts\[3\]: .*not map/,
      mount({ destination: '/t', type: 'tmpfs', source: 't', options: ['uid=70000'] }),
    ],
    [
      'a block device to mount',
      /mounts\[3\]: .*CAP_SYS_ADMIN|mounts\[3\]: .*user namespace/,
      mount({ destination: '/t', type: 'ext4', source: '/dev/null', options: [] }),
    ],
  ])('%s', async (_, said, ...parts) => {
    const lab = new Lab();
    try {
      await refused(lab, said, lab.bundle(...parts), []);
    } finally {
      expect(await lab.close()).toEqual([]);
    }
  });

  test('a limit of v1', async ({ lab, skip }) => {
    skip(!isV1('memory'), 'the controllers are those of cgroup v2 here');
    const limited = linux({ resources: { memory: { limit: 1 << 26 } } as object });
    await refused(lab, /memory.* controller: .*Permission denied: .*cgroup v1.*root/, lab.bundle(limited), []);
  });

  test('a source that is closed', async ({ lab }) => {
    const closed = lab.path('closed');
    mkdirSync(join(closed, 'source'), { recursive: true });
    chmodSync(closed, 0o700);
    const said = /mounts\[3\]: .*open_tree: Permission denied: .*closed to the caller/;
    await refused(lab, said, lab.bundle(bind(join(closed, 'source'), '/data')), []);
  });

  /** What stands before a call: a mount namespace of its own where files lie over others. */
  const covering = (...pairs: string[]): string[] => {
    const mounts = pairs.map((pair) => `mount --bind ${pair}`).join('; ');
    return ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', `${mounts}; exec "$@"`, '_'];
  };

  /** The same where a program of /usr/bin is not there. */
  const without = (lab: Lab, name: string): string[] => {
    const at = lab.directory('hidden');
    const layers = `lowerdir=/usr/bin,upperdir=${at}/upper,workdir=${at}/work`;
    const script = `mount -t tmpfs tmpfs ${at}; mkdir ${at}/upper ${at}/work; mknod ${at}/upper/${name} c 0 0; mount -t overlay -o ${layers} overlay /usr/bin; exec "$@"`;
    return ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', script, '_'];
  };

  async function refused(lab: Lab, said: RegExp, bundle: Draft, before: string[]): Promise<void> {
    const output = { stdout: lab.path('out'), stderr: lab.path('err') };
    const result = await call([...before, ...runtime(lab.root, 'create', '--bundle', bundle.dir, lab.id())], {
      output,
    });
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(result.stderr).toMatch(said);
    expect(lab.leftovers()).toEqual([]);
  }

  test('no newuidmap', async ({ lab }) => {
    const said = /linux\.uidMappings: .*newuidmap, which is not in PATH: install it \(package uidmap/;
    await refused(lab, said, lab.bundle(), without(lab, 'newuidmap'));
  });

  test('no newgidmap', async ({ lab }) => {
    await refused(
      lab,
      /linux\.gidMappings: .*newgidmap, which is not in PATH/,
      lab.bundle(),
      without(lab, 'newgidmap'),
    );
  });

  test('a helper without privilege', async ({ lab }) => {
    const copy = lab.path('newgidmap');
    copyFileSync('/usr/bin/newgidmap', copy);
    chmodSync(copy, 0o755);
    const said = /newgidmap refused.*\/usr\/bin\/newgidmap has neither root's set-user-ID bit nor file capabilities/;
    await refused(lab, said, lab.bundle(), covering(`${copy} /usr/bin/newgidmap`));
  });

  test('a caller that can gain no privilege', async ({ lab }) => {
    const said = /newgidmap refused.*the caller has no_new_privs set/;
    await refused(lab, said, lab.bundle(), ['/usr/bin/setpriv', '--no-new-privs', '--']);
  });

  test.each([
    [
      'a newgidmap that is not executable',
      /linux\.gidMappings: .*newgidmap, and \/usr\/bin\/newgidmap is not executable: let root/,
      '/dev/null /usr/bin/newgidmap',
    ],
    [
      'no entry in /etc/subuid',
      /linux\.uidMappings: newuidmap refused.*\/etc\/subuid gives no range to "tsruntest": .*usermod --add-subuids/,
      '/dev/null /etc/subuid',
    ],
    [
      'no entry in /etc/subgid',
      /linux\.gidMappings: newgidmap refused.*\/etc\/subgid gives no range to "tsruntest"/,
      '/dev/null /etc/subgid',
    ],
  ])('%s', async (_, said, pair) => {
    const lab = new Lab();
    try {
      await refused(lab, said, lab.bundle(), covering(pair));
    } finally {
      expect(await lab.close()).toEqual([]);
    }
  });

  test('no XDG_RUNTIME_DIR', async ({ lab }) => {
    for (const env of [{}, { XDG_RUNTIME_DIR: '' }]) {
      const result = await asCaller(lab, ['list'], env);
      expect([result.code, result.stdout]).toEqual([1, '']);
      expect(result.stderr).toMatch(/^tsrun: .*XDG_RUNTIME_DIR is not set: .*--root\n$/);
    }
  });

  test('a state directory that cannot be made', async ({ lab }) => {
    const result = await asCaller(lab, ['run', '--bundle', lab.bundle().dir, lab.id()], { XDG_RUNTIME_DIR: '/sys' });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^tsrun: make the state directory "\/sys\/tsrun": [^\n]*\n$/);
  });

  test('--systemd-cgroup without a service manager', async ({ lab }) => {
    const bundle = lab.bundle();
    const result = await lab.tsrun(['--systemd-cgroup', 'run', '--bundle', bundle.dir, lab.id()]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /^tsrun: the systemd cgroup driver: your own service manager cannot be reached.*cgroupfs\n$/,
    );
    expect(lab.leftovers()).toEqual([]);
  });

  test('nothing in memory may be executed (vm.memfd_noexec = 2)', async ({ lab }) => {
    if (!existsSync('/proc/sys/vm/memfd_noexec')) return;
    // The setting belongs to a pid namespace, and lasts as long as that.
    const inside = ['/usr/bin/unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '/bin/sh', '-c'];
    const script = 'echo 2 > /proc/sys/vm/memfd_noexec; "$@"';
    await refused(lab, /vm\.memfd_noexec to 0 or 1/, lab.bundle(), [...inside, script, '_']);
  });
});
