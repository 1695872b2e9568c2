import {closeSync, constants, fstatSync, openSync, readSync, statSync} from 'node:fs';
import {ElfError, systemError} from '../errors.js';
import {checkRange} from './source.js';

/** Everything `get` needs of an ordinary program lies in its first page; one read fetches it. */
const headLength = 4096;
/** Whoever asks for more at once follows a length that a damaged file claims. Node itself stops at 2 GB. */
const longestRead = 2 ** 30;
/**
 * Open a regular file for reading by range.
 *
 * A FIFO does not block and a device is not read: both are refused, like a directory and a socket.
 *
 * @param name the path for messages, where it is not the one to open
 * @throws ElfError FILE_SYSTEM when it cannot be opened, NOT_A_FILE when it is not a regular file
 */
export function fileSource(path, name = path) {
  const fd = open(path, name);
  const stats = fstatSync(fd);
  if (!stats.isFile()) {
    closeSync(fd);
    throw notAFile(name, stats);
  }
  return new OpenFile(name, fd, stats);
}
/** Say what a path is that should have been a regular file. */
export function notAFile(path, stats) {
  return new ElfError('NOT_A_FILE', 'not a regular file', {
    path,
    expected: 'a regular file',
    got: kindOf(stats),
  });
}
function open(path, name) {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    // A socket cannot be opened at all, so nothing of it can be asked through a descriptor.
    if (error.code === 'ENXIO') throw notAFile(name, statSync(path));
    throw systemError(name, error, 'cannot open');
  }
}
function kindOf(stats) {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
class OpenFile {
  path;
  stats;
  #fd;
  #head;
  constructor(path, fd, stats) {
    this.path = path;
    this.stats = stats;
    this.#fd = fd;
  }
  get size() {
    return this.stats.size;
  }
  read(offset, length) {
    checkRange(this, offset, length);
    if (length > longestRead) throw this.#tooLong(offset, length);
    const end = offset + length;
    if (end > headLength) return this.#readFrom(offset, length);
    this.#head ??= this.#readFrom(0, Math.min(headLength, this.size));
    return this.#head.subarray(offset, end);
  }
  close() {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }
  #readFrom(offset, length) {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = this.#readSome(bytes, done, offset);
      if (count === 0) {
        throw new ElfError('CHANGED', 'the file became shorter while it was read', {
          path: this.path,
          offset: offset + done,
          expected: `${length} bytes at ${offset}`,
          got: `${done} bytes`,
        });
      }
      done += count;
    }
    return bytes;
  }
  #tooLong(offset, length) {
    return new ElfError('BAD_ELF', 'too much to read at once', {
      path: this.path,
      offset,
      expected: `at most ${longestRead} bytes`,
      got: `${length}`,
      value: length,
    });
  }
  #readSome(bytes, done, offset) {
    try {
      return readSync(this.#fd, bytes, done, bytes.length - done, offset + done);
    } catch (error) {
      throw systemError(this.path, error, 'cannot read');
    }
  }
}
//# sourceMappingURL=file.js.map
