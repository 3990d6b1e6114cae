/**
 * Plans are kept as files: what changes in behaviour shows as a difference there. Where it is meant, `npx vitest run
 * test/golden -u` writes them anew.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeDevicePolicy } from '../../runtime/cgroup/device-policy.ts';
import { explain, explainJson } from '../../runtime/explain.ts';
import { planExec } from '../../runtime/plan/exec.ts';
import { type Plan, plan } from '../../runtime/plan.ts';
import { cases } from './cases.ts';
import { execCases } from './exec-cases.ts';
import { plain, render } from './render.ts';

/** A plan as it is kept: the device policy in words. */
function kept({ cgroup, ...rest }: Plan): object {
  const rules = describeDevicePolicy(cgroup.deviceRules);
  return plain({ ...rest, cgroup: { ...cgroup, deviceRules: rules } }) as object;
}

describe('plans', () => {
  test.each(cases)('$name', async ({ name, request, facts }) => {
    await expect(render(kept(plan(request, facts)))).toMatchFileSnapshot(`plans/${name}.json`);
  });

  test('each file belongs to a case', () => {
    const files = readdirSync(new URL('plans', import.meta.url)).sort();
    expect(files).toEqual(cases.map(({ name }) => `${name}.json`).sort());
  });

  test.each(cases)('$name: the same again', ({ request, facts }) => {
    expect(plain(plan(request, facts))).toEqual(plain(plan(request, facts)));
  });
});

const explained = cases.filter((entry) => entry.explained);

describe('explained', () => {
  test.each(explained)('$name', async ({ name, request, facts }) => {
    await expect(explain(plan(request, facts), request, facts)).toMatchFileSnapshot(`explain/${name}.txt`);
  });

  test('each file belongs to a case', () => {
    const files = readdirSync(new URL('explain', import.meta.url)).sort();
    expect(files).toEqual([...explained.map(({ name }) => `${name}.txt`), 'hooks.json'].sort());
  });

  test('hooks, for programs', async () => {
    const hooks = cases.find(({ name }) => name === 'hooks');
    if (!hooks) throw new Error('no case of that name');
    const json = explainJson(plan(hooks.request, hooks.facts), hooks.request, hooks.facts);
    await expect(`${JSON.stringify(json, null, 2)}\n`).toMatchFileSnapshot('explain/hooks.json');
  });
});

describe('exec', () => {
  test.each(execCases)('$name', async ({ name, request, facts }) => {
    await expect(render(plain(planExec(request, facts)) as object)).toMatchFileSnapshot(`exec/${name}.json`);
  });

  test('each file belongs to a case', () => {
    const files = readdirSync(new URL('exec', import.meta.url)).sort();
    expect(files).toEqual(execCases.map(({ name }) => `${name}.json`).sort());
  });
});
