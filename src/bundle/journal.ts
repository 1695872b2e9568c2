/*
 * A change of a bundle as data. It is written to the staging directory before the root is touched, and whoever finds it
 * there can finish the change or undo it (steps.ts):
 *
 *   prepare   steps that can be undone, in this order
 *   commit    one rename: with it the change is done
 *   finish    what is left to do then
 *
 * No step is marked as done: the place of its file tells.
 */
import {ElfError} from '../errors.js';
import {type ManifestFile, roles} from './manifest.js';
import {Reader} from './reader.js';

/** A step that can be undone. Paths are absolute, seen from inside the root. */
export type Preparation =
  /** Move a file to `replaced`. */
  | {readonly op: 'putAside'; readonly path: string}
  /** The same for a file that another one replaces: it keeps its name as well until then, where it can have two. */
  | {readonly op: 'keepAside'; readonly path: string}
  /** Move a directory to `replaced`. The device and inode that it has to have; null when nothing was there. */
  | {readonly op: 'putAsideDirectory'; readonly path: string; readonly inode: string | null}
  | {readonly op: 'makeDirectory'; readonly path: string}
  /** Move a file from `new`. */
  | MoveIn;

export interface MoveIn extends Pick<ManifestFile, 'path' | 'role' | 'sha256' | 'size'> {
  readonly op: 'moveIn';
}

/** The step that counts. */
export type Commit =
  /** Move a directory from `new`, with all that is left there. */
  {readonly op: 'moveDirectoryIn'; readonly path: string} | {readonly op: 'putAside'; readonly path: string};

/** A step that may be taken any number of times. */
export interface Finish {
  readonly op: 'removeEmpty';
  readonly path: string;
}

/** A change of a bundle. */
export interface Journal {
  readonly version: 1;
  readonly prepare: readonly Preparation[];
  readonly commit: Commit;
  readonly finish: readonly Finish[];
}

/** In bytes: twice a manifest, whose files it has with two steps each. */
export const longestJournal = 1 << 25;

/** Print a journal. @throws ElfError UNSUPPORTED for one that is too long to be read back */
export function formatJournal({version, prepare, commit, finish}: Journal): string {
  const text = JSON.stringify({version, prepare, commit, finish});
  if (Buffer.byteLength(text) <= longestJournal) return text;
  throw new ElfError('UNSUPPORTED', 'too many files for a bundle: the list of steps is too long', {
    expected: `at most ${longestJournal} bytes`,
    got: `${Buffer.byteLength(text)} bytes`,
  });
}

/**
 * Read a journal.
 *
 * @param path its file, for messages
 * @throws ElfError BAD_MANIFEST for what is not one, or one of another version; OUTSIDE for a path that is not normal
 */
export function parseJournal(text: string, path: string): Journal {
  const reader = new Reader('journal', path);
  const {version, prepare, commit, finish} = reader.json(text);
  return {
    version: reader.oneOf(version, 'version', [1] as const),
    prepare: reader.list(prepare, 'prepare', (step, where) => readPreparation(reader, step, where)),
    commit: readStep(reader, commit, 'commit', ['moveDirectoryIn', 'putAside']),
    finish: reader.list(finish, 'finish', (step, where) => readStep(reader, step, where, ['removeEmpty'])),
  };
}

/** A step that has nothing but a path. */
function readStep<T extends string>(
  reader: Reader,
  step: unknown,
  where: string,
  names: readonly T[],
): {op: T; path: string} {
  const {op, path} = reader.object(step, where);
  return {op: reader.oneOf(op, `${where}.op`, names), path: reader.absolutePath(path, `${where}.path`)};
}

const preparations = ['putAside', 'keepAside', 'putAsideDirectory', 'makeDirectory', 'moveIn'] as const;

function readPreparation(reader: Reader, step: unknown, where: string): Preparation {
  const {op, path} = readStep(reader, step, where, preparations);
  const {inode, role, sha256, size} = reader.object(step, where);
  switch (op) {
    case 'putAsideDirectory':
      return {op, path, inode: inode === null ? null : reader.string(inode, `${where}.inode`)};
    case 'moveIn':
      return {
        op,
        path,
        role: reader.oneOf(role, `${where}.role`, roles),
        sha256: reader.sha256(sha256, `${where}.sha256`),
        size: reader.count(size, `${where}.size`, Number.MAX_SAFE_INTEGER),
      };
    default:
      return {op, path};
  }
}
