/** Errors about a property get its place in the file. */
import { expect, test } from 'vitest';
import type { Bundle } from '../../runtime/bundle.ts';
import { TsrunError, wordError } from '../../runtime/errors.ts';
import { placing } from '../../runtime/placed.ts';
import type { Config } from '../../spec/config.ts';

const text = `{
  "linux": { "seccomp": { "defaultAction": "SCMP_ACT_ALLOW" }, "resources": { "unified": { "a.b \\"c": "1" } } },
  "mounts": [
    { "destination": "/a" },
    { "destination": "/b", "options": ["x"] }
  ]
}
`;

const bundle: Bundle = {
  directory: '/b',
  file: '/b/config.json',
  bytes: new TextEncoder().encode(text),
  config: JSON.parse(text) as Config,
  rootfs: '/b/rootfs',
  warnings: () => [],
};

function worded(message: string): string {
  try {
    placing(bundle, () => {
      throw new TsrunError('unsupported', message, { exitCode: 7, cause: new Error('why') });
    });
  } catch (error) {
    expect(error).toMatchObject({ code: 'unsupported', exitCode: 7 });
    return wordError(error);
  }
  throw new Error('nothing thrown');
}

test.each([
  ['linux.seccomp: no', '2:14'],
  ['mounts[1].options: no', '5:28'],
  ['mounts[0].options: no', '4:5'],
  ['linux.resources.unified["a.b \\"c"]: no', '2:92'],
  ['linux.resources.memory.limit, linux.resources.memory.swap: no', '2:64'],
])('%s', (message, place) => {
  expect(worded(message)).toBe(`/b/config.json:${place}: ${message}: why`);
});

test.each(['mount tmpfs on /dev: no', 'cgroup: no', '--bundle: no', 'process: no', 'linux.seccomp'])(
  '%s: as it was',
  (message) => {
    expect(worded(message)).toBe(`${message}: why`);
  },
);

test('what is decided comes through', () => {
  expect(placing(bundle, () => 5)).toBe(5);
});
