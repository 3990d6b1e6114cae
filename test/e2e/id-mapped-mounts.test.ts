/** ID-mapped mounts: what each side sees of owners, ACLs and file capabilities that the other one wrote. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  args,
  capabilities,
  defaultCapabilities,
  type IdMapping,
  mount,
  type Part,
  user,
  userNamespace,
} from './harness/config.ts';
import type { Facts } from './harness/facts.ts';
import { mountsOf } from './harness/kernel.ts';
import { Lab } from './harness/lab.ts';
import { guestPath, scratch } from './harness/places.ts';
import { call } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** Types of file systems as statfs(2) tells them. */
const types: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
};
const typeOf = (path: string): string => types[statfsSync(path).type] ?? 'another file system';

const places = [
  { at: scratch, type: typeOf(scratch) },
  { at: '/dev/shm', type: typeOf('/dev/shm') },
].filter(({ type }) => type !== 'another file system');

/** A directory of the host on one of the file systems, gone after the test. */
async function within(at: string, use: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(at, 'mapped-'));
  chmodSync(dir, 0o755);
  try {
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const map = (containerID: number, hostID: number, size: number): IdMapping[] => [{ containerID, hostID, size }];

/** Binds `dir` to /data with its ids mapped: as in the container's user namespace, or as given. */
const mapped = (dir: string, mappings?: IdMapping[], ...options: string[]): Part =>
  mount({
    destination: '/data',
    type: 'bind',
    source: dir,
    options: ['bind', ...options, ...(mappings ? [] : ['idmap'])],
    ...(mappings ? { uidMappings: mappings, gidMappings: mappings } : {}),
  });

const every: Part = capabilities(
  Object.fromEntries(
    ['bounding', 'effective', 'permitted'].map((set) => [set, [...defaultCapabilities, 'CAP_SYS_ADMIN']]),
  ),
);

const u32 = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
};
const u16 = (value: number): string => u32(value).slice(0, 4);

const ACL = 'system.posix_acl_access';
/** An ACL that gives `uid` and `gid` rw besides the owner. acl(5), linux/posix_acl_xattr.h */
const aclFor = (uid: number, gid: number): string => {
  const none = 0xffffffff;
  const entries: [tag: number, perm: number, id: number][] = [
    [1, 6, none],
    [2, 6, uid],
    [4, 4, none],
    [8, 6, gid],
    [16, 6, none],
    [32, 4, none],
  ];
  return u32(2) + entries.map(([tag, perm, id]) => u16(tag) + u16(perm) + u32(id)).join('');
};

const CAPABILITY = 'security.capability';
const NET_BIND = 1 << 10;
/** CAP_NET_BIND_SERVICE, of the user namespace itself (version 2) or of the one whose root is `rootid` (version 3). */
const capabilityOf = (rootid?: number): string => {
  const version = rootid === undefined ? 0x02000000 : 0x03000000;
  return u32(version | 1) + u32(NET_BIND) + u32(0) + u32(0) + u32(0) + (rootid === undefined ? '' : u32(rootid));
};

/** The guest's verbs, run on the host itself. */
async function onHost(...verbs: string[]): Promise<Facts> {
  return (await call([guestPath, ...verbs])).expectCode(0).facts;
}

/** What an id is that is not mapped: /proc/sys/kernel/overflowuid. */
const OVERFLOW = 65534;

/** The container's ids 0 to 65535 are the host's from 100000 on. */
const inUserNamespace = userNamespace(100_000, 65_536);

describe.each(places)('$type', ({ at }) => {
  describe('as the container maps: on the disk stand the container’s own ids', () => {
    test('the host’s owners in the container', ({ lab }) =>
      within(at, async (dir) => {
        const table: [disk: number, inside: number][] = [
          [0, 0],
          [1000, 1000],
          [65535, 65535],
          [65536, OVERFLOW], // not mapped
          [100_000, OVERFLOW], // without the mapping it would be 0
        ];
        for (const [disk] of table) {
          writeFileSync(join(dir, String(disk)), '');
          chownSync(join(dir, String(disk)), disk, disk);
        }
        const stats = table.map(([disk]) => `stat=/data/${disk}`);
        const facts = await lab.facts(inUserNamespace, mapped(dir), args(...stats));
        for (const [disk, inside] of table)
          expect(facts.of('stat', `/data/${disk}`), String(disk)).toMatchObject({ uid: inside, gid: inside });
      }));

    test('the container’s owners on the host', ({ lab }) =>
      within(at, async (dir) => {
        const facts = await lab.facts(
          inUserNamespace,
          mapped(dir),
          args('write=/data/0=x', ...[1000, 65535].flatMap((id) => [`write=/data/${id}=x`, `chown=/data/${id}=${id}`])),
        );
        expect(facts.each('chown').map(({ errno }) => errno)).toEqual(['', '']);
        for (const id of [0, 1000, 65535]) {
          const { uid, gid } = statSync(join(dir, String(id)));
          expect([uid, gid]).toEqual([id, id]);
        }
      }));

    test('ACLs, both ways', ({ lab }) =>
      within(at, async (dir) => {
        for (const name of ['host', 'container']) writeFileSync(join(dir, name), '');
        const set = await onHost(`setxattr=${dir}/host=${ACL}=${aclFor(1000, 2000)}`);
        expect(set.of('setxattr').errno).toBe('');
        const facts = await lab.facts(
          inUserNamespace,
          mapped(dir),
          args(`xattr=/data/host=${ACL}`, `setxattr=/data/container=${ACL}=${aclFor(7, 8)}`),
        );
        expect(facts.of('setxattr').errno).toBe('');
        expect(facts.text('xattr', '/data/host')).toBe(aclFor(1000, 2000));
        const seen = await onHost(`xattr=${dir}/container=${ACL}`);
        expect(seen.text('xattr', `${dir}/container`)).toBe(aclFor(7, 8));
      }));

    test('file capabilities, both ways', ({ lab }) =>
      within(at, async (dir) => {
        for (const name of ['host', 'container']) writeFileSync(join(dir, name), '');
        expect((await onHost(`setxattr=${dir}/host=${CAPABILITY}=${capabilityOf()}`)).of('setxattr').errno).toBe('');
        const facts = await lab.facts(
          inUserNamespace,
          every,
          mapped(dir),
          args(`xattr=/data/host=${CAPABILITY}`, `setxattr=/data/container=${CAPABILITY}=${capabilityOf()}`),
        );
        expect(facts.of('setxattr').errno).toBe('');
        // The root of the disk is the container's: each sees the other's capabilities as those of its own root.
        expect(facts.text('xattr', '/data/host')).toBe(capabilityOf());
        const seen = await onHost(`xattr=${dir}/container=${CAPABILITY}`);
        expect(seen.text('xattr', `${dir}/container`)).toBe(capabilityOf());
      }));
  });

  describe('with a mapping of its own', () => {
    /** On the disk 0 to 9, in the container without a user namespace 5000 to 5009. */
    const own = map(0, 5000, 10);

    test('owners, both ways', ({ lab }) =>
      within(at, async (dir) => {
        chownSync(dir, 3, 3);
        for (const disk of [0, 9, 10]) {
          writeFileSync(join(dir, String(disk)), '');
          chownSync(join(dir, String(disk)), disk, disk);
        }
        const stats = [0, 9, 10].map((disk) => `stat=/data/${disk}`);
        const facts = await lab.facts(user(5003, 5003), mapped(dir, own), args(...stats, 'write=/data/new=x'));
        expect(stats.map((verb) => facts.of('stat', verb.slice(5)).uid)).toEqual([5000, 5009, OVERFLOW]);
        expect(facts.of('write').errno).toBe('');
        expect(statSync(join(dir, 'new'))).toMatchObject({ uid: 3, gid: 3 });
      }));

    test('who is not in it can write nothing', ({ lab }) =>
      within(at, async (dir) => {
        chmodSync(dir, 0o777);
        const facts = await lab.facts(user(0, 0), mapped(dir, own), args('write=/data/new=x'));
        expect(facts.of('write').errno).toBe('EOVERFLOW');
      }));

    test('in a user namespace, of several ranges', ({ lab }) =>
      within(at, async (dir) => {
        const ranges = [...map(0, 100_000, 10), ...map(1000, 100_500, 1)];
        for (const disk of [5, 1000]) {
          writeFileSync(join(dir, String(disk)), '');
          chownSync(join(dir, String(disk)), disk, disk);
        }
        const facts = await lab.facts(
          inUserNamespace,
          mapped(dir, ranges),
          args('stat=/data/5', 'stat=/data/1000', 'write=/data/new=x', 'chown=/data/new=500'),
        );
        expect(facts.each('stat').map(({ uid }) => uid)).toEqual([5, 500]);
        expect(facts.of('chown').errno).toBe('');
        expect(statSync(join(dir, 'new')).uid).toBe(1000);
      }));

    test('a capability of another root is not the container’s', ({ lab }) =>
      within(at, async (dir) => {
        writeFileSync(join(dir, 'file'), '');
        await onHost(`setxattr=${dir}/file=${CAPABILITY}=${capabilityOf()}`);
        // Root of the disk is id 5000 of the initial user namespace there.
        const facts = await lab.facts(mapped(dir, own), args(`xattr=/data/file=${CAPABILITY}`));
        expect(facts.text('xattr', '/data/file')).toBe(capabilityOf(5000));
      }));
  });

  test('with other attributes', ({ lab }) =>
    within(at, async (dir) => {
      writeFileSync(join(dir, 'file'), '');
      const options = ['ro', 'nosuid', 'nodev', 'noexec'];
      const facts = await lab.facts(
        inUserNamespace,
        mapped(dir, undefined, ...options),
        args('stat=/data/file', 'write=/data/file=x', 'mounts'),
      );
      expect(facts.of('stat').uid).toBe(0);
      expect(facts.of('write').errno).toBe('EROFS');
    }));

  test('ridmap maps the mounts below as well, idmap does not', ({ lab }) =>
    within(at, async (dir) => {
      mkdirSync(join(dir, 'below'));
      await call(['mount', '-t', 'tmpfs', 'tmpfs', join(dir, 'below')]);
      try {
        writeFileSync(join(dir, 'below/file'), '');
        const seen = async (option: string): Promise<unknown> => {
          const tree = mount({ destination: '/data', type: 'bind', source: dir, options: ['rbind', option] });
          return (await lab.facts(inUserNamespace, tree, args('stat=/data/below/file'))).of('stat').uid;
        };
        expect(await seen('ridmap')).toBe(0);
        expect(await seen('idmap')).toBe(OVERFLOW);
      } finally {
        await call(['umount', join(dir, 'below')]);
      }
    }));
});

describe('what cannot be mapped is refused with its reason', () => {
  const refusal = async (lab: Lab, source: string, ...options: string[]): Promise<string> => {
    const bound = mount({ destination: '/data', type: 'bind', source, options: ['bind', 'idmap', ...options] });
    const bundle = lab.bundle(inUserNamespace, bound);
    const { result } = await lab.tryCreate(bundle);
    expect(result.code).toBe(1);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(lab.leftovers()).toEqual([]);
    return result.stderr;
  };

  test('an overlay', async ({ lab }) => {
    const [lower, upper, work, at] = ['lower', 'upper', 'work', 'merged'].map((name) => lab.directory(name));
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    (await call(['mount', '-t', 'overlay', '-o', options, 'overlay', String(at)])).expectCode(0);
    try {
      expect(await refusal(lab, String(at))).toMatch(
        /mounts\[3\]: map the ids of .*overlay mounts cannot be mapped.*layers/,
      );
    } finally {
      await call(['umount', String(at)]);
    }
  });

  test.each([
    ['/proc', /procfs cannot be mapped/],
    ['/sys', /sysfs cannot be mapped/],
    ['/dev/pts', /devpts cannot be mapped/],
  ])('%s', async (path, reason) => {
    const lab = new Lab();
    try {
      expect(await refusal(lab, path)).toMatch(reason);
    } finally {
      expect(await lab.close()).toEqual([]);
    }
  });

  test('a tree with one of these below it', async ({ lab }) => {
    const dir = lab.directory('tree');
    (await call(['mount', '-t', 'tmpfs', 'tmpfs', dir])).expectCode(0);
    try {
      mkdirSync(join(dir, 'below'));
      (await call(['mount', '-t', 'proc', 'proc', join(dir, 'below')])).expectCode(0);
      expect(await refusal(lab, dir, 'rbind', 'ridmap')).toMatch(
        /tree\/below" is mounted below it, and procfs cannot be/,
      );
    } finally {
      await call(['umount', '--recursive', dir]);
    }
  });

  test('a source that is not there', async ({ lab }) => {
    expect(await refusal(lab, lab.path('missing'))).toMatch(/mounts\[3\]: the source .*missing" does not exist/);
  });

  test('no process and no mount is left of the mapping', async ({ lab }) => {
    const before = mountsOf('self').length;
    await refusal(lab, '/sys');
    expect(mountsOf('self')).toHaveLength(before);
    expect(existsSync(lab.root) ? lab.leftovers() : []).toEqual([]);
  });
});
