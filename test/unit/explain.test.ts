import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describe as inWords } from '../../runtime/describe.ts';
import { explain, explainJson } from '../../runtime/explain.ts';
import { plan } from '../../runtime/plan.ts';
import { cases, requestOf, rootOnUnified, smallConfig } from '../golden/cases.ts';

const lengths = (text: string): number[] => text.split('\n').map((line) => [...line].length);

describe('explain for people', () => {
  test.each(cases)('$name: no line is wider than asked', ({ request, facts }) => {
    const made = plan(request, facts);
    for (const width of [100, 120, 200]) {
      // A path may be longer than its column; nothing else is.
      const longest = Math.max(
        ...explain(made, request, facts)
          .split(/[ \n]/)
          .map((word) => word.length),
      );
      const limit = Math.max(width, width - 32 + longest);
      expect(Math.max(...lengths(explain(made, request, facts, { width })))).toBeLessThanOrEqual(limit);
    }
  });

  test.each(cases)('$name: every step is numbered, once', ({ request, facts }) => {
    const made = plan(request, facts);
    const text = explain(made, request, facts);
    const numbers = [...text.matchAll(/^ *(\d+) {2}(?:host|init) {2}/gm)].map(([, number]) => Number(number));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThan(made.steps.length);
  });

  const hostile = '\x1b[31mred\n\u202e';
  const config = {
    ...smallConfig(['mount', 'uts']),
    hostname: hostile,
    mounts: [{ destination: `/${hostile}`, type: hostile }],
  };

  test('shows nothing of a configuration that a terminal obeys', () => {
    const request = requestOf(config);
    const text = explain(plan(request, rootOnUnified), request, rootOnUnified);
    expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\u202e]/);
    expect(text).toContain('\\x1b[31mred\\n\\u{202e}');
  });

  test('has colours only where they are asked for, and says the same then', () => {
    const request = requestOf(smallConfig(['mount']));
    const made = plan(request, rootOnUnified);
    const plain = explain(made, request, rootOnUnified);
    const coloured = explain(made, request, rootOnUnified, { colour: true });
    expect(plain).not.toContain('\x1b');
    expect(coloured).toContain('\x1b[');
    expect(coloured.replaceAll(/\x1b\[\d+m/g, '').replaceAll(/ +$/gm, '')).toBe(plain);
  });

  test('says the warnings of the plan', () => {
    const base = smallConfig(['mount']);
    const request = requestOf({
      ...base,
      process: { ...base.process, capabilities: { bounding: ['CAP_CHOWN'] } },
    });
    const facts = { ...rootOnUnified, capabilities: 1n << 21n };
    expect(explain(plan(request, facts), request, facts)).toMatch(/^warning {3}process\.capabilities: CAP_CHOWN/m);
  });
});

describe('explain for programs', () => {
  test.each(cases)('$name: is JSON, and has every operation in its order', ({ request, facts }) => {
    const made = plan(request, facts);
    const parsed: unknown = JSON.parse(JSON.stringify(explainJson(made, request, facts)));
    expect(parsed).toEqual(explainJson(made, request, facts));
    const { steps } = explainJson(made, request, facts);
    const operations = steps.flatMap(({ operation }) => (operation ? [operation] : []));
    expect(operations).toMatchObject(made.steps.map(({ operation }) => ({ op: operation.op })));
    expect(steps.map(({ number }) => number)).toEqual(steps.map((_, index) => index + 1));
  });

  test('keeps integers exact: a string where a number would not be', () => {
    const base = smallConfig(['mount']);
    const limit = { type: 'RLIMIT_AS', soft: 9007199254740993n, hard: 18446744073709551615n };
    const request = requestOf({
      ...base,
      process: { ...base.process, rlimits: [limit, { ...limit, soft: 5, hard: 6n }] },
    });
    const json = explainJson(plan(request, rootOnUnified), request, rootOnUnified);
    const limits = json.steps.flatMap(({ operation }) =>
      typeof operation === 'object' && operation !== null && 'soft' in operation ? [operation] : [],
    );
    expect(limits).toEqual([
      { op: 'rlimit', resource: 9, soft: '9007199254740993', hard: '18446744073709551615' },
      { op: 'rlimit', resource: 9, soft: 5, hard: 6 },
    ]);
  });
});

describe('an operation in words', () => {
  test('is one line, whatever names there are in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const words = inWords({ operation: { op: 'mount', type: name, target: name, options: [name] }, from: 'x' });
        expect(words).toMatch(/^mount [^\0-\x1f]+ on [^\0-\x1f]+$/);
      }),
    );
  });

  test.each([
    [{ op: 'mount', type: 'tmpfs', target: '/dev', options: [] } as const, 'mount tmpfs on /dev'],
    [{ op: 'join', fd: 0, type: 0x40000000 } as const, 'join the network namespace'],
    [{ op: 'unshare', flags: 0x80 } as const, 'make a new time namespace'],
    [
      { op: 'fork', flags: 0x20000000 | 0x20000 | 0x08000000 } as const,
      'go on as a new process in new pid, mount and ipc namespaces',
    ],
    [{ op: 'fork', flags: 0 } as const, 'go on as a new process'],
    [
      { op: 'device', path: '/dev/null', mode: 0o20666, major: 1, minor: 3, uid: 0, gid: 0 } as const,
      'make the device /dev/null (c 1:3)',
    ],
    [
      { op: 'device', path: '/dev/sda', mode: 0o60666, major: 8, minor: 0, uid: 0, gid: 0 } as const,
      'make the device /dev/sda (b 8:0)',
    ],
    [{ op: 'device', path: '/p', mode: 0o10666, major: 0, minor: 0, uid: 0, gid: 0 } as const, 'make the fifo /p'],
    [{ op: 'bind', source: '/a b', target: '/c', fd: -1 } as const, 'bind "/a b" on /c'],
    [{ op: 'rlimit', resource: 7, soft: 5, hard: -1n } as const, 'set RLIMIT_NOFILE to 5 (soft) and unlimited (hard)'],
    [{ op: 'propagation', flags: (1 << 19) | (1 << 14) } as const, 'make the mounts of the new namespace slave'],
    [{ op: 'umask', mask: 0o22 } as const, 'set the umask to 022'],
    [{ op: 'sync', point: 99 } as const, 'wait for the host at point 99'],
  ])('%#', (operation, words) => {
    expect(inWords({ operation, from: 'x' })).toBe(words);
  });
});
