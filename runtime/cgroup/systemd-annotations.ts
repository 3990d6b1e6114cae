/**
 * Annotations `org.systemd.property.NAME`: properties of the container's scope in the text format of GVariant. Callers
 * hand on what their users wrote, so only what cannot run anything, start or stop other units, or act on the machine is
 * taken.
 */
import { SYSTEMD_PROPERTY } from '../../spec/annotations.ts';
import { TsrunError } from '../errors.ts';
import { quote } from '../text.ts';
import type { DBusValue, UnitProperty } from './dbus-value.ts';
import { parseVariant, VariantError } from './gvariant.ts';

const prefix = SYSTEMD_PROPERTY;

/** What is taken, with the signature that systemd expects. */
const allowed: Readonly<Record<string, string>> = {
  // What people read.
  Documentation: 'as',
  // When and how it ends.
  CollectMode: 's',
  FinalKillSignal: 'i',
  KillMode: 's',
  KillSignal: 'i',
  OOMPolicy: 's',
  RestartKillSignal: 'i',
  RuntimeMaxUSec: 't',
  RuntimeRandomizedExtraUSec: 't',
  SendSIGHUP: 'b',
  SendSIGKILL: 'b',
  TimeoutStopUSec: 't',
  // Its place in the order of starting and stopping.
  After: 'as',
  Before: 'as',
  DefaultDependencies: 'b',
  IgnoreOnIsolate: 'b',
  // Resources, as linux.resources could have them, and what is left to systemd-oomd.
  AllowedCPUs: 'ay',
  AllowedMemoryNodes: 'ay',
  CPUAccounting: 'b',
  CPUQuotaPerSecUSec: 't',
  CPUQuotaPeriodUSec: 't',
  CPUWeight: 't',
  IOAccounting: 'b',
  IOWeight: 't',
  IPAccounting: 'b',
  ManagedOOMMemoryPressure: 's',
  ManagedOOMMemoryPressureLimit: 'u',
  ManagedOOMPreference: 's',
  ManagedOOMSwap: 's',
  MemoryAccounting: 'b',
  MemoryHigh: 't',
  MemoryLow: 't',
  MemoryMax: 't',
  MemoryMin: 't',
  MemorySwapMax: 't',
  MemoryZSwapMax: 't',
  StartupAllowedCPUs: 'ay',
  StartupAllowedMemoryNodes: 'ay',
  StartupCPUWeight: 't',
  StartupIOWeight: 't',
  TasksAccounting: 'b',
  TasksMax: 't',
};

/** Why the best known of the others are not taken. */
const refused = (): readonly [names: RegExp, why: string][] => [
  [/^Exec/, 'it would run a program on the host'],
  [
    /^(?:OnFailure|OnSuccess|Wants|Requires|Requisite|BindsTo|PartOf|Upholds|Conflicts|Joins|Propagates|StopWhen)/,
    'it acts on other units',
  ],
  [/Action$|^JobTimeout|^StartLimit/, 'it could act on the machine'],
  [
    /^(?:Device|BPF|IPAddress|IPIngress|IPEgress|SocketBind|Restrict|NFTSet)/,
    'it is part of what confines the container',
  ],
  [
    /^(?:Description|Slice|PIDs|PIDFDs|Delegate|DelegateSubgroup|DisableControllers|Controller|User|Group|AddRef)$/,
    'tsrun itself sets it',
  ],
];

/** The properties that annotations ask for; none where there is no such annotation. @throws {TsrunError} `config-invalid` */
export function annotatedProperties(annotations: Readonly<Record<string, string>> = {}): UnitProperty[] {
  const properties: UnitProperty[] = [];
  for (const [key, text] of Object.entries(annotations)) {
    if (!key.startsWith(prefix)) continue;
    const property = propertyOf(key, text);
    if (properties.some(({ name }) => name === property.name)) throw bad(key, `${property.name} is set twice`);
    properties.push(property);
  }
  return properties;
}

function bad(key: string, message: string): TsrunError {
  return new TsrunError('config-invalid', `annotations[${quote(key, 128)}]: ${message}`);
}

function propertyOf(key: string, text: string): UnitProperty {
  const given = key.slice(prefix.length);
  // Units say TimeoutStopSec= what the bus calls TimeoutStopUSec.
  const inSeconds = /[a-z]Sec$/.test(given);
  const name = inSeconds ? `${given.slice(0, -3)}USec` : given;
  const signature = Object.hasOwn(allowed, name) ? allowed[name] : undefined;
  if (signature === undefined) throw bad(key, notAllowed(given));
  try {
    const value = inSeconds ? microseconds(text) : parseVariant(text, signature);
    checkText(value);
    return { name, value };
  } catch (error) {
    if (error instanceof VariantError) throw bad(key, `${error.message}: got ${quote(text)}`);
    throw error;
  }
}

function notAllowed(name: string): string {
  const why = refused().find(([names]) => names.test(name))?.[1] ?? 'it is not one of those known to be safe';
  return `tsrun does not hand the property ${quote(name)} to systemd: ${why}; remove the annotation`;
}

/** Seconds as any number, with or without a type. */
function microseconds(text: string): DBusValue {
  const match = /^\s*(?:(?:byte|u?int(?:16|32|64)|double)\s+)?([0-9]+)(?:\.([0-9]*))?\s*$/.exec(text);
  if (match === null) throw new VariantError('expected a number of seconds');
  const [, whole = '', fraction = ''] = match;
  const value = BigInt(whole) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
  if (value >= 2n ** 64n) throw new VariantError('expected a number of seconds, at most 18446744073709');
  return { type: 't', value };
}

/** Texts end up in files of lines. */
function checkText(value: DBusValue): void {
  if (value.type === 'a') for (const item of value.items) checkText(item);
  if (value.type === 's' && /[\0-\x1f\x7f]/.test(value.value)) throw new VariantError('control characters');
}
