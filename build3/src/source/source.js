import {ElfError} from '../errors.js';
/** Check that a range lies inside a source, as each implementation of `read` does first. */
export function checkRange(source, offset, length) {
  if (offset >= 0 && length >= 0 && offset + length <= source.size) return;
  throw new ElfError('TRUNCATED', 'the file ends too early', {
    path: source.path,
    offset,
    expected: `${length} bytes`,
    got: `${Math.max(0, source.size - Math.max(0, offset))} bytes`,
    value: length,
  });
}
/**
 * Visit a range of any length in pieces of at most `pieceLength` bytes, so that memory stays bounded.
 * The visitor ends the walk early by returning false.
 */
export function readInPieces(source, offset, length, visit, pieceLength = 1 << 16) {
  for (let done = 0; done < length; done += pieceLength) {
    const piece = source.read(offset + done, Math.min(pieceLength, length - done));
    if (visit(piece, offset + done) === false) return;
  }
}
//# sourceMappingURL=source.js.map
