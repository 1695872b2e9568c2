/*
 * A draft is a file being edited: copies of the records that an edit may change, and the bytes that it writes. Edits
 * change the records; encode.ts writes those that differ. So no edit has to compute the file offset of a header field,
 * and a header changed twice is written once.
 */
import {PF, PT} from '../../elf/constants.js';
import {loadAtOffset} from '../../elf/loads.js';
import type {Dyn, Phdr, Shdr} from '../../elf/records.js';
import {type DynamicTable, dynamicTables} from '../../elf/tables.js';
import {type ElfView, offsetOfAddress} from '../../elf/view.js';
import {overlaySource} from '../../source/overlay.js';
import type {Range} from '../../source/range-set.js';
import type {ByteSource} from '../../source/source.js';
import {laterPlacement, type Placement, type Region} from '../plan.js';
import {addPatch, type ReasonedPatch} from './patches.js';
import {absoluteEntries} from './slot-relative.js';

/** The result of one edit, on which the next one is based. */
export interface EditResult {
  readonly placement: Placement;
  readonly size: number;
  readonly patches: readonly ReasonedPatch[];
  readonly regions: readonly Region[];
  readonly changes: readonly string[];
  readonly notes: readonly string[];
  readonly leavesRelro: boolean;
}

/** The result of an edit that changes nothing. */
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

/** What a request specifies about the layout as a whole. */
export interface Layout {
  /** Alignment in bytes of new segments; by default the file's own. */
  readonly pageSize?: number | undefined;
}

/** An entry of the dynamic section, or one whose string has yet to be placed. */
export type Entry = Dyn | StringEntry;

export interface StringEntry {
  readonly d_tag: bigint;
  readonly text: string;
  /** Offset of the string in .dynstr, once it has one. */
  offset?: number;
}

/** A dynamic-linking table of a draft. */
export type MovableTable = {-readonly [field in keyof DynamicTable]: DynamicTable[field]};

/** Where bytes go. */
export interface Place {
  readonly offset: number;
  readonly address: bigint;
}

/** Where a dynamic section is, and how many entries it can hold, including its DT_NULL. */
export interface DynamicPlace extends Place {
  readonly capacity: number;
}

export class Draft {
  readonly view: ElfView;
  readonly layout: Layout;
  readonly programHeaders: Phdr[];
  readonly sectionHeaders: Shdr[];
  /** The entries of the dynamic section before DT_NULL. */
  entries: Entry[];
  readonly changes: string[] = [];
  readonly notes: string[] = [];
  /** File offset of the program header table. */
  programHeaderOffset: number;
  /** File offset of the section header table; 0 when there is none. */
  sectionHeaderOffset: number;
  /** The LOAD that this draft added at the end of the file for strings and tables. */
  appended: Phdr | undefined;
  #size: number;
  #dynamicPlace: DynamicPlace | undefined;
  #leavesRelro = false;
  #placement: Placement = 'none';
  readonly #taken: Range[] = [];
  readonly #patches: ReasonedPatch[] = [];
  /** The cached snapshot of the file; undefined after a write. */
  #now: ByteSource | undefined;
  readonly #regions: Region[] = [];
  #tables: readonly MovableTable[] | undefined;

  constructor(view: ElfView, layout: Layout = {}) {
    this.view = view;
    this.layout = layout;
    this.programHeaders = view.programHeaders.map((phdr) => ({...phdr}));
    this.sectionHeaders = view.sectionHeaders.map((section) => ({...section}));
    this.entries = absoluteEntries(view);
    this.programHeaderOffset = view.header.e_phoff;
    this.sectionHeaderOffset = view.header.e_shoff;
    this.#size = view.source.size;
    this.#dynamicPlace = view.dynamic;
  }

  /** Length of the file. */
  get size(): number {
    return this.#size;
  }

  /** Make the file at least this long. */
  reach(end: number): void {
    this.#size = Math.max(this.#size, end);
  }

  /** Note where an edit put its bytes. */
  placed(placement: Placement): void {
    this.#placement = laterPlacement(this.#placement, placement);
  }

  /** Write content. The plan declares the range. */
  write(offset: number, bytes: Uint8Array, reason: string): void {
    addPatch(this.#patches, {offset, bytes, reason});
    this.#now = undefined;
    this.#regions.push({offset, size: bytes.length, what: reason});
    this.reach(offset + bytes.length);
  }

  /** Overwrite unused bytes with zeros, so that a later edit can reuse them. */
  clear(offset: number, size: number, reason: string): void {
    if (size > 0) this.write(offset, new Uint8Array(size), reason);
  }

  /** Whether something was written into a range. */
  hasWritten({offset, size}: Range): boolean {
    return this.#regions.some(
      (region) => region.offset < offset + size && offset < region.offset + region.size,
    );
  }

  /** Read the file as it is in this draft, without changes to records that are not encoded yet. */
  read(offset: number, length: number): Uint8Array {
    return this.snapshot().read(offset, length);
  }

  /** The file as `read` sees it; later writes do not change it. */
  snapshot(): ByteSource {
    if (this.#now?.size !== this.size) this.#now = overlaySource(this.view.source, this.#patches, this.size);
    return this.#now;
  }

  /** Ranges that this draft has allocated; the view does not know about them. */
  get taken(): readonly Range[] {
    return this.#taken;
  }

  /** Mark a range of the file as allocated. */
  take(range: Range): void {
    this.#taken.push(range);
  }

  /** Where the dynamic section is; undefined for a static program. */
  get dynamicPlace(): DynamicPlace | undefined {
    return this.#dynamicPlace;
  }

  /** Put the dynamic section elsewhere. */
  placeDynamic(place: DynamicPlace, leavesRelro: boolean): void {
    this.#dynamicPlace = place;
    this.#leavesRelro ||= leavesRelro;
  }

  /** The entries whose value is known. */
  get values(): Dyn[] {
    return this.entries.filter((entry) => 'd_val' in entry);
  }

  /** The value of a tag; the last one where there are several, as for ld.so. */
  value(tag: bigint): bigint | undefined {
    const entry = this.entries.findLast((other) => other.d_tag === tag && 'd_val' in other);
    return entry !== undefined && 'd_val' in entry ? entry.d_val : undefined;
  }

  /** Give every entry of a tag a value. */
  setValue(tag: bigint, value: bigint): void {
    for (const entry of this.values) if (entry.d_tag === tag) entry.d_val = value;
  }

  /** Replace the old entries: the new ones go where the first old one is, else at the end. */
  replaceEntries(isOld: (entry: Entry) => boolean, ...entries: readonly Entry[]): void {
    const index = this.entries.findIndex(isOld);
    this.entries = this.entries.filter((entry) => !isOld(entry));
    this.entries.splice(index < 0 ? this.entries.length : index, 0, ...entries);
  }

  /**
   * The LOADs that may take more bytes: mapped from the file to their last byte, readable, not writable. A writable
   * LOAD is excluded, because BSS follows its file bytes in memory; so is one made for a moved program header table
   * (move-program-headers.ts).
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

  /** The dynamic-linking tables, at their places in this draft; their content is the view's. */
  get tables(): readonly MovableTable[] {
    this.#tables ??= dynamicTables(this.view).map((table) => ({...table}));
    return this.#tables;
  }

  offsetOfAddress(address: bigint): number | undefined {
    return offsetOfAddress(this.programHeaders, address);
  }

  /** The result of the edit, once its records are encoded. */
  result(): EditResult {
    return {
      placement: this.#placement,
      size: this.size,
      patches: this.#patches,
      regions: this.#regions,
      changes: this.changes,
      notes: this.notes,
      leavesRelro: this.#leavesRelro,
    };
  }
}
