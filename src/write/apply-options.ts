import type {Plan} from '../edit/plan.js';
import type {OnProgress} from '../source/progress.js';
import type {EditableElf} from './editable.js';

/** Where the result of a plan goes. */
export interface ApplyOptions {
  /** Write the result here and leave the input unchanged. An existing file is replaced. */
  readonly output?: string | undefined;
  /**
   * The mode of an output: that of the input, or its own, as for a normal write: that of an existing file, else 0777
   * less the umask. Default: the input's.
   */
  readonly outputMode?: 'input' | 'own' | undefined;
  /** Write the changed bytes into the file itself. An interruption may leave some of them unwritten. */
  readonly inPlace?: boolean | undefined;
  /** Whether to follow symbolic links at the end of the paths. Default true. */
  readonly follow?: boolean | undefined;
  /** Called with the progress of copying a large file. */
  readonly onProgress?: OnProgress | undefined;
}

/** A plan and the file it was made for. */
export interface PlannedEdit {
  /** The open file, or a path, which is looked up again. */
  readonly path: string | EditableElf;
  readonly plan: Plan;
  readonly options?: ApplyOptions | undefined;
}

/** The result of applying a plan, with notes on what was not kept or may be unexpected. */
export interface Applied {
  /** The file that has the result. */
  readonly path: string;
  readonly notes: readonly string[];
}

/** The outcome of one edit of many. */
export type Outcome = {readonly applied: Applied} | {readonly error: unknown};
