/** What is told of a sandbox's configuration names the flags that it came of. */
import { describe, expect, test } from 'vitest';
import { TsrunError, wordError } from '../../../runtime/errors.ts';
import { ofFlags } from '../../../runtime/sandbox/flag-names.ts';
import { loadConfig } from '../../../spec/load.ts';
import { host, made, rootHost } from './fixtures.ts';

const file = '/state/box/bundle/config.json';

/** The words of an error about the configuration of this command line. */
function told(line: string | string[], message: string | ((index: (path: string) => number) => string)): string {
  const { config, flags } = made(line, { ...host, layers: [{ path: '/usr', kind: 'overlay' }] });
  const indexOf = (path: string) => config.mounts?.findIndex(({ destination }) => destination === path) ?? -1;
  const words = typeof message === 'string' ? message : message(indexOf);
  return wordError(ofFlags(new TsrunError('mount', words, { exitCode: 7 }), file, flags));
}

describe('an error of a property', () => {
  const rows: [line: string | string[], message: Parameters<typeof told>[1], words: string][] = [
    ['--bind /a:/b', (at) => `mounts[${at('/b')}]: bind /a: gone`, '--bind /a:/b: bind /a: gone'],
    ['--ro-bind /a', (at) => `mounts[${at('/a')}].source: gone`, '--ro-bind /a: gone'],
    [['--tmpfs', '/a\nb'], (at) => `mounts[${at('/a\nb')}]: x`, '--tmpfs "/a\\nb": x'],
    ['--overlay', (at) => `mounts[${at('/usr')}]: x`, '--overlay: x'],
    ['--upper up', (at) => `mounts[${at('/usr')}]: x`, '--upper /home/me/work/up: x'],
    ['--net pasta', (at) => `mounts[${at('/etc/resolv.conf')}]: x`, '--net pasta: x'],
    ['--bind /a', (at) => `${file}:12:3: mounts[${at('/a')}].destination, mounts: x`, '--bind /a, mounts: x'],
    ['--uts /x', 'linux.namespaces[5].path: x', '--uts /x: x'],
    ['--net container:c1', 'linux.namespaces[3]: x', '--net container:c1: x'],
    ['--map-auto', 'linux.uidMappings: newuidmap refused', '--map-auto: newuidmap refused'],
    ['--user private', 'linux.gidMappings[0]: x', '--user private: x'],
    ['--user host', 'linux.namespaces: a container of such a caller', '--user host: a container of such a caller'],
    ['--user host', 'linux.namespaces[1]: x', 'linux.namespaces[1]: x'],
    ['--upper up', 'root.path: x', '--upper up: x'],
    ['--rootfs tree', (at) => `mounts[${at('/proc')}]: x`, '--rootfs tree: x'],
    ['--map-auto --user 5', 'process.user.uid: x', '--user 5: x'],
    ['--rootfs tree', 'root.path: x', '--rootfs tree: x'],
    ['--memory 4K', 'linux.resources.memory.limit: x', '--memory 4096: x'],
    ['--cpus 2', 'linux.resources.cpu.quota: x', '--cpus 2: x'],
    ['--hostname h', 'hostname: x', '--hostname h: x'],
    ['', 'process.args[0]: exec: "x": not found', 'exec: "x": not found'],
    ['--cap-add SYS_TIME', 'process.capabilities.effective[1]: x', '--cap-add SYS_TIME: x'],
    [
      '--cwd /x',
      'process.cwd: chdir: it is missing, and could not be made',
      '--cwd /x: chdir: it is missing in the sandbox: make it first, or bind a directory there',
    ],
    [
      '--pids 3',
      'make the cgroup "/x" of the pids controller: no: run tsrun as root, or remove the limit from linux.resources',
      '--pids 3: make the cgroup "/x" of the pids controller: no: run tsrun as root, or leave --pids 3 out',
    ],
  ];
  test.each(rows)('%s', (line, message, words) => {
    expect(told(line, message)).toBe(words);
  });

  test('that no flag asked for keeps its name, but not the place in a file that is gone', () => {
    expect(told('', `${file}:1:2: mounts[0].source: x`)).toBe('mounts[0].source: x');
    expect(told('', 'process.cwd: x')).toBe('process.cwd: x');
    expect(told('', 'hooks ended')).toBe('hooks ended');
  });

  test('keeps its code and status, and what went wrong with the clean-up', () => {
    const { flags } = made('--hostname h');
    const failed = new TsrunError('namespace', 'hostname: x', { exitCode: 7 }).attach(new Error('left'));
    const renamed = ofFlags(failed, file, flags) as TsrunError;
    expect([renamed.code, renamed.exitCode, wordError(renamed)]).toEqual([
      'namespace',
      7,
      '--hostname h: x; and then, while cleaning up: left',
    ]);
    const other = new Error('x');
    expect(ofFlags(other, file, flags)).toBe(other);
  });

  test('is one of the validation as well', () => {
    const { config, flags } = made('--bind /a:/proc/x', rootHost);
    let error: unknown;
    try {
      loadConfig(new TextEncoder().encode(JSON.stringify(config, null, 2)), file);
    } catch (caught) {
      error = caught;
    }
    expect(wordError(ofFlags(error, file, flags))).toMatch(/^--bind \/a:\/proc\/x: nothing can be mounted there: /);
  });
});
