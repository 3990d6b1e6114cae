/** events under the systemd driver: what is counted in the scope, and that it ran out of memory. */
import { resources } from '../../../e2e/harness/cgroups.ts';
import { args } from '../../../e2e/harness/config.ts';
import { expectEachKillTold, parseEvents } from '../../../e2e/harness/events.ts';
import { expect, test } from '../../../e2e/harness/test.ts';

const MIB = 1024 * 1024;
const systemd = { global: ['--systemd-cgroup'] };
const limited = resources({ memory: { limit: 16 * MIB, swap: 16 * MIB }, pids: { limit: 50 } });

test('events --stats tells what the scope counts', async ({ lab }) => {
  const container = await lab.started([limited, args('allocate=4', 'children=2', 'pause')], systemd);
  await container.told('pause');
  const stats = async () => {
    const result = (await lab.tsrun(['events', '--stats', container.id])).expectCode(0);
    expect(result.stderr).toBe('');
    return parseEvents(result.stdout);
  };
  const [event, ...more] = await stats();
  expect(more).toEqual([]);
  expect(event).toMatchObject({
    type: 'stats',
    id: container.id,
    data: { memory: { usage: { limit: 16 * MIB, failcnt: 0 } }, pids: { current: 3, limit: 50 } },
  });
  // The guest's kernel measures pressure.
  const psi = { some: { avg10: expect.any(Number), total: expect.any(Number) }, full: expect.anything() };
  expect(event?.data).toMatchObject({ cpu: { psi }, memory: { psi }, blkio: { psi } });
  expect(event?.data?.memory.usage.usage).toBeGreaterThan(4 * MIB);
  expect(event?.data?.cpu.usage.total).toBeGreaterThan(0);
  (await lab.tsrun(['update', '--pids-limit', '44', container.id])).expectCode(0);
  expect((await stats())[0]?.data?.pids.limit).toBe(44);
});

test('events tells of each process that was killed for want of memory, and ends with the container', async ({
  lab,
}) => {
  await expectEachKillTold(lab, limited, systemd);
});
