/** Flags of a filter: what the kernel is asked for, since few of them change anything that a program sees. */
import { existsSync, readFileSync } from 'node:fs';
import { args, linux } from './harness/config.ts';
import { hostToolPath } from './harness/places.ts';
import { call, runtime, start } from './harness/runtime.ts';
import { syscall } from './harness/seccomp.ts';
import { describe, expect, test } from './harness/test.ts';

const strace = '/usr/bin/strace';

/** linux/seccomp.h */
const bits = { TSYNC: 1, LOG: 2, SPEC_ALLOW: 4, NEW_LISTENER: 8, TSYNC_ESRCH: 16, WAIT_KILLABLE_RECV: 32 };
type Flag = keyof typeof bits;

describe('flags of seccomp(2)', () => {
  test.for<[given: Flag[], action: string, asked: Flag[]]>([
    [[], 'ERRNO', []],
    [['TSYNC'], 'ERRNO', ['TSYNC']],
    [['LOG'], 'ERRNO', ['LOG']],
    [['SPEC_ALLOW'], 'ERRNO', ['SPEC_ALLOW']],
    [['TSYNC', 'LOG', 'SPEC_ALLOW'], 'ERRNO', ['TSYNC', 'LOG', 'SPEC_ALLOW']],
    [[], 'NOTIFY', ['NEW_LISTENER']],
    [['TSYNC'], 'NOTIFY', ['TSYNC', 'NEW_LISTENER', 'TSYNC_ESRCH']],
    [['WAIT_KILLABLE_RECV', 'LOG'], 'NOTIFY', ['LOG', 'NEW_LISTENER', 'WAIT_KILLABLE_RECV']],
    [['WAIT_KILLABLE_RECV'], 'ERRNO', []],
  ])('%j of a profile with SCMP_ACT_%s are %j', async ([given, action, asked], { lab, skip }) => {
    skip(!existsSync(strace), 'there is no strace');
    const listenerPath = lab.path('agent');
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      flags: given.map((name) => `SECCOMP_FILTER_FLAG_${name}`),
      syscalls: [{ names: ['getpgid'], action: `SCMP_ACT_${action}` }],
      ...(action === 'NOTIFY' ? { listenerPath } : {}),
    };
    const agent = start([hostToolPath, 'agent', listenerPath, 'x'], { timeout: 20 });
    await new Promise((resolve) => agent.stdout?.once('data', resolve));
    const { dir } = lab.bundle(linux({ seccomp }), args('status=Seccomp,Seccomp_filters'));
    const trace = lab.path('trace');
    const line = runtime(lab.root, 'run', '--bundle', dir, lab.id());
    const result = await call([strace, '-f', '-qq', '-X', 'raw', '-e', 'trace=seccomp', '-o', trace, ...line]);
    expect(result.expectCode(0).facts.of('status')).toMatchObject({ Seccomp: '2', Seccomp_filters: '1' });
    agent.kill();
    const [, flags] = /seccomp\((?:0x)?1, (\w+), \{len=/.exec(readFileSync(trace, 'utf8')) ?? [];
    expect(Number(flags)).toBe(asked.reduce((sum, name) => sum | bits[name], 0));
  });
});

test('with WAIT_KILLABLE_RECV a signal does not interrupt a call that an agent has been asked about', async ({
  lab,
}) => {
  const listenerPath = lab.path('agent');
  const seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],
    syscalls: [{ names: ['getpgid'], action: 'SCMP_ACT_NOTIFY' }],
    listenerPath,
  };
  const agent = start([hostToolPath, 'agent', listenerPath, 'x', '10'], { timeout: 20 });
  await new Promise((resolve) => agent.stdout?.once('data', resolve));
  const facts = await lab.facts(linux({ seccomp }), args('handle=10', syscall('getpgid', 0), 'handled'));
  expect([facts.of('syscall'), facts.of('handled').count]).toMatchObject([{ errno: '', value: 4242 }, 1]);
  await agent;
});

test('one without effect is warned of', async ({ lab }) => {
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] };
  const result = await lab.run([linux({ seccomp }), args('exit=0')], { global: ['--log-level', 'warning'] });
  expect(result.expectCode(0).stderr).toMatch(
    /warning: linux\.seccomp\.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: no effect without a rule of SCMP_ACT_NOTIFY/,
  );
});
