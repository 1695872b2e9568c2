import {openElfBuffer, openElfSync, readWhole, standardInput} from '../index.js';
import {errorToJson} from './output.js';
/** Do something with each file in turn; a file that fails is reported, and the others are still done. */
export function eachFile(files, output, work, options = {}) {
  return [...withEachFile(files, output, work, options)];
}
/** The same one by one, for thousands of files: no result is kept, and a terminal shows how far it is. */
export function* withEachFile(files, output, work, options = {}) {
  let done = 0;
  for (const path of files) {
    if (++done > 1) output.status(`${done} files: ${path}`);
    yield withFile(path, output, work, options);
  }
}
function withFile(path, output, work, {skip}) {
  try {
    const file = path === standardInput ? openElfBuffer(readWhole(path)) : openElfSync(path);
    try {
      return {file: path, value: work(file, path)};
    } finally {
      void file.close();
    }
  } catch (error) {
    const skipped = skip?.(error);
    if (skipped !== undefined) return {file: path, skipped};
    output.error(error, path);
    return {file: path, error};
  }
}
/** The results as data: each object has `file` and the facts, `file` and `skipped`, or `file` and `error`. */
export function resultsToJson(results) {
  return results.map((result) => {
    if ('error' in result) return {file: result.file, error: errorToJson(result.error)};
    return 'skipped' in result ? result : {file: result.file, ...result.value};
  });
}
//# sourceMappingURL=each-file.js.map
