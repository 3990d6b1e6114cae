import { addon } from '../addon.ts';
import { refuseWithoutCgroup } from '../cgroup/absent.ts';
import { pidsOf } from '../cgroup/cgroupfs.ts';
import type { RequestOf } from '../cli/parse.ts';
import { type Context, containerOf } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { selectProcesses } from '../process-table.ts';
import { findProgram, runProgram } from '../program.ts';
import { quote } from '../text.ts';

const STDOUT = 1;

/** The pids of a container as this process sees them, ascending. @throws {TsrunError} */
function pidsOfContainer(context: Context, id: string): number[] {
  const state = containerOf(context, id).readState();
  if (!state) throw new TsrunError('not-running', `ps ${quote(id)}: container not running: it is not made yet`);
  refuseWithoutCgroup(state.cgroup, `ps ${quote(id)}`, 'to find its processes by');
  // 0 is a process that this pid namespace does not see.
  return pidsOf(state.cgroup)
    .filter((pid) => pid > 0)
    .sort((a, b) => a - b);
}

/** What the host's ps prints. @throws {TsrunError} */
function hostTable(context: Context, psArgs: readonly string[]): string {
  const path = findProgram('ps', context.caller);
  if (path === undefined)
    throw new TsrunError('host-unsupported', 'ps: this host has no program ps: install it, or ask for --format json');
  const { status, stdout, stderr } = runProgram(path, ['ps', ...psArgs], context.caller);
  // 1 without a word is how ps says that it found no process.
  if (status > 1 || (status === 1 && stderr !== '')) {
    const said = stderr.split('\n').find((line) => line.trim() !== '');
    throw new TsrunError('process', `ps: ${path} ended with status ${status}: ${said ?? 'it says nothing'}`);
  }
  return stdout;
}

/** `ps`: the rows of the host's ps that are the container's, or its pids as JSON. */
export function ps(context: Context, request: RequestOf<'ps'>): number {
  const pids = pidsOfContainer(context, request.id);
  if (request.format === 'json') {
    addon.write(STDOUT, `${JSON.stringify(pids)}\n`);
    return 0;
  }
  const table = hostTable(context, request.psArgs.length > 0 ? request.psArgs : ['-ef']);
  const rows = selectProcesses(table, pids);
  if (rows === undefined)
    throw new TsrunError('usage', 'ps: there is no column PID in what ps prints: leave it in the columns asked for');
  addon.write(STDOUT, rows);
  return 0;
}
