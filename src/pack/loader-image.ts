/*
 * The copy of the loader that runs: its segments as the kernel would map them, its system calls redirected to the stub,
 * and the handler's own data after the loader's.
 */
import type {Plan} from '../edit/plan.js';
import {PF, PT} from '../elf/constants.js';
import {roundUp} from '../elf/notes.js';
import type {Phdr} from '../elf/records.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {applyPlanToBuffer} from '../write/content.js';

export interface LoaderImage {
  /** From file offset 0 of the loader on; a whole number of pages. */
  readonly bytes: Uint8Array;
  /** Its LOADs, relative to the start of the image in file and memory. */
  readonly loads: readonly Phdr[];
  /** Address of the handler's data, relative to the loader. */
  readonly state: bigint;
  /** Bytes of memory, a whole number of pages. */
  readonly memorySize: number;
}

/** More bytes of memory than any loader needs, and few enough for addresses to be exact as numbers. */
const mostMemory = 1 << 24;

/**
 * Lay out the loader.
 *
 * In the file, its data is padded with zeros to whole pages: kernels up to 5.10 clear only up to p_memsz if the segment
 * is not the last, and glibc's loader uses the rest of the page as memory for itself.
 *
 * @throws ElfError UNSUPPORTED when it has no writable segment at its end
 */
export function loaderImage(
  loader: ElfView,
  isolation: Plan | undefined,
  stateSize: number,
  page: number,
): LoaderImage {
  const loads = loader.segments(PT.PT_LOAD);
  const data = loads.at(-1);
  const isUsual =
    data !== undefined &&
    loads[0]?.p_vaddr === 0n &&
    loads[0].p_offset === 0 &&
    loads.every((load) => ((load.p_flags & PF.PF_W) !== 0) === (load === data)) &&
    loads.every((load) => load === data || load.p_offset + load.p_filesz <= data.p_offset) &&
    data.p_filesz <= data.p_memsz &&
    data.p_vaddr < BigInt(mostMemory) &&
    data.p_memsz < mostMemory;
  if (!isUsual) {
    throw new ElfError('UNSUPPORTED', 'the loader has an unknown layout', {
      path: loader.path,
      expected: 'segments starting at address 0, of which only the last is writable',
    });
  }
  const end = roundUp(Number(data.p_vaddr) + data.p_memsz, page);
  const memorySize = end + roundUp(stateSize, page);
  const fileSize = data.p_offset + memorySize - Number(data.p_vaddr);
  const original = loader.source.read(0, loader.source.size).slice();
  const isolated = isolation === undefined ? original : applyPlanToBuffer(original, isolation);
  const bytes = new Uint8Array(roundUp(fileSize, page));
  bytes.set(isolated.subarray(0, data.p_offset + data.p_filesz));
  const size = memorySize - Number(data.p_vaddr);
  return {
    bytes,
    loads: loads.map((load) => (load === data ? {...load, p_filesz: size, p_memsz: size} : load)),
    state: BigInt(end),
    memorySize,
  };
}
