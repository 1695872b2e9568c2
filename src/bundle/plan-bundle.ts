/*
 * What goes into a bundle: the closure of the programs, each library under the names by which it is asked for, and
 * for each file the edit that makes it find the others there.
 *
 * DT_RPATH on the program, not DT_RUNPATH: RUNPATH is not inherited by the libraries' own libraries. A library's
 * own RPATH or RUNPATH is removed, because it would win and lead out of the bundle.
 */
import {posix} from 'node:path';
import type {Plan} from '../edit/plan.js';
import {planEdit} from '../edit/plan-edit.js';
import {machineOf} from '../elf/machine.js';
import {openElfSource} from '../elf/open.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {placesInWords} from '../loader/attempts.js';
import type {Root} from '../loader/root.js';
import type {ResolvedTree, TreeNode} from '../loader/tree.js';
import {planIsolation, planLibcIsolation} from '../pack/isolate.js';
import type {FileSource} from '../source/file.js';
import {type BundleFile, FileSet, generated} from './file-set.js';
import type {ManifestProgram} from './manifest.js';

/** Where things lie, as seen from inside the root that the bundle is for. */
export interface Layout {
  /** Directory of the programs. */
  readonly prefix: string;
  /** Directory of loader, libraries and manifest. */
  readonly libs: string;
}

export interface BundlePlan {
  readonly layout: Layout;
  readonly programs: readonly ManifestProgram[];
  readonly files: readonly BundleFile[];
  /** The bundled loader that was made deaf and can be tested here; undefined when there is none. */
  readonly isolated: string | undefined;
  readonly notes: readonly string[];
}

export interface PlanBundleOptions {
  /** The root that the programs were resolved in. */
  readonly root: Root;
  /** This machine's, where a wrapper's shell is from. */
  readonly machine: Root;
  readonly layout: Layout;
  /** Libraries to add by hand, as if each program needed them. */
  readonly library: readonly string[];
  readonly isolate: boolean;
  /** Files to carry along as they are. */
  readonly data: readonly BundleFile[];
  /** A static shell: programs are started by a script for it instead of having their PT_INTERP changed. */
  readonly shell: string | undefined;
  /** The qemu-user target of an emulator by its file name; null for other programs. */
  readonly targetOf: (name: string) => string | null;
}

/** pthread_cancel, pthread_exit and backtrace open it; no NEEDED entry tells. */
export const alwaysNeeded = 'libgcc_s.so.1';

/** What an older glibc looks up users and hosts with. */
export const nameServices: readonly string[] = ['libnss_files.so.2', 'libnss_dns.so.2'];

/** The name of the bundled loader. Its SONAME, by which libraries ask for it, is inside it and stays. */
const loaderName = 'ld.so';

/**
 * Plan a bundle of programs. Nothing is written.
 *
 * @param trees each program with its libraries, resolved with `library` and `alwaysNeeded`
 * @throws ElfError NOT_FOUND for a library that is nowhere, CONFLICT for two files under one name
 */
export function planBundle(trees: readonly ResolvedTree[], options: PlanBundleOptions): BundlePlan {
  const notes: string[] = [];
  const files = new FileSet();
  const programs = trees.map((tree) => planProgram(tree, options, files, notes));
  for (const file of options.data) files.add(file);
  const loader = files.get(posix.join(options.layout.libs, loaderName));
  const isolated = loader?.plan !== undefined && loader.plan.changes.length > 0 ? loader.path : undefined;
  return {layout: options.layout, programs, files: files.list(), isolated, notes: [...new Set(notes)]};
}

function planProgram(
  tree: ResolvedTree,
  options: PlanBundleOptions,
  files: FileSet,
  notes: string[],
): ManifestProgram {
  const [program] = tree.nodes;
  if (program === undefined) throw new ElfError('BAD_REQUEST', 'no program to bundle');
  const {prefix, libs} = options.layout;
  const name = posix.basename(program.path);
  const path = posix.join(prefix, name);
  const {host: source, identity} = program;
  const from = options.root;
  const file = {path, role: 'program', source, from, identity} as const;
  if (tree.interpreter === undefined || tree.packed !== undefined) {
    const why = tree.packed === undefined ? 'a static program' : 'a packed program';
    files.add({...file, why});
    return {path, interpreter: null, qemuTarget: options.targetOf(name)};
  }
  const interpreter = posix.join(libs, loaderName);
  refuseMisses(program, tree, notes);
  if (tree.interpreter.substituted) {
    notes.push(
      `${program.path} asks for ${tree.interpreter.requested}, which does not exist here; using ${tree.interpreter.path} instead`,
    );
  }
  for (const node of tree.nodes.slice(1)) addNode(node, tree, options, files, notes);
  addPathFile(tree, interpreter, options, files);
  const qemuTarget = options.targetOf(name);
  if (options.shell !== undefined) {
    return planWrapper(program, tree, options, options.shell, files, qemuTarget);
  }
  files.add({
    ...file,
    plan: planFor(from.source(source), {interpreter, rpath: libs, ...plainNames(program, tree)}),
    why: 'a program to bundle',
  });
  return {path, interpreter, qemuTarget};
}

/**
 * musl reads its library directories from a file under its own prefix, which is PT_INTERP without the last two
 * components. In the chroot that file would be the guest's or missing, so the bundle brings one: a second line
 * behind DT_RPATH, for what is opened at run time.
 */
function addPathFile(
  {interpreter}: ResolvedTree,
  loader: string,
  {layout: {prefix, libs}, root: from}: PlanBundleOptions,
  files: FileSet,
): void {
  if (interpreter?.pathFile === undefined) return;
  const path = posix.join(posix.dirname(posix.dirname(loader)), interpreter.pathFile);
  if (!path.startsWith(`${prefix}/`)) return;
  const why = `the library directories of ${interpreter.path}`;
  const content = new TextEncoder().encode(`${libs}\n`);
  files.add({path, role: 'data', source: generated, from, identity: generated, why, content});
}

/**
 * The other way to start a program with a loader of choice, for one that cannot be changed: a script, and a static
 * shell for it, since no shell of the chroot runs before there is an emulator. Each start costs two more execs,
 * and the kernel's note that argv[0] was passed on (flag P) does not survive them.
 */
function planWrapper(
  program: TreeNode,
  {interpreter}: ResolvedTree,
  {layout: {prefix, libs}, root: from, machine}: PlanBundleOptions,
  shell: string,
  files: FileSet,
  qemuTarget: string | null,
): ManifestProgram {
  const name = posix.basename(program.path);
  const [path, wraps, interpreterPath] = [
    posix.join(prefix, name),
    posix.join(libs, name),
    posix.join(libs, 'sh'),
  ];
  if (/[^\w@%+=:,./-]/.test(path)) {
    throw new ElfError('BAD_REQUEST', 'a wrapper cannot be made for this path', {
      path,
      expected: 'no character that a shell treats as special',
    });
  }
  checkShell(machine, shell, withView(from.source(program.host), machineName));
  const inhibit = interpreter?.libc === 'musl' ? '' : ' --inhibit-cache';
  const command = `${posix.join(libs, loaderName)}${inhibit} --library-path ${libs} ${wraps}`;
  const content = new TextEncoder().encode(`#!${interpreterPath}\nexec ${command} "$@"\n`);
  const {host: source, identity} = program;
  files.add({path, role: 'program', source, from, identity, why: 'a program to bundle', content});
  files.add({path: wraps, role: 'data', source, from, identity, why: 'the program that a wrapper starts'});
  const why = 'the shell of the wrapper';
  // The shell is one of this machine, wherever the program is from.
  files.add({path: interpreterPath, role: 'data', source: shell, from: machine, identity: shell, why});
  return {path, interpreter: interpreterPath, qemuTarget, wraps};
}

function machineName(view: ElfView): string {
  return machineOf(view).name;
}

/** @throws ElfError BAD_REQUEST for a shell that would need a loader, or an emulator, itself */
function checkShell(machine: Root, shell: string, wanted: string): void {
  const name = withView(machine.source(shell), machineName);
  const isStatic = withView(machine.source(shell), (view) => view.interpreter === undefined);
  if (isStatic && name === wanted) return;
  throw new ElfError('BAD_REQUEST', 'not a suitable shell for a wrapper', {
    path: shell,
    expected: `a static program for ${wanted}, such as busybox of package busybox-static`,
    got: isStatic ? `one for ${name}` : 'a shared one',
  });
}

/** An emulator usually goes by the name of its qemu-user target. */
export function targetOfName(name: string): string | null {
  return /^qemu-(\w+?)(?:-static)?$/.exec(name)?.[1] ?? null;
}

/** A library that only `alwaysNeeded` asks for is worth a note, any other one is an error. */
function refuseMisses(program: TreeNode, tree: ResolvedTree, notes: string[]): void {
  const {misses, interpreter} = tree;
  for (const miss of misses) {
    const {name, kind, fatal, optional} = miss;
    if (optional) continue;
    if (kind === 'library' && nameServices.includes(name)) {
      notes.push(`${name} is not there: name lookups of the C library will not use it`);
      continue;
    }
    if (name === alwaysNeeded && kind === 'library') {
      // musl leaves a thread without it.
      if (interpreter?.libc === 'musl') continue;
      notes.push(`${alwaysNeeded} is not on this machine: programs that cancel a thread will abort`);
      continue;
    }
    const places = placesInWords(tree, miss);
    throw new ElfError('NOT_FOUND', `${name} is not found`, {
      path: program.path,
      expected: places === '' ? 'a file' : `one of ${places}`,
      got: fatal ?? 'none of them',
      value: name,
    });
  }
}

function addNode(
  node: TreeNode,
  tree: ResolvedTree,
  options: PlanBundleOptions,
  files: FileSet,
  notes: string[],
): void {
  const {
    layout: {libs},
    root: from,
  } = options;
  const file = {source: node.host, from, identity: node.identity};
  if (node.index === tree.interpreter?.node) {
    const path = posix.join(libs, loaderName);
    if (files.has({...file, path})) return;
    const isolation = options.isolate
      ? withView(from.source(node.host), (view) => planIsolation(view))
      : undefined;
    const why = `the loader of ${tree.nodes[0]?.path}`;
    files.add({...file, path, role: 'loader', plan: isolation?.plan, why});
    notes.push(...(isolation?.warnings ?? []));
    return;
  }
  const [first, ...others] = namesOf(node, tree);
  if (first === undefined) return;
  const path = posix.join(libs, first);
  const hasPath = node.rpath !== undefined || node.runpath !== undefined;
  const request = {...(hasPath && {removeRpath: true}), ...plainNames(node, tree)};
  const isLibc = options.isolate && tree.interpreter?.libc === 'glibc' && first === 'libc.so.6';
  const isolation = isLibc ? withView(from.source(node.host), planLibcIsolation) : undefined;
  const plan = Object.keys(request).length > 0 ? planFor(from.source(node.host), request) : isolation;
  const why = whyOf(node, tree);
  files.add({...file, path, role: 'library', plan, why});
  for (const other of others) {
    files.add({...file, path: posix.join(libs, other), role: 'library', why, linkTo: path});
  }
}

/** Every name by which a node is asked for, and its SONAME, which answers to later requests. */
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

/** The edit after which a file asks for its libraries by names alone. */
function plainNames(node: TreeNode, tree: ResolvedTree): {replaceNeeded?: Record<string, string>} {
  const pairs = node.edges.flatMap(({name, kind, to}): [string, string][] => {
    const library = to === undefined ? undefined : tree.nodes[to];
    if (!name.includes('/') || library === undefined || !entryKinds.has(kind)) return [];
    if (kind === 'needed') return [[name, plainNameOf(library, name)]];
    throw new ElfError('UNSUPPORTED', `a filter names a path, which would point outside the bundle`, {
      path: node.path,
      expected: 'a name without a slash',
      got: name,
    });
  });
  return pairs.length === 0 ? {} : {replaceNeeded: Object.fromEntries(pairs)};
}

/** Requests that stand in the file itself. */
const entryKinds: ReadonlySet<string> = new Set(['needed', 'filter', 'auxiliary', 'audit']);

function whyOf(node: TreeNode, {nodes}: ResolvedTree): string {
  const asker = nodes[node.requestedBy ?? 0];
  return `${node.path}, for ${asker?.path ?? 'the bundle'}`;
}

function planFor(source: FileSource, request: Parameters<typeof planEdit>[1]): Plan {
  return withView(source, (view) => planEdit(view, request));
}

function withView<T>(source: FileSource, work: (view: ElfView) => T): T {
  const file = openElfSource(source);
  try {
    return work(file.view);
  } finally {
    void file.close();
  }
}
