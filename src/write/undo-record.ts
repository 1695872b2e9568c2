/*
 * What an edit in place is about to write over. It waits in a workspace beside the file, and on the disk, until the
 * edit is there itself: a table that moves by a few bytes is half of each in between, and no later edit could make
 * sense of that. If the process is killed, the next edit in the same directory writes the old bytes back
 * (stale-workspaces.ts).
 *
 * What a record says is written into a file, perhaps by root, so it must be made by this user in this very workspace: it
 * names the workspace's mark (mark.ts).
 *
 * The old bytes are written back only if every byte is the old or the new one, and nothing has written to the file long
 * after the record was made: a later edit may have left the same bytes on purpose. Set-ID bits and capabilities that
 * the writing removed are not restored.
 */
import {type BigIntStats, constants, fstatSync, fsyncSync, lstatSync, openSync, unlinkSync} from 'node:fs';
import {join} from 'node:path';
import type {Plan} from '../edit/plan.js';
import {closeQuietly, descriptorPath} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import type {FileSource} from '../source/file.js';
import type {ByteSource} from '../source/source.js';
import {descriptorSource, unwritePlan, writeFully} from './content.js';
import {identifyMark, madeAt} from './mark.js';
import {keepMode} from './metadata.js';
import {requireOwnLink} from './own-link.js';
import {clockName, markName} from './workspace-names.js';

/** Inodes and times, which may be too large for a number, are in decimal. */
interface UndoRecord {
  /** The mark of the workspace that the record was made in. */
  readonly mark: string;
  /** In the directory that the workspace is in. */
  readonly name: string;
  readonly inode: string;
  readonly inputSize: number;
  /** Never smaller. */
  readonly outputSize: number;
  readonly writes: readonly Piece[];
}

/** The old bytes, as far as the file reached, and the new ones, in Base64. */
interface Piece {
  readonly offset: number;
  readonly before: string;
  readonly bytes: string;
}

/** In milliseconds, longer than it takes to write bytes that are ready in memory. */
export const longestWrite = 60_000;

/** In bytes. Nothing that is larger is kept: reading it takes memory. */
const longestRecord = 1 << 24;

/** Write a record into an empty file of a workspace, and to the disk; none if it would be too long. */
export function writeUndoRecord(fd: number, workspace: DirFd, name: string, inode: bigint, plan: Plan): void {
  const {inputSize, outputSize} = plan;
  const size = plan.writes.reduce(
    (sum, {before, bytes}) => sum + 100 + 1.5 * (before.length + bytes.length),
    0,
  );
  const mark = markOf(workspace);
  if (size > longestRecord || mark === undefined) return;
  const writes = plan.writes.map(({offset, before, bytes}): Piece => {
    return {offset, before: toBase64(before), bytes: toBase64(bytes)};
  });
  const record: UndoRecord = {
    mark: identifyMark(mark),
    name,
    inode: String(inode),
    inputSize,
    outputSize,
    writes,
  };
  writeFully(fd, Buffer.from(JSON.stringify(record)), 0);
  fsyncSync(fd);
}

function markOf(workspace: DirFd): BigIntStats | undefined {
  return lstatSync(workspace.at(markName), {bigint: true, throwIfNoEntry: false});
}

/** A record as it was read. */
export interface Recorded {
  readonly record: UndoRecord;
  readonly mark: BigIntStats;
  /** When it was written. */
  readonly time: bigint;
  /** Whether it was made in the workspace that it was found in. */
  readonly isOurs: boolean;
}

/**
 * Read a record.
 *
 * @returns undefined for one that was not finished: nothing had been written into the file then
 * @throws ElfError, or an error of the system
 */
export function readUndoRecord(workspace: DirFd, name: string): Recorded | undefined {
  const mark = markOf(workspace);
  using entry = workspace.openPath(name);
  if (mark === undefined || !entry?.stats.isFile() || entry.stats.size > longestRecord) return undefined;
  const source = entry.source();
  try {
    const record = parse(source.read(0, source.size));
    const isOurs = mark.isFile() && record?.mark === identifyMark(mark);
    return record && {record, mark, time: entry.bigStats.mtimeNs, isOurs};
  } finally {
    source.close();
  }
}

function parse(bytes: Uint8Array): UndoRecord | undefined {
  try {
    const record: unknown = JSON.parse(Buffer.from(bytes).toString());
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is UndoRecord {
  const {mark, name, inode, inputSize, outputSize, writes} = (value ?? {}) as Record<string, unknown>;
  return (
    typeof mark === 'string' &&
    typeof name === 'string' &&
    !/[/\0]|^\.{0,2}$/.test(name) &&
    typeof inode === 'string' &&
    isCount(inputSize) &&
    isCount(outputSize) &&
    inputSize <= outputSize &&
    Array.isArray(writes) &&
    writes.every((piece) => isPiece(piece, inputSize, outputSize))
  );
}

/** Whether a piece is in the new file, and has all that the old file had there. */
function isPiece(value: unknown, inputSize: number, outputSize: number): value is Piece {
  const {offset, before, bytes} = (value ?? {}) as Record<string, unknown>;
  if (!isCount(offset) || typeof before !== 'string' || typeof bytes !== 'string') return false;
  const length = Buffer.byteLength(bytes, 'base64');
  const old = Math.min(length, Math.max(0, inputSize - offset));
  return offset + length <= outputSize && Buffer.byteLength(before, 'base64') === old;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** The file of a record, open. */
export class RecordedFile implements Disposable {
  /** The name that it has now. */
  readonly name: string;
  readonly #source: FileSource;
  readonly #directory: DirFd;
  readonly #recorded: Recorded;

  constructor(name: string, source: FileSource, directory: DirFd, recorded: Recorded) {
    this.name = name;
    this.#source = source;
    this.#directory = directory;
    this.#recorded = recorded;
  }

  /** Whether it has some of the new bytes and otherwise the old ones, for whatever reason. @throws an error of the system */
  get looksHalfWritten(): boolean {
    return compare(this.#source.fd, this.#recorded.record) === 'half written';
  }

  /** `changed` if another process has written to it since the edit. @throws an error of the system */
  state(): 'half written' | 'whole' | 'changed' {
    const {record, mark, time} = this.#recorded;
    const state = compare(this.#source.fd, record);
    if (state !== 'half written') return state;
    const {mtimeNs, ctimeNs} = fstatSync(this.#source.fd, {bigint: true});
    const isSince = ctimeNs >= madeAt(mark) && mtimeNs - time <= BigInt(longestWrite) * 1_000_000n;
    return isSince ? state : 'changed';
  }

  /** Make it what it was before the edit, and sync it. @throws ElfError UNTRUSTED_LINK, or an error of the system */
  undo(workspace: DirFd, recordName: string): void {
    requireOwnLink(fstatSync(this.#source.fd), this.#directory.stats);
    const fd = openSync(this.#path, constants.O_RDWR);
    try {
      // An undo that is killed can be repeated, whenever that is.
      renew(workspace.at(recordName));
      writeBack(fd, this.#recorded.record);
    } finally {
      closeQuietly(fd);
    }
  }

  /** @throws an error of the system */
  sync(): void {
    fsyncSync(this.#source.fd);
  }

  get #path(): string {
    return descriptorPath(this.#source.fd, join(this.#directory.real, this.name));
  }

  [Symbol.dispose](): void {
    this.#source.close();
  }
}

/** Find the file of a record, under whatever name; undefined if it is gone. @throws ElfError, or an error of the system */
export function openRecorded(directory: DirFd, recorded: Recorded): RecordedFile | undefined {
  const {name, inode} = recorded.record;
  const found = inodeOf(directory, name) === inode ? name : findInode(directory, inode);
  if (found === undefined) return undefined;
  const source = directory.open(found);
  if (source === undefined) return undefined;
  if (String(fstatSync(source.fd, {bigint: true}).ino) === inode)
    return new RecordedFile(found, source, directory, recorded);
  source.close();
  return undefined;
}

/** The inode of the regular file that has this name; undefined if there is none. */
export function inodeOf(directory: DirFd, name: string): string | undefined {
  const stats = lstatSync(directory.at(name), {bigint: true, throwIfNoEntry: false});
  return stats?.isFile() ? String(stats.ino) : undefined;
}

function findInode(directory: DirFd, inode: string): string | undefined {
  return directory.names().find((name) => inodeOf(directory, name) === inode);
}

/** Compare a file with a record. If it has any other byte, it was changed since. */
function compare(
  fd: number,
  {name, inputSize, outputSize, writes}: UndoRecord,
): ReturnType<RecordedFile['state']> {
  const now = descriptorSource(fd, name);
  if (now.size < inputSize || now.size > outputSize) return 'changed';
  let [isOld, isNew] = [now.size === inputSize, now.size === outputSize];
  for (const piece of writes) {
    const [before, bytes] = [Buffer.from(piece.before, 'base64'), Buffer.from(piece.bytes, 'base64')];
    const current = readAvailable(now, piece.offset, bytes.length);
    isNew &&= bytes.equals(current);
    // After the old end, what is not written yet is zero.
    const isOldByte = (byte: number, i: number) => byte === (before[i] ?? 0);
    isOld &&= current.every(isOldByte);
    if (!current.every((byte, i) => isOldByte(byte, i) || byte === bytes[i])) return 'changed';
  }
  return isOld || isNew ? 'whole' : 'half written';
}

function readAvailable(source: ByteSource, offset: number, length: number): Uint8Array {
  return source.read(offset, Math.max(0, Math.min(length, source.size - offset)));
}

/** The time of now in milliseconds, by the clock of the file system of a workspace: a server may have another one. */
export function timeIn(workspace: DirFd): number {
  const path = workspace.at(clockName);
  const fd = openSync(path, 'w', 0o600);
  try {
    writeFully(fd, Buffer.from('\n'), 0);
    return fstatSync(fd).ctimeMs;
  } finally {
    closeQuietly(fd);
    unlinkSync(path);
  }
}

/** Give a record the time of now by the clock of its file system, as `touch` would by that of this machine. */
function renew(path: string): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    writeFully(fd, Buffer.from('{'), 0);
    fsyncSync(fd);
  } finally {
    closeQuietly(fd);
  }
}

function writeBack(fd: number, {inputSize, writes}: UndoRecord): void {
  const stats = fstatSync(fd);
  const old = writes.map(({offset, before}) => ({offset, before: Buffer.from(before, 'base64')}));
  unwritePlan(fd, {inputSize, writes: old});
  keepMode(fd, stats);
  fsyncSync(fd);
}

function toBase64({buffer, byteOffset, length}: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('base64');
}
