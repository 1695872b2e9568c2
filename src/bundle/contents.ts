import {createHash} from 'node:crypto';
import type {Stats} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {ElfError} from '../errors.js';
import type {FileSource} from '../source/file.js';
import {overlaySource} from '../source/overlay.js';
import type {OnProgress, Progress} from '../source/progress.js';
import {readInPieces} from '../source/source.js';
import {requireUnchanged, writeFully} from '../write/content.js';

/** What a bundled file contains, regardless of where it came from. */
export interface Content {
  /** 64 lowercase hexadecimal digits. */
  readonly sha256: string;
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * What a file would contain once a plan is applied; nothing is written. A copy is not writable by others, and has no
 * set-ID bits.
 *
 * @param source is closed
 */
export function contentOf(source: FileSource, plan?: Plan, onProgress?: OnProgress): Content {
  return passThrough(source, plan, {step: 'reading', onProgress});
}

/**
 * Write that to an open, empty file and return what was written, reading the source only once.
 *
 * @param source is closed
 * @throws ElfError CHANGED if the source is not what the plan was made for; a system error
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

/** The content of a symbolic link is its target; the mode is the one that Linux shows for every link. */
export function contentOfLink(target: string): Content {
  return contentOfBytes(new TextEncoder().encode(target), 0o777);
}

/** Whether a link already has that target. */
export function saysSo(readLink: () => string | undefined, {sha256}: Pick<Content, 'sha256'>): boolean {
  const target = readLink();
  return target !== undefined && contentOfLink(target).sha256 === sha256;
}

/** The content of a generated file with these bytes: world-readable data, or a script. */
export function contentOfBytes(bytes: Uint8Array, mode = 0o644): Content {
  return {sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, mode};
}

/** The permission bits that a bundled copy gets. */
export function modeOf({mode}: Pick<Stats, 'mode'>): number {
  // A file that the group or others may not read stays unreadable for them: it may be a private key.
  return (mode & 0o755) | 0o400;
}

/**
 * Whether a file already has this content; false if it is missing or not a regular file.
 *
 * @param wanted if it has no mode, any mode matches
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
