/**
 * Configurations that engines write: those of podman 4.3, buildah, containerd 1.6 and Docker 20.10 as the real programs wrote
 * them (paths made general), that of CRI-O after its documentation. None of them may be warned of, and each can be planned.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { HostFacts } from '../../runtime/facts.ts';
import { plan } from '../../runtime/plan.ts';
import { loadConfig } from '../../spec/load.ts';
import { allowAll, limitsOnHybrid, limitsOnUnified, requestOf } from './cases.ts';

const directory = new URL('engines/', import.meta.url);
const names = readdirSync(directory).sort();

/** The facts with every controller that these configurations name. */
function withAll(facts: HostFacts): HostFacts {
  const { cgroup } = facts;
  const more = ['hugetlb', 'blkio', 'devices'];
  const controllers =
    cgroup.layout === 'unified'
      ? { ...cgroup.controllers, unified: new Set([...cgroup.controllers.unified, 'hugetlb', 'io']) }
      : {
          ...cgroup.controllers,
          v1: new Map([...cgroup.controllers.v1, ...more.map((n): [string, string] => [n, `/sys/fs/cgroup/${n}`])]),
        };
  return { ...facts, cgroup: { ...cgroup, controllers } };
}

test('every engine is there', () => {
  expect([...new Set(names.map((name) => name.replace(/(-[a-z-]+)?\.json$/, '')))]).toEqual([
    'buildah',
    'containerd',
    'crio',
    'docker',
    'podman',
  ]);
});

describe.each(names)('%s', (name) => {
  const bytes = readFileSync(new URL(name, directory));

  test('is valid, strictly', () => {
    expect(loadConfig(bytes, name, { strict: true }).warnings).toEqual([]);
  });

  test.each([
    ['cgroup v2', withAll(limitsOnUnified)],
    ['a hybrid host', withAll(limitsOnHybrid)],
  ])('can be planned for %s', (_, facts) => {
    const { config } = loadConfig(bytes, name);
    const onSystemd = config.linux?.cgroupsPath?.includes(':') === true;
    const made = plan(
      requestOf(config, {
        seccompProgram: config.linux?.seccomp && allowAll,
        cgroupDriver: onSystemd ? 'systemd' : 'cgroupfs',
      }),
      facts,
    );
    expect(made.steps.filter(({ operation }) => operation.op === 'seccomp')).toHaveLength(
      config.linux?.seccomp ? 1 : 0,
    );
    // buildah names ambient capabilities, and none that is inheritable: the kernel raises no such ones.
    const known = name === 'buildah.json' ? /^process\.capabilities\.ambient: / : /^cgroup: /;
    expect(made.warnings.filter((text) => !known.test(text))).toEqual([]);
  });
});
