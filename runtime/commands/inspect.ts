/** `spec`, `features`, `validate` and `explain`: what can be said without making anything. */

import type { SeccompFlag } from '../../spec/config.ts';
import { defaultConfig, rootlessConfig } from '../../spec/default-config.ts';
import { ConfigError, type Diagnostic, formatDiagnostic } from '../../spec/diagnostic.ts';
import { features, type SeccompFacts } from '../../spec/features.ts';
import { loadConfig } from '../../spec/load.ts';
import { namespaceOf } from '../../spec/namespaces.ts';
import { SECCOMP_ARCHITECTURES, SECCOMP_FLAGS } from '../../spec/seccomp.ts';
import { addon } from '../addon.ts';
import { readBundle, readConfigFile } from '../bundle.ts';
import { envOf } from '../caller.ts';
import type { RequestOf } from '../cli/parse.ts';
import { O } from '../constants.ts';
import { absolute, type Context, containerOf } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { explain, explainJson } from '../explain.ts';
import { probeHost } from '../host.ts';
import { print } from '../output.ts';
import { placing } from '../placed.ts';
import { sharesMounts } from '../plan/foreign-mounts.ts';
import { resolve } from '../plan/path.ts';
import { plan } from '../plan.ts';
import { seccompLibrary } from '../seccomp/library.ts';
import { FILTER_FLAG, flagNumber, libraryName } from '../seccomp/numbers.ts';
import { compileUsable } from '../seccomp/usable.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';
import { commit, version } from '../version.ts';

const EEXIST = 17;

function printJson(value: unknown): void {
  print(`${JSON.stringify(value, null, 2)}\n`);
}

export function specCommand(request: RequestOf<'spec'>): number {
  const file = resolve(absolute(request.bundle), request.file ?? 'config.json');
  const config = request.rootless ? rootlessConfig(addon.geteuid(), addon.getegid()) : defaultConfig();
  const text = `${JSON.stringify(config, null, 2)}\n`;
  const written = addon.writeFile(file, text, O.WRONLY | O.CREAT | O.EXCL, 0o644);
  if (written === -EEXIST)
    throw new TsrunError('usage', `spec: ${quote(file)} exists already: remove it first, or name another with --file`);
  if (written < 0)
    throw new TsrunError('system', `spec: write ${quote(file)}`, { cause: new SysError(-written, 'open') });
  return 0;
}

/** What libseccomp and the kernel can do; undefined where libseccomp is missing, which is no error of who asks. */
function seccompFacts(): SeccompFacts | undefined {
  try {
    const library = seccompLibrary();
    return {
      version: library.libraryVersion(),
      architectures: SECCOMP_ARCHITECTURES.filter((name) => library.resolveArchitecture(libraryName(name)) !== 0),
      // One of them is for listeners alone, and the kernel says so.
      flags: SECCOMP_FLAGS.filter((flag) => library.supportsFlags(flagNumber(flag) | listenerFlag(flag))),
    };
  } catch {
    return undefined;
  }
}

function listenerFlag(flag: SeccompFlag): number {
  return flag === 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV' ? FILTER_FLAG.NEW_LISTENER : 0;
}

export function featuresCommand(): number {
  const seccomp = seccompFacts();
  printJson(features({ version, commit, ...(seccomp ? { seccomp } : {}) }));
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
  const { global, caller } = context;
  // Whoever asks without privileges about a container that needs them wants to know what would happen with them.
  const asRoot = addon.geteuid() !== 0 && namespaceOf(bundle.config.linux, 'user') === undefined;
  const found = probeHost(bundle.config, {
    rootless: asRoot ? 'false' : global.rootless,
    cgroupDriver: asRoot ? 'cgroupfs' : global.cgroupManager,
    environment: (name) => envOf(caller, name),
  });
  const facts = asRoot ? { ...found, capabilities: ~0n } : found;
  const seccomp = bundle.config.linux?.seccomp;
  const planned = placing(bundle, () =>
    plan(
      {
        id,
        bundle: bundle.directory,
        config: bundle.config,
        cgroupDriver: global.cgroupManager,
        // A caller without privileges may have no place for the state, and asks what root would do.
        mountPoint:
          asRoot || !sharesMounts(bundle.config) ? `/run/tsrun/${id}/rootfs` : containerOf(context, id).mountPoint,
        noPivot: false,
        newKeyring: true,
        preservedFds: 0,
        listenFds: 0,
        // Not by way of the cache: who explains need not be able to write there.
        seccompProgram: seccomp && compileUsable(seccomp, seccompLibrary()),
      },
      facts,
    ),
  );
  const about = { id, bundle: bundle.directory };
  if (request.json) printJson(explainJson(planned, about, facts));
  else print(explain(planned, about, facts));
  return 0;
}
