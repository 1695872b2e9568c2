/*
 * Who uses which bytes of the dynamic string table?
 *
 * Linkers merge strings that end alike: "ld.so" may be the tail of another entry's "/lib/ld.so". So a string may be
 * overwritten only if no other reference points into it, and a reference into its middle keeps the rest of it alive.
 * References come from DT_* entries, dynamic symbols and both version tables; there are no others, unless the file was
 * prelinked; then every byte counts as used.
 *
 * A table can be tens of megabytes long, and an edit asks about only a few hundred of its bytes. So only the targets of
 * references are stored, in one bit per byte; how far a string extends is looked up on demand.
 */
import {DT, EM, machineDT} from '../../elf/constants.js';
import {stringTags} from '../../elf/dynamic.js';
import {type Dyn, Sym} from '../../elf/records.js';
import {readColumn} from '../../elf/scan.js';
import {dynamicSymbolTable} from '../../elf/symbols.js';
import {readDefinedVersions, readNeededVersions} from '../../elf/versions.js';
import type {ElfView} from '../../elf/view.js';

/** Which bytes of a string table something refers to, each string's terminating NUL included. */
export class StringUse {
  readonly #bytes: Uint8Array;
  readonly #isAll: boolean;
  /** One bit for each byte of the table: whether a reference points at it. */
  readonly #starts: Uint8Array;
  /** The last result of `has`, valid for each byte it scanned: a damaged table may be one long string. */
  #last = {from: 0, to: -1, isUsed: false};

  constructor(bytes: Uint8Array, isAll: boolean) {
    this.#bytes = bytes;
    this.#isAll = isAll;
    this.#starts = new Uint8Array((bytes.length >> 3) + 1);
  }

  /** Record a reference to the string that begins at an offset; one outside the table is ignored. */
  add(start: number): void {
    const index = start >> 3;
    if (start >= this.#bytes.length) return;
    this.#starts[index] = (this.#starts[index] ?? 0) | (1 << (start & 7));
    this.#last = {from: 0, to: -1, isUsed: false};
  }

  /** Whether a reference covers a byte of the table; a byte outside it is not ours and counts as used. */
  has(at: number): boolean {
    if (this.#isAll || at >= this.#bytes.length) return true;
    const {from, to} = this.#last;
    for (let i = at; i >= 0; i--) {
      const isKnown = i >= from && i <= to;
      const isUsed = isKnown ? this.#last.isUsed : this.#isStart(i);
      if (!isKnown && !isUsed && i > 0 && this.#bytes[i - 1] !== 0) continue;
      this.#last = {from: isKnown ? from : i, to: isKnown ? Math.max(to, at) : at, isUsed};
      return isUsed;
    }
    return false;
  }

  /** The end of the unused bytes of the string that begins at an offset, excluding its NUL. */
  endOfUnused(start: number): number {
    if (this.has(start)) return start;
    let end = start;
    while (end < this.#bytes.length && this.#bytes[end] !== 0 && !this.#isStart(end)) end += 1;
    return end;
  }

  #isStart(at: number): boolean {
    return ((this.#starts[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }
}

/** References that an edit is about to remove or redirect, and which therefore do not count. */
export interface Withdrawn {
  /** Indices of dynamic symbols. */
  readonly symbols?: ReadonlySet<number>;
  /** File offsets of Verneed and Vernaux records. */
  readonly versions?: ReadonlySet<number>;
}

/**
 * Mark the used bytes of a string table.
 *
 * @param bytes the table's content, which may change while the result is in use
 * @param entries the dynamic entries that count; others in the file may be about to be removed
 */
export function markUsedStrings(
  view: ElfView,
  bytes: Uint8Array,
  entries: readonly Dyn[],
  {symbols: goneSymbols, versions: goneVersions}: Withdrawn = {},
): StringUse {
  const use = new StringUse(bytes, hasForeignReferences(view));
  use.add(0);
  for (const {d_tag, d_val} of entries) if (stringTags.has(d_tag)) use.add(Number(d_val));
  const symbols = dynamicSymbolTable(view);
  if (symbols !== undefined) {
    const names = readColumn(view, Sym, 'st_name', symbols);
    for (let i = 0; i < names.length; i++) if (!goneSymbols?.has(i)) use.add(names[i] ?? 0);
  }
  for (const {record, offset, versions} of readNeededVersions(view)) {
    if (!goneVersions?.has(offset)) use.add(record.vn_file);
    for (const version of versions) if (!goneVersions?.has(version.offset)) use.add(version.record.vna_name);
  }
  for (const {names} of readDefinedVersions(view)) for (const {record} of names) use.add(record.vda_name);
  return use;
}

/** Prelink's tables and IRIX-style library lists hold string offsets too. */
function hasForeignReferences({dynamic, header}: ElfView): boolean {
  const tags: bigint[] = [DT.DT_GNU_LIBLIST, DT.DT_GNU_CONFLICT, DT.DT_GNU_PRELINKED];
  if (header.e_machine === EM.EM_MIPS) tags.push(machineDT[8].DT_MIPS_LIBLIST);
  return dynamic?.entries.some(({d_tag}) => tags.includes(d_tag)) ?? false;
}
