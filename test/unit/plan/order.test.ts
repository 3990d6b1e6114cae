/** What must come before what, whatever the configuration asks for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CLONE, MS } from '../../../runtime/constants.ts';
import { type Operation, POINT } from '../../../runtime/generated/wire.ts';
import { type Plan, plan, SOURCES_PER_MESSAGE } from '../../../runtime/plan.ts';
import type { Config, Hook, Namespace, NamespaceType } from '../../../spec/config.ts';
import { CAPABILITIES } from '../../../spec/tables.ts';
import { insideUserNamespace, requestOf, rootOnHybrid, rootOnUnified } from '../../golden/cases.ts';

type Name = Operation['op'];

const flag = fc.boolean();
const hook: fc.Arbitrary<Hook> = fc.record({ path: fc.constant('/bin/hook') });
const hooks = fc.array(hook, { maxLength: 2 });
const names = fc.subarray(CAPABILITIES.slice(0, 12));
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const mount = fc.constantFrom(
  { destination: '/proc', type: 'proc', source: 'proc' },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
  { destination: '/data', source: '/srv/data', options: ['rbind', 'rro'] },
  { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
);

/** Every namespace is absent, new or joined; the mount namespace is new where there is a user namespace. */
const namespaces: fc.Arbitrary<Namespace[]> = fc
  .record({
    pid: fc.constantFrom('none', 'new', 'join'),
    network: fc.constantFrom('none', 'new', 'join'),
    ipc: fc.constantFrom('none', 'new', 'join'),
    uts: fc.constantFrom('none', 'new', 'join'),
    cgroup: fc.constantFrom('none', 'new', 'join'),
    time: fc.constantFrom('none', 'new', 'join'),
    user: fc.constantFrom('none', 'new', 'join'),
    mount: fc.constantFrom('none', 'new', 'new', 'join'),
  })
  .map((how) =>
    Object.entries(how.user === 'none' ? how : { ...how, mount: 'new' })
      .filter(([, value]) => value !== 'none')
      .map(([type, value]) => ({
        type: type as NamespaceType,
        ...(value === 'join' ? { path: `/run/ns/${type}` } : {}),
      })),
  )
  .chain((list) => fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }));

const configs: fc.Arbitrary<Config> = fc
  .record({
    namespaces,
    mounts: fc.array(mount, { maxLength: 4 }),
    hooks: fc.record({
      prestart: hooks,
      createRuntime: hooks,
      createContainer: hooks,
      startContainer: hooks,
      poststart: hooks,
    }),
    terminal: flag,
    readonly: flag,
    masked: fc.subarray(['/proc/kcore', '/sys/firmware']),
    readonlyPaths: fc.subarray(['/proc/sys', '/proc/bus']),
    propagation: optional(fc.constantFrom('shared' as const, 'rslave' as const, 'unbindable' as const)),
    sysctl: flag,
    rlimits: flag,
    noNewPrivileges: flag,
    sets: fc.record({ bounding: names, effective: names, permitted: names, inheritable: names, ambient: names }),
  })
  .map((draw) => {
    const owned = draw.namespaces.some(({ type, path }) => type === 'user' && path === undefined);
    const mappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    return {
      ociVersion: '1.3.0',
      root: { path: 'rootfs', readonly: draw.readonly },
      mounts: draw.mounts,
      hooks: draw.hooks,
      process: {
        args: ['true'],
        cwd: '/work',
        user: { uid: 1, gid: 2 },
        terminal: draw.terminal,
        noNewPrivileges: draw.noNewPrivileges,
        capabilities: draw.sets,
        rlimits: draw.rlimits ? [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }] : [],
      },
      linux: {
        namespaces: draw.namespaces,
        maskedPaths: draw.masked,
        readonlyPaths: draw.readonlyPaths,
        ...(draw.propagation ? { rootfsPropagation: draw.propagation } : {}),
        ...(draw.sysctl ? { sysctl: { 'kernel.shmmax': '1' } } : {}),
        ...(owned ? { uidMappings: mappings, gidMappings: mappings } : {}),
        ...(draw.namespaces.some(({ type, path }) => type === 'time' && !path)
          ? { timeOffsets: { monotonic: { secs: 1 } } }
          : {}),
      },
    };
  });

const plans: fc.Arbitrary<{ config: Config; plan: Plan }> = fc
  .record({
    config: configs,
    facts: fc.constantFrom(rootOnUnified, rootOnHybrid, insideUserNamespace),
    noPivot: flag,
    newKeyring: flag,
    cgroupDriver: fc.constantFrom('cgroupfs' as const, 'disabled' as const),
  })
  .map(({ config, facts, ...options }) => ({ config, plan: plan(requestOf(config, options), facts) }));

const opsOf = (made: Plan): Name[] => made.steps.map(({ operation }) => operation.op);

/** Indexes of the operations of these kinds. */
function at(made: Plan, ...kinds: readonly Name[]): number[] {
  return opsOf(made).flatMap((op, index) => (kinds.includes(op) ? [index] : []));
}

function points(made: Plan): number[] {
  return made.steps.flatMap(({ operation }) => (operation.op === 'sync' ? [Number(operation.point)] : []));
}

const enters: readonly Name[] = ['pivotRoot', 'moveRoot', 'chroot'];
const fills: readonly Name[] = ['mount', 'mountOld', 'bind', 'remount', 'device', 'symlink', 'console'];

/** Each `before` is earlier than each `after`, where there are any. */
const rules: readonly (readonly [why: string, before: readonly Name[], after: readonly Name[]])[] = [
  ['the first stage ends before anything is made', ['fork'], ['session', 'rootfs', 'propagation', ...fills]],
  ['the caller’s mounts are cut off before one is made', ['propagation'], ['rootfs', ...fills, 'mask', 'readonlyPath']],
  ['mounts are made in the root', ['rootfs'], [...fills, 'mask', 'readonlyPath', ...enters]],
  ['everything is mounted before the host’s tree goes', [...fills, 'mask', 'readonlyPath'], enters],
  ['a mask lies over the mounts', ['mount', 'bind'], ['mask', 'readonlyPath']],
  ['a masked path is not made visible again', ['readonlyPath'], ['mask']],
  ['the root is written to before it is read-only', ['makeCwd', ...fills], ['rootReadonly']],
  ['the root has its propagation once it is the root', enters, ['rootPropagation', 'rootReadonly']],
  ['the working directory is looked up in the container', [...enters, 'makeCwd'], ['chdir']],
  ['parameters are written before /proc/sys may be read-only', ['procHandle'], ['sysctl']],
  ['parameters are written while the host’s procfs is at hand', ['sysctl'], enters],
  ['HOME is looked up in the container, after ENV', [...enters, 'env'], ['home']],
  ['raising a limit may need privileges', ['raiseLimit'], ['user', 'capabilities']],
  ['hooks run before the limits of the program', ['hook'], ['rlimit']],
  ['descriptors are in place before there can be too few', ['descriptors'], ['rlimit']],
  ['limits come before the program', ['rlimit'], ['exec']],
  ['the bounding set needs CAP_SETPCAP', ['bounding'], ['user', 'capabilities']],
  ['groups need CAP_SETGID', ['groups'], ['user']],
  ['ids need CAP_SETUID', ['user'], ['capabilities']],
  ['ambient ones must be permitted', ['capabilities'], ['ambient']],
  ['no_new_privs comes last', ['ambient'], ['noNewPrivileges']],
  ['the program is looked up by the user who runs it', ['chdir', 'user', 'args', 'env'], ['findExecutable']],
  ['what can fail, fails at create', ['findExecutable', 'chdir', 'user', 'umask', 'noNewPrivileges'], ['ready']],
  ['start comes after create', ['ready'], ['alive']],
  ['nobody waits for start before the host may end', ['alive'], ['waitStart']],
  ['a filter is loaded when all else is made', ['ready', 'noNewPrivileges', 'descriptors', 'umask'], ['seccomp']],
  ['the errors of a filter are those of create', ['seccomp', 'lastCapabilities'], ['alive']],
  ['the capability for the filter is given up after it', ['seccomp'], ['lastCapabilities']],
];

describe('the order of a plan', () => {
  test.each(rules)('%s', (_, before, after) => {
    fc.assert(
      fc.property(plans, ({ plan: made }) => {
        expect(Math.max(-1, ...at(made, ...before))).toBeLessThan(Math.min(Infinity, ...at(made, ...after)));
      }),
      { numRuns: 60 },
    );
  });

  test('what there is once, is there once; EXEC is last', () => {
    fc.assert(
      fc.property(plans, ({ plan: made }) => {
        for (const once of [
          'session',
          'args',
          'env',
          'user',
          'capabilities',
          'ready',
          'alive',
          'waitStart',
          'exec',
        ] as const)
          expect(at(made, once)).toHaveLength(1);
        expect(at(made, 'rootfs', 'rootDirectory')).toHaveLength(1);
        expect(at(made, ...enters)).toHaveLength(1);
        expect(at(made, 'fork').length).toBeLessThanOrEqual(1);
        expect(opsOf(made).at(-1)).toBe('exec');
      }),
    );
  });

  test('the mounts of others stay as they are', () => {
    fc.assert(
      fc.property(plans, ({ plan: made, config }) => {
        const own = config.linux?.namespaces?.some(({ type, path }) => type === 'mount' && path === undefined) ?? false;
        expect(at(made, 'propagation', 'pivotRoot', 'moveRoot').length > 0).toBe(own);
        for (const { operation } of made.steps) {
          if (operation.op === 'rootfs') expect(operation.at).toBe(made.mountPoint);
          if (own || (operation.op !== 'rootfs' && operation.op !== 'bind')) continue;
          // Of the clones of their trees none stays a peer, unless that was asked for.
          const asked = operation.op === 'bind' ? config.linux?.rootfsPropagation : undefined;
          if (asked === 'shared') continue;
          expect([MS.SLAVE, MS.PRIVATE, ...(asked === 'unbindable' ? [MS.UNBINDABLE] : [])]).toContain(
            operation.propagation,
          );
        }
      }),
    );
  });

  test('hooks are where their kind says', () => {
    fc.assert(
      fc.property(plans, ({ plan: made, config }) => {
        const [waiting = 0] = at(made, 'waitStart');
        const [entered = 0] = at(made, ...enters);
        for (const index of at(made, 'hook')) {
          const from = made.steps[index]?.from ?? '';
          // In the container's namespaces, before pivot_root; and just before the program, in the container.
          if (from.startsWith('hooks.createContainer')) expect(index).toBeLessThan(entered);
          else expect(index).toBeGreaterThan(waiting);
        }
        const host = [...(config.hooks?.prestart ?? []), ...(config.hooks?.createRuntime ?? [])];
        const inside = config.hooks?.createContainer ?? [];
        expect(points(made).includes(POINT.HOOKS)).toBe(host.length + inside.length > 0);
      }),
    );
  });

  test('maps are written right after the user namespace is made, and offsets after the time namespace', () => {
    fc.assert(
      fc.property(plans, ({ plan: made }) => {
        made.steps.forEach(({ operation }, index) => {
          const next = made.steps[index + 1]?.operation;
          if (operation.op !== 'unshare') return;
          if (Number(operation.flags) === CLONE.NEWUSER) expect(next).toEqual({ op: 'sync', point: POINT.MAPS });
          if (Number(operation.flags) === CLONE.NEWTIME) expect(next).toEqual({ op: 'sync', point: POINT.OFFSETS });
        });
        expect(points(made).includes(POINT.MAPS)).toBe(made.idMaps !== undefined);
        expect(points(made).includes(POINT.OFFSETS)).toBe(made.timeOffsets !== undefined);
      }),
    );
  });

  test('init is not born in a user or time namespace, and every new namespace is made once', () => {
    fc.assert(
      fc.property(plans, ({ plan: made, config }) => {
        const flags = [made.cloneFlags];
        for (const { operation } of made.steps)
          if (operation.op === 'fork' || operation.op === 'unshare') flags.push(Number(operation.flags));
        const fresh = (config.linux?.namespaces ?? []).filter(({ path }) => path === undefined).length;
        const bits = flags.map((value) => value.toString(2).replaceAll('0', '').length);
        expect(bits.reduce((sum, count) => sum + count, 0)).toBe(fresh);
        expect(made.cloneFlags & (CLONE.NEWUSER | CLONE.NEWTIME | CLONE.NEWCGROUP)).toBe(0);
      }),
    );
  });

  test('every namespace to join is joined once, by its own descriptor', () => {
    fc.assert(
      fc.property(plans, ({ plan: made }) => {
        const joined = made.steps.flatMap(({ operation }) =>
          operation.op === 'join' ? [[Number(operation.fd), Number(operation.type)]] : [],
        );
        expect(joined.sort(([a = 0], [b = 0]) => a - b)).toEqual(made.joins.map((join, index) => [index, join.flag]));
      }),
    );
  });

  test('a namespace around the user namespace is joined before it', () => {
    fc.assert(
      fc.property(plans, ({ plan: made }) => {
        const user = made.steps.findIndex(
          ({ operation }) =>
            (operation.op === 'join' && Number(operation.type) === CLONE.NEWUSER) ||
            (operation.op === 'unshare' && Number(operation.flags) === CLONE.NEWUSER),
        );
        if (user < 0) return;
        for (const index of at(made, 'join')) expect(index).toBeLessThanOrEqual(user);
      }),
    );
  });

  test('sources that the host opens are sent before they are used, and each is used', () => {
    fc.assert(
      fc.property(plans, ({ plan: made }) => {
        const sent = made.steps.findIndex(
          ({ operation }) => operation.op === 'sync' && operation.point === POINT.SOURCES,
        );
        const used = made.steps.flatMap(({ operation }, index) =>
          (operation.op === 'rootfs' || operation.op === 'bind') && Number(operation.fd) >= 0
            ? [[Number(operation.fd), index] as const]
            : [],
        );
        expect(used.map(([fd]) => fd)).toEqual(made.sources.map((_, index) => index));
        for (const [, index] of used) expect(sent).toBeLessThan(index);
      }),
    );
  });
});

test('more sources than one message takes come in several', () => {
  const mounts = Array.from({ length: 2 * SOURCES_PER_MESSAGE }, (_, index) => ({
    destination: `/m/${index}`,
    source: '/srv/x',
    options: ['bind'],
  }));
  const mappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const made = plan(
    requestOf({
      ociVersion: '1.3.0',
      root: { path: 'rootfs' },
      process: { args: ['true'], cwd: '/', user: { uid: 0, gid: 0 } },
      mounts,
      linux: { namespaces: [{ type: 'user' }, { type: 'mount' }], uidMappings: mappings, gidMappings: mappings },
    }),
    rootOnUnified,
  );
  expect(made.sources.length).toBe(mounts.length + 1 + 6);
  expect(points(made).filter((point) => point === POINT.SOURCES)).toHaveLength(3);
});
