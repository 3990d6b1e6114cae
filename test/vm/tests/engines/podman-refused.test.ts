/** What root's podman cannot run: the same exit statuses with tsrun as with crun. */
import { describe, expect, test } from 'vitest';
import { type Difference, patiently, seen, useEngines } from '../../podman.ts';

const engines = useEngines();

const sysctl: Difference = {
  of: /^code$/,
  because:
    'crun says "No such file or directory", which podman takes for a program that is not there, 127; tsrun says it' +
    ' without the phrase that means that, and 126 is podman’s for all else that a runtime refuses',
};

const noProgram: Difference = {
  of: /^(?:code|stderr)$/,
  because:
    'podman-run(1): 126, a contained command cannot be invoked. crun ends like a program that failed, with 1; tsrun' +
    ' answers `start` only when the program runs',
};

describe('the exit status', patiently, () => {
  test.for<[string, { options?: string[]; words?: string[] }, number, Difference?]>([
    ['of a workdir that is not there', { options: ['--workdir', '/no/such'] }, 126],
    ['of a device that is not there', { options: ['--device', '/dev/no-such'] }, 125],
    ['of a sysctl that is not there', { options: ['--sysctl', 'net.ipv4.no_such=1'] }, 126, sysctl],
    ['of CPUs that are not there', { options: ['--cpuset-cpus', '77'] }, 126],
    ['of a source of a bind that is not there', { options: ['--volume', '/no/such:/data'] }, 125],
    ['of a capability that is none', { options: ['--cap-add', 'NO_SUCH'] }, 125],
    ['of a file that is no program', { words: ['no-program'] }, 126, noProgram],
    ['of a program that a signal ends', { words: ['sh', '-c', 'sh -c "kill -USR2 \\$\\$"; exit $?'] }, 140],
  ])('%s', async ([, { options = [], words = ['true'] }, code, difference]) => {
    const result = await engines.alike(
      async (podman) => seen(await podman.do('run', '--rm', '--network', 'none', ...options, 'bb', ...words)),
      difference === undefined ? [] : [difference],
    );
    expect(result).toMatchObject({ code, stdout: '' });
  });
});
