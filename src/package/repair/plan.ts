/*
 * What a repair will do, as data: which libraries come along under which names, and how each file changes. Nothing is
 * written here.
 */
import {join, posix} from 'node:path';
import type {EditRequest} from '../../edit/request/request.js';
import {ElfView} from '../../elf/view.js';
import {ElfError, printable} from '../../errors.js';
import type {OpenRoot} from '../../loader/open-root.js';
import type {Root} from '../../loader/root.js';
import {standardLoader} from '../../loader/standard-loader.js';
import {hashOf} from '../../source/hash.js';
import type {PackageAudit} from '../audit.js';
import type {FileAudit} from '../file-audit.js';
import type {Rules} from '../policy.js';
import {type FoundLibrary, Libraries} from './libraries.js';
import {vendoredNames} from './names.js';
import {outsideDirectories, repairedPath} from './search-paths.js';

/** A library that comes into the package. */
export interface VendoredLibrary {
  /** Path in the package. */
  readonly path: string;
  /** Its new SONAME, which is its file name. */
  readonly soname: string;
  /** Where it is taken from, inside the root. */
  readonly source: string;
  /** SHA-256 of that file, in hexadecimal digits. */
  readonly sha256: string;
  /** The path by which this process opens it. */
  readonly host: string;
  readonly request: EditRequest;
}

/** A file of the package that changes. */
interface RepairedFile {
  readonly path: string;
  /** Empty where the file is stripped and nothing else. */
  readonly request: EditRequest;
}

/** Everything that a repair changes. */
export interface RepairPlan {
  readonly libraries: readonly VendoredLibrary[];
  readonly files: readonly RepairedFile[];
  readonly notes: readonly string[];
}

/** What the plan is made for. */
interface PlanContext {
  /** The package's directory, real. */
  readonly directory: string;
  readonly audit: PackageAudit;
  /** How the files of the package are reached. */
  readonly machine: Root;
  readonly rules: Rules;
  /** Where libraries are taken from. */
  readonly root: OpenRoot;
  readonly libraryPath: string | undefined;
  /** Where libraries go; undefined for `libs` beside the files of each target. */
  readonly libs: string | undefined;
  readonly strip: boolean;
}

/** Plan a repair. @throws ElfError NOT_FOUND when a library is not in the root, CONFLICT */
export function planRepair(context: PlanContext): RepairPlan {
  const {audit, root, rules, strip} = context;
  const libraries = new Libraries(root, rules.isAllowed, context.libraryPath);
  const answers = new Map(audit.files.map((file) => [file.path, findAnswers(file, libraries, context)]));
  const hashes = new Map([...libraries.found.values()].map(({path, host}) => [path, hashOfFile(root, host)]));
  const names = vendoredNames(libraries.found, hashes, strip ? 'stripped' : '');
  const places = new Places(context, answers, libraries.found);
  const files = audit.files.flatMap((file) => {
    const request = requestFor(file, answers.get(file.path) ?? new Map(), names, places, context);
    return Object.keys(request).length > 0 || (strip && isStrippable(file))
      ? [{path: file.path, request}]
      : [];
  });
  const vendored = [...libraries.found.values()].flatMap((library) =>
    places.of(library.path).map((directory) => vendor(library, directory, names, hashes)),
  );
  refuseClashes(vendored);
  return {libraries: vendored.sort(byPath), files, notes: notesOf(libraries.found, vendored, context)};
}

function hashOfFile(root: Root, host: string): string {
  const source = root.source(host);
  try {
    return hashOf(source);
  } finally {
    source.close();
  }
}

function byPath(a: {path: string}, b: {path: string}): number {
  return a.path < b.path ? -1 : 1;
}

function isStrippable({kind, stripped}: FileAudit): boolean {
  return (kind.endsWith('program') || kind === 'shared-library') && !stripped;
}

/** For each name that a file asks for in vain, the library that answers it. */
function findAnswers(
  file: FileAudit,
  libraries: Libraries,
  {directory, root, machine}: PlanContext,
): Map<string, string> {
  const names = file.requests.filter(({from}) => from === 'outside').map(({name}) => name);
  if (names.length === 0) return new Map();
  const host = join(directory, file.path);
  const source = machine.source(host);
  try {
    const origin = root.isTrivial ? posix.dirname(host) : undefined;
    const directories = outsideDirectories(file.path, file.runpath ?? file.rpath, origin);
    return libraries.find(names, directories, file.target, new ElfView(source), file.path);
  } finally {
    source.close();
  }
}

/** Where each library goes: into the directory of the targets that ask for it. */
class Places {
  readonly #directories = new Map<string, Set<string>>();
  readonly #byFile = new Map<string, string>();

  constructor(
    {audit, libs}: PlanContext,
    answers: ReadonlyMap<string, ReadonlyMap<string, string>>,
    found: ReadonlyMap<string, FoundLibrary>,
  ) {
    const targets = new Map<string, FileAudit[]>();
    for (const file of audit.files) {
      if ((answers.get(file.path)?.size ?? 0) === 0) continue;
      const {os, cpu, libc} = file.target;
      targets.set(`${os} ${cpu} ${libc}`, [...(targets.get(`${os} ${cpu} ${libc}`) ?? []), file]);
    }
    for (const files of targets.values()) {
      const directory = libs ?? posix.join(commonDirectory(files.map(({path}) => path)), 'libs');
      for (const {path} of files) {
        this.#byFile.set(path, directory);
        for (const library of answers.get(path)?.values() ?? []) this.#add(library, directory, found);
      }
    }
  }

  #add(library: string, directory: string, found: ReadonlyMap<string, FoundLibrary>): void {
    const queue = [library];
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const known = this.#directories.get(path) ?? new Set();
      if (known.has(directory)) continue;
      this.#directories.set(path, known.add(directory));
      queue.push(...(found.get(path)?.needs.values() ?? []));
    }
  }

  of(library: string): string[] {
    return [...(this.#directories.get(library) ?? [])].sort();
  }

  forFile(path: string): string | undefined {
    return this.#byFile.get(path);
  }
}

/** The deepest directory that all of some files are in. */
function commonDirectory(paths: readonly string[]): string {
  const split = paths.map((path) => posix.dirname(path).split('/'));
  const [first = []] = split;
  const length = first.findIndex((part, i) => split.some((parts) => parts[i] !== part));
  return (length < 0 ? first : first.slice(0, length)).join('/') || '.';
}

function vendor(
  library: FoundLibrary,
  directory: string,
  names: ReadonlyMap<string, string>,
  hashes: ReadonlyMap<string, string>,
): VendoredLibrary {
  const soname = names.get(library.path) ?? library.name;
  const replaceNeeded = Object.fromEntries(
    [...library.needs].map(([name, path]) => [name, names.get(path) ?? name] as const),
  );
  return {
    path: posix.join(directory, soname),
    soname,
    source: library.path,
    sha256: hashes.get(library.path) ?? '',
    host: library.host,
    request: {
      soname,
      ...(library.needs.size === 0 ? {} : {replaceNeeded}),
      ...(library.needs.size === 0
        ? (library.runpath ?? library.rpath) === undefined
          ? {}
          : {removeRpath: true}
        : {runpath: '$ORIGIN'}),
    },
  };
}

/** The edits to a file; empty if nothing changes. */
function requestFor(
  file: FileAudit,
  answers: ReadonlyMap<string, string>,
  names: ReadonlyMap<string, string>,
  places: Places,
  context: PlanContext,
): EditRequest {
  const replaceNeeded: Record<string, string> = {};
  const added: string[] = [];
  const libs = places.forFile(file.path);
  for (const [name, library] of answers) replaceNeeded[name] = names.get(library) ?? name;
  if (answers.size > 0 && libs !== undefined) added.push(posix.normalize(libs));
  for (const {name, path, throughLink, byPath} of file.requests) {
    const isAllowed = byPath?.startsWith('/') === true && context.rules.isAllowedPath(posix.dirname(byPath));
    const isByPath = byPath !== undefined && !isAllowed;
    if ((!throughLink && !isByPath) || path === undefined) continue;
    if (throughLink || name.includes('/')) replaceNeeded[name] = posix.basename(path);
    added.push(posix.dirname(path));
  }
  return {
    ...interpreterFor(file, context),
    ...pathRequest(file, added, context),
    ...(Object.keys(replaceNeeded).length === 0 ? {} : {replaceNeeded}),
  };
}

function interpreterFor(
  {path, interpreter}: FileAudit,
  {directory, audit, machine}: PlanContext,
): EditRequest {
  const isBuild = audit.findings.some(({code, file}) => code === 'build-interpreter' && file === path);
  if (!isBuild || interpreter === undefined) return {};
  const source = machine.source(join(directory, path));
  try {
    const {header, format} = new ElfView(source);
    const {e_machine, e_flags} = header;
    const usual = standardLoader(/ld-musl/.test(interpreter) ? 'musl' : 'glibc', {
      e_machine,
      e_flags,
      ...format,
    });
    return usual === undefined ? {} : {interpreter: usual};
  } finally {
    source.close();
  }
}

function pathRequest(file: FileAudit, added: readonly string[], context: PlanContext): EditRequest {
  const {rules, directory} = context;
  const old = file.runpath ?? file.rpath;
  const siblings = file.requests.filter(({from}) => from === 'other-package').length > 0;
  const isKept = (element: string) =>
    (siblings && /^\$(ORIGIN|\{ORIGIN\})\//.test(element)) ||
    (element.startsWith('/') && rules.isAllowedPath(element));
  const path = repairedPath(file.path, old, directory, added, isKept);
  if (path === (old ?? '')) return {};
  if (path === '') return {removeRpath: true};
  return file.runpath === undefined && file.rpath !== undefined ? {rpath: path} : {runpath: path};
}

/** Eight hexadecimal digits can collide, once in four billion. */
function refuseClashes(libraries: readonly VendoredLibrary[]): void {
  const byPathOf = new Map<string, VendoredLibrary>();
  for (const library of libraries) {
    const other = byPathOf.get(library.path);
    if (other !== undefined)
      throw new ElfError('CONFLICT', `two libraries would be called ${library.path}`, {
        expected: other.source,
        got: library.source,
      });
    byPathOf.set(library.path, library);
  }
}

function notesOf(
  found: ReadonlyMap<string, FoundLibrary>,
  vendored: readonly VendoredLibrary[],
  {audit}: PlanContext,
): string[] {
  const opening = [...found.values()]
    .filter(({opens}) => opens.length > 0)
    .map(({name, opens}) =>
      printable(`${name} opens ${opens.join(', ')} at run time if present; not copied`),
    );
  const {files} = audit.fields ?? {};
  const left = new Set(
    vendored.filter(({path}) => !isPacked(path, files)).map(({path}) => posix.dirname(path)),
  );
  return [
    ...opening,
    ...[...left].map(
      (directory) =>
        `"files" in package.json does not include ${directory}: add it, or npm pack leaves it out`,
    ),
  ];
}

/** Whether npm would pack a file: by an entry that is it or a directory above it, or by a pattern. */
function isPacked(path: string, files: readonly string[] | undefined): boolean {
  if (files === undefined) return true;
  return files.some((entry) => {
    if (entry.startsWith('!')) return false;
    const start = entry.replace(/^\.?\/+/, '');
    const plain = withoutPatternAtEnd(start);
    return plain === '' || `${path}/`.startsWith(`${plain}/`) || mayMean(plain, path, plain !== start);
  });
}

/**
 * Whether a pattern may mean a file, or a directory above it. Without a slash it is compared with the last name alone; one
 * with `**` is given the benefit of the doubt, but for its last name.
 */
function mayMean(pattern: string, path: string, isDirectory: boolean): boolean {
  const [wanted, names] = [pattern.split('/'), path.split('/')];
  if (wanted.includes('**') || wanted.length === 1)
    return isDirectory || isLike(names.at(-1) ?? '', wanted.at(-1) ?? '');
  const isLongEnough = isDirectory ? wanted.length < names.length : wanted.length === names.length;
  return isLongEnough && wanted.every((one, i) => isLike(names[i] ?? '', one));
}

/** Whether a name is like a pattern with `*` and `?`; any that has more to it is taken to be like it. */
function isLike(name: string, pattern: string): boolean {
  if (/[[{(]/.test(pattern)) return true;
  // Where the last `*` was, and what it stands for so far.
  let [at, star, stands] = [0, -1, 0];
  for (let i = 0; i < name.length || at < pattern.length; ) {
    if (pattern[at] === '*') {
      star = at++;
      stands = i;
    } else if (i < name.length && (pattern[at] === '?' || pattern[at] === name[i])) {
      at++;
      i++;
    } else if (star >= 0 && stands < name.length) {
      at = star + 1;
      i = ++stands;
    } else return false;
  }
  return true;
}

/** An entry without a trailing `/`, `/*` or `/**`, with which it also means everything in a directory. */
function withoutPatternAtEnd(entry: string): string {
  let plain = entry;
  for (let end = endingOf(plain); end !== undefined; end = endingOf(plain))
    plain = plain.slice(0, -end.length);
  return plain;
}

function endingOf(entry: string): string | undefined {
  return ['/**', '/*', '/'].find((ending) => entry.endsWith(ending));
}
