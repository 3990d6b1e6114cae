/** `sandbox --overlay` and `--upper`: the host's whole root writable, by root and by a caller without privileges. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { args, change, type Part } from './harness/config.ts';
import { rootNames, sumOf } from './harness/host-tree.ts';
import { until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { caller } from './harness/places.ts';
import { call, type Result, runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** What is changed, replaced and removed: the same before and after, in all that can be seen of it. */
const touched = ['/usr/bin/env', '/usr/bin/false', '/usr/share/doc/dpkg', '/etc/profile', '/var/lib/dpkg/statoverride'];
/** What is made, which is not there before nor after. */
const madeInside = [
  '/usr/lib/newpackage',
  '/usr/bin/new-tool',
  '/usr/bin/other',
  '/usr/bin/third',
  '/opt/new',
  '/etc/new.conf',
];
madeInside.push('/newtop', '/usr/bin/tsrun-probe', '/var/lib/dpkg/info/tsrun-probe.list');

/** Root as root; somebody without privileges as root of a user namespace. */
const asRoot = caller === undefined ? [] : ['--map-auto'];

async function overlaid(lab: Lab, flags: readonly string[], script: string): Promise<Result> {
  const id = lab.id();
  const result = await lab.tsrun(['sandbox', '--name', id, ...asRoot, ...flags, '--', 'sh', '-ec', script]);
  expect(lab.leftovers()).toEqual([]);
  return result;
}

/** The host is the same before and after. */
async function withoutTrace(work: () => Promise<void>): Promise<void> {
  const seen = () => [sumOf(...touched), ...rootNames(), ...madeInside.filter((path) => existsSync(path))];
  const before = seen();
  await work();
  expect(seen()).toEqual(before);
  expect(before.filter((path) => madeInside.includes(path))).toEqual([]);
}

const packageWrites = `
  mkdir -p /usr/lib/newpackage/sub /opt/new; echo data > /usr/lib/newpackage/sub/file
  printf '#!/bin/sh\\necho tool\\n' > /usr/bin/new-tool; chmod 755 /usr/bin/new-tool; new-tool
  cp /bin/true /usr/bin/true.new; mv -f /usr/bin/true.new /usr/bin/false; /usr/bin/false && echo replaced
  rm /usr/bin/env; test ! -e /usr/bin/env; echo removed
  rm -r /usr/share/doc/dpkg; test ! -e /usr/share/doc/dpkg
  ln -s new-tool /usr/bin/other; ln /usr/bin/new-tool /usr/bin/third; other; third
  echo setting > /etc/new.conf; echo top > /newtop; cat /etc/new.conf /newtop
`;
const packageWords = 'tool replaced removed tool tool setting top';

describe('--overlay', () => {
  test('lets what a package manager does be done, and nothing of it is seen on the host', async ({ lab }) => {
    await withoutTrace(async () => {
      const result = (await overlaid(lab, ['--overlay'], packageWrites)).expectCode(0);
      expect(result.stderr).toBe('');
      expect(result.stdout.trim().split(/\s+/).join(' ')).toBe(packageWords);
    });
  });

  test('shows nothing of a directory that was removed and made again', async ({ lab, skip }) => {
    const [major = 0, minor = 0] = release().split('.').map(Number);
    if (caller !== undefined && (major < 6 || (major === 6 && minor < 6)))
      skip('a tmpfs of a user namespace has attributes for it from Linux 6.6 on');
    await withoutTrace(async () => {
      const script = 'cd /usr/share/doc; rm -r dpkg; mkdir dpkg; ls -A dpkg; touch dpkg/new; ls dpkg';
      expect((await overlaid(lab, ['--overlay'], script)).expectCode(0).stdout).toBe('new\n');
    });
  });

  test('has dpkg install a package', async ({ lab }) => {
    const parts = lab.directory('package');
    mkdirSync(join(parts, 'DEBIAN'));
    mkdirSync(join(parts, 'usr/bin'), { recursive: true });
    const control = {
      Package: 'tsrun-probe',
      Version: '1',
      Architecture: 'all',
      Maintainer: 'x <x@x>',
      Description: 'x',
    };
    writeFileSync(
      join(parts, 'DEBIAN/control'),
      Object.entries(control)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join(''),
    );
    writeFileSync(join(parts, 'usr/bin/tsrun-probe'), '#!/bin/sh\necho installed\n', { mode: 0o755 });
    const shown = lab.directory('shown');
    (await call(['dpkg-deb', '--build', parts, join(shown, 'probe.deb')])).expectCode(0);
    await withoutTrace(async () => {
      // Overrides name groups that /etc/group has not where the suite has one of its own.
      const script = `: > /var/lib/dpkg/statoverride
        dpkg -i /mnt/probe.deb > /dev/null; tsrun-probe; dpkg -s tsrun-probe | grep ^Status
        dpkg -r tsrun-probe > /dev/null; test ! -e /usr/bin/tsrun-probe; grep -q 'remove tsrun-probe' /var/log/dpkg.log; echo logged`;
      const result = (await overlaid(lab, ['--overlay', '--ro-bind', `${shown}:/mnt`], script)).expectCode(0);
      expect(result.stderr).toBe('');
      expect(result.stdout).toBe('installed\nStatus: install ok installed\nlogged\n');
    });
  });
});

describe('x-tsrun.nofail', () => {
  const overlay = (lower: string, ...options: string[]): Part =>
    change((config) => {
      config.mounts.push({
        destination: '/over',
        type: 'overlay',
        source: lower,
        options: [`lowerdir=${lower}:/usr`, ...options],
      });
    });

  test('leaves an overlay out whose source has gone', async ({ lab }) => {
    (await lab.run([overlay(lab.path('gone'), 'x-tsrun.nofail'), args('exit=0')])).expectCode(0);
    const refused = await lab.run([overlay(lab.path('gone')), args('exit=0')]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('/gone')]);
  });
});

/** A directory in memory: on a disk, the many directories of a caller without privileges take their time. */
function shelf(lab: Lab): string {
  const directory = `/dev/shm/${lab.id()}`;
  mkdirSync(directory, { mode: 0o777 });
  chmodSync(directory, 0o777);
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe('--upper', () => {
  test('keeps what is written, and shows it again', async ({ lab }) => {
    const kept = `${shelf(lab)}/deep/below`;
    await withoutTrace(async () => {
      (await overlaid(lab, ['--upper', kept], packageWrites)).expectCode(0);
      expect(readFileSync(join(kept, 'usr/lib/newpackage/sub/file'), 'utf8')).toBe('data\n');
      expect(readFileSync(join(kept, 'newtop'), 'utf8')).toBe('top\n');
      const again =
        'new-tool; test ! -e /usr/bin/env; test ! -e /usr/share/doc/dpkg; cat /newtop; rm /newtop /usr/bin/new-tool';
      expect((await overlaid(lab, ['--upper', kept], again)).expectCode(0).stdout).toBe('tool\ntop\n');
    });
    expect(readdirSync(kept)).not.toContain('newtop');
  });

  test('is not seen in the sandbox', async ({ lab }) => {
    const kept = lab.directory('kept');
    const beside = lab.directory('beside');
    writeFileSync(join(beside, 'file'), 'x');
    const { stdout } = (
      await overlaid(lab, ['--upper', kept], `ls ${lab.dir}; echo y > ${beside}/file; cat ${beside}/file`)
    ).expectCode(0);
    expect(
      stdout
        .trim()
        .split(/\s+/)
        .filter((name) => !name.startsWith('state')),
    ).toEqual(['beside', 'y']);
    expect(readFileSync(join(beside, 'file'), 'utf8')).toBe('x');
  });

  test('keeps what was done to the files that it began with copies of', async ({ lab }) => {
    const kept = `${shelf(lab)}/kept`;
    const script = `cd /var/lib/dpkg; : > status; ln status status-linked; rm diversions; rm -r triggers; ln -s /etc triggers
      rm -r /var/cache/debconf; mkdir /var/cache/debconf`;
    (await overlaid(lab, ['--upper', kept], script)).expectCode(0);
    const look = `cd /var/lib/dpkg; stat -c '%s %h' status; ls -d diversions triggers 2>/dev/null || true; ls -A /var/cache/debconf`;
    const { stdout } = (await overlaid(lab, ['--upper', kept], look)).expectCode(0);
    expect(stdout).toBe('0 2\ntriggers\n');
  });

  test("is one sandbox's at a time, to its end", async ({ lab }) => {
    const kept = `${shelf(lab)}/kept`;
    const name = lab.id();
    const line = ['sandbox', '--name', name, ...asRoot, '--upper', kept, '--', 'sh', '-c', 'echo runs; exec sleep 60'];
    const running = start(runtime(lab.root, ...line));
    let said = '';
    running.stdout?.on('data', (chunk) => {
      said += chunk;
    });
    // By then nothing of tsrun is left in its process.
    const isSupervised = () => readFileSync(`/proc/${running.pid}/cmdline`, 'utf8').startsWith('tsrun:supervise');
    await until('the sandbox runs', () => said.includes('runs') && isSupervised(), 30);
    symlinkSync(kept, lab.path('other-name'));
    for (const path of [kept, lab.path('other-name')]) {
      const id = lab.id();
      const second = await lab.tsrun(['sandbox', '--name', id, ...asRoot, '--upper', path, '--', 'true']);
      expect([second.code, second.stderr]).toEqual([
        1,
        expect.stringContaining(`--upper: ${path} is in use by another sandbox`),
      ]);
      expect(existsSync(join(lab.root, id))).toBe(false);
    }
    running.kill('SIGKILL');
    await running;
    await until('its state has gone', () => !existsSync(join(lab.root, name)));
    const free = () => call(['flock', '--nonblock', kept, 'true']);
    await until('it is free', async () => (await free()).code === 0);
    (await overlaid(lab, ['--upper', kept], 'true')).expectCode(0);
  });

  const refusal = (path: string) =>
    expect.stringContaining(`--upper: ${path} is a link, and the sandbox needs a directory there: remove it`);

  for (const name of ['run', 'etc', 'usr'])
    test(`with a link at /${name} is refused by its name, and nothing is made behind it`, async ({ lab }) => {
      const kept = lab.directory('kept');
      const elsewhere = lab.directory('elsewhere');
      symlinkSync(elsewhere, join(kept, name));
      const result = await overlaid(lab, ['--upper', kept], 'true');
      expect([result.code, result.stderr]).toEqual([1, refusal(`${kept}/${name}`)]);
      expect(readdirSync(elsewhere)).toEqual([]);
    });

  test('has no overlay where a sandbox planted a link', async ({ lab }) => {
    const kept = lab.directory('kept');
    const elsewhere = lab.directory('elsewhere');
    const planted = lab.path('planted');
    (await overlaid(lab, ['--upper', kept], `ln -s ${elsewhere} ${planted}`)).expectCode(0);
    lab.directory('planted');
    const result = await overlaid(lab, ['--upper', kept], `echo x > ${planted}/file`);
    expect([result.code, result.stderr]).toEqual([1, refusal(`${kept}${planted}`)]);
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('that cannot be made is refused by name', async ({ lab }) => {
    const result = await overlaid(lab, ['--upper', '/proc/nothing/here'], 'true');
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('--upper: make "/proc/nothing/here"')]);
  });
});
