import {isUtf8} from 'node:buffer';
import {readFileSync, readSync} from 'node:fs';
import {ElfError, systemError} from '../errors.js';
import {elfMagic, isElfMagic} from './source.js';

/** The path by which the system exposes standard input. */
export const standardInput = '/dev/stdin';

/** Read a whole file, pipe or terminal. @throws ElfError FILE_SYSTEM */
export function readWhole(path: string): Uint8Array {
  try {
    return readFileSync(path === standardInput ? 0 : path);
  } catch (error) {
    throw systemError(path, error, 'cannot read');
  }
}

/**
 * Like `readWhole`, for what should be an ELF file. If standard input is not, read only its first bytes, since a pipe
 * may have no end.
 */
export function readWholeElf(path: string): Uint8Array {
  if (path !== standardInput) return readWhole(path);
  try {
    const start = readStart(elfMagic.length);
    return isElfMagic(start) ? Buffer.concat([start, readFileSync(0)]) : start;
  } catch (error) {
    throw systemError(path, error, 'cannot read');
  }
}

function readStart(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = readSync(0, bytes, done, length - done, null);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/**
 * Like `readWhole`, but returns text. @throws ElfError also UNSUPPORTED when it is not UTF-8: decoding could turn a
 * file name in it into another
 */
export function readText(path: string): string {
  const bytes = readWhole(path);
  if (!isUtf8(bytes)) throw new ElfError('UNSUPPORTED', 'the file is not valid UTF-8', {path});
  return new TextDecoder().decode(bytes);
}
