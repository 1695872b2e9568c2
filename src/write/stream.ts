/*
 * Output that is not a regular file: /dev/null, /dev/stdout, a FIFO. It is written to, not replaced.
 */
import {closeSync, constants, openSync, writeSync} from 'node:fs';
import {systemError} from '../errors.js';
import {findPlace} from '../source/place.js';

/** The system's own names for files that are already open, and for /dev/null. */
const own = /^(?:\/dev\/(?:null|stdout|stderr|fd\/\d+)|\/proc\/self\/fd\/\d+)$/;

/**
 * Write the whole output, if the file at the path has to be written to rather than replaced.
 *
 * @returns whether it is
 * @throws ElfError UNTRUSTED_LINK, FILE_SYSTEM
 */
export function writeToStream(path: string, make: () => Uint8Array): boolean {
  try {
    const fd = openStream(path);
    if (fd === undefined) return false;
    try {
      const bytes = make();
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    } finally {
      closeSync(fd);
    }
    return true;
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  }
}

function openStream(path: string): number | undefined {
  const {O_WRONLY, O_TRUNC, O_NOCTTY} = constants;
  if (own.test(path)) return openSync(path, O_WRONLY | O_TRUNC | O_NOCTTY);
  using place = findPlace(path, {orLink: true});
  // Open the very file that was checked: if opened by path, a regular file might have taken its place and be
  // overwritten.
  using entry = place.directory.openPath(place.name);
  const {stats} = entry ?? {};
  if (entry === undefined || stats === undefined) return undefined;
  if (stats.isFile() || stats.isDirectory() || stats.isSymbolicLink()) return undefined;
  place.requireTrusted(stats);
  return openSync(entry.path, O_WRONLY | O_NOCTTY);
}
