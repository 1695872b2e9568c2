import {ElfError} from '../errors.js';
import {bufferSource} from '../source/buffer.js';
import {type FileSource, fileSource} from '../source/file.js';
import {ElfView} from './view.js';

/** An ELF file that is open for reading. Close it, or let `await using` do so. */
export interface ElfFile {
  readonly path: string | undefined;
  readonly view: ElfView;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** How to open a file. */
export interface OpenOptions {
  /**
   * Whether closing hands the memory of what was read to the next file, for callers that take a few strings from each
   * of thousands of files and use none of a file's bytes after closing it.
   */
  readonly recycle?: boolean;
}

/**
 * Open an ELF file. Only its header is read; everything else is read when needed.
 *
 * @throws ElfError FILE_SYSTEM, NOT_A_FILE, NOT_ELF, TRUNCATED or BAD_ELF
 * @example
 *   await using file = await openElf('/usr/bin/qemu-arm');
 *   console.log(file.view.interpreter?.path, file.view.dynamic?.needed);
 */
export async function openElf(path: string): Promise<ElfFile> {
  return openElfSync(path);
}

/** Like `openElf`, but synchronous. */
export function openElfSync(path: string, options?: OpenOptions): ElfFile {
  return openElfSource(fileSource(path), options);
}

/** View a file that is already open. It is closed with the view, or at once if it is not an ELF file. */
export function openElfSource(source: FileSource, {recycle = false}: OpenOptions = {}): ElfFile {
  try {
    return elfFile(source.path, new ElfView(source), () => (recycle ? source.recycle() : source.close()));
  } catch (error) {
    source.close();
    throw error;
  }
}

/**
 * View bytes in memory as an ELF file; no file system is touched.
 *
 * @example
 *   const {view} = openElfBuffer(await readFile('qemu-arm'));
 *   console.log(view.interpreter?.path);
 */
export function openElfBuffer(bytes: Uint8Array | ArrayBuffer): ElfFile {
  return elfFile(undefined, new ElfView(bufferSource(plainBytes(bytes))), () => undefined);
}

/** Test the tag, because an instance from another realm, as in a test runner's sandbox, fails `instanceof`. */
function plainBytes(bytes: Uint8Array | ArrayBuffer): Uint8Array {
  const kind = Object.prototype.toString.call(bytes).slice('[object '.length, -1);
  if (kind === 'Uint8Array') return bytes as Uint8Array;
  if (kind === 'ArrayBuffer') return new Uint8Array(bytes as ArrayBuffer);
  throw new ElfError('BAD_REQUEST', 'not bytes', {
    expected: 'a Uint8Array or an ArrayBuffer',
    got: typeof bytes,
  });
}

function elfFile(path: string | undefined, view: ElfView, release: () => void): ElfFile {
  const close = async () => release();
  return {path, view, close, [Symbol.asyncDispose]: close};
}
