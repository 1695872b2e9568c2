/*
 * What goes into a bundle: the closure of the programs, each library under the names by which it is asked for, and
 * for each file the edit that makes it find the others there.
 *
 * The program gets DT_RPATH, not DT_RUNPATH: a RUNPATH does not apply to the libraries' own dependencies.
 */
import {posix} from 'node:path';
import {machineOf} from '../elf/machine.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {refuseUnopenable} from '../loader/dlopen-needs.js';
import type {Libc} from '../loader/loader-facts.js';
import {refuseMisses, whereIn} from '../loader/missing.js';
import {longestHead} from '../loader/named-program.js';
import type {Root} from '../loader/root.js';
import type {ResolvedTree, TreeNode} from '../loader/tree.js';
import {type BundleFile, FileSet, generated} from './file-set.js';
import {addVariant, type Variant} from './hwcaps.js';
import {isBelow, type Layout, loaderName} from './layout.js';
import {addLibrary, plainNames, planFor, withView} from './libraries.js';
import {type ManifestProgram, manifestPath} from './manifest.js';
import {type FilesOptions, planFiles} from './plan-files.js';

export interface BundlePlan {
  readonly layout: Layout;
  readonly programs: readonly ManifestProgram[];
  readonly files: readonly BundleFile[];
  /** Empty directories. */
  readonly directories: readonly string[];
  /** The bundled loader that was isolated and can be tested here; undefined when there is none. */
  readonly isolated: string | undefined;
  /** The loader of the programs; undefined when all are static. */
  readonly loader: BundleFile | undefined;
  /** Which C library that loader belongs to. */
  readonly libc: Libc;
  readonly notes: readonly string[];
}

export interface PlanBundleOptions extends FilesOptions {
  /** The programs on newer CPUs, if variants of their libraries come along. */
  readonly variants: readonly Variant[];
  /** Where the programs go, in their order. */
  readonly places: readonly string[];
  /** Empty directories to bundle; one that gets a file is dropped. */
  readonly directories: readonly string[];
  /** This machine's root, which a wrapper's shell is taken from. */
  readonly machine: Root;
  /** A static shell; if given, programs are started by a script for it, and their PT_INTERP is not changed. */
  readonly shell: string | undefined;
  /** The qemu-user target of an emulator by its file name; null for other programs. */
  readonly targetOf: (name: string) => string | null;
}

/**
 * Plan a bundle of programs. Nothing is written.
 *
 * @param trees each program with its libraries, resolved with `library` and `alwaysNeeded`
 * @throws ElfError NOT_FOUND for a library that is nowhere, CONFLICT for two files under one name, and what
 *   `planFiles` throws
 */
export function planBundle(trees: readonly ResolvedTree[], options: PlanBundleOptions): BundlePlan {
  const notes: string[] = [];
  const files = new FileSet();
  const programs = trees.map((tree, i) => planProgram(tree, options.places[i] ?? '', options, files, notes));
  for (const variant of options.variants) addVariant(variant, options, files, notes);
  for (const file of planFiles(trees, options, files, notes)) files.add(file);
  refuseFilesAbove(files, options);
  const loader = files.get(posix.join(options.layout.libs, loaderName));
  const isolated = loader?.plan !== undefined && loader.plan.changes.length > 0 ? loader.path : undefined;
  return {
    layout: options.layout,
    programs: [...new Map(programs.map((program) => [program.path, program])).values()],
    files: files.list(),
    directories: stillEmpty(options.directories, files.list()),
    isolated,
    loader,
    libc: trees.find(({interpreter}) => interpreter !== undefined)?.interpreter?.libc ?? 'unknown',
    notes: [...new Set(notes)],
  };
}

function stillEmpty(directories: readonly string[], files: readonly BundleFile[]): string[] {
  const taken = new Set<string>();
  for (const path of [...files.map((file) => file.path), ...directories.map(posix.dirname)])
    for (let at = path; at !== '/' && !taken.has(at); at = posix.dirname(at)) taken.add(at);
  return [...new Set(directories)].filter((path) => !taken.has(path)).sort();
}

/** @throws ElfError CONFLICT for a file where others need a directory */
function refuseFilesAbove(files: FileSet, {layout, directories, relocatable}: PlanBundleOptions): void {
  const below = [
    ...files.list().map(({path, source, why}) => ({path, what: `${source} (${why})`})),
    ...(relocatable ? [] : [{path: manifestPath(layout), what: 'the manifest'}]),
    ...directories.map((path) => ({path: posix.join(path, '.'), what: 'an empty directory'})),
  ];
  const seen = new Set<string>();
  for (const {path, what} of below) {
    for (let at = posix.dirname(path); at !== '/' && !seen.has(at); at = posix.dirname(at)) {
      seen.add(at);
      const above = files.get(at);
      if (above === undefined) continue;
      throw new ElfError('CONFLICT', `${at} would be both a file and a directory`, {
        expected: `${above.source} (${above.why})`,
        got: `${what} at ${path}`,
        value: at,
      });
    }
  }
}

function planProgram(
  tree: ResolvedTree,
  path: string,
  options: PlanBundleOptions,
  files: FileSet,
  notes: string[],
): ManifestProgram {
  const [program] = tree.nodes;
  if (program === undefined) throw new ElfError('BAD_REQUEST', 'no program to bundle');
  const {libs} = options.layout;
  const qemuTarget = options.targetOf(posix.basename(program.path)) ?? options.targetOf(posix.basename(path));
  const {host: source, identity} = program;
  const from = options.root;
  const file = {path, role: 'program', source, from, identity} as const;
  if (tree.interpreter === undefined || tree.packed !== undefined) {
    const why = tree.packed === undefined ? 'a static program' : 'a packed program';
    files.add({...file, why});
    return {path, interpreter: null, qemuTarget};
  }
  const interpreter = posix.join(libs, loaderName);
  refuseMisses(program, tree, tree.misses, notes);
  refuseUnopenable({program, tree, level: options.dlopen}, tree.nodes, notes);
  if (tree.interpreter.substituted) {
    notes.push(
      `${program.path} asks for ${tree.interpreter.requested}, which is not ${whereIn(tree)}; using ${tree.interpreter.path} instead`,
    );
  }
  for (const node of tree.nodes.slice(1)) addLibrary(node, tree, options, files, notes);
  addPathFile(tree, interpreter, options, files);
  if (options.shell !== undefined) {
    return planWrapper({program, path, qemuTarget}, tree, options, options.shell, files);
  }
  const request = plainNames(program, tree);
  const plan = planFor(from.source(source), {interpreter, rpath: libs, ...request});
  files.add({...file, plan, request, why: 'a program to bundle'});
  return {path, interpreter, qemuTarget};
}

/**
 * musl reads its library directories from a file under its own prefix, which is PT_INTERP without the last two
 * components. In the chroot that file would be the guest's or missing, so the bundle brings its own, as a fallback
 * after DT_RPATH for libraries opened at run time.
 */
function addPathFile(
  {interpreter}: ResolvedTree,
  loader: string,
  {layout: {prefix, libs}, root: from, relocatable}: PlanBundleOptions,
  files: FileSet,
): void {
  if (interpreter?.pathFile === undefined) return;
  if (relocatable) {
    throw new ElfError('UNSUPPORTED', 'musl needs a file at a fixed place', {
      path: interpreter.path,
      expected: 'a bundle with a prefix',
    });
  }
  const path = posix.join(posix.dirname(posix.dirname(loader)), interpreter.pathFile);
  if (!isBelow(path, prefix)) return;
  const why = `the library directories of ${interpreter.path}`;
  const content = new TextEncoder().encode(`${libs}\n`);
  files.add({path, role: 'data', source: generated, from, identity: generated, why, content});
}

/**
 * The other way to start a program with a chosen loader, for one that cannot be changed: a script, and a static shell
 * for it, since no shell in the chroot runs before there is an emulator. Each start costs two more execs, and the
 * kernel's indication that argv[0] was preserved (flag P) is lost.
 */
function planWrapper(
  {program, path, qemuTarget}: {program: TreeNode; path: string; qemuTarget: string | null},
  {interpreter}: ResolvedTree,
  {layout: {libs}, root: from, machine}: PlanBundleOptions,
  shell: string,
  files: FileSet,
): ManifestProgram {
  const [wraps, interpreterPath] = [posix.join(libs, posix.basename(path)), posix.join(libs, 'sh')];
  if (/[^\w@%+=:,./-]/.test(path)) {
    throw new ElfError('BAD_REQUEST', 'a wrapper cannot be made for this path', {
      path,
      expected: 'no character that a shell treats as special',
    });
  }
  checkShell(machine, shell, withView(from.source(program.host), machineName));
  const inhibit = interpreter?.libc === 'musl' ? '' : ' --inhibit-cache';
  const command = `${posix.join(libs, loaderName)}${inhibit} --library-path ${libs} ${wraps}`;
  refuseLongLine(path, interpreterPath);
  const content = new TextEncoder().encode(`#!${interpreterPath}\nexec ${command} "$@"\n`);
  const {host: source, identity} = program;
  files.add({path, role: 'program', source, from, identity, why: 'a program to bundle', content});
  files.add({path: wraps, role: 'data', source, from, identity, why: 'the program that a wrapper starts'});
  const why = 'the shell of the wrapper';
  // The shell is one of this machine, wherever the program is from.
  files.add({path: interpreterPath, role: 'data', source: shell, from: machine, identity: shell, why});
  return {path, interpreter: interpreterPath, qemuTarget, wraps};
}

/** @throws ElfError BAD_REQUEST for a first line that is too long for the kernel (BINPRM_BUF_SIZE) */
function refuseLongLine(path: string, interpreter: string): void {
  const size = Buffer.byteLength(`#!${interpreter}\n`);
  if (size <= longestHead) return;
  throw new ElfError('BAD_REQUEST', 'the first line of the wrapper is too long for the kernel', {
    path,
    expected: `at most ${longestHead} bytes, with a shorter prefix`,
    got: `${size} bytes`,
  });
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
    got: isStatic ? `one for ${name}` : 'a dynamically linked one',
  });
}
