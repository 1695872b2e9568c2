/*
 * Are the headers of a file consistent? Each rule names its place; none of them repairs anything. The kernel's
 * part follows load_elf_binary (fs/binfmt_elf.c), the rest the gABI.
 */
import {ElfError, hex} from '../errors.js';
import {DT, dynamicTagName, PT, SHF, SHT, segmentTypeName} from './constants.js';
import {Dyn, Phdr, type Shdr} from './records.js';
import {dynamicTables} from './tables.js';
import type {ElfView} from './view.js';

/** One thing that is wrong with a file. */
export interface Problem {
  /** Stable, for scripts. */
  readonly code: string;
  /** What is wrong, with the place, in words. */
  readonly message: string;
  /** File offset of the record that says it. */
  readonly offset: number;
}

/** List what is inconsistent in a file; empty when nothing is. Never throws for a file that could be opened. */
export function checkElf(view: ElfView): Problem[] {
  return [checkLoads, checkCovered, checkInterpreter, checkDynamic, checkSections].flatMap((rule) => {
    try {
      return rule(view);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      return [{code: 'UNREADABLE', message: error.message, offset: error.offset ?? 0}];
    }
  });
}

function phdrOffset({header, format}: ElfView, index: number): number {
  return header.e_phoff + index * Phdr.size(format.elfClass);
}

function checkLoads(view: ElfView): Problem[] {
  const problems: Problem[] = [];
  let last: Phdr | undefined;
  for (const [i, load] of view.programHeaders.entries()) {
    const {p_type, p_offset, p_vaddr, p_filesz, p_memsz, p_align} = load;
    const say = (code: string, what: string) =>
      problems.push({
        code,
        message: `segment ${i} (${segmentTypeName(p_type, view.header.e_machine)}): ${what}`,
        offset: phdrOffset(view, i),
      });
    if (
      p_filesz > 0 &&
      p_offset + p_filesz > view.source.size &&
      p_type !== PT.PT_GNU_STACK &&
      p_type !== PT.PT_NULL
    ) {
      say(
        'SEGMENT_OUTSIDE_FILE',
        `${hex(p_offset)}+${hex(p_filesz)} reaches past the end of the file at ${hex(view.source.size)}`,
      );
    }
    if (p_type !== PT.PT_LOAD) continue;
    if (p_filesz > p_memsz)
      say('FILESZ_ABOVE_MEMSZ', `p_filesz ${hex(p_filesz)} is above p_memsz ${hex(p_memsz)}`);
    if (p_align > 1 && (p_vaddr - BigInt(p_offset)) % BigInt(p_align) !== 0n) {
      say(
        'NOT_CONGRUENT',
        `p_vaddr ${hex(p_vaddr)} and p_offset ${hex(p_offset)} differ modulo p_align ${hex(p_align)}`,
      );
    }
    if (last !== undefined && p_vaddr < last.p_vaddr + BigInt(last.p_memsz)) {
      say('LOADS_OUT_OF_ORDER', `p_vaddr ${hex(p_vaddr)} lies below the end of the PT_LOAD before it`);
    }
    last = load;
  }
  return problems;
}

/** PT_PHDR, PT_DYNAMIC, PT_INTERP, PT_TLS, ... describe mapped bytes; PT_PHDR and PT_INTERP stand before any PT_LOAD. */
function checkCovered(view: ElfView): Problem[] {
  const loads = view.programHeaders.filter((phdr) => phdr.p_type === PT.PT_LOAD);
  if (loads.length === 0) return [];
  const firstLoad = view.programHeaders.findIndex((phdr) => phdr.p_type === PT.PT_LOAD);
  return view.programHeaders.flatMap((segment, i) => {
    const name = `segment ${i} (${segmentTypeName(segment.p_type, view.header.e_machine)})`;
    const offset = phdrOffset(view, i);
    const problems: Problem[] = [];
    const isMapped = loads.some(
      (load) =>
        segment.p_vaddr >= load.p_vaddr &&
        segment.p_vaddr + BigInt(segment.p_memsz) <= load.p_vaddr + BigInt(load.p_memsz) &&
        BigInt(segment.p_offset - load.p_offset) === segment.p_vaddr - load.p_vaddr,
    );
    if (mappedTypes.has(segment.p_type) && segment.p_filesz > 0 && !isMapped) {
      problems.push({code: 'NOT_IN_LOAD', message: `${name} is not covered by a PT_LOAD`, offset});
    }
    if ((segment.p_type === PT.PT_PHDR || segment.p_type === PT.PT_INTERP) && i > firstLoad) {
      problems.push({code: 'AFTER_LOAD', message: `${name} stands behind the first PT_LOAD`, offset});
    }
    return problems;
  });
}

const mappedTypes: ReadonlySet<number> = new Set([
  PT.PT_PHDR,
  PT.PT_INTERP,
  PT.PT_DYNAMIC,
  PT.PT_GNU_EH_FRAME,
  PT.PT_GNU_PROPERTY,
]);

function checkInterpreter(view: ElfView): Problem[] {
  return view.interpreter?.path === ''
    ? [{code: 'EMPTY_INTERPRETER', message: 'PT_INTERP is an empty path', offset: view.interpreter.offset}]
    : [];
}

function checkDynamic(view: ElfView): Problem[] {
  const {dynamic} = view;
  if (dynamic === undefined) return [];
  const problems: Problem[] = [];
  if (!dynamic.terminated) {
    problems.push({
      code: 'NO_DT_NULL',
      message: 'the dynamic section has no DT_NULL at its end',
      offset: dynamic.offset,
    });
  }
  const known = new Set(dynamicTables(view).map(({tag}) => tag));
  dynamic.entries.forEach(({d_tag, d_val}, i) => {
    if (!locatedTags.has(dynamicTagName(d_tag, view.header.e_machine)) || known.has(d_tag) || d_val === 0n)
      return;
    const offset = dynamic.offset + i * Dyn.size(view.format.elfClass);
    const name = dynamicTagName(d_tag, view.header.e_machine);
    problems.push({
      code: 'TABLE_OUTSIDE',
      message: `${name} ${hex(d_val)} does not lead into the file`,
      offset,
    });
  });
  return problems;
}

const locatedTags: ReadonlySet<string> = new Set([
  'DT_STRTAB',
  'DT_SYMTAB',
  'DT_HASH',
  'DT_GNU_HASH',
  'DT_VERSYM',
  'DT_VERNEED',
  'DT_VERDEF',
]);

function checkSections(view: ElfView): Problem[] {
  return view.sectionHeaders.flatMap((section, i): Problem[] => {
    const {sh_type, sh_offset, sh_size} = section;
    if (sh_type === SHT.SHT_NULL || sh_type === SHT.SHT_NOBITS) return [];
    const say = (code: string, what: string) => [
      {code, message: `section ${i} (${view.sectionName(section)}): ${what}`, offset: sh_offset},
    ];
    if (sh_offset + sh_size > view.source.size)
      return say('SECTION_OUTSIDE_FILE', 'reaches past the end of the file');
    const expected = pointedAt(view, section);
    if (expected !== undefined && expected !== section.sh_addr) {
      return say(
        'SECTION_NOT_AT_TAG',
        `sh_addr is ${hex(section.sh_addr)}, but the dynamic section says ${hex(expected)}`,
      );
    }
    if ((section.sh_flags & SHF.SHF_ALLOC) !== 0 && sh_size > 0 && view.programHeaders.length > 0) {
      const offset = view.offsetOfAddress(section.sh_addr);
      if (offset !== sh_offset)
        return say('SECTION_NOT_IN_LOAD', `no PT_LOAD maps it at ${hex(section.sh_addr)}`);
    }
    return [];
  });
}

/** What the dynamic section says of the only section of a type. */
function pointedAt(view: ElfView, {sh_type, sh_flags}: Shdr): bigint | undefined {
  const tag = sectionTags[sh_type];
  return tag === undefined || (sh_flags & SHF.SHF_ALLOC) === 0 ? undefined : view.dynamic?.value(tag);
}

const sectionTags: Readonly<Record<number, bigint>> = {
  [SHT.SHT_DYNSYM]: DT.DT_SYMTAB,
  [SHT.SHT_HASH]: DT.DT_HASH,
  [SHT.SHT_GNU_HASH]: DT.DT_GNU_HASH,
  [SHT.SHT_GNU_VERSYM]: DT.DT_VERSYM,
  [SHT.SHT_GNU_VERNEED]: DT.DT_VERNEED,
  [SHT.SHT_GNU_VERDEF]: DT.DT_VERDEF,
};
