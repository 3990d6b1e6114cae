/** What becomes of a guest of `npm run test:vm` that hangs, or goes off too early: a script stands for qemu. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ending, run } from '../vm/machine.ts';
import { endingText } from '../vm/report.ts';

let directory: string;
const path = process.env.PATH;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsrun-vm-harness-'));
  process.env.PATH = `${directory}:${path}`;
});

afterAll(() => {
  process.env.PATH = path;
  rmSync(directory, { recursive: true, force: true });
});

/** Boots a script in place of qemu, which finds the directory for the exchange with the host in $exchange. */
async function boot(script: string, silence = 3600): Promise<{ status: number | undefined; said: string }> {
  const find = `exchange=$(printf '%s\\n' "$@" | sed -n 's/^local,path=\\(.*\\),mount_tag=exchange,.*/\\1/p')`;
  writeFileSync(join(directory, 'qemu-system-x86_64'), `#!/bin/sh\n${find}\n${script}\n`, { mode: 0o755 });
  const parts = { kernel: '/k', initramfs: '/i', disk: '/d', swap: '/s' };
  const endings: Ending[] = [];
  let exchange = '';
  const status = await run(
    parts,
    {
      ...{ kind: 'plain', command: ['true'], env: {}, cwd: '/', timeout: 3600, silence, console: false },
      collect: (place) => {
        exchange = place;
      },
    },
    (ending) => endings.push(ending),
  );
  expect(existsSync(exchange)).toBe(false);
  return { status, said: endings.map(endingText).join('') };
}

const lines = (...words: string[]): string => words.map((word) => `${word}\n`).join('');

describe('a guest', () => {
  test('that hangs is asked what it waits for, and ended with its console shown', { timeout: 120_000 }, async () => {
    // What the harness sends comes back on the console, as the kernel's answer does.
    const { status, said } = await boot('echo "the last words"; : > "$exchange/started"; exec cat', 1);
    expect(status).toBeUndefined();
    expect(said).toBe(
      `\n${lines("--- the guest's console ---", 'the last words', '\x01bl\x01bt', '--- end of the console ---')}test:vm: no output for 1 s\n`,
    );
  });

  test('that goes off before the command has ended is no success', async () => {
    const { status, said } = await boot('echo booting; : > "$exchange/started"; exit 0');
    expect(status).toBeUndefined();
    expect(said).toContain(lines("--- the guest's console ---", 'booting', '--- end of the console ---'));
    expect(said).toContain('the guest went off before the command had ended (qemu ended with status 0)');
  });

  test('whose kernel panics says so', async () => {
    const { status, said } = await boot('echo "Kernel panic - not syncing: no"; : > "$exchange/started"; exit 0');
    expect([status, said]).toEqual([undefined, expect.stringContaining('test:vm: the kernel of the guest panicked\n')]);
  });

  test('that does not come up is booted once more', async () => {
    const { status, said } = await boot(
      'if [ -e "$0.once" ]; then : > "$exchange/started"; echo 7 > "$exchange/status"; else : > "$0.once"; fi',
    );
    expect(status).toBe(7);
    expect(said).toContain(lines("--- the guest's console ---", '(empty)', '--- end of the console ---'));
  });

  test('that ends as it should has the status of its command, and nothing is said', async () => {
    const { status, said } = await boot('echo noise; : > "$exchange/started"; echo 3 > "$exchange/status"');
    expect([status, said]).toEqual([3, '']);
  });
});
