import { describe, expect, it } from 'vitest';
import { features } from '../../../spec/features.ts';
import { definition, resolve } from '../../../spec/schema/definitions.ts';
import { sysctlNamespace, sysctlPath } from '../../../spec/sysctl.ts';
import { mountOption } from '../../../spec/tables.ts';

const seccomp = { version: '2.5.4', architectures: ['SCMP_ARCH_X86'], flags: ['SECCOMP_FILTER_FLAG_LOG'] };
const document = features({ version: '1.2.3', commit: 'abc', seccomp });

describe('the features document', () => {
  it('has the versions that callers compare', () => {
    expect(document).toMatchObject({ ociVersionMin: '1.0.0', ociVersionMax: '1.3.0' });
    expect(document.annotations).toEqual({
      'org.tsrun.version': '1.2.3',
      'org.tsrun.commit': 'abc',
      'org.tsrun.checkpoint.enabled': 'false',
      'io.github.seccomp.libseccomp.version': '2.5.4',
    });
  });

  it('lists the hooks of the schema', () => {
    const config = resolve(definition('config'));
    const hooks =
      'properties' in config && config.properties.hooks !== undefined ? resolve(config.properties.hooks) : undefined;
    expect(document.hooks).toEqual(hooks !== undefined && 'properties' in hooks ? Object.keys(hooks.properties) : []);
  });

  it('lists mount options that have a meaning, and none that is not implemented', () => {
    for (const option of document.mountOptions ?? []) expect(mountOption(option)).toBeDefined();
    expect(document.mountOptions).toEqual(
      expect.arrayContaining(['rro', 'rbind', 'tmpcopyup', 'lazytime', 'idmap', 'ridmap']),
    );
  });

  it('tells of seccomp what the schema knows, and what libseccomp and the kernel do', () => {
    expect(document.linux?.seccomp).toMatchObject({
      enabled: true,
      archs: ['SCMP_ARCH_X86'],
      supportedFlags: ['SECCOMP_FILTER_FLAG_LOG'],
    });
    expect(document.linux?.seccomp?.actions).toContain('SCMP_ACT_NOTIFY');
    expect(document.linux?.seccomp?.operators).toHaveLength(7);
    expect(document.linux?.seccomp?.knownFlags).toHaveLength(4);
    expect(features({ version: '1', commit: 'a' }).linux?.seccomp).not.toHaveProperty('archs');
    expect(features({ version: '1', commit: 'a' }).linux?.seccomp?.enabled).toBe(false);
  });

  it('claims nothing else', () => {
    expect(document.linux).toMatchObject({
      namespaces: ['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts'],
      apparmor: { enabled: true },
      selinux: { enabled: true },
      memoryPolicy: {
        modes: expect.arrayContaining(['MPOL_BIND', 'MPOL_WEIGHTED_INTERLEAVE']),
        flags: ['MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES'],
      },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    });
    expect(document.linux?.capabilities).toHaveLength(41);
  });

  it('is JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });
});

describe('kernel parameters', () => {
  it.each([
    ['net.ipv4.ip_forward', 'net/ipv4/ip_forward', 'network'],
    ['net/ipv4/ip_forward', 'net/ipv4/ip_forward', 'network'],
    ['net.ipv4.conf.eth0/100.rp_filter', 'net/ipv4/conf/eth0.100/rp_filter', 'network'],
    ['net/ipv4/conf/eth0.100/rp_filter', 'net/ipv4/conf/eth0.100/rp_filter', 'network'],
    ['kernel.shm_rmid_forced', 'kernel/shm_rmid_forced', 'ipc'],
    ['fs.mqueue.msg_max', 'fs/mqueue/msg_max', 'ipc'],
    ['kernel.domainname', 'kernel/domainname', 'uts'],
    ['user.max_pid_namespaces', 'user/max_pid_namespaces', 'user'],
    ['kernel.core_pattern', 'kernel/core_pattern', undefined],
    ['vm.swappiness', 'vm/swappiness', undefined],
    ['kernel.constructor', 'kernel/constructor', undefined],
  ])('%s', (key, path, namespace) => {
    expect(sysctlPath(key)).toBe(path);
    expect(sysctlNamespace(path)).toBe(namespace);
  });

  it.each([
    '',
    '.',
    '/',
    'net',
    '.net.a',
    'net.a.',
    'net..a',
    'net.../a',
    'net/../a',
    'net.a/./b',
    'net.a\nb',
    'net.a b',
    '/net/a',
    'net.a/',
    'net.-/..',
  ])('%j is none', (key) => {
    expect(sysctlPath(key)).toBeUndefined();
  });
});
