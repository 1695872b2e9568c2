import {createHash} from 'node:crypto';
import {type Stats, statSync} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {fileSource} from '../source/file.js';
import {overlaySource} from '../source/overlay.js';
import {readInPieces} from '../source/source.js';

/** What a file of a bundle is, without where it came from. */
export interface Content {
  /** 64 lowercase hexadecimal digits. */
  readonly sha256: string;
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
}

/** What a file would be after a plan; nothing is written. A bundled file is never setuid, nor writable by others. */
export function contentOf(path: string, plan?: Plan): Content {
  const source = fileSource(path);
  try {
    const result = plan === undefined ? source : overlaySource(source, plan.writes, plan.outputSize);
    const hash = createHash('sha256');
    readInPieces(result, 0, result.size, (bytes) => void hash.update(bytes), 1 << 20);
    return {sha256: hash.digest('hex'), size: result.size, mode: modeOf(source.stats)};
  } finally {
    source.close();
  }
}

/** What a file of these bytes is: data that everybody may read, or a script. */
export function contentOfBytes(bytes: Uint8Array, mode = 0o644): Content {
  return {sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, mode};
}

/** The permission bits that a bundled copy gets. */
export function modeOf({mode}: Stats): number {
  return (mode & 0o755) | 0o444;
}

/** Whether the file at a path already has this content. */
export function hasContent(path: string, wanted: Content): boolean {
  const stats = statSync(path, {throwIfNoEntry: false});
  if (stats === undefined || !stats.isFile() || stats.size !== wanted.size) return false;
  return (stats.mode & 0o7777) === wanted.mode && contentOf(path).sha256 === wanted.sha256;
}
