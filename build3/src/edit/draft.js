/*
 * A draft is a file on its way to its next state: copies of the records that an edit may change, and the bytes
 * that it writes. Edits change the records; `finish` encodes whichever differ. So no edit ever computes where in
 * the file a header field stands, and a header that two edits touch is written once.
 */
import {DT, dynamicTagName, EM, machineDT, PF, PT, SHT, segmentTypeName} from '../elf/constants.js';
import {Dyn, Ehdr, EI_NIDENT, Phdr, Shdr, Sym} from '../elf/records.js';
import {eachSymbol} from '../elf/symbols.js';
import {dynamicTables} from '../elf/tables.js';
import {ElfView, offsetOfAddress} from '../elf/view.js';
import {overlaySource} from '../source/overlay.js';
import {makeDynamicRoom} from './dynamic-room.js';
import {addPatch} from './patches.js';
/** The step that changes nothing. */
export function noStep(view) {
  return {rung: 0, size: view.source.size, patches: [], regions: [], changes: [], notes: []};
}
export class Draft {
  view;
  programHeaders;
  sectionHeaders;
  /** The entries of the dynamic section before DT_NULL. */
  entries;
  changes = [];
  notes = [];
  /** Length of the file. */
  size;
  /** File offset of the program header table. */
  programHeaderOffset;
  /** File offset of the section header table; 0 when there is none. */
  sectionHeaderOffset;
  /** Where the dynamic section lies; undefined for a static program. */
  dynamicPlace;
  /** Places that this draft gave to something; the view cannot know of them. */
  taken = [];
  /** The LOAD that this draft added at the end of the file for strings and tables. */
  extension;
  #rung = 0;
  #patches = [];
  #regions = [];
  #tables;
  #entryIndex;
  constructor(view) {
    this.view = view;
    this.programHeaders = view.programHeaders.map((phdr) => ({...phdr}));
    this.sectionHeaders = view.sectionHeaders.map((section) => ({...section}));
    this.entries = (view.dynamic?.entries ?? []).map((entry) => ({...entry}));
    this.size = view.source.size;
    this.programHeaderOffset = view.header.e_phoff;
    this.sectionHeaderOffset = view.header.e_shoff;
    this.dynamicPlace = view.dynamic;
    this.#entryIndex = new Map(this.entries.map((entry, i) => [entry, i]));
  }
  /** Note that an edit needed this rung. */
  climb(rung) {
    if (rung > this.#rung) this.#rung = rung;
  }
  /** Write content. The range becomes one that the plan declares. */
  write(offset, bytes, reason) {
    this.#patches = addPatch(this.#patches, {offset, bytes, reason});
    this.#regions.push({offset, size: bytes.length, what: reason});
    this.size = Math.max(this.size, offset + bytes.length);
  }
  /** Overwrite with zeros what is no longer used, so that a later edit finds it as slack. */
  clear(offset, size, reason) {
    if (size > 0) this.write(offset, new Uint8Array(size), reason);
  }
  /** Read the file as it stands in this draft, records that were changed excepted. */
  read(offset, length) {
    return overlaySource(this.view.source, this.#patches, this.size).read(offset, length);
  }
  /**
   * The LOADs that may take more bytes: mapped from the file to their last byte, readable, not writable. A
   * writable one is left alone, because what follows its file bytes in memory is BSS.
   */
  get readOnlyLoads() {
    return this.programHeaders.filter(
      ({p_type, p_flags, p_filesz, p_memsz}) =>
        p_type === PT.PT_LOAD &&
        (p_flags & PF.PF_W) === 0 &&
        (p_flags & PF.PF_R) !== 0 &&
        p_filesz > 0 &&
        p_filesz === p_memsz,
    );
  }
  /** The LOAD that maps a range of the file. */
  loadAt(offset, size = 1) {
    return this.programHeaders.find(
      (p) => p.p_type === PT.PT_LOAD && offset >= p.p_offset && offset + size <= p.p_offset + p.p_filesz,
    );
  }
  /** The dynamic-linking tables, where they are in this draft; their bytes are the view's. */
  get tables() {
    this.#tables ??= dynamicTables(this.view);
    return this.#tables;
  }
  /** Note that the tables which lie in a range of the file went elsewhere. */
  shiftTables({offset, size}, fileDistance, distance) {
    this.#tables = this.tables.map((table) =>
      table.offset >= offset && table.offset < offset + size
        ? {...table, offset: table.offset + fileDistance, address: table.address + distance}
        : table,
    );
  }
  offsetOfAddress(address) {
    return offsetOfAddress(this.programHeaders, address);
  }
  /** Let a section header follow its bytes. A file without one for this range is none the worse. */
  moveSection(from, to) {
    const index = this.sectionHeaders.findIndex(
      (s) => s.sh_type !== SHT.SHT_NOBITS && s.sh_offset === from.offset && s.sh_size === from.size,
    );
    const section = this.sectionHeaders[index];
    if (section === undefined) return;
    this.shiftSymbols(new Set([index]), to.address - section.sh_addr);
    section.sh_offset = to.offset;
    section.sh_size = to.size;
    section.sh_addr = to.address;
  }
  /** Let the symbols of sections that moved follow them. */
  shiftSymbols(sections, distance) {
    if (distance === 0n) return;
    const size = Sym.size(this.view.format.elfClass);
    const now = new ElfView(overlaySource(this.view.source, this.#patches, this.size));
    this.view.sectionHeaders.forEach((table, index) => {
      const isSymbolTable = table.sh_type === SHT.SHT_SYMTAB || table.sh_type === SHT.SHT_DYNSYM;
      if (!isSymbolTable || table.sh_entsize !== size) return;
      const offset = this.sectionHeaders[index]?.sh_offset ?? table.sh_offset;
      eachSymbol(now, offset, Math.floor(table.sh_size / size), (symbol, i) => {
        if (!sections.has(symbol.st_shndx)) return;
        const moved = {...symbol, st_value: symbol.st_value + distance};
        this.write(offset + i * size, Sym.encode(moved, this.view.format), 'a symbol of a moved section');
      });
    });
  }
  finish() {
    makeDynamicRoom(this);
    this.#writeDynamic();
    this.#describeTable();
    this.#writeTable(
      Phdr,
      [this.view.header.e_phoff, this.view.programHeaders],
      [this.programHeaderOffset, this.programHeaders],
      (p) => segmentTypeName(p.p_type, this.view.header.e_machine),
    );
    this.#writeTable(
      Shdr,
      [this.view.header.e_shoff, this.view.sectionHeaders],
      [this.sectionHeaderOffset, this.sectionHeaders],
      () => 'section header',
    );
    this.#writeHeader();
    return {
      rung: this.#rung,
      size: this.size,
      patches: this.#patches,
      regions: this.#regions,
      changes: this.changes,
      notes: this.notes,
    };
  }
  /** Let PT_PHDR say where the table is and how long. */
  #describeTable() {
    const {view, programHeaders, programHeaderOffset: offset} = this;
    if (offset === view.header.e_phoff && programHeaders.length === view.programHeaders.length) return;
    const size = programHeaders.length * Phdr.size(view.format.elfClass);
    const load = this.loadAt(offset, size);
    for (const segment of programHeaders) {
      if (segment.p_type !== PT.PT_PHDR || load === undefined) continue;
      const address = load.p_vaddr + BigInt(offset - load.p_offset);
      segment.p_paddr += address - segment.p_vaddr;
      segment.p_vaddr = address;
      segment.p_offset = offset;
      segment.p_filesz = size;
      segment.p_memsz = size;
    }
  }
  #writeHeader() {
    const {header, format} = this.view;
    const isSame =
      this.programHeaderOffset === header.e_phoff &&
      this.sectionHeaderOffset === header.e_shoff &&
      this.programHeaders.length === this.view.programHeaders.length;
    if (isSame) return;
    const changed = {
      ...header,
      e_phoff: this.programHeaderOffset,
      e_shoff: this.sectionHeaderOffset,
      e_phnum: this.programHeaders.length,
    };
    this.write(EI_NIDENT, Ehdr.encode(changed, format), 'the ELF header');
  }
  #writeTable(type, [oldStart, before], [start, after], describe) {
    const size = type.size(this.view.format.elfClass);
    after.forEach((record, i) => {
      if (start === oldStart && same(record, before[i])) return;
      this.write(
        start + i * size,
        type.encode(record, this.view.format),
        `${describe(record)} in the table of headers`,
      );
    });
  }
  #writeDynamic() {
    const {dynamic, format, header} = this.view;
    const place = this.dynamicPlace;
    if (dynamic === undefined || place === undefined) return;
    const size = Dyn.size(format.elfClass);
    const isMoved = place.address !== dynamic.address;
    const longest = isMoved ? place.capacity : Math.max(this.entries.length, dynamic.entries.length);
    for (let i = 0; i < longest; i++) {
      const entry = this.#settled(i, size, place.address);
      if (!isMoved && same(entry, dynamic.entries[i])) continue;
      this.write(
        place.offset + i * size,
        Dyn.encode(entry, format),
        dynamicTagName(entry.d_tag, header.e_machine),
      );
    }
  }
  /** The entry for a slot. DT_MIPS_RLD_MAP_REL counts from its own slot, so it changes when that moves. */
  #settled(index, size, address) {
    const entry = this.entries[index] ?? {d_tag: DT.DT_NULL, d_val: 0n};
    const isRelative =
      this.view.header.e_machine === EM.EM_MIPS && entry.d_tag === machineDT[8].DT_MIPS_RLD_MAP_REL;
    if (!isRelative) return entry;
    const slots = BigInt(size) * BigInt((this.#entryIndex.get(entry) ?? index) - index);
    const moved = slots + (this.view.dynamic?.address ?? address) - address;
    return {...entry, d_val: BigInt.asUintN(this.view.format.elfClass, entry.d_val + moved)};
  }
}
function same(a, b) {
  return b !== undefined && Object.entries(a).every(([name, value]) => b[name] === value);
}
//# sourceMappingURL=draft.js.map
