/*
 * The list of the files that a bundle installed. It is written by `bundle` and never trusted: its reader may be root in
 * a chroot that another user prepared, so every path must be normalized, absolute and under the prefix before it is
 * used.
 */
import {posix} from 'node:path';
import {roles} from '../change/entry.js';
import {Reader} from '../change/reader.js';
import {isBelow} from './layout.js';

/** What a file is for. */
export type ManifestRole = 'library' | 'loader' | 'program' | 'data' | 'link';

/** A program of a bundle. */
export interface ManifestProgram {
  /** Absolute, as seen from inside the root that the bundle was made for; so are all paths here. */
  readonly path: string;
  /** The bundled loader that it asks for; null for a static program. */
  readonly interpreter: string | null;
  /** For an emulator, which qemu-user target it is. */
  readonly qemuTarget: string | null;
  /** The program that this one, a script for `interpreter`, starts; without it, this is the program itself. */
  readonly wraps?: string;
}

/** A file of a bundle. */
export interface ManifestFile {
  readonly path: string;
  readonly role: ManifestRole;
  /** 64 lowercase hexadecimal digits; for a symbolic link, the hash of its target. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** The file that it was made from, if sources are recorded; `generated` if there was none. */
  readonly source?: string | undefined;
  /** For data: set for an ELF file that finds its libraries (and, for a program, its loader) in the bundle. */
  readonly resolved?: 'program' | 'module' | undefined;
}

/** The list of what a bundle put where. */
export interface Manifest {
  readonly version: 1;
  readonly generator: string;
  readonly prefix: string;
  /** The directory of loader, libraries and this list. */
  readonly libs: string;
  readonly programs: readonly ManifestProgram[];
  readonly files: readonly ManifestFile[];
  /** Bundled directories that are empty; left out if there are none. */
  readonly directories?: readonly string[];
}

export const manifestName = 'manifest.json';

/** Where the manifest of a bundle is, as seen from inside its root. */
export function manifestPath({libs}: Pick<Manifest, 'libs'>): string {
  return posix.join(libs, manifestName);
}

/** The directories of a bundle up to its prefix, each before the one that contains it. */
export function ownDirectories({prefix, libs, files, directories = []}: Manifest): readonly string[] {
  const found = new Set<string>();
  for (const path of [...files.map((file) => file.path), ...directories]) {
    let above = posix.dirname(path);
    for (; above.length > prefix.length && !found.has(above); above = posix.dirname(above)) found.add(above);
  }
  const all = new Set([prefix, libs, ...directories, ...found]);
  // The root belongs to no bundle.
  all.delete('/');
  return [...all].sort().reverse();
}

/** Print a manifest; equal manifests give equal bytes. */
export function formatManifest(manifest: Manifest): string {
  const {version, generator, prefix, libs, programs, files, directories = []} = manifest;
  const ordered: Manifest = {
    version,
    generator,
    prefix,
    libs,
    programs: programs
      .map(({path, interpreter, qemuTarget, wraps}) => ({
        path,
        interpreter,
        qemuTarget,
        ...(wraps === undefined ? {} : {wraps}),
      }))
      .sort(byPath),
    files: files
      .map(({path, role, sha256, size, mode, source, resolved}) => ({
        path,
        role,
        sha256,
        size,
        mode,
        ...(source === undefined ? {} : {source}),
        ...(resolved === undefined ? {} : {resolved}),
      }))
      .sort(byPath),
    ...(directories.length > 0 && {directories: [...directories].sort()}),
  };
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

/**
 * Read a manifest, trusting nothing in it.
 *
 * @param path the manifest file, for messages
 * @throws ElfError BAD_MANIFEST when it is not one, OUTSIDE when it names a path that is not under its prefix
 */
export function parseManifest(text: string, path: string): Manifest {
  const reader = new Reader('manifest', path);
  const root = reader.json(text);
  reader.oneOf(root.version, 'version', [1]);
  const prefix = root.prefix === '/' ? '/' : reader.absolutePath(root.prefix, 'prefix');
  const under = (value: unknown, where: string) => pathUnder(reader, value, where, prefix);
  const manifest: Manifest = {
    version: 1,
    generator: reader.string(root.generator, 'generator'),
    prefix,
    libs: under(root.libs, 'libs'),
    programs: reader.list(root.programs, 'programs', (value, where) => {
      const {path, interpreter, qemuTarget, wraps} = reader.object(value, where);
      return {
        path: under(path, `${where}.path`),
        interpreter: interpreter === null ? null : under(interpreter, `${where}.interpreter`),
        qemuTarget: qemuTarget === null ? null : reader.string(qemuTarget, `${where}.qemuTarget`),
        ...(wraps === undefined ? {} : {wraps: under(wraps, `${where}.wraps`)}),
      };
    }),
    files: reader.list(root.files, 'files', (value, where) => readFile(reader, value, where, prefix)),
    ...(root.directories !== undefined && {directories: reader.list(root.directories, 'directories', under)}),
  };
  checkPaths(reader, manifest);
  return manifest;
}

function pathUnder(reader: Reader, value: unknown, where: string, prefix: string): string {
  const path = reader.absolutePath(value, where);
  if (isBelow(path, prefix)) return path;
  throw reader.outside(where, `a path under ${prefix}`, path);
}

function readFile(reader: Reader, value: unknown, where: string, prefix: string): ManifestFile {
  const {path, role, sha256, size, mode, source, resolved} = reader.object(value, where);
  return {
    path: pathUnder(reader, path, `${where}.path`, prefix),
    role: reader.oneOf(role, `${where}.role`, roles),
    sha256: reader.sha256(sha256, `${where}.sha256`),
    size: reader.count(size, `${where}.size`, Number.MAX_SAFE_INTEGER),
    mode: reader.count(mode, `${where}.mode`, 0o7777),
    ...(source === undefined ? {} : {source: reader.string(source, `${where}.source`)}),
    ...(resolved === undefined
      ? {}
      : {resolved: reader.oneOf(resolved, `${where}.resolved`, ['program', 'module'] as const)}),
  };
}

/** Make sure that each file is listed once, and each program is among the files. */
function checkPaths(reader: Reader, {programs, files}: Manifest): void {
  const paths = new Set<string>();
  for (const {path} of files) {
    if (paths.has(path)) throw reader.bad('files', 'each path once', path);
    paths.add(path);
  }
  const stray = programs.find(({path}) => !paths.has(path));
  if (stray !== undefined) throw reader.bad('programs', 'a path listed in files', stray.path);
}

function byPath(a: {path: string}, b: {path: string}): number {
  if (a.path === b.path) return 0;
  return a.path < b.path ? -1 : 1;
}
