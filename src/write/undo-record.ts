/*
 * What an edit in place is about to write over. It waits in a workspace beside the file, and on the disk, until the
 * edit is there itself: a table that moves by a few bytes is half of each in between, and no later edit could make
 * sense of that. If the process is killed, the next edit in the same directory writes the old bytes back
 * (workspace.ts).
 *
 * The record names the file and its inode. If any byte is neither the old nor the new one, another process has written
 * to the file since, and the record is ignored. Set-ID bits and capabilities that the writing removed are not restored.
 */
import {constants, fstatSync, fsyncSync, openSync} from 'node:fs';
import {join} from 'node:path';
import type {Plan} from '../edit/plan.js';
import {closeQuietly, descriptorPath} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import type {FileSource} from '../source/file.js';
import type {ByteSource} from '../source/source.js';
import {descriptorSource, unwritePlan, writeFully} from './content.js';
import {keepMode} from './metadata.js';
import {requireOwnLink} from './own-link.js';

interface UndoRecord {
  /** In the directory that the workspace is in. */
  readonly name: string;
  readonly inode: number;
  readonly inputSize: number;
  readonly outputSize: number;
  readonly writes: readonly Piece[];
}

/** The old bytes and the new ones, in Base64. */
interface Piece {
  readonly offset: number;
  readonly before: string;
  readonly bytes: string;
}

/** In bytes. Nothing that is larger is kept: anybody may put a record into an archive, and reading it takes memory. */
const longestRecord = 1 << 24;

/** Write a record into an empty file, and to the disk; none if it would be too long. */
export function writeUndoRecord(fd: number, name: string, inode: number, plan: Plan): void {
  const {inputSize, outputSize} = plan;
  const size = plan.writes.reduce(
    (sum, {before, bytes}) => sum + 100 + 1.5 * (before.length + bytes.length),
    0,
  );
  if (size > longestRecord) return;
  const writes = plan.writes.map(({offset, before, bytes}): Piece => {
    return {offset, before: toBase64(before), bytes: toBase64(bytes)};
  });
  const record: UndoRecord = {name, inode, inputSize, outputSize, writes};
  writeFully(fd, Buffer.from(JSON.stringify(record)), 0);
  fsyncSync(fd);
}

/** A file that an interrupted edit left half written. */
export interface HalfWritten extends Disposable {
  /** In the directory that the workspace is in. */
  readonly name: string;
  /** Make it what it was before the edit. @throws ElfError UNTRUSTED_LINK, or an error of the system */
  undo(): void;
}

/**
 * Find the file that a record belongs to; undefined if it is not half written.
 *
 * @param directory that of the file
 */
export function findHalfWritten(
  directory: DirFd,
  workspace: DirFd,
  recordName: string,
): HalfWritten | undefined {
  const record = readRecord(workspace, recordName);
  const source = record && openRecorded(directory, record);
  if (record === undefined || source === undefined) return undefined;
  const {name} = record;
  return {
    name,
    undo() {
      requireOwnLink(source.stats, directory.stats);
      const fd = openSync(descriptorPath(source.fd, join(directory.real, name)), constants.O_RDWR);
      try {
        // It may have changed since it was found.
        if (isHalfWritten(fd, record)) writeBack(fd, record);
      } finally {
        closeQuietly(fd);
      }
    },
    [Symbol.dispose]() {
      source.close();
    },
  };
}

function openRecorded(directory: DirFd, record: UndoRecord): FileSource | undefined {
  let source: FileSource | undefined;
  try {
    source = directory.open(record.name);
    if (source?.stats.ino === record.inode && isHalfWritten(source.fd, record)) return source;
  } catch {
    // Another kind of file has the name by now.
  }
  source?.close();
  return undefined;
}

/** Undefined for one that was not finished: nothing had been written into the file then. */
function readRecord(workspace: DirFd, name: string): UndoRecord | undefined {
  try {
    const source = workspace.open(name);
    if (source === undefined) return undefined;
    try {
      if (source.size > longestRecord) return undefined;
      const record: unknown = JSON.parse(Buffer.from(source.read(0, source.size)).toString());
      return isRecord(record) ? record : undefined;
    } finally {
      source.close();
    }
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is UndoRecord {
  const {name, inode, inputSize, outputSize, writes} = (value ?? {}) as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    !/[/\0]|^\.{0,2}$/.test(name) &&
    [inode, inputSize, outputSize].every(isCount) &&
    Array.isArray(writes) &&
    writes.every(
      (piece) =>
        isCount(piece?.offset) && [piece.before, piece.bytes].every((text) => typeof text === 'string'),
    )
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Whether a file has some of the new bytes, and otherwise the old ones; with any other byte it is another file by now. */
function isHalfWritten(fd: number, {name, inputSize, outputSize, writes}: UndoRecord): boolean {
  const now = descriptorSource(fd, name);
  if (now.size < Math.min(inputSize, outputSize) || now.size > Math.max(inputSize, outputSize)) return false;
  let [isOld, isNew] = [now.size === inputSize, now.size === outputSize];
  for (const piece of writes) {
    const [before, bytes] = [Buffer.from(piece.before, 'base64'), Buffer.from(piece.bytes, 'base64')];
    const current = readAvailable(now, piece.offset, bytes.length);
    isNew &&= bytes.equals(current);
    // After the old end, what is not written yet is zero.
    const isOldByte = (byte: number, i: number) => byte === (before[i] ?? 0);
    isOld &&= current.every(isOldByte);
    if (!current.every((byte, i) => isOldByte(byte, i) || byte === bytes[i])) return false;
  }
  return !isOld && !isNew;
}

function readAvailable(source: ByteSource, offset: number, length: number): Uint8Array {
  return source.read(offset, Math.max(0, Math.min(length, source.size - offset)));
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
