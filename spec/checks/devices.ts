import type { Linux, Resources } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';
import { checkAbsolute, isRoot } from './text.ts';

/** config-linux.md, "Devices" */
export function devicesAreComplete({ devices }: Linux, findings: Findings): void {
  devices?.forEach((device, index) => {
    const at = ['linux', 'devices', index];
    if (checkAbsolute(device.path, findings, [...at, 'path']) && isRoot(device.path)) {
      findings.error([...at, 'path'], 'names no file');
    }
    if (device.type === 'p') return;
    for (const property of ['major', 'minor'] as const) {
      if (device[property] === undefined)
        findings.errorAt([...at, property], `missing, but type ${device.type} needs it`);
    }
  });
}

/** config-linux.md, "Allowed Device list" */
export function deviceRulesAreRules({ devices }: Resources, findings: Findings, at: Path): void {
  devices?.forEach(({ access }, index) => {
    const isAccess = access === undefined || (/^[rwm]{1,3}$/.test(access) && new Set(access).size === access.length);
    if (!isAccess) findings.error([...at, 'devices', index, 'access'], 'expected some of the letters r, w and m');
  });
}
