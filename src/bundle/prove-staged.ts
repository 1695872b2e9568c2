import {posix} from 'node:path';
import {whyNotRun} from '../loader/author.js';
import type {BundlePlan} from './plan-bundle.js';
import type {Prepared} from './prepare.js';
import {proveClosed} from './prove.js';
import {testIsolation} from './self-test.js';
import type {Staged} from './write-bundle.js';

/**
 * Prove a bundle that is not in its place yet: it has everything itself, for nothing else is there, and its loader does
 * what it should.
 *
 * @returns notes
 * @throws ElfError NOT_CLOSED
 */
export function proveStaged({root, locate}: Staged, prepared: Prepared): string[] {
  const {plan, manifest, library, symbols, native, author} = prepared;
  proveClosed(root, manifest, carried(plan, library), symbols);
  // What another root has for a loader is not run here.
  if (!native || plan.isolated === undefined) return [];
  const reason = whyNotRun(author);
  const problem =
    reason === undefined
      ? testIsolation(locate(plan.isolated), plan.libc)
      : `the isolated loader was not tested: ${reason}`;
  return problem === undefined ? [] : [problem];
}

/** A static program has no loader, and no use for libraries that were asked for by hand. */
function carried({files}: BundlePlan, library: readonly string[]): string[] {
  const names = new Set(files.map(({path}) => posix.basename(path)));
  const wanted = library.map((name) => posix.basename(name));
  return files.some(({role}) => role === 'loader') ? wanted.filter((name) => names.has(name)) : [];
}
