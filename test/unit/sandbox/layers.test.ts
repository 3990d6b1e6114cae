/** The host's tree taken apart for overlays. */
import { describe, expect, test } from 'vitest';
import type { MountInfo } from '../../../runtime/mountinfo.ts';
import type { RootEntry } from '../../../runtime/sandbox/facts.ts';
import { hostLayers } from '../../../runtime/sandbox/layers.ts';
import { host, made, rootHost } from './fixtures.ts';

const mount = (destination: string, type = 'ext4'): MountInfo => ({
  destination,
  type,
  source: 'x',
  root: '/',
  options: [],
});
const directory = (name: string): RootEntry => ({ name, kind: 'directory' });

const entries: Record<string, RootEntry[]> = {
  '/': [
    { name: 'bin', kind: 'link', target: 'usr/bin' },
    ...['dev', 'etc', 'home', 'proc', 'root', 'usr', 'var'].map(directory),
    { name: 'swapfile', kind: 'file' },
  ],
  '/home': [directory('me'), directory('you')],
  '/home/me': [directory('boxes'), directory('work'), { name: 'note', kind: 'file' }],
  '/home/me/boxes': [directory('up')],
  '/usr': [directory('bin'), directory('share')],
};
const tree = {
  list: (path: string) => entries[path] ?? [],
  canList: (path: string) => path !== '/root' && path !== '/var',
  canSearch: (path: string) => path !== '/root',
};
const kinds = (mounts: MountInfo[], apart: string[] = []) =>
  Object.fromEntries(hostLayers(mounts, tree, apart).map(({ path, kind }) => [path, kind]));

describe('layers', () => {
  test('are the directories of the root, where nothing is mounted below them', () => {
    expect(kinds([mount('/'), mount('/proc', 'proc')])).toEqual({
      '/bin': 'link',
      '/etc': 'overlay',
      '/home': 'overlay',
      '/root': 'directory', // the caller cannot look into it
      '/usr': 'overlay',
      '/var': 'bind', // its names are not the caller's to know
      '/swapfile': 'bind',
    });
  });

  test('are smaller where something is mounted', () => {
    expect(kinds([mount('/'), mount('/home/me/work', 'fuse.sshfs'), mount('/usr', 'squashfs')])).toMatchObject({
      '/home': 'directory',
      '/home/me': 'directory',
      '/home/me/boxes': 'overlay',
      '/home/me/work': 'bind',
      '/home/me/note': 'bind',
      '/home/you': 'overlay',
      '/usr': 'overlay',
    });
  });

  test('leave out where what is written is kept', () => {
    const found = kinds([mount('/')], ['/home/me/boxes/up']);
    expect(found).toMatchObject({ '/home/me/boxes': 'directory', '/home/me/work': 'overlay', '/home/you': 'overlay' });
    expect(found).not.toHaveProperty('/home/me/boxes/up');
  });

  test('are none of what an option cannot name', () => {
    const odd = { list: () => [directory('a:b')], canList: () => true, canSearch: () => true };
    expect(hostLayers([mount('/')], odd)).toEqual([{ path: '/a:b', kind: 'bind' }]);
  });
});

describe('an overlay', () => {
  const layers = hostLayers([mount('/')], tree);
  const mounts = (line: string, facts = rootHost) => {
    const { config, tree } = made(line, { ...facts, layers });
    const found = config.mounts?.filter(({ type }) => type === 'overlay');
    return { config, found, usr: found?.find(({ destination }) => destination === '/usr'), tree };
  };

  test('that is thrown away is in a file system over the root', () => {
    const { config, usr, tree } = mounts('--overlay');
    expect(config.mounts?.[0]).toMatchObject({ destination: '/', type: 'tmpfs' });
    expect(config.root).toEqual({ path: 'rootfs', readonly: false });
    expect(usr?.options).toEqual([
      'nodev',
      'lowerdir=/usr',
      'upperdir=/state/box/bundle/rootfs/usr',
      expect.stringMatching(/^workdir=\/state\/box\/bundle\/rootfs\/run\/work\/[0-9]+$/),
    ]);
    expect(tree?.works).toHaveLength(3);
  });

  test('of what is not in the root itself may be left out where that has gone', () => {
    const split = hostLayers([mount('/'), mount('/home/me/work')], tree);
    const { config } = made('--overlay', { ...rootHost, layers: split });
    const optional = config.mounts?.filter(({ options }) => options?.includes('x-tsrun.nofail'));
    expect(optional?.map(({ destination }) => destination)).toEqual(['/home/me/boxes', '/home/me/work', '/home/you']);
  });

  test('that is kept is in its directory', () => {
    const { config, usr } = mounts('--upper ../kept');
    expect(config.root).toEqual({ path: '/home/me/kept', readonly: false });
    expect(config.mounts?.some(({ destination }) => destination === '/')).toBe(false);
    expect(usr?.options).toContain('upperdir=/home/me/kept/usr');
  });

  test('of somebody without privileges adopts what belongs to others', () => {
    const { usr, found } = mounts('--overlay', host);
    expect(usr?.options?.slice(-2)).toEqual(['userxattr', 'x-tsrun.adopt']);
    expect(found?.find(({ destination }) => destination === '/etc')?.options).toContain('x-tsrun.adopt=files');
    expect(mounts('--overlay --map-root').usr?.options).toContain('userxattr');
  });
});
