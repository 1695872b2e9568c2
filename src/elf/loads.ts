/*
 * Find the PT_LOAD that maps something, as nearly every rule and edit must. These functions take a list of program
 * headers, since an edit has its own.
 */
import {PT} from './constants.js';
import type {Phdr} from './records.js';
import {type Base, baseOf} from './scan.js';

/** The LOAD that maps `size` bytes of the file at an offset. */
export function loadAtOffset(programHeaders: readonly Phdr[], offset: number, size = 1): Phdr | undefined {
  return programHeaders.find(
    ({p_type, p_offset, p_filesz}) =>
      p_type === PT.PT_LOAD && offset >= p_offset && offset + size <= p_offset + p_filesz,
  );
}

/** The LOAD that contains an address in memory, including its BSS. */
export function loadAtAddress(programHeaders: readonly Phdr[], address: bigint): Phdr | undefined {
  return programHeaders.find(
    ({p_type, p_vaddr, p_memsz}) =>
      p_type === PT.PT_LOAD && address >= p_vaddr && address < p_vaddr + BigInt(p_memsz),
  );
}

/**
 * For many lookups: find the LOAD that maps a file byte at an address. If the LOADs ascend, as they must, this is a
 * binary search; otherwise the first match in the table wins.
 */
export function loadFinder(programHeaders: readonly Phdr[]): (address: bigint) => Phdr | undefined {
  const loads = programHeaders.filter(({p_type, p_filesz}) => p_type === PT.PT_LOAD && p_filesz > 0);
  const starts = loads.map(({p_vaddr}) => p_vaddr);
  const holds = ({p_vaddr, p_filesz}: Phdr, address: bigint) =>
    address >= p_vaddr && address < p_vaddr + BigInt(p_filesz);
  const doAscend = loads.every(({p_vaddr, p_filesz}, i) => {
    const next = starts[i + 1];
    return next === undefined || p_vaddr + BigInt(p_filesz) <= next;
  });
  if (!doAscend) return (address) => loads.find((load) => holds(load, address));
  return (address) => {
    const load = loads[countUpTo(starts, address) - 1];
    return load !== undefined && holds(load, address) ? load : undefined;
  };
}

/** The LOADs that map something; an empty one may have any address. */
export function mappedLoads(programHeaders: readonly Phdr[]): Phdr[] {
  return programHeaders.filter(
    ({p_type, p_filesz, p_memsz}) => p_type === PT.PT_LOAD && (p_filesz > 0 || p_memsz > 0),
  );
}

/**
 * LOADs sorted by address, to make many lookups cheap: a core file may have a hundred thousand. Of those that begin at
 * or below an address, only the one that reaches farthest matters.
 */
export class LoadOrder {
  readonly #loads: readonly Phdr[];
  readonly #starts: readonly bigint[];
  /** For each LOAD, the highest end among it and those before it. */
  readonly #reach: bigint[] = [];

  constructor(programHeaders: readonly Phdr[]) {
    this.#loads = programHeaders.filter(({p_type}) => p_type === PT.PT_LOAD).sort(byAddress);
    this.#starts = this.#loads.map(({p_vaddr}) => p_vaddr);
    for (const {p_vaddr, p_memsz} of this.#loads) {
      const [end, before] = [p_vaddr + BigInt(p_memsz), this.#reach.at(-1)];
      this.#reach.push(before === undefined || end > before ? end : before);
    }
  }

  /** Whether one LOAD maps all of a range. */
  covers(address: bigint, size: bigint): boolean {
    const end = this.#reach[countUpTo(this.#starts, address) - 1];
    return end !== undefined && address + size <= end;
  }

  /** The lowest of the other LOADs that end above the start of `load`. */
  following(load: Phdr): Phdr | undefined {
    const index = countUpTo(this.#reach, load.p_vaddr);
    return this.#loads[index] === load ? this.#loads[index + 1] : this.#loads[index];
  }
}

/** Of two at the same address, the shorter comes first, so an empty one never comes second. */
function byAddress(a: Phdr, b: Phdr): number {
  if (a.p_vaddr !== b.p_vaddr) return a.p_vaddr < b.p_vaddr ? -1 : 1;
  return a.p_memsz - b.p_memsz;
}

/** Count the ascending numbers that are at most `most`. */
function countUpTo(ascending: readonly bigint[], most: bigint): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0n) > most) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Return a test for segments: does some LOAD map all of the segment, from the file offset that it gives? */
export function coverageOf(programHeaders: readonly Phdr[]): (segment: Phdr) => boolean {
  const distance = ({p_vaddr, p_offset}: Phdr) => p_vaddr - BigInt(p_offset);
  const groups = new Map<bigint, Phdr[]>();
  for (const phdr of programHeaders) {
    const group = groups.get(distance(phdr));
    if (group === undefined) groups.set(distance(phdr), [phdr]);
    else group.push(phdr);
  }
  const orders = new Map([...groups].map(([key, group]) => [key, new LoadOrder(group)]));
  return (segment) =>
    orders.get(distance(segment))?.covers(segment.p_vaddr, BigInt(segment.p_memsz)) ?? false;
}

/** Where the LOADs are in memory, as distances from the lowest one, for a scan (see scan.ts). */
interface MemoryRanges {
  readonly base: Base;
  has(distance: number): boolean;
}

/** @param slack bytes after each LOAD that count too */
export function memoryRanges(
  programHeaders: readonly Phdr[],
  slack: (load: Phdr) => number = () => 0,
): MemoryRanges {
  const loads = programHeaders.filter(({p_type}) => p_type === PT.PT_LOAD);
  const lowest = loads.reduce<bigint>(
    (low, {p_vaddr}) => (p_vaddr < low ? p_vaddr : low),
    loads[0]?.p_vaddr ?? 0n,
  );
  const ranges = loads.map((load) => {
    const start = Number(load.p_vaddr - lowest);
    return {start, end: start + load.p_memsz + slack(load)};
  });
  return {
    base: baseOf(lowest),
    has(distance) {
      for (const {start, end} of ranges) if (distance >= start && distance < end) return true;
      return false;
    },
  };
}
