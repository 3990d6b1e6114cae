import { ConfigError, formatDiagnostic } from '../../../spec/diagnostic.ts';
import { type LoadOptions, loadConfig } from '../../../spec/load.ts';

/** The least configuration that is accepted without warnings. */
const BASE = {
  ociVersion: '1.3.0',
  root: { path: 'rootfs' },
  process: { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/' },
  linux: { namespaces: [{ type: 'mount' }] },
};

/**
 * The least configuration, indented by two, with properties replaced: by dotted path, the text of the new value as it is, or '' to
 * remove the property. What a new value holds stays on its line.
 */
export function baseWith(edits: Readonly<Record<string, string>>): string {
  const config: Record<string, unknown> = structuredClone(BASE);
  const texts = Object.values(edits);
  for (const [index, path] of Object.keys(edits).entries()) {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    let parent = config;
    for (const key of keys) parent = parent[key] as Record<string, unknown>;
    if (texts[index] === '') delete parent[last];
    else Object.defineProperty(parent, last, { value: `@${index}@`, enumerable: true, configurable: true });
  }
  return JSON.stringify(config, null, 2).replace(/"@([0-9]+)@"/g, (_, index) => texts[Number(index)] ?? '');
}

/** Edits for a new user namespace with these mappings of users. */
export function idMaps(mappings: string): Record<string, string> {
  return {
    'linux.namespaces': '[{"type":"mount"},{"type":"user"}]',
    'linux.uidMappings': mappings,
    'linux.gidMappings': '[{"containerID":0,"hostID":0,"size":1}]',
  };
}

export function bytesOf(text: string | readonly number[]): Uint8Array {
  return typeof text === 'string' ? new TextEncoder().encode(text) : Uint8Array.from(text);
}

/** The error that a configuration is refused with; undefined if it is accepted. */
export function errorOf(text: string | readonly number[], options?: LoadOptions): ConfigError | undefined {
  try {
    loadConfig(bytesOf(text), 'config.json', options);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** The message that a configuration is refused with. */
export function messageOf(text: string | readonly number[], options?: LoadOptions): string | undefined {
  return errorOf(text, options)?.message;
}

/** The warnings for a configuration that is accepted, in one line each. */
export function warningsOf(text: string, options?: LoadOptions): string[] {
  return loadConfig(bytesOf(text), 'config.json', options).warnings.map(formatDiagnostic);
}
