/*
 * Adding a string to .dynstr and taking one out.
 *
 * The table has to stay in one piece: readers and ld.so take every string as an offset from DT_STRTAB. So a new
 * string goes, in this order: where an equal one stands already; into the bytes that the old one leaves free;
 * into a hole that an earlier edit left; behind the last string, and then the table itself grows.
 */

import {DT} from '../elf/constants.js';
import {decodeString, encodeString} from '../elf/strings.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import type {Draft} from './draft.js';
import {growStringTable} from './grow-table.js';
import {markUsedStrings, type StringUse} from './string-use.js';

/** A larger .dynstr than any program has; reading it whole would not be bounded memory. */
const largestTable = 1 << 28;

/**
 * Make a string part of the table and clear the strings that nothing refers to any more.
 *
 * `draft.entries` must already lack the entries that go.
 *
 * @param released offsets in the table that an entry referred to before this edit
 * @returns the offset of the string in the table
 */
export function placeString(draft: Draft, text: string | undefined, released: readonly number[]): number {
  const table = readTable(draft.view);
  const use = markUsedStrings(draft.view, table, draft.entries);
  const wanted = text === undefined ? undefined : encodeString(text);
  const present = wanted === undefined ? -1 : findString(table, use, wanted);
  if (present >= 0 && wanted !== undefined) use.fill(1, present, present + wanted.length);
  for (const start of released) clearUnused(draft, table, use, start);
  if (wanted === undefined) return -1;
  if (present >= 0) return present;
  const hole = findHole(table, use, wanted.length, released);
  if (hole >= 0) {
    draft.climb(released.includes(hole) ? 1 : 2);
    writeInto(draft, hole, wanted);
    return hole;
  }
  const start = table.length - freeTail(table, use);
  growStringTable(draft, start + wanted.length);
  writeInto(draft, start, wanted);
  return start;
}

function readTable(view: ElfView): Uint8Array {
  const {dynamic} = view;
  if (dynamic === undefined)
    throw new ElfError('NO_DYNAMIC', 'there is no dynamic section', {path: view.path});
  const {offset, size} = dynamic.stringTable;
  if (size > largestTable) {
    throw new ElfError('BAD_ELF', 'absurd DT_STRSZ', {
      path: view.path,
      expected: `at most ${largestTable}`,
      got: `${size}`,
    });
  }
  return view.source.read(offset, size).slice();
}

/** Find an equal string, in use by preference: one that is about to be cleared would have to be kept for it. */
function findString(table: Uint8Array, use: StringUse, wanted: Uint8Array): number {
  const text = oneUnitPerByte.decode(table);
  const sought = oneUnitPerByte.decode(wanted);
  let unused = -1;
  for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + 1)) {
    if (use[at] === 1) return at;
    if (unused < 0) unused = at;
  }
  return unused;
}

/** Decodes every byte to one distinct character, so that offsets in text and bytes are the same. */
const oneUnitPerByte = new TextDecoder('latin1');

/** Zero a string up to the first byte that something else still uses. */
function clearUnused(draft: Draft, table: Uint8Array, use: StringUse, start: number): void {
  let end = start;
  while (end < table.length && use[end] === 0 && table[end] !== 0) end += 1;
  if (end === start) return;
  draft.clear(
    tableOffset(draft) + start,
    end - start,
    `the string ${decodeString(table.subarray(start, end))}, no longer used`,
  );
  table.fill(0, start, end);
}

/** Find unused zeros behind a terminating NUL; first where an old string was. */
function findHole(table: Uint8Array, use: StringUse, size: number, released: readonly number[]): number {
  const isFree = (at: number) => at < table.length && use[at] === 0 && table[at] === 0;
  const old = released.find((start) => {
    for (let i = start; i < start + size; i++) if (!isFree(i)) return false;
    return table[start - 1] === 0;
  });
  if (old !== undefined) return old;
  for (let at = 1, run = 0; at < table.length; at++) {
    const begins = run === 0 && table[at - 1] !== 0;
    run = isFree(at) && !begins ? run + 1 : 0;
    if (run === size) return at - size + 1;
  }
  return -1;
}

/** Unused zeros at the end of the table. */
function freeTail(table: Uint8Array, use: StringUse): number {
  let start = table.length;
  while (start > 1 && use[start - 1] === 0 && table[start - 1] === 0 && table[start - 2] === 0) start -= 1;
  return table.length - start;
}

function writeInto(draft: Draft, start: number, bytes: Uint8Array): void {
  draft.write(tableOffset(draft) + start, bytes, `the string ${decodeString(bytes.subarray(0, -1))}`);
}

/** Where the table lies in this draft; growing may have moved it. */
function tableOffset(draft: Draft): number {
  const address = draft.entries.find((entry) => entry.d_tag === DT.DT_STRTAB)?.d_val;
  const offset = address === undefined ? undefined : draft.offsetOfAddress(address);
  if (offset !== undefined) return offset;
  throw new ElfError('BAD_ELF', 'DT_STRTAB does not lead into the file', {
    path: draft.view.path,
    value: address,
  });
}
