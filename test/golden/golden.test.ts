/**
 * Plans are kept as files: what changes in behaviour shows as a difference there. Where it is meant, `npx vitest run
 * test/golden -u` writes them anew.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeDevicePolicy } from '../../runtime/cgroup/device-policy.ts';
import { explain, explainJson } from '../../runtime/explain.ts';
import { type Plan, plan } from '../../runtime/plan.ts';
import { cases } from './cases.ts';

type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

/** Data in one order: `op` first, then by name. A bigint is told from a number by its `n`. */
function plain(value: unknown): Value {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return `${value.length / 8} instructions`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value as Value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => Number(b === 'op') - Number(a === 'op') || (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}

/** A plan as it is kept: the device policy in words. */
function kept({ cgroup, ...rest }: Plan): object {
  const rules = describeDevicePolicy(cgroup.deviceRules);
  return plain({ ...rest, cgroup: { ...cgroup, deviceRules: rules } }) as object;
}

/** One line for each property, and for each entry of a list. */
function render(data: object): string {
  const lines = Object.entries(data).map(([name, value]) => {
    const isList = Array.isArray(value) && value.length > 0;
    const text = isList
      ? `[\n${value.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')}\n  ]`
      : JSON.stringify(value);
    return `  ${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
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
