const pageLength = 4096;
/**
 * Keep the pages that were read. What a loader asks of a library is a few dozen short strings that lie close to
 * one another; this makes three or four system calls of them.
 */
export function pagedSource(inner) {
  const pages = new Map();
  const page = (start) => {
    const bytes = pages.get(start) ?? inner.read(start, Math.min(pageLength, inner.size - start));
    pages.set(start, bytes);
    return bytes;
  };
  return {
    path: inner.path,
    size: inner.size,
    read(offset, length) {
      const start = offset - (offset % pageLength);
      const outside = offset < 0 || length < 0 || offset + length > inner.size;
      if (outside || offset + length > start + pageLength) return inner.read(offset, length);
      return page(start).subarray(offset - start, offset - start + length);
    },
  };
}
//# sourceMappingURL=paged.js.map
