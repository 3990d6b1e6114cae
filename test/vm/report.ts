/** What people read of a guest that did not end by itself. */
import type { Ending } from './machine.ts';

/** The guest's console and the reason; nothing where the guest ended as it should. */
export function endingText({ reason, console }: Pick<Ending, 'reason' | 'console'>): string {
  if (reason === undefined) return '';
  // Of what SysRq-T tells, the kernel's own sleeping threads and the scheduler's numbers are noise.
  const shown = console
    .replaceAll('\r', '')
    .replace(/^.*\btask:.*\bstate:[SI]\b.* ppid:[02] .*\n(?:(?!.*\b(?:task:|Sched Debug|Showing )).*\n)*/gm, '')
    .replace(/^.*Sched Debug Version(?:(?!.*\bShowing ).*\n)*/gm, '')
    .trim();
  return `\n--- the guest's console ---\n${shown === '' ? '(empty)' : shown}\n--- end of the console ---\ntest:vm: ${reason}\n`;
}
