/** From the configuration of an image to that of a container, as conversion.md of the image specification has it. Pure. */

import { normalize } from '../../runtime/plan/path.ts';
import { quote } from '../../runtime/text.ts';
import type { Config, Mount, Process } from '../../spec/config.ts';
import { ArchiveError } from '../error.ts';
import type { JsonNode } from './json.ts';
import { type Accounts, resolveUser } from './user.ts';

const PREFIX = 'org.opencontainers.image.';

/** Properties of the image that become annotations, unless a label has that name. */
const annotated: readonly (readonly [property: string, annotation: string])[] = [
  ['os', 'os'],
  ['architecture', 'architecture'],
  ['variant', 'variant'],
  ['os.version', 'os.version'],
  ['author', 'author'],
  ['created', 'created'],
];

/** A label that a runtime would obey: who packed an image has no say in the units of this machine. */
const obeyed = 'org.systemd.property.';

/** What of an image does not become part of a configuration, one sentence for each. */
export type Omit = (warning: string) => void;

function annotationsOf(image: JsonNode, config: JsonNode | undefined, omit: Omit): Record<string, string> {
  const annotations = new Map<string, string>();
  const add = (name: string, value: string | undefined): void => {
    if (value) annotations.set(PREFIX + name, value);
  };
  for (const [property, name] of annotated) add(name, image.string(property));
  add('os.features', image.strings('os.features')?.join(','));
  add('stopSignal', config?.string('StopSignal'));
  add('exposedPorts', config?.object('ExposedPorts')?.keys().join(','));
  for (const [name, value] of config?.object('Labels')?.stringEntries() ?? []) {
    if (name === '') throw new ArchiveError('its configuration has a label without a name');
    if (name.startsWith(obeyed))
      omit(`the label ${quote(name)} was left out, for it would set properties of a systemd unit`);
    else annotations.set(name, value);
  }
  return Object.fromEntries(annotations);
}

/** An empty mount for each volume, which begins with what the image has there. */
function volumesOf(config: JsonNode | undefined): Mount[] {
  const paths = config?.object('Volumes')?.keys() ?? [];
  return paths.map((path) => {
    if (!path.startsWith('/') || normalize(path) === '/' || path.includes('\0'))
      throw new ArchiveError(`its configuration has the volume ${quote(path)}, which is not an absolute path below /`);
    return {
      destination: normalize(path),
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', 'tmpcopyup'],
    };
  });
}

function processOf(config: JsonNode | undefined, base: Process, accounts: Accounts): Process {
  const args = [...(config?.strings('Entrypoint') ?? []), ...(config?.strings('Cmd') ?? [])];
  const given = config?.strings('Env') ?? [];
  const nameOf = (variable: string): string => variable.split('=', 1)[0] ?? '';
  const names = new Set(given.map(nameOf));
  const cwd = config?.string('WorkingDir') || '/';
  if (!cwd.startsWith('/'))
    throw new ArchiveError(`its configuration has the working directory ${quote(cwd)}, which is not an absolute path`);
  return {
    ...base,
    user: resolveUser(config?.string('User') ?? '', accounts),
    args: args.length > 0 ? args : (base.args ?? []),
    env: [...(base.env ?? []).filter((variable) => !names.has(nameOf(variable))), ...given],
    cwd,
  };
}

/**
 * The configuration of a container of an image.
 *
 * @param base what it is where the image says nothing
 * @param omit is told what is left out
 * @throws {ArchiveError}
 */
export function convertConfig(image: JsonNode, base: Config, accounts: Accounts, omit: Omit): Config {
  const config = image.object('config');
  const annotations = annotationsOf(image, config, omit);
  return {
    ...base,
    ...(base.process ? { process: processOf(config, base.process, accounts) } : {}),
    mounts: [...(base.mounts ?? []), ...volumesOf(config)],
    annotations: { ...base.annotations, ...annotations },
  };
}
