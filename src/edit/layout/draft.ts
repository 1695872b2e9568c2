/*
 * A draft is a file on its way to its next state: copies of the records that an edit may change, and the bytes
 * that it writes. Edits change the records; `finish` encodes whichever differ. So no edit ever computes where in
 * the file a header field is, and a header that two edits touch is written once.
 */

import {DT, dynamicTagName, EM, machineDT, PF, PT, SHF, SHT, segmentTypeName} from '../../elf/constants.js';
import {loadAtOffset} from '../../elf/loads.js';
import {Dyn, Ehdr, EI_NIDENT, Phdr, Shdr} from '../../elf/records.js';
import {type DynamicTable, dynamicTables} from '../../elf/tables.js';
import {type ElfView, offsetOfAddress} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {overlaySource} from '../../source/overlay.js';
import type {Range} from '../../source/range-set.js';
import type {ByteSource} from '../../source/source.js';
import {laterPlacement, type Placement, type Region} from '../plan.js';
import {addPatch, type ReasonedPatch} from './patches.js';

/** What one edit did, ready to become the ground of the next. */
export interface EditResult {
  readonly placement: Placement;
  readonly size: number;
  readonly patches: readonly ReasonedPatch[];
  readonly regions: readonly Region[];
  readonly changes: readonly string[];
  readonly notes: readonly string[];
  readonly leavesRelro: boolean;
}

/** The step that changes nothing. */
export function unchanged(view: ElfView): EditResult {
  return {
    placement: 'none',
    size: view.source.size,
    patches: [],
    regions: [],
    changes: [],
    notes: [],
    leavesRelro: false,
  };
}

/** What a request says of the layout as a whole. */
export interface Layout {
  /** Alignment in bytes of new segments; without it the file's own. */
  readonly pageSize?: number | undefined;
}

export class Draft {
  readonly view: ElfView;
  readonly layout: Layout;
  readonly programHeaders: Phdr[];
  readonly sectionHeaders: Shdr[];
  /** The entries of the dynamic section before DT_NULL. */
  entries: Dyn[];
  readonly changes: string[] = [];
  readonly notes: string[] = [];
  /** Set when the dynamic section moves out of RELRO. */
  leavesRelro = false;
  /** Length of the file. */
  size: number;
  /** File offset of the program header table. */
  programHeaderOffset: number;
  /** File offset of the section header table; 0 when there is none. */
  sectionHeaderOffset: number;
  /** Where the dynamic section is; undefined for a static program. */
  dynamicPlace: DynamicPlace | undefined;
  /** Places that this draft gave to something; the view cannot know of them. */
  readonly taken: Range[] = [];
  /** The LOAD that this draft added at the end of the file for strings and tables. */
  appended: Phdr | undefined;
  #placement: Placement = 'none';
  readonly #patches: ReasonedPatch[] = [];
  /** The file as it is now; undefined when a write has come since it was last asked for. */
  #now: ByteSource | undefined;
  readonly #regions: Region[] = [];
  #tables: readonly MovableTable[] | undefined;
  readonly #entryIndex: ReadonlyMap<Dyn, number>;

  constructor(view: ElfView, layout: Layout = {}) {
    this.view = view;
    this.layout = layout;
    this.programHeaders = view.programHeaders.map((phdr) => ({...phdr}));
    this.sectionHeaders = view.sectionHeaders.map((section) => ({...section}));
    this.entries = (view.dynamic?.entries ?? []).map((entry) => ({...entry}));
    this.size = view.source.size;
    this.programHeaderOffset = view.header.e_phoff;
    this.sectionHeaderOffset = view.header.e_shoff;
    this.dynamicPlace = view.dynamic;
    this.#entryIndex = new Map(this.entries.map((entry, i) => [entry, i]));
  }

  /** The same file without what was changed in this draft. */
  startAgain(): Draft {
    return new Draft(this.view, this.layout);
  }

  /** Note where an edit put its bytes. */
  placed(placement: Placement): void {
    this.#placement = laterPlacement(this.#placement, placement);
  }

  /** Write content. The range becomes one that the plan declares. */
  write(offset: number, bytes: Uint8Array, reason: string): void {
    addPatch(this.#patches, {offset, bytes, reason});
    this.#now = undefined;
    this.#regions.push({offset, size: bytes.length, what: reason});
    this.size = Math.max(this.size, offset + bytes.length);
  }

  /** Overwrite with zeros what is no longer used, so that a later edit finds it as slack. */
  clear(offset: number, size: number, reason: string): void {
    if (size > 0) this.write(offset, new Uint8Array(size), reason);
  }

  /** Read the file as it is in this draft, records that were changed excepted. */
  read(offset: number, length: number): Uint8Array {
    return this.snapshot().read(offset, length);
  }

  /** The file as `read` sees it; later writes do not change it. */
  snapshot(): ByteSource {
    if (this.#now?.size !== this.size) this.#now = overlaySource(this.view.source, this.#patches, this.size);
    return this.#now;
  }

  /**
   * The LOADs that may take more bytes: mapped from the file to their last byte, readable, not writable. A
   * writable one is left alone, because what follows its file bytes in memory is BSS; and so is one to which the program
   * header table moved (move-program-headers.ts).
   */
  get readOnlyLoads(): Phdr[] {
    const ofTable = this.loadAt(this.programHeaderOffset);
    return this.programHeaders.filter(
      (load) =>
        load.p_type === PT.PT_LOAD &&
        (load.p_flags & (PF.PF_W | PF.PF_R)) === PF.PF_R &&
        load.p_filesz > 0 &&
        load.p_filesz === load.p_memsz &&
        (load !== ofTable || load.p_offset === 0),
    );
  }

  /** The LOAD that maps a range of the file. */
  loadAt(offset: number, size = 1): Phdr | undefined {
    return loadAtOffset(this.programHeaders, offset, size);
  }

  /** The dynamic-linking tables, where they are in this draft; their bytes are the view's. */
  get tables(): readonly MovableTable[] {
    this.#tables ??= dynamicTables(this.view).map((table) => ({...table}));
    return this.#tables;
  }

  offsetOfAddress(address: bigint): number | undefined {
    return offsetOfAddress(this.programHeaders, address);
  }

  finish(): EditResult {
    this.#requireDynamicRoom();
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
      placement: this.#placement,
      size: this.size,
      patches: this.#patches,
      regions: this.#regions,
      changes: this.changes,
      notes: this.notes,
      leavesRelro: this.leavesRelro,
    };
  }

  /** The section that describes the program header table and nothing else, where it was or where it goes. */
  sectionOfHeaders(): Shdr | undefined {
    const {view, programHeaderOffset} = this;
    const size = view.programHeaders.length * Phdr.size(view.format.elfClass);
    return this.sectionHeaders.find(
      ({sh_type, sh_flags, sh_offset, sh_size}) =>
        sh_type === SHT.SHT_PROGBITS &&
        (sh_flags & SHF.SHF_ALLOC) !== 0 &&
        (sh_offset === programHeaderOffset || (sh_offset === view.header.e_phoff && sh_size === size)),
    );
  }

  /** An edit that adds entries makes room for them first (dynamic-room.ts). */
  #requireDynamicRoom(): void {
    const {capacity = 0} = this.dynamicPlace ?? {};
    const hasMore = this.entries.length > (this.view.dynamic?.entries.length ?? 0);
    if (!hasMore || this.entries.length < capacity) return;
    throw new ElfError('CHECK_FAILED', 'internal error, nothing was written: no room for a dynamic entry', {
      path: this.view.path,
      expected: `at most ${capacity - 1} entries`,
      got: `${this.entries.length}`,
    });
  }

  /** Let PT_PHDR say where the table is and how long. */
  #describeTable(): void {
    const {view, programHeaders, programHeaderOffset: offset} = this;
    if (offset === view.header.e_phoff && programHeaders.length === view.programHeaders.length) return;
    const size = programHeaders.length * Phdr.size(view.format.elfClass);
    const load = this.loadAt(offset, size);
    const section = this.sectionOfHeaders();
    if (section !== undefined && load !== undefined) {
      section.sh_offset = offset;
      section.sh_addr = load.p_vaddr + BigInt(offset - load.p_offset);
      section.sh_size = size;
    }
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

  #writeHeader(): void {
    const {header, format} = this.view;
    const isSame =
      this.programHeaderOffset === header.e_phoff &&
      this.sectionHeaderOffset === header.e_shoff &&
      this.sectionHeaders.length === this.view.sectionHeaders.length &&
      this.programHeaders.length === this.view.programHeaders.length;
    if (isSame) return;
    const changed = {
      ...header,
      e_phoff: this.programHeaderOffset,
      e_shoff: this.sectionHeaderOffset,
      e_phnum: this.programHeaders.length,
      e_shnum: header.e_shnum + this.sectionHeaders.length - this.view.sectionHeaders.length,
    };
    this.write(EI_NIDENT, Ehdr.encode(changed, format), 'the ELF header');
  }

  #writeTable<T extends object>(
    type: {size(elfClass: 32 | 64): number; encode(record: T, format: ElfView['format']): Uint8Array},
    [oldStart, before]: readonly [number, readonly T[]],
    [start, after]: readonly [number, readonly T[]],
    describe: (record: T) => string,
  ): void {
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

  #writeDynamic(): void {
    const {dynamic, format, header} = this.view;
    const place = this.dynamicPlace;
    if (dynamic === undefined || place === undefined) return;
    const size = Dyn.size(format.elfClass);
    const isMoved = place.address !== dynamic.address;
    // One slot more: what follows the old DT_NULL need not be another one, and would come to life.
    const longest = Math.max(this.entries.length, dynamic.entries.length) + 1;
    const end = isMoved ? place.capacity : Math.min(longest, place.capacity);
    for (let i = 0; i < end; i++) {
      const entry = this.#settled(i, size, place.address);
      if (!isMoved && same(entry, dynamic.entries[i] ?? this.#spareEntry(i))) continue;
      this.write(
        place.offset + i * size,
        Dyn.encode(entry, format),
        dynamicTagName(entry.d_tag, header.e_machine),
      );
    }
  }

  /** What is in a slot after the entries. A DT_NULL is one whatever its value. */
  #spareEntry(index: number): Dyn {
    const {dynamic, source, format} = this.view;
    const size = Dyn.size(format.elfClass);
    const entry = Dyn.decode(source.read((dynamic?.offset ?? 0) + index * size, size), format);
    return entry.d_tag === DT.DT_NULL ? {d_tag: DT.DT_NULL, d_val: 0n} : entry;
  }

  /** The entry for a slot. DT_MIPS_RLD_MAP_REL counts from its own slot, so it changes when that moves. */
  #settled(index: number, size: number, address: bigint): Dyn {
    const entry = this.entries[index] ?? {d_tag: DT.DT_NULL, d_val: 0n};
    const isRelative =
      this.view.header.e_machine === EM.EM_MIPS && entry.d_tag === machineDT[8].DT_MIPS_RLD_MAP_REL;
    if (!isRelative) return entry;
    const slots = BigInt(size) * BigInt((this.#entryIndex.get(entry) ?? index) - index);
    const moved = slots + (this.view.dynamic?.address ?? address) - address;
    return {...entry, d_val: BigInt.asUintN(this.view.format.elfClass, entry.d_val + moved)};
  }
}

/** A dynamic-linking table of a draft. */
export type MovableTable = {-readonly [field in keyof DynamicTable]: DynamicTable[field]};

/** Where a dynamic section is, and how many entries it can hold with its DT_NULL. */
export interface DynamicPlace {
  readonly offset: number;
  readonly address: bigint;
  readonly capacity: number;
}

function same<T extends object>(a: T, b: T | undefined): boolean {
  if (b === undefined) return false;
  for (const name in a) if (a[name] !== b[name]) return false;
  return true;
}
