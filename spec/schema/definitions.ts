import { idMappingsSchema, linuxSchema } from './linux.ts';
import { processSchema } from './process.ts';
import { resourcesSchema, throttlesSchema } from './resources.ts';
import { array, boolean, int, map, object, type RefSchema, type Schema, string, strings } from './schema.ts';

/** The documents that are validated on their own: config.json, the process of `exec`, the resources of `update`, the mounts of `mounts`. */
export const DOCUMENTS = ['config', 'process', 'resources', 'mountList'] as const;

let definitions: ReadonlyMap<string, Schema> | undefined;

/**
 * What a `$ref` can name: the documents, and parts that are used in several places. Built on first use: a start with a valid
 * configuration needs only the compiled validators.
 */
export function allDefinitions(): ReadonlyMap<string, Schema> {
  definitions ??= new Map([
    ['config', configSchema()],
    ['process', processSchema()],
    ['resources', resourcesSchema()],
    ['mountList', object({ 'mounts!': { $ref: 'mounts' } })],
    ['mounts', mountsSchema()],
    ['hooks', hooksSchema()],
    ['idMappings', idMappingsSchema()],
    ['throttles', throttlesSchema()],
  ]);
  return definitions;
}

/** A schema by its name. */
export function definition(name: string): Schema {
  const found = allDefinitions().get(name);
  if (found === undefined) throw new Error(`no definition ${name}`);
  return found;
}

/** The schema that a `$ref` stands for; any other schema itself. */
export function resolve(schema: Schema): Exclude<Schema, RefSchema> {
  return '$ref' in schema ? resolve(definition(schema.$ref)) : schema;
}

/** config.md: the whole of config.json. */
function configSchema(): Schema {
  const hooks = { $ref: 'hooks' };
  return object({
    'ociVersion!': string,
    'root!': object({ 'path!': string, readonly: boolean }),
    'process!': { $ref: 'process' },
    hostname: string,
    domainname: string,
    mounts: { $ref: 'mounts' },
    hooks: object({
      prestart: hooks,
      createRuntime: hooks,
      createContainer: hooks,
      startContainer: hooks,
      poststart: hooks,
      poststop: hooks,
    }),
    annotations: map(string),
    linux: linuxSchema(),
  });
}

/** config.md, "Mounts" */
function mountsSchema(): Schema {
  return array(
    object({
      'destination!': string,
      type: string,
      source: string,
      options: strings,
      uidMappings: { $ref: 'idMappings' },
      gidMappings: { $ref: 'idMappings' },
    }),
  );
}

/** config.md, "POSIX-platform Hooks" */
function hooksSchema(): Schema {
  return array(object({ 'path!': string, args: strings, env: strings, timeout: int(1, 0x7fff_ffff) }));
}
