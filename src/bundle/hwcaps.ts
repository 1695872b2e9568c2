/*
 * Variants of libraries for newer CPUs. In each directory of its search path glibc's loader looks first into
 * glibc-hwcaps/LEVEL for the levels of the CPU, the best one first; so a bundle keeps the variants below its library
 * directory, under the same names.
 */
import {posix} from 'node:path';
import {readLoaderFacts} from '../loader/loader-facts.js';
import {refuseMisses} from '../loader/missing.js';
import type {Resolver} from '../loader/resolve.js';
import type {Root} from '../loader/root.js';
import type {ResolvedTree, TreeNode} from '../loader/tree.js';
import type {FileSet} from './file-set.js';
import {addLibrary, type LibraryOptions, withView} from './libraries.js';
import {machineFacts} from './plan-files.js';

/** A program as it is loaded on a CPU of a level. */
export interface Variant {
  readonly level: string;
  readonly tree: ResolvedTree;
}

/**
 * Resolve programs for each level that their loaders know.
 *
 * @param trees the programs, each with its path
 * @param resolverFor makes the resolver for a level
 */
export function findVariants(
  trees: readonly ResolvedTree[],
  root: Root,
  resolverFor: (level: string) => Resolver,
): Variant[] {
  const resolvers = new Map<string, Resolver>();
  return trees.flatMap((tree) =>
    levelsOf(tree, root).map((level) => {
      const resolver = resolvers.get(level) ?? resolverFor(level);
      resolvers.set(level, resolver);
      return {level, tree: resolver.resolve(tree.nodes[0]?.path ?? '')};
    }),
  );
}

/** The levels that a program's loader knows, best first. */
function levelsOf({interpreter, packed}: ResolvedTree, root: Root): readonly string[] {
  if (interpreter?.host === undefined || interpreter.libc !== 'glibc' || packed !== undefined) return [];
  return withView(root.source(interpreter.host), (view) => readLoaderFacts(view.source, machineFacts(view)))
    .hwcaps;
}

/**
 * Add the libraries of a variant: those for its level, and others that only they ask for.
 *
 * @throws ElfError as `addLibrary` and `refuseMisses` do
 */
export function addVariant({tree}: Variant, options: LibraryOptions, files: FileSet, notes: string[]): void {
  const [program] = tree.nodes;
  if (program !== undefined) refuseMisses(program, tree, tree.misses, notes);
  for (const node of tree.nodes.slice(1)) {
    const level = levelIn(node);
    const libs = posix.join(options.layout.libs, directoryName, level ?? '');
    const layout = level === undefined ? options.layout : {...options.layout, libs};
    addLibrary(node, tree, {...options, layout}, files, notes);
  }
}

const directoryName = 'glibc-hwcaps';

/** The level of a library, from where it was found: a directory, or the bare level name from the cache. */
function levelIn({reason}: TreeNode): string | undefined {
  const hwcaps = 'hwcaps' in reason ? reason.hwcaps : undefined;
  return /^(?:glibc-hwcaps\/)?((?:x86-64-v|power|z)\d+)\/?$/.exec(hwcaps ?? '')?.[1];
}

/** The levels for which a bundle has libraries. */
export function levelsAmong(paths: Iterable<string>, libs: string): string[] {
  const levels = new Set<string>();
  for (const path of paths) {
    const level = path.startsWith(`${libs}/`) ? inBundle.exec(path.slice(libs.length))?.[1] : undefined;
    if (level !== undefined) levels.add(level);
  }
  return [...levels];
}

const inBundle = /^\/glibc-hwcaps\/((?:x86-64-v|power|z)\d+)\//;
