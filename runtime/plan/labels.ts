/**
 * Labels of the security modules. config.md "Linux Process", config-linux.md "Mount Label".
 *
 * The program's label is asked for in advance, and takes effect at execve(2): init itself would not be let do its work under it.
 */
import type { Config, Process } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';
import type { SecurityFacts } from '../facts.ts';
import { quote } from '../text.ts';
import type { Step } from './types.ts';

/** The profile that confines nothing: a host without AppArmor has it as well. */
const UNCONFINED = 'unconfined';
const APPARMOR_EXEC = 'self/attr/apparmor/exec';
const SELINUX_EXEC = 'self/attr/exec';
const SELINUX_KEYS = 'self/attr/keycreate';

function absent(property: string, value: string, module: string): TsrunError {
  return new TsrunError(
    'host-unsupported',
    `${property}: ${quote(value)} cannot be applied, for ${module} is not enabled on this host: enable it, or remove the property`,
  );
}

/** Refuses labels of modules that the host does not have. @throws {TsrunError} `host-unsupported` */
export function refuseForeignLabels(config: Config, { apparmor, selinux }: SecurityFacts): void {
  const { apparmorProfile, selinuxLabel } = config.process ?? {};
  const mountLabel = config.linux?.mountLabel;
  if (apparmorProfile && apparmorProfile !== UNCONFINED && !apparmor)
    throw absent('process.apparmorProfile', apparmorProfile, 'AppArmor');
  if (selinuxLabel && !selinux) throw absent('process.selinuxLabel', selinuxLabel, 'SELinux');
  if (mountLabel && !selinux) throw absent('linux.mountLabel', mountLabel, 'SELinux');
}

const procHandle: Step = { operation: { op: 'procHandle' }, from: 'labels are written through a procfs of init’s own' };

/** The label of the program. It has to come while the process may still write to its own files of procfs. */
export function planLabels(process: Process, { apparmor }: SecurityFacts): Step[] {
  const { apparmorProfile, selinuxLabel } = process;
  const steps: Step[] = [];
  if (apparmorProfile && apparmor)
    steps.push({
      operation: { op: 'label', path: APPARMOR_EXEC, label: `exec ${apparmorProfile}`, kept: apparmorProfile },
      from: 'process.apparmorProfile',
    });
  if (selinuxLabel)
    // Which the policy may spell in another way.
    steps.push({
      operation: { op: 'label', path: SELINUX_EXEC, label: selinuxLabel, kept: '' },
      from: 'process.selinuxLabel',
    });
  return steps.length === 0 ? [] : [procHandle, ...steps];
}

/** `steps` that make a key, which gets the label of the process that it is for. */
export function withKeyLabel(steps: readonly Step[], { selinuxLabel }: Process): Step[] {
  if (!selinuxLabel || steps.length === 0) return [...steps];
  const label = (text: string): Step => ({
    operation: { op: 'label', path: SELINUX_KEYS, label: text },
    from: 'process.selinuxLabel',
  });
  return [procHandle, label(selinuxLabel), ...steps, label('')];
}
