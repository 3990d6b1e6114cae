/**
 * Values of D-Bus with their types, as data: what the systemd driver sends. No bytes and no socket here.
 * D-Bus Specification, "Type System".
 */

/** A value that carries its own type. 64-bit integers are exact. */
export type DBusValue =
  | { readonly type: 's' | 'o' | 'g'; readonly value: string }
  | { readonly type: 'b'; readonly value: boolean }
  | { readonly type: 'y' | 'n' | 'q' | 'i' | 'u' | 'd'; readonly value: number }
  | { readonly type: 'x' | 't'; readonly value: bigint }
  /** `ay` with its bytes at once: {@link signatureOf} gives `ay` for it as for an array of `y`. */
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  /** `element` is the signature of each item, needed where there are none. */
  | { readonly type: 'a'; readonly element: string; readonly items: readonly DBusValue[] }
  | { readonly type: 'r'; readonly fields: readonly DBusValue[] }
  | { readonly type: 'v'; readonly value: DBusValue };

/** A property of a unit: one `(sv)` of StartTransientUnit and SetUnitProperties. */
export interface UnitProperty {
  readonly name: string;
  readonly value: DBusValue;
}

/** The signature of a value: `s`, `ay`, `a(st)`, `v`. */
export function signatureOf(value: DBusValue): string {
  switch (value.type) {
    case 'bytes':
      return 'ay';
    case 'a':
      return `a${value.element}`;
    case 'r':
      return `(${value.fields.map(signatureOf).join('')})`;
    default:
      return value.type;
  }
}
