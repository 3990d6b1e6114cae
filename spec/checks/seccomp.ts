import type { Linux, SeccompAction } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';

/** config-linux.md, "Seccomp": an action without an error number cannot be given one. */
export function seccompErrnosFit({ seccomp }: Linux, findings: Findings): void {
  if (seccomp === undefined) return;
  const at = ['linux', 'seccomp'];
  checkErrno(seccomp.defaultAction, seccomp.defaultErrnoRet, findings, [...at, 'defaultErrnoRet']);
  for (const [index, { action, errnoRet }] of seccomp.syscalls?.entries() ?? []) {
    checkErrno(action, errnoRet, findings, [...at, 'syscalls', index, 'errnoRet']);
  }
}

/** config-linux.md, "Seccomp": who is notified must be said, and to whom metadata goes. */
export function seccompListenerIsGiven({ seccomp }: Linux, findings: Findings): void {
  if (seccomp === undefined || (seccomp.listenerPath ?? '') !== '') return;
  const at = ['linux', 'seccomp'];
  for (const [index, { action }] of seccomp.syscalls?.entries() ?? []) {
    if (action !== 'SCMP_ACT_NOTIFY') continue;
    findings.error([...at, 'syscalls', index, 'action'], 'needs linux.seccomp.listenerPath');
  }
  if ((seccomp.listenerMetadata ?? '') !== '') findings.errorAt([...at, 'listenerMetadata'], 'needs listenerPath');
}

/**
 * init must say which descriptor notifies before anybody can be asked about anything: what it says that with may not ask. The same
 * refusals as in other runtimes.
 */
export function seccompCanNotify({ seccomp }: Linux, findings: Findings): void {
  if (seccomp === undefined) return;
  const at = ['linux', 'seccomp'];
  if (seccomp.defaultAction === 'SCMP_ACT_NOTIFY')
    findings.error(
      [...at, 'defaultAction'],
      'cannot be the default',
      'name the system calls to be asked about in syscalls',
    );
  for (const [index, { action, names }] of seccomp.syscalls?.entries() ?? []) {
    if (action === 'SCMP_ACT_NOTIFY' && names.includes('write'))
      findings.errorAt(
        [...at, 'syscalls', index, 'names'],
        'SCMP_ACT_NOTIFY cannot be used for write, with which the listener is handed over',
      );
  }
}

/** A rule for a system call without a name is nothing that anybody can have meant. */
export function seccompNamesAreNames({ seccomp }: Linux, findings: Findings): void {
  for (const [index, { names }] of seccomp?.syscalls?.entries() ?? [])
    if (names.includes(''))
      findings.error(
        ['linux', 'seccomp', 'syscalls', index, 'names', names.indexOf('')],
        'expected the name of a system call',
      );
}

/** MAX_ERRNO of the kernel, which cuts greater numbers down to it. */
const MAX_ERRNO = 4095;

function checkErrno(action: SeccompAction, errno: number | undefined, findings: Findings, at: Path): void {
  if (errno === undefined || action === 'SCMP_ACT_TRACE') return;
  if (action !== 'SCMP_ACT_ERRNO') findings.error(at, `${action} returns no error number`);
  else if (errno > MAX_ERRNO) findings.error(at, `expected an error number up to ${MAX_ERRNO}`);
}
