import type { Linux } from '../config.ts';
import type { Findings } from '../finding.ts';
import { checkAbsolute, checkNumberList, isLonger, isRoot, MAX_NODE } from './text.ts';

/** config-linux.md, "Cgroups Path": never the root of the hierarchy, whose processes a kill would take along, nor a way out. */
export function cgroupsPathIsBelowRoot({ cgroupsPath: path }: Linux, findings: Findings): void {
  if (path === undefined || path === '') return;
  const at = ['linux', 'cgroupsPath'];
  if (isLonger(path, 4096)) findings.error(at, 'longer than 4096 bytes');
  else if (path.split('/').includes('..')) findings.error(at, 'must not have .. in it');
  else if (isRoot(path)) findings.error(at, "the root cgroup cannot be a container's", 'name a cgroup below it');
}

/** config-linux.md, "Masked Paths" and "Readonly Paths" */
export function maskedPathsAreAbsolute(linux: Linux, findings: Findings): void {
  for (const property of ['maskedPaths', 'readonlyPaths'] as const) {
    for (const [index, path] of linux[property]?.entries() ?? []) {
      const at = ['linux', property, index];
      if (!checkAbsolute(path, findings, at) || !isRoot(path)) continue;
      if (property === 'maskedPaths') findings.error(at, 'would mask the whole container');
      else findings.error(at, 'is the root', 'set root.readonly instead');
    }
  }
}

/** config-linux.md, "IntelRdt": the values become lines of a file, closID the name of a directory. */
export function intelRdtIsWellFormed({ intelRdt }: Linux, findings: Findings): void {
  const { closID, l3CacheSchema, memBwSchema, schemata } = intelRdt ?? {};
  const at = ['linux', 'intelRdt'];
  if (closID !== undefined && closID !== '/' && !/^(?!\.\.?$)[^/\n]+$/.test(closID)) {
    findings.error([...at, 'closID'], 'not a name of a class of service');
  }
  // Several lines SHOULD NOT be, but may: the specification says what becomes of those of memory bandwidth.
  if (l3CacheSchema?.split('\n').some((line) => !/^[A-Z0-9]+:/.test(line)))
    findings.error([...at, 'l3CacheSchema'], 'expected a line such as L3:0=f');
  if (memBwSchema !== undefined && (!memBwSchema.startsWith('MB:') || memBwSchema.includes('\n'))) {
    findings.error([...at, 'memBwSchema'], 'expected one line, begun with the letters MB and a colon');
  }
  schemata?.forEach((line, index) => {
    if (line.includes('\n')) findings.error([...at, 'schemata', index], 'must be one line');
  });
}

/** set_mempolicy(2): which modes want nodes, and which flags exclude each other. config-linux.md, "Memory policy" */
export function memoryPolicyHasItsNodes({ memoryPolicy }: Linux, findings: Findings): void {
  if (memoryPolicy === undefined) return;
  const { mode, nodes = '', flags = [] } = memoryPolicy;
  if (flags.includes('MPOL_F_STATIC_NODES') && flags.includes('MPOL_F_RELATIVE_NODES')) {
    findings.errorAt(
      ['linux', 'memoryPolicy', 'flags'],
      'MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other',
    );
  }
  const at = ['linux', 'memoryPolicy', 'nodes'];
  if (nodes !== '') checkNumberList(nodes, MAX_NODE, findings, at);
  if (mode === 'MPOL_DEFAULT' || mode === 'MPOL_LOCAL') {
    if (nodes !== '') findings.error(at, `${mode} has no nodes`);
  } else if (nodes === '' && mode !== 'MPOL_PREFERRED') {
    findings.errorAt(at, `missing, but ${mode} needs them`);
  }
}

/** config-linux.md, "Personality": no flag is defined. */
export function personalityHasNoFlags({ personality }: Linux, findings: Findings): void {
  personality?.flags?.forEach((_, index) => {
    findings.error(['linux', 'personality', 'flags', index], 'unknown personality flag', 'the specification has none');
  });
}
