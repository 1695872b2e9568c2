/*
 * A sound shared library of any size, put together record by record: as many of each thing as a test wants. All
 * read-only data is in one segment, followed by a writable one with the dynamic section.
 */
import {DT, ET, PF, PT, SHF, SHT} from '../../src/elf/constants.js';
import {sysvHash} from '../../src/elf/hash.js';
import type {Format} from '../../src/elf/record.js';
import {Dyn, HashHeader, Phdr, Rela, Shdr, Sym, Vernaux, Verneed} from '../../src/elf/records.js';
import {encodeWords} from '../../src/elf/words.js';
import {elfHeader, headerSize, programHeader, sectionHeader} from '../helpers/synthetic.js';

/** How many of each. */
export interface Counts {
  readonly needed: number;
  readonly symbols: number;
  readonly relocations: number;
  /** Versions required from the first library. */
  readonly versions: number;
  /** Sections that are not loaded. */
  readonly sections: number;
  /** Writable LOADs after the others. */
  readonly segments: number;
  /** Dynamic entries with an unknown tag. */
  readonly entries: number;
  /** Directories of DT_RUNPATH. */
  readonly directories: number;
}

export const fewOfEach: Counts = {
  needed: 2,
  symbols: 4,
  relocations: 2,
  versions: 1,
  sections: 1,
  segments: 0,
  entries: 0,
  directories: 1,
};

const format: Format = {elfClass: 64, littleEndian: true};
const page = 0x1000;
const spareEntries = 4;

export const libraryName = (i: number) => `libn${i}.so`;
export const symbolName = (i: number) => `symbol_${i}`;
const versionName = (i: number) => `V_${i}`;

export function growLibrary(wanted: Partial<Counts> = {}): Uint8Array {
  return new Library({...fewOfEach, ...wanted}).bytes();
}

/** A string table; `add` appends a string and returns its offset. */
class Strings {
  #text = '\0';

  add(text: string): number {
    const offset = this.#text.length;
    this.#text += `${text}\0`;
    return offset;
  }

  get bytes(): Buffer {
    return Buffer.from(this.#text);
  }
}

interface Part {
  readonly name: string;
  readonly type: number;
  readonly tag: bigint | undefined;
  readonly bytes: Uint8Array;
  readonly link?: string;
  readonly entrySize?: number;
}

class Library {
  readonly #counts: Counts;
  readonly #strings = new Strings();

  constructor(counts: Counts) {
    this.#counts = counts;
  }

  bytes(): Uint8Array {
    const {segments, sections} = this.#counts;
    const entries = this.#entries();
    const parts = this.#parts();
    const table = (5 + segments) * Phdr.size(64);
    const headers = headerSize(format) + table;
    const places = lay(parts, headers);
    const readOnly = places.end;
    const dynamicOffset = Math.ceil((readOnly + 600) / page) * page;
    const dynamicAddress = dynamicOffset + page;
    const tables = parts.flatMap(({tag, name}): [bigint, bigint][] =>
      tag === undefined ? [] : [[tag, BigInt(places.of(name))]],
    );
    const dynamic = encodeEntries([...tables, ...this.#sizes(parts), ...entries]);
    const image = Buffer.alloc(dynamicOffset + dynamic.length + segments * 16);
    for (const part of parts) image.set(part.bytes, places.of(part.name));
    image.set(dynamic, dynamicOffset);
    const interpreter = parts.find(({name}) => name === '.interp');
    const range = (p_offset: number, p_vaddr: number, p_filesz: number) => ({
      p_offset,
      p_vaddr: BigInt(p_vaddr),
      p_paddr: BigInt(p_vaddr),
      p_filesz,
      p_memsz: p_filesz,
    });
    const program = [
      programHeader(format, {
        p_type: PT.PT_PHDR,
        p_flags: PF.PF_R,
        p_align: 8,
        ...range(headerSize(format), headerSize(format), table),
      }),
      programHeader(format, {
        p_type: PT.PT_INTERP,
        p_flags: PF.PF_R,
        p_align: 1,
        ...range(places.of('.interp'), places.of('.interp'), interpreter?.bytes.length ?? 0),
      }),
      programHeader(format, {p_type: PT.PT_LOAD, p_flags: PF.PF_R, p_align: page, ...range(0, 0, readOnly)}),
      programHeader(format, {
        p_type: PT.PT_LOAD,
        p_flags: PF.PF_R | PF.PF_W,
        p_align: page,
        ...range(dynamicOffset, dynamicAddress, dynamic.length),
      }),
      ...Array.from({length: segments}, (_, i) => {
        const offset = dynamicOffset + dynamic.length + i * 16;
        const base = dynamicAddress + Math.ceil(dynamic.length / page) * page;
        const p_flags = PF.PF_R | PF.PF_W;
        const address = base + i * page + (offset % page);
        return programHeader(format, {
          p_type: PT.PT_LOAD,
          p_flags,
          p_align: page,
          ...range(offset, address, 16),
        });
      }),
      programHeader(format, {
        p_type: PT.PT_DYNAMIC,
        p_flags: PF.PF_R | PF.PF_W,
        p_align: 8,
        ...range(dynamicOffset, dynamicAddress, dynamic.length),
      }),
    ];
    const sectionTable = this.#sections(
      parts,
      places,
      [dynamicOffset, dynamicAddress, dynamic.length],
      image.length,
    );
    const header = elfHeader(format, {
      e_type: ET.ET_DYN,
      e_phoff: headerSize(format),
      e_phnum: program.length,
      e_shoff: image.length + sectionTable.names.length,
      e_shnum: parts.length + 3 + sections,
      e_shstrndx: parts.length + 2,
    });
    image.set(Buffer.concat([header, ...program]));
    return Buffer.concat([image, sectionTable.names, ...sectionTable.headers]);
  }

  /** Names come first, so that the string table is complete when it is placed. */
  #entries(): [bigint, bigint][] {
    const {needed, entries, directories} = this.#counts;
    const path = Array.from({length: directories}, (_, i) => `/d/${i}`).join(':');
    return [
      ...Array.from({length: needed}, (_, i): [bigint, bigint] => [
        DT.DT_NEEDED,
        BigInt(this.#strings.add(libraryName(i))),
      ]),
      ...(directories > 0 ? [[DT.DT_RUNPATH, BigInt(this.#strings.add(path))] as [bigint, bigint]] : []),
      ...Array.from({length: entries}, (): [bigint, bigint] => [0x6000_0f00n, 1n]),
    ];
  }

  #parts(): Part[] {
    const {symbols, relocations, versions} = this.#counts;
    const hashed = this.#symbols();
    const needed = this.#versions();
    const versym = new Uint8Array(
      new Uint16Array(symbols + 1).map((_, i) => (i === 0 ? 0 : 2 + (i % versions))).buffer,
    );
    const records = Array.from({length: relocations}, (_, i) =>
      Rela.encode({r_offset: 64n, r_info: (BigInt(1 + (i % symbols)) << 32n) | 6n, r_addend: 0n}, format),
    );
    return [
      {
        name: '.interp',
        type: SHT.SHT_PROGBITS,
        tag: undefined,
        bytes: Buffer.from('/lib64/ld-linux-x86-64.so.2\0'),
      },
      {name: '.hash', type: SHT.SHT_HASH, tag: DT.DT_HASH, bytes: hashed.hash, link: '.dynsym', entrySize: 4},
      {
        name: '.dynsym',
        type: SHT.SHT_DYNSYM,
        tag: DT.DT_SYMTAB,
        bytes: hashed.symbols,
        link: '.dynstr',
        entrySize: Sym.size(64),
      },
      {
        name: '.gnu.version',
        type: SHT.SHT_GNU_VERSYM,
        tag: DT.DT_VERSYM,
        bytes: versym,
        link: '.dynsym',
        entrySize: 2,
      },
      {name: '.gnu.version_r', type: SHT.SHT_GNU_VERNEED, tag: DT.DT_VERNEED, bytes: needed, link: '.dynstr'},
      {
        name: '.rela.dyn',
        type: SHT.SHT_RELA,
        tag: DT.DT_RELA,
        bytes: Buffer.concat(records),
        link: '.dynsym',
        entrySize: Rela.size(64),
      },
      {name: '.dynstr', type: SHT.SHT_STRTAB, tag: DT.DT_STRTAB, bytes: this.#strings.bytes},
    ];
  }

  #symbols(): {symbols: Uint8Array; hash: Uint8Array} {
    const {symbols} = this.#counts;
    const nbucket = Math.ceil(symbols / 2);
    const buckets = new Array<number>(nbucket).fill(0);
    const chains = new Array<number>(symbols + 1).fill(0);
    const records = [Buffer.alloc(Sym.size(64))];
    for (let i = 1; i <= symbols; i++) {
      const st_name = this.#strings.add(symbolName(i));
      records.push(
        Buffer.from(
          Sym.encode({st_name, st_info: 0x12, st_other: 0, st_shndx: 0, st_value: 0n, st_size: 0n}, format),
        ),
      );
      const bucket = sysvHash(Buffer.from(symbolName(i))) % nbucket;
      chains[i] = buckets[bucket] ?? 0;
      buckets[bucket] = i;
    }
    const header = HashHeader.encode({nbucket, nchain: symbols + 1}, format);
    return {
      symbols: Buffer.concat(records),
      hash: Buffer.concat([header, encodeWords([...buckets, ...chains], format)]),
    };
  }

  #versions(): Uint8Array {
    const {versions} = this.#counts;
    const head = Verneed.encode(
      {vn_version: 1, vn_cnt: versions, vn_file: 1, vn_aux: Verneed.size(64), vn_next: 0},
      format,
    );
    const records = Array.from({length: versions}, (_, i) =>
      Vernaux.encode(
        {
          vna_hash: sysvHash(Buffer.from(versionName(i))),
          vna_flags: 0,
          vna_other: 2 + i,
          vna_name: this.#strings.add(versionName(i)),
          vna_next: i + 1 === versions ? 0 : Vernaux.size(64),
        },
        format,
      ),
    );
    return Buffer.concat([head, ...records]);
  }

  #sizes(parts: readonly Part[]): [bigint, bigint][] {
    const sizeOf = (name: string) => BigInt(parts.find((part) => part.name === name)?.bytes.length ?? 0);
    return [
      [DT.DT_STRSZ, sizeOf('.dynstr')],
      [DT.DT_SYMENT, BigInt(Sym.size(64))],
      [DT.DT_RELASZ, sizeOf('.rela.dyn')],
      [DT.DT_RELAENT, BigInt(Rela.size(64))],
      [DT.DT_VERNEEDNUM, 1n],
    ];
  }

  #sections(
    parts: readonly Part[],
    places: Places,
    [dynamicOffset, dynamicAddress, dynamicSize]: readonly [number, number, number],
    end: number,
  ): {names: Uint8Array; headers: Uint8Array[]} {
    const names = new Strings();
    const index = (name: string | undefined) => 1 + parts.findIndex((part) => part.name === name);
    const headers = [
      Buffer.alloc(Shdr.size(64)),
      ...parts.map((part) =>
        sectionHeader(format, {
          sh_name: names.add(part.name),
          sh_type: part.type,
          sh_flags: SHF.SHF_ALLOC,
          sh_addr: BigInt(places.of(part.name)),
          sh_offset: places.of(part.name),
          sh_size: part.bytes.length,
          sh_link: part.link === undefined ? 0 : index(part.link),
          sh_info: part.type === SHT.SHT_GNU_VERNEED || part.type === SHT.SHT_DYNSYM ? 1 : 0,
          sh_addralign: 8,
          sh_entsize: part.entrySize ?? 0,
        }),
      ),
      sectionHeader(format, {
        sh_name: names.add('.dynamic'),
        sh_type: SHT.SHT_DYNAMIC,
        sh_flags: SHF.SHF_ALLOC | SHF.SHF_WRITE,
        sh_addr: BigInt(dynamicAddress),
        sh_offset: dynamicOffset,
        sh_size: dynamicSize,
        sh_link: index('.dynstr'),
        sh_addralign: 8,
        sh_entsize: Dyn.size(64),
      }),
    ];
    const own = names.add('.shstrtab');
    const others = Array.from({length: this.#counts.sections}, (_, i) =>
      sectionHeader(format, {
        sh_name: names.add(`.s${i}`),
        sh_type: SHT.SHT_PROGBITS,
        sh_offset: end,
        sh_size: 0,
        sh_addralign: 1,
      }),
    );
    const table = sectionHeader(format, {
      sh_name: own,
      sh_type: SHT.SHT_STRTAB,
      sh_offset: end,
      sh_size: names.bytes.length,
      sh_addralign: 1,
    });
    return {names: names.bytes, headers: [...headers, table, ...others]};
  }
}

interface Places {
  of(name: string): number;
  readonly end: number;
}

function lay(parts: readonly Part[], start: number): Places {
  const offsets = new Map<string, number>();
  let end = start;
  for (const {name, bytes} of parts) {
    end = Math.ceil(end / 8) * 8;
    offsets.set(name, end);
    end += bytes.length;
  }
  return {of: (name) => offsets.get(name) ?? 0, end};
}

function encodeEntries(entries: readonly [bigint, bigint][]): Uint8Array {
  const nulls = Array.from({length: 1 + spareEntries}, (): [bigint, bigint] => [0n, 0n]);
  return Buffer.concat([...entries, ...nulls].map(([d_tag, d_val]) => Dyn.encode({d_tag, d_val}, format)));
}
