import {ElfError, systemError} from '../errors.js';
import {closeQuietly} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import type {Place} from '../source/place.js';
import type {AttributeCopy} from './attributes.js';

/** Put the new content in its place, once it has reached the disk. @throws ElfError CHANGED, FILE_SYSTEM */
export type Commit = () => void;

/**
 * The change of one file. Many of them go through each step together (batch.ts):
 *
 *              attributes             restore            fsync
 *     prepared ─────────▶ complete() ────────▶ completed ─────▶ synced ──▶ commit() ─▶ committed
 *         │                    │                   │              │
 *         └────────────────────┴───────────────────┴──────────────┴─────▶ undo() ─ restore ─▶ undone
 *
 * Between the steps, the attributes that only cp(1) can copy are copied for all files at once: `attributes` before the
 * file is complete, and `restore`, which is set by then, after each write to it. Only `complete` returns the `Commit`,
 * so nothing incomplete can be committed. Until the commit, the file at `path` is the old one; when edited in place, it
 * is the new one after `complete`, and `undo` restores the old one. In any case, `close` comes last.
 */
export abstract class Transaction {
  /** The file that will have the result, for messages. */
  readonly path: string;
  /** The directory of that file. */
  readonly directory: DirFd;
  /** The descriptor to sync to disk. */
  readonly fd: number;
  readonly notes: string[] = [];
  /** Attributes to copy first; undefined if there is nowhere to keep them or they are not wanted. */
  abstract readonly attributes: AttributeCopy | undefined;
  /** What writing removed and can be restored. */
  restore: AttributeCopy | undefined;

  constructor({real, directory}: Place, fd: number) {
    this.path = real;
    this.directory = directory;
    this.fd = fd;
  }

  /** Continue after the attributes are copied. @param complaint which of them could not be */
  abstract complete(complaint: string | undefined): Commit;

  /** Restore the file at `path`. By default there is nothing to do, as nothing was written to it. */
  undo(): void {}

  close(): void {
    closeQuietly(this.fd);
  }
}

/** The error for a result that another process replaced or changed as soon as it was there. */
export function writtenBut(path: string, what: string): ElfError {
  return new ElfError('CHANGED', `written, but ${what}`, {path, written: true});
}

/** The error for a result that is there, although a call failed after it was written. */
export function writtenBeforeFailure(path: string, what: string, cause: unknown): ElfError {
  const {what: reason} = systemError(path, cause);
  return new ElfError('FILE_SYSTEM', `written, but ${what}: ${reason}`, {path, cause, written: true});
}
