import { describe, expect, test } from 'vitest';
import { errno } from '../../runtime/errno.ts';
import { describeWaitStatus, wordExecFailure, wordFailure, wordHookFailure } from '../../runtime/failure.ts';
import type { Step } from '../../runtime/plan.ts';

const hook: Step = {
  operation: { op: 'hook', path: '/bin/hook', timeoutMs: 1000, args: ['hook'], env: [] },
  from: 'hooks.createContainer[0]',
};

const steps: readonly Step[] = [
  {
    operation: { op: 'mount', type: 'tmpfs', source: 'tmpfs', target: '/dev', options: ['bogus'] },
    from: 'mounts[1]',
  },
  { operation: { op: 'findExecutable' }, from: 'process.args[0]' },
  { operation: { op: 'bind', source: '/from', target: '/to', fd: -1 }, from: 'mounts[2]' },
  { operation: { op: 'session' }, from: 'a terminal of its own' },
  hook,
  { operation: { op: 'sysctl', path: 'sys/kernel/x', value: '1' }, from: 'linux.sysctl["kernel.x"]' },
  { operation: { op: 'rootfs', path: '/b/rootfs', fd: -1 }, from: 'root.path' },
];

const plan = { steps };

function failed(operation: number, number: number, syscall: string, object: string) {
  const error = wordFailure(plan, { kind: 'failed', operation, errno: number, syscall, object }, { args: ['prog'] });
  return [error.code, error.message];
}

describe('a failed operation', () => {
  test('says property, deed, call, reason and remedy', () => {
    expect(failed(0, errno.EPERM, 'fsmount', 'tmpfs')).toEqual([
      'mount',
      'mounts[1]: mount tmpfs on /dev: fsmount: Operation not permitted: the kernel does not let the caller mount tmpfs: it lacks CAP_SYS_ADMIN, or the file system is not for user namespaces',
    ]);
  });

  test('names the object of the call where the deed does not', () => {
    const [, message] = failed(0, errno.EINVAL, 'fsconfig', "bogus: tmpfs: Unknown parameter 'bogus'");
    expect(message).toContain("fsconfig bogus: tmpfs: Unknown parameter 'bogus': Invalid argument: ");
  });

  test('leaves the phrase of a missing program to missing programs', () => {
    expect(failed(2, errno.ENOENT, 'open_tree', '/from')).toEqual([
      'mount',
      'mounts[2]: bind /from on /to: open_tree: does not exist: the source /from is missing',
    ]);
  });

  test('does not show a reason in words as a property', () => {
    expect(failed(3, errno.EPERM, 'setsid', '')).toEqual([
      'process',
      'start a session: setsid: Operation not permitted',
    ]);
  });

  test('takes a program that a security module keeps from the caller for no init', () => {
    const [, message] = failed(1, errno.EPERM, 'stat', '/program');
    expect(message).toContain('/program');
    expect(message).not.toContain('init');
  });

  test('says of a program that is init itself what it is', () => {
    expect(failed(1, errno.ETXTBSY, 'stat', '/self')).toEqual([
      'command-not-executable',
      expect.stringMatching(
        /^process\.args\[0\]: exec: "\/self": permission denied: .*tsrun's own init.*: name another$/,
      ),
    ]);
  });

  test('escapes and cuts what init says', () => {
    const [, message] = failed(0, errno.EINVAL, 'fsconfig', `\x1b[2J${'x'.repeat(4000)}`);
    expect(message).toContain('\\x1b[2Jxxx');
    expect(message?.length).toBeLessThan(1000);
  });

  test.each([
    [5, 'namespace'],
    [6, 'rootfs'],
  ])('operation %i has the code of its part: %s', (operation, code) => {
    expect(failed(operation, errno.EACCES, 'open', 'x')[0]).toBe(code);
  });

  test.each([
    [0, errno.EBADMSG, 'string offset'],
    [0, errno.EPROTO, "the host's answer"],
    [99, errno.EBADMSG, 'it ends without EXEC'],
    [99, errno.EPERM, ''],
  ])('operation %i, errno %i, %s is a mistake of tsrun', (operation, number, object) => {
    const [code, message] = failed(operation, number, 'plan', object);
    expect(code).toBe('internal');
    expect(message).toContain('please report it');
  });
});

describe('a program', () => {
  test.each([
    [errno.ENOENT, 'find', 'prog', 'command-not-found', 'exec: "prog": executable file not found in $PATH'],
    [errno.ENOENT, 'find', '', 'command-not-found', 'exec: "prog": executable file not found in $PATH'],
    [errno.ENOENT, 'stat', '/x', 'command-not-found', 'exec: "/x": no such file or directory'],
    [errno.ENOTDIR, 'stat', '/x/y', 'command-not-found', 'exec: "/x/y": not a directory'],
    [errno.EISDIR, 'stat', '/tmp', 'command-not-executable', 'exec: "/tmp": permission denied: it is a directory'],
  ])('errno %i of %s %s: %s', (number, syscall, object, code, message) => {
    expect(failed(1, number, syscall, object)).toEqual([code, `process.args[0]: ${message}`]);
  });

  test('that may not be executed', () => {
    expect(failed(1, errno.EACCES, 'stat', '/etc/passwd')[1]).toMatch(/exec: "\/etc\/passwd": permission denied/);
  });

  const exec = (number: number, head: string) => {
    const error = wordExecFailure({ path: '/x', errno: number, head: new TextEncoder().encode(head) });
    return [error.code, error.message];
  };

  test('whose execve(2) failed is explained from its first bytes', () => {
    expect(exec(errno.ENOENT, '#!/bin/nothing\n')).toEqual([
      'command-not-found',
      expect.stringMatching(/^exec: "\/x": no such file or directory: its interpreter "\/bin\/nothing"/),
    ]);
    expect(exec(errno.ENOEXEC, 'echo\n')).toEqual([
      'command-not-executable',
      expect.stringMatching(/exec format error: it is a text file without/),
    ]);
    expect(exec(errno.ENOEXEC, '')).toEqual([
      'command-not-executable',
      'exec: "/x": exec format error: the file is empty',
    ]);
    expect(exec(errno.ELOOP, '')).toEqual(['command-not-executable', 'exec: "/x": too many levels of symbolic links']);
  });
});

describe('a hook', () => {
  test.each([
    [0x0300, 'exit status 3'],
    [0xff00, 'exit status 255'],
    [9, 'killed by signal 9 (SIGKILL)'],
    [0x8b, 'killed by signal 11 (SIGSEGV), core dumped'],
  ])('wait status %i: %s', (status, words) => {
    expect(describeWaitStatus(status)).toBe(words);
  });

  test('in the container is named by the plan', () => {
    const error = wordFailure(plan, { kind: 'hookFailed', operation: 4, status: 0x300, output: 'bad\n' }, { args: [] });
    expect(error.code).toBe('hook');
    expect(error.message).toBe('hooks.createContainer[0]: hook /bin/hook: exit status 3: it printed "bad"');
  });

  test('whose time was over says how long it had', () => {
    const error = wordFailure(plan, { kind: 'hookFailed', operation: 4, status: -1, output: '' }, { args: [] });
    expect(error.message).toBe(
      'hooks.createContainer[0]: hook /bin/hook: timed out after 1 s, and was killed: it printed nothing',
    );
  });

  test('cannot write to the terminal through its output, nor flood it', () => {
    const { message } = wordHookFailure({
      property: 'hooks.prestart[0]',
      path: '/a hook',
      status: 256,
      output: `\x1b]0;title\x07\r\n${'é'.repeat(5000)}`,
    });
    expect(message).toContain('hook "/a hook": exit status 1: it printed "\\x1b]0;title\\x07\\r\\né');
    expect(message).not.toMatch(/[\0-\x1f]/);
    expect(message.length).toBeLessThan(1200);
  });
});
