import type { Linux, SeccompAction } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';

/** config-linux.md, "Seccomp": an action without an error number cannot be given one. */
export function seccompErrnosFit({ seccomp }: Linux, findings: Findings): void {
  if (seccomp === undefined) return;
  const at = ['linux', 'seccomp'];
  checkErrno(seccomp.defaultAction, seccomp.defaultErrnoRet, findings, [...at, 'defaultErrnoRet']);
  seccomp.syscalls?.forEach(({ action, errnoRet }, index) => {
    checkErrno(action, errnoRet, findings, [...at, 'syscalls', index, 'errnoRet']);
  });
}

/** config-linux.md, "Seccomp": who is notified must be said, and to whom metadata goes. */
export function seccompListenerIsGiven({ seccomp }: Linux, findings: Findings): void {
  if (seccomp === undefined || (seccomp.listenerPath ?? '') !== '') return;
  const at = ['linux', 'seccomp'];
  if (seccomp.defaultAction === 'SCMP_ACT_NOTIFY') {
    findings.error([...at, 'defaultAction'], 'needs linux.seccomp.listenerPath');
  }
  seccomp.syscalls?.forEach(({ action }, index) => {
    if (action !== 'SCMP_ACT_NOTIFY') return;
    findings.error([...at, 'syscalls', index, 'action'], 'needs linux.seccomp.listenerPath');
  });
  if ((seccomp.listenerMetadata ?? '') !== '') findings.errorAt([...at, 'listenerMetadata'], 'needs listenerPath');
}

/** MAX_ERRNO of the kernel, which cuts greater numbers down to it. */
const MAX_ERRNO = 4095;

function checkErrno(action: SeccompAction, errno: number | undefined, findings: Findings, at: Path): void {
  if (errno === undefined || action === 'SCMP_ACT_TRACE') return;
  if (action !== 'SCMP_ACT_ERRNO') findings.error(at, `${action} returns no error number`);
  else if (errno > MAX_ERRNO) findings.error(at, `expected an error number up to ${MAX_ERRNO}`);
}
