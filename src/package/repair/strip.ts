/*
 * Taking symbol tables and debugging information out of a file.
 *
 * They follow everything that is loaded, so stripping cuts the file there and writes new section headers. Whatever a
 * segment covers stays where it is, byte for byte. Sections keep their numbers, because dynamic symbols refer to them
 * (st_shndx); one that is gone leaves an unused header.
 */
import {closeSync, ftruncateSync, openSync} from 'node:fs';
import {PT, SHF, SHN, SHT} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import {findPayload} from '../../elf/payload.js';
import {Ehdr, EI_NIDENT, nullSection, Phdr, type Shdr, Shdr as ShdrRecord} from '../../elf/records.js';
import {concatenate, encodeString} from '../../elf/strings.js';
import {ElfView} from '../../elf/view.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import {fileSource} from '../../source/file.js';
import {writeFully} from '../../write/content.js';

/** What a file is after stripping: its first bytes as they are, then others. */
interface StripPlan {
  readonly keep: number;
  readonly tail: Uint8Array;
  /** The ELF header, after e_ident. */
  readonly header: Uint8Array;
}

/**
 * Plan what to cut off; undefined if there is nothing to gain, or if bytes that are not the linker's follow the image.
 */
function planStrip(view: ElfView): StripPlan | undefined {
  const {sectionHeaders} = view;
  if (sectionHeaders.length === 0 || findPayload(view) !== undefined) return undefined;
  const keep = imageLength(view);
  const kept = sectionHeaders.map((section) => isKept(section, view.sectionName(section)));
  const gone = sectionHeaders.some(
    (section, i) => !kept[i] && section.sh_type !== SHT.SHT_NULL && i !== view.e_shstrndx,
  );
  if (!gone || sectionHeaders.length >= SHN.SHN_LORESERVE) return undefined;
  return grows(view, keep, kept) ? undefined : layOut(view, keep, kept);
}

/** Sections that share bytes are each written separately, so the total size is computed before any is read. */
function grows(view: ElfView, keep: number, kept: readonly boolean[]): boolean {
  let size = keep;
  for (const [i, section] of view.sectionHeaders.entries()) {
    if (!kept[i]) continue;
    size += view.sectionName(section).length + (isCut(section, keep) ? section.sh_size : 0);
    if (size >= view.source.size) return true;
  }
  return false;
}

/** Whether a section lies where the file is cut. */
function isCut(section: Shdr, keep: number): boolean {
  return hasFileBytes(section) && section.sh_offset + section.sh_size > keep;
}

/** The end of what segments cover, and of the program headers. */
function imageLength({programHeaders, header, format}: ElfView): number {
  return programHeaders
    .filter(({p_type, p_filesz}) => p_type !== PT.PT_NULL && p_filesz > 0)
    .map(({p_offset, p_filesz}) => p_offset + p_filesz)
    .reduce((a, b) => Math.max(a, b), header.e_phoff + programHeaders.length * Phdr.size(format.elfClass));
}

/** Types whose meaning a processor's ABI defines (gABI, "Sections"). */
const SHT_LOPROC = 0x70000000;
const SHT_HIPROC = 0x7fffffff;

/** Keep what is loaded, what a processor's ABI requires (.ARM.attributes), .comment and .gnu_debuglink. */
function isKept({sh_type, sh_flags}: Shdr, name: string): boolean {
  if (sh_type === SHT.SHT_NULL) return false;
  if ((Number(sh_flags) & SHF.SHF_ALLOC) !== 0) return true;
  const isDebug = /^\.(z?debug_|symtab|strtab|gdb_index|stab)/.test(name);
  if (sh_type === SHT.SHT_SYMTAB || isDebug) return false;
  return (sh_type >= SHT_LOPROC && sh_type <= SHT_HIPROC) || name === '.comment' || name === '.gnu_debuglink';
}

function layOut(view: ElfView, keep: number, kept: readonly boolean[]): StripPlan {
  const {elfClass} = view.format;
  const last = kept.lastIndexOf(true);
  const pieces: Uint8Array[] = [];
  let at = keep;
  const place = (bytes: Uint8Array, align: number): number => {
    const start = roundUp(at, Math.max(1, Math.min(align, 4096)));
    pieces.push(new Uint8Array(start - at), bytes);
    at = start + bytes.length;
    return start;
  };
  const names = new Names();
  const sections = view.sectionHeaders.slice(0, last + 1).map((section, i) => {
    if (!kept[i]) return nullSection;
    const sh_name = names.add(view.sectionName(section));
    const sh_link = kept[section.sh_link] ? section.sh_link : 0;
    if (!isCut(section, keep)) return {...section, sh_name, sh_link};
    const sh_offset = place(
      view.source.read(section.sh_offset, section.sh_size).slice(),
      section.sh_addralign,
    );
    return {...section, sh_name, sh_link, sh_offset};
  });
  const sh_name = names.add('.shstrtab');
  const table = names.bytes();
  const sh_offset = place(table, 1);
  sections.push({
    ...nullSection,
    sh_name,
    sh_type: SHT.SHT_STRTAB,
    sh_offset,
    sh_size: table.length,
    sh_addralign: 1,
  });
  const e_shoff = place(
    concatenate(sections.map((one) => ShdrRecord.encode(one, view.format))),
    elfClass / 8,
  );
  const header = {...view.header, e_shoff, e_shnum: sections.length, e_shstrndx: sections.length - 1};
  return {keep, tail: concatenate(pieces), header: Ehdr.encode(header, view.format)};
}

/** A table of section names. */
class Names {
  readonly #pieces: Uint8Array[] = [new Uint8Array(1)];
  #size = 1;

  add(name: string): number {
    const bytes = encodeString(name);
    const at = this.#size;
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    return at;
  }

  bytes(): Uint8Array {
    return concatenate(this.#pieces);
  }
}

/** Strip a file that nobody else can open yet. @returns whether it changed */
export function stripFile(path: string): boolean {
  const source = fileSource(path);
  let plan: StripPlan | undefined;
  try {
    plan = planStrip(new ElfView(source));
    if (plan === undefined || plan.keep + plan.tail.length >= source.size) return false;
  } finally {
    source.close();
  }
  const fd = openSync(path, 'r+');
  try {
    ftruncateSync(fd, plan.keep);
    writeFully(fd, plan.tail, plan.keep);
    writeFully(fd, plan.header, EI_NIDENT);
  } finally {
    closeSync(fd);
  }
  return true;
}
