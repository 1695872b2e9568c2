import {type ResolveTreeOptions, resolveTreeSync} from './resolve.js';
import type {ResolvedTree} from './tree.js';

/**
 * Resolve a program, or a shared library as if it were one: every file that its dynamic loader would map, with the
 * reason for each, and every miss with the places tried. Nothing is run, and nothing outside `root` is read.
 *
 * The work is a few milliseconds of small reads, done synchronously; use `Resolver` for many programs.
 *
 * @param program path inside the root
 * @throws ElfError (as a rejection) when the program itself cannot be read or is not ELF; problems with what it needs
 *   are reported in the result
 * @example
 *   const {nodes, misses} = await resolveTree('/usr/bin/qemu-arm');
 *   for (const {path, reason} of nodes) console.log(path, reason.kind);
 *   for (const {name} of misses) console.log(name, 'is missing');
 * @example
 *   await resolveTree('/bin/ls', {root: './armel-chroot'}); // paths are as seen inside
 */
export async function resolveTree(program: string, options: ResolveTreeOptions = {}): Promise<ResolvedTree> {
  return resolveTreeSync(program, options);
}
