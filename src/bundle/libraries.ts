/*
 * The libraries of a bundle: each is in the library directory under the names by which it is asked for. A library's own
 * RPATH or RUNPATH is removed, because it would take precedence and lead out of the bundle.
 */
import {posix} from 'node:path';
import type {Plan} from '../edit/plan.js';
import {planEdit} from '../edit/plan-edit.js';
import type {EditRequest} from '../edit/request/request.js';
import {openElfSource} from '../elf/open.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import type {Root} from '../loader/root.js';
import type {ResolvedTree, TreeNode} from '../loader/tree.js';
import {planIsolation, planLibcIsolation} from '../pack/isolate.js';
import type {FileSource} from '../source/file.js';
import type {FileSet} from './file-set.js';
import {type Layout, loaderName} from './layout.js';

/** What a library is planned with. */
export interface LibraryOptions {
  /** The root that the library was found in. */
  readonly root: Root;
  readonly layout: Layout;
  /** Isolate the loader, and keep the C library from the machine's modules. */
  readonly isolate: boolean;
  /** The bundle's directory of gconv modules, if it has one, to be built into the C library. */
  readonly gconv?: string | undefined;
}

/**
 * Add a library, or the loader, under every name by which it is asked for.
 *
 * @throws ElfError CONFLICT, and what `planEdit` throws
 */
export function addLibrary(
  node: TreeNode,
  tree: ResolvedTree,
  options: LibraryOptions,
  files: FileSet,
  notes: string[],
): void {
  const {
    layout: {libs},
    root: from,
    isolate,
  } = options;
  const file = {source: node.host, from, identity: node.identity};
  if (node.index === tree.interpreter?.node) {
    const path = posix.join(libs, loaderName);
    if (files.has({...file, path})) return;
    const isolation = isolate ? withView(from.source(node.host), (view) => planIsolation(view)) : undefined;
    const why = `the loader of ${tree.nodes[0]?.path}`;
    files.add({...file, path, role: 'loader', named: node.path, plan: isolation?.plan, why});
    notes.push(...(isolation?.warnings ?? []));
    return;
  }
  const [first, ...others] = namesOf(node, tree);
  if (first === undefined) return;
  const path = posix.join(libs, first);
  const why = whyOf(node, tree);
  // Many programs may load it; it is planned only once.
  if (!files.has({...file, path}))
    files.add({...file, path, role: 'library', plan: planLibrary(node, first, tree, options), why});
  for (const other of others) {
    files.add({...file, path: posix.join(libs, other), role: 'library', why, linkTo: path});
  }
}

function planLibrary(
  node: TreeNode,
  name: string,
  tree: ResolvedTree,
  {root, isolate, gconv}: LibraryOptions,
): Plan | undefined {
  const hasPath = node.rpath !== undefined || node.runpath !== undefined;
  const request = {...(hasPath && {removeRpath: true}), ...plainNames(node, tree)};
  if (Object.keys(request).length > 0) return planFor(root.source(node.host), request);
  const isOpen = isolate || gconv !== undefined;
  const isLibc = tree.interpreter?.libc === 'glibc' && name === 'libc.so.6';
  return isOpen && isLibc
    ? withView(root.source(node.host), (view) => planLibcIsolation(view, gconv))
    : undefined;
}

/** Every name by which a node is asked for, and its SONAME, which also satisfies later requests. */
function namesOf(node: TreeNode, {nodes}: ResolvedTree): string[] {
  const requests = nodes.flatMap(({edges}) => edges.filter((edge) => edge.to === node.index));
  const asked = requests.map(({name}) => (name.includes('/') ? plainNameOf(node, name) : name));
  const names = [...asked, ...(node.soname === undefined ? [] : [node.soname])];
  return [...new Set(names)].filter((name) => name !== '' && !name.includes('/'));
}

/** The name for a library that was asked for by a path: a path leads out of the bundle, a name into it. */
function plainNameOf({soname}: TreeNode, name: string): string {
  return soname === undefined || soname.includes('/') ? posix.basename(name) : soname;
}

/** The edit that makes a file ask for its libraries by plain names only. */
export function plainNames(node: TreeNode, tree: ResolvedTree): {replaceNeeded?: Record<string, string>} {
  const pairs = node.edges.flatMap(({name, kind, to}): [string, string][] => {
    const library = to === undefined ? undefined : tree.nodes[to];
    if (!name.includes('/') || library === undefined || !entryKinds.has(kind)) return [];
    if (kind === 'needed') return [[name, plainNameOf(library, name)]];
    throw new ElfError(
      'UNSUPPORTED',
      `a filter names its library by a path, which would lead out of the bundle`,
      {
        path: node.path,
        expected: 'a name without a slash',
        got: name,
      },
    );
  });
  return pairs.length === 0 ? {} : {replaceNeeded: Object.fromEntries(pairs)};
}

/** Requests that are in the file itself. */
const entryKinds: ReadonlySet<string> = new Set(['needed', 'filter', 'auxiliary', 'audit']);

function whyOf(node: TreeNode, {nodes}: ResolvedTree): string {
  const asker = nodes[node.requestedBy ?? 0];
  return `${node.path}, for ${asker?.path ?? 'the bundle'}`;
}

/** Plan an edit of a file, which is closed. @throws what `planEdit` throws */
export function planFor(source: FileSource, request: EditRequest): Plan {
  return withView(source, (view) => planEdit(view, request));
}

/** Read something from an ELF file, and close it. @throws ElfError if it is not an ELF file */
export function withView<T>(source: FileSource, work: (view: ElfView) => T): T {
  const file = openElfSource(source);
  try {
    return work(file.view);
  } finally {
    void file.close();
  }
}
