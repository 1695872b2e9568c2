import {closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync} from 'node:fs';
import {ElfError, systemError} from '../errors.js';
import {type ByteSource, checkRange} from './source.js';

/** A source that holds an open file. */
export interface FileSource extends ByteSource {
  readonly path: string;
  readonly stats: Stats;
  close(): void;
}

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
export function fileSource(path: string, name = path): FileSource {
  const fd = open(path, name);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw notAFile(name, stats);
    return new OpenFile(name, fd, stats);
  } catch (error) {
    closeQuietly(fd);
    throw systemError(name, error, 'cannot open');
  }
}

/** Close a descriptor from which everything was read, or whose content is on the disk: nothing can be lost now. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It is closed all the same (close(2)).
  }
}

/** Say what a path is that should have been a regular file. */
export function notAFile(path: string, stats: Stats): ElfError {
  return new ElfError('NOT_A_FILE', 'not a regular file', {
    path,
    expected: 'a regular file',
    got: kindOf(stats),
  });
}

function open(path: string, name: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    // A socket cannot be opened at all, so nothing of it can be asked through a descriptor.
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw notAFile(name, statSync(path));
    throw systemError(name, error, 'cannot open');
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

class OpenFile implements FileSource {
  readonly path: string;
  readonly stats: Stats;
  #fd: number;
  #head: Uint8Array | undefined;

  constructor(path: string, fd: number, stats: Stats) {
    this.path = path;
    this.stats = stats;
    this.#fd = fd;
  }

  get size(): number {
    return this.stats.size;
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this, offset, length);
    if (length > longestRead) throw this.#tooLong(offset, length);
    const end = offset + length;
    if (end > headLength) return this.#readFrom(offset, length);
    this.#head ??= this.#readFrom(0, Math.min(headLength, this.size));
    return this.#head.subarray(offset, end);
  }

  close(): void {
    if (this.#fd < 0) return;
    closeQuietly(this.#fd);
    this.#fd = -1;
  }

  #readFrom(offset: number, length: number): Uint8Array {
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

  #tooLong(offset: number, length: number): ElfError {
    return new ElfError('BAD_ELF', 'too much to read at once', {
      path: this.path,
      offset,
      expected: `at most ${longestRead} bytes`,
      got: `${length}`,
      value: length,
    });
  }

  #readSome(bytes: Uint8Array, done: number, offset: number): number {
    try {
      return readSync(this.#fd, bytes, done, bytes.length - done, offset + done);
    } catch (error) {
      throw systemError(this.path, error, 'cannot read');
    }
  }
}
