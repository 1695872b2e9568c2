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
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import {dirname} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {fileSource} from '../source/file.js';
import {readInPieces} from '../source/source.js';
import {copyToNew} from './copy.js';
import {syncDirectory} from './durable.js';
import {keepMode, setMetadata} from './metadata.js';
import {temporaryName} from './temporary.js';
/**
 * Carry out a plan; see `applyPlanSync`, which does the same at once.
 *
 * @example
 *   await applyPlan('qemu-arm', planEdit(file.view, {interpreter: '/debootstrap/qemu-libs/ld.so'}));
 */
export async function applyPlan(path, plan, options = {}) {
  return applyPlanSync(path, plan, options);
}
/**
 * Carry out a plan that `planEdit` made for this file. A plan without writes touches nothing, unless `output`
 * asks for a copy.
 *
 * @throws ElfError CHANGED when the file is no longer the one that was planned for, FILE_SYSTEM when it cannot be
 *   written; the file then is as it was
 */
export function applyPlanSync(path, plan, options = {}) {
  if (options.output !== undefined && options.inPlace) {
    throw new ElfError('BAD_REQUEST', 'output and inPlace exclude one another', {path});
  }
  if (options.output !== undefined) return replace(path, plan, options.output);
  if (plan.writes.length === 0) return {path, notes: []};
  const target = resolvePath(path);
  requireWritable(path);
  return options.inPlace ? writeInPlace(target, plan) : replace(target, plan, target);
}
/**
 * Write what a file is after a plan to a name that is free, without the detour of a temporary file: for a directory
 * that nobody looks into yet. An error may leave a part of it.
 *
 * @throws ElfError CHANGED, FILE_SYSTEM
 */
export function applyPlanToNew(path, plan, output) {
  try {
    const stats = copyToNew(path, output, output);
    edit(output, plan, path, stats, stats);
  } catch (error) {
    throw systemError(output, error, 'cannot write');
  }
}
/** Carry out a plan on bytes in memory; the result is new bytes. @throws ElfError CHANGED */
export function applyPlanToBuffer(bytes, plan) {
  const result = new Uint8Array(plan.outputSize);
  const {payload} = plan;
  result.set(bytes.subarray(0, Math.min(payload?.from ?? bytes.length, plan.outputSize)));
  if (payload !== undefined) result.set(bytes.subarray(payload.from), payload.to);
  requireUnchanged({path: plan.path, size: bytes.length, read: (o, n) => bytes.subarray(o, o + n)}, plan);
  for (const write of plan.writes) result.set(write.bytes, write.offset);
  return result;
}
/** Follow symbolic links: the file is edited, not the link replaced. */
function resolvePath(path) {
  try {
    return realpathSync(path);
  } catch (error) {
    throw systemError(path, error, 'cannot open');
  }
}
/** A file that the user may not write is not replaced either, though the directory would allow it. */
function requireWritable(path) {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  }
}
function replace(input, plan, output) {
  const target = existing(output);
  const finalPath = target === undefined ? output : resolvePath(output);
  const temporary = temporaryName(finalPath);
  try {
    const stats = copyToNew(input, temporary, finalPath);
    const notes = edit(temporary, plan, input, stats, target ?? stats);
    renameSync(temporary, finalPath);
    syncDirectory(dirname(finalPath));
    if (output === input && stats.nlink > 1) notes.push(hardLinkNote(stats));
    return {path: finalPath, notes};
  } catch (error) {
    rmSync(temporary, {force: true});
    throw systemError(output, error, 'cannot write');
  }
}
/** The file that stands at the output path, if one does; anything else there is refused. */
function existing(path) {
  const stats = statSync(path, {throwIfNoEntry: false});
  if (stats === undefined || stats.isFile()) return stats;
  throw new ElfError('NOT_A_FILE', 'the output is not a regular file', {path});
}
/** Everything that happens to the copy before it takes its place: the check, the writes, owner, mode, fsync. */
function edit(temporary, plan, input, stats, like) {
  const fd = openSync(temporary, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    requireUnchanged(descriptorSource(fd, input), plan);
    writeAll(fd, plan, input);
    const notes = setMetadata(fd, stats, like);
    fsyncSync(fd);
    return notes;
  } finally {
    closeSync(fd);
  }
}
function descriptorSource(fd, path) {
  return {
    path,
    size: fstatSync(fd).size,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const count = readSync(fd, bytes, done, length - done, offset + done);
        if (count === 0) return bytes.subarray(0, done);
        done += count;
      }
      return bytes;
    },
  };
}
function hardLinkNote({nlink}) {
  return `${nlink - 1} other hard link(s) keep the old content; --in-place would change them too`;
}
/** Refuse a file that is not the one that the plan was made for. */
function requireUnchanged(source, plan) {
  const isSame = ({offset, before}) => {
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
function writeAll(fd, plan, input) {
  if (plan.payload !== undefined) movePayload(fd, plan.payload, input);
  if (plan.outputSize !== plan.inputSize) ftruncateSync(fd, plan.outputSize);
  for (const {offset, bytes} of plan.writes) writeFully(fd, bytes, offset);
  fsyncSync(fd);
}
/** Cut the payload off, so that zeros take its place, and put it from the untouched input to its new one. */
function movePayload(fd, {from, to, size}, input) {
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
function writeFully(fd, bytes, offset) {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
function writeInPlace(path, plan) {
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
    const fd = openSync(path, constants.O_WRONLY);
    try {
      writeAll(fd, plan, path);
    } finally {
      closeSync(fd);
    }
    return {path, notes: keepMode(path, source.stats)};
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  } finally {
    source.close();
  }
}
//# sourceMappingURL=apply.js.map
