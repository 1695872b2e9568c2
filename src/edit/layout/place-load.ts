/*
 * Where in memory does a new LOAD go, and where in the file?
 *
 * In the file, after everything. In memory, on pages of its own as the file's other LOADs have them: into a gap
 * between two of them that is wide enough, else above all. Programs that append to themselves may enlarge their last
 * LOAD over whatever comes above it, so a gap is better. An ET_EXEC's base never sinks.
 *
 * Linux before 5.18 and qemu-user before 8.1 do not look for the program header table: they take AT_PHDR as e_phoff
 * plus the difference of address and offset, Linux that of the first LOAD, qemu the smallest of all LOADs, counted
 * without a sign. So no new LOAD has a smaller difference than there is, and a LOAD that holds the table has exactly
 * the first one's, at the cost of a hole in the file where the addresses run ahead of the offsets. The hole is sparse.
 */
import {PT} from '../../elf/constants.js';
import {LoadOrder} from '../../elf/loads.js';
import {roundUp} from '../../elf/notes.js';
import {pageSizeOf, segmentAlignment, smallestPage} from '../../elf/page-size.js';
import type {Phdr} from '../../elf/records.js';
import {ElfError, hex} from '../../errors.js';
import type {Draft} from './draft.js';

/** What a LOAD to be has to hold. */
export interface LoadContent {
  /** In bytes. */
  readonly size: number;
  /** Is the program header table to go there? */
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

/** The same for one LOAD after another, as long as none of them changes. */
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

/** A narrower gap would soon be full, and every LOAD takes an entry of the table. */
const smallestGap = 0x4000n;

/** What a segment at the end may come to need. */
const mostBytes = 1 << 20;

/** The gaps between the LOADs, and what is above them all. */
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

/** Where user space ends: 47 bits of address on most machines, all 64 where a file is above that already (ia64). */
function limitOf({view}: Draft, highest: bigint): bigint {
  if (view.format.elfClass === 32) return 1n << 32n;
  return highest < 1n << 47n ? 1n << 47n : 1n << 64n;
}

/** At the end of the file as it is; the address follows. */
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

/** A LOAD with a smaller difference than there is would have qemu look for the program headers elsewhere. */
function isFoundByQemu(
  draft: Draft,
  loads: readonly Phdr[],
  {offset, address}: Omit<LoadPlace, 'align'>,
): boolean {
  const smallest = smallestDifference(draft, loads);
  return unsigned(draft, address - BigInt(offset)) >= unsigned(draft, smallest);
}

/** The one that qemu takes: a LOAD in a gap has a negative difference, which counts as a large one. */
function smallestDifference(draft: Draft, loads: readonly Phdr[]): bigint {
  return loads.map(differenceOf).reduce((a, b) => (unsigned(draft, b) < unsigned(draft, a) ? b : a));
}

function unsigned({view}: Draft, value: bigint): bigint {
  return BigInt.asUintN(view.format.elfClass, value);
}

/**
 * The difference of the first LOAD need not be a multiple of what a later one asks for. Then the LOAD that holds the table
 * is aligned like the first.
 */
function tableAlignment(first: Phdr, wanted: number): number {
  if (differenceOf(first) % BigInt(wanted) === 0n) return wanted;
  return Math.min(wanted, Math.max(smallestPage, first.p_align));
}

/** At the first address whose difference to the offset is the first LOAD's. */
function besideTable(draft: Draft, {low}: FreeAddresses, wanted: number): LoadPlace {
  const first = draft.programHeaders.find(({p_type}) => p_type === PT.PT_LOAD);
  const align = first === undefined ? wanted : tableAlignment(first, wanted);
  const page = BigInt(align);
  const offset = BigInt(roundUp(draft.size, 16));
  // strip lets a LOAD that holds the table begin up to two pages lower; those must not be the last ones of the BSS.
  const above = low + 2n * page + (offset % page);
  const difference = roundUpTo(first === undefined ? 0n : differenceOf(first), page);
  const level = offset + difference;
  const address = above > level ? above : level;
  return {offset: Number(address - difference), address, align};
}

/** In the order of their addresses. */
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
