import type {Plan} from '../edit/plan.js';
import type {OnProgress} from '../source/progress.js';
import type {AttributeKind} from './attributes.js';

/** Where the result of a plan goes. */
export interface ApplyOptions {
  /** Write the result here and leave the input as it is. An existing file is replaced. */
  readonly output?: string | undefined;
  /** Write the changed bytes into the file itself. An interruption may leave some of them unwritten. */
  readonly inPlace?: boolean | undefined;
  /** Told how far the copy of a large file has got. */
  readonly onProgress?: OnProgress | undefined;
}

/** A plan, and the file that it was made for. */
export interface PlannedEdit {
  readonly path: string;
  readonly plan: Plan;
  readonly options?: ApplyOptions | undefined;
}

/** What applying a plan could not keep, or did otherwise than one might expect. */
export interface Applied {
  /** The file that has the result. */
  readonly path: string;
  readonly notes: readonly string[];
}

/** What became of one edit of many. */
export type Outcome = {readonly applied: Applied} | {readonly error: unknown};

/**
 * A file on its way to its new content, between the steps that many of them take together (batch.ts): attributes are
 * copied from `original` to the file of its name in `workspace`, then `complete`, then those go back that have to,
 * then `fd` is synced, then `finish`.
 */
export interface Change {
  /** The file that has the result in the end. */
  readonly path: string;
  readonly fd: number;
  readonly original: string;
  /** Undefined where there is no room for one. */
  readonly workspace: string | undefined;
  readonly kinds: readonly AttributeKind[];
  readonly notes: string[];
  /** Go on when the attributes were copied. @param complaint what of them could not be */
  complete(complaint: string | undefined): void;
  /** After `complete`, the file whose attributes have to go back to `path`. */
  readonly restoreFrom?: string | undefined;
  /** The file at `path` is the new one after this. */
  finish(): void;
  /** The file at `path` has its old content again after this, if it ever had another. */
  undo?(): void;
  /** Clean up, whatever was reached. */
  close(): void;
}
