import {readFileSync} from 'node:fs';
import {systemError} from '../errors.js';
/** The path under which the system gives standard input. */
export const standardInput = '/dev/stdin';
/** Read a whole file, a pipe or a terminal too. @throws ElfError FILE_SYSTEM */
export function readWhole(path) {
  try {
    return readFileSync(path === standardInput ? 0 : path);
  } catch (error) {
    throw systemError(path, error, 'cannot read');
  }
}
/** The same as text. */
export function readText(path) {
  return new TextDecoder().decode(readWhole(path));
}
//# sourceMappingURL=whole.js.map
