import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {isSameBytes} from '../../source/source.js';
import type {Promised} from './promise.js';

/** Refuse a plan: a bug in elfinterp, not a problem with the file. */
export function failCheck(view: ElfView, what: string, expected: string, got: string): never {
  throw new ElfError('CHECK_FAILED', `internal error, nothing was written: ${what}`, {
    path: view.path,
    expected,
    got,
  });
}

/** Does a plan write into a range of the file? */
export function isWritten({writes}: Promised, offset: number, size: number): boolean {
  return writes.some((write) => write.offset < offset + size && write.offset + write.bytes.length > offset);
}

interface FileRange {
  readonly p_offset: number;
  readonly p_filesz: number;
}

/** Require that a range before the edit has the same bytes as another range after it. */
export function requireSameBytes(
  before: ElfView,
  after: ElfView,
  old: FileRange,
  now: FileRange,
  name: string,
): void {
  const piece = 1 << 16;
  for (let done = 0; done < old.p_filesz; done += piece) {
    const length = Math.min(piece, old.p_filesz - done);
    const a = before.source.read(old.p_offset + done, length);
    const b = after.source.read(now.p_offset + done, length);
    if (!isSameBytes(a, b)) failCheck(before, `${name} would hold other bytes`, 'the same', 'different ones');
  }
}
