/**
 * ENOSYS for system calls that are newer than the profile.
 *
 * A profile that denies what it does not name answers EPERM to a system call that its author could not know; a C library takes that for
 * a refusal, and only ENOSYS for "try the older one". So whatever is beyond the greatest number that the profile names, on its
 * architecture, gets ENOSYS before the filter is asked. Not where all else is allowed, logged or traced, nor where the profile's own
 * answer is ENOSYS already: runc has the same rule.
 */
import type { Seccomp } from '../../spec/config.ts';
import { BPF_JA, BPF_JEQ_K, BPF_JGE_K, BPF_JGT_K, BPF_JSET_K, BPF_LD_ABS, BPF_RET_K, DATA } from './bpf.ts';
import { ARCHITECTURE, ARM_PRIVATE, RET, X32_BIT } from './numbers.ts';

const ENOSYS = 38;

/** The greatest number that a profile names for an architecture of libseccomp. */
export type LastCalls = ReadonlyMap<number, number>;

/** Whether a profile's filter gets the stub. */
export function needsStub({ defaultAction, defaultErrnoRet }: Seccomp): boolean {
  switch (defaultAction) {
    case 'SCMP_ACT_ALLOW':
    case 'SCMP_ACT_LOG':
    case 'SCMP_ACT_TRACE':
      return false;
    default:
      return defaultErrnoRet !== ENOSYS;
  }
}

/** An instruction with its jumps, counted from the next one. */
type Instruction = readonly [code: number, value: number, ifTrue?: number, ifFalse?: number];

/** Never greater: for an architecture of which the profile names nothing. */
const NOTHING = 0xffff_ffff;

/** What is done for one architecture of the kernel, after its number was found to be that. Ends in ENOSYS, and a jump to the filter. */
function section(token: number, last: LastCalls): Instruction[] {
  const number: Instruction = [BPF_LD_ABS, DATA.NUMBER];
  const end: Instruction[] = [
    [BPF_RET_K, RET.ERRNO + ENOSYS],
    [BPF_JA, 0],
  ];
  const greatest = last.get(token) ?? NOTHING;
  if (token === ARCHITECTURE.X86_64)
    return [
      number,
      [BPF_JSET_K, X32_BIT, 1, 0],
      [BPF_JGT_K, greatest, 1, 2],
      [BPF_JGT_K, last.get(ARCHITECTURE.X32) ?? NOTHING, 0, 1],
      ...end,
    ];
  if (token === ARCHITECTURE.ARM) return [number, [BPF_JGT_K, greatest, 0, 2], [BPF_JGE_K, ARM_PRIVATE, 1, 0], ...end];
  return [number, [BPF_JGT_K, greatest, 0, 1], ...end];
}

/** The stub's instructions, to stand before a filter: two words each. */
export function stubProgram(last: LastCalls): Uint32Array {
  const tokens = new Set([...last.keys()].map((token) => (token === ARCHITECTURE.X32 ? ARCHITECTURE.X86_64 : token)));
  const instructions: Instruction[] = [[BPF_LD_ABS, DATA.ARCHITECTURE]];
  for (const token of tokens) {
    const body = section(token, last);
    instructions.push([BPF_JEQ_K, token, 0, body.length], ...body);
  }
  const words = new Uint32Array(instructions.length * 2);
  instructions.forEach(([code, value, ifTrue = 0, ifFalse = 0], index) => {
    words[index * 2] = code | (ifTrue << 16) | (ifFalse << 24);
    // A jump leads to the filter, which begins where this ends.
    words[index * 2 + 1] = code === BPF_JA ? instructions.length - index - 1 : value;
  });
  return words;
}
