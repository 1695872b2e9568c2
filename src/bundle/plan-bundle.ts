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
import {openElfSync} from '../elf/open.js';
import {ElfError} from '../errors.js';
import type {Miss, ResolvedTree, TreeNode} from '../loader/tree.js';
import {planIsolation} from './isolate.js';
import type {ManifestProgram, ManifestRole} from './manifest.js';

/** Where things lie, as seen from inside the root that the bundle is for. */
export interface Layout {
  /** Directory of the programs. */
  readonly prefix: string;
  /** Directory of loader, libraries and manifest. */
  readonly libs: string;
}

/** One file of a bundle. */
export interface BundleFile {
  /** Path in the root that the bundle is for. */
  readonly path: string;
  readonly role: ManifestRole;
  /** The file on this machine that it is made of. */
  readonly source: string;
  /** The edit that makes it; undefined when it is copied as it is. */
  readonly plan: Plan | undefined;
  /** Why it is here, for messages. */
  readonly why: string;
  /** Another file of the bundle that this is a second name of. */
  readonly linkTo: string | undefined;
  /** The content of a file that is not made of its source. */
  readonly text?: string | undefined;
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
  readonly layout: Layout;
  /** Libraries to add by hand, as if each program needed them. */
  readonly library: readonly string[];
  readonly isolate: boolean;
  /** A static shell: programs are started by a script for it instead of having their PT_INTERP changed. */
  readonly shell: string | undefined;
  /** The qemu-user target of an emulator by its file name; null for other programs. */
  readonly targetOf: (name: string) => string | null;
}

/** pthread_cancel, pthread_exit and backtrace open it; no NEEDED entry tells. */
export const alwaysNeeded = 'libgcc_s.so.1';

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
  if (program === undefined) throw new ElfError('BAD_REQUEST', 'there is no program to bundle');
  const {prefix, libs} = options.layout;
  const name = posix.basename(program.path);
  const path = posix.join(prefix, name);
  const interpreter = tree.interpreter === undefined ? null : posix.join(libs, loaderName);
  if (interpreter === null) {
    files.add({
      path,
      role: 'program',
      source: program.host,
      plan: undefined,
      why: 'a static program',
      linkTo: undefined,
    });
    return {path, interpreter, qemuTarget: options.targetOf(name)};
  }
  refuseMisses(program, tree.misses, notes);
  if (tree.interpreter?.substituted) {
    notes.push(
      `${program.path} asks for ${tree.interpreter.requested}, which does not exist here; ${tree.interpreter.path} stands in`,
    );
  }
  for (const node of tree.nodes.slice(1)) addNode(node, tree, options, files, notes);
  if (options.shell !== undefined) {
    return planWrapper(program, tree, options.layout, options.shell, files, options.targetOf(name));
  }
  const plan = planFor(program.host, {interpreter, rpath: libs});
  files.add({
    path,
    role: 'program',
    source: program.host,
    plan,
    why: 'a program to bundle',
    linkTo: undefined,
  });
  return {path, interpreter, qemuTarget: options.targetOf(name)};
}

/**
 * The other way to start a program with a loader of choice, for one that cannot be changed: a script, and a static
 * shell for it, since no shell of the chroot runs before there is an emulator. Each start costs two more execs,
 * and the kernel's note that argv[0] was passed on (flag P) does not survive them.
 */
function planWrapper(
  program: TreeNode,
  {interpreter}: ResolvedTree,
  {prefix, libs}: Layout,
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
  checkShell(shell, program.host);
  const inhibit = interpreter?.libc === 'musl' ? '' : ' --inhibit-cache';
  const command = `${posix.join(libs, loaderName)}${inhibit} --library-path ${libs} ${wraps}`;
  const text = `#!${interpreterPath}\nexec ${command} "$@"\n`;
  const made = {plan: undefined, linkTo: undefined};
  files.add({...made, path, role: 'program', source: program.host, why: 'a program to bundle', text});
  files.add({
    ...made,
    path: wraps,
    role: 'data',
    source: program.host,
    why: 'the program that a wrapper starts',
  });
  files.add({...made, path: interpreterPath, role: 'data', source: shell, why: 'the shell of the wrapper'});
  return {path, interpreter: interpreterPath, qemuTarget, wraps};
}

/** @throws ElfError BAD_REQUEST for a shell that would need a loader, or an emulator, itself */
function checkShell(shell: string, program: string): void {
  const [machine, wanted] = [shell, program].map((path) => withView(path, (view) => machineOf(view).name));
  const isStatic = withView(shell, (view) => view.interpreter === undefined);
  if (isStatic && machine === wanted) return;
  throw new ElfError('BAD_REQUEST', 'this is no shell for a wrapper', {
    path: shell,
    expected: `a static program for ${wanted}, such as busybox of package busybox-static`,
    got: isStatic ? `one for ${machine}` : 'a shared one',
  });
}

/** An emulator usually goes by the name of its qemu-user target. */
export function targetOfName(name: string): string | null {
  return /^qemu-(\w+?)(?:-static)?$/.exec(name)?.[1] ?? null;
}

/** A library that only `alwaysNeeded` asks for is worth a note, any other one is an error. */
function refuseMisses(program: TreeNode, misses: readonly Miss[], notes: string[]): void {
  for (const {name, kind, tried, fatal, optional} of misses) {
    if (optional) continue;
    if (name === alwaysNeeded && kind === 'library') {
      notes.push(`${alwaysNeeded} is not on this machine: a program that cancels a thread would abort`);
      continue;
    }
    const places = tried.map((attempt) => attempt.path).join(', ');
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
  const {libs} = options.layout;
  if (node.index === tree.interpreter?.node) {
    const path = posix.join(libs, loaderName);
    if (files.has(path, node.host)) return;
    const isolation = options.isolate ? isolationOf(node.host) : undefined;
    notes.push(...(isolation?.warnings ?? []));
    files.add({
      path,
      role: 'loader',
      source: node.host,
      plan: isolation?.plan,
      why: 'the loader',
      linkTo: undefined,
    });
    return;
  }
  const names = namesOf(node, tree);
  const [first] = names;
  if (first === undefined) return;
  const path = posix.join(libs, first);
  const hasPath = node.rpath !== undefined || node.runpath !== undefined;
  const why = whyOf(node, tree);
  files.add({
    path,
    role: 'library',
    source: node.host,
    plan: hasPath ? planFor(node.host, {removeRpath: true}) : undefined,
    why,
    linkTo: undefined,
  });
  for (const other of names.slice(1)) {
    files.add({
      path: posix.join(libs, other),
      role: 'library',
      source: node.host,
      plan: undefined,
      why,
      linkTo: path,
    });
  }
}

/** Every name by which a node is asked for, and its SONAME, which answers to later requests. */
function namesOf(node: TreeNode, tree: ResolvedTree): string[] {
  const asked = tree.nodes.flatMap(({edges}) =>
    edges.filter((edge) => edge.to === node.index).map(({name}) => name),
  );
  const slashed = asked.find((name) => name.includes('/'));
  if (slashed !== undefined) {
    throw new ElfError(
      'UNSUPPORTED',
      'a library asks for another one by a path, which would lead out of the bundle',
      {
        path: node.path,
        expected: 'a name without a slash',
        got: slashed,
      },
    );
  }
  return [...new Set([...asked, ...(node.soname === undefined ? [] : [node.soname])])].filter(
    (name) => name !== '',
  );
}

function whyOf(node: TreeNode, {nodes}: ResolvedTree): string {
  const asker = nodes[node.requestedBy ?? 0];
  return `${node.path}, for ${asker?.path ?? 'the bundle'}`;
}

function planFor(host: string, request: Parameters<typeof planEdit>[1]): Plan {
  return withView(host, (view) => planEdit(view, request));
}

function isolationOf(host: string) {
  return withView(host, planIsolation);
}

function withView<T>(host: string, work: (view: ReturnType<typeof openElfSync>['view']) => T): T {
  const file = openElfSync(host);
  try {
    return work(file.view);
  } finally {
    void file.close();
  }
}

/** The files by path; the same one twice is one, two different ones under one path are a conflict. */
class FileSet {
  readonly #files = new Map<string, BundleFile>();

  add(file: BundleFile): void {
    const there = this.#files.get(file.path);
    if (there === undefined) this.#files.set(file.path, file);
    else if (there.source !== file.source) {
      throw new ElfError('CONFLICT', `two different files would be ${file.path}`, {
        expected: `${there.source} (${there.why})`,
        got: `${file.source} (${file.why})`,
      });
    }
  }

  has(path: string, source: string): boolean {
    return this.#files.get(path)?.source === source;
  }

  get(path: string): BundleFile | undefined {
    return this.#files.get(path);
  }

  list(): BundleFile[] {
    return [...this.#files.values()];
  }
}
