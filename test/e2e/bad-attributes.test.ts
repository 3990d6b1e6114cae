/**
 * Bad input for what a process is and may do: seccomp, scheduling and placement, labels, and the command line of exec. One line that
 * names the property or the flag, and nothing left.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { literally, theLine } from './harness/bad-input.ts';
import { args, namespace, type Part, set } from './harness/config.ts';
import { cgroupMount, cgroupOf } from './harness/kernel.ts';
import { describe, expect, test } from './harness/test.ts';

/** The property that is named, its parts, and what is said of it. */
type Row = [property: string, value: unknown, said: RegExp, at?: string, ...more: Part[]];

const allow = (more: object): object => ({ defaultAction: 'SCMP_ACT_ALLOW', ...more });
const entry = (more: object): object => allow({ syscalls: [{ names: ['getcwd'], action: 'SCMP_ACT_ERRNO', ...more }] });
const condition = (more: object): object => entry({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ', ...more }] });
const first = 'linux.seccomp.syscalls[0]';
const S = 'linux.seccomp';

const rows: Row[] = [
  // seccomp
  [S, 'strict', /expected an object/],
  [S, {}, /defaultAction: missing, but required/],
  [S, { defaultAction: 'SCMP_ACT_DENY' }, /unknown seccomp action: got "SCMP_ACT_DENY"/, `${S}.defaultAction`],
  [S, { defaultAction: 'SCMP_ACT_NOTIFY', listenerPath: '/l' }, /SCMP_ACT_NOTIFY/, `${S}.defaultAction`],
  [S, { defaultAction: 'SCMP_ACT_KILL', defaultErrnoRet: 1 }, /returns no error number/, `${S}.defaultErrnoRet`],
  [S, allow({ architectures: ['SCMP_ARCH_Z80'] }), /unknown seccomp architecture/, `${S}.architectures[0]`],
  [S, allow({ architectures: ['x86_64'] }), /unknown seccomp architecture/, `${S}.architectures[0]`],
  [S, allow({ flags: ['SECCOMP_FILTER_FLAG_NEW_LISTENER'] }), /unknown seccomp flag/, `${S}.flags[0]`],
  [S, allow({ listenerMetadata: 'x' }), /needs listenerPath/, `${S}.listenerMetadata`],
  [S, entry({ action: 'SCMP_ACT_NOTIFY' }), /needs linux\.seccomp\.listenerPath/, `${first}.action`],
  [
    S,
    allow({ listenerPath: '/l', syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_NOTIFY' }] }),
    /write/,
    first,
  ],
  [S, allow({ syscalls: {} }), /expected an array/, `${S}.syscalls`],
  [S, entry({ names: [] }), /at least one element/, `${first}.names`],
  [S, entry({ names: [''] }), /the name of a system call/, `${first}.names[0]`],
  [S, entry({ names: 'getcwd' }), /expected an array/, `${first}.names`],
  [S, entry({ names: [79] }), /expected a string/, `${first}.names[0]`],
  [S, entry({ names: ['get\0cwd'] }), /NUL/, `${first}.names[0]`],
  [S, entry({ action: 'ERRNO' }), /unknown seccomp action: got "ERRNO"/, `${first}.action`],
  [S, entry({ action: 'SCMP_ACT_TRAP', errnoRet: 1 }), /returns no error number/, `${first}.errnoRet`],
  [S, entry({ errnoRet: 65_536 }), /from 0 to 65535/, `${first}.errnoRet`],
  [S, entry({ errnoRet: 4096 }), /up to 4095/, `${first}.errnoRet`],
  [S, entry({ errnoRet: 'EPERM' }), /expected an integer/, `${first}.errnoRet`],
  [S, condition({ index: 6 }), /from 0 to 5: got 6/, `${first}.args[0].index`],
  [S, condition({ index: -1 }), /from 0 to 5: got -1/, `${first}.args[0].index`],
  [S, condition({ value: -1 }), /unsigned 64 bits: got -1/, `${first}.args[0].value`],
  [S, condition({ value: '1' }), /without quotes/, `${first}.args[0].value`],
  [S, condition({ op: '==' }), /unknown seccomp operator: got "=="/, `${first}.args[0].op`],
  [S, condition({ op: undefined }), /missing/, `${first}.args[0].op`],
  // scheduling
  ['process.scheduler', { policy: 'SCHED_FAIR' }, /unknown scheduling policy/, 'process.scheduler.policy'],
  ['process.scheduler', { policy: 'SCHED_FIFO', priority: 0 }, /priority from 1 to 99/],
  ['process.scheduler', { policy: 'SCHED_OTHER', priority: 5 }, /has no priority/],
  ['process.scheduler', { policy: 'SCHED_OTHER', nice: -21 }, /from -20 to 19/, 'process.scheduler.nice'],
  ['process.scheduler', { policy: 'SCHED_DEADLINE', runtime: 5, deadline: 4, period: 9 }, /runtime <= deadline/],
  ['process.scheduler', { policy: 'SCHED_IDLE', flags: ['FAST'] }, /flag/, 'process.scheduler.flags[0]'],
  ['process.ioPriority', { class: 'IOPRIO_CLASS_NONE', priority: 0 }, /class/, 'process.ioPriority.class'],
  ['process.ioPriority', { class: 'IOPRIO_CLASS_RT', priority: 8 }, /from 0 to 7/, 'process.ioPriority.priority'],
  ['process.execCPUAffinity', { initial: '1-' }, /list of numbers/, 'process.execCPUAffinity.initial'],
  ['process.execCPUAffinity', { final: '9000' }, /8191/, 'process.execCPUAffinity.final'],
  ['linux.memoryPolicy', { mode: 'MPOL_EVERYWHERE' }, /unknown memory policy/, 'linux.memoryPolicy.mode'],
  ['linux.memoryPolicy', { mode: 'MPOL_BIND' }, /needs them/, 'linux.memoryPolicy.nodes'],
  ['linux.memoryPolicy', { mode: 'MPOL_LOCAL', nodes: '0' }, /has no nodes/, 'linux.memoryPolicy.nodes'],
  ['linux.personality', { domain: 'BSD' }, /unknown execution domain/, 'linux.personality.domain'],
  ['linux.personality', { domain: 'LINUX', flags: ['X'] }, /unknown personality flag/, 'linux.personality.flags[0]'],
  // labels, classes, network devices
  ['process.apparmorProfile', 'a\0b', /NUL/],
  ['process.apparmorProfile', 1, /expected a string/],
  ['process.selinuxLabel', ['x'], /expected a string/],
  ['linux.mountLabel', {}, /expected a string/],
  ['linux.intelRdt', { closID: '../x' }, /class of service/, 'linux.intelRdt.closID'],
  ['linux.intelRdt', { memBwSchema: 'L3:0=f' }, /MB and a colon/, 'linux.intelRdt.memBwSchema'],
  ['linux.intelRdt', { l3CacheSchema: 'f' }, /such as L3:0=f/, 'linux.intelRdt.l3CacheSchema'],
  ['linux.netDevices', { lo: {} }, /loopback/, 'linux.netDevices.lo'],
  ['linux.netDevices', { 'a/b': {} }, /name/, 'linux.netDevices["a/b"]'],
];

describe('the configuration', () => {
  test.for(rows)('%s %j', async ([property, value, said, at = property, ...more], { lab }) => {
    const bundle = lab.bundle(set(property, value), ...more);
    const { result, pidFile } = await lab.tryCreate(bundle);
    const line = theLine(result);
    expect(line).toMatch(
      new RegExp(`^tsrun: ${literally(join(bundle.dir, 'config.json'))}:\\d+:\\d+: ${literally(at)}`),
    );
    expect(line).toMatch(said);
    expect(existsSync(pidFile)).toBe(false);
    expect(lab.leftovers()).toEqual([]);
  });

  test('a value of more than 64 bits', async ({ lab }) => {
    const bundle = lab.bundle(set(S, condition({ value: 'HERE' })), ({ edits }) => {
      edits.push((json) => json.replace('"HERE"', '18446744073709551616'));
    });
    const { result } = await lab.tryCreate(bundle);
    expect(theLine(result)).toMatch(/syscalls\[0\]\.args\[0\]\.value: .*got 18446744073709551616/);
  });
});

describe('what only the machine can refuse', () => {
  const hasAppArmor = existsSync('/sys/kernel/security/apparmor');
  const hasSelinux = existsSync('/sys/fs/selinux');
  test.for<[property: string, value: unknown, said: RegExp, isElsewhere?: boolean, ...more: Part[]]>([
    [S, allow({ architectures: ['SCMP_ARCH_MIPS'] }), /architectures\[0\]: SCMP_ARCH_MIPS has another byte order/],
    [
      S,
      allow({ listenerPath: '/no/such', syscalls: [{ names: ['getcwd'], action: 'SCMP_ACT_NOTIFY' }] }),
      /listenerPath: the socket "\/no\/such" does not exist/,
    ],
    [
      S,
      allow({ listenerPath: 'relative', syscalls: [{ names: ['getcwd'], action: 'SCMP_ACT_NOTIFY' }] }),
      /listenerPath: the socket "\/.*\/bundle1\/relative" does not exist/,
    ],
    [S, { defaultAction: 'SCMP_ACT_KILL' }, /the profile refuses write/],
    ['process.apparmorProfile', 'p', /process\.apparmorProfile: "p" .*AppArmor is not enabled/, hasAppArmor],
    ['process.selinuxLabel', 'a:b:c', /process\.selinuxLabel: "a:b:c" .*SELinux is not enabled/, hasSelinux],
    ['linux.mountLabel', 'a:b:c', /linux\.mountLabel: "a:b:c" .*SELinux is not enabled/, hasSelinux],
    ['linux.memoryPolicy', { mode: 'MPOL_BIND', nodes: '1000' }, /linux\.memoryPolicy/],
    [
      'linux.netDevices',
      { 'no-such0': {} },
      /linux\.netDevices.*(no-such0|CAP_NET_ADMIN)/,
      false,
      namespace('network'),
    ],
  ])('%s %j', async ([property, value, said, isElsewhere = false, ...more], { lab, skip }) => {
    skip(isElsewhere, 'this machine has the module');
    const { result } = await lab.tryCreate(lab.bundle(set(property, value), ...more));
    expect(theLine(result)).toMatch(said);
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('exec', () => {
  test.for<[flags: string[], said: RegExp]>([
    [['--user', '4294967296'], /--user.*4294967296/],
    [['--user', '-1'], /--user/],
    [['--user', '1e3'], /--user.*1e3/],
    [['--user', '0x10'], /--user.*0x10/],
    [['--user', 'root'], /--user.*root/],
    [['--user', '1:'], /--user/],
    [['--additional-gids', '-1'], /--additional-gids/],
    [['--cap', 'CAP_BOGUS'], /--cap.*CAP_BOGUS/],
    [['--env', 'A'], /--env.*"A"/],
    [['--cwd', 'relative'], /--cwd.*absolute|cwd/],
    [['--preserve-fds', '1e3'], /--preserve-fds/],
    [['--cgroup', '../x'], /--cgroup/],
    [['--cgroup', 'cpu:'], /--cgroup/],
    [['--no-new-privs=maybe'], /--no-new-privs/],
    [['--bogus'], /--bogus/],
    [['--tty', '--detach'], /--console-socket/],
  ])('%j', async ([flags, said], { lab }) => {
    const container = await lab.started([args('pause')]);
    const pidFile = lab.path('exec.pid');
    const line = theLine(await lab.exec(container, ['pass'], { flags: [...flags, '--pid-file', pidFile] }), 255);
    expect(line).toMatch(said);
    expect(existsSync(pidFile)).toBe(false);
    expect(readFileSync(join(cgroupMount, cgroupOf(container.pid), 'cgroup.procs'), 'utf8')).toBe(`${container.pid}\n`);
  });

  test.for<[change: object, said: RegExp]>([
    [{ scheduler: { policy: 'SCHED_FAIR' } }, /scheduler\.policy: unknown scheduling policy/],
    [{ ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 9 } }, /ioPriority\.priority/],
    [{ execCPUAffinity: { initial: 'x' } }, /execCPUAffinity\.initial/],
    [{ oomScoreAdj: 5000 }, /oomScoreAdj/],
    [{ capabilities: { bounding: 'CAP_KILL' } }, /capabilities\.bounding/],
    [{ apparmorProfile: 5 }, /apparmorProfile/],
  ])('--process with %j', async ([change, said], { lab }) => {
    const container = await lab.started([args('pause')]);
    const path = lab.path('process.json');
    writeFileSync(path, JSON.stringify({ args: ['/guest'], cwd: '/', user: { uid: 0, gid: 0 }, ...change }));
    const line = theLine(await lab.tsrun(['exec', '--process', path, container.id]), 255);
    expect(line).toMatch(new RegExp(`^tsrun: ${literally(path)}:\\d+:\\d+: `));
    expect(line).toMatch(said);
  });
});
