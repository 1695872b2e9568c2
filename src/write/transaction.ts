import {closeQuietly} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import type {Place} from '../source/place.js';
import type {AttributeCopy} from './attributes.js';

/** Let the new content take its place, after it has reached the disk. @throws ElfError CHANGED, FILE_SYSTEM */
export type Commit = () => void;

/**
 * One file on its way to its new content. Many of them take each step together (batch.ts):
 *
 *              attributes             restore            fsync
 *     prepared ─────────▶ complete() ────────▶ completed ─────▶ synced ──▶ commit() ─▶ committed
 *         │                    │                   │              │
 *         └────────────────────┴───────────────────┴──────────────┴─────▶ undo() ─ restore ─▶ undone
 *
 * Between the steps, the attributes that only cp(1) can copy are copied for all files at once: `attributes` before the
 * file is complete, `restore`, which is known then, after each writing into it. `complete` alone gives the `Commit`, so
 * nothing takes its place half made. Until then the file at `path` is the old one; in place it is the new one since
 * `complete`, and `undo` makes it the old one again. Whatever was reached, `close` comes last.
 */
export abstract class Transaction {
  /** The file that has the result in the end, for messages. */
  readonly path: string;
  /** The directory in which that happens. */
  readonly directory: DirFd;
  /** What has to reach the disk. */
  readonly fd: number;
  readonly notes: string[] = [];
  /** Undefined where there is no room to keep them. */
  abstract readonly attributes: AttributeCopy | undefined;
  /** What writing took away and can be given back. */
  restore: AttributeCopy | undefined;

  constructor({real, directory}: Place, fd: number) {
    this.path = real;
    this.directory = directory;
    this.fd = fd;
  }

  /** Go on when the attributes were copied. @param complaint what of them could not be */
  abstract complete(complaint: string | undefined): Commit;

  /** Make the file at `path` what it was. Here: nothing, for nothing was written into it. */
  undo(): void {}

  close(): void {
    closeQuietly(this.fd);
  }
}
