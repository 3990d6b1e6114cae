/**
 * The npm library: the specification's types, validation, plans and the life cycle of containers, without the command
 * line. Every function is synchronous; errors are {@link TsrunError} with a stable `code`.
 *
 * @example
 * ```ts
 * import { loadConfig, plan, probeHost } from 'tsrun';
 *
 * const { config, warnings } = loadConfig(await readFile('config.json'), 'config.json');
 * const steps = plan({ id: 'x', bundle: '/bundle', config, … }, probeHost(config)).steps;
 * ```
 */
export type * from '../spec/config.ts';
export { defaultConfig } from '../spec/default-config.ts';
export { ConfigError, type Diagnostic, formatDiagnostic } from '../spec/diagnostic.ts';
export { type Loaded, type LoadOptions, loadConfig, loadProcess, loadResources } from '../spec/load.ts';
export type { State, Status } from '../spec/state.ts';
export { describe } from './describe.ts';
export { type ErrorCode, TsrunError, wordError } from './errors.ts';
export { explain, explainJson } from './explain.ts';
export type { CgroupFacts, HostFacts } from './facts.ts';
export type { Operation } from './generated/wire.ts';
export { probeHost } from './host.ts';
export { type Plan, type PlanRequest, plan, type Step } from './plan.ts';
export { version } from './version.ts';
