import {ElfError} from '../errors.js';
import {contentOf} from './contents.js';
/** The source of a file that a bundle makes itself. */
export const generated = 'generated';
/** The files by path; the same one twice is one, two different ones under one path are a conflict. */
export class FileSet {
  #files = new Map();
  /** @throws ElfError CONFLICT with both files and the reasons for both */
  add(file) {
    const there = this.#files.get(file.path);
    if (there === undefined) this.#files.set(file.path, file);
    else if (!isSame(there, file)) {
      throw new ElfError('CONFLICT', `two different files would be ${file.path}`, {
        expected: `${there.source} (${there.why})`,
        got: `${file.source} (${file.why})`,
        value: file.path,
      });
    }
  }
  has({path, identity}) {
    return this.#files.get(path)?.identity === identity;
  }
  get(path) {
    return this.#files.get(path);
  }
  list() {
    return [...this.#files.values()];
  }
}
/** Copies of one file, as packages have them, are no conflict either. */
function isSame(a, b) {
  if (a.role !== b.role) return false;
  if (a.identity === b.identity) return true;
  return (
    a.content === undefined &&
    b.content === undefined &&
    contentOf(a.from.source(a.source)).sha256 === contentOf(b.from.source(b.source)).sha256
  );
}
//# sourceMappingURL=file-set.js.map
