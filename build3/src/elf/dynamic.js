/*
 * The dynamic section, as ld.so finds it: by PT_DYNAMIC, up to the first DT_NULL.
 *
 * Behind that DT_NULL most linkers leave more of them. They are the room in which an entry can be added without
 * moving anything, so the view counts them.
 */
import {ElfError} from '../errors.js';
import {readInPieces} from '../source/source.js';
import {DT} from './constants.js';
import {Dyn} from './records.js';
import {readString} from './strings.js';
/** Every tag whose value is an offset into the dynamic string table. */
export const stringTags = new Set([
  DT.DT_NEEDED,
  DT.DT_SONAME,
  DT.DT_RPATH,
  DT.DT_RUNPATH,
  DT.DT_CONFIG,
  DT.DT_DEPAUDIT,
  DT.DT_AUDIT,
  DT.DT_AUXILIARY,
  DT.DT_FILTER,
]);
/** More entries than any real file has; a damaged one may claim gigabytes of them. */
const mostEntries = 1 << 16;
export class DynamicSection {
  /** File offset of the first entry. */
  offset;
  address;
  /** The entries before the first DT_NULL, in order. */
  entries;
  /** Slots of the section, the DT_NULLs included. */
  capacity;
  /** False when no DT_NULL ends the section: ld.so would run on into what follows. */
  terminated;
  #view;
  #stringTable;
  constructor(view, segment) {
    const {elfClass} = view.format;
    const size = Dyn.size(elfClass);
    this.#view = view;
    this.offset = segment.p_offset;
    this.address = segment.p_vaddr;
    this.capacity = Math.floor(segment.p_filesz / size);
    const readable = Math.min(this.capacity, mostEntries);
    this.entries = readEntries(view, segment.p_offset, readable);
    this.terminated = this.entries.length < readable;
  }
  /** The last entry with this tag, as ld.so takes it (it fills l_info in order); undefined when there is none. */
  value(d_tag) {
    return this.entries.findLast((entry) => entry.d_tag === d_tag)?.d_val;
  }
  /** The string that the last entry with this tag refers to. */
  string(d_tag) {
    const value = this.value(d_tag);
    return value === undefined ? undefined : this.stringAt(value);
  }
  /** The strings of all entries with this tag, in order. */
  strings(d_tag) {
    return this.entries.filter((entry) => entry.d_tag === d_tag).map((entry) => this.stringAt(entry.d_val));
  }
  /** DT_NEEDED, in order. */
  get needed() {
    return this.strings(DT.DT_NEEDED);
  }
  get soname() {
    return this.string(DT.DT_SONAME);
  }
  get rpath() {
    return this.string(DT.DT_RPATH);
  }
  get runpath() {
    return this.string(DT.DT_RUNPATH);
  }
  /**
   * The dynamic string table, from DT_STRTAB and DT_STRSZ.
   *
   * @throws ElfError BAD_ELF when it is not there or does not lie in the file
   */
  get stringTable() {
    this.#stringTable ??= this.#findStringTable();
    return this.#stringTable;
  }
  #findStringTable() {
    const address = this.value(DT.DT_STRTAB);
    const size = this.value(DT.DT_STRSZ);
    const offset = address === undefined ? undefined : this.#view.offsetOfAddress(address);
    if (address === undefined || size === undefined || offset === undefined) {
      throw this.#bad('DT_STRTAB does not lead to a string table', address);
    }
    if (offset + Number(size) > this.#view.source.size)
      throw this.#bad('DT_STRSZ leads outside the file', size);
    return {address, offset, size: Number(size)};
  }
  /** The string at an offset of the dynamic string table. */
  stringAt(index) {
    const {offset, size} = this.stringTable;
    if (index >= BigInt(size)) throw this.#bad('a string offset lies outside DT_STRTAB', index);
    return readString(this.#view.source, offset, size, Number(index));
  }
  #bad(what, value) {
    return new ElfError('BAD_ELF', what, {
      path: this.#view.path,
      offset: this.offset,
      got: value === undefined ? 'nothing' : `0x${value.toString(16)}`,
      value,
    });
  }
}
/** Read entries up to the first DT_NULL, a few kilobytes at a time: p_filesz of a damaged file may be anything. */
function readEntries(view, offset, capacity) {
  const size = Dyn.size(view.format.elfClass);
  const entries = [];
  let terminated = false;
  const visit = (bytes) => {
    for (let at = 0; at < bytes.length && !terminated; at += size) {
      const entry = Dyn.decode(bytes, view.format, at);
      terminated = entry.d_tag === DT.DT_NULL;
      if (!terminated) entries.push(entry);
    }
    return !terminated;
  };
  readInPieces(view.source, offset, capacity * size, visit, 256 * size);
  return entries;
}
//# sourceMappingURL=dynamic.js.map
