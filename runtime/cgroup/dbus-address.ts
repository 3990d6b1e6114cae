/** Where a bus listens: addresses as D-Bus writes them. D-Bus Specification, "Server Addresses". */

const unescaped = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_/.\\*';

/** The address of the socket at `path`. */
export function unixAddress(path: string): string {
  let value = '';
  for (const byte of new TextEncoder().encode(path)) {
    const character = String.fromCharCode(byte);
    value += unescaped.includes(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return `unix:path=${value}`;
}

function unescapeValue(value: string): string {
  const bytes: number[] = [];
  const source = new TextEncoder().encode(value);
  for (let at = 0; at < source.length; at++) {
    const byte = source[at] ?? 0;
    const digits = value.slice(at + 1, at + 3);
    if (byte === 0x25 && /^[0-9a-fA-F]{2}$/.test(digits)) {
      bytes.push(Number.parseInt(digits, 16));
      at += 2;
    } else bytes.push(byte);
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/**
 * The socket files that a list of addresses (separated by semicolons) names, in its order. Other transports (tcp,
 * abstract names, started programs) are left out: no service manager listens there.
 */
export function socketPaths(addresses: string): string[] {
  const paths: string[] = [];
  for (const address of addresses.split(';')) {
    if (!address.startsWith('unix:')) continue;
    for (const pair of address.slice('unix:'.length).split(','))
      if (pair.startsWith('path=/')) paths.push(unescapeValue(pair.slice('path='.length)));
  }
  return paths;
}
