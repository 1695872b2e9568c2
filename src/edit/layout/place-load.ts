/*
 * Where in memory does a new LOAD go, and where in the file?
 *
 * In the file, after everything else. In memory, on pages of its own like the file's other LOADs: in a wide enough gap
 * between two of them, else above all of them. Programs that append to themselves may extend their last LOAD over
 * whatever is above it, so a gap is better. The base of an ET_EXEC never becomes lower.
 *
 * Linux before 5.18 and qemu-user before 8.1 do not search for the program header table: they compute AT_PHDR as
 * e_phoff plus a difference of address and offset; Linux uses that of the first LOAD, qemu the smallest (unsigned) of
 * all LOADs. So no new LOAD has a difference smaller than the existing ones, and a LOAD that holds the table has
 * exactly the difference of the first one, at the cost of a (sparse) hole in the file where addresses run ahead of
 * offsets.
 */
import {PT} from '../../elf/constants.js';
import {LoadOrder} from '../../elf/loads.js';
import {roundUp} from '../../elf/notes.js';
import {pageSizeOf, segmentAlignment, smallestPage} from '../../elf/page-size.js';
import type {Phdr} from '../../elf/records.js';
import {ElfError, hex} from '../../errors.js';
import type {Draft} from './draft.js';

/** What a new LOAD has to hold. */
export interface LoadContent {
  /** In bytes. */
  readonly size: number;
  /** Whether the program header table goes there. */
  readonly holdsTable: boolean;
}

/** Where it goes. */
export interface LoadPlace {
  readonly offset: number;
  readonly address: bigint;
  /** In bytes. */
  readonly align: number;
}

/** @throws ElfError NO_ROOM when no address is free */
export function placeLoad(draft: Draft, {size, holdsTable}: LoadContent): LoadPlace {
  const align = draft.layout.pageSize ?? segmentAlignment(draft.view);
  const loads = loadsOf(draft);
  for (const free of freeAddresses(draft, loads, BigInt(align))) {
    const place = holdsTable ? besideTable(draft, free, align) : inside(draft, loads, free, align);
    const end = place.address + BigInt(free.isLast ? Math.max(size, mostBytes) : size);
    if (end <= free.high && isFoundByQemu(draft, loads, place)) return place;
  }
  throw noRoom(draft, 'free addresses above the last LOAD', hex(highestOf(loads)));
}

/** How far a LOAD can grow before it reaches a page of the next one. */
export function roomInMemory(draft: Draft, load: Phdr): number {
  return roomsInMemory(draft)(load);
}

/** The same for many LOADs, as long as none of them changes. */
export function roomsInMemory({view, programHeaders}: Draft): (load: Phdr) => number {
  const page = BigInt(pageSizeOf(view));
  const order = new LoadOrder(programHeaders);
  return (load) => {
    const next = order.following(load);
    return next === undefined
      ? Number.MAX_SAFE_INTEGER
      : Number(next.p_vaddr - (next.p_vaddr % page) - endOf(load));
  };
}

export function noRoom(draft: Draft, expected: string, got: string): ElfError {
  return new ElfError('NO_ROOM', 'no room for another segment', {path: draft.view.path, expected, got});
}

/** Addresses from `low` up to, but not including, `high`. */
interface FreeAddresses {
  readonly low: bigint;
  readonly high: bigint;
  readonly isLast: boolean;
}

/** A narrower gap would soon be full, and every LOAD needs an entry in the table. */
const smallestGap = 0x4000n;

/** How much a segment at the end may need in the future. */
const mostBytes = 1 << 20;

/** The gaps between the LOADs, and the addresses above all of them. */
function freeAddresses(draft: Draft, loads: readonly Phdr[], align: bigint): FreeAddresses[] {
  const edges = loads.map((load, i) => ({
    low: roundUpTo(endOf(load), align),
    high: (loads[i + 1]?.p_vaddr ?? 0n) - ((loads[i + 1]?.p_vaddr ?? 0n) % align),
    isLast: false,
  }));
  const gaps = edges.slice(0, -1).filter(({low, high}) => high - low >= smallestGap);
  const highest = highestOf(loads);
  return [...gaps, {low: roundUpTo(highest, align), high: limitOf(draft, highest), isLast: true}];
}

/** Where user space ends: 47 bits of address on most machines, all 64 if a file already uses more (ia64). */
function limitOf({view}: Draft, highest: bigint): bigint {
  if (view.format.elfClass === 32) return 1n << 32n;
  return highest < 1n << 47n ? 1n << 47n : 1n << 64n;
}

/** At the current end of the file; the address follows from the offset. */
function inside(
  draft: Draft,
  loads: readonly Phdr[],
  {low, isLast}: FreeAddresses,
  align: number,
): LoadPlace {
  const offset = roundUp(draft.size, 16);
  const address = low + BigInt(offset % align);
  const level = BigInt(offset) + roundUpTo(smallestDifference(draft, loads), BigInt(align));
  const isFound = isFoundByQemu(draft, loads, {offset, address});
  return {offset, address: (isFound && !isLast) || address > level ? address : level, align};
}

/**
 * Whether qemu would still find the program headers: a LOAD with a difference smaller than the existing ones would
 * mislead it.
 */
function isFoundByQemu(
  draft: Draft,
  loads: readonly Phdr[],
  {offset, address}: Omit<LoadPlace, 'align'>,
): boolean {
  const smallest = smallestDifference(draft, loads);
  return unsigned(draft, address - BigInt(offset)) >= unsigned(draft, smallest);
}

/**
 * The difference that qemu uses: it compares unsigned, so the negative difference of a LOAD in a gap counts as a large
 * one.
 */
function smallestDifference(draft: Draft, loads: readonly Phdr[]): bigint {
  return loads.map(differenceOf).reduce((a, b) => (unsigned(draft, b) < unsigned(draft, a) ? b : a));
}

function unsigned({view}: Draft, value: bigint): bigint {
  return BigInt.asUintN(view.format.elfClass, value);
}

/**
 * The difference of the first LOAD may not be a multiple of the wanted alignment. In that case the LOAD that holds the
 * table is aligned like the first one.
 */
function tableAlignment(first: Phdr, wanted: number): number {
  if (differenceOf(first) % BigInt(wanted) === 0n) return wanted;
  return Math.min(wanted, Math.max(smallestPage, first.p_align));
}

/** At the first address whose difference from the offset equals the first LOAD's. */
function besideTable(draft: Draft, {low}: FreeAddresses, wanted: number): LoadPlace {
  const first = draft.programHeaders.find(({p_type}) => p_type === PT.PT_LOAD);
  const align = first === undefined ? wanted : tableAlignment(first, wanted);
  const page = BigInt(align);
  const offset = BigInt(roundUp(draft.size, 16));
  // strip may move the start of a LOAD that holds the table down by up to two pages; these must not overlap the end of
  // the BSS.
  const above = low + 2n * page + (offset % page);
  const difference = roundUpTo(first === undefined ? 0n : differenceOf(first), page);
  const level = offset + difference;
  const address = above > level ? above : level;
  return {offset: Number(address - difference), address, align};
}

/** The LOADs, sorted by address. */
function loadsOf(draft: Draft): Phdr[] {
  const loads = draft.programHeaders.filter((phdr) => phdr.p_type === PT.PT_LOAD);
  if (loads.length === 0) throw noRoom(draft, 'a LOAD', 'none');
  return loads.sort((a, b) => (a.p_vaddr < b.p_vaddr ? -1 : 1));
}

function endOf({p_vaddr, p_memsz}: Phdr): bigint {
  return p_vaddr + BigInt(p_memsz);
}

function highestOf(loads: readonly Phdr[]): bigint {
  return loads.map(endOf).reduce((a, b) => (b > a ? b : a), 0n);
}

function differenceOf({p_vaddr, p_offset}: Phdr): bigint {
  return p_vaddr - BigInt(p_offset);
}

function roundUpTo(value: bigint, align: bigint): bigint {
  const rest = ((value % align) + align) % align;
  return rest === 0n ? value : value + align - rest;
}
