/** The progress of a long operation on a file. */
export interface Progress {
  readonly step: 'reading' | 'copying';
  readonly path: string;
  /** Bytes done. The first report, 0, is the only one if the kernel copies the file in one call. */
  readonly done: number;
  /** Total bytes. */
  readonly total: number;
}

/** Called now and then; it must not throw. */
export type OnProgress = (progress: Progress) => void;
