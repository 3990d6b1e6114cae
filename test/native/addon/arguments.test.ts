import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { CLONE } from '../../../runtime/constants.ts';

/** The functions of the interface, with the number of their arguments. */
function declared(): Map<string, number> {
  const source = readFileSync(new URL('../../../runtime/native.ts', import.meta.url), 'utf8');
  const functions = source.slice(source.indexOf('export interface Addon')).matchAll(/^ {2}(\w+)\(([^)]*)\):/gm);
  return new Map(Array.from(functions, ([, name, list]) => [name ?? '', list?.match(/\w+\??:/g)?.length ?? 0]));
}

type AnyFunction = (...given: unknown[]) => unknown;
const anything = addon as unknown as Record<string, AnyFunction>;

function call(name: string, ...given: unknown[]): unknown {
  const called = anything[name];
  if (called === undefined) throw new Error(`${name} is missing`);
  return called(...given);
}

const program = { path: '/bin/true', argv: ['true'], env: [], fds: [] };

describe('the addon', () => {
  it('has exactly the functions of its interface', () => {
    expect(Object.keys(addon).sort()).toEqual([...declared().keys()].sort());
  });

  it.each([...declared()].filter(([, count]) => count > 0))('%s without arguments is a TypeError', (name) => {
    expect(() => call(name)).toThrow(TypeError);
    expect(() => call(name)).toThrow(new RegExp(`^${name}: \\w+ must be `));
  });

  const wrong: [message: string, name: string, ...given: unknown[]][] = [
    ['open: path must be a string', 'open', 3, 0, 0],
    ['open: path must be free of NUL characters', 'open', '/tmp/a\0b', 0, 0],
    ['open: flags must be an integer from -2147483648 to 2147483647', 'open', '/', 0.5, 0],
    ['open: flags must be an integer from -2147483648 to 2147483647', 'open', '/', 2 ** 31, 0],
    ['open: mode must be an integer from 0 to 4294967295', 'open', '/', 0, -1],
    ['open: mode must be an integer from 0 to 4294967295', 'open', '/', 0, Number.NaN],
    ['close: fd must be an integer from -2147483648 to 2147483647', 'close', '1'],
    ['close: fd must be an integer from -2147483648 to 2147483647', 'close', Number.POSITIVE_INFINITY],
    ['close: fd must be an integer from -2147483648 to 2147483647', 'close', 10n],
    ['read: buffer must be a Uint8Array', 'read', 0, new Uint16Array(1)],
    ['read: buffer must be a Uint8Array', 'read', 0, new ArrayBuffer(1)],
    ['write: data must be a Uint8Array', 'write', 1, 5],
    ['readFile: max must be an integer from 0 to 9007199254740991', 'readFile', '/etc/passwd', 2 ** 53],
    ['chown: uid must be an integer from -1 to 4294967295', 'chown', '/nowhere', -2, 0],
    ['stat: follow must be a boolean', 'stat', '/', 1],
    ['poll: fds must be an Int32Array', 'poll', [0, 1], 0],
    ['signalfd: signals must be an array', 'signalfd', 15],
    ['signalfd: signals[1] must be an integer from -2147483648 to 2147483647', 'signalfd', [15, 'x']],
    [
      'sendMessage: fds[0] must be an integer from -2147483648 to 2147483647',
      'sendMessage',
      1,
      new Uint8Array(1),
      [null],
    ],
    ['setWindowSize: size must be an object', 'setWindowSize', 0, null],
    ['setWindowSize: size.rows must be an integer from 0 to 65535', 'setWindowSize', 0, { rows: 65536, columns: 1 }],
    ['setWindowSize: size.columns must be an integer from 0 to 65535', 'setWindowSize', 0, { rows: 1 }],
    ['spawn: options must be an object', 'spawn', 'x'],
    ['spawn: options.path must be given, or exeFd', 'spawn', { argv: ['x'], env: [], fds: [] }],
    ['spawn: options.argv must be an array', 'spawn', { ...program, argv: 'x' }],
    ['spawn: options.argv must be at least one string', 'spawn', { ...program, argv: [] }],
    ['spawn: options.env[1] must be a string', 'spawn', { ...program, env: ['A=1', 2] }],
    ['spawn: options.env[0] must be free of NUL characters', 'spawn', { ...program, env: ['A=\0'] }],
    ['spawn: options.fds must be an array', 'spawn', { ...program, fds: undefined }],
    ['spawn: options.exeFd must be zero or more', 'spawn', { ...program, exeFd: -1 }],
    ['spawn: options.parentDeathSignal must be a signal number', 'spawn', { ...program, parentDeathSignal: 65 }],
    ['spawn: options.ignoredSignals must be a bigint of 64 bits', 'spawn', { ...program, ignoredSignals: 1 }],
    ['spawn: options.blockedSignals must be a bigint of 64 bits', 'spawn', { ...program, blockedSignals: 1n << 64n }],
    ['spawn: options.blockedSignals must be a bigint of 64 bits', 'spawn', { ...program, blockedSignals: -1n }],
    [
      'spawn: options.cloneFlags must be CLONE_NEW* flags without CLONE_NEWUSER and CLONE_NEWTIME',
      'spawn',
      { ...program, cloneFlags: CLONE.NEWUSER },
    ],
    [
      'spawn: options.cloneFlags must be CLONE_NEW* flags without CLONE_NEWUSER and CLONE_NEWTIME',
      'spawn',
      { ...program, cloneFlags: CLONE.NEWTIME },
    ],
  ];
  it.each(wrong)('says: %s', (message, name, ...given) => {
    expect(() => call(name, ...given)).toThrow(new TypeError(message));
  });

  it('passes on what a getter throws', () => {
    const options = {
      get argv(): never {
        throw new RangeError('from the getter');
      },
    };
    expect(() => call('spawn', options)).toThrow(new RangeError('from the getter'));
  });

  it('takes the content of a buffer only after the other arguments are read', () => {
    const data = new Uint8Array(1 << 20);
    const fds = [0];
    Object.defineProperty(fds, 0, { get: () => structuredClone(data, { transfer: [data.buffer] }).length * 0 - 1 });
    expect(call('sendMessage', -1, data, fds)).toBe(-9);
    expect(data.length).toBe(0);
  });
});
