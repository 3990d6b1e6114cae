import { describe, expect, test } from 'vitest';
import type { SandboxFacts } from '../../../runtime/sandbox/facts.ts';
import type { Mount } from '../../../spec/config.ts';
import { loadConfig } from '../../../spec/load.ts';
import { host, made, rootHost } from './fixtures.ts';

const config = (line: string | string[], facts: SandboxFacts = rootHost) => made(line, facts).config;
const process = (line: string | string[], facts: SandboxFacts = rootHost) => config(line, facts).process;
const mountOn = (line: string, path: string, facts: SandboxFacts = rootHost): Mount | undefined =>
  config(line, facts).mounts?.findLast(({ destination }) => destination === path);

describe('every configuration', () => {
  const layers = [
    { path: '/usr', kind: 'overlay' as const },
    { path: '/swapfile', kind: 'bind' as const },
  ];
  const lines = [
    '',
    '--map-auto --user 5:6',
    '--privileged',
    '--rootfs tree',
    '--net host --uts host --pid host --ipc host --cgroup host',
    '--mount host --user host',
    '--mount container:c1 --pid container:c1',
    '--net /run/netns/x --uts container:c1 --time private',
    '--tmpfs /home --copy-up /etc --bind /home:/mnt --ro-bind a:/b',
    '--bind /a:/b:idmap=b:1:2:1 --ro-bind /a:/c:idmap=u:1:2:1,g:5:6:7',
    '--overlay --map-root',
    '--upper up --seccomp none',
    '--memory 64M --cpus 1.5 --pids 10 --hostname name',
    '--cap-add ALL --cap-drop NET_RAW',
  ];
  test.each(lines)('is one that validates without a warning: %s', (line) => {
    const text = JSON.stringify(config(line, { ...rootHost, layers }));
    const loaded = loadConfig(new TextEncoder().encode(text), 'config.json', { strict: true });
    expect(loaded.warnings).toEqual([]);
  });
});

describe("the host's root", () => {
  test('is bound directory by directory, read-only and with its mounts', () => {
    const { config, tree } = made('', rootHost);
    const bound = config.mounts?.filter(({ source, destination }) => source === destination);
    expect(bound?.map(({ destination }) => destination)).toEqual(['/etc', '/home', '/swapfile', '/usr']);
    for (const { options } of bound ?? [])
      expect(options).toEqual(expect.arrayContaining(['rbind', 'rro', 'rprivate']));
    expect(tree?.path).toBe('/state/box/bundle/rootfs');
    expect(tree?.entries).toEqual([{ path: '/bin', kind: 'link', target: 'usr/bin' }]);
    expect(config.root).toEqual({ path: 'rootfs', readonly: true });
  });

  test('has /proc, /sys, /dev, /run and /tmp of its own', () => {
    const own = ['/proc', '/sys', '/dev', '/run', '/tmp'];
    expect(own.map((path) => mountOn('', path)?.type)).toEqual(['proc', 'sysfs', 'tmpfs', 'tmpfs', 'tmpfs']);
  });

  test('shows what resolv.conf leads to where the network is the host’s', () => {
    expect(mountOn('--net host', '/run/resolver/resolv.conf')?.source).toBe('/run/resolver/resolv.conf');
    expect(mountOn('', '/run/resolver/resolv.conf')).toBeUndefined();
  });
});

describe('mounts', () => {
  test('what lies below another comes after it', () => {
    const targets = config('--bind /a:/home/x/y --tmpfs /home --copy-up /home/x').mounts?.map((m) => m.destination);
    expect(targets?.slice(-3)).toEqual(['/home', '/home/x', '/home/x/y']);
  });

  test('sources are seen from the caller’s directory', () => {
    expect(mountOn('--bind ../x:/mnt', '/mnt')?.source).toBe('/home/me/x');
    expect(mountOn('--bind sub', '/home/me/work/sub')?.source).toBe('/home/me/work/sub');
  });

  test('an own file system belongs to the user', () => {
    expect(mountOn('--tmpfs /home --user 5:6', '/home')?.options).toEqual(expect.arrayContaining(['uid=5', 'gid=6']));
  });

  test('terminals belong to the group tty where there is one', () => {
    expect(mountOn('', '/dev/pts')?.options).toContain('gid=5');
    expect(mountOn('--map-root', '/dev/pts')?.options).not.toContain('gid=5');
    expect(mountOn('--map-auto', '/dev/pts', host)?.options).toContain('gid=5');
  });

  test('who may mount anything in a user namespace has a sysfs to detach, and one to be seen below', () => {
    const sysfs = (line: string) => config(line, host).mounts?.filter(({ destination }) => destination === '/sys');
    expect(sysfs('')).toHaveLength(1);
    expect(sysfs('--cap-add SYS_ADMIN')?.map(({ options }) => options?.at(-1))).toEqual(['rro', 'rro']);
  });

  test('a privileged sandbox has the host’s other devices', () => {
    const devices = config('--privileged').mounts?.filter(({ destination }) => destination.startsWith('/dev/'));
    expect(devices?.filter(({ type }) => type === 'bind').map(({ destination }) => destination)).toEqual([
      '/dev/fuse',
      '/dev/kvm',
    ]);
  });
});

describe('namespaces', () => {
  const of = (line: string, facts = rootHost) => config(line, facts).linux?.namespaces;

  test('are private but for the clocks', () => {
    expect(of('')?.map(({ type }) => type)).toEqual(['mount', 'pid', 'network', 'ipc', 'uts', 'cgroup']);
  });

  test('are left out where they are the host’s, and have a path where they are joined', () => {
    expect(of('--net host --pid container:c1 --uts /u')).toEqual([
      { type: 'mount' },
      { type: 'pid', path: '/proc/4711/ns/pid' },
      { type: 'ipc' },
      { type: 'uts', path: '/u' },
      { type: 'cgroup' },
    ]);
  });

  test('without mounts of its own it changes into the host’s root, or a directory', () => {
    expect(config('--mount host').root).toEqual({ path: '/' });
    expect(config('--mount host --rootfs tree').root).toEqual({ path: '/home/me/work/tree' });
    expect(config('--mount host').mounts).toBeUndefined();
  });
});

describe('ids', () => {
  const maps = (line: string, facts = host) => {
    const { linux } = config(line, facts);
    return [linux?.uidMappings, linux?.gidMappings];
  };
  const one = (containerID: number, hostID: number, size = 1) => ({ containerID, hostID, size });

  test('--map-root', () => {
    expect(maps('--map-root')).toEqual([[one(0, 1000)], [one(0, 1000)]]);
    expect(process('--map-root', host)?.user).toEqual({ uid: 0, gid: 0 });
  });

  test('of a joined user namespace are its root’s, or one’s own where it has none', () => {
    expect(process('--user container:c1', host)?.user).toEqual({ uid: 0, gid: 0 });
    expect(process('--user container:c1', { ...host, joinsRoot: false })?.user).toEqual({ uid: 1000, gid: 1000 });
  });

  test('--map-self, which is what a user gets anyway', () => {
    expect(maps('')).toEqual([[one(1000, 1000)], [one(1000, 1000)]]);
    expect(maps('--map-self')).toEqual(maps(''));
    expect(process('', host)?.user).toEqual({ uid: 1000, gid: 1000 });
  });

  test('--map-auto', () => {
    const all = [one(0, 1000), one(1, 100_000, 65_536)];
    expect(maps('--map-auto')).toEqual([all, all]);
    expect(process('--map-auto --user 1000:50', host)?.user).toEqual({ uid: 1000, gid: 50 });
  });
});

describe('the process', () => {
  test('is a shell unless said', () => {
    expect(process('')?.args).toEqual(['/bin/bash']);
    expect(process('--rootfs tree')?.args).toEqual(['/bin/sh']);
    expect(process('-- -x --net')?.args).toEqual(['-x', '--net']);
    expect(process('ls --net host')?.args).toEqual(['ls', '--net', 'host']);
  });

  test('begins where the caller is, unless nothing is seen of that', () => {
    expect(process('')?.cwd).toBe('/home/me/work');
    expect(process('', { ...rootHost, cwd: '/tmp/x' })?.cwd).toBe('/');
    expect(process('--bind /tmp/x', { ...rootHost, cwd: '/tmp/x/y' })?.cwd).toBe('/tmp/x/y');
    expect(process('--rootfs tree')?.cwd).toBe('/');
    expect(process('--cwd /usr')?.cwd).toBe('/usr');
  });

  test('has the caller’s environment with the host’s programs, and little with others', () => {
    expect(process(['--env', 'A=b=c', '--env', 'HOME'])?.env).toEqual([...host.env, 'A=b=c']);
    expect(process(['--rootfs', 'tree', '--env', 'HOME'])?.env).toEqual([
      expect.stringMatching(/^PATH=/),
      'TERM=vt100',
      'HOME=/home/me',
    ]);
  });

  test('as root has a few capabilities, as anybody else those asked for by name', () => {
    const root = process('--cap-add sys_time --cap-drop CAP_MKNOD')?.capabilities;
    expect(root?.effective).toContain('CAP_SYS_TIME');
    expect(root?.effective).toContain('CAP_CHOWN');
    expect(root?.bounding).not.toContain('CAP_MKNOD');
    expect(root?.ambient).toBeUndefined();
    const user = process('--cap-add NET_RAW', host)?.capabilities;
    expect(user?.ambient).toEqual(['CAP_NET_RAW']);
    expect(user?.effective).toEqual(['CAP_NET_RAW']);
    expect(process('--cap-drop ALL --cap-add KILL')?.capabilities?.bounding).toEqual(['CAP_KILL']);
    expect(process('--cap-add ALL --cap-drop KILL')?.capabilities?.bounding).not.toContain('CAP_KILL');
  });

  test('cannot gain privileges unless it is privileged', () => {
    expect(process('')?.noNewPrivileges).toBe(true);
    expect(process('--privileged')?.noNewPrivileges).toBe(false);
    expect(config('--privileged').linux?.maskedPaths).toBeUndefined();
  });

  test('has limits', () => {
    expect(config('--memory 64M --cpus 1.5 --pids 10').linux?.resources).toEqual({
      devices: [{ allow: false, access: 'rwm' }],
      memory: { limit: 67_108_864 },
      cpu: { quota: 150_000, period: 100_000 },
      pids: { limit: 10 },
    });
  });
});

describe('a path of --bind', () => {
  const bind = (text: string) => config(['--bind', text]).mounts?.at(-1);

  test.each([
    ['/a\\:b:/c', '/a:b', '/c'],
    ['/a:/b\\:c', '/a', '/b:c'],
    ['/a\\:idmap=b', '/a:idmap=b', '/a:idmap=b'],
    ['/a\\\\:/b', '/a\\', '/b'],
    ['/a\\b:/c\\d', '/a\\b', '/c\\d'],
  ])('%s has the colons and backslashes that are meant', (text, source, destination) => {
    expect(bind(text)).toMatchObject({ source, destination });
  });

  test('may have a colon beside a map of ids', () => {
    const mount = bind('/a\\:b:/c\\:d:idmap=u:1:2:3,g:4:5:6');
    expect(mount).toMatchObject({ source: '/a:b', destination: '/c:d' });
    expect(mount?.gidMappings).toEqual([{ containerID: 4, hostID: 5, size: 6 }]);
  });
});

test('an overlay of a caller without privileges begins with copies of what is edited in place', () => {
  const facts = { ...host, layers: [{ path: '/var', kind: 'overlay' as const }], edited: ['/var/log/dpkg.log'] };
  expect(made('--overlay', facts).tree?.copies).toEqual(['/var/log/dpkg.log']);
  expect(made('--overlay --map-auto', { ...facts, uid: 0 }).tree?.copies).toEqual([]);
  expect(made('', facts).tree?.copies).toEqual([]);
});
