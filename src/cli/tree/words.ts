/* The words for reasons, places and requests, the same in every format. */
import {
  type ModuleLoading,
  type Reason,
  type RequestKind,
  type ResolvedTree,
  shortened,
  type TreeNode,
  type UndefinedSymbol,
} from '../../index.js';
import {enumerate} from '../safe-text.js';

/**
 * Why a request led to a file, in a few words.
 *
 * @param asker index of the node that makes the request: its own search path need not be named
 */
export function reasonInWords(reason: Reason, nodes: readonly TreeNode[], asker: number): string {
  switch (reason.kind) {
    case 'program':
    case 'interpreter':
      return reason.kind;
    case 'inside':
      return 'inside';
    case 'direct':
      return 'by its path';
    case 'already-loaded':
      return loadedInWords[reason.by];
    case 'cache':
      return withHwcaps('ld.so.cache', reason.hwcaps);
    case 'library-path':
      return withHwcaps('library path', reason.hwcaps);
    case 'system-directory':
      return withHwcaps('system directory', reason.hwcaps);
    case 'rpath':
    case 'runpath': {
      const owner = reason.of === asker ? '' : ` of ${shortened(baseName(nodes[reason.of]?.path ?? ''))}`;
      return withHwcaps(`${reason.kind}${owner}`, reason.hwcaps);
    }
  }
}

/** Where a request comes from when it is not from a NEEDED entry. */
export function kindInWords(kind: RequestKind): string | undefined {
  return kinds[kind];
}

/** The last component of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The path up to its last slash. */
export function directoryPart(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** Things in groups, in the order of their first members. */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

const loadedInWords = {
  name: 'already loaded',
  soname: 'already loaded, by its SONAME',
  file: 'already loaded, the same file',
} as const;

const kinds: Readonly<Record<RequestKind, string | undefined>> = {
  needed: undefined,
  filter: 'filter',
  auxiliary: 'auxiliary filter',
  preload: 'preload',
  library: '--library',
  audit: 'audit',
  dlopen: 'dlopen',
  interpreter: undefined,
};

function withHwcaps(text: string, hwcaps: string | undefined): string {
  return hwcaps === undefined ? text : `${text}, ${hwcaps.replace(/\/$/, '')}`;
}

/** A symbol that nothing defines, in words. */
export function symbolInWords({name, version, requiredBy}: UndefinedSymbol, {nodes}: ResolvedTree): string {
  const symbol = version === undefined ? name : `${name}@${version}`;
  const asker = shortened(nodes[requiredBy]?.path ?? '');
  return `undefined symbol ${shortened(symbol)}, needed by ${asker}`;
}

/** How more is loaded at run time, one line per mechanism. */
export function modulesInWords(modules: readonly ModuleLoading[], {nodes}: ResolvedTree): string[] {
  return Object.entries(ways).flatMap(([what, meaning]) => {
    const ones = modules.filter((module) => module.what === what);
    const objects = [...new Set(ones.map(({node}) => baseName(nodes[node]?.path ?? '')))];
    const symbols = [...new Set(ones.map(({symbol}) => symbol))];
    return ones.length === 0
      ? []
      : [`at run time: ${meaning} (${enumerate(symbols, 3)} in ${enumerate(objects, 4)})`];
  });
}

const ways: Readonly<Record<ModuleLoading['what'], string>> = {
  nss: 'name service modules, libnss_*.so.2',
  gconv: 'character set converters of gconv',
  dlopen: 'anything that it opens with dlopen',
  libgcc_s: 'libgcc_s.so.1',
};
