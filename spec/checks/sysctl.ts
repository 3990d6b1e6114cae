import type { Linux } from '../config.ts';
import type { Findings } from '../finding.ts';
import { namespaceOf } from '../namespaces.ts';
import { sysctlNamespace, sysctlPath } from '../sysctl.ts';

/** A parameter that does not belong to one of the container's namespaces would be set on the host. config-linux.md, "Sysctl" */
export function sysctlsAreTheContainers(linux: Linux, findings: Findings): void {
  for (const [key, value] of Object.entries(linux.sysctl ?? {})) {
    const at = ['linux', 'sysctl', key];
    // One value for one parameter: some tools read a second assignment behind a line break.
    if (value.includes('\n')) findings.errorAt(at, 'a value is one line', 'remove the line break');
    const path = sysctlPath(key);
    if (path === undefined) {
      findings.errorAt(at, 'not a name of a kernel parameter', 'expected one like net.ipv4.ip_forward');
      continue;
    }
    const needed = sysctlNamespace(path);
    if (needed === undefined) findings.errorAt(at, 'belongs to the host, not to a namespace');
    else if (path === 'kernel/hostname') findings.errorAt(at, 'the property hostname sets this', 'use hostname');
    else if (namespaceOf(linux, needed) === undefined) {
      findings.errorAt(at, `needs a namespace of type ${needed}`, `add {"type": "${needed}"} to linux.namespaces`);
    }
  }
}
