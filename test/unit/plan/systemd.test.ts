/** cgroupsPath under the systemd driver: which unit it names, and what it may not be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandSlice, planSystemdUnit } from '../../../runtime/plan/systemd.ts';

describe('the unit of a container', () => {
  it.each([
    ['', 'system.slice', 'tsrun-web.scope', '/system.slice/tsrun-web.scope'],
    ['machine.slice:libpod:x', 'machine.slice', 'libpod-x.scope', '/machine.slice/libpod-x.scope'],
    [':libpod:x', 'system.slice', 'libpod-x.scope', '/system.slice/libpod-x.scope'],
    ['system.slice::x', 'system.slice', '-x.scope', '/system.slice/-x.scope'],
    ['-.slice:p:x', '-.slice', 'p-x.scope', '/p-x.scope'],
    ['-:p:x', '-.slice', 'p-x.scope', '/p-x.scope'],
    ['a-b-c.slice:p:x', 'a-b-c.slice', 'p-x.scope', '/a.slice/a-b.slice/a-b-c.slice/p-x.scope'],
    ['memory.slice:_p:x', 'memory.slice', '_p-x.scope', '/_memory.slice/__p-x.scope'],
    ['a.slice:p:x@1', 'a.slice', 'p-x@1.scope', '/a.slice/p-x@1.scope'],
    ['a.slice:p:x.scope', 'a.slice', 'p-x.scope.scope', '/a.slice/p-x.scope.scope'],
  ])('%s', (configured, slice, unit, path) => {
    expect(planSystemdUnit('web', configured, false)).toEqual({ slice, unit, path });
  });

  it('is named by the id where nothing is configured, with what a unit cannot hold escaped', () => {
    expect(planSystemdUnit('a+b', undefined, false).unit).toBe('tsrun-a\\x2bb.scope');
  });

  it('is in user.slice of the own manager where tsrun is rootless', () => {
    expect(planSystemdUnit('web', undefined, true)).toEqual({
      slice: 'user.slice',
      unit: 'tsrun-web.scope',
      path: '/user.slice/tsrun-web.scope',
    });
  });
});

describe('what is refused', () => {
  it.each([
    ['/machine/web', /takes slice:prefix:name/],
    ['machine.slice:web', /takes slice:prefix:name/],
    ['a:b:c:d', /takes slice:prefix:name/],
    ['machine:p:x', /"machine" is not the name of a slice: did you mean "machine.slice"\?/],
    ['.slice:p:x', /".slice" is not the name of a slice/],
    ['a.slice/b.slice:p:x', /a slice is named, not reached by a path/],
    ['a--b.slice:p:x', /"a--b.slice" has an empty part/],
    ['-a.slice:p:x', /"-a.slice" has an empty part/],
    ['a-.slice:p:x', /"a-.slice" has an empty part/],
    ['..slice:p:x/../y', /"\/" cannot be part of the name of a systemd unit/],
    ['a.slice:p:', /the name, after the second colon, is empty/],
    ['a.slice:p:b.slice', /slices hold no processes/],
    ['a.slice:p:x y', /" " cannot be part of the name/],
    ['a.slice:p:ü', /"ü" cannot be part of the name/],
    ['a.slice:@p:x', /does not begin with @/],
    ['a.slice:p:x@', /a template cannot be started/],
    [`a.slice:p:${'x'.repeat(250)}`, /at most 255 characters/],
  ])('%s', (configured, message) => {
    expect(() => planSystemdUnit('web', configured, false)).toThrow(message);
    expect(() => planSystemdUnit('web', configured, false)).toThrow(/^linux\.cgroupsPath: /);
  });
});

it('keeps every path below the cgroup of the manager', () => {
  fc.assert(
    fc.property(fc.string(), fc.boolean(), (configured, rootless) => {
      try {
        const { path } = planSystemdUnit('web', configured, rootless);
        expect(path).toMatch(/^\/[^/]/);
        expect(path.split('/')).not.toContain('..');
      } catch (error) {
        expect(String(error)).toContain('linux.cgroupsPath');
      }
    }),
  );
});

it('expands the slices of a slice', () => {
  expect(expandSlice('-.slice')).toBe('');
  expect(expandSlice('user-1000.slice')).toBe('/user.slice/user-1000.slice');
});
