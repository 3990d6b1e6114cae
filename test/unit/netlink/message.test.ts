/** Messages of rtnetlink, beside bytes that the kernel and iproute2 exchange. */
import { describe, expect, test } from 'vitest';
import {
  type Address,
  addAddress,
  decodeAnswers,
  getAddresses,
  getLink,
  linkUp,
  moveLink,
} from '../../../runtime/netlink/message.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('requests', () => {
  test('the link of a name', () => {
    // length 40, RTM_GETLINK, NLM_F_REQUEST; ifinfomsg; IFLA_IFNAME "eth0"
    expect(hex(getLink('eth0'))).toBe(
      '2c00000012000100 0100000000000000 00000000000000000000000000000000 09000300 6574683000000000'.replaceAll(
        ' ',
        '',
      ),
    );
  });

  test('all addresses, as a dump', () => {
    expect(hex(getAddresses())).toBe('1800000016000103010000000000000000000000 00000000'.replaceAll(' ', ''));
  });

  test('a move, whose attributes are aligned', () => {
    const message = moveLink(7, 9, 'x');
    expect(message.length % 4).toBe(0);
    expect(new DataView(message.buffer).getUint32(0, true)).toBe(message.length);
    expect(hex(message.subarray(16 + 16))).toBe('08001c0009000000060003007800 0000'.replaceAll(' ', ''));
  });

  test('a link is brought up by IFF_UP alone', () => {
    expect(hex(linkUp(3).subarray(16))).toBe('00000000030000000100000001000000');
  });
});

describe('answers', () => {
  const ipv4 =
    '3c000000 14000000 01000000 00000000 02188000 05000000 08000100c0000207 08000200c0000207 08000400c00002ff 0800080080000000 00000000';

  test('an address, and the same added to another link', () => {
    const [answer] = decodeAnswers(bytes(ipv4));
    expect(answer).toMatchObject({ kind: 'address', address: { index: 5, family: 2, prefixLength: 24, isKept: true } });
    const { address } = answer as { address: Address };
    const added = addAddress(11, address);
    expect(hex(added.subarray(16))).toBe(
      '021800000b000000 08000100c0000207 08000200c0000207 08000400c00002ff'.replaceAll(' ', ''),
    );
  });

  test.each([
    ['of the link alone', ipv4.replace('02188000', '021880fd')],
    ['learnt from a router', ipv4.replace('0800080080000000', '0800080000000000')],
  ])('an address %s stays', (_, text) => {
    expect(decodeAnswers(bytes(text))).toMatchObject([{ address: { isKept: false } }]);
  });

  test('errors and ends', () => {
    expect(
      decodeAnswers(bytes('24000000 02000000 01000000 00000000 edffffff 28000000120001000100000000000000')),
    ).toEqual([{ kind: 'error', error: 19 }]);
    expect(decodeAnswers(bytes('14000000 03000200 01000000 00000000 00000000'))).toEqual([{ kind: 'done' }]);
  });

  test.each(['', '00', '03000000 10000000 00000000 00000000', 'ffffffff 10000000 00000000 00000000'])(
    '%s is cut off: nothing',
    (text) => {
      expect(decodeAnswers(bytes(text))).toEqual([]);
    },
  );
});
