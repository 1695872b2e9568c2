import type {Range} from '../../source/range-set.js';
import {type ByteSource, isZero} from '../../source/source.js';
import type {Draft} from './draft.js';

/**
 * Are bytes that no header describes meaningless? Zeros are. So are the letters X and Z if section headers show that
 * nothing is there: patchelf overwrites a section that it moved with X, since 0.15 with Z.
 */
export function isFiller(
  draft: Draft,
  {offset, size}: Range,
  bytes: Pick<ByteSource, 'read'> = draft,
): boolean {
  if (size === 0 || isZero(bytes, offset, size)) return true;
  const [first] = bytes.read(offset, 1);
  if (draft.sectionHeaders.length === 0 || size > mostFiller || (first !== letterX && first !== letterZ))
    return false;
  return bytes.read(offset, size).every((byte) => byte === first || byte === 0);
}

const letterX = 0x58;
const letterZ = 0x5a;

/** A generous limit for the size of a moved table. */
const mostFiller = 1 << 24;
