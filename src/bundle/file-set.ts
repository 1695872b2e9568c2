import type {Plan} from '../edit/plan.js';
import type {EditRequest} from '../edit/request/request.js';
import {ElfError} from '../errors.js';
import type {Root} from '../loader/root.js';
import type {OnProgress} from '../source/progress.js';
import {type Content, contentOf, contentOfBytes, contentOfLink} from './contents.js';
import type {ManifestFile, ManifestRole} from './manifest.js';

/** One file of a bundle. */
export interface BundleFile {
  /** Path in the root that the bundle is for. */
  readonly path: string;
  readonly role: ManifestRole;
  /** The file on this machine that it is made from, or `generated`. */
  readonly source: string;
  /** The root that this file was found in. */
  readonly from: Root;
  /** `device:inode` of the source: one file may have many paths. */
  readonly identity: string;
  /** Why it is here, for messages. */
  readonly why: string;
  /** The edit that makes it; without one it is copied as it is. */
  readonly plan?: Plan | undefined;
  /** What that edit changes, without the loader. */
  readonly request?: EditRequest | undefined;
  /** The path inside the root by which it was found; by default its source. */
  readonly named?: string | undefined;
  /** Whether to resolve it when it is an ELF file. Default: false. */
  readonly resolve?: boolean | undefined;
  /** The kind of ELF file, if it was resolved. */
  readonly resolved?: ManifestFile['resolved'];
  /** The set-ID bits that it gets, and the group that it then belongs to; by default it gets none. */
  readonly setId?: {readonly bits: number; readonly group: number};
  /** The file capabilities that it gets, as setfattr(1) takes them. */
  readonly capabilities?: string;
  /** The file of the bundle that this is a hard link to. */
  readonly linkTo?: string;
  /** Its target, if it is a symbolic link. */
  readonly target?: string;
  /** Its content, if it is generated rather than copied. */
  readonly content?: Uint8Array;
}

/** The source of a file that a bundle makes itself. */
export const generated = 'generated';

/** What a file will be in the bundle. Nothing is written. */
export function contentOfFile(
  {content, source, from, plan, role, target, setId}: BundleFile,
  onProgress: OnProgress | undefined,
): Content {
  if (target !== undefined) return contentOfLink(target);
  if (content === undefined) {
    const copied = contentOf(from.source(source), plan, onProgress);
    return {...copied, mode: copied.mode | (setId?.bits ?? 0)};
  }
  return contentOfBytes(content, role === 'program' ? 0o755 : 0o644);
}

/** The files by path. Adding the same file twice is fine; two different files at one path are a conflict. */
export class FileSet {
  readonly #files = new Map<string, BundleFile>();

  /** @throws ElfError CONFLICT with both files and the reasons for both */
  add(file: BundleFile): void {
    const there = this.#files.get(file.path);
    // A data file may be the same file as a library or program at its path: then the data file replaces the library,
    // but a program stays a program.
    const isSecond = file.role === 'data' && there?.identity === file.identity;
    if (there === undefined || (isSecond && there.role === 'library')) this.#files.set(file.path, file);
    else if (isSecond && there.role === 'program') return;
    else if (!isSame(there, file)) {
      throw new ElfError('CONFLICT', `two different files would be ${file.path}`, {
        expected: `${there.source} (${there.why})`,
        got: `${file.source} (${file.why})`,
        value: file.path,
      });
    }
  }

  has({path, identity}: Pick<BundleFile, 'path' | 'identity'>): boolean {
    return this.#files.get(path)?.identity === identity;
  }

  get(path: string): BundleFile | undefined {
    return this.#files.get(path);
  }

  list(): BundleFile[] {
    return [...this.#files.values()];
  }
}

/** Identical copies of a file, as some packages have them, do not conflict either. */
function isSame(a: BundleFile, b: BundleFile): boolean {
  if (a.role !== b.role) return false;
  if (a.identity === b.identity) return true;
  return (
    a.content === undefined &&
    b.content === undefined &&
    a.target === undefined &&
    b.target === undefined &&
    contentOf(a.from.source(a.source)).sha256 === contentOf(b.from.source(b.source)).sha256
  );
}
