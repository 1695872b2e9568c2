import {createHash} from 'node:crypto';
import type {Stats} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {ElfError} from '../errors.js';
import type {FileSource} from '../source/file.js';
import {overlaySource} from '../source/overlay.js';
import type {OnProgress, Progress} from '../source/progress.js';
import {readInPieces} from '../source/source.js';
import {requireUnchanged, writeFully} from '../write/content.js';

/** What a file of a bundle is, without where it came from. */
export interface Content {
  /** 64 lowercase hexadecimal digits. */
  readonly sha256: string;
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * What a file would be after a plan; nothing is written. A copy is not writable by others, and has no set-ID bits.
 *
 * @param source is closed
 */
export function contentOf(source: FileSource, plan?: Plan, onProgress?: OnProgress): Content {
  return passThrough(source, plan, {step: 'reading', onProgress});
}

/**
 * Write that to an open, empty file, and say what was written: one reading gives both.
 *
 * @param source is closed
 * @throws ElfError CHANGED when it is not what the plan was made for; an error of the system
 */
export function copyContent(
  source: FileSource,
  plan: Plan | undefined,
  output: number,
  onProgress?: OnProgress,
): Content {
  if (plan !== undefined) requireUnchanged(source, plan);
  const write = (bytes: Uint8Array, offset: number) => writeFully(output, bytes, offset);
  return passThrough(source, plan, {step: 'copying', onProgress, write});
}

interface Passing {
  readonly step: Progress['step'];
  readonly onProgress: OnProgress | undefined;
  readonly write?: (bytes: Uint8Array, offset: number) => void;
}

function passThrough(
  source: FileSource,
  plan: Plan | undefined,
  {step, onProgress = () => {}, write = () => {}}: Passing,
): Content {
  try {
    const result = plan === undefined ? source : overlaySource(source, plan.writes, plan.outputSize);
    const hash = createHash('sha256');
    const {path} = source;
    const total = result.size;
    const visit = (bytes: Uint8Array, done: number) => {
      onProgress({step, path, done, total});
      hash.update(bytes);
      write(bytes, done);
      return undefined;
    };
    readInPieces(result, 0, total, visit, 1 << 20);
    return {sha256: hash.digest('hex'), size: total, mode: modeOf(source.stats)};
  } finally {
    source.close();
  }
}

/** What a symbolic link is; the mode is the one that Linux shows of every link. */
export function contentOfLink(target: string): Content {
  return contentOfBytes(new TextEncoder().encode(target), 0o777);
}

/** Whether a link says that already. */
export function saysSo(readLink: () => string | undefined, {sha256}: Pick<Content, 'sha256'>): boolean {
  const target = readLink();
  return target !== undefined && contentOfLink(target).sha256 === sha256;
}

/** What a file of these bytes is that is made here: data that everybody may read, or a script. */
export function contentOfBytes(bytes: Uint8Array, mode = 0o644): Content {
  return {sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, mode};
}

/** The permission bits that a bundled copy gets. */
export function modeOf({mode}: Pick<Stats, 'mode'>): number {
  // What the group or others may not read stays so: it may be a private key.
  return (mode & 0o755) | 0o400;
}

/**
 * Whether a file already has this content; what is not there, or not a regular file, has not.
 *
 * @param wanted without a mode, any will do
 */
export function hasContent(
  open: () => FileSource | undefined,
  wanted: Omit<Content, 'mode'> & {mode?: number},
): boolean {
  const source = openRegular(open);
  if (source === undefined) return false;
  const {size, mode} = source.stats;
  const isAlike = size === wanted.size && (wanted.mode === undefined || (mode & 0o7777) === wanted.mode);
  if (isAlike) return contentOf(source).sha256 === wanted.sha256;
  source.close();
  return false;
}

function openRegular(open: () => FileSource | undefined): FileSource | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof ElfError && error.code === 'NOT_A_FILE') return undefined;
    throw error;
  }
}
