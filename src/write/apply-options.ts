import type {Plan} from '../edit/plan.js';
import type {OnProgress} from '../source/progress.js';
import type {EditableElf} from './editable.js';

/** Where the result of a plan goes. */
export interface ApplyOptions {
  /** Write the result here and leave the input as it is. An existing file is replaced. */
  readonly output?: string | undefined;
  /**
   * The mode of an output: that of the input, or its own, as if it were simply written: of the file that is there
   * already, else what the umask leaves of 0777. Default: the input's.
   */
  readonly outputMode?: 'input' | 'own' | undefined;
  /** Write the changed bytes into the file itself. An interruption may leave some of them unwritten. */
  readonly inPlace?: boolean | undefined;
  /** Whether symbolic links at the end of the paths are followed, as they are otherwise. */
  readonly follow?: boolean | undefined;
  /** Told how far the copy of a large file has got. */
  readonly onProgress?: OnProgress | undefined;
}

/** A plan, and the file that it was made for. */
export interface PlannedEdit {
  /** The file, or its path, which is then looked up again. */
  readonly path: string | EditableElf;
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
