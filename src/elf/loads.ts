/*
 * Which PT_LOAD maps this? The question of nearly every rule and every edit, asked of a list of program headers, since
 * an edit has one of its own.
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

/** The LOAD that has an address in memory, its BSS included. */
export function loadAtAddress(programHeaders: readonly Phdr[], address: bigint): Phdr | undefined {
  return programHeaders.find(
    ({p_type, p_vaddr, p_memsz}) =>
      p_type === PT.PT_LOAD && address >= p_vaddr && address < p_vaddr + BigInt(p_memsz),
  );
}

/** The LOADs that map something: an empty one may claim any address. */
export function mappedLoads(programHeaders: readonly Phdr[]): Phdr[] {
  return programHeaders.filter(
    ({p_type, p_filesz, p_memsz}) => p_type === PT.PT_LOAD && (p_filesz > 0 || p_memsz > 0),
  );
}

/** Where in memory the LOADs are, for a scan (see scan.ts): distances from the lowest of them. */
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
