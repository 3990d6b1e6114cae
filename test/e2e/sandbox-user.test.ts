/** `sandbox` of a caller without privileges: see rootless.sh. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { files, installGuest, TestLayout, tar } from './harness/images.ts';
import type { Lab } from './harness/lab.ts';
import { caller } from './harness/places.ts';
import { SUBORDINATE } from './harness/rootless.ts';
import { defaultEnvironment } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

const uid = caller ?? 0;

/** Runs a shell command in a sandbox, which has to succeed without a word of complaint; what it printed, in words. */
async function said(lab: Lab, flags: readonly string[], script: string): Promise<string[]> {
  const result = await lab.tsrun(['sandbox', '--name', lab.id(), ...flags, '--', 'sh', '-ec', script]);
  expect(result.stderr).toBe('');
  expect(lab.leftovers()).toEqual([]);
  return result.expectCode(0).stdout.trim().split(/\s+/);
}

describe('who one is', () => {
  const who = 'echo $(id -u):$(id -g) $(cat /proc/self/uid_map)';

  test('oneself, without asking', async ({ lab }) => {
    expect(await said(lab, [], who)).toEqual([`${uid}:${uid}`, `${uid}`, `${uid}`, '1']);
    expect(await said(lab, ['--map-self'], who)).toEqual([`${uid}:${uid}`, `${uid}`, `${uid}`, '1']);
  });

  test('root', async ({ lab }) => {
    expect(await said(lab, ['--map-root'], who)).toEqual(['0:0', '0', `${uid}`, '1']);
  });

  test('root, and everybody that one may be', async ({ lab }) => {
    const { first, size } = SUBORDINATE;
    const map = ['0', `${uid}`, '1', '1', `${first}`, `${size}`];
    expect(await said(lab, ['--map-auto'], who)).toEqual(['0:0', ...map]);
    expect(await said(lab, ['--map-auto', '--user', '7:8'], who)).toEqual(['7:8', ...map]);
  });
});

describe('--rootfs of an archive', () => {
  test('goes with what the sandbox’s other users own', async ({ lab }) => {
    const archive = lab.path('root.tar');
    const root = files(lab.directory('tree'), { 'etc/passwd': '' });
    mkdirSync(join(root, 'bin'));
    for (const program of ['busybox', 'sh']) copyFileSync('/bin/busybox', join(root, 'bin', program));
    writeFileSync(archive, tar(root));
    const tmp = lab.directory('tmp');
    const script = 'cd /etc; mkdir -p a/b; echo x > a/b/c; chown -R 5:6 a; chmod 700 a; chmod 0 a/b';
    const line = ['sandbox', '--name', lab.id(), '--map-auto', '--rootfs', archive, '--', '/bin/sh', '-ec', script];
    const result = await lab.tsrun(line, { env: { ...defaultEnvironment, TMPDIR: tmp } });
    expect(result.stderr).toBe('');
    result.expectCode(0);
    expect([readdirSync(tmp), lab.leftovers()]).toEqual([[], []]);
  });
});

describe('--rootfs of an image', () => {
  test('has its user where the sandbox has one of that id, and root where not', async ({ lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    const root = files(lab.directory('tree'), { 'etc/passwd': 'www:x:33:44::/:/bin/sh\n' });
    installGuest(root);
    layout.add([tar(root)], { config: { User: 'www', Entrypoint: ['/bin/guest', 'ids'] } });
    const ids = async (...flags: string[]) => {
      const result = await lab.tsrun(['sandbox', '--name', lab.id(), ...flags, '--rootfs', layout.dir]);
      expect(result.stderr).toBe('');
      const found = result.expectCode(0).facts.of('ids');
      return [found.uid, found.gid];
    };
    expect(await ids('--map-auto')).toEqual([33, 44]);
    expect(await ids('--map-root')).toEqual([0, 0]);
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('what takes root', () => {
  const rows: [flags: string[], words: string][] = [
    [['--user', 'host'], '--user host: a container of a caller without CAP_SYS_ADMIN'],
    [['--user', 'host'], 'needs a user namespace: leave it out, or run tsrun as root'],
    [['--upper', '/etc'], '--upper: fill /etc: it takes a directory of your own: '],
    [['--net', 'slirp4netns', '-p', '1:1'], "the port is in use, or one of root's (those below "],
  ];
  test.for(rows)('%s is refused by name', async ([flags, words], { lab }) => {
    const result = await lab.tsrun(['sandbox', '--name', lab.id(), ...flags, '--', 'true']);
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining(words)]);
    expect(result.stderr).not.toContain('config.json');
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('--overlay', () => {
  test('lets one write what is root’s, as oneself', async ({ lab }) => {
    const script = 'id -u; echo mine > /usr/share/mine; stat -c %u /usr/share/mine /usr/share; cat /usr/share/mine';
    expect(await said(lab, ['--overlay'], script)).toEqual([`${uid}`, `${uid}`, `${uid}`, 'mine']);
    expect(existsSync('/usr/share/mine')).toBe(false);
  });
});
