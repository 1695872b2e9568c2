/** How far long work on a file has got. */
export interface Progress {
  readonly step: 'reading' | 'copying';
  readonly path: string;
  /** Bytes done. The first report, 0, is the only one where the kernel copies the file in one call. */
  readonly done: number;
  /** Bytes in all. */
  readonly total: number;
}

/** Called now and then; it must not throw. */
export type OnProgress = (progress: Progress) => void;
