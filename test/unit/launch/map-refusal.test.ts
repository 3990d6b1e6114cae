/** What is said of a map of ids that the kernel refuses. */
import { describe, expect, test } from 'vitest';
import { mapRefusal, withoutPower } from '../../../runtime/launch/map-refusal.ts';
import { capabilityNumber } from '../../../spec/tables.ts';

const map = (containerID: number, hostID: number, size = 1) => ({ containerID, hostID, size });
const bits = (...names: string[]): bigint =>
  names.reduce((set, name) => set | (1n << BigInt(capabilityNumber(name) ?? 0)), 0n);

const initial = [map(0, 0, 4_294_967_295)];
/** As rootless engines have it. */
const twoLines = [map(0, 1000), map(1, 100_000, 65_536)];
const all = bits('CAP_SETFCAP', 'CAP_SETUID', 'CAP_SETGID');

describe('a map that the kernel refuses', () => {
  test.each([
    ['an id that is not there', [map(0, 0), map(1, 70_000)], twoLines, all, /^the host id 70000 is not mapped into/],
    ['the end of a range', [map(0, 65_000, 1000)], twoLines, all, /^the host id 65537 is not mapped into/],
    ['no id at all', [map(0, 0)], [], all, /^the host id 0 is not mapped .*\/proc\/self\/uid_map/],
    [
      'a range over two lines',
      [map(0, 0, 100)],
      twoLines,
      all,
      /^the host ids 0 to 99 are in several lines .*split the entry .* at the host id 1$/,
    ],
    ['host id 0 without CAP_SETFCAP', [map(5, 5, 9), map(0, 0)], initial, bits('CAP_SETUID'), /CAP_SETFCAP since/],
    ['anything else', [map(0, 5)], initial, bits('CAP_SETUID'), /security module/],
  ])('%s', (_, mappings, ownMap, capabilities, said) => {
    expect(mapRefusal('uid', mappings, { ownMap, capabilities })).toMatch(said);
  });

  test('of groups needs no CAP_SETFCAP', () => {
    expect(mapRefusal('gid', [map(0, 0)], { ownMap: initial, capabilities: 0n })).toMatch(/security module/);
  });
});

test('no program has a capability that is not in the bounding set', () => {
  expect(withoutPower('uid', bits('CAP_SETGID'))).toMatch(/^CAP_SETUID is not in the bounding set.*--cap-add SETUID/);
  expect(withoutPower('gid', bits('CAP_SETUID'))).toMatch(/^CAP_SETGID is not in the bounding set/);
  expect(withoutPower('uid', all)).toBeUndefined();
});
