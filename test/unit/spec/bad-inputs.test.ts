import { describe, expect, it } from 'vitest';
import { baseWith, idMaps, messageOf, warningsOf } from './documents.ts';

/** A user namespace without a mount namespace. */
const inUserNamespace = {
  ...idMaps('[{"containerID":0,"hostID":0,"size":1}]'),
  'linux.namespaces': '[{"type":"user"}]',
};

/** The place and message of the first error, without the file's name; the numbers are those of the threat model's list of bad inputs. */
const BAD: [Record<string, string>, string][] = [
  // 12
  [{ ociVersion: '' }, '1:1: ociVersion: missing, but required'],
  [{ ociVersion: '1' }, '2:3: ociVersion: expected a string: got 1'],
  [{ ociVersion: '"banana"' }, '2:3: ociVersion: not a version: got "banana"; expected one like 1.3.0'],
  [{ ociVersion: '"2.0.0"' }, '2:3: ociVersion: unsupported version: got "2.0.0"; tsrun implements 1.0.0 to 1.3.0'],
  [{ ociVersion: '"1.3"' }, '2:3: ociVersion: not a version: got "1.3"; expected one like 1.3.0'],
  // 9
  [{ process: '', Process: '{"cwd":"/"}' }, '1:1: process: missing, but required; there is Process instead'],
  [{ root: '' }, '1:1: root: missing, but required'],
  // 13
  [{ 'process.args': '' }, '6:3: process.args: missing, but required'],
  [{ 'process.args': '[]' }, '11:5: process.args: expected at least one element: got []'],
  [{ 'process.args': '[""]' }, '11:14: process.args[0]: the program has no name: got ""'],
  [{ 'process.args': '"sh"' }, '11:5: process.args: expected an array of strings: got "sh"'],
  [{ 'process.args': '[1]' }, '11:14: process.args[0]: expected a string: got 1'],
  [{ 'process.args': '{}' }, '11:5: process.args: expected an array of strings: got {}'],
  // 14
  [{ 'process.args': '["a\\u0000b"]' }, '11:14: process.args[0]: must not contain a NUL character: got "a\\u0000b"'],
  [{ 'process.env': '["A=\\u0000"]' }, '15:13: process.env[0]: must not contain a NUL character: got "A=\\u0000"'],
  [{ 'process.cwd': '"/\\u0000"' }, '14:5: process.cwd: must not contain a NUL character: got "/\\u0000"'],
  [{ 'root.path': '"a\\u0000"' }, '4:5: root.path: must not contain a NUL character: got "a\\u0000"'],
  [
    { hostname: '"a\\u0000"', 'linux.namespaces': '[{"type":"uts"},{"type":"mount"}]' },
    '19:3: hostname: must not contain a NUL character: got "a\\u0000"',
  ],
  [
    { 'linux.cgroupsPath': '"/a\\u0000"' },
    '22:5: linux.cgroupsPath: must not contain a NUL character: got "/a\\u0000"',
  ],
  [
    { mounts: '[{"destination":"/a\\u0000","type":"tmpfs"}]' },
    '23:15: mounts[0].destination: must not contain a NUL character: got "/a\\u0000"',
  ],
  [
    { 'linux.resources': '{"unified":{"a.b\\u0000":"1"}}' },
    '22:30: linux.resources.unified["a.b\\u0000"]: not a name of a cgroup file; expected one like memory.high',
  ],
  // 15
  [{ 'process.env': '{}' }, '15:5: process.env: expected an array of strings: got {}'],
  // 16
  [{ 'process.cwd': '' }, '6:3: process.cwd: missing, but required'],
  [{ 'process.cwd': '""' }, '14:5: process.cwd: empty, expected an absolute path: got ""'],
  [{ 'process.cwd': '"tmp"' }, '14:5: process.cwd: not an absolute path: got "tmp"; begin it with /'],
  // 19
  [{ 'process.user.uid': '-1' }, '8:7: process.user.uid: expected an integer from 0 to 4294967295: got -1'],
  [
    { 'process.user.uid': '4294967296' },
    '8:7: process.user.uid: expected an integer from 0 to 4294967295: got 4294967296',
  ],
  [{ 'process.user.uid': '1.5' }, '8:7: process.user.uid: expected an integer from 0 to 4294967295: got 1.5'],
  [{ 'process.user.uid': '1e3' }, '8:7: process.user.uid: expected an integer from 0 to 4294967295: got 1e3'],
  [
    { 'process.user.uid': '"0"' },
    '8:7: process.user.uid: expected an integer from 0 to 4294967295: got "0"; write the number without quotes',
  ],
  [{ 'process.user.uid': 'null' }, '8:7: process.user.uid: expected an integer from 0 to 4294967295: got null'],
  // 20
  [
    { 'process.user.uid': '4294967295' },
    '8:7: process.user.uid: not an id: the kernel takes it for "no change": got 4294967295',
  ],
  [
    { 'process.user.gid': '4294967295' },
    '9:7: process.user.gid: not an id: the kernel takes it for "no change": got 4294967295',
  ],
  // 21
  [
    { 'process.user.additionalGids': '[-5]' },
    '10:26: process.user.additionalGids[0]: expected an integer from 0 to 4294967295: got -5',
  ],
  [
    { 'process.user.additionalGids': '[1,4294967295]' },
    '10:28: process.user.additionalGids[1]: not an id: the kernel takes it for "no change": got 4294967295',
  ],
  // 22
  [{ 'process.user.umask': '2097151' }, '10:7: process.user.umask: expected an integer from 0 to 511: got 2097151'],
  [{ 'process.user.umask': '-1' }, '10:7: process.user.umask: expected an integer from 0 to 511: got -1'],
  [
    { 'process.user.umask': '"022"' },
    '10:7: process.user.umask: expected an integer from 0 to 511: got "022"; write the number without quotes',
  ],
  // 23
  [{ 'process.noNewPrivileges': '1' }, '15:5: process.noNewPrivileges: expected true or false: got 1'],
  [{ 'process.noNewPrivileges': '"true"' }, '15:5: process.noNewPrivileges: expected true or false: got "true"'],
  // 24
  [{ 'process.terminal': '"yes"' }, '15:5: process.terminal: expected true or false: got "yes"'],
  [{ 'process.consoleSize': '{"height":1}' }, '15:5: process.consoleSize.width: missing, but required'],
  [
    { 'process.consoleSize': '{"height":65536,"width":1}' },
    '15:21: process.consoleSize.height: expected an integer from 0 to 65535: got 65536',
  ],
  // 25
  [{ 'process.oomScoreAdj': '5000' }, '15:5: process.oomScoreAdj: expected an integer from -1000 to 1000: got 5000'],
  [{ 'process.oomScoreAdj': '0.5' }, '15:5: process.oomScoreAdj: expected an integer from -1000 to 1000: got 0.5'],
  [
    { 'process.oomScoreAdj': '"500"' },
    '15:5: process.oomScoreAdj: expected an integer from -1000 to 1000: got "500"; write the number without quotes',
  ],
  // 27
  [
    { 'process.capabilities': '{"effective":["CAP_KILL"],"permitted":["CAP_CHOWN"]}' },
    '15:35: process.capabilities.effective[0]: not in the permitted set: got "CAP_KILL"; add it to permitted',
  ],
  // 28
  [{ 'process.capabilities': '"x"' }, '15:5: process.capabilities: expected an object: got "x"'],
  [{ 'process.capabilities': '["CAP_KILL"]' }, '15:5: process.capabilities: expected an object: got an array'],
  [
    { 'process.capabilities': '{"bounding":"CAP_KILL"}' },
    '15:22: process.capabilities.bounding: expected an array of strings: got "CAP_KILL"',
  ],
  // 29
  [
    { 'process.rlimits': '[{"type":"RLIMIT_BOGUS","soft":1,"hard":1}]' },
    '15:18: process.rlimits[0].type: unknown resource limit: got "RLIMIT_BOGUS"; use one of RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, …',
  ],
  [
    { 'process.rlimits': '[{"type":"RLIMIT_NOFLE","soft":1,"hard":1}]' },
    '15:18: process.rlimits[0].type: unknown resource limit: got "RLIMIT_NOFLE"; did you mean RLIMIT_NOFILE?',
  ],
  [
    { 'process.rlimits': '[{"type":"RLIMIT_CORE","soft":2,"hard":1}]' },
    '15:39: process.rlimits[0].soft: greater than the hard limit 1: got 2',
  ],
  [
    { 'process.rlimits': '[{"type":"RLIMIT_CORE","soft":18446744073709551615,"hard":18446744073709551614}]' },
    '15:39: process.rlimits[0].soft: greater than the hard limit 18446744073709551614: got 18446744073709551615',
  ],
  [
    { 'process.rlimits': '[{"type":"RLIMIT_CORE","soft":1,"hard":1},{"type":"RLIMIT_CORE","soft":1,"hard":1}]' },
    '15:59: process.rlimits[1].type: the resource limit is given twice: got "RLIMIT_CORE"',
  ],
  [
    { 'process.rlimits': '[{"type":"RLIMIT_CORE","soft":-1,"hard":1}]' },
    '15:39: process.rlimits[0].soft: expected an integer of unsigned 64 bits: got -1',
  ],
  [{ 'process.rlimits': '[{"type":"RLIMIT_CORE","hard":1}]' }, '15:17: process.rlimits[0].soft: missing, but required'],
  [
    { 'process.rlimits': '[{"type":"RLIMIT_CORE","soft":1,"hard":18446744073709551616}]' },
    '15:48: process.rlimits[0].hard: expected an integer of unsigned 64 bits: got 18446744073709551616',
  ],
  // 32
  [
    { 'linux.namespaces': '[{"type":"bogus"}]' },
    '17:21: linux.namespaces[0].type: unknown namespace type: got "bogus"; use one of pid, network, mount, ipc, uts, user, cgroup, time',
  ],
  [
    { 'linux.namespaces': '[{"type":"mnt"}]' },
    '17:21: linux.namespaces[0].type: unknown namespace type: got "mnt"; use one of pid, network, mount, ipc, uts, user, cgroup, time',
  ],
  [{ 'linux.namespaces': '[{}]' }, '17:20: linux.namespaces[0].type: missing, but required'],
  [
    { 'linux.namespaces': '[{"type":"constructor"}]' },
    '17:21: linux.namespaces[0].type: unknown namespace type: got "constructor"; use one of pid, network, mount, ipc, uts, user, cgroup, time',
  ],
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"pid"},{"type":"pid"}]' },
    '17:53: linux.namespaces[2].type: the namespace is given twice: got "pid"',
  ],
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"pid","path":""}]' },
    '17:51: linux.namespaces[1].path: empty, expected an absolute path: got ""',
  ],
  // 33
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"pid","path":"proc/1/ns/pid"}]' },
    '17:51: linux.namespaces[1].path: not an absolute path: got "proc/1/ns/pid"; begin it with /',
  ],
  // 34
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"user"}]' },
    '16:3: linux.uidMappings: missing, but a new user namespace needs one',
  ],
  [
    {
      'linux.namespaces': '[{"type":"mount"},{"type":"user"}]',
      'linux.uidMappings': '[{"containerID":0,"hostID":1000,"size":1}]',
    },
    '16:3: linux.gidMappings: missing, but a new user namespace needs one',
  ],
  // 35
  [
    { 'linux.uidMappings': '[{"containerID":0,"hostID":1000,"size":1}]' },
    '22:5: linux.uidMappings: needs a user namespace; add {"type": "user"} to linux.namespaces',
  ],
  // 36
  [
    { ...idMaps('[{"containerID":0,"hostID":0,"size":10},{"containerID":5,"hostID":100,"size":10}]') },
    '18:61: linux.uidMappings[1].containerID: overlaps with entry 0: got 5',
  ],
  [
    { ...idMaps('[{"containerID":0,"hostID":0,"size":10},{"containerID":10,"hostID":9,"size":10}]') },
    '18:78: linux.uidMappings[1].hostID: overlaps with entry 0: got 9',
  ],
  [{ ...idMaps('[{"containerID":0,"hostID":0,"size":0}]') }, '18:49: linux.uidMappings[0].size: maps nothing: got 0'],
  [
    { ...idMaps('[{"containerID":0,"hostID":0,"size":4294967296}]') },
    '18:49: linux.uidMappings[0].size: expected an integer from 0 to 4294967295: got 4294967296',
  ],
  [
    { ...idMaps('[{"containerID":0,"hostID":1,"size":4294967295}]') },
    '18:38: linux.uidMappings[0].hostID: plus size 4294967295 is beyond the last id: got 1',
  ],
  [
    { ...idMaps('[{"containerID":0,"hostID":-1,"size":1}]') },
    '18:38: linux.uidMappings[0].hostID: expected an integer from 0 to 4294967295: got -1',
  ],
  // 37
  [
    { 'linux.timeOffsets': '{"monotonic":{"secs":1}}' },
    '22:5: linux.timeOffsets: needs a time namespace; add {"type": "time"} to linux.namespaces',
  ],
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"time"}]', 'linux.timeOffsets': '{"realtime":{"secs":1}}' },
    '18:21: linux.timeOffsets.realtime: unknown clock; use monotonic or boottime',
  ],
  [
    {
      'linux.namespaces': '[{"type":"mount"},{"type":"time"}]',
      'linux.timeOffsets': '{"boottime":{"nanosecs":1000000000}}',
    },
    '18:33: linux.timeOffsets.boottime.nanosecs: expected an integer from 0 to 999999999: got 1000000000',
  ],
  [
    {
      'linux.namespaces': '[{"type":"mount"},{"type":"time","path":"/t"}]',
      'linux.timeOffsets': '{"boottime":{"secs":1}}',
    },
    '18:5: linux.timeOffsets: the clocks of a time namespace joined by path cannot be changed',
  ],
  [{ hostname: '"h"' }, '23:3: hostname: needs a UTS namespace: got "h"; add {"type": "uts"} to linux.namespaces'],
  [{ domainname: '"d"' }, '23:3: domainname: needs a UTS namespace: got "d"; add {"type": "uts"} to linux.namespaces'],
  [
    {
      hostname: '"0123456789012345678901234567890123456789012345678901234567890123456789"',
      'linux.namespaces': '[{"type":"uts"},{"type":"mount"}]',
    },
    '19:3: hostname: longer than 64 bytes: got "0123456789012345678901234567890123456789012345678901234567890123…"',
  ],
  // 38
  [
    { ...inUserNamespace, mounts: '[{"destination":"/proc","type":"proc"}]' },
    '21:3: mounts: needs a mount namespace; add {"type": "mount"} to linux.namespaces',
  ],
  [
    { ...inUserNamespace, 'root.readonly': 'true' },
    '5:5: root.readonly: needs a mount namespace; add {"type": "mount"} to linux.namespaces',
  ],
  [
    { ...inUserNamespace, 'linux.maskedPaths': '["/proc/kcore"]' },
    '20:5: linux.maskedPaths: needs a mount namespace; add {"type": "mount"} to linux.namespaces',
  ],
  // 39
  [
    { 'linux.sysctl': '{"kernel.core_pattern":"x"}' },
    '22:16: linux.sysctl["kernel.core_pattern"]: belongs to the host, not to a namespace',
  ],
  [
    { 'linux.sysctl': '{"net.ipv4.ip_forward":"1"}' },
    '22:16: linux.sysctl["net.ipv4.ip_forward"]: needs a namespace of type network; add {"type": "network"} to linux.namespaces',
  ],
  [
    { 'linux.sysctl': '{"kernel.shmmax":"1"}' },
    '22:16: linux.sysctl["kernel.shmmax"]: needs a namespace of type ipc; add {"type": "ipc"} to linux.namespaces',
  ],
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"uts"}]', 'linux.sysctl': '{"kernel.hostname":"x"}' },
    '18:16: linux.sysctl["kernel.hostname"]: the property hostname sets this; use hostname',
  ],
  // 40
  [
    { 'linux.sysctl': '{"net.ipv4/../../kernel/x":"1"}' },
    '22:16: linux.sysctl["net.ipv4/../../kernel/x"]: not a name of a kernel parameter; expected one like net.ipv4.ip_forward',
  ],
  [
    { 'linux.sysctl': '{"fs.mqueue./../..":"1"}' },
    '22:16: linux.sysctl["fs.mqueue./../.."]: not a name of a kernel parameter; expected one like net.ipv4.ip_forward',
  ],
  [
    { 'linux.sysctl': '{"":"1"}' },
    '22:16: linux.sysctl[""]: not a name of a kernel parameter; expected one like net.ipv4.ip_forward',
  ],
  [
    { 'linux.sysctl': '{"net.a\\nb":"1"}' },
    '22:16: linux.sysctl["net.a\\nb"]: not a name of a kernel parameter; expected one like net.ipv4.ip_forward',
  ],
  ...['1\\n', '\\n', '1\\nkernel.core_pattern=|/x'].map((value): [Record<string, string>, string] => [
    {
      'linux.namespaces': '[{"type":"mount"},{"type":"network"}]',
      'linux.sysctl': `{"net.ipv4.ip_forward":"${value}"}`,
    },
    '18:16: linux.sysctl["net.ipv4.ip_forward"]: a value is one line; remove the line break',
  ]),
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"network"}]', 'linux.sysctl': '{"net.ipv4.ip_forward":1}' },
    '18:16: linux.sysctl["net.ipv4.ip_forward"]: expected a string: got 1',
  ],
  // 41
  [
    { 'linux.seccomp': '{"defaultAction":"SCMP_ACT_BOGUS"}' },
    '22:17: linux.seccomp.defaultAction: unknown seccomp action: got "SCMP_ACT_BOGUS"; use one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY',
  ],
  [{ 'linux.seccomp': '{}' }, '22:5: linux.seccomp.defaultAction: missing, but required'],
  [
    { 'linux.seccomp': '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_Z80"]}' },
    '22:67: linux.seccomp.architectures[0]: unknown seccomp architecture: got "SCMP_ARCH_Z80"; use one of SCMP_ARCH_X86, SCMP_ARCH_X86_64, SCMP_ARCH_X32, SCMP_ARCH_ARM, SCMP_ARCH_AARCH64, SCMP_ARCH_MIPS, SCMP_ARCH_MIPS64, SCMP_ARCH_MIPS64N32, …',
  ],
  [
    { 'linux.seccomp': '{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOGS"]}' },
    '22:59: linux.seccomp.flags[0]: unknown seccomp flag: got "SECCOMP_FILTER_FLAG_LOGS"; use one of SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
  ],
  [
    { 'linux.seccomp': '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_KILL"}]}' },
    '22:63: linux.seccomp.syscalls[0].names: expected at least one element: got []',
  ],
  [
    {
      'linux.seccomp':
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":1,"op":"EQ"}]}]}',
    },
    '22:131: linux.seccomp.syscalls[0].args[0].op: unknown seccomp operator: got "EQ"; use one of SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ',
  ],
  // 42
  [{ 'linux.seccomp': '"x"' }, '22:5: linux.seccomp: expected an object: got "x"'],
  [{ 'linux.seccomp': '[]' }, '22:5: linux.seccomp: expected an object: got []'],
  // 43
  [
    {
      'linux.seccomp':
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_KILL","args":[{"index":9,"value":1,"op":"SCMP_CMP_EQ"}]}]}',
    },
    '22:111: linux.seccomp.syscalls[0].args[0].index: expected an integer from 0 to 5: got 9',
  ],
  [
    {
      'linux.seccomp':
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":99999}]}',
    },
    '22:103: linux.seccomp.syscalls[0].errnoRet: expected an integer from 0 to 65535: got 99999',
  ],
  [
    {
      'linux.seccomp':
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":5000}]}',
    },
    '22:103: linux.seccomp.syscalls[0].errnoRet: expected an error number up to 4095: got 5000',
  ],
  [
    { 'linux.seccomp': '{"defaultAction":"SCMP_ACT_KILL","defaultErrnoRet":1}' },
    '22:49: linux.seccomp.defaultErrnoRet: SCMP_ACT_KILL returns no error number: got 1',
  ],
  [
    { 'linux.seccomp': '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_NOTIFY"}]}' },
    '22:77: linux.seccomp.syscalls[0].action: needs linux.seccomp.listenerPath: got "SCMP_ACT_NOTIFY"',
  ],
  [
    { 'linux.seccomp': '{"defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"x"}' },
    '22:50: linux.seccomp.listenerMetadata: needs listenerPath',
  ],
  // 45
  [
    { 'linux.devices': '[{"type":"q","path":"/dev/x","major":1,"minor":1}]' },
    '22:18: linux.devices[0].type: unknown device type: got "q"; use one of c, b, u, p',
  ],
  [
    { 'linux.devices': '[{"type":"c","path":"/dev/x","major":-1,"minor":1}]' },
    '22:45: linux.devices[0].major: expected an integer from 0 to 4095: got -1',
  ],
  [
    { 'linux.devices': '[{"type":"c","path":"/dev/x","major":1}]' },
    '22:17: linux.devices[0].minor: missing, but type c needs it',
  ],
  [
    { 'linux.devices': '[{"type":"c","path":"/dev/x","major":99999999,"minor":1}]' },
    '22:45: linux.devices[0].major: expected an integer from 0 to 4095: got 99999999',
  ],
  // 46
  [
    { 'linux.devices': '[{"type":"c","path":"/","major":1,"minor":1}]' },
    '22:29: linux.devices[0].path: names no file: got "/"',
  ],
  [
    { 'linux.devices': '[{"type":"c","path":"dev/x","major":1,"minor":1}]' },
    '22:29: linux.devices[0].path: not an absolute path: got "dev/x"; begin it with /',
  ],
  // 47
  [{ 'root.path': '""' }, '4:5: root.path: empty, expected a path: got ""'],
  [
    { 'root.path': '"/"' },
    `4:5: root.path: the host's root cannot be a container's: got "/"; give a directory of its own`,
  ],
  [
    { 'root.path': '"/a/.."' },
    `4:5: root.path: the host's root cannot be a container's: got "/a/.."; give a directory of its own`,
  ],
  // 48
  [
    { 'linux.rootfsPropagation': '"bogus"' },
    '22:5: linux.rootfsPropagation: unknown propagation: got "bogus"; use one of shared, slave, private, unbindable, rshared, rslave, rprivate, runbindable',
  ],
  [
    { 'linux.rootfsPropagation': '"rslav"' },
    '22:5: linux.rootfsPropagation: unknown propagation: got "rslav"; did you mean rslave?',
  ],
  // 49
  [{ mounts: '[{"type":"tmpfs"}]' }, '23:14: mounts[0].destination: missing, but required'],
  [
    { mounts: '[{"destination":"","type":"tmpfs"}]' },
    '23:15: mounts[0].destination: empty, expected an absolute path: got ""',
  ],
  [
    { mounts: '[{"destination":"/x","type":"tmpfs"},{"destination":"/","type":"tmpfs"}]' },
    `23:51: mounts[1].destination: a mount on the root covers all mounts before it: got "/"; put it first`,
  ],
  [
    { mounts: '[{"destination":"/x","type":"tmpfs"},{"destination":"/a/../","type":"tmpfs"}]' },
    `23:51: mounts[1].destination: a mount on the root covers all mounts before it: got "/a/../"; put it first`,
  ],
  // 52
  [
    { mounts: '[{"destination":"/a"}]' },
    '23:14: mounts[0].type: missing, but a mount that is not a bind mount needs one',
  ],
  [
    { mounts: '[{"destination":"/a","options":["rbind"]}]' },
    '23:14: mounts[0].source: missing, but a bind mount needs one',
  ],
  // 53
  [
    { mounts: '[{"destination":"/a","type":"tmpfs","options":[null]}]' },
    '23:60: mounts[0].options[0]: expected a string: got null',
  ],
  // 54
  [
    { mounts: '[{"destination":"/a","type":"none","source":"/b","options":["bind","nosiud"]}]' },
    '23:80: mounts[0].options[1]: not an option of a bind mount: got "nosiud"',
  ],
  // 55
  [
    { mounts: '[{"destination":"/proc/sys/kernel","type":"tmpfs"}]' },
    '23:15: mounts[0].destination: nothing can be mounted there: it is inside of /proc: got "/proc/sys/kernel"',
  ],
  [
    { mounts: '[{"destination":"/proc","type":"tmpfs"}]' },
    '23:37: mounts[0].type: only proc, or a bind mount of one, can be mounted on /proc: got "tmpfs"',
  ],
  [
    { mounts: '[{"destination":"//a/../proc/./acpi/","type":"tmpfs"}]' },
    '23:15: mounts[0].destination: nothing can be mounted there: it is inside of /proc: got "//a/../proc/./acpi/"',
  ],
  // 57
  [
    {
      mounts: '[{"destination":"/a","type":"tmpfs","options":["idmap"]}]',
      'linux.namespaces': '[{"type":"mount"},{"type":"user","path":"/u"}]',
    },
    '19:14: mounts[0]: only a bind mount can have mapped ids',
  ],
  [
    { mounts: '[{"destination":"/a","source":"/b","options":["rbind","ridmap"]}]' },
    '23:67: mounts[0].options[1]: there are no mappings: neither of the mount nor a user namespace: got "ridmap"',
  ],
  [
    {
      mounts:
        '[{"destination":"/a","source":"/b","options":["bind","idmap"],"uidMappings":[{"containerID":0,"hostID":1,"size":1}]}]',
    },
    '23:14: mounts[0].gidMappings: missing: a mount needs mappings of both users and groups',
  ],
  // 58
  [
    { 'linux.maskedPaths': '["proc/kcore"]' },
    '22:21: linux.maskedPaths[0]: not an absolute path: got "proc/kcore"; begin it with /',
  ],
  [{ 'linux.maskedPaths': '["/"]' }, '22:21: linux.maskedPaths[0]: would mask the whole container: got "/"'],
  [{ 'linux.readonlyPaths': '[""]' }, '22:23: linux.readonlyPaths[0]: empty, expected an absolute path: got ""'],
  [
    { 'linux.readonlyPaths': '["/."]' },
    '22:23: linux.readonlyPaths[0]: is the root: got "/."; set root.readonly instead',
  ],
  // 59
  [{ 'linux.maskedPaths': '"x"' }, '22:5: linux.maskedPaths: expected an array of strings: got "x"'],
  // 61
  [
    { 'linux.cgroupsPath': '"/"' },
    `22:5: linux.cgroupsPath: the root cgroup cannot be a container's: got "/"; name a cgroup below it`,
  ],
  [{ 'linux.cgroupsPath': '".."' }, '22:5: linux.cgroupsPath: must not have .. in it: got ".."'],
  [{ 'linux.cgroupsPath': '"/a/../../b"' }, '22:5: linux.cgroupsPath: must not have .. in it: got "/a/../../b"'],
  [
    { 'linux.cgroupsPath': '"./"' },
    `22:5: linux.cgroupsPath: the root cgroup cannot be a container's: got "./"; name a cgroup below it`,
  ],
  // 62
  [
    { 'linux.resources': '{"pids":{"limit":"10"}}' },
    '22:27: linux.resources.pids.limit: expected an integer of signed 64 bits, or -1 for no limit: got "10"; write the number without quotes',
  ],
  [
    { 'linux.resources': '{"memory":{"limit":-5}}' },
    '22:29: linux.resources.memory.limit: expected an integer of signed 64 bits, or -1 for no limit: got -5',
  ],
  [
    { 'linux.resources': '{"memory":{"limit":9223372036854775808}}' },
    '22:29: linux.resources.memory.limit: expected an integer of signed 64 bits, or -1 for no limit: got 9223372036854775808',
  ],
  [
    { 'linux.resources': '{"cpu":{"cpus":"0-"}}' },
    '22:26: linux.resources.cpu.cpus: not a list of numbers: got "0-"; write it as 0-3,7',
  ],
  [
    { 'linux.resources': '{"cpu":{"mems":"3-1"}}' },
    '22:26: linux.resources.cpu.mems: not a list of numbers: got "3-1"; write it as 0-3,7',
  ],
  [
    { 'linux.resources': '{"cpu":{"shares":-1}}' },
    '22:26: linux.resources.cpu.shares: expected an integer of unsigned 64 bits: got -1',
  ],
  [
    { 'linux.resources': '{"cpu":{"quota":1000,"burst":2000}}' },
    '22:39: linux.resources.cpu.burst: greater than the quota 1000: got 2000',
  ],
  [
    { 'linux.resources': '{"memory":{"limit":4095}}' },
    '22:29: linux.resources.memory.limit: less than a page of memory: got 4095; give at least 4096 bytes, or -1 for no limit',
  ],
  [
    { 'linux.resources': '{"memory":{"limit":8192,"swap":5}}' },
    '22:42: linux.resources.memory.swap: less than memory.limit 8192, which it includes: got 5',
  ],
  [
    { 'linux.resources': '{"memory":{"swappiness":101}}' },
    '22:29: linux.resources.memory.swappiness: expected an integer from 0 to 100: got 101',
  ],
  [
    { 'linux.resources': '{"blockIO":{"weightDevice":[{"major":8,"minor":0}]}}' },
    '22:46: linux.resources.blockIO.weightDevice[0]: needs weight or leafWeight',
  ],
  [{ 'linux.resources': '{"rdma":{"mlx":{}}}' }, '22:27: linux.resources.rdma.mlx: needs hcaHandles or hcaObjects'],
  // 63
  [
    { 'linux.resources': '{"unified":{"../x":"1"}}' },
    '22:30: linux.resources.unified["../x"]: not a name of a cgroup file; expected one like memory.high',
  ],
  [
    { 'linux.resources': '{"unified":{"memory.high":1}}' },
    '22:30: linux.resources.unified["memory.high"]: expected a string: got 1',
  ],
  // 64
  [
    { 'linux.resources': '{"hugepageLimits":[{"pageSize":"../../x","limit":1}]}' },
    '22:38: linux.resources.hugepageLimits[0].pageSize: not a size of huge pages: got "../../x"; expected one like 2MB',
  ],
  // 65
  [
    { 'linux.resources': '{"devices":[{"allow":true,"access":"xyz"}]}' },
    '22:44: linux.resources.devices[0].access: expected some of the letters r, w and m: got "xyz"',
  ],
  [
    { 'linux.resources': '{"devices":[{"allow":true,"type":"zz"}]}' },
    '22:44: linux.resources.devices[0].type: unknown device type: got "zz"; use one of a, b, c',
  ],
  [
    { 'linux.resources': '{"devices":[{"allow":true,"access":""}]}' },
    '22:44: linux.resources.devices[0].access: expected some of the letters r, w and m: got ""',
  ],
  [
    { 'linux.resources': '{"devices":[{"access":"r"}]}' },
    '22:30: linux.resources.devices[0].allow: missing, but required',
  ],
  // 67
  [{ hooks: '{"poststop":[{}]}' }, '23:25: hooks.poststop[0].path: missing, but required'],
  [
    { hooks: '{"prestart":[{"path":"bin/x"}]}' },
    '23:26: hooks.prestart[0].path: not an absolute path: got "bin/x"; begin it with /',
  ],
  // 68
  [
    { hooks: '{"prestart":[{"path":"/bin/x","timeout":0}]}' },
    '23:42: hooks.prestart[0].timeout: expected an integer from 1 to 2147483647: got 0',
  ],
  [
    { hooks: '{"prestart":[{"path":"/bin/x","timeout":-1}]}' },
    '23:42: hooks.prestart[0].timeout: expected an integer from 1 to 2147483647: got -1',
  ],
  [
    { hooks: '{"prestart":[{"path":"/bin/x","timeout":"1"}]}' },
    '23:42: hooks.prestart[0].timeout: expected an integer from 1 to 2147483647: got "1"; write the number without quotes',
  ],
  [
    { hooks: '{"prestart":[{"path":"/bin/x","timeout":1.5}]}' },
    '23:42: hooks.prestart[0].timeout: expected an integer from 1 to 2147483647: got 1.5',
  ],
  // 71
  [
    { 'process.scheduler': '{"policy":"SCHED_BOGUS"}' },
    '15:19: process.scheduler.policy: unknown scheduling policy: got "SCHED_BOGUS"; use one of SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE, SCHED_DEADLINE',
  ],
  [
    { 'process.scheduler': '{"policy":"SCHED_FIFO"}' },
    '15:5: process.scheduler.priority: SCHED_FIFO needs a priority from 1 to 99',
  ],
  [
    { 'process.scheduler': '{"policy":"SCHED_OTHER","priority":1}' },
    '15:42: process.scheduler.priority: SCHED_OTHER has no priority: got 1',
  ],
  [
    { 'process.scheduler': '{"policy":"SCHED_DEADLINE","runtime":2,"deadline":1}' },
    '15:5: process.scheduler: SCHED_DEADLINE needs 0 < runtime <= deadline <= period',
  ],
  [
    { 'process.scheduler': '{"policy":"SCHED_BATCH","period":1}' },
    '15:42: process.scheduler.period: only SCHED_DEADLINE has it: got 1',
  ],
  [
    { 'process.scheduler': '{"policy":"SCHED_OTHER","nice":20}' },
    '15:42: process.scheduler.nice: expected an integer from -20 to 19: got 20',
  ],
  [
    { 'process.ioPriority': '{"class":"IOPRIO_CLASS_RT","priority":8}' },
    '15:46: process.ioPriority.priority: expected an integer from 0 to 7: got 8',
  ],
  [
    { 'process.execCPUAffinity': '{"initial":"x"}' },
    '15:25: process.execCPUAffinity.initial: not a list of numbers: got "x"; write it as 0-3,7',
  ],
  [
    { 'process.execCPUAffinity': '{"final":"0-3:3/2"}' },
    '15:25: process.execCPUAffinity.final: not a list of numbers: got "0-3:3/2"; write it as 0-3,7',
  ],
  [
    { 'process.execCPUAffinity': '{"final":"0-7:1/0"}' },
    '15:25: process.execCPUAffinity.final: not a list of numbers: got "0-7:1/0"; write it as 0-3,7',
  ],
  [
    { 'process.execCPUAffinity': '{"final":"0,8192"}' },
    '15:25: process.execCPUAffinity.final: a number is greater than 8191, the highest that Linux has: got "0,8192"',
  ],
  [
    { 'linux.personality': '{"domain":"LINUX64"}' },
    '22:21: linux.personality.domain: unknown execution domain: got "LINUX64"; use LINUX or LINUX32',
  ],
  [
    { 'linux.personality': '{"domain":"LINUX","flags":["X"]}' },
    '22:47: linux.personality.flags[0]: unknown personality flag: got "X"; the specification has none',
  ],
  [
    { 'linux.memoryPolicy': '{"mode":"MPOL_BOGUS"}' },
    '22:22: linux.memoryPolicy.mode: unknown memory policy: got "MPOL_BOGUS"; use one of MPOL_DEFAULT, MPOL_BIND, MPOL_INTERLEAVE, MPOL_WEIGHTED_INTERLEAVE, MPOL_PREFERRED, MPOL_PREFERRED_MANY, MPOL_LOCAL',
  ],
  [
    { 'linux.memoryPolicy': '{"mode":"MPOL_BIND"}' },
    '22:5: linux.memoryPolicy.nodes: missing, but MPOL_BIND needs them',
  ],
  [
    { 'linux.memoryPolicy': '{"mode":"MPOL_BIND","nodes":"0-1024"}' },
    '22:41: linux.memoryPolicy.nodes: a number is greater than 1023, the highest that Linux has: got "0-1024"',
  ],
  [
    {
      'linux.memoryPolicy': '{"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES","MPOL_F_RELATIVE_NODES"]}',
    },
    '22:53: linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other',
  ],
  [
    { 'linux.memoryPolicy': '{"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_BOGUS"]}' },
    '22:62: linux.memoryPolicy.flags[0]: unknown memory policy flag: got "MPOL_F_BOGUS"; use one of MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES, MPOL_F_STATIC_NODES',
  ],
  [
    { 'linux.memoryPolicy': '{"mode":"MPOL_LOCAL","nodes":"0"}' },
    '22:42: linux.memoryPolicy.nodes: MPOL_LOCAL has no nodes: got "0"',
  ],
  [
    { 'linux.intelRdt': '{"closID":"../x"}' },
    '22:18: linux.intelRdt.closID: not a name of a class of service: got "../x"',
  ],
  [
    { 'linux.intelRdt': '{"memBwSchema":"L3:0=f"}' },
    '22:18: linux.intelRdt.memBwSchema: expected one line, begun with the letters MB and a colon: got "L3:0=f"',
  ],
  [{ 'linux.intelRdt': '{"schemata":["a\\nb"]}' }, '22:30: linux.intelRdt.schemata[0]: must be one line: got "a\\nb"'],
  // 72
  [{ annotations: '{"a":1}' }, '23:19: annotations.a: expected a string: got 1'],
  [{ annotations: '{"":"x"}' }, '23:19: annotations[""]: a key must not be empty: got "x"'],
  // 73
  [{ annotations: '{"a":null}' }, '23:19: annotations.a: expected a string: got null'],
  // 74
  [
    { 'linux.netDevices': '{"eth0":{}}' },
    '22:5: linux.netDevices: needs a network namespace; add {"type": "network"} to linux.namespaces',
  ],
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"network"}]', 'linux.netDevices': '{"lo":{}}' },
    '18:20: linux.netDevices.lo: the loopback device cannot be moved',
  ],
  [
    { 'linux.namespaces': '[{"type":"mount"},{"type":"network"}]', 'linux.netDevices': '{"lo/x":{}}' },
    '18:20: linux.netDevices["lo/x"]: not a name of a network device',
  ],
  [
    {
      'linux.namespaces': '[{"type":"mount"},{"type":"network"}]',
      'linux.netDevices': '{"eth0":{"name":"0123456789012345"}}',
    },
    '18:28: linux.netDevices.eth0.name: not a name of a network device: got "0123456789012345"; use at most 15 characters without / and :',
  ],
];

describe('bad values are refused in one line', () => {
  it.each(BAD)('%j', (edits, message) => {
    expect(messageOf(baseWith(edits))).toBe(`config.json:${message}`);
  });
});

/** Texts that are not a JSON object, whole. */
const NOT_JSON: [string | number[], string][] = [
  // 1
  ['', '1:1: the file is empty; expected a JSON object'],
  ['null', '1:1: expected an object: got null'],
  ['[]', '1:1: expected an object: got []'],
  ['"x"', '1:1: expected an object: got "x"'],
  ['{}', '1:1: ociVersion: missing, but required'],
  // 2
  ['{"ociVersion": "1.3.0", "root"', "1:31: the text ends too early, expected ':'"],
  ['{"ociVersion": "1.3.0"}\ngarbage', '2:1: unexpected garbage, expected the end of the file'],
  ['{"ociVersion": "1.3.0"}}', "1:24: unexpected '}', expected the end of the file"],
  // 3
  [[0xef, 0xbb, 0xbf, 0x7b, 0x7d], '1:1: the text begins with a byte order mark; save the file as UTF-8 without BOM'],
  [[0xff, 0xfe, 0x7b, 0x00], '1:1: the text is UTF-16 or UTF-32, expected UTF-8; save the file as UTF-8'],
  [[0x7b, 0x00, 0x7d, 0x00], '1:1: the text is UTF-16 or UTF-32, expected UTF-8; save the file as UTF-8'],
  // 4
  [[0x7b, 0x0a, 0x22, 0xff, 0x22], '2:2: the text is not valid UTF-8; save the file as UTF-8'],
  ['{"hostname": "\\ud800"}', '1:15: lone surrogate \\ud800 in a string'],
  // 5
  ['{"process": {"cwd": "/", "cwd": "/tmp"}}', '1:26: process.cwd: the property is given twice'],
  // 6
  ['{"a": 1, // no\n}', '1:10: unexpected comment; JSON has no comments'],
  ['{"a": [1,]}', "1:10: trailing comma; remove the comma before ']'"],
  ['{"a": NaN}', '1:7: unexpected NaN, expected a value'],
  // 7
  [`{"a": ${'['.repeat(100_000)}`, '1:1006: nested deeper than 1000 levels'],
];

describe('what is not JSON is refused in one line', () => {
  it.each(NOT_JSON)('%#', (text, message) => {
    expect(messageOf(text)).toBe(`config.json:${message}`);
  });
});

describe('sizes', () => {
  it('refuses more ids than the kernel takes', () => {
    const groups = JSON.stringify(Array.from({ length: 70_000 }, (_, id) => id));
    expect(messageOf(baseWith({ 'process.user.additionalGids': groups }))).toBe(
      'config.json:10:7: process.user.additionalGids: has 70000 elements, expected at most 65536',
    );
    const mappings = JSON.stringify(Array.from({ length: 400 }, (_, id) => ({ containerID: id, hostID: id, size: 1 })));
    expect(messageOf(baseWith(idMaps(mappings)))).toBe(
      'config.json:18:5: linux.uidMappings: has 400 entries, expected at most 340',
    );
  });

  it('refuses a path that is too long, and shows the beginning of it', () => {
    const long = `"/${'x'.repeat(6000)}"`;
    const problem = `longer than the 4095 bytes that a path may have: got "/${'x'.repeat(63)}…"`;
    expect(messageOf(baseWith({ 'process.cwd': long }))).toBe(`config.json:14:5: process.cwd: ${problem}`);
    expect(messageOf(baseWith({ mounts: `[{"destination":${long},"type":"tmpfs"}]` }))).toBe(
      `config.json:23:15: mounts[0].destination: ${problem}`,
    );
    expect(messageOf(baseWith({ 'linux.cgroupsPath': `"/${'a/'.repeat(2100)}"` }))).toMatch(/longer than 4096 bytes/);
  });

  it('takes 2000 mounts and an annotation of 50 MB', () => {
    const mount = (_: unknown, index: number) => ({ destination: `/m${index}`, type: 'tmpfs', source: 'tmpfs' });
    const mounts = JSON.stringify(Array.from({ length: 2000 }, mount));
    expect(messageOf(baseWith({ mounts }))).toBeUndefined();
    expect(messageOf(baseWith({ annotations: `{"a":"${'x'.repeat(50_000_000)}"}` }))).toBeUndefined();
  });

  it('comes to an end on values made to be slow', () => {
    for (const part of ['a', '.', '/', '-', '0', '0,', '../', 'a.', '=', 'CAP_', '\\u0000', 'é']) {
      const value = `"${part.repeat(50_000)}"`;
      for (const property of [
        'ociVersion',
        'hostname',
        'domainname',
        'process.cwd',
        'root.path',
        'linux.cgroupsPath',
      ]) {
        messageOf(baseWith({ [property]: value }));
      }
      for (const edits of [
        { 'linux.sysctl': `{${value}:"1"}` },
        { 'linux.resources': `{"unified":{${value}:"1"}}` },
        { 'linux.resources': `{"cpu":{"cpus":${value}}}` },
        { 'linux.resources': `{"hugepageLimits":[{"pageSize":${value},"limit":1}]}` },
        { mounts: `[{"destination":${value},"type":"tmpfs","options":[${value}]}]` },
        { 'process.env': `[${value}]`, 'process.capabilities': `{"bounding":[${value}]}` },
        { annotations: `{${value}:${value}}`, x: `{${value}:${value}}` },
      ]) {
        if (messageOf(baseWith(edits)) === undefined) warningsOf(baseWith(edits));
      }
    }
  }, 60_000);
});

describe('names with a meaning to JavaScript are plain names', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s', (name) => {
    const text = baseWith({
      [name]: '{"polluted":1}',
      'linux.sysctl': `{"${name}":"1"}`,
      annotations: `{"${name}":"1"}`,
    });
    expect(messageOf(text)).toMatch(`linux.sysctl.${name}: not a name of a kernel parameter`);
    expect(warningsOf(baseWith({ [name]: '{}' }))).toEqual([`config.json:23:3: ${name}: unknown property, ignored`]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('messages', () => {
  it('are one line without control characters, whatever the values hold', () => {
    const nasty = '\\u001b[31m\\n\\r\\u009b\\u202e\\u2028';
    for (const edits of [
      { 'linux.rootfsPropagation': `"${nasty}"` },
      { 'process.cwd': `"${nasty}"` },
      { 'linux.sysctl': `{"${nasty}":"1"}` },
    ]) {
      const message = messageOf(baseWith(edits));
      expect(message).toMatch(/^[\x20-\x7e…]*$/);
      expect(message).toContain('\\u001b[31m\\n\\u000d\\u009b\\u202e\\u2028');
    }
  });

  it('cut a value at 64 bytes, between characters', () => {
    const message = messageOf(baseWith({ 'linux.rootfsPropagation': `"${'é'.repeat(40)}"` }));
    expect(message).toContain(`got "${'é'.repeat(32)}…";`);
  });
});
