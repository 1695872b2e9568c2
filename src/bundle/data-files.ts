/*
 * Files that a bundled program reads at run time and that no NEEDED entry names: configuration, firmware, keymaps.
 */
import {posix} from 'node:path';
import {ElfError, errnoError, systemError} from '../errors.js';
import {type Found, nameIn, type Root} from '../loader/root.js';
import {requireDepth} from '../source/depth.js';
import type {BundleFile} from './file-set.js';
import {isBelow, type Layout} from './layout.js';
import {manifestPath} from './manifest.js';

/** A file, or a directory with everything in it, to bundle. */
export interface DataFile {
  /** Path in the root that the bundle is made from. */
  readonly source: string;
  /**
   * Where it goes: an absolute path under the prefix, or a path relative to the prefix; with a trailing slash, the
   * directory that it goes into under its own name. Default: its name, in the prefix.
   */
  readonly target?: string | undefined;
  /**
   * Whether to edit ELF files in it so that they find their libraries, and programs their loader, in the bundle.
   * Default: true.
   */
  readonly resolve?: boolean | undefined;
}

/** What was found to bundle. */
export interface DataFound {
  readonly files: BundleFile[];
  /** Places of the empty directories. */
  readonly directories: readonly string[];
}

/**
 * Find the files to carry, each with its place. A named path may be a link, which is followed inside the root. In a
 * tree, a link stays a link if it leads to something in the tree or dangles; a link that leads elsewhere is replaced by
 * what it leads to.
 *
 * @param notes gets a line for anything unexpected
 * @throws ElfError FILE_SYSTEM, NOT_A_FILE, or BAD_REQUEST for a target that is not under the prefix
 */
export function findDataFiles(
  root: Root,
  files: readonly DataFile[],
  layout: Layout,
  notes: string[] = [],
): DataFound {
  const dangling: string[] = [];
  const directories: string[] = [];
  const found = files.flatMap(({source, target, resolve = true}) => {
    const place = requirePlace(source, target, layout);
    const why = `the requested file ${source}`;
    return new Carrier(root, {why, resolve}, {dangling, directories}).carry(source, place);
  });
  const [first] = dangling;
  if (first !== undefined) {
    const more = dangling.length > 1 ? `, and ${dangling.length - 1} more` : '';
    notes.push(`dangling symbolic link, copied unchanged: ${first}${more}`);
  }
  return {files: withHardLinks(found), directories};
}

/** Keep hard links: a file with several names in a tree has them in the bundle, too. */
function withHardLinks(files: readonly BundleFile[]): BundleFile[] {
  const first = new Map<string, string>();
  return files.map((file) => {
    if (file.role !== 'data') return file;
    const linkTo = first.get(file.identity);
    if (linkTo === undefined) first.set(file.identity, file.path);
    return linkTo === undefined || linkTo === file.path ? file : {...file, linkTo};
  });
}

/** A target with a slash at its end is a directory to put the file into. */
export function placeOf(source: string, target: string | undefined, prefix: string): string {
  const name = posix.basename(source);
  return posix.resolve(prefix, target?.endsWith('/') ? posix.join(target, name) : (target ?? name));
}

/** Where a file goes. @throws ElfError BAD_REQUEST for a place outside the bundle */
export function requirePlace(source: string, target: string | undefined, layout: Layout): string {
  const path = placeOf(source, target, layout.prefix);
  const isInside = isBelow(path, layout.prefix) && path !== manifestPath(layout) && target !== '';
  const isPlain = !/[\0\n]/.test(path);
  if (isInside && isPlain) return path;
  throw new ElfError('BAD_REQUEST', `${source} cannot be put in this place`, {
    expected: isPlain
      ? `a path under ${layout.prefix} that is not the manifest's`
      : 'a path without a newline',
    got: path,
    value: target,
  });
}

/** The tree that is being carried: where its top is, and where that goes. */
interface Tree {
  /** Real, inside the root. */
  readonly top: string;
  readonly place: string;
  /** Identities of the directories above, to detect loops. */
  readonly above: readonly string[];
}

/** What is found besides files. */
interface Besides {
  readonly dangling: string[];
  readonly directories: string[];
}

class Carrier {
  readonly #root: Root;
  readonly #all: Pick<BundleFile, 'why' | 'resolve'>;
  readonly #besides: Besides;

  /** @param all the fields that all files have in common */
  constructor(root: Root, all: Pick<BundleFile, 'why' | 'resolve'>, besides: Besides) {
    this.#root = root;
    this.#all = all;
    this.#besides = besides;
  }

  /** Carry what a path leads to. */
  carry(source: string, path: string, above: readonly string[] = []): BundleFile[] {
    const there = this.#find(source);
    return this.#carryFound(source, there, path, {top: there.inside, place: path, above});
  }

  #find(source: string): Found {
    const there = this.#root.resolve(source);
    if (there.found) return there;
    throw systemError(nameIn(this.#root, source), errnoError(there.code));
  }

  #carryFound(source: string, there: Found, path: string, tree: Tree): BundleFile[] {
    const identity = `${there.stats.dev}:${there.stats.ino}`;
    const from = this.#root;
    const named = from.absolute(source);
    if (there.stats.isFile())
      return [{path, role: 'data', source: there.host, from, identity, named, ...this.#all}];
    if (!there.stats.isDirectory())
      throw new ElfError('NOT_A_FILE', 'neither a regular file nor a directory', {path: source});
    if (tree.above.includes(identity))
      throw new ElfError('BAD_REQUEST', 'the directory holds a link to itself', {path: source});
    requireDepth(tree.above.length, source);
    const inner = {...tree, above: [...tree.above, identity]};
    // Extend the requested path: only that one shows whose links it goes through.
    const names = namesIn(this.#root, there);
    if (names.length === 0) this.#besides.directories.push(path);
    return names.flatMap((name) =>
      this.#carryEntry(
        posix.join(source, name),
        posix.join(there.inside, name),
        posix.join(path, name),
        inner,
      ),
    );
  }

  #carryEntry(source: string, inside: string, path: string, tree: Tree): BundleFile[] {
    const entry = this.#root.resolve(source, {follow: false});
    if (!entry.found || !entry.stats.isSymbolicLink())
      return this.#carryFound(source, this.#find(source), path, tree);
    const target = this.#targetFor(source, inside, path, tree);
    if (target === undefined) return this.carry(source, path, tree.above);
    const [host, from] = [entry.host, this.#root];
    return [{path, role: 'link', source: host, from, identity: `link:${target}`, target, ...this.#all}];
  }

  /** The target of the link in the bundle; undefined if the link leads out of the tree. */
  #targetFor(source: string, inside: string, path: string, {top, place}: Tree): string | undefined {
    const text = this.#root.readLink(inside);
    requireUtf8(text, source);
    const end = this.#root.resolve(source);
    if (!end.found) {
      this.#besides.dangling.push(source);
      return text;
    }
    if (!isWithin(end.inside, top)) return undefined;
    const lexical = posix.join(posix.dirname(inside), text);
    if (!text.startsWith('/') && isWithin(lexical, top)) return text;
    return posix.relative(posix.dirname(path), posix.join(place, end.inside.slice(top.length))) || '.';
  }
}

/** Node replaces invalid UTF-8 with U+FFFD; such a link would lead elsewhere. */
function requireUtf8(text: string, path: string): void {
  if (!text.includes('\ufffd')) return;
  throw new ElfError('UNSUPPORTED', 'the target of the symbolic link is not valid UTF-8', {path, got: text});
}

function isWithin(path: string, top: string): boolean {
  return path === top || path.startsWith(top === '/' ? '/' : `${top}/`);
}

function namesIn(root: Root, {host, inside}: Found): string[] {
  try {
    return root.names(host);
  } catch (error) {
    throw error instanceof ElfError ? error.at(inside) : error;
  }
}
