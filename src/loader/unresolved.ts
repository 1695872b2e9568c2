/*
 * Two questions about a resolved tree that its dynamic sections do not answer, but its symbols do: is anything
 * undefined, and which objects load more at run time in ways that DT_NEEDED does not show?
 */

import {packedContents, partSource} from '../elf/packed.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {withSource} from './object.js';
import {partNamed} from './packed-parts.js';
import {Root} from './root.js';
import {type DynamicSymbol, readDynamicSymbols} from './symbols.js';
import type {ResolvedTree, TreeNode} from './tree.js';

/** A symbol that no object of the tree defines. */
export interface UndefinedSymbol {
  readonly name: string;
  readonly version: string | undefined;
  /** Index of the node that wants it. */
  readonly requiredBy: number;
}

/** A way in which an object is known to load more at run time. */
export interface ModuleLoading {
  /** Index of the node. */
  readonly node: number;
  readonly what: 'dlopen' | 'gconv' | 'libgcc_s' | 'nss';
  /** The function that does it. */
  readonly symbol: string;
}

/**
 * List the symbols that would stay undefined, except weak ones, which may. A tree with misses is bound to have some, so
 * fix the misses first; a plugin has some, too, which its program defines.
 */
export function findUndefinedSymbols(tree: ResolvedTree, root = new Root(tree.root)): UndefinedSymbol[] {
  const symbols = tree.nodes.map((node) => symbolsOf(node, root));
  const exact = new Set<string>();
  const unversioned = new Set<string>();
  const anyVersion = new Set<string>();
  for (const {name, version, defined} of symbols.flat()) {
    if (!defined) continue;
    anyVersion.add(name);
    if (version === undefined) unversioned.add(name);
    else exact.add(`${name}@${version}`);
  }
  const isDefined = ({name, version}: DynamicSymbol) =>
    version === undefined ? anyVersion.has(name) : exact.has(`${name}@${version}`) || unversioned.has(name);
  return symbols.flatMap((own, requiredBy) =>
    own
      .filter((symbol) => !symbol.defined && !symbol.weak && !isDefined(symbol))
      .map(({name, version}) => ({name, version, requiredBy})),
  );
}

/**
 * Say which objects call functions that load modules: NSS for names and addresses, gconv for character sets, any
 * plugin by dlopen, libgcc_s for leaving a thread or walking the stack. The C library itself is not listed.
 */
export function findModuleLoading(tree: ResolvedTree, root = new Root(tree.root)): ModuleLoading[] {
  return tree.nodes.filter(isOrdinary(tree)).flatMap((node) =>
    symbolsOf(node, root).flatMap(({name, defined}) => {
      const what = defined ? undefined : loadingFunctions.get(name);
      return what === undefined ? [] : [{node: node.index, what, symbol: name}];
    }),
  );
}

const nss =
  'getaddrinfo getnameinfo gethostbyname gethostbyname_r gethostbyname2 gethostbyaddr getpwnam getpwnam_r';
const moreNss =
  'getpwuid getpwuid_r getgrnam getgrnam_r getgrgid getgrgid_r getgrouplist initgroups getservbyname';

const loadingFunctions: ReadonlyMap<string, ModuleLoading['what']> = new Map([
  ...`${nss} ${moreNss}`.split(' ').map((name) => [name, 'nss'] as const),
  ...['dlopen', 'dlmopen'].map((name) => [name, 'dlopen'] as const),
  ['iconv_open', 'gconv'] as const,
  ...['pthread_cancel', 'pthread_exit', 'backtrace'].map((name) => [name, 'libgcc_s'] as const),
]);

function isOrdinary({interpreter}: ResolvedTree): (node: TreeNode) => boolean {
  return ({index, soname}) => index !== interpreter?.node && !/^libc\.(?:so|musl-)/.test(soname ?? '');
}

/** None are known for a file that can no longer be read, or is damaged. */
function symbolsOf({host, path}: TreeNode, root: Root): DynamicSymbol[] {
  try {
    return withSource(root.source(host), (source) => readDynamicSymbols(viewOf(new ElfView(source), path)));
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

/** A file, or the part of a packed file that the path names. */
function viewOf(view: ElfView, path: string): ElfView {
  const contents = packedContents(view);
  const part = contents && (partNamed(contents, path) ?? contents.parts[0]);
  return contents && part ? new ElfView(partSource(view, contents, part)) : view;
}
