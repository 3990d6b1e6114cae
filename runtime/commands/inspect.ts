/** `spec`, `features`, `validate` and `explain`: what can be said without making anything. */

import { defaultConfig } from '../../spec/default-config.ts';
import { ConfigError, type Diagnostic, formatDiagnostic } from '../../spec/diagnostic.ts';
import { features } from '../../spec/features.ts';
import { loadConfig } from '../../spec/load.ts';
import { addon } from '../addon.ts';
import { readBundle, readConfigFile } from '../bundle.ts';
import type { RequestOf } from '../cli/parse.ts';
import { O } from '../constants.ts';
import { absolute, type Context } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { explain, explainJson } from '../explain.ts';
import { probeHost } from '../host.ts';
import { print } from '../output.ts';
import { resolve } from '../plan/path.ts';
import { plan } from '../plan.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';
import { commit, version } from '../version.ts';

const EEXIST = 17;

function printJson(value: unknown): void {
  print(`${JSON.stringify(value, null, 2)}\n`);
}

export function specCommand(request: RequestOf<'spec'>): number {
  if (request.rootless)
    throw new TsrunError('unsupported', 'spec --rootless: this version of tsrun makes no rootless configuration yet');
  const file = resolve(absolute(request.bundle), request.file ?? 'config.json');
  const text = `${JSON.stringify(defaultConfig(), null, 2)}\n`;
  const written = addon.writeFile(file, text, O.WRONLY | O.CREAT | O.EXCL, 0o644);
  if (written === -EEXIST)
    throw new TsrunError('usage', `spec: ${quote(file)} exists already: remove it first, or name another with --file`);
  if (written < 0)
    throw new TsrunError('system', `spec: write ${quote(file)}`, { cause: new SysError(-written, 'open') });
  return 0;
}

export function featuresCommand(): number {
  printJson(features({ version, commit }));
  return 0;
}

/** All findings about a configuration, warnings and errors. */
function diagnose(file: string, strict: boolean): { warnings: readonly Diagnostic[]; errors: readonly Diagnostic[] } {
  try {
    return { warnings: loadConfig(readConfigFile(file), file, { strict }).warnings, errors: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { warnings: [], errors: error.diagnostics };
    throw error;
  }
}

export function validateCommand(request: RequestOf<'validate'>): number {
  const file = request.file === undefined ? `${absolute(request.bundle)}/config.json` : absolute(request.file);
  const { warnings, errors } = diagnose(file, request.strict);
  const findings = [...errors, ...warnings];
  if (request.json) printJson({ file, valid: errors.length === 0, findings });
  else if (findings.length === 0) print(`${file}: valid\n`);
  else print(findings.map((finding) => `${formatDiagnostic(finding)}\n`).join(''));
  return errors.length === 0 ? 0 : 1;
}

export function explainCommand(context: Context, request: RequestOf<'explain'>): number {
  const bundle = readBundle(request.bundle, request.config);
  const id = 'ID';
  const found = probeHost(bundle.config);
  // Whoever asks without privileges wants to know what would happen with them.
  const facts = addon.geteuid() === 0 ? found : { ...found, capabilities: ~0n };
  const planned = plan(
    {
      id,
      bundle: bundle.directory,
      config: bundle.config,
      cgroupDriver: context.global.cgroupManager,
      noPivot: false,
      newKeyring: true,
      preservedFds: 0,
      listenFds: 0,
    },
    facts,
  );
  const about = { id, bundle: bundle.directory };
  if (request.json) printJson(explainJson(planned, about, facts));
  else print(explain(planned, about, facts));
  return 0;
}
