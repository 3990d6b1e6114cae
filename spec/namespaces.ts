import type { Linux, Namespace, NamespaceType } from './config.ts';

/** The namespace of a type among those of a configuration, each of which is there once at most. config-linux.md, "Namespaces" */
export function namespaceOf(linux: Pick<Linux, 'namespaces'> | undefined, type: NamespaceType): Namespace | undefined {
  for (const namespace of linux?.namespaces ?? []) if (namespace.type === type) return namespace;
  return undefined;
}
