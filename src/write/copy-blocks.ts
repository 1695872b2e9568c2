/*
 * Copy block by block: private from the start, unlike the system's own copies, and bypassing the page cache if it is
 * large. The copy has to reach the disk before it is committed anyway; in the cache it would only evict what others
 * need, and then be waited for (`npm run bench:edit` measures a gigabyte).
 *
 * O_DIRECT requires addresses and lengths that are multiples of the disk's block size (open(2)). The only memory in
 * JavaScript known to be page-aligned is that of WebAssembly.
 */
import {closeSync, constants, ftruncateSync, openSync, readSync, type Stats, statfsSync} from 'node:fs';
import type {FileSource} from '../source/file.js';
import {leadingZeros} from '../source/source.js';
import {writeFully} from './content.js';

/** Node has it, but only the browser types declare it, and these are not wanted here. */
declare const WebAssembly: {Memory: new (pages: {initial: number}) => {readonly buffer: ArrayBuffer}};

/** Smaller programs are likely to be run soon, and are better kept in the cache. */
const leastSize = 1 << 28;

const block = 4096;
const pagesOfMemory = 64;
/** Smaller ones are not worth a write of their own. */
const smallestHole = 1 << 16;

/**
 * Local file systems that may not support shared blocks; on a network file system the server copies better
 * (linux/magic.h).
 */
const suitable: ReadonlySet<number> = new Set([0xef53 /* ext2, ext3, ext4 */, 0x58465342 /* xfs */]);

/** Whether a direct copy of a file pays: a large one, with no holes that would be filled. */
export function isWorthDirect(stats: Stats, copy: string): boolean {
  return stats.size >= leastSize && !hasHoles(stats) && suitable.has(statfsSync(copy).type);
}

/** Whether a file takes less of the disk than its length. The system's own copies fill the holes. */
export function hasHoles({size, blocks}: Stats): boolean {
  return blocks * 512 < size;
}

/**
 * Copy an open file into another, which is empty. Where the file has holes, zeros of whole pieces are left out.
 *
 * @param direct the copy's path by descriptor, to write it bypassing the cache
 * @throws an error of the system; the copy may then be partial
 */
export function copyBlocks(
  {fd: from, stats}: FileSource,
  copy: number,
  direct: string | undefined,
  report: (done: number) => void,
): void {
  const put = hasHoles(stats) ? writeNonZero : writeFully;
  if (direct === undefined) {
    copyAll(from, stats.size, copy, put, report);
  } else {
    const to = openSync(direct, constants.O_WRONLY | constants.O_DIRECT);
    try {
      copyAll(from, stats.size, to, put, report);
    } finally {
      closeSync(to);
    }
  }
  ftruncateSync(copy, stats.size);
}

function copyAll(
  from: number,
  size: number,
  to: number,
  put: (to: number, bytes: Uint8Array, offset: number) => void,
  report: (done: number) => void,
): void {
  const memory = new Uint8Array(new WebAssembly.Memory({initial: pagesOfMemory}).buffer);
  // Not to the end of the file: its owner may go on writing for ever.
  for (let offset = 0, count = 1; count > 0 && offset < size; offset += count) {
    const most = Math.min(memory.length, size - offset);
    count = 0;
    for (let more = 1; more > 0 && count < most; count += more)
      more = readSync(from, memory, count, most - count, offset + count);
    const length = Math.ceil(count / block) * block;
    memory.fill(0, count, length);
    put(to, memory.subarray(0, length), offset);
    report(offset + count);
  }
}

function writeNonZero(to: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += smallestHole) {
    const piece = bytes.subarray(at, at + smallestHole);
    if (leadingZeros(piece) < piece.length) writeFully(to, piece, offset + at);
  }
}
