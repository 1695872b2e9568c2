import fs from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';

type Patch = Readonly<Record<string, (...args: never[]) => unknown>>;

/**
 * Do work while functions of `node:fs` are replaced. The work is synchronous, so no other test sees the replacements.
 *
 * @param patch gets the original functions
 */
export function withPatchedFs<T>(patch: (original: typeof fs) => Patch, work: () => T): T {
  const original = {...fs};
  const patched = patch(original);
  Object.assign(fs, patched);
  syncBuiltinESMExports();
  try {
    return work();
  } finally {
    for (const name of Object.keys(patched)) Object.assign(fs, {[name]: original[name as keyof typeof fs]});
    syncBuiltinESMExports();
  }
}
