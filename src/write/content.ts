/*
 * Write the bytes of a plan to an open file or to a copy in memory. The caller makes sure that the file may be changed;
 * this code makes sure that it is the one the plan was made for.
 */
import {fstatSync, ftruncateSync, readSync, writeSync} from 'node:fs';
import type {PayloadMove, Plan, Write} from '../edit/plan.js';
import {ElfError} from '../errors.js';
import {type ByteSource, isSameBytes, readInPieces} from '../source/source.js';

/**
 * Carry out a plan on bytes in memory; the result is new bytes.
 *
 * @throws ElfError CHANGED, BAD_REQUEST for what is not a plan
 * @example
 *   const bytes = await readFile('qemu-arm');
 *   const patched = applyPlanToBuffer(bytes, planEdit(openElfBuffer(bytes).view, {runpath: '$ORIGIN/lib'}));
 *   console.log(openElfBuffer(patched).view.dynamic?.runpath); // $ORIGIN/lib
 */
export function applyPlanToBuffer(bytes: Uint8Array, plan: Plan): Uint8Array {
  requirePlan(undefined, plan);
  const result = new Uint8Array(plan.outputSize);
  const {payload} = plan;
  result.set(bytes.subarray(0, Math.min(payload?.from ?? bytes.length, plan.outputSize)));
  if (payload !== undefined) result.set(bytes.subarray(payload.from), payload.to);
  requireUnchanged({path: plan.path, size: bytes.length, read: (o, n) => bytes.subarray(o, o + n)}, plan);
  for (const write of plan.writes) result.set(write.bytes, write.offset);
  return result;
}

/**
 * Refuse what is not a plan: one that went through JSON looks like a plan except for its bytes. @throws ElfError
 * BAD_REQUEST
 */
export function requirePlan(path: string | undefined, plan: Plan): void {
  const isBytes = (value: unknown) => value instanceof Uint8Array;
  if (plan?.writes?.every?.((write) => isBytes(write.bytes) && isBytes(write.before))) return;
  throw new ElfError('BAD_REQUEST', 'not an edit plan', {
    path,
    expected: 'the result of planEdit, or a structuredClone of it; JSON does not preserve its bytes',
  });
}

/** Refuse a file other than the one the plan was made for. @throws ElfError CHANGED */
export function requireUnchanged(source: ByteSource, plan: Plan): void {
  const isSame = ({offset, before}: Write) => {
    if (before.length === 0) return offset >= (plan.payload?.from ?? source.size);
    if (offset + before.length > source.size) return false;
    return isSameBytes(before, source.read(offset, before.length));
  };
  if (source.size === plan.inputSize && plan.writes.every(isSame)) return;
  throw new ElfError('CHANGED', 'the file changed after the edit was planned', {
    path: source.path,
    expected: `the original ${plan.inputSize} bytes`,
    got: source.size === plan.inputSize ? 'different content' : `${source.size} bytes`,
  });
}

/** Read an open file as it is now. */
export function descriptorSource(fd: number, path: string): ByteSource {
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

/**
 * Write a plan's changes to an open file that has the content the plan was made for.
 *
 * @param untouched a source of that content, from which a payload is moved
 */
export function writePlan(fd: number, plan: Plan, untouched: ByteSource): void {
  if (plan.payload !== undefined) movePayload(fd, plan.payload, untouched);
  if (plan.outputSize !== plan.inputSize) ftruncateSync(fd, plan.outputSize);
  for (const {offset, bytes} of plan.writes) writeFully(fd, bytes, offset);
}

/** What a plan knows of the content before it. */
export interface OldContent {
  readonly inputSize: number;
  readonly writes: readonly {readonly offset: number; readonly before: Uint8Array}[];
}

/**
 * Undo `writePlan` as far as it got. Only bytes that differ are written: past a limit (setrlimit(2), RLIMIT_FSIZE) the
 * kernel refuses even those that are there already.
 *
 * @throws an error of the system; the file is damaged then
 */
export function unwritePlan(fd: number, {writes, inputSize}: OldContent): void {
  const now = descriptorSource(fd, '');
  for (const {offset, before} of writes) {
    const old = before.subarray(0, Math.max(0, inputSize - offset));
    if (!isSameBytes(old, now.read(offset, old.length))) writeFully(fd, old, offset);
  }
  if (fstatSync(fd).size !== inputSize) ftruncateSync(fd, inputSize);
}

/** Cut off the payload, so that zeros replace it, and copy it from the untouched input to its new place. */
function movePayload(fd: number, {from, to, size}: PayloadMove, untouched: ByteSource): void {
  ftruncateSync(fd, from);
  const put = (bytes: Uint8Array, offset: number) => {
    writeFully(fd, bytes, offset - from + to);
    return undefined;
  };
  readInPieces(untouched, from, size, put, 1 << 20);
}

export function writeFully(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
