/** `exec` into containers that mean harm: their first process, their files, their terminals. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { args, bind, type Part, processProperties, withCapabilities, withoutMount } from './harness/config.ts';
import { until } from './harness/kernel.ts';
import type { Container, Lab } from './harness/lab.ts';
import { runtimePath } from './harness/places.ts';
import { describe, expect, test } from './harness/test.ts';

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('the first process watches what comes in', () => {
  async function watched(lab: Lab, ...parts: Part[]) {
    const before = digest(runtimePath);
    const container = await lab.started([args('watch=/tmp/end'), ...parts]);
    for (let round = 0; round < 60; round++) (await lab.exec(container, ['exit=3'])).expectCode(3);
    writeFileSync(join(container.bundle.rootfs, 'tmp/end'), '');
    const facts = await container.told('watch');
    expect(digest(runtimePath)).toBe(before);
    return facts.of('watch') as unknown as { seen: number; opened: number; foreign: number; writable: number };
  }

  test('and may look at none of it', async ({ lab }) => {
    const { seen, ...found } = await watched(lab);
    expect(found).toMatchObject({ opened: 0, foreign: 0, writable: 0 });
    expect(seen).toBeGreaterThan(0);
  });

  test('and finds no directory of the host where it may trace', async ({ lab }) => {
    const { seen, foreign, writable } = await watched(lab, withCapabilities('CAP_SYS_PTRACE'));
    expect([foreign, writable]).toEqual([0, 0]);
    expect(seen).toBeGreaterThan(0);
  });
});

test.for(Array.from({ length: 10 }, (_, index) => 3 + index * 3))(
  'a descriptor as the directory: /proc/self/fd/%d',
  async (fd, { lab }) => {
    const container = await lab.started([args('pause')]);
    for (const path of [
      `/proc/self/fd/${fd}`,
      `/proc/self/fd/${fd}/..`,
      `/proc/1/fd/${fd}/../../..`,
      '/proc/1/cwd/../..',
    ]) {
      const result = await lab.exec(container, ['cwd', 'stat=.', 'stat=/'], {
        flags: ['--cwd', path],
        inherit: ['open=9:/', 'open=12:/etc'],
      });
      if (result.code === 255) continue;
      result.expectCode(0);
      expect(result.facts.text('cwd')).not.toContain('unreachable');
      expect(result.facts.of('stat', '.').ino).toBe(result.facts.of('stat', '/').ino);
    }
  },
);

describe('files of the container are not trusted', () => {
  async function changed(lab: Lab, change: (rootfs: string, container: Container) => void, ...parts: Part[]) {
    const container = await lab.started([args('pause'), ...parts]);
    change(container.bundle.rootfs, container);
    return container;
  }

  test('links in place of /dev/ptmx and /dev/console', async ({ lab }) => {
    const outside = lab.directory('outside');
    writeFileSync(join(outside, 'ptmx'), 'mark');
    const dev = lab.directory('dev');
    mkdirSync(join(dev, 'pts'));
    const container = await lab.started([args('pause'), bind(dev, '/dev'), withoutMount('/dev/pts')]);
    for (const name of ['ptmx', 'console', 'pts/ptmx']) symlinkSync(join(outside, 'ptmx'), join(dev, name));
    const result = await lab.exec(container, ['tty'], { flags: ['-t'] });
    expect([result.code, result.stdout]).toEqual([255, '']);
    expect(result.stderr).toMatch(/^tsrun: process\.terminal: [^\n]+\n$/);
    expect(readFileSync(join(outside, 'ptmx'), 'utf8')).toBe('mark');
  });

  test('a file in place of the ptmx of devpts', async ({ lab }) => {
    const pts = lab.directory('pts');
    writeFileSync(join(pts, 'ptmx'), '');
    const container = await lab.started([args('pause'), withoutMount('/dev/pts'), bind(pts, '/dev/pts')]);
    const result = await lab.exec(container, ['tty'], { flags: ['-t'] });
    expect([result.code, result.stderr]).toEqual([255, expect.stringContaining('/dev/pts/ptmx')]);
  });

  test('something else over /proc', async ({ lab }) => {
    const container = await lab.started([args('mount=tmpfs=/proc', 'pause'), withCapabilities('CAP_SYS_ADMIN')]);
    await container.told('pause');
    expect(container.facts.of('mount').errno).toBe('');
    const { facts } = (await lab.exec(container, ['ids', 'cwd'])).expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 0 });
    const { facts: filtered } = (await lab.exec(container, ['ids'], { flags: ['-u', '5'] })).expectCode(0);
    expect(filtered.of('ids')).toMatchObject({ uid: 5 });
  });

  test('a program that links to the runtime’s own file', async ({ lab }) => {
    const before = digest(runtimePath);
    const container = await changed(lab, (rootfs) => {
      symlinkSync('/proc/self/exe', join(rootfs, 'self'));
      writeFileSync(join(rootfs, 'script'), '#!/proc/self/exe\n', { mode: 0o755 });
    });
    // The interpreter of a script is the kernel's business: that it is init shows when it runs.
    for (const [program, status, said] of [
      ['/self', 255, /^tsrun: process\.args\[0\]: exec: "\/self": permission denied: [^\n]*tsrun's own init[^\n]*\n$/],
      ['/proc/self/exe', 255, /"\/proc\/self\/exe": permission denied: [^\n]*: name another\n$/],
      ['/script', 126, /^tsrun: exec: permission denied: [^\n]*init[^\n]*look for links to \/proc\/self\/exe\n$/],
    ] as const) {
      const result = await lab.tsrun(['exec', container.id, program]);
      expect([program, result.code, result.stdout]).toEqual([program, status, '']);
      expect(result.stderr).toMatch(said);
    }
    expect(digest(runtimePath)).toBe(before);
  });

  test('a root without any file', async ({ lab }) => {
    const container = await changed(lab, (rootfs) => {
      for (const name of readdirSync(rootfs))
        if (!['dev', 'proc', 'sys', 'tmp'].includes(name)) rmSync(join(rootfs, name), { recursive: true });
    });
    for (const [program, said] of [
      ['/proc/self/exe', /permission denied: [^\n]*tsrun's own init/],
      ['/proc/thread-self/exe', /permission denied: [^\n]*tsrun's own init/],
      ['/bin/sh', /"\/bin\/sh": no such file or directory/],
      ['sh', /"sh": executable file not found in \$PATH/],
    ] as const) {
      const result = await lab.tsrun(['exec', container.id, program]);
      expect([program, result.code, result.stdout]).toEqual([program, 255, '']);
      expect(result.stderr).toMatch(said);
      expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    // What is executed by the container's own process is there, whatever became of its name.
    const { facts } = (await lab.tsrun(['exec', container.id, '/proc/1/exe', 'ids'])).expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 0 });
  });

  test('a container whose program would be init itself', async ({ lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(processProperties({ args: ['/proc/self/exe'] })));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/process\.args\[0\]: exec: "\/proc\/self\/exe": permission denied: /);
    expect(lab.leftovers()).toEqual([]);
  });

  test('a directory that becomes a link to elsewhere', async ({ lab }) => {
    const outside = lab.directory('outside');
    const container = await changed(lab, (rootfs) => symlinkSync(outside, join(rootfs, 'away')));
    const result = await lab.exec(container, ['cwd'], { flags: ['--cwd', '/away'] });
    expect(result.code).toBe(255);
    rmSync(join(container.bundle.rootfs, 'away'));
  });

  test('an endless /etc/passwd', async ({ lab }) => {
    const container = await changed(lab, (rootfs) => symlinkSync('/dev/zero', join(rootfs, 'etc/passwd')));
    const { facts } = (await lab.exec(container, ['env'])).expectCode(0);
    expect(facts.list('env')).toContain('HOME=/');
  });
});

test('a first process that is gone before its namespaces are looked at', async ({ lab }) => {
  for (let round = 0; round < 20; round++) {
    const container = await lab.started([args(`sleep=0.0${round % 10}`, 'exit=0')]);
    const result = await lab.exec(container, ['exit=3']);
    if (result.code === 255) expect(result.stderr).toContain('container not running');
    else expect([3, 137]).toContain(result.code);
    await until('it ended', async () => (await container.state()).status === 'stopped');
  }
});
