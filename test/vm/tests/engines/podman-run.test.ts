/** `podman run` of root's, each time with crun and with tsrun: its exit statuses, namespaces, cgroups and hooks. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { namespaceKinds, namespaceOf } from '../../../e2e/harness/kernel.ts';
import { patiently, seen, useEngines } from '../../podman.ts';

const engines = useEngines();

describe('the exit status', patiently, () => {
  test.for([
    ['of a program that is not there', ['/no/such/program'], 127],
    ['of a name that is not there', ['no-such-name'], 127],
    ['of a file that may not be executed', ['/etc/passwd'], 126],
    ['of a directory', ['/etc'], 126],
    ['of a program that fails', ['sh', '-c', 'exit 125'], 125],
  ] as const)('%s', async ([, words, code]) => {
    const result = await engines.alike(async (podman) =>
      seen(await podman.do('run', '--rm', '--network', 'none', 'bb', ...words)),
    );
    expect(result).toMatchObject({ code, stdout: '' });
  });
});

describe('namespaces', patiently, () => {
  const links = `for n in ${namespaceKinds.join(' ')}; do readlink /proc/self/ns/$n; done`;
  const namespaces = (output: string) =>
    Object.fromEntries(namespaceKinds.map((kind, at) => [kind, output.split('\n')[at]]));

  test('those of the host', async () => {
    const result = await engines.alike(async (podman) => {
      const options = ['pid', 'ipc', 'uts', 'cgroupns'].map((name) => `--${name}=host`);
      const ended = await podman.do('run', '--rm', '--network=host', ...options, 'bb', 'sh', '-c', links);
      const own = namespaces(ended.stdout);
      const shared = namespaceKinds.filter((kind) => own[kind] === namespaceOf('self', kind));
      return { code: ended.code, stderr: ended.stderr, shared };
    });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.shared).toEqual(expect.arrayContaining(['pid', 'ipc', 'uts', 'net', 'cgroup', 'user']));
    expect(result.shared).not.toContain('mnt');
  });

  test('those of another container', async () => {
    await engines.alike(async (podman) => {
      await podman.detached('first', ['--ipc', 'shareable'], 'exec sleep 1000');
      const pid = Number(await podman.inspect('first', '{{.State.Pid}}'));
      const options = ['pid', 'ipc', 'network'].map((name) => `--${name}=container:first`);
      const result = await podman.do('run', '--rm', ...options, 'bb', 'sh', '-c', `${links}; cat /proc/1/comm`);
      const own = namespaces(result.expectCode(0).stdout);
      const shared = namespaceKinds.filter((kind) => own[kind] === namespaceOf(pid, kind));
      expect(shared).toEqual(expect.arrayContaining(['ipc', 'net', 'pid']));
      (await podman.do('rm', '--force', '--time', '0', 'first')).expectCode(0);
      return { shared, stderr: result.stderr, comm: result.stdout.trim().split('\n').at(-1) };
    });
  });
});

describe('cgroups', patiently, () => {
  test('none, and without one for conmon', async () => {
    const facts = await engines.alike(async (podman) => ({
      without: seen(await podman.sh(['--cgroups', 'disabled'], 'wc -l < /proc/self/cgroup; echo ran')),
      conmonless: seen(
        await podman.sh(['--cgroups', 'no-conmon', '--cgroup-parent', 'own.slice'], 'cat /proc/self/cgroup'),
      ),
    }));
    expect(facts.without).toEqual({ code: 0, stdout: '1\nran\n', stderr: '' });
    expect(facts.conmonless).toEqual({ code: 0, stdout: '0::/\n', stderr: '' });
  });
});

describe('--hooks-dir', patiently, () => {
  test('the first hook that fails is the end', async () => {
    const { result } = await engines.alike(async (podman) => {
      const hooks = podman.directory('failing');
      const hook = { path: '/bin/sh', args: ['sh', '-c', 'exit 3'] };
      const text = JSON.stringify({ version: '1.0.0', hook, when: { always: true }, stages: ['prestart'] });
      writeFileSync(join(hooks, 'failing.json'), text);
      return { result: seen(await podman.do('--hooks-dir', hooks, 'run', '--rm', '--network', 'none', 'bb', 'true')) };
    });
    expect(result).toMatchObject({ code: 126, stdout: '' });
  });
});
