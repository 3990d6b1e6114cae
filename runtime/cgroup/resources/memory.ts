import type { Int64, Memory } from '../../../spec/config.ts';
import { TsrunError } from '../../errors.ts';
import { given, invalid, onlyV1, orMax, pathOf, type Writes } from './writes.ts';

const v1Limit = 'memory.limit_in_bytes';
const v1Total = 'memory.memsw.limit_in_bytes';

/**
 * config-linux.md, "Memory". v1 counts memory and swap together as the specification does; v2 counts swap alone.
 * @throws {TsrunError} `config-invalid`, `host-unsupported`; `cgroup` where checkBeforeUpdate forbids the limit.
 */
export function writeMemory(writes: Writes, memory: Memory): void {
  const v1 = writes.isV1('memory');
  if (v1) writeV1Limits(writes, memory);
  else writeV2Limits(writes, memory);
  if (given(memory.reservation)) {
    const { reservation } = memory;
    if (v1) writes.add('memory', 'memory.soft_limit_in_bytes', String(reservation), 'memory.reservation');
    else writes.add('memory', 'memory.low', orMax(reservation), 'memory.reservation');
  }
  writeBehaviour(writes, memory, v1);
  warnOfKernelLimits(writes, memory);
}

/** Memory and swap together, as asked; where memory is to be unlimited, swap is too unless it has a limit. */
function totalOf({ limit, swap }: Memory): Int64 | undefined {
  if (given(swap)) return swap;
  return limit !== undefined && limit < 0 ? -1 : undefined;
}

function writeV2Limits(writes: Writes, memory: Memory): void {
  if (memory.checkBeforeUpdate === true) checkUsage(writes, memory);
  const swap = swapAlone(writes, memory);
  // Without swap accounting there is no file, and nothing to limit either.
  if (swap !== undefined) {
    const isNothing = swap === 'max' || swap === '0';
    writes.add('memory', 'memory.swap.max', swap, swapSource(memory), isNothing ? 'ignore' : undefined);
  }
  if (given(memory.limit)) writes.add('memory', 'memory.max', orMax(memory.limit), 'memory.limit');
}

function swapSource({ swap }: Memory): string {
  return given(swap) ? 'memory.swap' : 'memory.limit';
}

/** The value of memory.swap.max: the total without its memory. */
function swapAlone(writes: Writes, memory: Memory): string | undefined {
  const total = totalOf(memory);
  if (total === undefined) return undefined;
  if (total < 0) return 'max';
  const limit = given(memory.limit) ? memory.limit : currentV2Limit(writes);
  if (limit === undefined) throw swapWithoutLimit(writes);
  if (limit < 0) return String(total);
  const swap = BigInt(total) - BigInt(limit);
  if (swap < 0n) throw swapBelowLimit(total, limit);
  return String(swap);
}

function currentV2Limit(writes: Writes): Int64 | undefined {
  const text = writes.current('memory', 'memory.max');
  return text === 'max' ? -1 : writes.currentNumber('memory', 'memory.max');
}

function swapWithoutLimit(writes: Writes): TsrunError {
  const why = writes.updating ? 'whose present value is unknown' : 'which is absent';
  return invalid('memory.swap', `memory and swap together need memory.limit, ${why}; set memory.limit as well`);
}

function swapBelowLimit(total: Int64, limit: Int64): TsrunError {
  return invalid('memory.swap', `${total} is less than the memory limit ${limit}, which it includes; raise it`);
}

/** v2 ends processes at once where usage is above a new limit; checkBeforeUpdate asks for an error instead. */
function checkUsage(writes: Writes, { limit, swap }: Memory): void {
  const usage = writes.currentNumber('memory', 'memory.current');
  if (usage === undefined) return;
  for (const [property, value] of [
    ['memory.limit', limit],
    ['memory.swap', swap],
  ] as const)
    if (given(value) && value > 0 && usage > value)
      throw new TsrunError(
        'cgroup',
        `${pathOf(property)}: the memory controller: ${value} bytes is less than the ${usage} that the container uses (memory.current), and memory.checkBeforeUpdate is set; choose a greater limit`,
      );
}

function writeV1Limits(writes: Writes, memory: Memory): void {
  const total = totalOf(memory);
  const limit = given(memory.limit) ? memory.limit : undefined;
  checkV1(writes, limit, total);
  const writeLimit = (): void => {
    if (limit !== undefined) writes.add('memory', v1Limit, String(limit), 'memory.limit');
  };
  const writeTotal = (): void => {
    if (total === undefined) return;
    writes.add('memory', v1Total, String(total), swapSource(memory), total < 0 ? 'ignore' : undefined);
  };
  // The kernel wants limit <= total after each write: a total that grows goes first, one that shrinks last.
  const present = writes.currentNumber('memory', v1Total);
  const grows = total !== undefined && present !== undefined && (total < 0 || total > present);
  if (grows) writeTotal();
  writeLimit();
  if (!grows) writeTotal();
}

/** What the kernel would refuse with EINVAL and no word. */
function checkV1(writes: Writes, limit: Int64 | undefined, total: Int64 | undefined): void {
  if (total !== undefined && total >= 0) {
    if (limit === undefined && !writes.updating) throw swapWithoutLimit(writes);
    if (limit !== undefined && limit < 0)
      throw invalid('memory.swap', 'cgroup v1 cannot limit it while memory.limit is -1; set memory.limit as well');
    const least = limit ?? writes.currentNumber('memory', v1Limit);
    if (least !== undefined && total < least) throw swapBelowLimit(total, least);
  }
  const present = writes.currentNumber('memory', v1Total);
  if (total === undefined && limit !== undefined && present !== undefined && limit > present)
    throw invalid(
      'memory.limit',
      `${limit} is greater than the present limit ${present} of memory and swap together; set memory.swap as well`,
    );
}

function writeBehaviour(writes: Writes, memory: Memory, v1: boolean): void {
  const { swappiness, disableOOMKiller, useHierarchy } = memory;
  if (swappiness !== undefined) {
    if (!v1) throw onlyV1('memory.swappiness', 'limit swap with memory.swap');
    writes.add('memory', 'memory.swappiness', String(swappiness), 'memory.swappiness');
  }
  if (disableOOMKiller === true) {
    if (!v1) throw onlyV1('memory.disableOOMKiller', 'throttle with "memory.high" in linux.resources.unified');
    writes.add('memory', 'memory.oom_control', '1', 'memory.disableOOMKiller');
  } else if (disableOOMKiller === false && v1 && writes.updating) {
    writes.add('memory', 'memory.oom_control', '0', 'memory.disableOOMKiller');
  }
  // Every kernel that tsrun runs on counts hierarchically, in v1 too.
  if (useHierarchy === false)
    throw new TsrunError(
      'host-unsupported',
      `${pathOf('memory.useHierarchy')}: the kernel always counts the memory of child cgroups; remove the property or set it to true`,
    );
}

/** No kernel limits these any more (v1 accepts the numbers and does nothing), and peers ignore them too. */
function warnOfKernelLimits(writes: Writes, { kernel, kernelTCP }: Memory): void {
  const why = 'ignored: the kernel has no such limit any more, kernel memory counts towards memory.limit';
  if (given(kernel) && kernel > 0) writes.warn('memory.kernel', why);
  if (given(kernelTCP) && kernelTCP > 0) writes.warn('memory.kernelTCP', why);
}
