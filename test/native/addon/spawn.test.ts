import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { constants, hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { CLONE, O, POLL } from '../../../runtime/constants.ts';
import { errno } from '../../../runtime/errno.ts';
import type { SpawnOptions } from '../../../runtime/native.ts';
import { check, checkValue } from '../../../runtime/sys.ts';
import { cgroupRoot, openNull, run, shell, temporaryDirectory } from './helpers.ts';

const directory = temporaryDirectory();
const { SIGINT, SIGKILL, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2 } = constants.signals;

/** Lines of /proc/self/status in a process started with `options`. */
function status(options: Partial<SpawnOptions> = {}): Map<string, string> {
  const lines = run(['/bin/cat', '/proc/self/status'], options).output.split('\n');
  return new Map(lines.map((line) => [line.split(':\t')[0] ?? '', line.split(':\t')[1] ?? '']));
}

const mask = (...signals: number[]): bigint => signals.reduce((set, signal) => set | (1n << BigInt(signal - 1)), 0n);
const hex = (set: bigint): string => set.toString(16).padStart(16, '0');

/** A loop in the shell that names its descriptors as `number:target`. */
const listFds = 'for f in /proc/$$/fd/*; do t=$(readlink "$f") && echo "$(basename "$f"):$t"; done';

describe('spawn', () => {
  it('passes arguments and environment', () => {
    const argv = ['/bin/sh', '-c', 'printf "%s|" "$0" "$@"; env', 'name', '', 'ü', 'x'.repeat(1000)];
    const { output, end } = run(argv, { env: ['A=1', `B=${'y'.repeat(500)}`] });
    expect(output).toMatch(/^name\|\|ü\|x{1000}\|(.*\n)*A=1\n/);
    expect(output).toContain(`B=${'y'.repeat(500)}\n`);
    expect(end).toMatchObject({ code: 0, signal: 0 });
  });

  it('runs a program by descriptor', () => {
    const fd = check(addon.open('/bin/echo', O.PATH, 0), 'open');
    expect(run(['echo', 'hello'], { exeFd: fd }).output).toBe('hello\n');
    addon.close(fd);
  });

  it('prefers the path to the descriptor', () => {
    expect(run(['echo', 'path'], { path: '/bin/echo', exeFd: 0 }).output).toBe('path\n');
  });

  it('changes the directory', () => {
    expect(shell('pwd', { cwd: directory }).output).toBe(`${directory}\n`);
  });

  it('reports the failure of a step, and leaves no child', () => {
    const program = { path: '/bin/true', argv: ['true'], env: [], fds: [] };
    expect(addon.spawn({ ...program, path: '/nowhere' })).toBe(-errno.ENOENT);
    expect(addon.spawn({ ...program, path: '/etc/passwd' })).toBe(-errno.EACCES);
    writeFileSync(join(directory, 'rubbish'), 'rubbish', { mode: 0o755 });
    expect(addon.spawn({ ...program, path: join(directory, 'rubbish') })).toBe(-errno.ENOEXEC);
    expect(addon.spawn({ ...program, cwd: '/nowhere' })).toBe(-errno.ENOENT);
    expect(addon.spawn({ ...program, fds: [0, 987] })).toBe(-errno.EBADF);
    expect(addon.spawn({ ...program, fds: [0, -1] })).toBe(-errno.EBADF);
    expect(addon.spawn({ ...program, cgroupFd: 987 })).toBe(-errno.EBADF);
    expect(addon.spawn({ path: '/bin/true', exeFd: 987, argv: ['x'], env: [], fds: [] })).toBeGreaterThan(0);
    expect(addon.spawn({ exeFd: 987, argv: ['x'], env: [], fds: [] })).toBe(-errno.EBADF);
    expect(addon.spawn({ ...program, softNofile: 2 ** 40 })).toBe(-errno.EINVAL);
    expect(addon.wait(-1, true)).toMatchObject({ code: 0 });
    expect(addon.wait(-1, true)).toBe(-errno.ECHILD);
  });
});

describe('the descriptors of a spawned process', () => {
  const named = (names: readonly string[]): number[] =>
    names.map((name) => check(addon.open(join(directory, name), O.RDWR | O.CREAT, 0o600), 'open'));

  it('are those asked for, and no other', () => {
    const [one, two] = named(['one', 'two']) as [number, number];
    const { output } = run(['/bin/ls', '-l', '/proc/self/fd'], { fds: [two, one, one] });
    expect(output.match(/\d+ -> \S+/g)).toEqual([
      '0 -> /dev/null',
      expect.stringMatching(/^1 -> pipe/),
      expect.stringMatching(/^2 -> /),
      `3 -> ${directory}/two`,
      `4 -> ${directory}/one`,
      `5 -> ${directory}/one`,
      expect.stringMatching(/^6 -> \/proc\/\d+\/fd$/), // what it reads this from
    ]);
    for (const fd of [one, two]) addon.close(fd);
  });

  it('may permute the same numbers', () => {
    // A process whose own descriptors 0 to 5 are known: the addon is used from inside it.
    const addonPath = new URL('../../../dist/libexec/tsrun/tsrun.node', import.meta.url).pathname;
    const script = `
      const module = { exports: {} };
      process.dlopen(module, ${JSON.stringify(addonPath)});
      const a = module.exports;
      const pid = a.spawn({ path: '/bin/sh', argv: ['sh', '-c', ${JSON.stringify(`(${listFds}) >&2`)}], env: ['PATH=/bin:/usr/bin'],
        fds: [5, 0, 2, 1, 4, 3] });
      const end = a.wait(pid, true);
      a.exit(end.code);`;
    const names = ['in', 'out', 'three', 'four', 'five'];
    for (const name of names) writeFileSync(join(directory, name), '');
    const [input, output, three, four, five] = named(names);
    const [reading, writing] = checkValue(addon.pipe(), 'pipe');
    const fds = [input, output, writing, three, four, five] as number[];
    const pid = addon.spawn({ path: process.execPath, argv: ['node', '-e', script], env: [], fds });
    addon.close(writing);
    let text = '';
    const buffer = new Uint8Array(4096);
    for (let n = addon.read(reading, buffer); n > 0; n = addon.read(reading, buffer))
      text += Buffer.from(buffer.subarray(0, n)).toString();
    expect(addon.wait(pid, true)).toMatchObject({ code: 0 });
    const expected = ['five', 'in', undefined, 'out', 'four', 'three'];
    for (const [number, name] of expected.entries())
      if (name !== undefined) expect(text).toContain(`${number}:${directory}/${name}\n`);
    for (const fd of [...fds, reading]) addon.close(fd);
  });

  it('may be none', () => {
    const pid = check(addon.spawn({ path: '/bin/true', argv: ['true'], env: [], fds: [] }), 'spawn');
    expect(addon.wait(pid, true)).toEqual({ pid, code: 0, signal: 0 });
  });

  it('may be many', () => {
    const nothing = openNull();
    const { output } = shell('ls /proc/$$/fd | wc -l', { fds: new Array<number>(200).fill(nothing) });
    expect(Number(output)).toBeGreaterThanOrEqual(203);
    addon.close(nothing);
  });
});

describe('what a spawned process inherits', () => {
  it('has default dispositions and an empty mask, whatever the engine has', () => {
    const facts = status();
    expect(readFileSync('/proc/self/status', 'utf8')).not.toContain(`SigIgn:\t${hex(0n)}`);
    expect(facts.get('SigIgn')).toBe(hex(0n));
    expect(facts.get('SigCgt')).toBe(hex(0n));
    expect(facts.get('SigBlk')).toBe(hex(0n));
  });

  it('has the dispositions and the mask asked for', () => {
    const facts = status({ ignoredSignals: mask(SIGPIPE, SIGUSR1, 64), blockedSignals: mask(SIGTERM, 32, 33, 64) });
    expect(facts.get('SigIgn')).toBe(hex(mask(SIGPIPE, SIGUSR1, 64)));
    expect(facts.get('SigBlk')).toBe(hex(mask(SIGTERM, 32, 33, 64)));
  });

  it('leaves the mask of the caller alone', () => {
    const blocked = (): string | undefined => /SigBlk:.*/.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[0];
    const before = blocked();
    status({ blockedSignals: mask(SIGINT) });
    addon.spawn({ path: '/nowhere', argv: ['x'], env: [], fds: [] });
    expect(blocked()).toBe(before);
  });

  it('has the soft limit of descriptors asked for, and the same hard one', () => {
    const hard = shell('ulimit -Hn').output;
    expect(shell('ulimit -Sn; ulimit -Hn', { softNofile: 123 }).output).toBe(`123\n${hard}`);
    expect(Number(shell('ulimit -Sn').output)).toBe(addon.softNofile());
  });

  it('has a session of its own if asked', () => {
    const session = 'cut -d" " -f1,6 /proc/self/stat';
    const [pid, sid] = run(['/usr/bin/cut', '-d ', '-f1,6', '/proc/self/stat'], { newSession: true }).output.split(
      /\s/,
    );
    expect(sid).toBe(pid);
    const [own, shared] = shell(session).output.split(/\s/);
    expect(shared).not.toBe(own);
  });
});

describe('namespaces', () => {
  const kinds: [name: string, link: string, flag: number][] = [
    ['mount', 'mnt', CLONE.NEWNS],
    ['uts', 'uts', CLONE.NEWUTS],
    ['ipc', 'ipc', CLONE.NEWIPC],
    ['network', 'net', CLONE.NEWNET],
    ['cgroup', 'cgroup', CLONE.NEWCGROUP],
    ['pid', 'pid', CLONE.NEWPID],
  ];
  it.each(kinds)('%s: is new, alone', (_, link, flag) => {
    const links = ['mnt', 'uts', 'ipc', 'net', 'cgroup', 'pid'].map((name) => `/proc/self/ns/${name}`);
    const ours = links.map((path) => addon.readlink(path));
    const theirs = run(['/bin/readlink', ...links], { cloneFlags: flag })
      .output.trim()
      .split('\n');
    for (const [i, path] of links.entries()) {
      if (path.endsWith(`/${link}`)) expect(theirs[i]).not.toBe(ours[i]);
      else expect(theirs[i]).toBe(ours[i]);
    }
  });

  it('together: pid 1, a host name of its own', () => {
    const before = hostname();
    const cloneFlags = CLONE.NEWNS | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWNET | CLONE.NEWCGROUP | CLONE.NEWPID;
    const { output } = shell('hostname inside && hostname && echo $$', { cloneFlags, parentDeathSignal: SIGKILL });
    expect(output).toBe('inside\n1\n');
    expect(hostname()).toBe(before);
  });
});

describe('a cgroup', () => {
  it('is what the process is born in', () => {
    const path = join(cgroupRoot, `tsrun-addon-test-${process.pid}`);
    mkdirSync(path);
    try {
      const cgroupFd = check(addon.open(path, O.PATH | O.DIRECTORY, 0), 'open');
      const { output } = run(['/bin/grep', '^0::', '/proc/self/cgroup'], { cgroupFd });
      expect(output).toMatch(new RegExp(`/tsrun-addon-test-${process.pid}\n$`));
      addon.close(cgroupFd);
    } finally {
      rmdirSync(path);
    }
  });
});

describe('processes', () => {
  it('have ids', () => {
    expect(addon.getpid()).toBe(process.pid);
    expect(addon.getppid()).toBe(process.ppid);
    expect(addon.geteuid()).toBe(process.geteuid?.());
    expect(addon.getegid()).toBe(process.getegid?.());
  });

  it('are waited for, signalled and watched by descriptor', () => {
    const pid = check(addon.spawn({ path: '/bin/sleep', argv: ['sleep', '100'], env: [], fds: [] }), 'spawn');
    const pidfd = check(addon.pidfdOpen(pid), 'pidfdOpen');
    expect(addon.wait(pid, false)).toBe(null);
    expect(addon.poll(Int32Array.of(pidfd, POLL.IN), 0)).toBe(0);
    expect(addon.pidfdSendSignal(pidfd, 0)).toBe(0);
    expect(addon.pidfdSendSignal(pidfd, SIGUSR2)).toBe(0);
    expect(addon.poll(Int32Array.of(pidfd, POLL.IN), 10_000)).toBe(1);
    expect(addon.wait(pid, true)).toEqual({ pid, code: -1, signal: SIGUSR2 });
    expect(addon.pidfdSendSignal(pidfd, SIGTERM)).toBe(-errno.ESRCH);
    addon.close(pidfd);
    expect(addon.kill(pid, 0)).toBe(-errno.ESRCH);
    expect(addon.wait(pid, false)).toBe(-errno.ECHILD);
    expect(addon.pidfdOpen(2 ** 30)).toBe(-errno.ESRCH);
    expect(addon.wait(0, false)).toBe(-errno.EINVAL);
    expect(addon.wait(-5, false)).toBe(-errno.EINVAL);
  });

  it('end with a code, or by a signal', () => {
    expect(shell('exit 42').end).toMatchObject({ code: 42, signal: 0 });
    expect(shell('kill -KILL $$').end).toMatchObject({ code: -1, signal: SIGKILL });
  });

  it('end at once by exit, and take their children along by the parent death signal', () => {
    const addonPath = new URL('../../../dist/libexec/tsrun/tsrun.node', import.meta.url).pathname;
    const script = `
      const module = { exports: {} };
      process.dlopen(module, ${JSON.stringify(addonPath)});
      process.on('exit', () => console.log('teardown'));
      const start = (flags) => module.exports.spawn({ path: '/bin/sleep', argv: ['sleep', '100'], env: [], fds: [],
        parentDeathSignal: 9, cloneFlags: flags });
      module.exports.write(1, [start(0), start(${CLONE.NEWPID})].join(' '));
      module.exports.exit(7);`;
    check(addon.setSubreaper(true), 'setSubreaper'); // so that they become ours, to be waited for
    try {
      const { output, end } = run([process.execPath, '-e', script]);
      expect(end).toMatchObject({ code: 7 });
      expect(output).toMatch(/^\d+ \d+$/);
      for (const pid of output.split(' ').map(Number))
        expect(addon.wait(pid, true)).toEqual({ pid, code: -1, signal: SIGKILL });
    } finally {
      addon.setSubreaper(false);
    }
  });

  it('are started without the memory of the engine being copied', () => {
    const started = performance.now();
    for (let i = 0; i < 20; i++) run(['/bin/true']);
    expect((performance.now() - started) / 20).toBeLessThan(50);
    execFileSync('/bin/true'); // the engine's own children still work beside
  });
});
