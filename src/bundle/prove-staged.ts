import {posix} from 'node:path';
import {whyNotRun} from '../loader/author.js';
import type {BundlePlan} from './plan-bundle.js';
import type {Prepared} from './prepare.js';
import {proveClosed} from './prove.js';
import {testIsolation} from './self-test.js';
import type {Staged} from './write-bundle.js';

/**
 * Prove a bundle before it is moved into place: it contains everything it needs, since nothing else is there, and its
 * loader behaves as it should.
 *
 * @returns notes
 * @throws ElfError NOT_CLOSED
 */
export function proveStaged({root, locate}: Staged, prepared: Prepared): string[] {
  const {plan, manifest, library, symbols, native, author} = prepared;
  proveClosed(root, manifest, carried(plan, library), symbols);
  // The loader of another root is not run here.
  if (!native || plan.isolated === undefined) return [];
  const reason = whyNotRun(author);
  const problem =
    reason === undefined
      ? testIsolation(locate(plan.isolated), plan.libc)
      : `the isolated loader was not tested: ${reason}`;
  return problem === undefined ? [] : [problem];
}

/** The requested libraries that the bundle has; none if it has no loader, because static programs do not use any. */
function carried({files}: BundlePlan, library: readonly string[]): string[] {
  const names = new Set(files.map(({path}) => posix.basename(path)));
  const wanted = library.map((name) => posix.basename(name));
  return files.some(({role}) => role === 'loader') ? wanted.filter((name) => names.has(name)) : [];
}
