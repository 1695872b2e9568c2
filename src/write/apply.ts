/*
 * The only code that changes an ELF file.
 *
 * By default the file is replaced: a copy beside it (made by the kernel, shared where the file system can), the
 * writes, fsync, mode and owner, rename, fsync of the directory. Whoever opens the path sees the old file or the
 * new one, also after a crash, and a program that is running keeps its old file. With `inPlace` only the changed
 * bytes are written into the file itself; that is for huge files and for those whose inode must stay.
 */
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import {dirname} from 'node:path';
import type {PayloadMove, Plan, Write} from '../edit/plan.js';
import {ElfError, systemError} from '../errors.js';
import {fileSource} from '../source/file.js';
import {type ByteSource, readInPieces} from '../source/source.js';
import {syncDirectory} from './durable.js';
import {createTemporary} from './temporary.js';

export interface ApplyOptions {
  /** Write the result here and leave the input as it is. An existing file is replaced. */
  readonly output?: string | undefined;
  /** Write the changed bytes into the file itself. An interruption may leave some of them unwritten. */
  readonly inPlace?: boolean | undefined;
}

/** What applying a plan could not keep, or did otherwise than one might expect. */
export interface Applied {
  /** The file that has the result. */
  readonly path: string;
  readonly notes: readonly string[];
}

/**
 * Carry out a plan; see `applyPlanSync`, which does the same at once.
 *
 * @example
 *   await applyPlan('qemu-arm', planEdit(file.view, {interpreter: '/debootstrap/qemu-libs/ld.so'}));
 */
export async function applyPlan(path: string, plan: Plan, options: ApplyOptions = {}): Promise<Applied> {
  return applyPlanSync(path, plan, options);
}

/**
 * Carry out a plan that `planEdit` made for this file. A plan without writes touches nothing, unless `output`
 * asks for a copy.
 *
 * @throws ElfError CHANGED when the file is no longer the one that was planned for, FILE_SYSTEM when it cannot be
 *   written; the file then is as it was
 */
export function applyPlanSync(path: string, plan: Plan, options: ApplyOptions = {}): Applied {
  if (options.output !== undefined && options.inPlace) {
    throw new ElfError('BAD_REQUEST', 'output and inPlace exclude one another', {path});
  }
  if (options.output !== undefined) return replace(path, plan, options.output);
  if (plan.writes.length === 0) return {path, notes: []};
  const target = resolvePath(path);
  requireWritable(path);
  return options.inPlace ? writeInPlace(target, plan) : replace(target, plan, target);
}

/** Carry out a plan on bytes in memory; the result is new bytes. @throws ElfError CHANGED */
export function applyPlanToBuffer(bytes: Uint8Array, plan: Plan): Uint8Array {
  const result = new Uint8Array(plan.outputSize);
  const {payload} = plan;
  result.set(bytes.subarray(0, Math.min(payload?.from ?? bytes.length, plan.outputSize)));
  if (payload !== undefined) result.set(bytes.subarray(payload.from), payload.to);
  requireUnchanged({path: plan.path, size: bytes.length, read: (o, n) => bytes.subarray(o, o + n)}, plan);
  for (const write of plan.writes) result.set(write.bytes, write.offset);
  return result;
}

/** Follow symbolic links: the file is edited, not the link replaced. */
function resolvePath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw systemError(path, error, 'cannot open');
  }
}

/** A file that the user may not write is not replaced either, though the directory would allow it. */
function requireWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  }
}

function replace(input: string, plan: Plan, output: string): Applied {
  const target = existing(output);
  const finalPath = target === undefined ? output : resolvePath(output);
  const temporary = createTemporary(finalPath);
  try {
    const stats = copyChecked(input, plan, temporary);
    writeAll(temporary, plan, input);
    const notes = restoreMetadata(
      temporary,
      output === input ? stats : (target ?? stats),
      stats,
      output !== input,
    );
    renameSync(temporary, finalPath);
    syncDirectory(dirname(finalPath));
    return {path: finalPath, notes};
  } catch (error) {
    rmSync(temporary, {force: true});
    throw systemError(output, error, 'cannot write');
  }
}

/** The file that stands at the output path, if one does; anything else there is refused. */
function existing(path: string): Stats | undefined {
  const stats = statSync(path, {throwIfNoEntry: false});
  if (stats === undefined || stats.isFile()) return stats;
  throw new ElfError('NOT_A_FILE', 'the output is not a regular file', {path});
}

function copyChecked(input: string, plan: Plan, temporary: string): Stats {
  const source = fileSource(input);
  try {
    requireUnchanged(source, plan);
    copyFileSync(input, temporary, constants.COPYFILE_FICLONE);
    return source.stats;
  } finally {
    source.close();
  }
}

/** Refuse a file that is not the one that the plan was made for. */
function requireUnchanged(source: ByteSource, plan: Plan): void {
  const isSame = ({offset, before}: Write) => {
    if (before.length === 0) return offset >= (plan.payload?.from ?? source.size);
    if (offset + before.length > source.size) return false;
    const now = source.read(offset, before.length);
    return before.every((byte, i) => byte === now[i]);
  };
  if (source.size === plan.inputSize && plan.writes.every(isSame)) return;
  throw new ElfError('CHANGED', 'the file changed after the edit was planned', {
    path: source.path,
    expected: `the ${plan.inputSize} bytes of then`,
    got: source.size === plan.inputSize ? 'other content' : `${source.size} bytes`,
  });
}

function writeAll(path: string, plan: Plan, input: string): void {
  const fd = openSync(path, constants.O_WRONLY);
  try {
    if (plan.payload !== undefined) movePayload(fd, plan.payload, input);
    if (plan.outputSize !== plan.inputSize) ftruncateSync(fd, plan.outputSize);
    for (const {offset, bytes} of plan.writes) writeFully(fd, bytes, offset);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Cut the payload off, so that zeros take its place, and put it from the untouched input to its new one. */
function movePayload(fd: number, {from, to, size}: PayloadMove, input: string): void {
  ftruncateSync(fd, from);
  const source = fileSource(input);
  try {
    readInPieces(
      source,
      from,
      size,
      (bytes, offset) => {
        writeFully(fd, bytes, offset - from + to);
        return undefined;
      },
      1 << 20,
    );
  } finally {
    source.close();
  }
}

function writeFully(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}

/** Owner first, then mode: chown clears the setuid bit. */
function restoreMetadata(temporary: string, like: Stats, input: Stats, isCopy: boolean): string[] {
  const notes: string[] = [];
  const temporaryStats = statSync(temporary);
  if (temporaryStats.uid !== like.uid || temporaryStats.gid !== like.gid) {
    try {
      chownSync(temporary, like.uid, like.gid);
    } catch {
      notes.push(`the owner ${like.uid}:${like.gid} could not be kept`);
    }
  }
  const keepsOwner = notes.length === 0;
  // Somebody else's setuid bit on a file that is now ours would grant what nobody granted.
  chmodSync(temporary, keepsOwner ? input.mode & 0o7777 : input.mode & 0o777);
  if (!isCopy && input.nlink > 1) {
    notes.push(
      `${input.nlink - 1} other hard link(s) keep the old content; --in-place would change them too`,
    );
  }
  return notes;
}

function writeInPlace(path: string, plan: Plan): Applied {
  if (plan.payload !== undefined) {
    throw new ElfError(
      'BAD_REQUEST',
      'the data behind the program cannot move while the file is written in place',
      {
        path,
      },
    );
  }
  const source = fileSource(path);
  try {
    requireUnchanged(source, plan);
    writeAll(path, plan, path);
    return {path, notes: []};
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  } finally {
    source.close();
  }
}
