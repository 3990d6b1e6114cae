import type { Config } from '../config.ts';
import type { Findings } from '../finding.ts';
import { checkPathLength, cleanPath } from './text.ts';

const SEMVER = /^([0-9]{1,9})\.[0-9]{1,9}\.[0-9]{1,9}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** config.md, "Specification version": SemVer, compatible within major version 1. */
export function versionIsSupported({ ociVersion }: Config, findings: Findings): void {
  const match = SEMVER.exec(ociVersion);
  if (match === null) findings.error(['ociVersion'], 'not a version', 'expected one like 1.3.0');
  else if (match[1] !== '1') findings.error(['ociVersion'], 'unsupported version', 'tsrun implements 1.0.0 to 1.3.0');
}

/** config.md, "Root" */
export function rootIsUsable({ root: { path } }: Config, findings: Findings): void {
  const at = ['root', 'path'];
  if (path === '') findings.error(at, 'empty, expected a path');
  else if (path.startsWith('/') && cleanPath(path) === '/') {
    findings.error(at, "the host's root cannot be a container's", 'give a directory of its own');
  } else checkPathLength(path, findings, at);
}

/** config.md, "Annotations": keys must not be empty. */
export function annotationsHaveKeys({ annotations }: Config, findings: Findings): void {
  if (annotations !== undefined && Object.hasOwn(annotations, '')) {
    findings.error(['annotations', ''], 'a key must not be empty');
  }
}

/** The kernel's UTS fields hold 64 bytes, and only a UTS namespace keeps the host's own names. config.md, "Hostname" */
export function namesNeedUts(config: Config, findings: Findings): void {
  const hasUts = config.linux?.namespaces?.some(({ type }) => type === 'uts') ?? false;
  for (const property of ['hostname', 'domainname'] as const) {
    const name = config[property];
    if (name === undefined || name === '') continue;
    if (new TextEncoder().encode(name).length > 64) findings.error([property], 'longer than 64 bytes');
    else if (!hasUts) {
      findings.error([property], 'needs a UTS namespace', 'add {"type": "uts"} to linux.namespaces');
    }
  }
}
