import { describe, expect, it } from 'vitest';
import { deviceRules } from '../../../runtime/cgroup/device-policy.ts';
import { legacyDeviceList } from '../../../runtime/cgroup/legacy-devices.ts';

describe('the list of devices in cgroup v1', () => {
  it('has what is allowed in the order of the rules, then the default devices', () => {
    const rules = deviceRules(
      [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' },
        { allow: true, type: 'b', major: 8, minor: 20, access: 'rw' },
      ],
      [],
    );
    expect(legacyDeviceList(rules).slice(0, 3)).toEqual(['c 10:229 rwm', 'b 8:20 rw', 'c *:* m']);
  });

  it('never has less than the program lets pass', () => {
    const allow = (type: string, access = 'rwm') => ({ allow: true, type, major: 5, minor: 1, access });
    const deny = (type: string, access = 'rwm') => ({ allow: false, type, major: 5, minor: 1, access });
    expect(legacyDeviceList(deviceRules([allow('c'), deny('c', 'w')], []))).toContain('c 5:1 rm');
    expect(legacyDeviceList(deviceRules([allow('a')], []))).toEqual(expect.arrayContaining(['b 5:1 rwm', 'c 5:1 rwm']));
    expect(legacyDeviceList(deviceRules([{ allow: true }, deny('c')], []))).toEqual(['a']);
  });
});
