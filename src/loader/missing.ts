/*
 * Errors and notes about libraries that were not found.
 */
import {ElfError} from '../errors.js';
import {placesInWords} from './attempts.js';
import type {Miss, ResolvedTree, TreeNode} from './tree.js';

/** pthread_cancel, pthread_exit and backtrace open it; no NEEDED entry names it. */
export const alwaysNeeded = 'libgcc_s.so.1';

/** The libraries with which an older glibc looks up users and hosts. */
export const nameServices: readonly string[] = ['libnss_files.so.2', 'libnss_dns.so.2'];

/** Where a program was resolved, in words. */
export function whereIn({root}: Pick<ResolvedTree, 'root'>): string {
  return root === '/' ? 'on this machine' : 'in the given root';
}

/**
 * Refuse misses. A library that was only added as `alwaysNeeded` or for `nameServices` gets a note, any other is an
 * error.
 *
 * @throws ElfError NOT_FOUND naming the library and who asks for it
 */
export function refuseMisses(
  program: TreeNode,
  tree: ResolvedTree,
  misses: readonly Miss[],
  notes: string[],
): void {
  for (const miss of misses) {
    const {name, kind, optional} = miss;
    if (optional) continue;
    if (kind === 'library' && nameServices.includes(name)) {
      notes.push(`${name} is missing: the C library will look up names without it`);
      continue;
    }
    if (name === alwaysNeeded && kind === 'library') {
      // musl does not need it to end a thread.
      if (tree.interpreter?.libc === 'musl') continue;
      notes.push(`${alwaysNeeded} is not ${whereIn(tree)}: programs that cancel a thread will abort`);
      continue;
    }
    throw notFound(program, tree, miss);
  }
}

/** The error for a library that was not found. */
export function notFound(program: TreeNode, tree: ResolvedTree, miss: Miss): ElfError {
  const {name, requestedBy, kind, fatal} = miss;
  const asker = kind === 'library' ? undefined : tree.nodes[requestedBy];
  const forWhom = asker === undefined || asker === program ? '' : `, which ${asker.path} asks for,`;
  const places = placesInWords(tree, miss);
  return new ElfError(
    'NOT_FOUND',
    `${name}${forWhom} was not found${tree.root === '/' ? '' : ' in the given root'}`,
    {
      path: program.path,
      expected: places === '' ? 'a file' : `one of ${places}`,
      got: fatal ?? 'none of them',
      value: name,
    },
  );
}
