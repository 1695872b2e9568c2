/*
 * Repair a package: find what its binaries lack, copy it in under unique names, point the loader to it, and prove that
 * nothing else is needed.
 */
import {accessSync, chmodSync, constants, renameSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, dirname, posix} from 'node:path';
import type {Staging} from '../../change/staging.js';
import {hasFile} from '../../change/steps.js';
import {ElfError, systemError} from '../../errors.js';
import {OpenRoot} from '../../loader/open-root.js';
import type {DirFd} from '../../source/dir-fd.js';
import {together} from '../../source/trust.js';
import {absolutePath} from '../../source/working-directory.js';
import {syncDirectory} from '../../write/durable.js';
import {auditFiles, type PackageAudit} from '../audit.js';
import {outsideWords} from '../file-findings.js';
import {findPackageFiles, isWithin} from '../package-files.js';
import {isLibc} from '../platforms.js';
import {type Policy, type Rules, rulesOf} from '../policy.js';
import {commit} from './commit.js';
import {compareFloors} from './compare-floors.js';
import {copyFiles, copyPackage, makeWritable, openFile, type PlannedFile, setModes} from './copy-package.js';
import {keepAttributes} from './keep-attributes.js';
import {type MadeFile, makeFiles, syncFiles} from './make-files.js';
import {planRepair, type RepairPlan} from './plan.js';
import {type RecordedLibrary, recordBeside, unusedLibraries, writeRecords} from './record.js';
import {sameTree} from './same-tree.js';
import {clearCopies, isStaging, recoverPackage, requireWhole, withRepairStaging} from './staging.js';

/** Where a repaired package goes, and what comes into it. */
export interface RepairOptions {
  /** Write it to this directory, which is new or empty; or holds the same result already. */
  readonly into?: string | undefined;
  /** Change the package itself. One of the two, or `dryRun`. */
  readonly inPlace?: boolean | undefined;
  /** Take the libraries from this root instead of the machine's own; any architecture will do. */
  readonly root?: string | undefined;
  /** Directories of the root, separated by colons, to search first. */
  readonly libraryPath?: string | undefined;
  /** Libraries to bring along although every system has them, as `libstdc++.so.6`. */
  readonly vendor?: readonly string[] | undefined;
  /** Libraries to leave to the system although not every system has them. */
  readonly keep?: readonly string[] | undefined;
  /** Where the libraries go in the package. Default: `libs`, beside the files of each target that need them. */
  readonly libs?: string | undefined;
  /** Remove symbol tables and debugging information. */
  readonly strip?: boolean | undefined;
  /** What a package may ask of the system. */
  readonly policy?: Policy | undefined;
  /** Make and prove the result, then throw it away. */
  readonly dryRun?: boolean | undefined;
}

/** What a repair did, or would do. */
export interface RepairResult {
  /** The directory that has the result. */
  readonly directory: string;
  /** False when there was nothing to do, or everything was there already, or for a dry run. */
  readonly written: boolean;
  /** The libraries that came in, with their paths in the package. */
  readonly libraries: readonly (RecordedLibrary & {readonly path: string})[];
  /** Every file that changed or is new, with what was done to it. */
  readonly files: readonly MadeFile[];
  readonly before: PackageAudit;
  readonly after: PackageAudit;
  /** What else the author should know: floors that rose or fell, and why. */
  readonly notes: readonly string[];
}

/**
 * Bring the libraries that a package's binaries lack into it, with everything these need, each under a SONAME with a
 * hash of its content; point the files to them with `$ORIGIN`, and remove paths of the build machine. The result is
 * proved by the loader's rules before it takes its place. The same package and root give the same bytes.
 *
 * @throws ElfError NOT_FOUND for a library that is not in the root, NOT_CLOSED, CONFLICT, CHANGED, BUSY, BAD_REQUEST,
 *   FILE_SYSTEM, BAD_MANIFEST, or what `planEdit` throws; the package is as it was
 * @example
 *   const {libraries, notes} = await repairPackage('./my-addon', {into: './fixed'});
 *   for (const {path, source} of libraries) console.log(path, 'from', source);
 *   for (const note of notes) console.log(note);
 */
export async function repairPackage(directory: string, options: RepairOptions = {}): Promise<RepairResult> {
  checkOptions(options);
  using machine = openMachine();
  using top = enter(machine, directory);
  using root = OpenRoot.toCopyFrom(options.root);
  const request: Request = {options, rules: rulesFor(options), machine, root, source: directory};
  if (options.dryRun) return await tryOut(top, request);
  return options.into === undefined
    ? await repairInPlace(top, request)
    : await repairInto(top, options.into, request);
}

interface Request {
  readonly options: RepairOptions;
  readonly rules: Rules;
  /** Used to read the package, looking up each name only once. */
  readonly machine: OpenRoot;
  /** Where libraries are taken from. */
  readonly root: OpenRoot;
  /** The package as it was named. */
  readonly source: string;
}

function checkOptions({into, inPlace = false, dryRun = false, libs, vendor = []}: RepairOptions): void {
  if ((into !== undefined) === inPlace && !dryRun)
    throw new ElfError(
      'BAD_REQUEST',
      'a repair writes either to another directory or to the package itself',
      {
        expected: 'either into or inPlace',
      },
    );
  const isPlain =
    libs === undefined || (posix.normalize(libs) === libs && !/^(\/|\.\.(\/|$))|\/$/.test(libs));
  if (!isPlain)
    throw new ElfError('BAD_REQUEST', 'the library directory is not a relative path in the package', {
      expected: 'a path such as lib/vendored',
      got: libs,
    });
  const libc = vendor.find(isLibc);
  if (libc !== undefined)
    throw new ElfError(
      'BAD_REQUEST',
      'the C library cannot be copied: the loader of the system has its own',
      {
        got: libc,
      },
    );
}

function rulesFor({policy, vendor = [], keep = []}: RepairOptions): Rules {
  const rules = rulesOf(policy);
  const {isAllowed} = rules;
  return {...rules, isAllowed: (name) => !vendor.includes(name) && (keep.includes(name) || isAllowed(name))};
}

/** What is read here is not shown to others: the package's files keep their owners and modes. */
function openMachine(): OpenRoot {
  return new OpenRoot(undefined, {keep: true, forOthers: false});
}

function enter(machine: OpenRoot, directory: string): DirFd {
  try {
    return machine.enter(absolutePath(directory));
  } catch (error) {
    throw error instanceof ElfError ? error.at(directory) : systemError(directory, error);
  }
}

/** Everything that is decided before anything is written. */
interface Prepared {
  readonly before: PackageAudit;
  readonly plan: RepairPlan;
}

function prepare(top: DirFd, request: Request): Prepared {
  const {options, rules, machine, root, source} = request;
  const before = auditFiles(source, findPackageFiles(top), rules, {}, {root: machine});
  const {libraryPath, libs, strip = false} = options;
  const context = {directory: top.real, audit: before, machine, rules, root, libraryPath, libs, strip};
  const plan = planRepair(context);
  requireOpen(top, before, plan, request);
  return {before, plan};
}

/** A file's search path is only its author's word, so it must not bring in what that author could not read. */
function requireOpen(
  top: DirFd,
  {files}: PackageAudit,
  {libraries}: RepairPlan,
  {machine, root}: Request,
): void {
  const author = together([
    machine.authorOf(top.real),
    ...files.map(({path}) => machine.authorOf(posix.join(top.real, path))),
    ...libraries.map(({source}) => root.authorOf(source)),
  ]);
  for (const {source} of libraries) root.requireOpenTo(author, source);
}

/** A repaired package in a directory of ours. */
interface Made {
  readonly files: readonly MadeFile[];
  /** Paths of everything that is new or changed. */
  readonly paths: readonly string[];
  readonly after: PackageAudit;
  /** What else the author should know. */
  readonly notes: readonly string[];
}

function make(made: DirFd, {plan, before}: Prepared, {options, rules, root, source}: Request): Made {
  const files = makeFiles(made, plan, root, options.strip ?? false);
  const records = writeRecords(made, plan);
  const after = auditMade(made, rules, source);
  prove(after, before);
  const touched = files.filter(({changes}) => changes.length > 0).map(({path}) => path);
  return {
    files: files.filter(({changes}) => changes.length > 0),
    paths: [...touched, ...records],
    after,
    notes: unusedNotes(made, after),
  };
}

function unusedNotes(top: DirFd, {files}: PackageAudit): string[] {
  return unusedLibraries(top, files).map(
    (path) => `${path} comes from an earlier repair, and no file needs it any more; remove it`,
  );
}

/** Its name may lead elsewhere by now, so that another package would be proved; that is refused. */
function auditMade(made: DirFd, rules: Rules, source: string): PackageAudit {
  using machine = openMachine();
  using there = enter(machine, made.real);
  const [a, b] = [there.bigStats, made.bigStats];
  if (a.dev !== b.dev || a.ino !== b.ino)
    throw new ElfError('CHANGED', 'another process removed the staging directory', {path: made.real});
  return auditFiles(source, findPackageFiles(made), rules, {}, {root: machine});
}

/** By the loader's rules, nothing but the base set may come from outside. */
function prove(after: PackageAudit, before: PackageAudit): void {
  const known = new Set(before.findings.map(({code, message}) => `${code} ${message}`));
  // The code of the finding also depends on how the library is named.
  const outside = after.files.flatMap(({path: file, requests}) =>
    requests.flatMap(({name, from, path}) =>
      from === 'outside' ? [{file, message: outsideWords(name, path)}] : [],
    ),
  );
  const broken = after.findings.filter(
    ({code, message}) =>
      (code === 'missing-version' || code === 'bad-elf') && !known.has(`${code} ${message}`),
  );
  const [problem] = [...outside, ...broken];
  if (problem === undefined) return;
  throw new ElfError('NOT_CLOSED', `the package is not self-contained: it ${problem.message}`, {
    path: problem.file,
    expected: 'everything from the package',
  });
}

function resultOf(
  directory: string,
  written: boolean,
  {before, plan}: Prepared,
  {files, after, notes: own}: Omit<Made, 'paths'>,
  notes: readonly string[] = [],
): RepairResult {
  return {
    directory,
    written,
    libraries: plan.libraries.map(({path, soname, source, sha256}) => ({path, soname, source, sha256})),
    files,
    before,
    after,
    notes: [...plan.notes, ...own, ...notes, ...compareFloors(before, after)],
  };
}

/** The package is not touched: its ELF files are copied to a temporary directory. */
async function tryOut(top: DirFd, request: Request): Promise<RepairResult> {
  requireWhole(top);
  const prepared = prepare(top, request);
  using scratch = enter(request.machine, tmpdir());
  clearCopies(scratch);
  return await withRepairStaging(scratch, async ({directory}) => {
    using made = directory.make('new');
    copyElfFiles(top, made, prepared);
    return resultOf(top.real, false, prepared, make(made, prepared, request));
  });
}

function copyElfFiles(top: DirFd, made: DirFd, {before, plan}: Prepared): Map<string, PlannedFile> {
  const records = [...before.files, ...plan.libraries].map(({path}) => recordBeside(path));
  const extra = ['package.json', ...new Set(records)].filter((path) => isFile(top, path));
  return copyFiles(top, made, [...before.files.map(({path}) => path), ...extra]);
}

async function repairInPlace(top: DirFd, request: Request): Promise<RepairResult> {
  await recoverPackage(top);
  requireWhole(top);
  const prepared = prepare(top, request);
  const {plan, before} = prepared;
  if (plan.files.length + plan.libraries.length === 0)
    return resultOf(top.real, false, prepared, {files: [], after: before, notes: unusedNotes(top, before)});
  requireWritable(top, plan);
  const work = async (staging: Staging) => {
    using made = staging.directory.make('new');
    const copied = copyElfFiles(top, made, prepared);
    const result = make(made, prepared, request);
    const known = result.paths.filter((path) => copied.has(path));
    const lost = keepAttributes(top, made, known, 'sameOwner');
    await syncFiles(made, result.paths);
    const changes = result.paths.map((path) => ({path, before: copied.get(path)}));
    for (const {path, before} of changes) if (before === undefined) requireFree(top, path);
    const notes = changes.length === 0 ? [] : commit(staging, changes);
    return resultOf(top.real, changes.length > 0, prepared, result, [...lost, ...notes]);
  };
  return await withRepairStaging(top, work, 'alone');
}

/** elfinterp changes no permissions to get in. */
function requireWritable(top: DirFd, {files}: RepairPlan): void {
  for (const {path} of files) {
    using file = openFile(top, path);
    try {
      accessSync(file.path, constants.W_OK);
    } catch (error) {
      throw systemError(file.real, error, 'cannot write');
    }
  }
}

function isFile(top: DirFd, path: string): boolean {
  try {
    openFile(top, path)[Symbol.dispose]();
    return true;
  } catch (error) {
    if (error instanceof ElfError && error.code === 'CHANGED') return false;
    throw error;
  }
}

/** A new file replaces nothing. */
function requireFree(top: DirFd, path: string): void {
  if (!hasFile(top, posix.join('/', path))) return;
  throw new ElfError('CONFLICT', 'this file would be replaced, and does not come from an earlier repair', {
    path: posix.join(top.real, path),
    expected: 'nothing; move it away, or choose another library directory',
  });
}

async function repairInto(top: DirFd, into: string, request: Request): Promise<RepairResult> {
  requireWhole(top);
  using parent = enter(request.machine, dirname(absolutePath(into)));
  const target = posix.join(parent.real, basename(absolutePath(into)));
  if (isWithin(top.real, target) || isWithin(target, top.real))
    throw new ElfError('BAD_REQUEST', 'the target is inside the package, or the package inside the target', {
      path: into,
      expected: 'a directory elsewhere',
    });
  const prepared = prepare(top, request);
  clearCopies(parent);
  return await withRepairStaging(parent, async ({directory}) => {
    using made = directory.make('new');
    const {files, directories, mode} = copyPackage(top, made);
    const result = make(made, prepared, request);
    const lost = keepAttributes(top, made, files, 'ownOwner');
    await syncFiles(made, [...new Set([...files, ...result.paths])]);
    try {
      setModes(made, directories);
      // A directory that its owner may not write to cannot be moved.
      chmodSync(made.path, mode | 0o700);
      const written = place(parent, directory, made, basename(target), into);
      if (written) chmodSync(made.path, mode);
      return resultOf(target, written, prepared, result, lost);
    } finally {
      // If the copy is still here, it is about to be removed.
      using left = directory.directory('new');
      if (left !== undefined) makeWritable(left, directories);
    }
  });
}

/** Give the new package its name. @returns false when the same one is there already */
function place(parent: DirFd, staging: DirFd, made: DirFd, name: string, into: string): boolean {
  using there = parent.directory(name);
  if (there?.names().some((entry) => !isStaging(entry))) {
    if (sameTree(made, there)) return false;
    throw new ElfError('CONFLICT', 'the directory is not empty', {
      path: into,
      expected: 'a new or empty directory',
    });
  }
  try {
    if (there !== undefined) rmdirSync(parent.at(name));
    renameSync(staging.at('new'), parent.at(name));
    syncDirectory(parent.path);
    return true;
  } catch (error) {
    throw systemError(into, error, 'cannot write');
  }
}
