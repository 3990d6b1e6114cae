/** Who may write the maps of a user namespace, and what is refused before anything is made. */
import { describe, expect, test } from 'vitest';
import { TsrunError } from '../../../runtime/errors.ts';
import type { HostFacts } from '../../../runtime/facts.ts';
import { type Plan, type PlanRequest, plan } from '../../../runtime/plan.ts';
import type { Config, Linux } from '../../../spec/config.ts';
import { rootlessConfig } from '../../../spec/default-config.ts';
import {
  insideUserNamespace,
  requestOf,
  rootOnHybrid,
  rootOnUnified,
  smallConfig,
  userOnUnified,
} from '../../golden/cases.ts';

const one = (containerID: number, hostID: number) => [{ containerID, hostID, size: 1 }];
const range = [{ containerID: 0, hostID: 100000, size: 65536 }];

function withUser(linux: Linux, user: Partial<NonNullable<Config['process']>['user']> = {}): Config {
  const base = smallConfig(['mount', 'user'], linux);
  return { ...base, process: { ...base.process, args: ['true'], cwd: '/', user: { uid: 0, gid: 0, ...user } } };
}

const planned = (config: Config, facts: HostFacts, options: Partial<PlanRequest> = {}): Plan =>
  plan(requestOf(config, options), facts);

function refusal(config: Config, facts: HostFacts, options: Partial<PlanRequest> = {}): string {
  try {
    planned(config, facts, options);
  } catch (error) {
    if (error instanceof TsrunError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

const writers = (plan: Plan) => [plan.idMaps?.uid.by, plan.idMaps?.gid.by, plan.idMaps?.denySetgroups];

describe('who writes the maps', () => {
  test.each<[string, Config, HostFacts, ReturnType<typeof writers>]>([
    ['root', withUser({ uidMappings: range, gidMappings: range }), rootOnUnified, ['write', 'write', false]],
    ['a user, its own ids', rootlessConfig(1000, 1000), userOnUnified, ['write', 'write', true]],
    [
      'a user, ranges',
      withUser({ uidMappings: range, gidMappings: range }),
      userOnUnified,
      ['helper', 'helper', false],
    ],
    [
      'a user, its own uid and a range of groups',
      withUser({ uidMappings: one(0, 1000), gidMappings: range }),
      userOnUnified,
      ['write', 'helper', false],
    ],
    [
      'a user, one id that is not its own',
      withUser({ uidMappings: one(0, 1001), gidMappings: one(0, 1001) }),
      userOnUnified,
      ['helper', 'helper', false],
    ],
    [
      'root of a user namespace',
      withUser({ uidMappings: one(0, 0), gidMappings: one(0, 0) }),
      insideUserNamespace,
      ['write', 'write', false],
    ],
  ])('%s', (_, config, facts, expected) => {
    expect(writers(planned(config, facts))).toEqual(expected);
  });
});

describe('supplementary groups', () => {
  const groupsOf = ({ steps }: Plan) => steps.find(({ operation }) => operation.op === 'groups')?.operation;

  test('are set by root, and not where setgroups is denied', () => {
    expect(groupsOf(planned(withUser({ uidMappings: range, gidMappings: range }), rootOnUnified))).toEqual({
      op: 'groups',
      gids: [],
    });
    expect(groupsOf(planned(rootlessConfig(1000, 1000), userOnUnified))).toBeUndefined();
    const denied = { ...insideUserNamespace, setsGroups: false };
    expect(groupsOf(planned(smallConfig(['mount']), denied))).toBeUndefined();
  });

  test('of a joined user namespace are set where that lets us', () => {
    const config = smallConfig(['mount'], {
      namespaces: [{ type: 'mount' }, { type: 'user', path: '/run/ns/user' }],
    });
    expect(groupsOf(planned(config, rootOnUnified))).toEqual({ op: 'groups', whereAllowed: 1, gids: [] });
  });
});

describe('what is refused', () => {
  const ownGroups = withUser({ uidMappings: one(0, 1000), gidMappings: one(0, 1000) }, { additionalGids: [0] });
  const delegation = { base: undefined, givenPath: false, managerRoot: '' };
  const memory = { memory: { limit: 64 << 20 } };

  test.each<[string, Config, HostFacts, RegExp]>([
    ['no user namespace', smallConfig(['mount']), userOnUnified, /^linux\.namespaces: .*uid 1000.*spec --rootless/],
    ['setgroups denied', ownGroups, userOnUnified, /^process\.user\.additionalGids: setgroups\(2\) is denied.*subgid/],
    [
      'a user outside of the map',
      withUser({ uidMappings: one(0, 1000), gidMappings: one(0, 1000) }, { uid: 33 }),
      userOnUnified,
      /^process\.user\.uid: 33 is not mapped.*linux\.uidMappings/,
    ],
    [
      'a map without id 0, for root',
      withUser({ uidMappings: one(1000, 1000), gidMappings: one(1000, 1000) }),
      userOnUnified,
      /^process\.user\.uid: 0 is not mapped/,
    ],
    [
      'a group outside of the map',
      withUser({ uidMappings: range, gidMappings: range }, { gid: 70000 }),
      rootOnUnified,
      /^process\.user\.gid: 70000 is not mapped.*linux\.gidMappings/,
    ],
    [
      'a supplementary group outside of the map',
      withUser({ uidMappings: range, gidMappings: range }, { additionalGids: [1, 70000] }),
      rootOnUnified,
      /^process\.user\.additionalGids\[1\]: 70000 is not mapped/,
    ],
    [
      'a user that the own user namespace does not have',
      {
        ...smallConfig(['mount']),
        process: { args: ['true'], cwd: '/', user: { uid: 5, gid: 0 } },
      },
      { ...insideUserNamespace, ownMaps: { uid: one(0, 1000), gid: one(0, 1000) } },
      /^process\.user\.uid: 5 is not mapped/,
    ],
    [
      'a caller whose own uid is not mapped',
      rootlessConfig(65_534, 0),
      { ...insideUserNamespace, user: { uid: 65_534, gid: 0 }, ownMaps: { uid: [], gid: one(0, 1000) } },
      /^linux\.namespaces: make a new user namespace: the caller's own uid is not mapped.*shows as 65534.*map it there/,
    ],
    [
      'a caller whose own gid is not mapped',
      rootlessConfig(0, 65_534),
      { ...insideUserNamespace, user: { uid: 0, gid: 65_534 }, ownMaps: { uid: one(0, 1000), gid: one(0, 1000) } },
      /^linux\.namespaces: make a new user namespace: the caller's own gid is not mapped/,
    ],
    [
      'a limit where no cgroup is delegated',
      { ...rootlessConfig(1000, 1000), linux: { ...rootlessConfig(1000, 1000).linux, resources: memory } },
      {
        ...userOnUnified,
        cgroup: { ...userOnUnified.cgroup, controllers: { unified: new Set(['memory']), v1: new Map() } },
      },
      /^linux\.resources\.memory\.limit: needs the memory controller.*not delegated.*--systemd-cgroup/,
    ],
    [
      'a limit that v1 holds, below a cgroup that is not the caller’s',
      {
        ...rootlessConfig(1000, 1000),
        linux: { ...rootlessConfig(1000, 1000).linux, resources: memory, cgroupsPath: '/mine' },
      },
      {
        ...userOnUnified,
        cgroup: {
          ...rootOnHybrid.cgroup,
          controllers: { unified: new Set(), v1: new Map([['memory', '/sys/fs/cgroup/memory']]) },
          delegation,
        },
      },
      /^linux\.resources\.memory\.limit: needs the memory controller, and the cgroup "\/mine" is not delegated/,
    ],
    [
      'ids of a mount, rootless',
      { ...rootlessConfig(1000, 1000), mounts: [{ destination: '/a', source: '/b', options: ['bind', 'idmap'] }] },
      userOnUnified,
      /^mounts\[0\]: the ids of a mount can be mapped only by a caller with CAP_SYS_ADMIN/,
    ],
  ])('%s', (_, config, facts, expected) => {
    expect(refusal(config, facts)).toMatch(expected);
  });
});

test('a warning says that without a cgroup and a pid namespace of its own a container’s processes are loose', () => {
  const base = rootlessConfig(1000, 1000);
  const withPid = (...pid: { type: 'pid'; path?: string }[]): Config => ({
    ...base,
    linux: { ...base.linux, namespaces: [{ type: 'user' }, { type: 'mount' }, { type: 'uts' }, ...pid] },
    mounts: [],
  });
  const loose = /cgroup: none is made, and the container has no pid namespace of its own: .*add \{"type": "pid"\}/;
  const said = (config: Config, facts = userOnUnified, options: Partial<PlanRequest> = {}) =>
    planned(config, facts, options).warnings.join('\n');
  expect(said(withPid())).toMatch(loose);
  expect(said(withPid({ type: 'pid', path: '/run/ns/pid' }))).toMatch(loose);
  expect(said(withPid({ type: 'pid' }))).not.toMatch(loose);
  expect(said(withPid(), userOnUnified, { cgroupDriver: 'disabled' })).toMatch(loose);
  expect(said(smallConfig(['mount']), rootOnUnified)).not.toMatch(loose);
});

test('a terminal’s group that is not mapped is left away, with a warning', () => {
  const pts = {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['newinstance', 'gid=5', 'mode=620'],
  };
  const config = { ...rootlessConfig(1000, 1000), mounts: [pts] };
  const { steps, warnings } = planned(config, userOnUnified);
  const mount = steps.find(({ operation }) => operation.op === 'mount')?.operation;
  expect(mount).toMatchObject({ type: 'devpts', options: ['newinstance', 'mode=620'] });
  expect(warnings.join()).toMatch(/mounts\[0\]\.options: gid=5 is left away/);
  const mapped = planned({ ...withUser({ uidMappings: range, gidMappings: range }), mounts: [pts] }, rootOnUnified);
  expect(mapped.warnings).toEqual([]);
});
