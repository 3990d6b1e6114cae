import type { Config, Process, Resources } from '../config.ts';
import type { Check } from '../validate.ts';

export const CONFIG_CHECKS: readonly Check<Config>[] = [];
export const PROCESS_CHECKS: readonly Check<Process>[] = [];
export const RESOURCE_CHECKS: readonly Check<Resources>[] = [];
