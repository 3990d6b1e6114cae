/** User namespaces of root's containers: exec into them, and what in them has an owner: terminals, keyrings, devpts. */
import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  change,
  type IdMapping,
  linux,
  namespace,
  type Part,
  terminal,
  user,
  userNamespace,
} from './harness/config.ts';
import { namespaceOf, statusField } from './harness/kernel.ts';
import { type Container, Lab } from './harness/lab.ts';
import { call, runtime } from './harness/runtime.ts';
import { ConsoleSocket } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';

const uidMappings: IdMapping[] = [
  { containerID: 0, hostID: 100_000, size: 1000 },
  { containerID: 5000, hostID: 200_000, size: 10 },
];
const gidMappings: IdMapping[] = [
  { containerID: 0, hostID: 300_000, size: 500 },
  { containerID: 7000, hostID: 400_000, size: 10 },
];

/** Of two ranges of users and two others of groups. */
const ranges: Part[] = [
  userNamespace(),
  linux({ uidMappings, gidMappings }),
  ({ rootfs }) => {
    chownSync(rootfs, 100_000, 300_000);
    mkdirSync(join(rootfs, 'open'));
    chownSync(join(rootfs, 'open'), 200_003, 400_004);
  },
];

const stat = ({ bundle }: Container, name: string): number[] => {
  const { uid, gid } = statSync(join(bundle.rootfs, 'open', name));
  return [uid, gid];
};

describe('exec into one of several ranges', () => {
  test('has the ids of each range, inside and outside', async ({ lab }) => {
    const container = await lab.started([...ranges, args('pause')]);
    const inside = await lab.exec(container, ['ids', 'ns=user', 'write=/open/second=x'], {
      flags: ['--user', '5003:7004', '--additional-gids', '7', '--additional-gids', '7009'],
    });
    const { facts } = inside.expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 5003, gid: 7004, groups: [7, 7009] });
    expect(facts.of('ns').user).toBe(namespaceOf(container.pid, 'user'));
    expect(facts.of('write').errno).toBe('');
    expect(stat(container, 'second')).toEqual([200_003, 400_004]);
    // Of root there, who may write everywhere, the file is root's.
    const root = (await lab.exec(container, ['ids', 'write=/open/first=x'])).expectCode(0);
    expect(root.facts.of('ids')).toMatchObject({ uid: 0, gid: 0, groups: [] });
    expect(stat(container, 'first')).toEqual([100_000, 300_000]);
  });

  test('is outside whom the maps say', async ({ lab }) => {
    const container = await lab.started([...ranges, args('pause')]);
    const pidFile = lab.path('exec.pid');
    const output = { stdout: lab.path('exec.out'), stderr: lab.path('exec.err') };
    const flags = ['--detach', '--pid-file', pidFile, '--user', '5003:7004', '--additional-gids', '7009'];
    (await lab.exec(container, ['pause'], { flags, output })).expectCode(0);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(['Uid', 'Gid'].map((name) => statusField(pid, name).split('\t')[0])).toEqual(['200003', '400004']);
    expect(statusField(pid, 'Groups').trim()).toBe('400009');
  });

  const bad: [string, string[], RegExp][] = [
    [
      'a user between the ranges',
      ['--user', '3000'],
      /the user namespace does not map user 3000: look at linux\.uidMappings/,
    ],
    ['a user behind them', ['--user', '5010'], /does not map user 5010: look at linux\.uidMappings/],
    ['a group', ['--user', '0:6999'], /does not map group 6999: look at linux\.gidMappings/],
    [
      'a supplementary group',
      ['--additional-gids', '500'],
      /the supplementary groups 500: .*does not map one of the groups/,
    ],
  ];
  test.for(bad)('%s that is not mapped is refused', async ([, flags, said], { lab }) => {
    const container = await lab.started([...ranges, args('pause')]);
    const result = await lab.exec(container, ['pass'], { flags });
    expect([result.code, result.stdout]).toEqual([255, '']);
    expect(result.stderr).toMatch(said);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect((await container.state()).status).toBe('running');
  });
});

describe('mappings beside one that is joined', () => {
  const joining = (pid: number, maps: { uidMappings: IdMapping[]; gidMappings: IdMapping[] }): Part[] => [
    namespace('user', `/proc/${pid}/ns/user`),
    linux(maps),
  ];

  test('may be its own, however they are written', async ({ lab }) => {
    const { pid } = await lab.started([...ranges, args('pause')]);
    const split = [
      { containerID: 5000, hostID: 200_000, size: 10 },
      { containerID: 400, hostID: 100_400, size: 600 },
      { containerID: 0, hostID: 100_000, size: 400 },
    ];
    const facts = await lab.facts(...joining(pid, { uidMappings: split, gidMappings }), args('ids', 'ns=user'));
    expect(facts.of('ns').user).toBe(namespaceOf(pid, 'user'));
  });

  test('are refused where they are not', async ({ lab }) => {
    const { pid } = await lab.started([...ranges, args('pause')]);
    const wrong = [{ containerID: 0, hostID: 100_000, size: 1001 }, ...uidMappings.slice(1)];
    const { result } = await lab.tryCreate(
      lab.bundle(...joining(pid, { uidMappings: wrong, gidMappings }), args('pause')),
    );
    expect([result.code, result.stderr]).toEqual([
      1,
      'tsrun: linux.uidMappings: the user namespace that is joined has 0 → 100000 (1000), 5000 → 200000 (10), and not 0 → 100000 (1001), 5000 → 200000 (10): give its own mappings, or none\n',
    ]);
  });

  test('a user that they do not map is refused', async ({ lab }) => {
    const { pid } = await lab.started([...ranges, args('pause')]);
    const bundle = lab.bundle(...joining(pid, { uidMappings, gidMappings }), user(2000, 0), args('pause'));
    const { result } = await lab.tryCreate(bundle);
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('process.user.uid: 2000 is not mapped')]);
  });
});

describe('root that lacks a capability', () => {
  async function refused(lab: Lab, capability: string, said: RegExp, ...parts: Part[]) {
    const { dir } = lab.bundle(userNamespace(), ...parts, args('pass'));
    const before = ['/usr/bin/setpriv', '--bounding-set', `-${capability}`, '--inh-caps=-all', '--'];
    const result = await call([...before, ...runtime(lab.root, 'run', '--bundle', dir, lab.id())]);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(said);
    expect(lab.leftovers()).toEqual([]);
  }
  const root: IdMapping[] = [{ containerID: 0, hostID: 0, size: 2 }];

  test('to map host id 0: CAP_SETFCAP', async ({ lab }) => {
    const said =
      /^tsrun: linux\.uidMappings: write uid_map: .*host id 0 takes CAP_SETFCAP[^\n]*: start tsrun with it[^\n]*\n$/;
    await refused(lab, 'setfcap', said, linux({ uidMappings: root, gidMappings: root }));
  });

  test.each([
    ['setuid', /^tsrun: linux\.uidMappings: [^\n]*CAP_SETUID is not in the bounding set[^\n]*\n$/],
    ['setgid', /^tsrun: linux\.gidMappings: [^\n]*CAP_SETGID is not in the bounding set[^\n]*\n$/],
  ])('to map others: the capability %s', async (capability, said) => {
    const lab = new Lab();
    try {
      await refused(lab, capability, said, linux({ uidMappings, gidMappings }));
    } finally {
      expect(await lab.close()).toEqual([]);
    }
  });
});

describe('exec into one that was joined by its path', () => {
  const joined = (lab: Lab, owner: Container, ...parts: Part[]): Promise<Container> =>
    lab.started([
      namespace('user', `/proc/${owner.pid}/ns/user`),
      ({ rootfs }) => chownSync(rootfs, 100_000, 300_000),
      ...parts,
      args('pause'),
    ]);

  test('is in it, with its ids', async ({ lab }) => {
    const owner = await lab.started([...ranges, args('pause')]);
    const container = await joined(lab, owner);
    expect(namespaceOf(container.pid, 'user')).toBe(namespaceOf(owner.pid, 'user'));
    const { facts } = (
      await lab.exec(container, ['ids', 'ns=user', 'write=/tmp/made=x'], { flags: ['--user', '5003:7004'] })
    ).expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 5003, gid: 7004 });
    expect(facts.of('ns').user).toBe(namespaceOf(owner.pid, 'user'));
    const { uid, gid } = statSync(join(container.bundle.rootfs, 'tmp/made'));
    expect([uid, gid]).toEqual([200_003, 400_004]);
  });

  test('with further namespaces of the same owner', async ({ lab }) => {
    const owner = await lab.started([...ranges, namespace('cgroup'), args('pause')]);
    const kinds = [
      ['network', 'net'],
      ['ipc', 'ipc'],
      ['uts', 'uts'],
    ] as const;
    const others = kinds.map(([type, kind]) => namespace(type, `/proc/${owner.pid}/ns/${kind}`));
    const container = await joined(lab, owner, ...others);
    const { facts } = (await lab.exec(container, ['ns', 'ids'])).expectCode(0);
    for (const [, kind] of kinds) expect(facts.of('ns')[kind]).toBe(namespaceOf(owner.pid, kind));
    expect(facts.of('ns').pid).toBe(namespaceOf(container.pid, 'pid'));
    expect(facts.of('ids')).toMatchObject({ uid: 0, gid: 0 });
  });

  test('goes on when the owner has ended', async ({ lab }) => {
    const owner = await lab.started([...ranges, args('pause')]);
    const container = await joined(lab, owner);
    (await owner.delete('--force')).expectCode(0);
    const { facts } = (await lab.exec(container, ['ids'], { flags: ['--user', '5003:7004'] })).expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 5003, gid: 7004 });
  });
});

describe('the session keyring', () => {
  /** Type, owner and name, as KEYCTL_DESCRIBE tells them. */
  const described = (text: unknown): string[] => {
    const [type = '', uid = '', gid = '', , ...name] = String(text).split(';');
    return [type, uid, gid, name.join(';')];
  };

  test('is the container’s own, and that of its process', async ({ lab }) => {
    const container = await lab.started([...ranges, user(5003, 7004), args('keyring', 'pause')]);
    const own = (await container.told('pause')).of('keyring');
    const [type, , , name] = described(own.description);
    expect([type, name]).toEqual(['keyring', `_ses.${container.id}`]);
    const exec = (await lab.exec(container, ['keyring'])).expectCode(0).facts.of('keyring');
    expect(exec.description).toContain(`_ses.${container.id}`);
  });

  test('is another in another container of the same namespace', async ({ lab }) => {
    const first = await lab.started([...ranges, args('keyring', 'pause')]);
    const second = await lab.started([
      namespace('user', `/proc/${first.pid}/ns/user`),
      ({ rootfs }) => chownSync(rootfs, 100_000, 300_000),
      args('keyring', 'pause'),
    ]);
    const ids = [await first.told('pause'), await second.told('pause')].map((facts) => facts.of('keyring').id);
    expect(ids[0]).not.toBe(ids[1]);
  });
});

describe('terminals', () => {
  async function consoleOf(lab: Lab, ...parts: Part[]): Promise<Record<string, unknown>> {
    const socket = await ConsoleSocket.listen(lab.path('console'));
    try {
      const verbs = ['stat=/dev/console', 'stat=/dev/pts/0', 'open=/dev/console=rw', 'open=/dev/pts/0=rw', 'pause'];
      await lab.started([...parts, terminal(), args(...verbs)], { flags: ['--console-socket', socket.path] });
      await socket.said('"pause"');
      expect(socket.facts.each('open').map(({ errno }) => errno)).toEqual(['', '']);
      const [console, pts] = socket.facts.each('stat');
      expect([console?.uid, console?.gid, console?.mode]).toEqual([pts?.uid, pts?.gid, pts?.mode]);
      return console ?? {};
    } finally {
      await socket.close();
    }
  }

  test('belong to root of the container, and its group tty', async ({ lab }) => {
    expect(await consoleOf(lab, ...ranges)).toMatchObject({ uid: 0, gid: 5, mode: 0o620 });
  });

  test('belong to the user of the process, of another range', async ({ lab }) => {
    expect(await consoleOf(lab, ...ranges, user(5003, 7004))).toMatchObject({ uid: 5003, gid: 5, mode: 0o620 });
  });

  test('belong to no group tty where that is not mapped', async ({ lab }) => {
    const few: IdMapping[] = [{ containerID: 0, hostID: 100_000, size: 5 }];
    const parts = [userNamespace(), linux({ uidMappings: few, gidMappings: few })];
    expect(await consoleOf(lab, ...parts)).toMatchObject({ uid: 0, gid: 0 });
  });
});

describe('devpts', () => {
  const few: IdMapping[] = [{ containerID: 0, hostID: 100_000, size: 5 }];

  test('with a group that is not mapped is mounted without, and a warning says so', async ({ lab }) => {
    const parts = [userNamespace(), linux({ uidMappings: few, gidMappings: few }), args('mounts')];
    const result = await lab.run(parts, { global: ['--log-level', 'warning'] });
    expect(result.expectCode(0).stderr).toMatch(
      /warning: mounts\[2\]\.options: gid=5 is left away, for the user namespace does not map that group/,
    );
  });

  test('with one that is mapped has it, by its number outside', async ({ lab }) => {
    const container = await lab.started([
      ...ranges,
      change((config) => {
        const devpts = config.mounts.find(({ type }) => type === 'devpts');
        devpts?.options?.push('gid=7004');
      }),
      args('pause'),
    ]);
    const line = readFileSync(`/proc/${container.pid}/mountinfo`, 'utf8')
      .split('\n')
      .find((row) => row.includes(' /dev/pts '));
    expect(line).toContain('gid=400004');
  });
});
