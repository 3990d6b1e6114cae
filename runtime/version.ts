/** What `--version` says, from the constants that the build writes into the bundle. */

import { OCI_VERSION } from '../spec/state.ts';

/** The version of package.json; defined by the build, absent when the sources run as they are. */
declare const TSRUN_VERSION: string | undefined;
/** The commit the build was made from; defined by the build, absent when the sources run as they are. */
declare const TSRUN_COMMIT: string | undefined;

/** The version of tsrun. */
export const version: string = typeof TSRUN_VERSION === 'string' ? TSRUN_VERSION : '0.0.0-source';

/** The commit tsrun was built from. */
export const commit: string = typeof TSRUN_COMMIT === 'string' ? TSRUN_COMMIT : 'unknown';

/** The text of `--version`. Callers take the name and number from each line with the word "version": one line only. */
export function versionText(): string {
  return `tsrun version ${version}\ncommit: ${commit}\nspec: ${OCI_VERSION}\n`;
}
