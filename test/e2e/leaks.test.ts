/** Nothing is left: counted in namespaces of the test's own, where no other test disturbs the count. */
import { args, command, hook, set, tmpfs, userNamespace, withoutNamespace } from './harness/config.ts';
import { cgroupMount } from './harness/kernel.ts';
import { guestPath } from './harness/places.ts';
import { call, runtime } from './harness/runtime.ts';
import { expect, test } from './harness/test.ts';

/** Prints what there is of each kind, one count a line; `$1` is the state root, `$2` what the ids begin with. */
const count = `count() {
  echo "mounts $(wc -l < /proc/self/mountinfo)"
  echo "cgroups $(find ${cgroupMount} -type d -name "*$2*" | wc -l)"
  echo "namespaces $(readlink /proc/[0-9]*/ns/* | sort -u | wc -l)"
  echo "files under /run $(find /run | wc -l)"
  echo "states $(find "$1" -mindepth 1 2> /dev/null | wc -l)"
  echo "ipc $(cat /proc/sysvipc/msg /proc/sysvipc/sem /proc/sysvipc/shm | wc -l)"
  echo "shared memory $(find /dev/shm /dev/mqueue | wc -l)"
  echo "network namespaces $(ls /run/netns 2> /dev/null | wc -l)"
  # By this shell alone: a pipe's processes would count themselves, or not yet.
  set -- /proc/[0-9]*
  echo "processes $#"
}`;

test('mounts, cgroups, processes, namespaces, files under /run, ipc objects: as before', async ({ lab }) => {
  const lives: [string[], ReturnType<typeof lab.bundle>][] = [
    ['run', lab.bundle(args('exit=0'))],
    ['run', lab.bundle(userNamespace(), tmpfs('/data'), args('children=3', 'exit=1'))],
    ['run', lab.bundle(withoutNamespace('pid'), args(`daemon=/pid`, 'exit=0'))],
    ['run', lab.bundle(hook('createRuntime', { path: guestPath, args: ['guest', 'exit=1'] }))],
    ['run', lab.bundle(hook('poststop', { path: guestPath, args: ['guest', 'exit=1'] }), args('exit=0'))],
    ['run', lab.bundle(command('/no/such/program'))],
    ['run', lab.bundle(set('root.path', 'nothing'))],
    ['create', lab.bundle(set('process.cwd', 'relative'))],
    ['create', lab.bundle(args('pause'))],
    ['run --detach', lab.bundle(args('children=2', 'pause'))],
  ].map(([verb, bundle]) => [String(verb).split(' '), bundle as ReturnType<typeof lab.bundle>]);
  const prefix = lab.id();
  const quoted = (line: string[]) => line.map((word) => `'${word}'`).join(' ');
  const script = [
    'mount -t tmpfs none /run && mount -t tmpfs none /dev/shm',
    count,
    'count "$@"; echo --',
    ...lives.map(
      ([verb, { dir }], index) =>
        `${quoted(runtime(lab.root, ...verb, '--bundle', dir, `${prefix}-${index}`))} > /dev/null 2>&1 < /dev/null`,
    ),
    ...lives.map((_, index) => `${quoted(runtime(lab.root, 'delete', '--force', `${prefix}-${index}`))}`),
    // Processes that were killed are reaped by this shell, pid 1, between its commands.
    'sleep 0.2',
    'count "$@"',
  ].join('\n');
  const result = await call([
    ...[
      '/usr/bin/unshare',
      '--mount',
      '--pid',
      '--ipc',
      '--uts',
      '--net',
      '--fork',
      '--mount-proc',
      '--propagation',
      'private',
    ],
    ...['/bin/sh', '-c', script, '_', lab.root, prefix],
  ]);
  expect([result.code, result.stderr]).toEqual([0, '']);
  const [before, after] = result.stdout.split('--\n');
  expect(after).toBe(before);
  expect(before).toContain('cgroups 0');
});
