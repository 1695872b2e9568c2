/*
 * The words that relocations change, in copies of a file's segments. What only a hostile file would have is refused: a
 * relocation at a place where the loader would crash, or in the headers or tables that the loader reads, which are read
 * here as they are in the file.
 */
import {PF, PT} from '../../elf/constants.js';
import {hasTextRelocations} from '../../elf/hardening.js';
import type {Phdr} from '../../elf/records.js';
import {type Base, baseOf} from '../../elf/scan.js';
import {dynamicTables} from '../../elf/tables.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError, hex} from '../../errors.js';
import type {Range} from '../../source/range-set.js';
import type {SegmentCopy} from './segment-copy.js';

const wordSize = 8;

/** A range of addresses, as distances from the lowest one. */
interface Span {
  readonly start: number;
  readonly end: number;
}

interface Writable extends Span {
  readonly data: DataView;
}

export class RelocatedWords {
  /** The lowest address of the file; places are distances from it. */
  readonly base: Base;
  readonly #view: ElfView;
  readonly #loads: readonly Phdr[];
  readonly #writable: readonly Writable[];
  readonly #mapped: readonly Span[];
  readonly #read: readonly Span[];

  constructor(view: ElfView, copies: readonly SegmentCopy[]) {
    this.#view = view;
    this.#loads = view.segments(PT.PT_LOAD);
    this.base = baseOf(this.#lowest);
    const isText = hasTextRelocations(view);
    this.#mapped = this.#loads
      .filter(({p_flags}) => isText || (p_flags & PF.PF_W) !== 0)
      .map(({p_vaddr, p_memsz}) => this.#span(p_vaddr, p_memsz));
    this.#writable = copies
      .filter(({load}) => (load.p_flags & PF.PF_W) !== 0)
      .map(({load: {p_vaddr, p_filesz}, bytes}) => ({
        ...this.#span(p_vaddr, p_filesz),
        data: new DataView(bytes.buffer, bytes.byteOffset + bytes.length - p_filesz),
      }));
    const canChange = ({start, end}: Span) => this.#mapped.some((one) => start < one.end && end > one.start);
    this.#read = [...this.#headers(), ...this.#addresses(dynamicTables(view)).filter(canChange)];
  }

  /**
   * Whether a word can be changed in the file. False for a word that is left to the loader, along with all that follow:
   * one of the BSS, or of code that the loader makes writable.
   *
   * @param entry file offset of the relocation
   * @throws ElfError BAD_ELF
   */
  holds(place: number, entry: number): boolean {
    return this.#find(place, entry) !== undefined;
  }

  /** How many words of the file can be changed. */
  get count(): number {
    return this.#writable.reduce((sum, {start, end}) => sum + Math.floor((end - start) / wordSize), 0);
  }

  /** Make a word the sum of two. */
  set(place: number, addend: Base, base: Base, entry: number): boolean {
    const own = this.#find(place, entry);
    if (own !== undefined) write(own, place, addend, base);
    return own !== undefined;
  }

  /** Add to a word. */
  add(place: number, base: Base, entry: number): void {
    const own = this.#find(place, entry);
    if (own === undefined) return;
    const at = place - own.start;
    write(own, place, {low: own.data.getUint32(at, true), high: own.data.getUint32(at + 4, true)}, base);
  }

  get #lowest(): bigint {
    return this.#loads[0]?.p_vaddr ?? 0n;
  }

  #find(place: number, entry: number): Writable | undefined {
    const touches = ({start, end}: Span) => place + wordSize > start && place < end;
    if (this.#read.some(touches))
      throw this.#bad('a relocation changes the headers or a table of relocations', place, entry);
    const own = this.#writable.find(({start, end}) => place >= start && place + wordSize <= end);
    if (own === undefined && !this.#mapped.some(({start, end}) => place >= start && place + wordSize <= end))
      throw this.#bad('a relocation is outside the writable segments', place, entry);
    return own;
  }

  /** The dynamic section, the ELF header and the program header table. */
  #headers(): Span[] {
    const {dynamic, header, programHeaders} = this.#view;
    const inFile = [
      {offset: 0, size: header.e_ehsize},
      {offset: header.e_phoff, size: programHeaders.length * header.e_phentsize},
    ];
    const spans = this.#addresses(inFile);
    return dynamic === undefined ? spans : [...spans, this.#span(dynamic.address, dynamic.capacity * 16)];
  }

  /** Where ranges of the file are in memory. */
  #addresses(ranges: readonly Range[]): Span[] {
    return ranges.flatMap(({offset, size}) =>
      this.#loads
        .filter(({p_offset, p_filesz}) => offset >= p_offset && offset < p_offset + p_filesz)
        .map(({p_offset, p_vaddr}) => this.#span(p_vaddr + BigInt(offset - p_offset), size)),
    );
  }

  #span(address: bigint, size: number): Span {
    const start = Number(address - this.#lowest);
    return {start, end: start + size};
  }

  #bad(what: string, place: number, offset: number): ElfError {
    // For a place that is too far away, only the distance is known, and not exactly.
    const value = Number.isSafeInteger(place) ? this.#lowest + BigInt(place) : undefined;
    return new ElfError('BAD_ELF', what, {
      path: this.#view.path,
      offset,
      expected: 'an address of data',
      got: value === undefined ? undefined : hex(value),
      value,
    });
  }
}

function write({start, data}: Writable, place: number, addend: Base, base: Base): void {
  const low = addend.low + base.low;
  data.setUint32(place - start, low, true);
  data.setUint32(place - start + 4, addend.high + base.high + (low > 0xffffffff ? 1 : 0), true);
}
