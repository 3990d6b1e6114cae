/**
 * Messages of D-Bus. D-Bus Specification, "Message Format".
 *
 * | bytes | what |
 * |---|---|
 * | 0 | `l` or `B`: the byte order |
 * | 1 | the type |
 * | 2 | flags |
 * | 3 | version, 1 |
 * | 4-7 | length of the body |
 * | 8-11 | serial |
 * | 12- | `a(yv)`: the header fields, padded to 8; then the body |
 */
import { Reader, Writer } from './dbus-marshal.ts';
import { DBusFormatError, splitSignature } from './dbus-signature.ts';
import { type DBusValue, signatureOf } from './dbus-value.ts';

export const MESSAGE = { CALL: 1, RETURN: 2, ERROR: 3, SIGNAL: 4 } as const;

const FLAG_NO_REPLY = 0x1;
const VERSION = 1;
/** What the length of a message can be told from. */
export const PRELUDE = 16;
/** Nothing that is asked for here is answered with more; the protocol's own limit is 128 MiB. */
const LONGEST_MESSAGE = 16 * 1024 * 1024;

const FIELD = {
  PATH: 1,
  INTERFACE: 2,
  MEMBER: 3,
  ERROR_NAME: 4,
  REPLY_SERIAL: 5,
  DESTINATION: 6,
  SENDER: 7,
  SIGNATURE: 8,
} as const;

/** A method to call. */
export interface MethodCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly body: readonly DBusValue[];
}

/** A message that arrived. What its type does not have is empty. */
export interface Message {
  /** One of {@link MESSAGE}. */
  readonly type: number;
  readonly serial: number;
  readonly replySerial: number;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly errorName: string;
  readonly sender: string;
  readonly body: readonly DBusValue[];
}

function fieldsOf(call: MethodCall, signature: string): [code: number, value: DBusValue][] {
  const fields: [number, DBusValue][] = [
    [FIELD.PATH, { type: 'o', value: call.path }],
    [FIELD.INTERFACE, { type: 's', value: call.interface }],
    [FIELD.MEMBER, { type: 's', value: call.member }],
    [FIELD.DESTINATION, { type: 's', value: call.destination }],
  ];
  if (signature !== '') fields.push([FIELD.SIGNATURE, { type: 'g', value: signature }]);
  return fields;
}

/**
 * The bytes of a method call.
 *
 * @throws {DBusFormatError} D-Bus cannot carry a value of its body.
 */
export function encodeCall(call: MethodCall, serial: number, wantsReply = true): Uint8Array {
  // The body begins on a multiple of eight, so that its padding is the same when it is written apart.
  const body = new Writer();
  for (const value of call.body) body.value(value);
  const message = new Writer();
  message.byte('l'.charCodeAt(0));
  message.byte(MESSAGE.CALL);
  message.byte(wantsReply ? 0 : FLAG_NO_REPLY);
  message.byte(VERSION);
  message.uint32(body.length);
  message.uint32(serial);
  message.array('(yv)', () => {
    for (const [code, value] of fieldsOf(call, call.body.map(signatureOf).join(''))) {
      message.align(8);
      message.byte(code);
      message.value({ type: 'v', value });
    }
  });
  message.align(8);
  message.raw(body.bytes());
  return message.bytes();
}

function byteOrder(bytes: Uint8Array): boolean {
  const order = String.fromCharCode(bytes[0] ?? 0);
  if (order !== 'l' && order !== 'B') throw new DBusFormatError('a message of no known byte order');
  return order === 'l';
}

/**
 * The length of the message whose first {@link PRELUDE} bytes these are.
 *
 * @throws {DBusFormatError} It is no message, or one that is too long.
 */
export function messageLength(prelude: Uint8Array): number {
  const little = byteOrder(prelude);
  const view = new DataView(prelude.buffer, prelude.byteOffset, PRELUDE);
  if (view.getUint8(3) !== VERSION) throw new DBusFormatError(`a message of version ${view.getUint8(3)}`);
  const length = PRELUDE + Math.ceil(view.getUint32(12, little) / 8) * 8 + view.getUint32(4, little);
  if (length > LONGEST_MESSAGE) throw new DBusFormatError(`a message of ${length} bytes`);
  return length;
}

const FIELD_TYPES: Readonly<Record<number, string>> = {
  [FIELD.PATH]: 'o',
  [FIELD.INTERFACE]: 's',
  [FIELD.MEMBER]: 's',
  [FIELD.ERROR_NAME]: 's',
  [FIELD.REPLY_SERIAL]: 'u',
  [FIELD.DESTINATION]: 's',
  [FIELD.SENDER]: 's',
  [FIELD.SIGNATURE]: 'g',
};

/** The fields a message of each type must have. */
const REQUIRED: Readonly<Record<number, readonly number[]>> = {
  [MESSAGE.CALL]: [FIELD.PATH, FIELD.MEMBER],
  [MESSAGE.RETURN]: [FIELD.REPLY_SERIAL],
  [MESSAGE.ERROR]: [FIELD.ERROR_NAME, FIELD.REPLY_SERIAL],
  [MESSAGE.SIGNAL]: [FIELD.PATH, FIELD.INTERFACE, FIELD.MEMBER],
};

function readFields(reader: Reader): Map<number, string | number> {
  const fields = new Map<number, string | number>();
  const list = reader.value('a(yv)');
  for (const item of list.type === 'a' ? list.items : []) {
    const [code, variant] = item.type === 'r' ? item.fields : [];
    if (code?.type !== 'y' || variant?.type !== 'v') throw new DBusFormatError('a header field that is none');
    const type = FIELD_TYPES[code.value];
    if (type === undefined) continue; // "unknown fields MUST be ignored"
    const { value } = variant;
    if (value.type !== type || fields.has(code.value)) throw new DBusFormatError(`header field ${code.value}`);
    fields.set(
      code.value,
      value.type === 'u' || value.type === 's' || value.type === 'o' || value.type === 'g' ? value.value : '',
    );
  }
  return fields;
}

/**
 * A whole message.
 *
 * @throws {DBusFormatError} The bytes are not one message.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length < PRELUDE || messageLength(bytes) !== bytes.length)
    throw new DBusFormatError('a message of another length than it says');
  const reader = new Reader(bytes, byteOrder(bytes));
  reader.byte();
  const type = reader.byte();
  reader.byte();
  reader.byte();
  const bodyLength = reader.uint32();
  const serial = reader.uint32();
  const fields = readFields(reader);
  reader.align(8);
  if (serial === 0) throw new DBusFormatError('a message without a serial');
  if (reader.position + bodyLength !== bytes.length) throw new DBusFormatError('a body that is not where it should be');
  for (const field of REQUIRED[type] ?? [])
    if (!fields.has(field)) throw new DBusFormatError(`a message of type ${type} without header field ${field}`);
  const text = (field: number): string => String(fields.get(field) ?? '');
  const body = splitSignature(text(FIELD.SIGNATURE)).map((member) => reader.value(member));
  if (reader.position !== bytes.length) throw new DBusFormatError('a body longer than its signature says');
  return {
    type,
    serial,
    replySerial: Number(fields.get(FIELD.REPLY_SERIAL) ?? 0),
    path: text(FIELD.PATH),
    interface: text(FIELD.INTERFACE),
    member: text(FIELD.MEMBER),
    errorName: text(FIELD.ERROR_NAME),
    sender: text(FIELD.SENDER),
    body,
  };
}
