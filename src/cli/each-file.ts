import {
  ElfError,
  type ElfFile,
  type OpenOptions,
  openElfBuffer,
  openElfSync,
  readWholeElf,
  standardInput,
} from '../index.js';
import {errorToJson, type Output} from './output.js';
import {safe} from './safe-text.js';

/** The result for one file. */
export type FileResult<T> =
  | {readonly file: string; readonly value: T}
  | {readonly file: string; readonly skipped: string}
  | {readonly file: string; readonly error: unknown};

interface EachFileOptions {
  /** Why an error is not a failure but a file to skip; undefined for every other error. */
  readonly skip?: (error: unknown) => string | undefined;
  /** See `OpenOptions.recycle`: the result of `work` has no bytes of the file in it. */
  readonly recycle?: boolean;
  /** How to open it, if not by `openNamed`. */
  readonly open?: () => ElfFile;
  /** Whether it stays open when `work` is done; not when it fails. */
  readonly keepsOpen?: boolean;
}

/** Do something with each file in turn; a file that fails is reported, and the others are still done. */
export function eachFile<T>(
  files: readonly string[],
  output: Output,
  work: (file: ElfFile, path: string) => T,
  options: EachFileOptions = {},
): FileResult<T>[] {
  return [...withEachFile(files, output, work, options)];
}

/** The same one by one, for thousands of files: no result is kept, and a terminal shows the progress. */
export function* withEachFile<T>(
  files: Iterable<string>,
  output: Output,
  work: (file: ElfFile, path: string) => T,
  options: EachFileOptions = {},
): Generator<FileResult<T>> {
  let done = 0;
  for (const path of files) {
    if (++done > 1) output.status(safe`${done} files: ${path}`);
    yield withFile(path, output, work, options);
  }
}

function withFile<T>(
  path: string,
  output: Output,
  work: (file: ElfFile, path: string) => T,
  options: EachFileOptions,
): FileResult<T> {
  const result = tryFile(path, work, options);
  if ('error' in result) output.error(result.error, path);
  return result;
}

/** Open a file, or all of standard input. */
export function openNamed(path: string, options?: OpenOptions): ElfFile {
  if (path !== standardInput) return openElfSync(path, options);
  try {
    return openElfBuffer(readWholeElf(path));
  } catch (error) {
    throw error instanceof ElfError ? error.at(path) : error;
  }
}

/** Do something with one file, without reporting it yet. */
export function tryFile<T>(
  path: string,
  work: (file: ElfFile, path: string) => T,
  {skip, recycle = false, open = () => openNamed(path, {recycle}), keepsOpen = false}: EachFileOptions = {},
): FileResult<T> {
  try {
    const file = open();
    let isKept = false;
    try {
      const value = work(file, path);
      isKept = keepsOpen;
      return {file: path, value};
    } finally {
      if (!isKept) void file.close();
    }
  } catch (error) {
    const skipped = skip?.(error);
    return skipped === undefined ? {file: path, error} : {file: path, skipped};
  }
}

/** The results as data: each object has `file` and the facts, `file` and `skipped`, or `file` and `error`. */
export function resultsToJson<T extends object>(results: readonly FileResult<T>[]): object[] {
  return results.map((result) => {
    if ('error' in result) return {file: result.file, error: errorToJson(result.error)};
    return 'skipped' in result ? result : {file: result.file, ...result.value};
  });
}
