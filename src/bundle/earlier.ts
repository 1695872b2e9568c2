/*
 * What stays of the bundle that is there already: its other programs, and its data.
 *
 * They are made anew, from the files that the manifest says they are made of. But the manifest lies in the chroot,
 * and whoever prepared that may have written it: "data, made of /etc/shadow" would have root copy that file to where
 * everybody reads it, and of a program the loader is run once (self-test.ts). So a file that nothing but the manifest
 * names is taken only if everybody may read it anyhow and nobody but root, or who runs this, may change it.
 */
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {pathOfProgram} from '../loader/named-program.js';
import type {Root} from '../loader/root.js';
import {absolutePath} from '../source/working-directory.js';
import {type DataFile, placeOf} from './data-files.js';
import {generated} from './file-set.js';
import type {Layout} from './layout.js';
import type {Manifest, ManifestFile} from './manifest.js';

export interface Wanted {
  /** Absolute, inside the root that the bundle is made from. */
  readonly programs: readonly string[];
  readonly files: readonly DataFile[];
}

export interface Before {
  /** The root that the bundle is made from. */
  readonly root: Root;
  readonly earlier: Manifest | undefined;
  readonly layout: Layout;
  readonly targetOf: (name: string) => string | null;
}

/**
 * Add to what is asked for what an earlier bundle has besides: programs, since one library directory serves all
 * emulators of a prefix, except those of the same name or for the same target; and data, unless something else goes
 * to its place.
 *
 * @throws ElfError OUTSIDE when the manifest names a file that it has no business with
 */
export function withEarlier(wanted: Wanted, before: Before): Wanted {
  const programs = wanted.programs.map((name) => pathInside(before.root, pathOfProgram(before.root, name)));
  const files = wanted.files.map(({source, target, resolve}) => ({
    source: pathInside(before.root, source),
    target: placeOf(source, target, before.layout.prefix),
    resolve,
  }));
  const keptPrograms = programsToKeep(programs, before).map((file) => trustedSource(file, before.root));
  const keptFiles = filesToKeep(files, before).map((file) => ({
    source: trustedSource(file, before.root),
    target: file.path,
    resolve: file.resolved !== undefined,
  }));
  return {programs: [...keptPrograms, ...programs], files: [...keptFiles, ...files]};
}

function pathInside(root: Root, path: string): string {
  return root.isTrivial ? absolutePath(path) : posix.join('/', path);
}

function programsToKeep(programs: readonly string[], {earlier, targetOf}: Before): readonly ManifestFile[] {
  const names = new Set(programs.map((path) => posix.basename(path)));
  const targets = new Set([...names].map(targetOf).filter((name) => name !== null));
  return (earlier?.files ?? []).filter(({role, path}) => {
    const name = posix.basename(path);
    return role === 'program' && !names.has(name) && !targets.has(targetOf(name) ?? '');
  });
}

function filesToKeep(files: readonly {target: string}[], {earlier}: Before): readonly ManifestFile[] {
  const isReplaced = (path: string) =>
    files.some(({target}) => path === target || path.startsWith(`${target}/`));
  return (earlier?.files ?? []).filter(
    ({role, source, path}) => role === 'data' && source !== generated && !isReplaced(path),
  );
}

/** The path inside the root of a file that a manifest says it is made of. */
function trustedSource({source, path}: ManifestFile, root: Root): string {
  const inside =
    !root.isTrivial && source.startsWith(`${root.host}/`) ? source.slice(root.host.length) : source;
  const there = root.resolve(inside);
  if (!there.found) throw systemError(source, Object.assign(new Error(there.code), {code: there.code}));
  // As it is named, since links on the way may be somebody's, and as it is reached.
  const ways = [...waysTo(posix.normalize(inside)), ...waysTo(there.inside)];
  if (there.stats.isFile() && ways.every((way) => mayTake(root, way))) return inside;
  const who = root.isTrivial ? ' and only root or you may change' : '';
  throw new ElfError('OUTSIDE', `${path} cannot stay: the manifest in the root says what it is made of`, {
    path: source,
    expected: `a file that everybody may read${who}; name it again to have it taken all the same`,
    value: source,
  });
}

/** A path and the directories above it. */
function waysTo(path: string): string[] {
  return path === '/' ? ['/'] : [path, ...waysTo(posix.dirname(path))];
}

function mayTake(root: Root, path: string): boolean {
  const there = root.resolve(path, {follow: false});
  if (!there.found) return false;
  const {mode, uid} = there.stats;
  const isOwn = uid === 0n || uid === BigInt(process.geteuid?.() ?? 0);
  if (there.stats.isSymbolicLink()) return isOwn || !root.isTrivial;
  const isDirectory = there.stats.isDirectory();
  const isOpen = (mode & (isDirectory ? 0o001n : 0o004n)) !== 0n;
  // With the sticky bit, only the owner of a file can put another in its place.
  const isFirm = (mode & 0o022n) === 0n || (isDirectory && (mode & 0o1000n) !== 0n);
  return isOpen && ((isOwn && isFirm) || !root.isTrivial);
}
