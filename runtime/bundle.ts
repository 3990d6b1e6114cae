/** A bundle as it lies on disk: its directory and its configuration. */
import type { Config } from '../spec/config.ts';
import { ConfigError, formatDiagnostic } from '../spec/diagnostic.ts';
import { loadConfig } from '../spec/load.ts';
import { addon } from './addon.ts';
import { absolute } from './context.ts';
import { TsrunError } from './errors.ts';
import { resolve } from './plan/path.ts';
import { SysError } from './sys.ts';
import { quote } from './text.ts';

export interface Bundle {
  /** Absolute. */
  readonly directory: string;
  /** The file that the configuration was read from. */
  readonly file: string;
  /** Its content. */
  readonly bytes: Uint8Array;
  readonly config: Config;
  /** Absolute path of the root file system. */
  readonly rootfs: string;
  /** What is questionable about the configuration: looked for when it is called. */
  warnings(): readonly string[];
}

const MAX_CONFIG = 64 * 1024 * 1024;
const ENOENT = 2;
const EISDIR = 21;
const ESPIPE = 29;

/** The bytes of a configuration file. @throws {TsrunError} */
export function readConfigFile(file: string): Uint8Array {
  const bytes = addon.readFile(file, MAX_CONFIG);
  if (typeof bytes !== 'number') return bytes;
  if (-bytes === EISDIR || -bytes === ESPIPE) throw new TsrunError('config-syntax', `${file}: not a regular file`);
  if (-bytes === ENOENT) throw new TsrunError('config-syntax', `the configuration ${quote(file)} does not exist`);
  throw new TsrunError('config-syntax', `read the configuration ${quote(file)}`, {
    cause: new SysError(-bytes, 'open'),
  });
}

/** Words what is wrong with a configuration as the command's one error. */
export function configError(error: ConfigError): TsrunError {
  const [first] = error.diagnostics;
  const more = error.diagnostics.length - 1;
  const rest = more > 0 ? ` (and ${more} more: \`tsrun validate\` shows all)` : '';
  return new TsrunError('config-invalid', `${first ? formatDiagnostic(first) : error.message}${rest}`);
}

/** Reads a bundle. @throws {TsrunError} */
export function readBundle(directory: string, configFile: string | undefined): Bundle {
  const path = absolute(directory);
  const stat = addon.stat(path, true);
  // In words of its own: callers take those of ENOENT for a missing program.
  if (stat === -ENOENT) throw new TsrunError('usage', `--bundle: the directory ${quote(path)} does not exist`);
  if (typeof stat === 'number')
    throw new TsrunError('usage', `--bundle: open ${quote(path)}`, { cause: new SysError(-stat, 'stat') });
  const file = configFile === undefined ? `${path}/config.json` : resolve(path, configFile);
  const bytes = readConfigFile(file);
  try {
    const loaded = loadConfig(bytes, file);
    return {
      directory: path,
      file,
      bytes,
      config: loaded.config,
      rootfs: resolve(path, loaded.config.root.path),
      warnings: () => loaded.warnings.map(formatDiagnostic),
    };
  } catch (error) {
    throw error instanceof ConfigError ? configError(error) : error;
  }
}
