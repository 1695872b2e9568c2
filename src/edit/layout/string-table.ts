/*
 * Add strings to .dynstr and remove them.
 *
 * The table has to stay in one piece: every string is an offset from DT_STRTAB. So a new string reuses an equal one;
 * else it goes into the bytes that the old one frees, else into a hole that an earlier edit left, else after the last
 * string, which makes the table itself grow.
 */

import {DT} from '../../elf/constants.js';
import {stringTags} from '../../elf/dynamic.js';
import type {Dyn} from '../../elf/records.js';
import {byteString, decodeString, encodeString, toByteString} from '../../elf/strings.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import type {Draft} from './draft.js';
import {growStringTable} from './grow-string-table.js';
import {markUsedStrings, type StringUse, type Withdrawn} from './string-use.js';

/** Larger than the .dynstr of any program; this bounds the memory for reading it whole. */
const largestTable = 1 << 28;

/** References to strings that an edit removes, apart from those of dynamic entries. */
export interface PlaceOptions {
  /** The offsets in the table that they referred to. */
  readonly released?: readonly number[];
  /** Which symbols and versions no longer refer to their old strings. */
  readonly withdrawn?: Withdrawn;
}

/**
 * Add the strings of the draft's entries, and others, to the table, and clear those that nothing refers to any more.
 *
 * @returns the offset of each of the others in the table
 * @throws ElfError NO_ROOM when the table cannot grow far enough
 */
export function placeStrings(
  draft: Draft,
  others: readonly string[],
  {released: rest = [], withdrawn = {}}: PlaceOptions = {},
): number[] {
  const entries = draft.entries.filter((entry) => 'text' in entry);
  const texts = new Set([...entries.map(({text}) => text), ...others]);
  const released = [...releasedByEntries(draft), ...rest];
  if (texts.size + released.length === 0) return [];
  const table = readTable(draft.view);
  const use = markUsedStrings(draft.view, table, draft.values, withdrawn);
  const places = findStrings(table, use, texts);
  const home = tableOffset(draft);
  for (const start of released) clearUnused(draft, home, table, use, start);
  const holes = new Holes(table, use, released);
  const behind = [...texts].filter((text) => {
    if (places.has(text)) return false;
    const hole = fillHole(draft, home, holes, encodeString(text));
    if (hole >= 0) places.set(text, hole);
    return hole < 0;
  });
  for (const [text, start] of appendStrings(draft, table, use, behind)) places.set(text, start);
  for (const entry of entries) entry.offset = places.get(entry.text) ?? 0;
  return others.map((text) => places.get(text) ?? 0);
}

/** The strings that an entry of the file refers to, but no entry of the draft. */
function releasedByEntries({view, values}: Draft): number[] {
  const strings = (entries: readonly Dyn[]) =>
    entries.filter(({d_tag}) => stringTags.has(d_tag)).map(({d_val}) => Number(d_val));
  const kept = new Set(strings(values));
  return strings(view.dynamic?.entries ?? []).filter((start) => !kept.has(start));
}

/** Put a string into a hole; -1 when none is large enough. */
function fillHole(draft: Draft, home: number, holes: Holes, bytes: Uint8Array): number {
  const hole = holes.find(bytes.length);
  if (hole < 0) return -1;
  draft.placed(holes.isReleased(hole) ? 'in-place' : 'slack');
  writeString(draft, home + hole, bytes);
  holes.fill(hole, bytes);
  return hole;
}

/** Put strings after the last one; the table grows once for all of them. */
function appendStrings(
  draft: Draft,
  table: Uint8Array,
  use: StringUse,
  texts: readonly string[],
): Map<string, number> {
  const places = new Map<string, number>();
  if (texts.length === 0) return places;
  let end = table.length - freeTail(table, use);
  for (const text of texts) {
    places.set(text, end);
    end += encodeString(text).length;
  }
  growStringTable(draft, end);
  const home = tableOffset(draft);
  for (const [text, start] of places) writeString(draft, home + start, encodeString(text));
  return places;
}

function readTable(view: ElfView): Uint8Array {
  const {dynamic} = view;
  if (dynamic === undefined)
    throw new ElfError('NO_DYNAMIC', 'there is no dynamic section', {path: view.path});
  const {offset, size} = dynamic.stringTable;
  if (size > largestTable) {
    throw new ElfError('BAD_ELF', 'DT_STRSZ is too large', {
      path: view.path,
      expected: `at most ${largestTable}`,
      got: `${size}`,
    });
  }
  return view.source.read(offset, size).slice();
}

/** Find strings that are in the table already, and mark them as used so that they are not cleared. */
function findStrings(table: Uint8Array, use: StringUse, texts: Iterable<string>): Map<string, number> {
  const places = new Map<string, number>();
  for (const [text, starts] of listEqual(table, texts)) {
    // Prefer one in use: one about to be cleared would have to be kept.
    const start = starts.find((at) => use.has(at)) ?? starts[0];
    if (start === undefined) continue;
    use.add(start);
    places.set(text, start);
  }
  return places;
}

/** List the offsets of the given strings in the table, including those at the end of a longer string. */
function listEqual(table: Uint8Array, texts: Iterable<string>): Map<string, number[]> {
  const starts = new Map([...texts].map((text): [string, number[]] => [text, []]));
  const sought = new Map([...starts].map(([text, list]) => [toByteString(text), list]));
  const lengths = [...new Set([...sought.keys()].map(({length}) => length))].sort((a, b) => a - b);
  const longest = lengths.at(-1) ?? 0;
  const lastBytes = new Set([...sought.keys()].map((text) => text.charCodeAt(text.length - 1)));
  // Go from NUL to NUL: a match has to end at one.
  for (let end = table.indexOf(0), start = 0; end >= 0; start = end + 1, end = table.indexOf(0, start)) {
    if (!sought.has('') && !lastBytes.has(table[end - 1] ?? 0)) continue;
    const text = byteString(table.subarray(Math.max(start, end - longest), end));
    for (const length of lengths) {
      if (length > text.length) break;
      sought.get(text.slice(text.length - length))?.push(end - length);
    }
  }
  return starts;
}

/** Zero a string up to the first byte that something else still uses. */
function clearUnused(draft: Draft, home: number, table: Uint8Array, use: StringUse, start: number): void {
  const end = use.endOfUnused(start);
  if (end === start) return;
  draft.clear(
    home + start,
    end - start,
    `the string ${decodeString(table.subarray(start, end))}, no longer used`,
  );
  table.fill(0, start, end);
}

/**
 * Unused zeros after a terminating NUL; those of old strings come first. Filling a hole never creates another one, so
 * the search for a size resumes where the last one for that size ended.
 */
class Holes {
  readonly #table: Uint8Array;
  readonly #use: StringUse;
  readonly #released: readonly number[];
  readonly #isReleased: ReadonlySet<number>;
  readonly #searched = new Map<number, {old: number; at: number}>();

  constructor(table: Uint8Array, use: StringUse, released: readonly number[]) {
    this.#table = table;
    this.#use = use;
    this.#released = released;
    this.#isReleased = new Set(released);
  }

  /** The offset of a hole for `size` bytes, including the NUL; -1 when there is none. */
  find(size: number): number {
    const searched = this.#searched.get(size) ?? {old: 0, at: 0};
    this.#searched.set(size, searched);
    for (; searched.old < this.#released.length; searched.old++) {
      const start = this.#released[searched.old] ?? 0;
      if (this.#isHole(start, size)) return start;
    }
    const hole = this.#findAfter(searched.at, size);
    searched.at = hole < 0 ? this.#table.length : hole - 1;
    return hole;
  }

  isReleased(start: number): boolean {
    return this.#isReleased.has(start);
  }

  fill(hole: number, bytes: Uint8Array): void {
    this.#table.set(bytes, hole);
    this.#use.add(hole);
  }

  #isHole(start: number, size: number): boolean {
    const table = this.#table;
    for (let at = start; at < start + size; at++)
      if (at >= table.length || table[at] !== 0 || this.#use.has(at)) return false;
    return table[start - 1] === 0;
  }

  /** The first hole after the first NUL at or after an offset. */
  #findAfter(from: number, size: number): number {
    const table = this.#table;
    for (let end = table.indexOf(0, from); end >= 0; ) {
      let at = end + 1;
      for (let run = 0; table[at] === 0; at++) {
        run = this.#use.has(at) ? 0 : run + 1;
        if (run === size) return at - size + 1;
      }
      end = table.indexOf(0, at);
    }
    return -1;
  }
}

/** Unused zeros at the end of the table. */
function freeTail(table: Uint8Array, use: StringUse): number {
  let start = table.length;
  while (start > 1 && table[start - 1] === 0 && table[start - 2] === 0 && !use.has(start - 1)) start -= 1;
  return table.length - start;
}

function writeString(draft: Draft, offset: number, bytes: Uint8Array): void {
  draft.write(offset, bytes, `the string ${decodeString(bytes.subarray(0, -1))}`);
}

/** Where the table is in this draft; growing may have moved it. */
function tableOffset(draft: Draft): number {
  const address = draft.value(DT.DT_STRTAB);
  const offset = address === undefined ? undefined : draft.offsetOfAddress(address);
  if (offset !== undefined) return offset;
  throw new ElfError('BAD_ELF', 'DT_STRTAB does not point into the file', {
    path: draft.view.path,
    value: address,
  });
}
