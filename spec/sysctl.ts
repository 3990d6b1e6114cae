import type { NamespaceType } from './config.ts';

/** Parameters of the IPC namespace below kernel/; the rest are in fs/mqueue/. */
const IPC_PARAMETERS: ReadonlySet<string> = new Set([
  'auto_msgmni',
  'msg_next_id',
  'msgmax',
  'msgmnb',
  'msgmni',
  'sem',
  'sem_next_id',
  'shm_next_id',
  'shm_rmid_forced',
  'shmall',
  'shmmax',
  'shmmni',
]);

/**
 * The file below /proc/sys of a kernel parameter: `net.ipv4.ip_forward` → `net/ipv4/ip_forward`. As with sysctl(8), whichever of `.`
 * and `/` comes first separates, and the other stands for a dot in a name: `net.ipv4.conf.eth0/1.forwarding`.
 * Undefined where the key is not one: every component must be a plain name, so that none leads elsewhere.
 */
export function sysctlPath(key: string): string | undefined {
  const separator = /[./]/.exec(key)?.[0];
  if (separator === undefined) return undefined;
  const components = key.split(separator).map((component) => component.replaceAll('/', '.'));
  const isPlain = (component: string) => /^[A-Za-z0-9_-][A-Za-z0-9_.@-]*$/.test(component) && !component.endsWith('.');
  return components.every(isPlain) ? components.join('/') : undefined;
}

/** The namespace that a kernel parameter belongs to, by its path; undefined if it is the whole host's. */
export function sysctlNamespace(path: string): NamespaceType | undefined {
  if (path.startsWith('net/')) return 'network';
  if (path.startsWith('fs/mqueue/')) return 'ipc';
  if (path.startsWith('user/')) return 'user';
  if (path === 'kernel/domainname' || path === 'kernel/hostname') return 'uts';
  return path.startsWith('kernel/') && IPC_PARAMETERS.has(path.slice('kernel/'.length)) ? 'ipc' : undefined;
}
