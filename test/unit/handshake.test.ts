/** The conversation with init: what comes early, late, twice or not at all. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MESSAGE, type Operation, POINT } from '../../runtime/generated/wire.ts';
import { Handshake, HandshakeError, type HandshakeEvent } from '../../runtime/handshake.ts';
import { FILTER_FLAG } from '../../runtime/seccomp/numbers.ts';
import type { Message } from '../../runtime/wire.ts';

const operations: readonly Operation[] = [
  { op: 'unshare', flags: 0x10000000 },
  { op: 'sync', point: POINT.MAPS },
  { op: 'becomeRoot' },
  { op: 'fork', flags: 0x20000000 },
  { op: 'sync', point: POINT.SOURCES },
  { op: 'console', path: '/dev/console', uid: 0 },
  { op: 'sync', point: POINT.HOOKS },
  { op: 'ready' },
  { op: 'seccomp', flags: FILTER_FLAG.NEW_LISTENER | FILTER_FLAG.LOG, program: [] },
  { op: 'alive' },
  { op: 'waitStart' },
  { op: 'exec' },
];

const steps = operations.map((operation) => ({ operation, from: 'test' }));

function message(type: number, value = 0, detail = ''): Message {
  return { type, operation: 0, value, detail: new TextEncoder().encode(detail) };
}

/** Everything that init says of the operations above when all goes well. */
const script: readonly (readonly [name: string, message: Message, event: HandshakeEvent])[] = [
  ['maps', message(MESSAGE.SYNC, POINT.MAPS), { kind: 'point', point: POINT.MAPS }],
  ['child', message(MESSAGE.SYNC, POINT.CHILD, '4711'), { kind: 'point', point: POINT.CHILD, pid: 4711 }],
  ['sources', message(MESSAGE.SYNC, POINT.SOURCES), { kind: 'point', point: POINT.SOURCES }],
  ['console', message(MESSAGE.CONSOLE), { kind: 'console' }],
  ['hooks', message(MESSAGE.SYNC, POINT.HOOKS), { kind: 'point', point: POINT.HOOKS }],
  ['ready', message(MESSAGE.READY), { kind: 'ready' }],
  [
    'listener',
    message(MESSAGE.SYNC, POINT.LISTENER, '9'),
    { kind: 'point', point: POINT.LISTENER, fd: 9, brings: false },
  ],
  ['alive', message(MESSAGE.ALIVE), { kind: 'alive' }],
];

/** A conversation in which the first `count` messages were said. */
function having(count: number): Handshake {
  const handshake = new Handshake(steps);
  for (const [, said] of script.slice(0, count)) handshake.receive(said);
  return handshake;
}

const rows = script.map(([name, said], index) => ({ name, said, index }));

describe('each message', () => {
  test.each(rows)('$name: in its turn', ({ index, said }) => {
    expect(having(index).receive(said)).toEqual(script[index]?.[2]);
  });

  test.each(rows.slice(1))('$name: early', ({ index, said }) => {
    expect(() => having(index - 1).receive(said)).toThrow(HandshakeError);
  });

  test.each(rows)('$name: twice', ({ index, said }) => {
    expect(() => having(index + 1).receive(said)).toThrow(HandshakeError);
  });

  test.each(rows.slice(0, -1))('$name: late', ({ index, said }) => {
    expect(() => having(script.length).receive(said)).toThrow(HandshakeError);
    if (index + 2 <= script.length) expect(() => having(index + 2).receive(said)).toThrow(HandshakeError);
  });

  test.each(rows)('$name: the end in its place', ({ index }) => {
    const handshake = having(index);
    expect(handshake.done).toBe(false);
    expect(() => handshake.end()).toThrow('init ended without saying why');
  });

  test.each(rows)('$name: a failure in its place', ({ index }) => {
    const handshake = having(index);
    expect(handshake.receive(message(MESSAGE.ERROR, 13, 'open_tree\n/a\nb'))).toEqual({
      kind: 'failed',
      operation: 0,
      errno: 13,
      syscall: 'open_tree',
      object: '/a\nb',
    });
    expect(() => handshake.receive(message(MESSAGE.READY))).toThrow('after a failure');
  });

  test.each(rows)('$name: a failed hook in its place', ({ index }) => {
    expect(having(index).receive(message(MESSAGE.HOOK_FAILED, 256, 'no'))).toEqual({
      kind: 'hookFailed',
      operation: 0,
      status: 256,
      output: 'no',
    });
  });

  test.each(rows)('$name: a warning before it changes nothing', ({ index, said }) => {
    const handshake = having(index);
    expect(handshake.receive(message(MESSAGE.WARNING, 0, 'mind'))).toEqual({ kind: 'warning', text: 'mind' });
    expect(handshake.receive(said)).toEqual(script[index]?.[2]);
  });
});

describe('the conversation', () => {
  test('that was had to its end may end', () => {
    const handshake = having(script.length);
    expect(handshake.done).toBe(true);
    expect(() => handshake.end()).not.toThrow();
  });

  test.each([
    ['another point', message(MESSAGE.SYNC, POINT.OFFSETS)],
    ['no point', message(MESSAGE.SYNC, 99)],
    ['what only the host says', message(MESSAGE.CONTINUE, POINT.MAPS)],
    ['what only the reply fifo takes', message(MESSAGE.STARTED)],
    ['a type that is none', message(4242)],
  ])('knows no %s', (_, said) => {
    expect(() => new Handshake(steps).receive(said)).toThrow(HandshakeError);
  });

  test.each(['', '0', '1', '-5', '12x', '1e400', '99999999999999999999'])('takes no pid from %j', (pid) => {
    expect(() => having(1).receive(message(MESSAGE.SYNC, POINT.CHILD, pid))).toThrow('without a pid');
  });

  test('takes no failure and no warning after its end', () => {
    expect(() => having(script.length).receive(message(MESSAGE.ERROR, 1, 'x'))).toThrow(HandshakeError);
    expect(() => having(script.length).receive(message(MESSAGE.WARNING, 0, 'x'))).toThrow(HandshakeError);
  });

  test('reads a failure whose detail is no text', () => {
    const detail = Uint8Array.from([0xff, 0x0a, 0xfe]);
    const event = new Handshake(steps).receive({ type: MESSAGE.ERROR, operation: 3, value: 5, detail });
    expect(event).toEqual({ kind: 'failed', operation: 3, errno: 5, syscall: '\ufffd', object: '\ufffd' });
  });

  // Whatever order messages come in: accepted is the one script, or a part of it from its beginning.
  test('accepts its script and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...script), { maxLength: 12 }), (said) => {
        const handshake = new Handshake(steps);
        const right = said.findIndex(([name], index) => script[index]?.[0] !== name);
        const accepted = right < 0 ? said.length : right;
        said.slice(0, accepted).forEach(([, each]) => void handshake.receive(each));
        const [, wrong] = said[accepted] ?? [];
        if (wrong) expect(() => handshake.receive(wrong)).toThrow(HandshakeError);
        expect(handshake.done).toBe(accepted === script.length);
      }),
    );
  });
});

test('a listener comes along where the plan says so', () => {
  const handshake = new Handshake([
    { operation: { op: 'seccomp', flags: FILTER_FLAG.NEW_LISTENER, sends: 1, program: [] }, from: 'test' },
  ]);
  expect(handshake.receive(message(MESSAGE.SYNC, POINT.LISTENER, '9'))).toMatchObject({ brings: true });
});
