import type { Linux, Resources } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';
import { checkAbsolute, isRoot } from './text.ts';

/** config-linux.md, "Devices" */
export function devicesAreComplete({ devices }: Linux, findings: Findings): void {
  for (const [index, device] of devices?.entries() ?? []) {
    const at = ['linux', 'devices', index];
    if (checkAbsolute(device.path, findings, [...at, 'path']) && isRoot(device.path)) {
      findings.error([...at, 'path'], 'names no file');
    }
    if (device.type === 'p') continue;
    for (const property of ['major', 'minor'] as const) {
      if (device[property] === undefined)
        findings.errorAt([...at, property], `missing, but type ${device.type} needs it`);
    }
  }
}

/** config-linux.md, "Allowed Device list" */
export function deviceRulesAreRules({ devices }: Resources, findings: Findings, at: Path): void {
  for (const [index, { access }] of devices?.entries() ?? []) {
    if (access === undefined || isAccess(access)) continue;
    findings.error([...at, 'devices', index, 'access'], 'expected some of the letters r, w and m');
  }
}

/** Whether a text is some of the letters r, w and m, each once at most. */
function isAccess(text: string): boolean {
  let seen = '';
  for (const letter of text) {
    if (!'rwm'.includes(letter) || seen.includes(letter)) return false;
    seen += letter;
  }
  return text !== '';
}
