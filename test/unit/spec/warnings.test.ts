import { describe, expect, it } from 'vitest';
import { baseWith, errorOf, messageOf, warningsOf } from './documents.ts';

/** What is accepted with a warning; the numbers are those of the threat model's list of bad inputs. */
const QUESTIONABLE: [Record<string, string>, string[]][] = [
  [{}, []],
  // 15
  [{ 'process.env': '["A"]' }, ['15:13: process.env[0]: not of the form NAME=value, passed on as it is: got "A"']],
  [{ 'process.env': '[""]' }, ['15:13: process.env[0]: not of the form NAME=value, passed on as it is: got ""']],
  [{ 'process.env': '["=x"]' }, ['15:13: process.env[0]: not of the form NAME=value, passed on as it is: got "=x"']],
  [
    { 'process.env': '["A=1","B=","A=2"]' },
    ['15:24: process.env[2]: the variable is given twice, passed on as it is: got "A=2"'],
  ],
  // 71
  ...['SCHED_IDLE', 'SCHED_ISO', 'SCHED_FIFO', 'SCHED_OTHER', 'SCHED_BATCH'].map(
    (policy): [Record<string, string>, string[]] => [
      { 'process.scheduler': `{"policy":"${policy}","nice":5${policy === 'SCHED_FIFO' ? ',"priority":1' : ''}}` },
      policy === 'SCHED_OTHER' || policy === 'SCHED_BATCH'
        ? []
        : [`15:${31 + policy.length}: process.scheduler.nice: no effect: ${policy} has no nice value: got 5`],
    ],
  ),
  // 26
  [
    { 'process.capabilities': '{"bounding":["CAP_BOGUS","KILL","cap_kill","constructor","CAP_SYS_ADMN"]}' },
    [
      '15:34: process.capabilities.bounding[0]: unknown capability, ignored: got "CAP_BOGUS"',
      '15:46: process.capabilities.bounding[1]: unknown capability, ignored: got "KILL"; did you mean CAP_KILL?',
      '15:53: process.capabilities.bounding[2]: unknown capability, ignored: got "cap_kill"; did you mean CAP_KILL?',
      '15:64: process.capabilities.bounding[3]: unknown capability, ignored: got "constructor"',
      '15:78: process.capabilities.bounding[4]: unknown capability, ignored: got "CAP_SYS_ADMN"; did you mean CAP_SYS_ADMIN?',
    ],
  ],
  // 27
  [
    {
      'process.capabilities':
        '{"ambient":["CAP_KILL","CAP_CHOWN"],"permitted":["CAP_KILL","CAP_CHOWN"],"inheritable":["CAP_KILL"]}',
    },
    ['15:22: process.capabilities.ambient: not raised, as they are not inheritable: CAP_CHOWN'],
  ],
  // 38
  [
    { 'linux.namespaces': '[]', mounts: '[{"destination":"/proc","type":"proc"}]', 'linux.readonlyPaths': '["/etc"]' },
    ['20:3: mounts', '18:5: linux.readonlyPaths'].map(
      (property) =>
        `${property}: done in the mount namespace of the caller, as the container has none; add {"type": "mount"} to linux.namespaces`,
    ),
  ],
  [{ 'linux.namespaces': '[{"type":"mount","path":"/m"}]', mounts: '[{"destination":"/proc","type":"proc"}]' }, []],
  // 50
  [
    { mounts: '[{"destination":"tmp","type":"tmpfs"}]' },
    ['23:15: mounts[0].destination: a relative path is deprecated, taken as relative to /: got "tmp"'],
  ],
  // 54
  [
    { mounts: '[{"destination":"/a","type":"none","source":"/b","options":["bind","size=10"]}]' },
    ['23:80: mounts[0].options[1]: no option of a bind mount, without effect: got "size=10"'],
  ],
  // 69
  [{ hooks: '{"bogusHook":[]}' }, ['23:13: hooks.bogusHook: unknown property, ignored']],
  [{ hooks: '{"postStart":[]}' }, ['23:13: hooks.postStart: unknown property, ignored; did you mean poststart?']],
  // 75
  [
    { windows: '{"a":1}', solaris: '{}' },
    ['23:3: windows: not for Linux, ignored', '24:3: solaris: not for Linux, ignored'],
  ],
  // unknown properties and what was meant
  [
    { 'linux.rootPropagation': '"slave"' },
    ['22:5: linux.rootPropagation: unknown property, ignored; did you mean rootfsPropagation?'],
  ],
  [{ 'process.Cwd': '1' }, ['15:5: process.Cwd: unknown property, ignored; did you mean cwd?']],
  [
    { 'linux.hostname': '"h"', umask: '1' },
    [
      '22:5: linux.hostname: unknown property, ignored; did you mean hostname?',
      '24:3: umask: unknown property, ignored; did you mean process.user.umask?',
    ],
  ],
  [{ 'root.x': '{"y":1}' }, ['5:5: root.x: unknown property, ignored']],
  [
    {
      'linux.seccomp':
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG","comment":""}]}',
    },
    ['22:101: linux.seccomp.syscalls[0].comment: unknown property, ignored'],
  ],
  [{ annotations: '{"anything":"goes"}' }, []],
];

describe('questionable values are accepted with a warning', () => {
  it.each(QUESTIONABLE)('%j', (edits, warnings) => {
    expect(warningsOf(baseWith(edits))).toEqual(warnings.map((warning) => `config.json:${warning}`));
  });
});

describe('strict mode', () => {
  it('makes unknown properties errors', () => {
    expect(messageOf(baseWith({ 'linux.rootPropagation': '"slave"' }), { strict: true })).toBe(
      'config.json:22:5: linux.rootPropagation: unknown property; did you mean rootfsPropagation?',
    );
  });

  it('leaves other warnings as they are', () => {
    const text = baseWith({ windows: '{}', 'process.env': '["A"]' });
    expect(messageOf(text, { strict: true })).toBeUndefined();
    expect(warningsOf(text, { strict: true })).toHaveLength(2);
  });
});

describe('a refused configuration', () => {
  it('has all errors, then the warnings, each with its place', () => {
    const error = errorOf(
      baseWith({ 'process.cwd': '"tmp"', 'process.env': '["A"]', 'linux.bogus': '1', 'root.path': '""' }),
    );
    expect(error?.diagnostics.map(({ severity, pointer }) => `${severity} ${pointer}`)).toEqual([
      'error /root/path',
      'error /process/cwd',
      'warning /process/env/0',
      'warning /linux/bogus',
    ]);
    expect(error?.diagnostics[1]).toEqual({
      severity: 'error',
      file: 'config.json',
      line: 14,
      column: 5,
      pointer: '/process/cwd',
      property: 'process.cwd',
      message: 'not an absolute path: got "tmp"; begin it with /',
    });
  });

  it('has pointers that lead to odd names', () => {
    const error = errorOf(baseWith({ annotations: '{"a/b~c d":1}' }));
    expect(error?.diagnostics[0]).toMatchObject({
      pointer: '/annotations/a~1b~0c d',
      property: 'annotations["a/b~c d"]',
    });
  });

  it('keeps its message on one line, whatever the file is called', () => {
    expect(messageOf('')).toBe('config.json:1:1: the file is empty; expected a JSON object');
  });
});
