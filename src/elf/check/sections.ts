import {hex} from '../../errors.js';
import {ET, PT, SHF, SHT} from '../constants.js';
import {memoizedPerView} from '../memoized.js';
import {Rel, Rela, Shdr, Sym} from '../records.js';
import {tagsOfSections} from '../tables.js';
import type {ElfView} from '../view.js';
import {hasFileBytes, isDebugFile} from '../without-bytes.js';
import {isPowerOfTwo, type Problem} from './problem.js';

/** Section headers agree with the file, with one another, with the segments and with the dynamic section. */
export function* checkSections(view: ElfView): Generator<Problem> {
  for (const [i, section] of view.sectionHeaders.entries()) {
    if (section.sh_type === SHT.SHT_NULL) continue;
    yield* checkName(view, section, i);
    yield* checkLinks(view, section, i);
    if (section.sh_type === SHT.SHT_NOBITS) continue;
    yield* checkPlace(view, section, i);
  }
  yield* checkOverlaps(view);
}

function say(view: ElfView, index: number, code: string, what: string): Problem {
  const section = view.sectionHeaders[index];
  const name = section === undefined ? '' : nameOf(view, section);
  const offset = view.header.e_shoff + index * Shdr.size(view.format.elfClass);
  return {code, message: `section ${index} (${name}): ${what}`, offset};
}

/** A damaged name must not hide the problem. */
function nameOf(view: ElfView, section: Shdr): string {
  try {
    return view.sectionName(section);
  } catch {
    return '?';
  }
}

function* checkName(view: ElfView, {sh_name}: Shdr, i: number): Generator<Problem> {
  const names = view.sectionHeaders[view.e_shstrndx];
  if (names !== undefined && view.e_shstrndx !== 0 && sh_name >= names.sh_size)
    yield say(view, i, 'STRING_OUTSIDE', `sh_name ${hex(sh_name)} is outside the section names`);
}

function* checkLinks(view: ElfView, section: Shdr, i: number): Generator<Problem> {
  const {sh_type, sh_link, sh_addralign, sh_entsize, sh_size, sh_info} = section;
  if (sh_addralign > 1 && !isPowerOfTwo(sh_addralign))
    yield say(view, i, 'BAD_ALIGNMENT', `sh_addralign ${hex(sh_addralign)} is not a power of two`);
  if (sh_link >= view.sectionHeaders.length)
    yield say(view, i, 'BAD_LINK', `sh_link ${sh_link} is not a section`);
  const {elfClass} = view.format;
  const size = recordSizes[sh_type]?.(elfClass);
  if (size === undefined || sh_size === 0) return;
  if (sh_entsize !== size) yield say(view, i, 'BAD_ENTRY_SIZE', `sh_entsize is ${sh_entsize}, not ${size}`);
  else if (sh_size % size !== 0)
    yield say(view, i, 'BROKEN_RECORD', `sh_size ${hex(sh_size)} is not a multiple of ${size}`);
  const isSymbols = sh_type === SHT.SHT_SYMTAB || sh_type === SHT.SHT_DYNSYM;
  if (!isSymbols) return;
  if (view.sectionHeaders[sh_link]?.sh_type !== SHT.SHT_STRTAB && !isStripped(view, sh_link))
    yield say(view, i, 'BAD_LINK', `sh_link ${sh_link} is not a string table`);
  if (sh_info > sh_size / size)
    yield say(view, i, 'BAD_INFO', `sh_info ${sh_info} is greater than the number of symbols`);
}

/** In a debug file, sections whose bytes are left in the program are NOBITS. */
function isStripped(view: ElfView, index: number): boolean {
  return view.sectionHeaders[index]?.sh_type === SHT.SHT_NOBITS;
}

const recordSizes: Readonly<Record<number, (elfClass: 32 | 64) => number>> = {
  [SHT.SHT_SYMTAB]: Sym.size,
  [SHT.SHT_DYNSYM]: Sym.size,
  [SHT.SHT_RELA]: Rela.size,
  [SHT.SHT_REL]: Rel.size,
};

function* checkPlace(view: ElfView, section: Shdr, i: number): Generator<Problem> {
  const {sh_offset, sh_size, sh_addr, sh_flags} = section;
  if (sh_offset + sh_size > view.source.size) {
    yield say(view, i, 'SECTION_OUTSIDE_FILE', 'extends past the end of the file');
    return;
  }
  const expected = pointedAt(view, section);
  if (expected !== undefined && expected !== sh_addr) {
    const what = `sh_addr is ${hex(sh_addr)}, but the dynamic section says ${hex(expected)}`;
    yield say(view, i, 'SECTION_NOT_AT_TAG', what);
  } else if (isMappedSection(view, section) && view.offsetOfAddress(sh_addr) !== sh_offset)
    yield say(view, i, 'SECTION_NOT_IN_LOAD', `no PT_LOAD maps it at ${hex(sh_addr)}`);
  if (isMappedUnsaid(view, section))
    yield say(view, i, 'SECTION_NOT_ALLOC', `has the address ${hex(sh_addr)}, but no SHF_ALLOC`);
  if (section.sh_type !== SHT.SHT_STRTAB || sh_size === 0 || (sh_flags & SHF.SHF_COMPRESSED) !== 0) return;
  if (view.source.read(sh_offset + sh_size - 1, 1)[0] !== 0)
    yield say(view, i, 'STRINGS_NOT_TERMINATED', 'does not end with a NUL');
}

/**
 * Whether a PT_LOAD must map a section. A separate debug file keeps loaded sections wherever there was space, and gdb's
 * gcore marks the notes of a core file as loaded, but gives no address.
 */
function isMappedSection(view: ElfView, {sh_type, sh_flags, sh_size}: Shdr): boolean {
  if (view.header.e_type === ET.ET_CORE && sh_type === SHT.SHT_NOTE) return false;
  const isLoaded = (sh_flags & SHF.SHF_ALLOC) !== 0 && sh_size > 0;
  return isLoaded && view.segment(PT.PT_LOAD) !== undefined && !isOfDebugFile(view);
}

/** Memoized because it looks at all sections and is called for each. */
const isOfDebugFile = memoizedPerView((view) => isDebugFile(view));

/** Whether a section is mapped without SHF_ALLOC: strip removes it, although the program needs it. */
function isMappedUnsaid(view: ElfView, {sh_flags, sh_addr, sh_offset, sh_size}: Shdr): boolean {
  const isAlloc = (sh_flags & SHF.SHF_ALLOC) !== 0;
  return !isAlloc && sh_addr !== 0n && sh_size > 0 && view.offsetOfAddress(sh_addr) === sh_offset;
}

/** The address that the dynamic section gives for the only section of this type. */
function pointedAt(view: ElfView, {sh_type, sh_flags}: Shdr): bigint | undefined {
  const tag = tagsOfSections[sh_type];
  return tag === undefined || (sh_flags & SHF.SHF_ALLOC) === 0 ? undefined : view.dynamic?.value(tag);
}

/** No byte belongs to two sections. */
function* checkOverlaps(view: ElfView): Generator<Problem> {
  const placed = view.sectionHeaders
    .map((section, i) => ({section, start: section.sh_offset, end: section.sh_offset + section.sh_size, i}))
    .filter(({section, start, end}) => hasFileBytes(section) && end > start)
    .sort((a, b) => a.start - b.start || a.end - b.end);
  let last = placed[0];
  for (const section of placed.slice(1)) {
    if (last !== undefined && section.start < last.end)
      yield say(view, section.i, 'SECTIONS_OVERLAP', `starts inside section ${last.i}`);
    if (last === undefined || section.end > last.end) last = section;
  }
}
