/** Annotations that podman writes, and that change the plan. */
import { describe, expect, test } from 'vitest';
import { plan } from '../../../runtime/plan.ts';
import type { Config } from '../../../spec/config.ts';
import { requestOf, rootOnUnified, smallConfig, userOnUnified } from '../../golden/cases.ts';

const label = 'system_u:object_r:container_file_t:s0:c1,c2';
const base: Config = smallConfig(['mount', 'user'], {
  uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
  gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
});

describe('run.oci.mount_context_type', () => {
  const labelled = (annotations: Record<string, string>): Config => ({
    ...smallConfig(['mount'], { mountLabel: label }),
    mounts: [{ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' }],
    annotations,
  });
  const parameters = (annotations: Record<string, string>): string =>
    JSON.stringify(
      plan(requestOf(labelled(annotations)), { ...rootOnUnified, security: { apparmor: false, selinux: true } }).steps,
      (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
    );

  test.each(['context', 'fscontext', 'defcontext', 'rootcontext'])('%s is the option that sets the label', (option) => {
    expect(parameters({ 'run.oci.mount_context_type': option })).toContain(`"${option}=${label}"`);
  });

  test('without it the option is context', () => {
    expect(parameters({})).toContain(`"context=${label}"`);
  });

  test('anything else is refused by name', () => {
    expect(() => parameters({ 'run.oci.mount_context_type': 'exec' })).toThrow(
      'annotations: run.oci.mount_context_type: not one of context, fscontext, defcontext, rootcontext: got "exec"',
    );
  });
});

describe('run.oci.keep_original_groups', () => {
  const groupsOf = (value: string, additionalGids: number[] = []) => {
    const config = { ...base, annotations: { 'run.oci.keep_original_groups': value } };
    const user = { uid: 0, gid: 0, additionalGids };
    const made = plan(requestOf({ ...config, process: { args: ['true'], cwd: '/', user } }), userOnUnified);
    return [
      made.steps.filter(({ operation }) => operation.op === 'groups').length,
      made.warnings.filter((text) => text.startsWith('process.')),
    ];
  };

  test('leaves the groups of the caller, and says which are not set', () => {
    expect(groupsOf('1')).toEqual([0, []]);
    expect(groupsOf('1', [0])).toEqual([
      0,
      [
        "process.user.additionalGids: not set, for the annotation run.oci.keep_original_groups keeps the caller's groups",
      ],
    ]);
  });

  test('is nothing with another value', () => {
    expect(() => groupsOf('0', [5])).toThrow('process.user.additionalGids: setgroups(2) is denied');
  });
});
