import {type ElfFile, openElfSync} from '../index.js';
import {errorToJson, type Output} from './output.js';

/** What one file came to. */
export type FileResult<T> =
  | {readonly file: string; readonly value: T}
  | {readonly file: string; readonly error: unknown};

/** Do something with each file in turn; a file that fails is reported, and the others are still done. */
export function eachFile<T>(
  files: readonly string[],
  output: Output,
  work: (file: ElfFile, path: string) => T,
): FileResult<T>[] {
  return [...withEachFile(files, output, work)];
}

/** The same one by one, for thousands of files: no result is kept, and a terminal shows how far it is. */
export function* withEachFile<T>(
  files: Iterable<string>,
  output: Output,
  work: (file: ElfFile, path: string) => T,
): Generator<FileResult<T>> {
  let done = 0;
  for (const path of files) {
    if (++done > 1) output.status(`${done} files: ${path}`);
    try {
      const file = openElfSync(path);
      try {
        yield {file: path, value: work(file, path)};
      } finally {
        void file.close();
      }
    } catch (error) {
      output.error(error, path);
      yield {file: path, error};
    }
  }
}

/** The results as data: each object has `file` and the facts, or `file` and `error`. */
export function resultsToJson<T extends object>(results: readonly FileResult<T>[]): object[] {
  return results.map((result) =>
    'error' in result
      ? {file: result.file, error: errorToJson(result.error)}
      : {file: result.file, ...result.value},
  );
}
