/** A conversation by D-Bus, with an other end that says what the test wants. */
import { describe, expect, it } from 'vitest';
import {
  DBusCallError,
  DBusConnection,
  DBusConnectionError,
  type Transport,
  textOf,
} from '../../../runtime/cgroup/dbus.ts';
import { socketPaths, unixAddress } from '../../../runtime/cgroup/dbus-address.ts';
import { Writer } from '../../../runtime/cgroup/dbus-marshal.ts';
import { decodeMessage, MESSAGE, type Message } from '../../../runtime/cgroup/dbus-message.ts';
import { DBusFormatError } from '../../../runtime/cgroup/dbus-signature.ts';
import { type DBusValue, signatureOf } from '../../../runtime/cgroup/dbus-value.ts';

const text = (value: string): DBusValue => ({ type: 's', value });

/** The bytes of a message that a bus or a service sends. */
function message(type: number, fields: [number, DBusValue][], body: DBusValue[] = [], serial = 1): Uint8Array {
  const content = new Writer();
  for (const value of body) content.value(value);
  const signature: [number, DBusValue] = [8, { type: 'g', value: body.map(signatureOf).join('') }];
  const writer = new Writer();
  for (const byte of [0x6c, type, 0, 1]) writer.byte(byte);
  writer.uint32(content.length);
  writer.uint32(serial);
  writer.array('(yv)', () => {
    for (const [code, value] of [...fields, signature])
      writer.value({
        type: 'r',
        fields: [
          { type: 'y', value: code },
          { type: 'v', value },
        ],
      });
  });
  writer.align(8);
  writer.raw(content.bytes());
  return writer.bytes();
}

const answerTo = (call: Message, ...body: DBusValue[]): Uint8Array =>
  message(MESSAGE.RETURN, [[5, { type: 'u', value: call.serial }]], body);
const errorTo = (call: Message, name: string, ...body: DBusValue[]): Uint8Array =>
  message(
    MESSAGE.ERROR,
    [
      [4, text(name)],
      [5, { type: 'u', value: call.serial }],
    ],
    body,
  );
const signal = (member: string, ...body: DBusValue[]): Uint8Array =>
  message(
    MESSAGE.SIGNAL,
    [
      [1, { type: 'o', value: '/m' }],
      [2, text('a.Manager')],
      [3, text(member)],
    ],
    body,
  );

/** The other end: answers lines until BEGIN, then messages. What it says arrives in pieces of `piece` bytes. */
class OtherEnd implements Transport {
  readonly lines: string[] = [];
  readonly calls: Message[] = [];
  closed = false;
  #time = 0;
  #pending: number[] = [];
  #began = false;
  readonly #sayings: readonly string[];
  readonly #onCall: (call: Message) => Uint8Array[];
  readonly #piece: number;

  constructor(onCall: (call: Message) => Uint8Array[], sayings = ['DATA', 'OK 1234'], piece = 65_536) {
    this.#onCall = onCall;
    this.#sayings = sayings;
    this.#piece = piece;
  }

  write(data: Uint8Array): void {
    if (this.#began) {
      const call = decodeMessage(data);
      this.calls.push(call);
      for (const bytes of this.#onCall(call)) this.#pending.push(...bytes);
      return;
    }
    const lines = Buffer.from(data).toString();
    this.lines.push(lines);
    this.#began = lines.endsWith('BEGIN\r\n');
    for (const saying of this.#sayings) this.#pending.push(...Buffer.from(`${saying}\r\n`));
  }

  read(buffer: Uint8Array, deadline: number): number {
    if (this.#pending.length === 0) {
      this.#time = deadline;
      throw new DBusConnectionError('no answer in time', true);
    }
    const part = this.#pending.splice(0, Math.min(this.#piece, buffer.length));
    buffer.set(part);
    return part.length;
  }

  now(): number {
    return this.#time;
  }

  close(): void {
    this.closed = true;
  }
}

const greet = (call: Message): Uint8Array[] => (call.member === 'Hello' ? [answerTo(call, text(':1.7'))] : []);
const call = { destination: 'a.b', path: '/m', interface: 'a.Manager', member: 'Do', body: [] };
const rule = { sender: 'a.b', path: '/m', interface: 'a.Manager', member: 'JobRemoved' };

describe('the beginning', () => {
  it('is who we are, as the kernel says it, and a greeting', () => {
    const other = new OtherEnd(greet);
    new DBusConnection(other, false);
    expect(other.lines).toEqual(['\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n']);
    expect(other.calls.map(({ member }) => member)).toEqual(['Hello']);
  });

  it('is no greeting without a bus', () => {
    const other = new OtherEnd(greet);
    new DBusConnection(other, true);
    expect(other.calls).toEqual([]);
  });

  it.each([
    ['a refusal', ['REJECTED EXTERNAL'], /does not accept who we are \("REJECTED EXTERNAL"\)/],
    ['a refusal after the question', ['DATA', 'REJECTED'], /does not accept/],
    ['an acceptance too early', ['OK 1234'], /does not accept/],
    ['a line that ends in LF alone', ['DATA\nOK 1234'], /does not end as lines do/],
    ['a line without an end', ['x'.repeat(9000)], /without an end|does not accept/],
    ['silence', [], /no answer in time/],
  ])('fails by %s, and the connection is closed', (_, sayings, words) => {
    const other = new OtherEnd(greet, sayings);
    expect(() => new DBusConnection(other, false)).toThrow(words);
    expect(other.closed).toBe(true);
  });

  it('fails where the bus does not greet back', () => {
    const other = new OtherEnd((hello) => [errorTo(hello, 'a.LimitsExceeded', text('too many'))]);
    expect(() => new DBusConnection(other, false)).toThrow('too many (a.LimitsExceeded)');
    expect(other.closed).toBe(true);
  });
});

/** A connection to a bus behind which somebody answers calls. */
function connected(onCall: (call: Message) => Uint8Array[], piece?: number): DBusConnection {
  const answer = (call: Message): Uint8Array[] =>
    call.interface === 'org.freedesktop.DBus' ? [answerTo(call, text(':1.7'))] : onCall(call);
  return new DBusConnection(new OtherEnd(answer, undefined, piece), false);
}

describe('a call', () => {
  it.each([1, 7, 65_536])('is answered, whatever comes between, in pieces of %i bytes', (piece) => {
    const stray = { ...decodeMessage(signal('Other')), serial: 99 };
    const bus = connected(
      (call) => [signal('NameAcquired', text('x')), answerTo(stray, text('not this')), answerTo(call, text('this'))],
      piece,
    );
    if (piece === 65_536) expect(textOf(bus.call(call).body[0])).toBe('this');
    else expect(bus.call(call).body).toEqual([text('this')]);
  });

  it('that fails tells the name of the error and its words', () => {
    const bus = connected((call) => [errorTo(call, 'a.NoSuchUnit', text('Unit x not loaded.'))]);
    expect(() => bus.call(call)).toThrow(
      expect.objectContaining({ errorName: 'a.NoSuchUnit', text: 'Unit x not loaded.' }),
    );
    expect(() => bus.call(call)).toThrow(DBusCallError);
  });

  it('that fails without words tells the name', () => {
    expect(() => connected((call) => [errorTo(call, 'a.B')]).call(call)).toThrow(/^a\.B$/);
  });

  it('that is not answered ends in time', () => {
    expect(() => connected(() => []).call(call, 100)).toThrow(/no answer in time/);
  });

  it('that is answered by what is no message fails', () => {
    expect(() => connected(() => [Buffer.alloc(64, 0x55)]).call(call)).toThrow(DBusFormatError);
    expect(() => textOf({ type: 'u', value: 1 })).toThrow(DBusFormatError);
    expect(() => textOf(undefined)).toThrow(DBusFormatError);
  });
});

describe('a signal', () => {
  const isJob = (job: string) => (signal: Message) => textOf(signal.body[0]) === job;

  it('that came before the answer to a call is not lost', () => {
    const bus = connected((call) => [
      signal('JobRemoved', text('other')),
      signal('UnitNew', text('mine')),
      signal('JobRemoved', text('mine'), text('done')),
      answerTo(call, text('mine')),
    ]);
    bus.watch(rule);
    const job = textOf(bus.call(call).body[0]);
    expect(bus.signal(isJob(job), 1000).body).toEqual([text('mine'), text('done')]);
  });

  it('is waited for, and no longer than told', () => {
    const bus = connected((call) => [answerTo(call), signal('JobRemoved', text('mine'))]);
    bus.watch(rule);
    bus.call(call);
    expect(bus.signal(isJob('mine'), 1000).member).toBe('JobRemoved');
    expect(() => bus.signal(isJob('mine'), 1000)).toThrow(/no answer in time/);
  });

  it('is not kept where nobody asked for it', () => {
    const bus = connected((call) => [signal('JobRemoved', text('mine')), answerTo(call)]);
    bus.call(call);
    bus.watch(rule);
    expect(() => bus.signal(isJob('mine'), 1000)).toThrow(/no answer in time/);
  });
});

describe('addresses', () => {
  it.each([
    ['unix:path=/run/dbus/system_bus_socket', ['/run/dbus/system_bus_socket']],
    ['unix:path=/run/user/1000/bus,guid=abc;unix:path=/b', ['/run/user/1000/bus', '/b']],
    ['unix:guid=1,path=/run/a%20b%c3%bc', ['/run/a bü']],
    ['unix:path=/50%', ['/50%']],
    ['unix:abstract=/tmp/x;tcp:host=a,port=1;unixexec:path=/bin/sh;unix:path=relative;;', []],
    ['', []],
  ])('%s', (addresses, paths) => {
    expect(socketPaths(addresses)).toEqual(paths);
  });

  it('hold any path', () => {
    for (const path of ['/run/x', '/a b;c,d=e%41ü', '/\n']) expect(socketPaths(unixAddress(path))).toEqual([path]);
  });
});
