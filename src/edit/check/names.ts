/*
 * Does every dynamic symbol still have its old name?
 *
 * A name changes if its bytes or its st_name change. The writes of a plan show both, so hardly any name is read: the
 * string tables before and after are compared as bytes, and a name is read only if its st_name changed or points into
 * what differs.
 */
import {Sym} from '../../elf/records.js';
import {readColumn} from '../../elf/scan.js';
import {readStringBytes} from '../../elf/strings.js';
import {dynamicSymbolTable, eachSymbol, readVersym} from '../../elf/symbols.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {RangeSet} from '../../source/range-set.js';
import {isSameBytes} from '../../source/source.js';
import {isWritten} from './fail.js';
import type {Promised} from './promise.js';

/** Offsets in a string table, from `start` up to, but not including, `end`. */
interface Zone {
  start: number;
  end: number;
}

/** The index of the first of `count` symbols whose name changed; undefined when there is none. */
export function findRenamed(
  before: ElfView,
  after: ElfView,
  plan: Promised,
  count: number,
): number | undefined {
  const [old, now] = [dynamicSymbolTable(before), dynamicSymbolTable(after)];
  if (old === undefined || now === undefined || count === 0)
    return old === now || count === 0 ? undefined : 0;
  const zones = changedStrings(before, after, plan);
  const size = count * Sym.size(before.format.elfClass);
  const isUntouched = old.offset === now.offset && !isWritten(plan, old.offset, size);
  if (zones.length === 0 && isUntouched) return undefined;
  const names = readColumn(before, Sym, 'st_name', {offset: old.offset, count});
  const namesNow = isUntouched ? names : readColumn(after, Sym, 'st_name', {offset: now.offset, count});
  const low = zones[0]?.start ?? 0;
  const high = zones.at(-1)?.end ?? 0;
  const changed = new RangeSet(zones.map(({start, end}) => ({offset: start, size: end - start})));
  for (let i = 0; i < count; i++) {
    const [a, b] = [names[i] ?? 0, namesNow[i] ?? 0];
    if (a === b && (a < low || a >= high || changed.endAt(a) === undefined)) continue;
    if (!isSameName(before, a, after, b)) return i;
  }
  return undefined;
}

function isSameName(before: ElfView, a: number, after: ElfView, b: number): boolean {
  const [x, y] = [nameAt(before, a), nameAt(after, b)];
  return x.length === y.length && isSameBytes(x, y);
}

/** A name outside the table counts as empty, before and after. */
function nameAt(view: ElfView, index: number): Uint8Array {
  const {offset = 0, size = 0} = view.dynamic?.stringTable ?? {};
  return index >= size ? new Uint8Array() : readStringBytes(view.source, offset, size, index);
}

/** The ranges of offsets at which a string may have changed, disjoint and in order. */
function changedStrings(before: ElfView, after: ElfView, plan: Promised): Zone[] {
  const [old, now] = [before.dynamic?.stringTable, after.dynamic?.stringTable];
  if (old === undefined || now === undefined) return [];
  const common = Math.min(old.size, now.size);
  const changed =
    old.offset === now.offset
      ? writtenParts(plan, old.offset, common)
      : differences(before, old.offset, after, now.offset, common);
  if (now.size < old.size) changed.push({start: common, end: old.size});
  return changed.map(({start, end}) => ({start: startOfString(before, old.offset, start), end}));
}

function writtenParts({writes}: Promised, offset: number, size: number): Zone[] {
  return writes
    .map((write) => ({
      start: Math.max(0, write.offset - offset),
      end: Math.min(size, write.offset + write.bytes.length - offset),
    }))
    .filter(({start, end}) => start < end)
    .sort((a, b) => a.start - b.start);
}

/** Find the start of the string that an offset is in, as a difference may begin inside a string. */
function startOfString({source}: ElfView, table: number, from: number): number {
  const most = 1 << 12;
  for (let end = from; end > 0; end = Math.max(0, end - most)) {
    const start = Math.max(0, end - most);
    const nul = source.read(table + start, end - start).lastIndexOf(0);
    if (nul >= 0) return start + nul + 1;
  }
  return 0;
}

/** Compare this many bytes at a time; only where they differ, byte by byte. */
const stepLength = 1 << 12;

function differences(before: ElfView, old: number, after: ElfView, now: number, length: number): Zone[] {
  const found: Zone[] = [];
  const pieceLength = 1 << 18;
  for (let done = 0; done < length; done += pieceLength) {
    const size = Math.min(pieceLength, length - done);
    const a = before.source.read(old + done, size);
    const b = after.source.read(now + done, size);
    for (let step = 0; step < size; step += stepLength) {
      const end = Math.min(size, step + stepLength);
      if (isSameBytes(a.subarray(step, end), b.subarray(step, end))) continue;
      for (let i = step; i < end; i++) if (a[i] !== b[i]) add(found, done + i);
    }
  }
  return found;
}

function add(zones: Zone[], at: number): void {
  const last = zones.at(-1);
  if (last?.end === at) last.end += 1;
  else zones.push({start: at, end: at + 1});
}

/** The indices of symbols whose names are outside the string table: no edit changes them, wherever it moves the table. */
export function namelessSymbols(view: ElfView, count: number): ReadonlySet<number> {
  const {size = 0} = view.dynamic?.stringTable ?? {};
  const nameless = new Set<number>();
  const table = dynamicSymbolTable(view);
  if (table === undefined) return nameless;
  eachSymbol(view, table.offset, count, (name, i) => {
    if (name >= size) nameless.add(i);
  });
  return nameless;
}

/**
 * Whether symbol names and versions can be compared: a damaged file may lack the tables, or the NUL after the last
 * name. An edit that touches neither still works.
 */
export function hasReadableNames(view: ElfView): boolean {
  try {
    readVersym(view, dynamicSymbolTable(view)?.count ?? 0);
    const {offset, size} = view.dynamic?.stringTable ?? {offset: 0, size: 0};
    return size > 0 && view.source.read(offset + size - 1, 1)[0] === 0;
  } catch (error) {
    if (error instanceof ElfError) return false;
    throw error;
  }
}
