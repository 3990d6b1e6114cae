/** Annotations by which podman asks for what the specification has no property for. crun knows them as well. Pure. */
import { KEEP_ORIGINAL_GROUPS, MOUNT_CONTEXT_TYPE } from '../../spec/annotations.ts';
import type { Config } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';
import { quote } from '../text.ts';

/** Whether the process keeps the supplementary groups of the caller: `podman run --group-add keep-groups`. */
export function keepsGroups({ annotations }: Config): boolean {
  return annotations?.[KEEP_ORIGINAL_GROUPS] === '1';
}

/** The mount options of SELinux that take a label; mount(8). */
const contextTypes = new Set(['context', 'fscontext', 'defcontext', 'rootcontext']);

/** The SELinux label of new file systems, and the mount option that sets it. */
export interface MountLabel {
  readonly option: string;
  readonly label: string;
}

/** config-linux.md, "Mount Label". @throws {TsrunError} `config-invalid` */
export function mountLabelOf({ annotations, linux }: Config): MountLabel | undefined {
  const option = annotations?.[MOUNT_CONTEXT_TYPE] ?? 'context';
  if (!contextTypes.has(option))
    throw new TsrunError(
      'config-invalid',
      `annotations: ${MOUNT_CONTEXT_TYPE}: not one of ${[...contextTypes].join(', ')}: got ${quote(option)}`,
    );
  return linux?.mountLabel ? { option, label: linux.mountLabel } : undefined;
}
