/** Descriptors of init that the host takes over, where init cannot or must not send them. */
import { addon } from '../addon.ts';
import { TsrunError } from '../errors.ts';
import { check, SysError } from '../sys.ts';

/** The descriptor of that number in process `pid`; `from` is the property that it is for. @throws {TsrunError} `process` */
export function fetchDescriptor(pid: number, fd: number, from: string): number {
  const pidfd = check(addon.pidfdOpen(pid), 'pidfd_open', 'init');
  const fetched = addon.pidfdGetfd(pidfd, fd);
  addon.close(pidfd);
  if (fetched >= 0) return fetched;
  throw new TsrunError('process', `${from}: fetch a descriptor of init: it takes CAP_SYS_PTRACE`, {
    cause: new SysError(-fetched, 'pidfd_getfd'),
  });
}
