/** The validation suite of the OCI where the host cannot run it: AppArmor, and the controllers of cgroup v1. See docs/conformance.md. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { behind, readRecorded, readRun } from '../../../conformance/results.ts';

const repository = resolve(import.meta.dirname, '../../../..');
const conformance = join(repository, 'test/conformance');
const recorded = readRecorded();

/** The programs of a view, by the list that the recording goes by. */
function programsOf(view: string): string[] {
  const script = `repository=$1; . "$1/test/conformance/runtimes.sh"; guest_programs "$2"`;
  return execFileSync('sh', ['-c', script, 'sh', repository, view], { encoding: 'utf8' }).trim().split(/\s+/);
}

const isBuilt = existsSync(join(repository, 'build/conformance/suite/bin'));
const name = isBuilt ? '' : ' (skipped: the suite is not built: sh test/conformance/build.sh)';

describe.skipIf(!isBuilt).each(['guest', 'guest-v1'])(`in the view %s${name}`, (view) => {
  test.each(isBuilt ? programsOf(view) : ['no program'])('%s: as good as crun and runc', (program) => {
    // Not in /tmp, which inside.sh covers.
    const results = mkdtempSync('/run/conformance-');
    try {
      const run = spawnSync('sh', [join(conformance, 'guest.sh'), view, '-', results, 'tsrun', program], {
        encoding: 'utf8',
      });
      expect([run.status, run.stderr]).toEqual([0, '']);
      const reached = readRun(join(results, `${view}-tsrun`));
      const said = ['out', 'err'].map((kind) =>
        readFileSync(join(results, `${view}-tsrun/${program}.${kind}`), 'utf8'),
      );
      expect(Object.keys(reached?.programs ?? {})).toEqual([program]);
      expect(Object.keys(recorded[view]?.crun?.programs ?? {})).toContain(program);
      expect(
        behind({ ...recorded[view], ...(reached ? { tsrun: reached } : {}) }, 'recorded'),
        said.join('\n'),
      ).toEqual([]);
    } finally {
      rmSync(results, { recursive: true, force: true });
    }
  });
});
