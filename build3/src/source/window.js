/** Read small pieces that lie near one another through one larger window, so that a walk costs few system calls. */
export function windowSource(inner, windowLength = 1 << 16) {
  let start = 0;
  let bytes = new Uint8Array(0);
  return {
    path: inner.path,
    size: inner.size,
    read(offset, length) {
      if (length >= windowLength || offset < 0 || offset + length > inner.size)
        return inner.read(offset, length);
      if (offset < start || offset + length > start + bytes.length) {
        start = Math.max(0, Math.min(offset, inner.size - windowLength));
        bytes = inner.read(start, Math.min(windowLength, inner.size - start)).slice();
      }
      return bytes.subarray(offset - start, offset - start + length);
    },
  };
}
//# sourceMappingURL=window.js.map
