/*
 * A package's tarball, unpacked as far as an audit needs: ELF files and package.json, into a directory of our own.
 *
 * The archive is not trusted. npm's own archives hold plain files below one directory and nothing else, so anything
 * else is an error: links, devices, absolute paths, `..`, a duplicate name. Its cost is bounded: the number of entries,
 * the bytes unpacked, and their ratio to the length of the file. It is read as a stream, and only the first chunk of a
 * file that is not ELF is looked at.
 */
import {mkdirSync, openSync, writeSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {ElfError, printable, systemError} from '../errors.js';
import {closeQuietly} from '../source/descriptor.js';
import {fileSource} from '../source/file.js';
import {elfMagic, isElfMagic} from '../source/source.js';

/** Loaded only for a tarball. */
type ReadEntry = import('tar').ReadEntry;

/** Limits for a package; the largest on npm has some 30,000 entries and 1 GB. */
const unpackLimits = {entries: 100_000, bytes: 4 * 2 ** 30, ratio: 250, name: 1024} as const;

/** How much of the ratio a small archive gets for free. */
const freeBytes = 2 ** 26;
const chunkSize = 1 << 16;

/**
 * Unpack a tarball into an existing, empty directory that only we can enter.
 *
 * @throws ElfError BAD_PACKAGE for an archive that is damaged or hostile, FILE_SYSTEM
 */
export async function unpackPackage(tarball: string, into: string): Promise<void> {
  const {Parser} = await import('tar');
  const source = fileSource(tarball);
  const unpacking = new Unpacking(tarball, source.size, into);
  const parser = new Parser({
    strict: true,
    maxMetaEntrySize: 1 << 16,
    maxDecompressionRatio: unpackLimits.ratio * 4,
    onReadEntry: (entry) => unpacking.take(entry),
  });
  let failure: unknown;
  parser.on('error', (error: unknown) => {
    failure ??= error;
  });
  try {
    for (let at = 0; at < source.size && failure === undefined; at += chunkSize) {
      const bytes = source.read(at, Math.min(chunkSize, source.size - at));
      // A copy: the parser keeps pieces of it, and the source uses its memory again.
      const isReady = parser.write(Buffer.from(bytes));
      unpacking.requireSound();
      if (!isReady) await nextTurn();
    }
    let isEnded = false;
    parser.once('end', () => {
      isEnded = true;
    });
    if (failure === undefined) parser.end();
    // Entries are taken as they come, so that nothing is left to wait for; an archive that is cut off never ends.
    if (!isEnded) await nextTurn();
    failure ??= isEnded ? undefined : new Error('unexpected end');
    unpacking.requireSound();
    if (failure !== undefined) throw badArchive(tarball, failure);
    unpacking.requireSomething();
  } finally {
    source.close();
    unpacking.close();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** tar reports what is wrong with an archive as errors with its own codes. */
function badArchive(path: string, cause: unknown): unknown {
  if (cause instanceof ElfError) return cause;
  const {message = String(cause)} = cause as Error;
  return new ElfError('BAD_PACKAGE', 'not a readable package tarball', {
    path,
    got: printable(message),
    cause,
  });
}

/** One unpacking: what was taken so far, and what went wrong. */
class Unpacking {
  readonly #path: string;
  readonly #into: string;
  readonly #mostBytes: number;
  readonly #names = new Set<string>();
  #bytes = 0;
  #open: number | undefined;
  #error: unknown;

  constructor(path: string, size: number, into: string) {
    this.#path = path;
    this.#into = into;
    this.#mostBytes = Math.min(unpackLimits.bytes, freeBytes + size * unpackLimits.ratio);
  }

  /** Take up an entry; it is read to its end even where it is not wanted. */
  take(entry: ReadEntry): void {
    try {
      const name = this.#admit(entry);
      if (name === undefined || this.#error !== undefined) {
        entry.resume();
        return;
      }
      this.#read(entry, name);
    } catch (error) {
      this.#error ??= error;
      entry.resume();
    }
  }

  /** @throws what went wrong with an entry */
  requireSound(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  requireSomething(): void {
    if (this.#names.size === 0) throw this.#bad('the archive is empty', 'files below one directory', 'none');
  }

  close(): void {
    if (this.#open !== undefined) closeQuietly(this.#open);
    this.#open = undefined;
  }

  /** The path in the package; undefined for what is passed over. @throws ElfError BAD_PACKAGE */
  #admit({path, type, size}: ReadEntry): string | undefined {
    if (this.#names.size >= unpackLimits.entries)
      throw this.#bad('too many entries in the archive', `at most ${unpackLimits.entries}`, 'more');
    if (path.length > unpackLimits.name)
      throw this.#bad(
        'a name in the archive is too long',
        `at most ${unpackLimits.name} characters`,
        `${path.length}`,
      );
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    if (path.startsWith('/') || parts.includes('..') || /[\0\\]/.test(path))
      throw this.#bad('an entry points outside the package', 'paths below one directory', printable(path));
    if (!fileTypes.has(type))
      throw this.#bad(
        `the archive contains something other than files and directories: ${printable(path)}`,
        'files and directories',
        type,
      );
    this.#bytes += size;
    if (this.#bytes > this.#mostBytes)
      throw this.#bad('the unpacked archive is too large', `at most ${this.#mostBytes} bytes`, 'more');
    const name = parts.slice(1).join('/');
    if (type === 'Directory' || name === '') return undefined;
    if (this.#names.has(name))
      throw this.#bad(`the archive contains a file twice: ${printable(name)}`, 'each once', 'two');
    this.#names.add(name);
    return name;
  }

  #read(entry: ReadEntry, name: string): void {
    let head: Buffer = Buffer.alloc(0);
    let isWanted: boolean | undefined = name === 'package.json' ? true : undefined;
    entry.on('data', (chunk: Buffer) => {
      if (isWanted === undefined) {
        head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
        if (head.length < elfMagic.length) return;
        isWanted = isElfMagic(head.subarray(0, elfMagic.length));
        this.#write(isWanted, name, head);
      } else {
        this.#write(isWanted, name, chunk);
      }
    });
    entry.on('end', () => this.close());
  }

  #write(isWanted: boolean, name: string, bytes: Buffer): void {
    if (!isWanted || this.#error !== undefined) return;
    try {
      this.#open ??= this.#create(name);
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#open, bytes, at);
    } catch (error) {
      this.#error ??= systemError(this.#path, error, 'cannot unpack');
    }
  }

  #create(name: string): number {
    const path = join(this.#into, name);
    mkdirSync(dirname(path), {recursive: true, mode: 0o700});
    return openSync(path, 'wx', 0o600);
  }

  #bad(what: string, expected: string, got: string): ElfError {
    return new ElfError('BAD_PACKAGE', what, {path: this.#path, expected, got});
  }
}

const fileTypes: ReadonlySet<string> = new Set([
  'File',
  'OldFile',
  'ContiguousFile',
  'Directory',
  'GNUDumpDir',
]);

/** Whether a file looks like a tarball: gzip, or tar's own mark. @throws ElfError FILE_SYSTEM, NOT_A_FILE */
export function isTarball(path: string): boolean {
  const source = fileSource(path);
  try {
    const head = Buffer.from(source.read(0, Math.min(263, source.size)));
    const isGzip = head.length > 2 && head[0] === 0x1f && head[1] === 0x8b;
    return isGzip || head.toString('latin1', 257, 262) === 'ustar';
  } finally {
    source.close();
  }
}
