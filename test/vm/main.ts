/**
 * Runs the tests of test/vm/tests, or one command, in a guest; see docs/testing.md.
 *
 * The exit status is the command's; 1 where tests failed, 2 for a wrong call, 125 where the guest did not do its part.
 */
import { parseArgs } from 'node:util';
import { type Ending, type Kind, run } from './machine.ts';
import { endingText } from './report.ts';
import { prepare, Unfit } from './requirements.ts';
import { runSuites } from './suites.ts';

const usage = `usage: npm run test:vm [-- OPTION...]                 run the tests: a boot for each kind that has some
       npm run test:vm -- [OPTION...] COMMAND [ARG...]   run one command; its status is the exit status

  --plain          a guest without a service manager (for a command: the default)
  --systemd        a guest with systemd and D-Bus
  --only FILTER    of the tests, those whose file name contains FILTER (may be given again)
  --timeout SECS   until a guest is ended (default 2400)
  --silence SECS   without output until a guest is ended (default 240)
  --console        show the guest's console on standard error
`;

const options = {
  plain: { type: 'boolean', default: false },
  systemd: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] as string[] },
  timeout: { type: 'string', default: '2400' },
  silence: { type: 'string', default: '240' },
  console: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Options end where the command begins, so that the command's own reach it. */
function split(argv: readonly string[]): [string[], string[]] {
  let at = 0;
  while (at < argv.length && argv[at]?.startsWith('-')) {
    if (argv[at] === '--') return [argv.slice(0, at), argv.slice(at + 1)];
    at += /^--(only|timeout|silence)$/.test(argv[at] ?? '') ? 2 : 1;
  }
  return [argv.slice(0, at), argv.slice(at)];
}

/** The environment of what runs inside: the settings of the tests, and little else. */
function environment(): Record<string, string> {
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && /^(TSRUN_|CI$|LANG$|LC_|TERM$)/.test(entry[0]),
  );
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
  return {
    ...colour,
    HOME: '/root',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...Object.fromEntries(own),
  };
}

/** Says how a guest ended that did not end by itself. */
function report(ending: Ending): void {
  process.stderr.write(endingText(ending));
}

async function main(): Promise<number> {
  const [optionWords, command] = split(process.argv.slice(2));
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];
  try {
    values = parseArgs({ args: optionWords, options }).values;
  } catch (error) {
    process.stderr.write(`test:vm: ${error instanceof Error ? error.message : error}\n\n${usage}`);
    return 2;
  }
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const timeout = Number(values.timeout);
  const silence = Number(values.silence);
  if (!(timeout > 0) || !(silence > 0) || (values.plain && values.systemd && command.length > 0)) {
    process.stderr.write(usage);
    return 2;
  }
  const kinds: Kind[] = (['plain', 'systemd'] as const).filter(
    (kind) => values[kind] || values.plain === values.systemd,
  );
  const parts = prepare();
  const common = { env: environment(), timeout, silence, console: values.console };
  if (command.length === 0) return runSuites(parts, kinds, values.only, common, report);
  const kind = values.systemd ? 'systemd' : 'plain';
  const cwd = process.env.INIT_CWD ?? process.cwd();
  return (await run(parts, { ...common, kind, command, cwd }, report)) ?? 125;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Unfit)) throw error;
  process.stderr.write(`test:vm: ${error.message}\n`);
  process.exitCode = 125;
}
