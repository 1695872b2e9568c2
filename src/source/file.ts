import {constants, fstatSync, openSync, readSync, type Stats, statSync} from 'node:fs';
import {ElfError, systemError} from '../errors.js';
import {closeQuietly} from './descriptor.js';
import {type ByteSource, checkRange} from './source.js';

/** A source that holds an open file. */
export interface FileSource extends ByteSource {
  readonly path: string;
  /** Its stats from when it was opened. */
  readonly stats: Stats;
  /** Open for reading until `close`. */
  readonly fd: number;
  close(): void;
  /**
   * Close it and reuse the memory of what was read for the next file; bytes that `read` returned must not be used after
   * that.
   */
  recycle(): void;
}

/** Most reads are short and close together: `needed` looks at three pages. */
const pageLength = 4096;
/** At most this many pages of one file are kept. */
const mostPages = 64;

/** A larger read must come from a length in a damaged file. Node itself stops at 2 GB. */
const longestRead = 2 ** 30;

/**
 * Open a regular file for reading by range.
 *
 * A FIFO does not block and a device is not read: both are refused, like a directory and a socket.
 *
 * @param name the path for messages, if it is not the one to open
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

/** The error for a path that should be a regular file: it says what the path is instead. */
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
    // A socket cannot be opened at all, so it cannot be examined through a descriptor.
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw notAFile(name, statsOf(path, name));
    throw systemError(name, error, 'cannot open');
  }
}

function statsOf(path: string, name: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw systemError(name, error, 'cannot open');
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  return 'a device';
}

/**
 * Pages are cut from larger pieces of memory: a separate ArrayBuffer for each page costs more than reading the page.
 */
const slabLength = 64 * pageLength;
let slab = new Uint8Array(0);
let used = 0;
/** Pages that are no longer in use. */
const free: Uint8Array[] = [];

function takePage(): Uint8Array {
  const page = free.pop();
  if (page !== undefined) return page;
  if (used === slab.length) {
    slab = new Uint8Array(slabLength);
    used = 0;
  }
  used += pageLength;
  return slab.subarray(used - pageLength, used);
}

class OpenFile implements FileSource {
  readonly path: string;
  readonly stats: Stats;
  readonly size: number;
  #fd: number;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(path: string, fd: number, stats: Stats) {
    this.path = path;
    this.stats = stats;
    this.size = stats.size;
    this.#fd = fd;
  }

  get fd(): number {
    if (this.#fd < 0) throw new ElfError('FILE_SYSTEM', 'the file is closed', {path: this.path});
    return this.#fd;
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this, offset, length);
    if (length > longestRead) throw this.#tooLong(offset, length);
    const within = offset % pageLength;
    if (within + length > pageLength) return this.#readAcross(offset, length);
    return this.#page(offset - within).subarray(within, within + length);
  }

  close(): void {
    if (this.#fd < 0) return;
    closeQuietly(this.#fd);
    this.#fd = -1;
    this.#pages.clear();
  }

  recycle(): void {
    free.push(...this.#pages.values());
    this.close();
  }

  /** A range that is not in one page is joined from two, or, if longer than a page, read directly and not kept. */
  #readAcross(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (length > pageLength) {
      this.#fill(bytes, offset, length);
    } else {
      const within = offset % pageLength;
      const start = offset - within;
      const first = this.#page(start).subarray(within, pageLength);
      bytes.set(first);
      bytes.set(this.#page(start + pageLength).subarray(0, length - first.length), first.length);
    }
    return bytes;
  }

  #page(start: number): Uint8Array {
    const known = this.#pages.get(start);
    if (known !== undefined) return known;
    if (this.#pages.size === mostPages) this.#pages.clear();
    const page = takePage();
    this.#fill(page, start, Math.min(pageLength, this.size - start));
    this.#pages.set(start, page);
    return page;
  }

  #fill(bytes: Uint8Array, offset: number, length: number): void {
    let done = 0;
    while (done < length) {
      const count = this.#readSome(bytes, done, length - done, offset + done);
      if (count === 0) {
        throw new ElfError('CHANGED', 'the file was truncated while being read', {
          path: this.path,
          offset: offset + done,
          expected: `${length} bytes at ${offset}`,
          got: `${done} bytes`,
        });
      }
      done += count;
    }
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

  #readSome(bytes: Uint8Array, at: number, length: number, offset: number): number {
    try {
      return readSync(this.fd, bytes, at, length, offset);
    } catch (error) {
      throw systemError(this.path, error, 'cannot read');
    }
  }
}
