import {hex} from '../../errors.js';
import {DT, ET, PF, PT, segmentTypeName} from '../constants.js';
import {coverageOf, LoadOrder} from '../loads.js';
import {Phdr} from '../records.js';
import type {ElfView} from '../view.js';
import {isPowerOfTwo, type Problem} from './problem.js';

function say(view: ElfView, index: number, code: string, what: string): Problem {
  const {header, format} = view;
  const type = segmentTypeName(view.programHeaders[index]?.p_type ?? 0, header.e_machine);
  const offset = header.e_phoff + index * Phdr.size(format.elfClass);
  return {code, message: `segment ${index} (${type}): ${what}`, offset};
}

/** Segment types that may occur at most once. */
const singleTypes: ReadonlySet<number> = new Set([
  PT.PT_DYNAMIC,
  PT.PT_INTERP,
  PT.PT_PHDR,
  PT.PT_TLS,
  PT.PT_GNU_STACK,
  PT.PT_GNU_RELRO,
  PT.PT_GNU_EH_FRAME,
]);

/** Rules for the program header table as a whole. */
export function* checkTable(view: ElfView): Generator<Problem> {
  const seen = new Set<number>();
  for (const [i, {p_type}] of view.programHeaders.entries()) {
    if (singleTypes.has(p_type) && seen.has(p_type)) yield say(view, i, 'SECOND_SEGMENT', 'duplicate');
    seen.add(p_type);
  }
}

/** Segments are inside the file, and the addresses of LOADs are congruent to their offsets. */
export function* checkLoads(view: ElfView): Generator<Problem> {
  for (const [i, segment] of view.programHeaders.entries()) {
    const {p_type, p_offset, p_vaddr, p_filesz, p_memsz, p_align} = segment;
    if (
      p_filesz > 0 &&
      p_offset + p_filesz > view.source.size &&
      p_type !== PT.PT_GNU_STACK &&
      p_type !== PT.PT_NULL
    ) {
      const end = hex(view.source.size);
      const what = `${hex(p_offset)}+${hex(p_filesz)} extends past the end of the file at ${end}`;
      yield say(view, i, 'SEGMENT_OUTSIDE_FILE', what);
    }
    if (p_align > 1 && p_type !== PT.PT_NULL && !isPowerOfTwo(p_align))
      yield say(view, i, 'BAD_ALIGNMENT', `p_align ${hex(p_align)} is not a power of two`);
    if (p_filesz > p_memsz && (p_memsz > 0 || p_type === PT.PT_LOAD))
      yield say(
        view,
        i,
        'FILESZ_ABOVE_MEMSZ',
        `p_filesz ${hex(p_filesz)} is greater than p_memsz ${hex(p_memsz)}`,
      );
    // An empty LOAD maps nothing, whatever address it gives.
    if (p_type !== PT.PT_LOAD || (p_memsz === 0 && p_filesz === 0)) continue;
    if (p_align > 1 && (p_vaddr - BigInt(p_offset)) % BigInt(p_align) !== 0n) {
      const what = `p_vaddr ${hex(p_vaddr)} and p_offset ${hex(p_offset)} differ modulo p_align ${hex(p_align)}`;
      yield say(view, i, 'NOT_CONGRUENT', what);
    }
  }
}

/**
 * LOADs ascend and do not overlap in files that the kernel or a loader maps as one range, from the first LOAD to the
 * last.
 */
export function checkOrder(view: ElfView): Problem[] {
  return mapsItself(view) ? [] : [...disorder(view)];
}

/** Boot loaders put each LOAD where it says; the x86 kernel's per-CPU data has a LOAD at 0 that is not the first. */
export function noteOrder(view: ElfView): Problem[] {
  return mapsItself(view) ? [...disorder(view)] : [];
}

function* disorder(view: ElfView): Generator<Problem> {
  let last: Phdr | undefined;
  for (const [i, load] of view.programHeaders.entries()) {
    const {p_type, p_vaddr, p_filesz, p_memsz} = load;
    if (p_type !== PT.PT_LOAD || (p_memsz === 0 && p_filesz === 0)) continue;
    if (last !== undefined && p_vaddr < last.p_vaddr + BigInt(last.p_memsz)) {
      const what = `p_vaddr ${hex(p_vaddr)} is below the end of the previous PT_LOAD`;
      yield say(view, i, 'LOADS_OUT_OF_ORDER', what);
    }
    last = load;
  }
}

/** Whether no loader maps the file. A static PIE or a loader needs no library, but does not map itself either. */
function mapsItself(view: ElfView): boolean {
  return !isLoadedByLoader(view) && view.segment(PT.PT_DYNAMIC) === undefined;
}

/**
 * PT_PHDR, PT_DYNAMIC, PT_INTERP, PT_TLS, ... describe mapped bytes, and PT_PHDR precedes any PT_LOAD. The gABI
 * requires the latter of PT_INTERP too, but patchelf puts it elsewhere, and no kernel, loader or tool minds.
 */
export function* checkCovered(view: ElfView): Generator<Problem> {
  const firstLoad = view.programHeaders.findIndex((phdr) => phdr.p_type === PT.PT_LOAD);
  if (firstLoad < 0) return;
  const isMapped = coverageOf(view.programHeaders);
  for (const [i, segment] of view.programHeaders.entries()) {
    // Zeroed thread-local variables take no space in the mapped file; each thread has its own.
    const size = segment.p_type === PT.PT_TLS ? segment.p_filesz : segment.p_memsz;
    const isRead =
      mappedTypes.has(segment.p_type) && segment.p_filesz > 0 && !isForReadersOfFiles(view, segment);
    if (isRead && !isMapped({...segment, p_memsz: size}))
      yield say(view, i, 'NOT_IN_LOAD', 'is not covered by a PT_LOAD');
    if (segment.p_type === PT.PT_PHDR && i > firstLoad)
      yield say(view, i, 'AFTER_LOAD', 'is after the first PT_LOAD');
  }
}

/**
 * Notes in a core file are not part of the process's memory; they have no address (Linux, gdb) or no size there.
 * Neither are notes in other files that have no size in memory, such as PowerPC boot wrappers (addnote.c).
 */
function isForReadersOfFiles({header}: ElfView, {p_type, p_memsz}: Phdr): boolean {
  return p_type === PT.PT_NOTE && (p_memsz === 0 || header.e_type === ET.ET_CORE);
}

const mappedTypes: ReadonlySet<number> = new Set([
  PT.PT_PHDR,
  PT.PT_INTERP,
  PT.PT_DYNAMIC,
  PT.PT_NOTE,
  PT.PT_TLS,
  PT.PT_GNU_EH_FRAME,
  PT.PT_GNU_PROPERTY,
]);

/** Rules for individual segments. */
export function* checkOthers(view: ElfView): Generator<Problem> {
  const {programHeaders, header} = view;
  const loads = programHeaders.filter(({p_type}) => p_type === PT.PT_LOAD);
  const first = loads[0];
  const writable = new LoadOrder(loads.filter(({p_flags}) => (p_flags & PF.PF_W) !== 0));
  for (const [i, segment] of programHeaders.entries()) {
    const {p_type, p_vaddr, p_memsz, p_offset, p_filesz} = segment;
    if (p_type === PT.PT_PHDR && p_offset !== header.e_phoff)
      yield say(
        view,
        i,
        'PHDR_ELSEWHERE',
        `p_offset is ${hex(p_offset)}, but e_phoff is ${hex(header.e_phoff)}`,
      );
    if (p_type === PT.PT_PHDR && p_filesz !== programHeaders.length * Phdr.size(view.format.elfClass))
      yield say(view, i, 'PHDR_SIZE', `p_filesz ${hex(p_filesz)} is not the size of the table`);
    if (p_type === PT.PT_PHDR && first !== undefined && p_filesz > 0) {
      const seen = first.p_vaddr - BigInt(first.p_offset) + BigInt(header.e_phoff);
      const what = `Linux before 5.18 and qemu-user pass ${hex(seen)} to the program as its address`;
      if (p_vaddr !== seen) yield say(view, i, 'PHDR_NOT_SEEN', what);
    }
    // RELRO may end on the page boundary after its LOAD.
    if (p_type === PT.PT_GNU_RELRO && p_memsz > 0 && !writable.covers(p_vaddr, 1n))
      yield say(view, i, 'RELRO_OUTSIDE', 'does not start in a writable PT_LOAD');
  }
}

/**
 * If a program has no fixed address, only PT_PHDR tells glibc (rtld_setup_main_map) and musl where the kernel put it.
 * No linker that writes PT_INTERP omits it.
 */
export function checkHeaderSegment(view: ElfView): Problem[] {
  const {header} = view;
  const index = view.programHeaders.findIndex(({p_type}) => p_type === PT.PT_INTERP);
  if (header.e_type !== ET.ET_DYN || index < 0 || view.segment(PT.PT_PHDR) !== undefined) return [];
  return [
    say(view, index, 'NO_PHDR', 'there is no PT_PHDR, so its loader does not know where the program is'),
  ];
}

/** Segments that a loader maps for a program or library should be writable or executable, not both. */
export function checkWritableCode(view: ElfView): Problem[] {
  return isLoadedByLoader(view) ? [...writableCode(view)] : [];
}

/** Boot loaders, firmware and kernels map themselves, and many are linked into a single segment. */
export function noteWritableCode(view: ElfView): Problem[] {
  return isLoadedByLoader(view) ? [] : [...writableCode(view)];
}

function* writableCode(view: ElfView): Generator<Problem> {
  const both = PF.PF_W | PF.PF_X;
  for (const [i, {p_type, p_flags}] of view.programHeaders.entries())
    if (p_type === PT.PT_LOAD && (p_flags & both) === both)
      yield say(view, i, 'WRITABLE_CODE', 'writable and executable');
}

function isLoadedByLoader(view: ElfView): boolean {
  return view.segment(PT.PT_INTERP) !== undefined || (view.dynamic?.tags.includes(DT.DT_NEEDED) ?? false);
}

export function checkInterpreter(view: ElfView): Problem[] {
  return view.interpreter?.path === ''
    ? [{code: 'EMPTY_INTERPRETER', message: 'PT_INTERP is an empty path', offset: view.interpreter.offset}]
    : [];
}
