/*
 * What an edit in place is about to write over. It waits in a workspace beside the file, and on the disk, until the
 * edit is there itself: a table that moves by a few bytes is half of each in between, and no later edit could make
 * sense of that. If the process is killed, the next edit in the same directory writes the old bytes back
 * (workspace.ts).
 *
 * The record names the file and its inode. What is neither the old byte nor the new one was written by somebody else
 * since, and then the record is no longer true.
 */
import {constants, fstatSync, fsyncSync, ftruncateSync, openSync} from 'node:fs';
import {join} from 'node:path';
import type {Plan} from '../edit/plan.js';
import {closeQuietly, descriptorPath} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import type {ByteSource} from '../source/source.js';
import {descriptorSource, writeFully} from './content.js';
import {keepMode} from './metadata.js';

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

/** Longer ones would not fit into a string. */
const longestRecord = 1 << 28;

/** Write a record into an empty file, and to the disk. */
export function writeUndoRecord(fd: number, name: string, inode: number, plan: Plan): void {
  const {inputSize, outputSize} = plan;
  const writes = plan.writes.map(({offset, before, bytes}): Piece => {
    return {offset, before: toBase64(before), bytes: toBase64(bytes)};
  });
  const record: UndoRecord = {name, inode, inputSize, outputSize, writes};
  writeFully(fd, Buffer.from(JSON.stringify(record)), 0);
  fsyncSync(fd);
}

/**
 * Make a file what it was before the edit that left a record.
 *
 * @param directory that of the file
 * @returns its name; undefined when there is nothing to undo
 * @throws an error of the system; the record is still true then
 */
export function undoRecorded(directory: DirFd, workspace: DirFd, recordName: string): string | undefined {
  const record = readRecord(workspace, recordName);
  if (record === undefined) return undefined;
  const source = directory.open(record.name);
  if (source === undefined) return undefined;
  try {
    if (source.stats.ino !== record.inode || stateOf(source.fd, record) !== 'between') return undefined;
    const fd = openSync(descriptorPath(source.fd, join(directory.real, record.name)), constants.O_RDWR);
    try {
      writeBack(fd, record);
    } finally {
      closeQuietly(fd);
    }
    return record.name;
  } finally {
    source.close();
  }
}

/** Undefined for one that was not finished: nothing had been written into the file then. */
function readRecord(workspace: DirFd, name: string): UndoRecord | undefined {
  const source = workspace.open(name);
  if (source === undefined) return undefined;
  try {
    if (source.size > longestRecord) return undefined;
    return JSON.parse(Buffer.from(source.read(0, source.size)).toString()) as UndoRecord;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    source.close();
  }
}

/** Whether all is old, all is new, or each byte is one of the two; anything else is another file by now. */
function stateOf(fd: number, record: UndoRecord): 'old' | 'new' | 'between' | 'other' {
  const now = descriptorSource(fd, record.name);
  const {inputSize, outputSize} = record;
  if (now.size < Math.min(inputSize, outputSize) || now.size > Math.max(inputSize, outputSize))
    return 'other';
  let [isOld, isNew] = [now.size === inputSize, now.size === outputSize];
  for (const piece of record.writes) {
    const [before, bytes] = [Buffer.from(piece.before, 'base64'), Buffer.from(piece.bytes, 'base64')];
    const current = readAvailable(now, piece.offset, bytes.length);
    isNew &&= bytes.equals(current);
    // After the old end, what is not written yet is zero.
    const isOldByte = (byte: number, i: number) => byte === (before[i] ?? 0);
    isOld &&= current.every(isOldByte);
    if (!current.every((byte, i) => isOldByte(byte, i) || byte === bytes[i])) return 'other';
  }
  return isOld ? 'old' : isNew ? 'new' : 'between';
}

function readAvailable(source: ByteSource, offset: number, length: number): Uint8Array {
  return source.read(offset, Math.max(0, Math.min(length, source.size - offset)));
}

function writeBack(fd: number, {inputSize, writes}: UndoRecord): void {
  const stats = fstatSync(fd);
  for (const {offset, before} of writes) writeFully(fd, Buffer.from(before, 'base64'), offset);
  ftruncateSync(fd, inputSize);
  keepMode(fd, stats);
  fsyncSync(fd);
}

function toBase64({buffer, byteOffset, length}: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('base64');
}
