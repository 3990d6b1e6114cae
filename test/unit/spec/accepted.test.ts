import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../spec/default-config.ts';
import { loadConfig, loadProcess, loadResources } from '../../../spec/load.ts';
import { baseWith, bytesOf, messageOf, warningsOf } from './documents.ts';

const directory = new URL('./configs/', import.meta.url);

describe('configurations as callers write them are accepted without warnings', () => {
  it.each(readdirSync(directory))('%s', (name) => {
    const text = readFileSync(new URL(name, directory), 'utf8');
    expect(messageOf(text, { strict: true })).toBeUndefined();
    expect(warningsOf(text)).toEqual([]);
  });

  it('the one that tsrun writes', () => {
    const text = JSON.stringify(defaultConfig());
    expect(warningsOf(text, { strict: true })).toEqual([]);
    expect(loadConfig(bytesOf(text), 'config.json').config).toEqual(defaultConfig());
    expect(defaultConfig().process.args).not.toBe(defaultConfig().process.args);
  });
});

/** The specification's examples of single properties. */
const FRAGMENTS: Record<string, string>[] = [
  // config.md
  { root: '{"path": "rootfs", "readonly": true}' },
  {
    mounts:
      '[{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid","strictatime","mode=755","size=65536k"]},' +
      '{"destination": "/data", "type": "none", "source": "/volumes/testing", "options": ["rbind","rw"]}]',
  },
  { 'process.terminal': 'true', 'process.consoleSize': '{"height": 25, "width": 80}' },
  { 'process.user': '{"uid": 1, "gid": 1, "umask": 63, "additionalGids": [5, 6]}' },
  { 'process.ioPriority': '{"class": "IOPRIO_CLASS_IDLE", "priority": 4}' },
  { 'process.execCPUAffinity': '{"initial": "7", "final": "0-3,7"}' },
  {
    hostname: '"mrsdalloway"',
    domainname: '"foobarbaz.test"',
    'linux.namespaces': '[{"type": "mount"}, {"type": "uts"}]',
  },
  { annotations: '{"com.example.gpu-cores": "2"}' },
  {
    hooks:
      '{"prestart": [{"path": "/usr/bin/fix-mounts", "args": ["fix-mounts", "arg1", "arg2"], "env": ["key1=value1"]}],' +
      '"createRuntime": [{"path": "/usr/bin/setup-network"}], "createContainer": [{"path": "/usr/bin/mount-hook"}],' +
      '"startContainer": [{"path": "/usr/bin/refresh-ldcache"}], "poststart": [{"path": "/usr/bin/notify-start", "timeout": 5}],' +
      '"poststop": [{"path": "/usr/sbin/cleanup.sh", "args": ["cleanup.sh", "-f"]}]}',
  },
  // config-linux.md
  {
    'linux.namespaces':
      '[{"type": "pid", "path": "/proc/1234/ns/pid"}, {"type": "network", "path": "/var/run/netns/neta"}, {"type": "mount"},' +
      '{"type": "ipc"}, {"type": "uts"}, {"type": "user"}, {"type": "cgroup"}, {"type": "time"}]',
    'linux.uidMappings': '[{"containerID": 0, "hostID": 1000, "size": 32000}]',
    'linux.gidMappings': '[{"containerID": 0, "hostID": 1000, "size": 32000}]',
  },
  {
    'linux.netDevices': '{"eth0": {"name": "container_eth0"}}',
    'linux.namespaces': '[{"type": "mount"}, {"type": "network"}]',
  },
  {
    'linux.cgroupsPath': '"/myRuntime/myContainer"',
    'linux.resources': '{"memory": {"limit": 100000, "reservation": 200000}}',
  },
  {
    'linux.resources':
      '{"memory": {"limit": 536870912, "reservation": 536870912, "swap": 536870912, "kernel": -1, "kernelTCP": -1,' +
      '"swappiness": 0, "disableOOMKiller": false}}',
  },
  {
    'linux.resources':
      '{"cpu": {"shares": 1024, "quota": 1000000, "burst": 1000000, "period": 500000, "realtimeRuntime": 950000,' +
      '"realtimePeriod": 1000000, "cpus": "2-3", "mems": "0-7", "idle": 0}}',
  },
  {
    'linux.resources':
      '{"hugepageLimits": [{"pageSize": "2MB", "limit": 209715200}, {"pageSize": "64KB", "limit": 1000000}]}',
  },
  { 'linux.resources': '{"rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "mlx4_0": {"hcaObjects": 1000}}}' },
  {
    'linux.resources':
      '{"unified": {"io.max": "259:0 rbps=2097152 wiops=120\\n253:0 rbps=2097152 wiops=120", "hugetlb.1GB.max": "1073741824"}}',
  },
  {
    'linux.intelRdt':
      '{"closID": "guaranteed_group", "schemata": ["L3:0=7f0;1=1f", "L2:0=f;1=f;2=f;3=f", "MB:0=20;1=70"]}',
  },
  {
    'linux.intelRdt': '{"closID": "/", "l3CacheSchema": "L3:0=7f", "memBwSchema": "MB:0=20", "enableMonitoring": true}',
  },
  { 'linux.memoryPolicy': '{"mode": "MPOL_INTERLEAVE", "nodes": "2-3", "flags": ["MPOL_F_STATIC_NODES"]}' },
  {
    'linux.rootfsPropagation': '"slave"',
    'linux.maskedPaths': '["/proc/kcore"]',
    'linux.readonlyPaths': '["/proc/sys"]',
  },
  {
    'linux.personality': '{"domain": "LINUX32"}',
    'linux.mountLabel': '"system_u:object_r:svirt_sandbox_file_t:s0:c715,c811"',
  },
  // values at their bounds
  { 'process.rlimits': '[{"type": "RLIMIT_AS", "soft": 0, "hard": 18446744073709551615}]' },
  { 'process.scheduler': '{"policy": "SCHED_DEADLINE", "runtime": 10, "deadline": 20, "period": 20}' },
  { 'process.scheduler': '{"policy": "SCHED_RR", "priority": 99, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}' },
  { 'process.oomScoreAdj': '-1000' },
  {
    'linux.namespaces': '[{"type": "mount"}, {"type": "user"}]',
    'linux.uidMappings': '[{"containerID": 0, "hostID": 0, "size": 4294967295}]',
    'linux.gidMappings': '[{"containerID": 5, "hostID": 5, "size": 10}, {"containerID": 0, "hostID": 0, "size": 5}]',
  },
  {
    'linux.devices':
      '[{"type": "p", "path": "/dev/pipe"}, {"type": "u", "path": "/x", "major": 4095, "minor": 1048575}]',
  },
  {
    'linux.seccomp':
      '{"defaultAction": "SCMP_ACT_TRACE", "defaultErrnoRet": 65535, "listenerPath": "/s", "listenerMetadata": "m"}',
  },
  {
    'linux.sysctl':
      '{"net.ipv4.conf.eth0/100.rp_filter": "1", "net/ipv4/conf/eth0.100/rp_filter": "1", "kernel.shmmax": "1",' +
      '"fs.mqueue.msg_max": "10", "kernel.domainname": "d", "user.max_user_namespaces": "0"}',
    'linux.namespaces':
      '[{"type": "mount"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "user", "path": "/u"}]',
  },
  { 'linux.namespaces': '[]' },
  { 'linux.cgroupsPath': '""', hostname: '""' },
  { linux: '' },
];

describe('the specification’s examples, and values at their bounds, are accepted without warnings', () => {
  it.each(FRAGMENTS)('%j', (edits) => {
    expect(messageOf(baseWith(edits), { strict: true })).toBeUndefined();
    expect(warningsOf(baseWith(edits))).toEqual([]);
  });
});

describe('exactness', () => {
  it('keeps integers of 64 bits', () => {
    const { config } = loadConfig(
      bytesOf(
        baseWith({
          'process.rlimits': '[{"type":"RLIMIT_AS","soft":9007199254740993,"hard":18446744073709551615}]',
          'linux.resources': '{"memory":{"limit":9223372036854775807}}',
        }),
      ),
      'config.json',
    );
    expect(config.process.rlimits).toEqual([
      { type: 'RLIMIT_AS', soft: 9007199254740993n, hard: 18446744073709551615n },
    ]);
    expect(config.linux?.resources?.memory?.limit).toBe(9223372036854775807n);
  });
});

describe('parts of a configuration alone', () => {
  it('a process', () => {
    const text = '{"args":["sh"],"cwd":"/","user":{"uid":0,"gid":0},"env":["A"],"argz":1}';
    const { value, warnings } = loadProcess(bytesOf(text), 'process.json');
    expect(value.args).toEqual(['sh']);
    expect(warnings.map(({ property, message }) => `${property}: ${message}`)).toEqual([
      'env[0]: not of the form NAME=value, passed on as it is: got "A"',
      'argz: unknown property, ignored; did you mean args?',
    ]);
    expect(() => loadProcess(bytesOf('{"args":["sh"],"cwd":"x","user":{"uid":0,"gid":0}}'), 'p.json')).toThrow(
      'p.json:1:16: cwd: not an absolute path: got "x"; begin it with /',
    );
  });

  it('resources', () => {
    expect(loadResources(bytesOf('{"pids":{"limit":5}}'), '-').value).toEqual({ pids: { limit: 5 } });
    expect(() => loadResources(bytesOf('{"pids":{"limit":"5"}}'), '-')).toThrow(
      '-:1:10: pids.limit: expected an integer of signed 64 bits, or -1 for no limit: got "5"; write the number without quotes',
    );
    expect(() => loadResources(bytesOf('{"unified":{"../x":"1"}}'), '-')).toThrow('unified["../x"]: not a name');
    expect(() => loadResources(bytesOf(''), '-')).toThrow('-:1:1: the file is empty');
  });
});
