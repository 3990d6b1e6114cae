/**
 * docs/by-hand.md: every command of its tables, run as it stands there; for a user without privileges in the rootless suite, for root
 * in the other.
 */
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tar } from './harness/images.ts';
import { namespaceKinds, namespaceOf, processes, statusField, until } from './harness/kernel.ts';
import { cgroupsNamed, type Lab } from './harness/lab.ts';
import { caller, repository, runtimePath } from './harness/places.ts';
import { asUser, call, defaultEnvironment, type Result, runtime, start } from './harness/runtime.ts';
import { Terminal } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';
import { ensureUplink, freePort, listen } from './harness/uplink.ts';

const document = readFileSync(join(repository, 'docs/by-hand.md'), 'utf8');

interface Row {
  readonly who: string;
  readonly commands: readonly string[];
}

/** The tables' rows by number. */
const rows = new Map<number, Row>();
for (const line of document.split('\n')) {
  const [, number, who, , tsrun] = line.split('|').map((cell) => cell.trim());
  if (!/^[0-9]+$/.test(number ?? '')) continue;
  const commands = [...(tsrun ?? '').matchAll(/`([^`]+)`/g)].map(([, command = '']) =>
    command.replaceAll('\\|', '|').replaceAll('\\\\|', '|'),
  );
  rows.set(Number(number), { who: who ?? '', commands });
}

/** Where the commands of a row are typed. */
class Shell {
  readonly home: string;
  readonly data: string;
  readonly #lab: Lab;
  readonly #env: Record<string, string>;
  readonly name: string;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.name = lab.id();
    this.home = lab.directory('home');
    this.data = lab.directory('data');
    writeFileSync(join(this.home, 'secret'), 'x');
    const bin = lab.directory('bin');
    writeFileSync(join(bin, 'tsrun'), `#!/bin/sh\nexec ${runtimePath} --root ${lab.root} "$@"\n`, { mode: 0o755 });
    this.#env = { ...defaultEnvironment, PATH: `${bin}:${defaultEnvironment.PATH}`, HOME: this.home, DATA: this.data };
  }

  set(name: string, value: string): void {
    this.#env[name] = value;
  }

  /** A small root file system, and an archive of it. */
  rootfs(): void {
    const root = this.#lab.directory('rootfs');
    for (const name of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc']) mkdirSync(join(root, name));
    copyFileSync('/usr/bin/busybox', join(root, 'bin/busybox'));
    for (const name of ['sh', 'ash', 'ls', 'id', 'cat', 'stat', 'hostname', 'grep', 'sleep'])
      symlinkSync('busybox', join(root, 'bin', name));
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
    const archive = join(this.#lab.dir, 'rootfs.tar.gz');
    writeFileSync(archive, gzipSync(tar(root)));
    if (caller !== undefined) for (const path of [root, archive]) chownSync(path, caller, caller);
    this.set('ROOTFS', root);
    this.set('TARBALL', archive);
  }

  /** The command as it is typed, in the home. A name that is its own keeps tests apart. */
  argv(command: string): string[] {
    const text = command.replace(/\blab\b/g, this.name);
    return asUser(caller ?? 0, 'sh', '-c', text).slice(caller === undefined ? -3 : 0);
  }

  get options() {
    return { cwd: this.home, env: this.#env };
  }

  /** Runs it; what it printed. */
  run(command: string): Promise<Result> {
    return call(this.argv(command), this.options);
  }

  /** Runs it to a success, without a word of complaint. */
  async said(command: string): Promise<string> {
    const result = await this.run(command);
    expect([command, result.code, result.stderr]).toEqual([command, 0, '']);
    return result.stdout.trim();
  }

  /** Starts it in the background, until its sandbox runs. */
  async background(command: string) {
    const running = start(this.argv(command), this.options);
    await until(`${this.name} runs`, async () =>
      (await this.#lab.tsrun(['state', this.name])).stdout.includes('"running"'),
    );
    return { running };
  }

  async kill(): Promise<void> {
    await this.#lab.tsrun(['kill', this.name, 'KILL']);
  }
}

type Check = (shell: Shell, commands: readonly string[], lab: Lab) => Promise<void>;
const words = (text: string): string[] => text.split(/\s+/);
const uid = caller ?? 0;
const host = (command: string[]): Promise<Result> => call(command);
const hostProcesses = () => processes().length;

/** What each row's commands are to show. */
const checks: Readonly<Record<number, Check>> = {
  1: async (shell, [command = '']) => {
    const result = await shell.run(command);
    expect(words(result.stdout.trim())).toEqual(['root', '0', '0']);
    expect(result.stderr).toMatch(/touch: cannot touch '\/foobar': (Read-only file system|Permission denied)/);
    expect(existsSync('/foobar')).toBe(false);
  },
  2: async (shell, [command = '']) => expect(await shell.said(command)).toBe(`${uid}`),
  3: async (shell, [command = '']) => expect(words(await shell.said(command))).toEqual([`${uid}`, `${uid}`]),
  4: async (shell, [refused = '', works = '']) => {
    const result = await shell.run(refused);
    expect([result.code, result.stderr]).toEqual([
      1,
      expect.stringContaining('--map-root maps 0 alone; use --map-auto'),
    ]);
    expect(await shell.said(works)).toBe('7\n8\n8 9');
  },
  5: async (shell, [nobody = '', own = '']) => {
    expect(await shell.said(nobody)).toBe('nobody');
    expect(await shell.said(own)).toBe('root');
    expect(existsSync('/usr/mine')).toBe(false);
  },
  6: async (shell, [command = '']) => {
    expect(await shell.said(command)).toBe(shell.home);
    expect([existsSync(join(shell.home, 'new')), existsSync(join(shell.home, 'secret'))]).toEqual([false, true]);
  },
  7: async (shell, [command = '']) => {
    expect(words(await shell.said(command))).toEqual([`${uid}`, `${uid}`, `${uid}`]);
    expect(existsSync(join(shell.home, 'file'))).toBe(false);
  },
  8: async (shell, [command = '']) => {
    shell.rootfs();
    expect(words(await shell.said(command))).toEqual(['0', 'bin', 'dev', 'etc', 'proc', 'sys', 'tmp']);
  },
  9: async (shell, [command = '']) => {
    shell.rootfs();
    const told = await shell.said(command);
    expect(told).toMatch(/^bin\ndev\netc\nproc\nsys\ntmp\n/);
    const points = told.split('\n').flatMap((line) => line.match(/^[0-9]+ [0-9]+ [0-9:]+ \S+ (\S+)/)?.[1] ?? []);
    expect(points.every((path) => /^\/(proc|dev|sys)?(\/|$)/.test(path))).toBe(true);
    expect(told).not.toContain('put_old');
  },
  10: async (shell, [command = '']) => {
    expect(await shell.said(command)).toBe('new\ntop');
    expect([existsSync('/usr/share/new'), existsSync('/new')]).toEqual([false, false]);
  },
  11: async (shell, [command = '']) => {
    const [mine, ...last] = (await shell.said(command)).split('\n');
    expect([mine, last.join('')]).toEqual(['mine', readFileSync('/etc/passwd', 'utf8').trim().split('\n').at(-1)]);
    expect(existsSync('/etc/mine')).toBe(false);
  },
  12: async (shell, [mapped = '', separate = '']) => {
    const [old, made] = ['old', 'new'].map((name) => join(shell.data, name)) as [string, string];
    writeFileSync(old, 'x');
    for (const path of [old, shell.data]) chownSync(path, 1001, 1001);
    expect(await shell.said(mapped)).toBe('1002:1002');
    expect([statSync(made).uid, statSync(made).gid]).toEqual([1001, 1001]);
    expect((await host(['getfacl', '--numeric', '--absolute-names', old])).stdout).toContain('user:1001:rwx');
    expect(await shell.said(separate)).toBe('7:8');
  },
  13: async (shell, [command = '']) => {
    shell.rootfs();
    expect(words(await shell.said(command))).toEqual(['0', '0']);
  },
  14: async (shell, [command = '']) => {
    const told = await shell.said(command);
    expect(told.split('\n')).toHaveLength(1);
    expect(told).toMatch(/^lo +UNKNOWN +127\.0\.0\.1\/8/);
  },
  15: async (shell, [command = '']) => {
    writeFileSync(join(shell.home, 'pair.sh'), pairScript());
    expect(await shell.said(command)).toContain('1 packets transmitted, 1 received, 0% packet loss');
  },
  16: async (shell, [command = '']) => {
    writeFileSync(join(shell.home, 'pair.sh'), `${pairScript()}\ntouch ready; sleep 15`);
    const flags = '--map-root --cap-add SYS_ADMIN --cap-add NET_ADMIN';
    const { running } = await shell.background(`tsrun sandbox --name lab ${flags} --bind $HOME -- sh pair.sh`);
    await until('the namespaces are there', () => existsSync(join(shell.home, 'ready')));
    expect((await shell.run(command)).expectCode(0).stdout).toContain(
      '1 packets transmitted, 1 received, 0% packet loss',
    );
    await shell.kill();
    await running;
  },
  17: async (shell, [command = '']) => {
    const told = await shell.said(command);
    expect(told).toContain('10.0.2.100/24');
    expect(told).toContain('default via 10.0.2.2 dev tap0');
    expect(told).toMatch(/nameserver 10\.0\.2\.3$/);
  },
  18: async (shell, [command = ''], lab) => {
    const port = await freePort();
    shell.set('PORT', String(port));
    writeFileSync(join(shell.home, 'server.cjs'), "require('net').createServer((s) => s.end('hello')).listen(80)");
    shell.set('SERVER', `${process.execPath} server.cjs`);
    const running = start(shell.argv(command), shell.options);
    let text = '';
    await until('it answers', async () => {
      text = await listen(port).catch(() => '');
      return text !== '';
    });
    expect(text).toBe('hello');
    const id = (await lab.tsrun(['list', '--quiet'])).stdout.trim();
    (await lab.tsrun(['kill', id, 'KILL'])).expectCode(0);
    await running;
  },
  19: async (shell, [command = '']) => {
    await ensureUplink();
    expect(await shell.said(command)).toMatch(/^tap0 +UNKNOWN +198\.51\.100\.2\/24[\s\S]*nameserver 169\.254\.1\.1$/);
  },
  20: async (shell, [command = '']) => {
    shell.set('NETNS', shell.name);
    const file = `/run/netns/${shell.name}`;
    mkdirSync('/run/netns', { recursive: true });
    writeFileSync(file, '');
    try {
      // What `ip netns add` does, which would leave a mount.
      (await host(['unshare', `--net=${file}`, 'ip', 'link', 'add', 'inside', 'type', 'bridge'])).expectCode(0);
      expect(await shell.said(command)).toMatch(/^lo .*\ninside +DOWN/);
    } finally {
      await host(['umount', file]);
      rmSync(file);
      rmdirSync('/run/netns');
    }
  },
  21: async (shell, [command = '']) => {
    expect(await shell.said(command)).toMatch(/^ *PID TTY +TIME CMD\n +1 \? +\S+ ps$/);
  },
  22: async (shell, [command = '', enter = '']) => {
    const { running } = await shell.background(command);
    expect(await shell.said(enter)).toBe('foobar');
    await shell.kill();
    await running;
  },
  23: async (shell, [make = '', join_ = '']) => {
    await shell.said(make);
    try {
      expect(await shell.said(join_)).toBe('foobar');
    } finally {
      (await host(['umount', join(shell.data, 'ns_uts')])).expectCode(0);
    }
  },
  24: async (shell, [command = '']) => {
    const before = hostname();
    expect(await shell.said(command)).toBe('changed');
    expect(hostname()).toBe(before);
  },
  25: async (shell, [command = ''], lab) => {
    shell.rootfs();
    const running = start(shell.argv(command), shell.options);
    let told = '';
    running.stdout?.on('data', (chunk) => {
      told += chunk;
    });
    await until('it has told all', () => told.includes('zero'));
    const limits = cgroupsNamed(shell.name).flatMap((path) =>
      ['memory.max', 'memory.limit_in_bytes', 'pids.max']
        .map((file) => join(path, file))
        .filter((file) => existsSync(file)),
    );
    const values = limits.map((file) => readFileSync(file, 'utf8').trim());
    expect(values).toEqual(expect.arrayContaining([`${64 * 2 ** 20}`, '20']));
    expect(told).toMatch(/^box\n/);
    const bounding = BigInt(`0x${told.match(/CapBnd:\s+([0-9a-f]+)/)?.[1]}`);
    expect([bounding & (1n << 18n), bounding & 1n]).toEqual([0n, 1n]);
    expect(words(told)).toEqual(expect.arrayContaining(['null', 'ptmx', 'pts', 'tty']));
    await lab.tsrun(['kill', shell.name, 'KILL']);
    await running;
  },
  26: async (shell, [uts = '', pid = '', mount = '']) => {
    expect(await shell.said(uts)).toBe(hostname());
    expect(await shell.said(pid)).toMatch(/^\/proc\/[1-9][0-9]*$/);
    expect(await shell.said(mount)).toBe(String(statSync('/').ino));
  },
  27: async (shell, [command = '']) => {
    const told = await shell.said(command);
    for (const kind of namespaceKinds) expect(told.includes(namespaceOf('self', kind)), kind).toBe(kind === 'time');
    const sets = [...told.matchAll(/^(Cap\w+):\s+([0-9a-f]+)$/gm)].map(([, name, bits]) => [
      name,
      Number(`0x${bits}`) === 0,
    ]);
    expect(sets).toEqual([
      ['CapInh', true],
      ['CapPrm', true],
      ['CapEff', true],
      ['CapBnd', false],
      ['CapAmb', true],
    ]);
  },
  28: async (shell, [own = '', shared = '']) => {
    expect(words(await shell.said(own)).length).toBeLessThan(4);
    expect(words(await shell.said(shared)).length).toBeGreaterThanOrEqual(Math.min(5, hostProcesses()));
  },
  29: async (shell, [own = '', shared = '']) => {
    await ensureUplink();
    expect(await shell.said(own)).not.toContain('uplink');
    expect(await shell.said(shared)).toContain('uplink');
  },
  30: async (shell, [own = '', shared = '']) => {
    expect(await shell.said(own)).toBe('inner');
    expect(await shell.said(shared)).toBe(hostname());
  },
  31: async (shell, [refused = '', allowed = '']) => {
    const result = await shell.run(refused);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(/permission denied|must be superuser|Operation not permitted/i);
    expect(await shell.said(allowed)).toMatch(/^x \/mnt tmpfs/);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toMatch(/^x \/mnt /m);
  },
  32: async (shell, [own = '', shared = '']) => {
    const { stdout } = (await host(['ipcmk', '-Q'])).expectCode(0);
    const id = stdout.match(/([0-9]+)\s*$/)?.[1] ?? '';
    try {
      const queues = async (command: string) =>
        (await shell.said(command)).split('\n').filter((line) => line.startsWith('0x'));
      expect(await queues(own)).toEqual([]);
      expect((await queues(shared)).map((line) => words(line)[1])).toContain(id);
    } finally {
      (await host(['ipcrm', '-q', id])).expectCode(0);
    }
  },
  33: async (shell, [shared = '', own = '']) => {
    const [id, ...map] = words(await shell.said(shared));
    expect([id, map]).toEqual(['1000', words(readFileSync('/proc/self/uid_map', 'utf8').trim())]);
    expect(words(await shell.said(own))).toEqual(['0', '0', '1']);
  },
  34: async (shell, [own = '', shared = '']) => {
    expect(await shell.said(own)).toBe('0::/');
    expect(await shell.said(shared)).toMatch(/^0::\/.*sandbox-/);
  },
  35: async (shell, [command = '']) => {
    const told = await shell.said(command);
    expect(told).toContain(`CapEff:\t${statusField('self', 'CapEff')}\n`);
    expect(told).toMatch(/^Seccomp:\s+0$/m);
    expect(told).toMatch(/^NoNewPrivs:\s+0$/m);
    expect(told).toContain('\nnet\n'); // a device of the host's, here a directory of them
  },
};

function pairScript(): string {
  return document.split('## Two network namespaces')[1]?.match(/```sh\n([\s\S]*?)```/)?.[1] ?? '';
}

test('docs/by-hand.md has each recipe once, and each is tested', () => {
  const all = Array.from({ length: 35 }, (_, index) => index + 1);
  expect([...rows.keys()]).toEqual(all);
  expect(Object.keys(checks).map(Number)).toEqual(all);
  for (const { who, commands } of rows.values()) {
    expect(['user', 'root']).toContain(who);
    expect(commands.length).toBeGreaterThan(0);
  }
});

describe('by hand', () => {
  test.for([...rows])('row %s', async ([number, { who, commands }], { lab, skip }) => {
    if (who === 'user' && caller === undefined) skip('of a user without privileges: runs in the rootless suite');
    if (who === 'root' && caller !== undefined) skip('of root: runs in the suite of root');
    await checks[number]?.(new Shell(lab), commands, lab);
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('each of the seven namespaces of a sandbox', () => {
  const kinds: [flag: string, kind: (typeof namespaceKinds)[number]][] = [
    ...(['net', 'pid', 'uts', 'ipc', 'cgroup', 'user'] as const).map((kind) => [kind, kind] as [string, typeof kind]),
    ['mount', 'mnt'],
  ];
  const onlyOfRoot = ['user', 'mount'];

  test.for(kinds)('%s: its own, the host’s, or that of another sandbox', async ([flag, kind], { lab }) => {
    const shell = new Shell(lab);
    const ask = `readlink /proc/self/ns/${kind}`;
    const { running } = await shell.background('tsrun sandbox --name lab --user private -- sleep 30');
    const { pid } = (await lab.tsrun(['state', shell.name])).json<{ pid: number }>();
    const host = namespaceOf('self', kind);
    const other = namespaceOf(pid, kind);
    expect(other).not.toBe(host);

    const own = await shell.said(`tsrun sandbox --user private -- ${ask}`);
    expect([host, other]).not.toContain(own);
    // A caller without privileges has a user namespace of its own, and mounts that go with it.
    if (caller === undefined || !onlyOfRoot.includes(flag)) {
      const pids = flag === 'mount' ? '--pid host' : ''; // /proc is the host's then
      expect(await shell.said(`tsrun sandbox --${flag} host ${pids} -- ${ask}`)).toBe(host);
    }
    const joined = new Set(['user', flag, ...(flag === 'mount' ? ['pid'] : [])]);
    const joins = [...joined].map((name) => `--${name} container:lab`).join(' ');
    expect(await shell.said(`tsrun sandbox ${joins} -- ${ask}`)).toBe(other);
    await shell.kill();
    await running;
  });
});

describe('a terminal', () => {
  test('is there where the caller has one, and is the sandbox’s own', async ({ lab }) => {
    const line = runtime(lab.root, 'sandbox', '--name', lab.id(), '--', 'sh', '-c', 'tty; stty size');
    const terminal = new Terminal(24, 80, line);
    await terminal.ended();
    const { output } = terminal;
    expect(output).toContain('/dev/pts/0');
    expect(output).toContain('24 80');
  });
});
