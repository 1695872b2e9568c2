/*
 * The list of what a bundle put where. It is written by `bundle` and never trusted: its reader may be
 * root in a chroot that another user prepared, so every path must be normal, absolute and under the prefix
 * before anything is done with it.
 */
import {posix} from 'node:path';
import {ElfError, printable} from '../errors.js';
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
  /** 64 lowercase hexadecimal digits; of a symbolic link, of what it says. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** The file that it was made of, if that was to be recorded; `generated` when there was none. */
  readonly source?: string | undefined;
  /** Of data: an ELF file that finds its libraries, and a program its loader, in the bundle. */
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
  /** Carried directories in which nothing is; left out when there are none. */
  readonly directories?: readonly string[];
}

export const manifestName = 'manifest.json';

/** Where the manifest of a bundle is, as seen from inside its root. */
export function manifestPath({libs}: Pick<Manifest, 'libs'>): string {
  return posix.join(libs, manifestName);
}

/** The directories of a bundle up to its prefix, each before the one that contains it. */
export function ownDirectories({prefix, libs, files, directories = []}: Manifest): readonly string[] {
  const found = new Set([prefix, libs, ...directories]);
  for (const path of [...files.map((file) => file.path), ...directories]) {
    for (let above = posix.dirname(path); above.length > prefix.length; above = posix.dirname(above))
      found.add(above);
  }
  // The root belongs to no bundle.
  found.delete('/');
  return [...found].sort().reverse();
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
  const reader = new Reader(path);
  const root = reader.object(parseJson(text, path), 'the manifest');
  if (root.version !== 1) throw reader.bad('version', '1', root.version);
  const prefix = root.prefix === '/' ? '/' : reader.absolutePath(root.prefix, 'prefix');
  const libs = reader.pathUnder(root.libs, 'libs', prefix);
  const manifest: Manifest = {
    version: 1,
    generator: reader.string(root.generator, 'generator'),
    prefix,
    libs,
    programs: reader.array(root.programs, 'programs').map((value, i) => {
      const where = `programs[${i}]`;
      const {path, interpreter, qemuTarget, wraps} = reader.object(value, where);
      return {
        path: reader.pathUnder(path, `${where}.path`, prefix),
        interpreter:
          interpreter === null ? null : reader.pathUnder(interpreter, `${where}.interpreter`, prefix),
        qemuTarget: qemuTarget === null ? null : reader.string(qemuTarget, `${where}.qemuTarget`),
        ...(wraps === undefined ? {} : {wraps: reader.pathUnder(wraps, `${where}.wraps`, prefix)}),
      };
    }),
    files: reader.array(root.files, 'files').map((value, i) => reader.file(value, `files[${i}]`, prefix)),
    ...(root.directories !== undefined && {
      directories: reader
        .array(root.directories, 'directories')
        .map((value, i) => reader.pathUnder(value, `directories[${i}]`, prefix)),
    }),
  };
  reader.checkPaths(manifest);
  return manifest;
}

function byPath(a: {path: string}, b: {path: string}): number {
  if (a.path === b.path) return 0;
  return a.path < b.path ? -1 : 1;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ElfError('BAD_MANIFEST', 'not a manifest: not JSON', {path, cause});
  }
}

const roles: readonly ManifestRole[] = ['library', 'loader', 'program', 'data', 'link'];

/** A list in a list in a list can be too deep to be printed. */
function shown(value: unknown): string {
  try {
    return printable(JSON.stringify(value).slice(0, 100));
  } catch {
    return 'lists without end';
  }
}

/** Takes values apart, and says of each wrong one where it is, what was expected and what is there. */
class Reader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  file(value: unknown, where: string, prefix: string): ManifestFile {
    const {path, role, sha256, size, mode, source, resolved} = this.object(value, where);
    const known = roles.find((name) => name === role);
    if (known === undefined) throw this.bad(`${where}.role`, roles.join(', '), role);
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
      throw this.bad(`${where}.sha256`, '64 hexadecimal digits', sha256);
    }
    if (resolved !== undefined && resolved !== 'program' && resolved !== 'module')
      throw this.bad(`${where}.resolved`, 'program, module', resolved);
    return {
      path: this.pathUnder(path, `${where}.path`, prefix),
      role: known,
      sha256,
      size: this.count(size, `${where}.size`, Number.MAX_SAFE_INTEGER),
      mode: this.count(mode, `${where}.mode`, 0o7777),
      ...(source === undefined ? {} : {source: this.string(source, `${where}.source`)}),
      ...(resolved === undefined ? {} : {resolved}),
    };
  }

  object(value: unknown, where: string): Readonly<Record<string, unknown>> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return {...value};
    throw this.bad(where, 'an object', value);
  }

  array(value: unknown, where: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    throw this.bad(where, 'an array', value);
  }

  string(value: unknown, where: string): string {
    if (typeof value === 'string') return value;
    throw this.bad(where, 'a string', value);
  }

  count(value: unknown, where: string, most: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
    throw this.bad(where, `a whole number from 0 to ${most}`, value);
  }

  absolutePath(value: unknown, where: string): string {
    const path = this.string(value, where);
    const normal = path.startsWith('/') && posix.normalize(path) === path && !/[\0\n]/.test(path);
    // The root itself, or a path with a slash at its end, is nothing that a bundle could own.
    if (normal && !path.endsWith('/')) return path;
    throw this.outside(where, "an absolute path without '.', '..' or a slash too many", path);
  }

  pathUnder(value: unknown, where: string, prefix: string): string {
    const path = this.absolutePath(value, where);
    if (isBelow(path, prefix)) return path;
    throw this.outside(where, `a path under ${prefix}`, path);
  }

  /** Each file once, and each program among the files. */
  checkPaths({programs, files}: Manifest): void {
    const paths = new Set<string>();
    for (const {path} of files) {
      if (paths.has(path)) throw this.bad('files', 'each path once', path);
      paths.add(path);
    }
    const stray = programs.find(({path}) => !paths.has(path));
    if (stray !== undefined) throw this.bad('programs', 'a path out of files', stray.path);
  }

  bad(where: string, expected: string, value: unknown): ElfError {
    const got = value === undefined ? 'nothing' : shown(value);
    return new ElfError('BAD_MANIFEST', `not a manifest: ${where}`, {path: this.#path, expected, got, value});
  }

  outside(where: string, expected: string, value: string): ElfError {
    const what = `the manifest's ${where} is refused`;
    return new ElfError('OUTSIDE', what, {path: this.#path, expected, got: printable(value), value});
  }
}
