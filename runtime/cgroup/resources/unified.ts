import { TsrunError } from '../../errors.ts';
import { quote } from '../../text.ts';
import { unavailable, v1Name, type Writes } from './writes.ts';

/** Files of the core by which tsrun itself places, stops and ends the container. */
const ownFiles = new Set([
  'cgroup.procs',
  'cgroup.threads',
  'cgroup.kill',
  'cgroup.freeze',
  'cgroup.type',
  'cgroup.subtree_control',
]);

/**
 * config-linux.md, "Unified": files of v2 by their names, written as they are and after everything else, so that they
 * win over the other properties.
 * @throws {TsrunError} `config-invalid`; `host-unsupported`: v2 does not have the controller.
 */
export function writeUnified(writes: Writes, unified: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(unified)) {
    const from = `linux.resources.unified[${quote(file)}]`;
    const controller = controllerOf(file, from);
    if (controller !== 'cgroup') checkController(writes, controller, file, from);
    for (const other of writes.list)
      if (other.hierarchy === 'unified' && other.file === file && other.from !== from)
        writes.warnings.push(`${from}: written after ${other.from}, whose value it may replace`);
    for (const value of linesOf(text, from)) writes.list.push({ hierarchy: 'unified', controller, file, value, from });
  }
}

/** The controller that must be there for the file to be: the part before the first dot, or `cgroup` for the core. */
function controllerOf(file: string, from: string): string {
  if (!/^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_-]+)+$/.test(file))
    throw new TsrunError('config-invalid', `${from}: not a name of a cgroup file; expected one like memory.high`);
  if (ownFiles.has(file))
    throw new TsrunError('config-invalid', `${from}: tsrun itself uses this file for the container; remove the key`);
  // Pressure files belong to the core: they are there without their controller.
  return file.endsWith('.pressure') ? 'cgroup' : file.slice(0, file.indexOf('.'));
}

function checkController(writes: Writes, controller: string, file: string, from: string): void {
  if (writes.facts.unified.has(controller)) return;
  if (!writes.isV1(controller)) throw unavailable(controller, from);
  throw new TsrunError(
    'host-unsupported',
    `${from}: the ${controller} controller is bound to cgroup v1 on this host (${writes.facts.v1.get(v1Name(controller))}), which has no ${file}; use the other properties of linux.resources, or boot with cgroup_no_v1=${v1Name(controller)}`,
  );
}

/**
 * The kernel takes one line in one write. Several make sense only where each begins with what it is about (a device),
 * as in io.max; anything else would let a value carry a second one.
 */
function linesOf(text: string, from: string): readonly string[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  // Elsewhere nothing reads as zero, which ends every process.
  if (lines.length === 0 && !from.includes('"cpuset.'))
    throw new TsrunError('config-invalid', `${from}: empty; expected what the file takes`);
  if (lines.some((line) => /[\0-\x08\x0b-\x1f\x7f]/.test(line)))
    throw new TsrunError('config-invalid', `${from}: control characters: got ${quote(text)}`);
  if (lines.length > 1 && !lines.every((line) => /^\S+\s+\S/.test(line)))
    throw new TsrunError('config-invalid', `${from}: more than one line: got ${quote(text)}`);
  // A write of no bytes never reaches the kernel's parser; an empty line does, and empties the file.
  return lines.length === 0 ? ['\n'] : lines;
}
