import type { Config } from '../config.ts';
import type { Findings } from '../finding.ts';
import { namespaceOf } from '../namespaces.ts';
import { checkPathLength, isLonger, isRoot } from './text.ts';

const SEMVER = /^([0-9]{1,9})\.[0-9]{1,9}\.[0-9]{1,9}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** What callers write, so that the pattern is seldom needed. */
const RELEASES: readonly string[] = ['1.0.0', '1.0.1', '1.0.2', '1.0.2-dev', '1.1.0', '1.2.0', '1.2.1', '1.3.0'];

/** config.md, "Specification version": SemVer, compatible within major version 1. */
export function versionIsSupported({ ociVersion }: Config, findings: Findings): void {
  if (RELEASES.includes(ociVersion)) return;
  const match = SEMVER.exec(ociVersion);
  if (match === null) findings.error(['ociVersion'], 'not a version', 'expected one like 1.3.0');
  else if (match[1] !== '1') findings.error(['ociVersion'], 'unsupported version', 'tsrun implements 1.0.0 to 1.3.0');
}

/** config.md, "Root" */
export function rootIsUsable({ root: { path }, linux }: Config, findings: Findings): void {
  const at = ['root', 'path'];
  // Without mounts of its own a container changes into its root, and `/` is as good as any other directory then.
  const ownMounts = linux?.namespaces?.some(({ type, path }) => type === 'mount' && path === undefined) ?? false;
  if (path === '') findings.error(at, 'empty, expected a path');
  else if (ownMounts && path.startsWith('/') && isRoot(path)) {
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
  for (const property of ['hostname', 'domainname'] as const) {
    const name = config[property];
    if (name === undefined || name === '') continue;
    if (isLonger(name, 64)) findings.error([property], 'longer than 64 bytes');
    else if (namespaceOf(config.linux, 'uts') === undefined) {
      findings.error([property], 'needs a UTS namespace', 'add {"type": "uts"} to linux.namespaces');
    }
  }
}
