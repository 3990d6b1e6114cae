import { describe, expect, it } from 'vitest';
import {
  CAPABILITIES,
  capabilityNumber,
  MOUNT_ATTR,
  MOUNT_OPTIONS,
  mountOption,
  NAMESPACES,
  PROPAGATION,
  parseSignal,
  RLIMITS,
  rlimitNumber,
  SIGNALS,
  signalName,
} from '../../../spec/tables.ts';

const INHERITED = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''];

describe('capabilities', () => {
  it('have the numbers of linux/capability.h', () => {
    expect(CAPABILITIES).toHaveLength(41);
    expect(capabilityNumber('CAP_CHOWN')).toBe(0);
    expect(capabilityNumber('CAP_SYS_ADMIN')).toBe(21);
    expect(capabilityNumber('CAP_AUDIT_READ')).toBe(37);
    expect(capabilityNumber('CAP_CHECKPOINT_RESTORE')).toBe(40);
  });

  it.each(['KILL', 'cap_kill', 'CAP_BOGUS', ...INHERITED])('%s is none', (name) => {
    expect(capabilityNumber(name)).toBeUndefined();
  });
});

describe('resource limits', () => {
  it('have the numbers of asm-generic/resource.h', () => {
    expect(RLIMITS).toHaveLength(16);
    expect(rlimitNumber('RLIMIT_CPU')).toBe(0);
    expect(rlimitNumber('RLIMIT_NOFILE')).toBe(7);
    expect(rlimitNumber('RLIMIT_RTTIME')).toBe(15);
  });

  it.each(['NOFILE', 'RLIMIT_BOGUS', ...INHERITED])('%s is none', (name) => {
    expect(rlimitNumber(name)).toBeUndefined();
  });
});

describe('namespaces', () => {
  it.each([
    ['pid', 0x2000_0000, 'pid'],
    ['network', 0x4000_0000, 'net'],
    ['mount', 0x0002_0000, 'mnt'],
    ['ipc', 0x0800_0000, 'ipc'],
    ['uts', 0x0400_0000, 'uts'],
    ['user', 0x1000_0000, 'user'],
    ['cgroup', 0x0200_0000, 'cgroup'],
    ['time', 0x80, 'time'],
  ])('%s', (type, flag, file) => {
    expect(NAMESPACES.get(type)).toEqual({ flag, file });
  });

  it('are eight', () => {
    expect(NAMESPACES.size).toBe(8);
    for (const name of INHERITED) expect(NAMESPACES.get(name)).toBeUndefined();
  });
});

describe('signals', () => {
  it.each([
    ['KILL', 9],
    ['SIGKILL', 9],
    ['sigkill', 9],
    ['Term', 15],
    ['9', 9],
    ['0', 0],
    ['64', 64],
    ['SIGSYS', 31],
    ['IOT', 6],
    ['CLD', 17],
    ['POLL', 29],
    ['RTMIN', 34],
    ['SIGRTMIN+1', 35],
    ['RTMIN+30', 64],
    ['RTMAX', 64],
    ['sigrtmax-30', 34],
  ])('%s is %d', (text, number) => {
    expect(parseSignal(text)).toBe(number);
  });

  it.each([
    '65',
    '-9',
    '+9',
    '09',
    '9.0',
    ' 9',
    '9 ',
    '1e1',
    '0x9',
    'SIG',
    'SIGSIGKILL',
    'BOGUS',
    'KILL\n',
    'RTMIN+31',
    'RTMIN+0',
    'RTMIN+',
    'RTMIN-1',
    'RTMAX+1',
    'SIGRTMAX-31',
    'ſigkill',
    ...INHERITED,
  ])('%j is none', (text) => {
    expect(parseSignal(text)).toBeUndefined();
  });

  it('have names that lead back to them', () => {
    for (let number = 1; number <= 64; number++) expect(parseSignal(signalName(number))).toBe(number);
    expect(signalName(9)).toBe('SIGKILL');
    expect(signalName(35)).toBe('SIGRTMIN+1');
    expect(signalName(32)).toBe('32');
    expect(signalName(999)).toBe('999');
    expect(SIGNALS).toHaveLength(32);
  });
});

describe('mount options', () => {
  /** config.md, "Linux mount options": all that are MUST, SHOULD and MAY. */
  const specified =
    'async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec noiversion ' +
    'nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec ' +
    'rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared ' +
    'rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup ' +
    'unbindable idmap ridmap';

  it('are those of the specification', () => {
    expect(MOUNT_OPTIONS).toEqual(specified.split(' ').sort());
    for (const name of MOUNT_OPTIONS) expect(mountOption(name)).toBeDefined();
  });

  it.each([
    ['nosuid', { kind: 'attribute', set: 2, clear: 0, recursive: false }],
    ['suid', { kind: 'attribute', set: 0, clear: 2, recursive: false }],
    ['rnodev', { kind: 'attribute', set: 4, clear: 0, recursive: true }],
    ['rexec', { kind: 'attribute', set: 0, clear: 8, recursive: true }],
    ['rro', { kind: 'attribute', set: 1, clear: 0, recursive: true }],
    ['noatime', { kind: 'attribute', set: 0x10, clear: 0x70, recursive: false }],
    ['relatime', { kind: 'attribute', set: 0, clear: 0x70, recursive: false }],
    ['rnostrictatime', { kind: 'attribute', set: 0, clear: 0x70, recursive: true }],
    ['rstrictatime', { kind: 'attribute', set: 0x20, clear: 0x70, recursive: true }],
    ['nosymfollow', { kind: 'attribute', set: 0x200000, clear: 0, recursive: false }],
    ['sync', { kind: 'superblock', parameter: 'sync', msFlag: 16, value: true }],
    ['nolazytime', { kind: 'superblock', parameter: 'nolazytime', msFlag: 1 << 25, value: false }],
    ['rslave', { kind: 'propagation', flags: PROPAGATION.SLAVE, recursive: true }],
    ['bind', { kind: 'bind', recursive: false }],
    ['rbind', { kind: 'bind', recursive: true }],
    ['ridmap', { kind: 'idmap', recursive: true }],
    ['defaults', { kind: 'ignored' }],
  ])('%s', (name, meaning) => {
    expect(mountOption(name)).toEqual(meaning);
  });

  it('ro is of the mount and of a new file system', () => {
    expect(mountOption('ro')).toMatchObject({ set: MOUNT_ATTR.RDONLY, superblock: { parameter: 'ro', value: true } });
    expect(mountOption('rw')).toMatchObject({
      clear: MOUNT_ATTR.RDONLY,
      superblock: { parameter: 'rw', value: false },
    });
  });

  it.each(['size=10', 'RO', 'mode=755', 'r', 'rsync', 'rremount', 'rrbind', 'rdefaults', ...INHERITED])(
    '%j is the file system’s own',
    (name) => {
      expect(mountOption(name)).toBeUndefined();
    },
  );
});
