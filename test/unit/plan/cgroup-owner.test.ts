/** Whose the container's cgroup becomes. */
import { expect, test } from 'vitest';
import type { HostFacts } from '../../../runtime/facts.ts';
import { plan } from '../../../runtime/plan.ts';
import type { Config, Linux, Mount, NamespaceType } from '../../../spec/config.ts';
import {
  insideUserNamespace,
  requestOf,
  rootOnHybrid,
  rootOnUnified,
  smallConfig,
  userOnUnified,
} from '../../golden/cases.ts';

const shown: Mount = {
  destination: '/sys/fs/cgroup/',
  type: 'cgroup',
  source: 'cgroup',
  options: ['ro', 'nosuid', 'rw'],
};
const ranges: Linux = {
  uidMappings: [
    { containerID: 0, hostID: 100000, size: 1000 },
    { containerID: 1000, hostID: 500, size: 10 },
  ],
  gidMappings: [{ containerID: 0, hostID: 100000, size: 1000 }],
};

function config(
  uid: number,
  types: readonly NamespaceType[],
  linux: Linux = {},
  mounts: readonly Mount[] = [shown],
): Config {
  const base = smallConfig(['mount', ...types], linux);
  return { ...base, mounts, process: { args: ['true'], cwd: '/', user: { uid, gid: 0 } } };
}
const joined: Linux = {
  namespaces: [{ type: 'mount' }, { type: 'cgroup' }, { type: 'user', path: '/proc/1/ns/user' }],
};
const foreign: Linux = { namespaces: [{ type: 'mount' }, { type: 'cgroup', path: '/proc/1/ns/cgroup' }] };
const withoutCapabilities: HostFacts = { ...rootOnUnified, capabilities: rootOnUnified.capabilities & ~1n };

test.each<[string, Config, HostFacts, number | undefined]>([
  ['the root of a user namespace', config(0, ['cgroup', 'user'], ranges), rootOnUnified, 100000],
  ['somebody else there', config(1009, ['cgroup', 'user'], ranges), rootOnUnified, 509],
  ['a user of the host', config(1009, ['cgroup']), rootOnUnified, 1009],
  ['a user where tsrun is in a user namespace', config(7, ['cgroup']), insideUserNamespace, 7],
  ['root of the host: it is already', config(0, ['cgroup']), rootOnUnified, undefined],
  ['a namespace that is joined, with mappings', config(1009, [], { ...joined, ...ranges }), rootOnUnified, 509],
  ['a namespace that is joined, without', config(1009, [], joined), rootOnUnified, undefined],
  ['the caller’s cgroup namespace', config(1009, []), rootOnUnified, undefined],
  ['somebody else’s cgroup namespace', config(1009, [], foreign), rootOnUnified, undefined],
  ['read-only', config(1009, ['cgroup'], {}, [{ ...shown, options: ['rw', 'ro'] }]), rootOnUnified, undefined],
  [
    'read-only with all below it',
    config(1009, ['cgroup'], {}, [{ ...shown, options: ['rw', 'rro'] }]),
    rootOnUnified,
    undefined,
  ],
  ['read-only unless asked', config(1009, ['cgroup'], {}, [{ ...shown, options: [] }]), rootOnUnified, undefined],
  ['elsewhere', config(1009, ['cgroup'], {}, [{ ...shown, destination: '/cgroup' }]), rootOnUnified, undefined],
  ['a bind', config(1009, ['cgroup'], {}, [{ ...shown, type: 'bind' }]), rootOnUnified, undefined],
  ['controllers of v1', config(1009, ['cgroup']), rootOnHybrid, undefined],
  ['a caller without CAP_CHOWN', config(1009, ['cgroup']), withoutCapabilities, undefined],
  ['a caller without privileges', config(0, ['cgroup', 'user'], ranges), userOnUnified, undefined],
])('%s', (_, config, facts, owner) => {
  expect(plan(requestOf(config), facts).cgroup.owner).toBe(owner);
});
