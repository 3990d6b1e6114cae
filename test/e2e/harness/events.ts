/** `events` as its callers read it: one JSON object on each line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { args, type Part } from './config.ts';
import { until } from './kernel.ts';
import type { Lab } from './lab.ts';
import { runtime, start } from './runtime.ts';

export interface Event {
  type: string;
  id: string;
  data?: {
    cpu: { usage: { total: number; kernel: number; user: number } };
    memory: { usage: { usage?: number; limit?: number }; raw?: Record<string, number> };
    pids: { current: number; limit?: number };
  };
}

export const parseEvents = (text: string): Event[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);

/** `events` in the background, and what it has printed until now. */
export function followEvents(lab: Lab, ...argv: string[]) {
  const child = start(runtime(lab.root, 'events', ...argv));
  let printed = '';
  child.stdout?.on('data', (chunk) => {
    printed += String(chunk);
  });
  return { child, events: () => parseEvents(printed.slice(0, printed.lastIndexOf('\n') + 1)) };
}

/** Two children of a container are killed for want of memory: each is told of, while the container runs on. */
export async function expectEachKillTold(lab: Lab, limited: Part, options: { global?: string[] } = {}): Promise<void> {
  const spawn = 'spawn=/guest allocate=64';
  const container = await lab.started([limited, args('until=/go', spawn, spawn, 'pause')], options);
  const { child, events } = followEvents(lab, '--interval', '1h', container.id);
  await until('the first one', () => events().length === 1);
  writeFileSync(join(container.bundle.rootfs, 'go'), '');
  const facts = await container.told('pause');
  expect(facts.each('spawn').map(({ exit }) => exit)).toEqual([137, 137]);
  const oom = { type: 'oom', id: container.id };
  await until('both are told', () => events().length === 3);
  (await container.delete('--force')).expectCode(0);
  expect((await child).exitCode).toBe(0);
  expect(events().slice(1)).toEqual([oom, oom]);
}
