/** Where in config.json a decision went wrong: the plan knows properties, and only the file knows their lines. */
import { locate } from '../spec/json/locate.ts';
import { decodeText, positionOf } from '../spec/json/text.ts';
import type { Bundle } from './bundle.ts';
import { TsrunError } from './errors.ts';

/** What a sentence begins with, as `propertyOf` of the diagnostics writes it: `linux.namespaces[0].type`. */
const PROPERTY = /^[A-Za-z]\w*(?:\.[A-Za-z_]\w*|\[\d+\]|\["(?:[^"\\]|\\.)*"\])*(?=[:,] )/;
const STEP = /\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\w+/g;

function pathOf(property: string): (string | number)[] {
  const path: (string | number)[] = [];
  for (const [word, index, key] of property.matchAll(STEP))
    path.push(index !== undefined ? Number(index) : (key?.replace(/\\(.)/g, '$1') ?? word));
  return path;
}

/**
 * Does `decide`, which makes a plan of a bundle. An error whose sentence begins with a property that the file has, or has
 * something around, gets the place before it: `<file>:<line>:<column>: <property>: …`
 */
export function placing<Result>(bundle: Bundle, decide: () => Result): Result {
  try {
    return decide();
  } catch (error) {
    const property = error instanceof TsrunError ? PROPERTY.exec(error.message)?.[0] : undefined;
    const path = property === undefined ? [] : pathOf(property);
    const [section] = path;
    if (!(error instanceof TsrunError) || section === undefined || !Object.hasOwn(bundle.config, section)) throw error;
    const text = decodeText(bundle.bytes);
    const { line, column } = positionOf(text, locate(text, path).offset);
    const { code, exitCode, cause } = error;
    throw new TsrunError(code, `${bundle.file}:${line}:${column}: ${error.message}`, {
      exitCode,
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
