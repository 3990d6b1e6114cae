import type { Linux } from '../config.ts';
import type { Findings } from '../finding.ts';
import { namespaceOf } from '../namespaces.ts';
import { CLOCKS } from '../tables.ts';
import { checkAbsolute } from './text.ts';

/** config-linux.md, "Namespaces" */
export function namespacesAreUnique({ namespaces = [] }: Linux, findings: Findings): void {
  const types = new Set<string>();
  for (const [index, { type }] of namespaces.entries()) {
    if (types.has(type)) findings.error(['linux', 'namespaces', index, 'type'], 'the namespace is given twice');
    types.add(type);
  }
}

/** config-linux.md, "Namespaces" */
export function namespacePathsAreAbsolute({ namespaces = [] }: Linux, findings: Findings): void {
  for (const [index, { path }] of namespaces.entries()) {
    if (path !== undefined) checkAbsolute(path, findings, ['linux', 'namespaces', index, 'path']);
  }
}

/** config-linux.md, "Offset for Time Namespace": the kernel takes offsets of two clocks, before the namespace has a process. */
export function timeOffsetsNeedNewNamespace(linux: Linux, findings: Findings): void {
  const clocks = Object.keys(linux.timeOffsets ?? {});
  if (clocks.length === 0) return;
  const at = ['linux', 'timeOffsets'];
  const namespace = namespaceOf(linux, 'time');
  if (namespace === undefined) {
    findings.errorAt(at, 'needs a time namespace', 'add {"type": "time"} to linux.namespaces');
  } else if (namespace.path !== undefined) {
    findings.errorAt(at, 'the clocks of a time namespace joined by path cannot be changed');
  }
  for (const clock of clocks) {
    if (!CLOCKS.includes(clock)) findings.errorAt([...at, clock], 'unknown clock', `use ${CLOCKS.join(' or ')}`);
  }
}

/** config-linux.md, "Network Devices" */
export function netDevicesAreMovable(linux: Linux, findings: Findings): void {
  const devices = Object.entries(linux.netDevices ?? {});
  if (devices.length === 0) return;
  const at = ['linux', 'netDevices'];
  if (namespaceOf(linux, 'network') === undefined) {
    findings.errorAt(at, 'needs a network namespace', 'add {"type": "network"} to linux.namespaces');
  }
  for (const [name, device] of devices) {
    if (name === 'lo') findings.errorAt([...at, name], 'the loopback device cannot be moved');
    else if (!isInterfaceName(name)) findings.errorAt([...at, name], 'not a name of a network device');
    if (device.name !== undefined && !isInterfaceName(device.name)) {
      findings.error(
        [...at, name, 'name'],
        'not a name of a network device',
        'use at most 15 characters without / and :',
      );
    }
  }
}

/** As the kernel's dev_valid_name has it; a `%d` in a new name is within this. */
function isInterfaceName(name: string): boolean {
  return /^[^\s/:\x00-\x1f]{1,15}$/.test(name) && name !== '.' && name !== '..';
}
