/** Messages of rtnetlink(7), as bytes: what network devices need, and no more. Pure. */

/** A type of message. */
const RTM = { NEWLINK: 16, GETLINK: 18, NEWADDR: 20, GETADDR: 22 } as const;
/** An attribute of a link (linux/if_link.h). */
const IFLA = { IFNAME: 3, NET_NS_FD: 28 } as const;
/** An attribute of an address (linux/if_addr.h). */
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, FLAGS: 8 } as const;

const NLM_F = { REQUEST: 1, ACK: 4, DUMP: 0x300, CREATE: 0x400, EXCL: 0x200 } as const;
const NLMSG = { ERROR: 2, DONE: 3 } as const;
const HEADER = 16;
const LINK_HEADER = 16;
const ADDRESS_HEADER = 8;
const IFF_UP = 1;
const IFA_F_PERMANENT = 0x80;
const RT_SCOPE_UNIVERSE = 0;

type Attribute = readonly [type: number, value: Uint8Array];

const aligned = (length: number): number => (length + 3) & ~3;

/** A request: its header, the family's own header, attributes. Integers are in the machine's order, which is little-endian. */
function request(type: number, flags: number, body: Uint8Array, attributes: readonly Attribute[]): Uint8Array {
  let length = HEADER + body.length;
  for (const [, value] of attributes) length += 4 + aligned(value.length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, 1, true);
  bytes.set(body, HEADER);
  let at = HEADER + body.length;
  for (const [attribute, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, attribute, true);
    bytes.set(value, at + 4);
    at += 4 + aligned(value.length);
  }
  return bytes;
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

function linkHeader(index: number, flags: number, change: number): Uint8Array {
  const bytes = new Uint8Array(LINK_HEADER);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return bytes;
}

/** Asks for the link of a name. */
export function getLink(name: string): Uint8Array {
  return request(RTM.GETLINK, NLM_F.REQUEST, linkHeader(0, 0, 0), [[IFLA.IFNAME, text(name)]]);
}

/** Asks for all links. */
export function getLinks(): Uint8Array {
  return request(RTM.GETLINK, NLM_F.REQUEST | NLM_F.DUMP, linkHeader(0, 0, 0), []);
}

/** Asks for all addresses. */
export function getAddresses(): Uint8Array {
  return request(RTM.GETADDR, NLM_F.REQUEST | NLM_F.DUMP, new Uint8Array(ADDRESS_HEADER), []);
}

/** Moves a link to the namespace behind a descriptor, under a name. */
export function moveLink(index: number, namespaceFd: number, name: string): Uint8Array {
  return request(RTM.NEWLINK, NLM_F.REQUEST | NLM_F.ACK, linkHeader(index, 0, 0), [
    [IFLA.NET_NS_FD, number(namespaceFd)],
    [IFLA.IFNAME, text(name)],
  ]);
}

/** Brings a link up. */
export function linkUp(index: number): Uint8Array {
  return request(RTM.NEWLINK, NLM_F.REQUEST | NLM_F.ACK, linkHeader(index, IFF_UP, IFF_UP), []);
}

/** Adds an address as it was read to another link. */
export function addAddress(index: number, address: Address): Uint8Array {
  const body = Uint8Array.of(address.family, address.prefixLength, 0, RT_SCOPE_UNIVERSE, 0, 0, 0, 0);
  new DataView(body.buffer).setUint32(4, index, true);
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL;
  return request(RTM.NEWADDR, flags, body, address.attributes);
}

/** A link as the kernel tells it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
}

/** An address of a link. */
export interface Address {
  readonly index: number;
  readonly family: number;
  readonly prefixLength: number;
  /** Whether it is of global scope and was configured, and not learnt by a protocol: it goes along with its link. */
  readonly isKept: boolean;
  /** Those that say which address it is. */
  readonly attributes: readonly Attribute[];
}

/** What the kernel answered; `error` is an errno, 0 for an acknowledgement. */
export type Answer =
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'error'; readonly error: number }
  | { readonly kind: 'done' };

function attributesOf(bytes: Uint8Array): Attribute[] {
  const attributes: Attribute[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) break;
    attributes.push([view.getUint16(at + 2, true) & 0x3fff, bytes.slice(at + 4, at + length)]);
    at += aligned(length);
  }
  return attributes;
}

function linkOf(body: Uint8Array): Link {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const name = attributesOf(body.subarray(LINK_HEADER)).find(([type]) => type === IFLA.IFNAME)?.[1];
  return {
    index: view.getInt32(4, true),
    name: new TextDecoder().decode(name ?? new Uint8Array()).replace(/\0.*$/s, ''),
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
  };
}

const identifying: readonly number[] = [IFA.ADDRESS, IFA.LOCAL, IFA.BROADCAST];

function addressOf(body: Uint8Array): Address {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const attributes = attributesOf(body.subarray(ADDRESS_HEADER));
  const wide = attributes.find(([type]) => type === IFA.FLAGS)?.[1];
  const flags = wide ? new DataView(wide.buffer, wide.byteOffset).getUint32(0, true) : view.getUint8(2);
  return {
    index: view.getUint32(4, true),
    family: view.getUint8(0),
    prefixLength: view.getUint8(1),
    isKept: view.getUint8(3) === RT_SCOPE_UNIVERSE && (flags & IFA_F_PERMANENT) !== 0,
    attributes: attributes.filter(([type]) => identifying.includes(type)),
  };
}

/** The messages in what was received at once; unknown ones are left out. */
export function decodeAnswers(bytes: Uint8Array): Answer[] {
  const answers: Answer[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) break;
    const body = bytes.subarray(at + HEADER, at + length);
    switch (view.getUint16(at + 4, true)) {
      case NLMSG.ERROR:
        answers.push({ kind: 'error', error: -view.getInt32(at + HEADER, true) });
        break;
      case NLMSG.DONE:
        answers.push({ kind: 'done' });
        break;
      case RTM.NEWLINK:
        answers.push({ kind: 'link', link: linkOf(body) });
        break;
      case RTM.NEWADDR:
        answers.push({ kind: 'address', address: addressOf(body) });
        break;
    }
    at += aligned(length);
  }
  return answers;
}
