/*
 * A change of a directory (the root), as data. It is written to the staging directory before the root is touched, so
 * that whoever finds it there can finish or undo the change (steps.ts):
 *
 *   prepare   steps that can be undone, in this order
 *   commit    one step, which happens as a whole: with it the change is done
 *   finish    what is left to do then
 *
 * No step is marked as done: the location of its file shows that.
 */
import {ElfError} from '../errors.js';
import {type Entry, roles} from './entry.js';
import {Reader} from './reader.js';

/** A step that can be undone. Paths are absolute, seen from inside the root. */
export type Preparation =
  | PutAside
  /** The same for a file that will be replaced: it also keeps its name until then, if it can have two. */
  | KeepAside
  | PutAsideDirectory
  | {readonly op: 'makeDirectory'; readonly path: string}
  /** Move a file from `new`. */
  | MoveIn;

/** Which file has to be at a path (`stateOf`); null for none. Left out if any file may be moved. */
interface Expected {
  readonly path: string;
  readonly state?: string | null;
}

/** Move a file to `replaced`. */
export interface PutAside extends Expected {
  readonly op: 'putAside';
}

/**
 * Move a directory to `replaced`. It must have this device and inode; null if nothing was there. With a state, nothing
 * may have been added to it or removed from it either.
 */
interface PutAsideDirectory extends Expected {
  readonly op: 'putAsideDirectory';
  readonly inode: string | null;
}

export interface KeepAside extends Expected {
  readonly op: 'keepAside';
}

export interface MoveIn extends Pick<Entry, 'role' | 'sha256' | 'size'> {
  readonly op: 'moveIn';
  readonly path: string;
}

/** The step that makes the change take effect. */
export type Commit =
  /** Move a directory from `new`, with everything left in it. */
  | {readonly op: 'moveDirectoryIn'; readonly path: string}
  | PutAside
  /** Create the file `done` in the staging directory, for a change that has no step of its own to come last. */
  | {readonly op: 'markDone'};

/** A step that may be taken any number of times. */
export interface Finish {
  readonly op: 'removeEmpty';
  readonly path: string;
}

/** A change of a directory. */
export interface Journal {
  readonly version: 1;
  /**
   * Directories of the root that files are moved from and to, each with its device and inode. If another directory gets
   * the name meanwhile, as the owner of the root may arrange, it is refused.
   */
  readonly directories?: Readonly<Record<string, string>>;
  /** That of the root, as all states and inodes here begin with it. */
  readonly device?: string;
  /** The mark of the staging directory that the journal was written in (mark.ts). */
  readonly mark?: string | undefined;
  readonly prepare: readonly Preparation[];
  readonly commit: Commit;
  readonly finish: readonly Finish[];
}

/** In bytes: twice the longest manifest of a bundle, because each file takes two steps. */
export const longestJournal = 1 << 25;

/** Print a journal. @throws ElfError UNSUPPORTED for one that is too long to be read back */
export function formatJournal({
  version,
  directories,
  device,
  mark,
  prepare,
  commit,
  finish,
}: Journal): string {
  const text = JSON.stringify({version, directories, device, mark, prepare, commit, finish});
  if (Buffer.byteLength(text) <= longestJournal) return text;
  throw new ElfError('UNSUPPORTED', 'too many files for one change: the list of steps is too long', {
    expected: `at most ${longestJournal} bytes`,
    got: `${Buffer.byteLength(text)} bytes`,
  });
}

/**
 * Read a journal.
 *
 * @param path its file, for messages
 * @throws ElfError BAD_MANIFEST if it is not a journal, or one of another version; OUTSIDE for a path that is not
 *   normalized
 */
export function parseJournal(text: string, path: string): Journal {
  const reader = new Reader('journal', path);
  const {version, directories, device, mark, prepare, commit, finish} = reader.json(text);
  return {
    version: reader.oneOf(version, 'version', [1] as const),
    ...(directories !== undefined && {directories: readDirectories(reader, directories)}),
    ...(device !== undefined && {device: reader.string(device, 'device')}),
    ...(mark !== undefined && {mark: reader.string(mark, 'mark')}),
    prepare: reader.list(prepare, 'prepare', (step, where) => readPreparation(reader, step, where)),
    commit: readCommit(reader, commit),
    finish: reader.list(finish, 'finish', (step, where) => readStep(reader, step, where, ['removeEmpty'])),
  };
}

/**
 * What a journal says of a root that has another device by now: a file system that is mounted anew, as after a power
 * failure, may get another number. Inodes stay.
 */
export function onDevice(journal: Journal, device: string): Journal {
  const {device: former} = journal;
  if (former === undefined || former === device) return journal;
  // Of the strings in a journal, only states and inodes begin with a number.
  const translate = (_: string, value: unknown) =>
    typeof value === 'string' && value.startsWith(`${former}:`)
      ? `${device}${value.slice(former.length)}`
      : value;
  return {...JSON.parse(formatJournal(journal), translate), device};
}

/** A step that has nothing but a path. */
function readStep<T extends string>(
  reader: Reader,
  step: unknown,
  where: string,
  names: readonly T[],
): {op: T; path: string} {
  const {op, path} = reader.object(step, where);
  return {op: reader.oneOf(op, `${where}.op`, names), path: reader.absolutePath(path, `${where}.path`, /\0/)};
}

function readCommit(reader: Reader, step: unknown): Commit {
  const {op} = reader.object(step, 'commit');
  if (op === 'markDone') return {op};
  const read = readStep(reader, step, 'commit', ['moveDirectoryIn', 'putAside']);
  return read.op === 'putAside'
    ? {...read, op: 'putAside', ...readExpected(reader, step, 'commit')}
    : {...read, op: read.op};
}

function readDirectories(reader: Reader, value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(reader.object(value, 'directories'));
  return Object.fromEntries(
    entries.map(([path, inode]) => [path, reader.string(inode, `directories[${JSON.stringify(path)}]`)]),
  );
}

const preparations = ['putAside', 'keepAside', 'putAsideDirectory', 'makeDirectory', 'moveIn'] as const;

function readPreparation(reader: Reader, step: unknown, where: string): Preparation {
  const {op, path} = readStep(reader, step, where, preparations);
  const {inode, role, sha256, size} = reader.object(step, where);
  switch (op) {
    case 'putAside':
    case 'keepAside':
      return {op, path, ...readExpected(reader, step, where)};
    case 'putAsideDirectory':
      return {
        op,
        path,
        inode: readState(reader, inode, `${where}.inode`),
        ...readExpected(reader, step, where),
      };
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

function readExpected(reader: Reader, step: unknown, where: string): Pick<Expected, 'state'> {
  const {state} = reader.object(step, where);
  return state === undefined ? {} : {state: readState(reader, state, `${where}.state`)};
}

/** What has to be at a path, null for nothing. */
function readState(reader: Reader, value: unknown, where: string): string | null {
  return value === null ? null : reader.string(value, where);
}
