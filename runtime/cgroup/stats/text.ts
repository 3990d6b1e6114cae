/** The forms of text that files of the cgroup file system have. */
import type { Uint64 } from '../../../spec/config.ts';
import type { Pressure } from './types.ts';

/** What `max` stands for. */
export const maxUint64 = 2n ** 64n - 1n;

export function narrow(value: bigint): Uint64 {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** A plain number, or `max`; undefined where the text is neither. */
export function numberOf(text: string | undefined): Uint64 | undefined {
  const word = text?.trim();
  if (word === 'max') return maxUint64;
  return word !== undefined && /^[0-9]{1,20}$/.test(word) ? narrow(BigInt(word)) : undefined;
}

export function times(value: Uint64 | undefined, factor: bigint): Uint64 | undefined {
  return value === undefined ? undefined : narrow(BigInt(value) * factor);
}

/** Lines of a name and a number. */
export function table(text: string | undefined): Map<string, Uint64> {
  const values = new Map<string, Uint64>();
  for (const line of (text ?? '').split('\n')) {
    const at = line.lastIndexOf(' ');
    const value = at < 0 ? undefined : numberOf(line.slice(at + 1));
    if (value !== undefined) values.set(line.slice(0, at), value);
  }
  return values;
}

/** `value` without the properties that are undefined. */
export function present<T extends object>(value: { [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}

/** A file of the kernel's pressure stall information; undefined where there is none, or it is switched off. */
export function parsePressure(text: string | undefined): Pressure | undefined {
  const pressure: Pressure = {};
  for (const line of (text ?? '').split('\n')) {
    const match = /^(some|full) avg10=([0-9.]+) avg60=([0-9.]+) avg300=([0-9.]+) total=([0-9]+)$/.exec(line);
    if (match === null) continue;
    pressure[match[1] as 'some' | 'full'] = {
      avg10: Number(match[2]),
      avg60: Number(match[3]),
      avg300: Number(match[4]),
      total: numberOf(match[5]) ?? 0,
    };
  }
  return pressure.some || pressure.full ? pressure : undefined;
}

/** Numbers with blanks between them. */
export function numbers(text: string | undefined): Uint64[] | undefined {
  const words = text?.split(/\s+/).filter((word) => word !== '');
  return words && words.length > 0 ? words.map((word) => numberOf(word) ?? 0) : undefined;
}

// What the kernel can have at most (NR_CPUS): a list from elsewhere must not fill the memory.
const maxListed = 8192;

/** `0-3,7` as numbers. */
export function listOf(text: string | undefined): number[] | undefined {
  const list: number[] = [];
  for (const part of (text ?? '').trim().split(',')) {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part);
    if (match === null) return undefined;
    const last = Number(match[2] ?? match[1]);
    for (let number = Number(match[1]); number <= last && list.length < maxListed; number++) list.push(number);
  }
  return list;
}
