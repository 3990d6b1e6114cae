import { describe, expect, test } from 'vitest';
import { TsrunError } from '../../runtime/errors.ts';
import { Log, type LogLevel, type LogOptions } from '../../runtime/log.ts';

const time = '2026-01-02T03:04:05.678Z';
const logFd = 17;

/** A log whose file and stderr are strings. */
function capture(options: Partial<LogOptions> = {}, results: { open?: number; write?: number } = {}) {
  const written = new Map<number, string[]>();
  const opened: [string, number, number][] = [];
  const log = new Log(
    { file: undefined, format: 'text', level: 'error', ...options },
    {
      open: (path, flags, mode) => {
        opened.push([path, flags, mode]);
        return results.open ?? logFd;
      },
      write: (fd, data) => {
        if (fd === logFd && results.write !== undefined) return results.write;
        written.set(fd, [...(written.get(fd) ?? []), String(data)]);
        return data.length;
      },
      now: () => new Date(time),
    },
  );
  const text = (fd: number): string => (written.get(fd) ?? []).join('');
  return {
    log,
    opened,
    file: () => text(logFd),
    stderr: () => text(2),
    writes: (fd: number) => written.get(fd)?.length ?? 0,
  };
}

const failure = new TsrunError('mount', 'mount tmpfs on "/dev"', { cause: new Error('Operation not permitted') });
const sentence = 'mount tmpfs on "/dev": Operation not permitted';

describe('a JSON log', () => {
  const levels: LogLevel[] = ['error', 'warning', 'debug'];

  test.each(levels)('%s: a failure is one object in one write', (level) => {
    const { log, file, stderr, writes } = capture({ file: '/l', format: 'json', level });
    log.debug('step one');
    log.warn('unknown property');
    expect(log.fail(failure)).toBe(1);
    expect(writes(logFd)).toBe(1);
    expect(file().endsWith('}\n')).toBe(true);
    const object = JSON.parse(file());
    expect(object).toMatchObject({
      level: 'error',
      msg: sentence,
      time,
      code: 'mount',
      warnings: ['unknown property'],
    });
    expect('debug' in object).toBe(level === 'debug');
    expect(stderr()).toBe(`tsrun: ${sentence}\n`);
  });

  test('an error alone has the keys that callers know, and a code', () => {
    const { log, file } = capture({ file: '/l', format: 'json' });
    log.fail(new TsrunError('not-found', 'container "x" does not exist'));
    expect(file()).toBe(
      `{"level":"error","msg":"container \\"x\\" does not exist","time":"${time}","code":"not-found"}\n`,
    );
  });

  test('a success writes nothing, to the file or to stderr', () => {
    const { log, file, stderr } = capture({ file: '/l', format: 'json' });
    log.warn('unknown property');
    log.debug('step one');
    log.succeed();
    expect(file() + stderr()).toBe('');
  });

  test('a success writes its warnings where they are wanted', () => {
    const { log, file, stderr } = capture({ file: '/l', format: 'json', level: 'warning' });
    log.warn('unknown\nproperty');
    log.debug('step one');
    log.succeed();
    expect(file()).toBe(`{"level":"warning","msg":"unknown\\\\nproperty","time":"${time}"}\n`);
    expect(stderr()).toBe('');
  });

  test('what is written is written once', () => {
    const { log, file } = capture({ file: '/l', format: 'json', level: 'warning' });
    log.warn('first');
    log.succeed();
    log.succeed();
    log.fail(failure);
    expect(file().split('first')).toHaveLength(2);
  });

  test('without a file it is stderr, and nothing else is', () => {
    const { log, stderr, opened } = capture({ format: 'json' });
    log.warn('unknown property');
    log.fail(failure);
    expect(JSON.parse(stderr())).toMatchObject({ level: 'error', msg: sentence });
    expect(opened).toStrictEqual([]);
  });
});

describe('a text log', () => {
  test('a failure is one line', () => {
    const { log, file, stderr } = capture({ file: '/l' });
    log.warn('unknown property');
    log.fail(failure);
    expect(file()).toBe(`time=${time} level=error code=mount msg=${JSON.stringify(sentence)}\n`);
    expect(stderr()).toBe(`tsrun: ${sentence}\n`);
  });

  test('warnings stand before the error', () => {
    const { log, file } = capture({ file: '/l', level: 'warning' });
    log.warn('unknown property');
    log.fail(failure);
    expect(file()).toMatch(/^time=\S+ level=warning msg="unknown property"\ntime=\S+ level=error /);
  });

  test('debug messages do not wait', () => {
    const { log, file, stderr } = capture({ file: '/l', level: 'debug' });
    expect(log.debugging).toBe(true);
    log.debug('step one');
    expect(file()).toBe(`time=${time} level=debug msg="step one"\n`);
    log.fail(failure);
    expect(file()).toContain('log.test.ts');
    expect(stderr()).toBe(`tsrun: ${sentence}\n`);
  });

  test('without a file it is stderr', () => {
    const { log, stderr } = capture({ level: 'debug' });
    log.debug('step one');
    log.warn('unknown property');
    log.succeed();
    expect(stderr()).toBe('tsrun: debug: step one\ntsrun: warning: unknown property\n');
  });

  test('without a file a failure is one line on stderr', () => {
    const { log, stderr } = capture();
    log.warn('unknown property');
    log.debug('step one');
    log.fail(failure);
    expect(stderr()).toBe(`tsrun: ${sentence}\n`);
  });
});

describe('the file', () => {
  test('is appended to, made 0644, closed on exec, and never waited for', () => {
    const { opened } = capture({ file: 'rel/l' });
    // O_WRONLY | O_CREAT | O_NOCTTY | O_APPEND | O_NONBLOCK | O_CLOEXEC
    expect(opened).toStrictEqual([['rel/l', 0o2006501, 0o644]]);
  });

  test('that cannot be opened is an error, in words that do not speak of the program', () => {
    expect(() => capture({ file: '/none/l' }, { open: -2 })).toThrow(
      expect.objectContaining({
        code: 'log',
        message: '--log: cannot open "/none/l" for appending: its directory is missing',
      }),
    );
    expect(() => capture({ file: '/l' }, { open: -30 })).toThrow(/appending: Read-only file system$/);
  });

  test('that cannot be written is told on stderr, with the error', () => {
    const { log, stderr } = capture({ file: '/l', format: 'json' }, { write: -28 });
    expect(log.fail(failure)).toBe(1);
    expect(stderr()).toBe(`tsrun: ${sentence}\ntsrun: this error could not be written to "/l"\n`);
  });
});

describe('warnings that are found later', () => {
  /** A search that counts how often it is done. */
  const search = () => {
    const searches = { done: 0, find: () => [`found at search ${++searches.done}`] };
    return searches;
  };

  test('are not looked for when nobody wants them', () => {
    const { log, stderr } = capture();
    const searches = search();
    log.warnLater(searches.find);
    log.succeed();
    expect(log.fail(failure)).toBe(1);
    expect(searches.done).toBe(0);
    expect(stderr()).toBe(`tsrun: ${sentence}\n`);
  });

  test('are looked for once, and written in their place', () => {
    const { log, stderr } = capture({ level: 'warning' });
    const searches = search();
    log.warn('before');
    log.warnLater(searches.find);
    log.warn('after');
    log.succeed();
    log.succeed();
    expect(stderr()).toBe('tsrun: warning: before\ntsrun: warning: found at search 1\ntsrun: warning: after\n');
  });

  test('stand before the error of a text log', () => {
    const { log, stderr } = capture({ level: 'warning' });
    log.warnLater(search().find);
    log.fail(failure);
    expect(stderr()).toBe(`tsrun: warning: found at search 1\ntsrun: ${sentence}\n`);
  });

  test.each(['error', 'warning', 'debug'] as const)('%s: are part of a failure in a JSON log', (level) => {
    const { log, file } = capture({ file: '/l', format: 'json', level });
    log.warn('before');
    log.warnLater(search().find);
    log.fail(failure);
    expect(JSON.parse(file())).toMatchObject({ warnings: ['before', 'found at search 1'] });
  });

  test('bear the time at which they were due, and no control characters', () => {
    const { log, file } = capture({ file: '/l', format: 'json', level: 'warning' });
    log.warnLater(() => ['two\nlines']);
    log.succeed();
    expect(JSON.parse(file())).toEqual({ level: 'warning', msg: 'two\\nlines', time });
  });
});
