/*
 * Where a C library looks for its own data. Both directories are built into glibc as plain strings, and systems differ:
 * Debian has its multiarch directory, NixOS a path in its store.
 */
import type {Root} from '../../loader/root.js';
import type {ResolvedTree, TreeNode} from '../../loader/tree.js';
import {libraryText} from '../../source/byte-string.js';
import {withView} from '../libraries.js';

/** The directories built into a C library, without a trailing slash. */
export interface BuiltIn {
  /** The directory of the character set converters that iconv(3) opens. */
  readonly gconv: string;
  /** The directory of the locales that setlocale(3) opens. */
  readonly locale: string;
}

/** The defaults of an unconfigured glibc. */
const usual: BuiltIn = {gconv: '/usr/lib/gconv', locale: '/usr/lib/locale'};

/** Read the directories of the glibc that programs load; undefined when none of them loads one. */
export function builtInOf(trees: readonly ResolvedTree[], root: Root): BuiltIn | undefined {
  for (const {interpreter, nodes} of trees) {
    const libc = interpreter?.libc === 'glibc' ? nodes.find(isLibc) : undefined;
    if (libc === undefined) continue;
    const text = withView(root.source(libc.host), ({source}) => libraryText(source));
    return {
      gconv: /(?<=\0)\/[\w.+/-]+\/gconv(?=\/gconv-modules\.cache\0)/.exec(text)?.[0] ?? usual.gconv,
      locale: /(?<=\0)\/[\w.+/-]+(?=\/locale-archive\0)/.exec(text)?.[0] ?? usual.locale,
    };
  }
  return undefined;
}

function isLibc({soname}: TreeNode): boolean {
  return soname === 'libc.so.6';
}
