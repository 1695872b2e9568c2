/*
 * Output that is no regular file: /dev/null, /dev/stdout, a FIFO. Nothing can take its place, it is written to.
 */
import {closeSync, constants, fstatSync, openSync, statSync, writeSync} from 'node:fs';
import {ElfError} from '../index.js';

/** The system's own links to what is open already. */
const descriptors = /^\/(?:dev|proc)\//;

/** Whether something is there that is written to, not replaced. */
export function isStream(path: string): boolean {
  if (descriptors.test(path)) return true;
  const stats = statSync(path, {throwIfNoEntry: false});
  return stats !== undefined && !stats.isFile() && !stats.isDirectory();
}

/** Write all of it. Returns no notes. @throws ElfError FILE_SYSTEM, CHANGED when a file stands there by now */
export function writeToStream(path: string, bytes: Uint8Array): readonly string[] {
  const isOurs = descriptors.test(path);
  const {O_WRONLY, O_TRUNC, O_NOFOLLOW} = constants;
  let fd: number | undefined;
  try {
    fd = openSync(path, O_WRONLY | (isOurs ? O_TRUNC : O_NOFOLLOW));
    if (!isOurs && fstatSync(fd).isFile())
      throw new ElfError('CHANGED', 'a file has taken its place', {path});
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    return [];
  } catch (error) {
    if (error instanceof ElfError) throw error;
    const {message} = error as Error;
    throw new ElfError('FILE_SYSTEM', `cannot write: ${message}`, {path, cause: error});
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
