/** `--hooks-dir` of root's podman: all stages, and what each hook gets, with tsrun as with crun. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../../e2e/harness/kernel.ts';
import { type Difference, type Podman, patiently, useEngines } from '../../podman.ts';

const engines = useEngines();

const stages = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'];

/** A hook of each stage that writes what it gets to a file of the stage's name. */
function makeHooks(podman: Podman, out: string): string {
  const directory = podman.directory('hooks');
  for (const stage of stages) {
    const file = join(out, stage);
    const script = `{ echo $GIVEN $UNKNOWN; cat; } > ${file}.new; mv ${file}.new ${file}`;
    const hook = { path: '/bin/sh', args: ['sh', '-c', script], env: ['GIVEN=value', 'PATH=/usr/bin:/bin'] };
    const whole = { version: '1.0.0', hook, when: { always: true }, stages: [stage] };
    writeFileSync(join(directory, `${stage}.json`), JSON.stringify(whole));
  }
  return directory;
}

const differing: readonly Difference[] = [
  {
    of: /^(?:createRuntime|createContainer) status$/,
    because: 'runtime.md, "Lifecycle": these run before create has ended, so the status is creating; crun says created',
  },
  {
    of: /^startContainer status$/,
    because: 'runtime.md, "State": creating, created, running or stopped; starting, as crun says, is none of them',
  },
  {
    of: /^(?:createContainer|startContainer) pid$/,
    because: 'runtime.md, "State": pid is the ID of the container process; crun gives none to hooks in the container',
  },
  {
    of: /^startContainer bundle$/,
    because: 'runtime.md, "State": bundle is the absolute path to the container’s bundle directory; crun says /',
  },
];

test('each stage has its hook, with the state of the container', patiently, async () => {
  const facts = await engines.alike(async (podman) => {
    // Within the container, too, this is to be at the same place.
    const out = podman.directory('out');
    const options = ['--rm', '--network', 'none', '--volume', `${out}:${out}`, '--annotation', 'some=thing'];
    const run = await podman.do('--hooks-dir', makeHooks(podman, out), 'run', ...options, 'bb', 'sleep', '5');
    await until('the last hook has ended', () => existsSync(join(out, 'poststop')), 60);
    const told: Record<string, unknown> = { code: run.code, stderr: run.stderr };
    for (const stage of stages) {
      const [given, ...rest] = readFileSync(join(out, stage), 'utf8').split('\n');
      const state = JSON.parse(rest.join('\n'));
      told[`${stage} given`] = given;
      told[`${stage} status`] = state.status;
      told[`${stage} id`] = /^[0-9a-f]{64}$/.test(state.id);
      told[`${stage} pid`] = state.pid > 0;
      told[`${stage} bundle`] = state.bundle.replace(podman.dir, '').replace(state.id, 'ID');
      told[`${stage} annotation`] = state.annotations.some;
    }
    return told;
  }, differing);
  const statuses = stages.map((stage) => facts[`${stage} status`]);
  expect(statuses).toEqual(['created', 'creating', 'creating', 'created', 'running', 'stopped']);
  expect(facts).toMatchObject({ code: 0, stderr: '', 'startContainer given': 'value', 'poststop annotation': 'thing' });
});
