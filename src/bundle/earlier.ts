/*
 * What is kept of an existing bundle: its other programs, and its data.
 *
 * They stay byte for byte. Their sources are not known, because a manifest is the same on every machine, and may be
 * gone or newer by now. So libraries that both the old and the new programs need must be the same; if they differ, the
 * old programs have to be bundled again.
 *
 * Manifest and files are in the chroot, and its owner may have written them. A file is kept only if it has the listed
 * content, which the author of the list already knows, and no permission bits that a bundle does not give.
 */
import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import type {Root} from '../loader/root.js';
import {modeOf, saysSo} from './contents.js';
import {type BundleFile, generated} from './file-set.js';
import {isInPlace, linkAt} from './in-place.js';
import type {Manifest, ManifestFile, ManifestProgram} from './manifest.js';

/** What goes to a place where there may already be a bundle. */
export interface Coming extends Pick<Manifest, 'programs' | 'files'> {
  /** The places of the requested files and directories: old data at or below one of them is not kept. */
  readonly places: readonly string[];
}

/** What stays. */
export interface Kept {
  readonly programs: readonly ManifestProgram[];
  readonly files: readonly KeptFile[];
}

/** A file that stays, and its manifest entry. */
export interface KeptFile extends BundleFile {
  readonly listed: ManifestFile;
}

export function isKept(file: BundleFile): file is KeptFile {
  return 'listed' in file;
}

/**
 * Find what stays of an earlier bundle: programs, except those in the place of a new one or for the same target, since
 * one library directory serves all emulators of a prefix; data, unless something else goes to its place; and the
 * libraries of both.
 *
 * @throws ElfError CONFLICT for a library that differs from the new one, CHANGED for a file that is not what is listed
 */
export function keepEarlier(target: Root, earlier: Manifest | undefined, coming: Coming): Kept {
  if (earlier === undefined) return {programs: [], files: []};
  const programs = earlier.programs.filter((program) => !isReplaced(program, coming));
  const files = filesToKeep(earlier, programs, coming);
  const added = new Map(coming.files.map((file) => [file.path, file]));
  refuseOtherLibraries(files, added);
  const missing = files.filter(({path}) => !added.has(path));
  return {programs, files: withLinks(missing.map((file) => keep(target, file)))};
}

function isReplaced({path, qemuTarget}: ManifestProgram, {programs, files}: Coming): boolean {
  return (
    files.some((file) => file.path === path) ||
    (qemuTarget !== null && programs.some((program) => program.qemuTarget === qemuTarget))
  );
}

/** Includes files that the new bundle also has: if they are libraries, they must be the same. */
function filesToKeep(
  {files, programs: all}: Manifest,
  programs: readonly ManifestProgram[],
  {places}: Coming,
): ManifestFile[] {
  const ofKept = new Set(programs.flatMap(partsOf));
  const ofReplaced = new Set(all.flatMap(partsOf).filter((path) => !ofKept.has(path)));
  const isDynamic = programs.some(({interpreter}) => interpreter !== null);
  const data = files.filter(
    ({role, path, source}) =>
      (role === 'data' || role === 'link') &&
      !ofReplaced.has(path) &&
      (isDynamic || source !== generated) &&
      !places.some((place) => path === place || path.startsWith(`${place}/`)),
  );
  const kept = new Set([...files.filter(({path}) => ofKept.has(path)), ...data]);
  const needsLibraries = isDynamic || data.some(({resolved}) => resolved !== undefined);
  return files.filter((file) => kept.has(file) || (needsLibraries && isLibrary(file)));
}

/** The files of a program: a wrapper also needs its shell and the program that it starts. */
function partsOf({path, wraps, interpreter}: ManifestProgram): string[] {
  return wraps === undefined ? [path] : [path, wraps, interpreter ?? path];
}

function isLibrary({role}: ManifestFile): boolean {
  return role === 'library' || role === 'loader';
}

function refuseOtherLibraries(kept: readonly ManifestFile[], added: ReadonlyMap<string, ManifestFile>): void {
  const other = kept.find((file) => isLibrary(file) && (added.get(file.path) ?? file).sha256 !== file.sha256);
  if (other === undefined) return;
  const users = kept.filter(({role, resolved}) => role === 'program' || resolved !== undefined);
  const [first = other, ...others] = users;
  const more = others.length > 0 ? `, and ${others.length} more` : '';
  throw new ElfError(
    'CONFLICT',
    `the bundle that is there uses a different ${posix.basename(other.path)}: ${first.path}${more}`,
    {
      path: other.path,
      expected: 'the same library for all programs; to rebuild those that are there, name them again',
      got: `sha256 ${other.sha256} there, and ${added.get(other.path)?.sha256} now`,
      value: other.path,
    },
  );
}

function keep(target: Root, listed: ManifestFile): KeptFile {
  const {path, role, mode, sha256} = listed;
  const text = role === 'link' ? linkAt(target, path) : undefined;
  const isPlain = mode === modeOf({mode});
  const isSame = role === 'link' ? saysSo(() => text, listed) : isPlain && isInPlace(target, listed);
  if (!isSame) {
    throw new ElfError('CHANGED', 'cannot stay: it is missing, or was changed after it was installed', {
      path: target.hostPath(path),
      expected: `sha256 ${sha256} and mode ${modeOf({mode}).toString(8)}; to rebuild what is there, name it again`,
    });
  }
  const why = 'of the bundle that is there';
  const file = {
    path,
    role,
    source: target.hostPath(path),
    from: target,
    identity: identityOf(target, path),
    why,
  };
  return {...file, listed, ...(text !== undefined && {target: text})};
}

function identityOf(target: Root, path: string): string {
  const there = target.resolve(path, {follow: false});
  return there.found ? `${there.stats.dev}:${there.stats.ino}` : path;
}

/** Keep hard links: a file with several names keeps them. */
function withLinks(files: readonly KeptFile[]): KeptFile[] {
  const first = new Map<string, KeptFile>();
  return files.map((file) => {
    const original = first.get(file.identity) ?? file;
    first.set(file.identity, original);
    const isLink = original !== file && original.listed.sha256 === file.listed.sha256;
    return isLink ? {...file, linkTo: original.path} : file;
  });
}
