/** process.execCPUAffinity: where processes of `exec` run. */

import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { args } from './harness/config.ts';
import type { Container, Lab } from './harness/lab.ts';
import { describe, expect, test } from './harness/test.ts';

const all = Array.from({ length: availableParallelism() }, (_, cpu) => cpu);
const last = all.at(-1) ?? 0;

function exec(lab: Lab, container: Container, execCPUAffinity: object) {
  const file = lab.path('process.json');
  const process = { cwd: '/', args: ['/guest', 'affinity'], user: { uid: 0, gid: 0 }, execCPUAffinity };
  writeFileSync(file, JSON.stringify(process));
  return lab.tsrun(['exec', '--process', file, container.id]);
}

describe('process.execCPUAffinity', () => {
  test.for<[string, object, number[]]>([
    ['final', { final: String(last) }, [last]],
    ['both', { initial: '0', final: `${last}` }, [last]],
    ['initial holds only until the process is in its cgroup', { initial: '0' }, all],
    ['CPUs that are not there do not matter beside one that is', { final: `${last},900` }, [last]],
    ['nothing', {}, all],
    ['empty', { initial: '', final: '' }, all],
  ])('%s', async ([, affinity, cpus], { lab }) => {
    const container = await lab.started([args('pause')]);
    const result = await exec(lab, container, affinity);
    expect(result.expectCode(0).facts.list('affinity')).toEqual(cpus);
  });

  test('does not concern the container’s own process', async ({ lab }) => {
    const facts = await lab.facts(args('affinity'), ({ config }) => {
      Object.assign(config.process, { execCPUAffinity: { initial: '0', final: '0' } });
    });
    expect(facts.list('affinity')).toEqual(all);
  });

  test.for<[object, RegExp]>([
    [
      { final: '900' },
      /process\.execCPUAffinity\.final: run on the CPUs 900: sched_setaffinity: Invalid argument: none of these CPUs/,
    ],
    [{ initial: '900' }, /process\.execCPUAffinity\.initial: run on the CPUs 900/],
    [{ final: '1-' }, /process\.json:1:\d+: process\.execCPUAffinity\.final|execCPUAffinity\.final/],
    [{ final: 'all' }, /execCPUAffinity\.final/],
    [{ initial: '3-1' }, /execCPUAffinity\.initial/],
  ])('%j is refused', async ([affinity, said], { lab }) => {
    const container = await lab.started([args('pause')]);
    const result = await exec(lab, container, affinity);
    expect(result.expectCode(255).stderr).toMatch(said);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
  });
});
