/*
 * A read-only view of an ELF file: bytes in, records out, each part read when it is first asked for.
 *
 * The view works from segments and DT_* entries, the way the kernel and ld.so do. Section headers are read when there
 * are any, and their absence is normal (sstripped and packed files). Reading does not check: anything odd but readable
 * is returned as is, and `checkElf` reports the problems.
 */
import {ElfError} from '../errors.js';
import {type ByteSource, elfMagic, isElfMagic} from '../source/source.js';
import {DT, PN_XNUM, PT, SHN} from './constants.js';
import {DynamicSection} from './dynamic.js';
import {loadFinder} from './loads.js';
import type {Format} from './record.js';
import {RecordTable} from './record-table.js';
import {Ehdr, EI_NIDENT, Ident, Phdr, Shdr} from './records.js';
import {decodeString, StringReader} from './strings.js';
import {isWithoutBytes} from './without-bytes.js';

/** The value of PT_INTERP and where it is. */
export interface Interpreter {
  readonly path: string;
  /** Index of PT_INTERP in the program header table. */
  readonly index: number;
  /** File offset of the first byte. */
  readonly offset: number;
  /** Bytes of the segment, the terminating NUL included. */
  readonly size: number;
}

/** More program or section headers than any real file has; a larger count is treated as damage. */
const mostHeaders = 1 << 18;

/** The longest PT_INTERP that the kernel reads, the NUL included (PATH_MAX). */
export const longestInterpreter = 4096;

/** View the bytes of a source as ELF. See `openElf` for files and `openElfBuffer` for bytes in memory. */
export class ElfView {
  readonly source: ByteSource;
  readonly ident: Ident;
  readonly format: Format;
  /**
   * The header as stored; where e_phnum, e_shnum or e_shstrndx overflow, see `programHeaders`, `sectionHeaders`,
   * `e_shstrndx`.
   */
  readonly header: Ehdr;
  #segments: RecordTable<Phdr, 'p_type'> | undefined;
  #programHeaders: readonly Phdr[] | undefined;
  #loadOf: ((address: bigint) => Phdr | undefined) | undefined;
  #sectionHeaders: readonly Shdr[] | undefined;
  #dynamic: DynamicSection | null | undefined;
  #sectionNames: StringReader | undefined;
  #interpreter: Interpreter | null | undefined;

  /** @throws ElfError NOT_ELF, TRUNCATED, BAD_ELF when there is no ELF header to read */
  constructor(source: ByteSource) {
    this.source = source;
    this.ident = readIdent(source);
    this.format = formatOf(this.ident, source);
    this.header = this.#located(() =>
      Ehdr.decode(source.read(EI_NIDENT, Ehdr.size(this.format.elfClass)), this.format),
    );
  }

  get path(): string | undefined {
    return this.source.path;
  }

  /**
   * The program header table. With 65,535 entries or more, the count is in section header 0 (PN_XNUM).
   *
   * @throws ElfError TRUNCATED or BAD_ELF when the table cannot be read
   */
  get programHeaders(): readonly Phdr[] {
    this.#programHeaders ??= this.#located(() => this.#segmentTable().all);
    return this.#programHeaders;
  }

  /** The section header table; empty when the file has none. Entry 0 is the reserved null section. */
  get sectionHeaders(): readonly Shdr[] {
    this.#sectionHeaders ??= this.#located(() => {
      const {e_shoff, e_shnum} = this.header;
      if (e_shoff === 0) return [];
      const count = e_shnum === 0 ? (this.#section0()?.sh_size ?? 0) : e_shnum;
      return this.#sectionTable(count);
    });
    return this.#sectionHeaders;
  }

  /** Index of the section that holds the section names, extended numbering applied; 0 when there is none. */
  get e_shstrndx(): number {
    const {e_shstrndx} = this.header;
    return e_shstrndx === SHN.SHN_XINDEX ? (this.#section0()?.sh_link ?? 0) : e_shstrndx;
  }

  /** The name of a section. elfinterp never depends on section names; they are for people to read. */
  sectionName(section: Shdr): string {
    const names = this.sectionHeaders[this.e_shstrndx];
    if (names === undefined || section.sh_name >= names.sh_size) return '';
    const {sh_offset: offset, sh_size: size} = names;
    this.#sectionNames ??= new StringReader(this.source, {offset, size});
    return this.#sectionNames.at(section.sh_name);
  }

  /** The first segment of a type. */
  segment(p_type: number): Phdr | undefined {
    return this.#located(() => this.#segmentTable().find(p_type));
  }

  /** Every segment of a type, in order. */
  segments(p_type: number): readonly Phdr[] {
    return this.#located(() => this.#segmentTable().filter(p_type));
  }

  /**
   * The dynamic section, found by PT_DYNAMIC; undefined for a static program, and when it has no bytes: ld.so ignores
   * an empty PT_DYNAMIC, and a separate debug file leaves the bytes in another file.
   */
  get dynamic(): DynamicSection | undefined {
    this.#dynamic ??= this.#located(() => this.#readDynamic()) ?? null;
    return this.#dynamic ?? undefined;
  }

  /**
   * The interpreter that PT_INTERP names; undefined when the file has none, or when its bytes are in another file. The
   * kernel requires it to fit in PATH_MAX bytes and to end with a NUL (load_elf_binary in fs/binfmt_elf.c).
   *
   * @throws ElfError TRUNCATED when it is outside the file, BAD_ELF when the kernel would refuse it
   */
  get interpreter(): Interpreter | undefined {
    this.#interpreter ??= this.#located(() => this.#readInterpreter()) ?? null;
    return this.#interpreter ?? undefined;
  }

  /**
   * Translate an address to a file offset: the offset of the byte that a PT_LOAD maps at the address, or undefined when
   * no file byte is mapped there.
   */
  offsetOfAddress(address: bigint): number | undefined {
    this.#loadOf ??= loadFinder(this.segments(PT.PT_LOAD));
    const load = this.#loadOf(address);
    return load && load.p_offset + Number(address - load.p_vaddr);
  }

  /** The file offset that a dynamic entry points at; undefined when there is no such entry, or no file byte there. */
  offsetOfTable(tag: bigint): number | undefined {
    const address = this.dynamic?.value(tag);
    return address === undefined ? undefined : this.offsetOfAddress(address);
  }

  #readDynamic(): DynamicSection | undefined {
    const segment = this.segment(PT.PT_DYNAMIC);
    if (segment === undefined || segment.p_filesz === 0) return undefined;
    const dynamic = this.#unlessElsewhere(PT.PT_DYNAMIC, () => new DynamicSection(this, segment));
    const isPlausible = dynamic === undefined || dynamic.tags.includes(DT.DT_STRTAB);
    return isPlausible || !this.#isElsewhere(PT.PT_DYNAMIC) ? dynamic : undefined;
  }

  #readInterpreter(): Interpreter | undefined {
    const segment = this.segment(PT.PT_INTERP);
    if (segment === undefined) return undefined;
    const interpreter = this.#unlessElsewhere(PT.PT_INTERP, () => this.#interpreterOf(segment));
    const isPlausible = interpreter === undefined || interpreter.path.startsWith('/');
    return isPlausible || !this.#isElsewhere(PT.PT_INTERP) ? interpreter : undefined;
  }

  /**
   * Read a segment; undefined if that fails because its bytes are in another file. Section headers are read only after
   * a failure.
   */
  #unlessElsewhere<T>(p_type: number, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (error instanceof ElfError && error.code !== 'FILE_SYSTEM' && this.#isElsewhere(p_type))
        return undefined;
      throw error;
    }
  }

  #isElsewhere(p_type: number): boolean {
    try {
      return isWithoutBytes(this, p_type);
    } catch {
      return false;
    }
  }

  #interpreterOf({p_offset: offset, p_filesz: size}: Phdr): Interpreter {
    const index = this.#segmentTable().keys.indexOf(PT.PT_INTERP);
    if (size < 2 || size > longestInterpreter) {
      throw new ElfError('BAD_ELF', 'the kernel refuses the size of PT_INTERP', {
        expected: `2 to ${longestInterpreter} bytes`,
        got: `${size}`,
        value: size,
      });
    }
    const bytes = this.source.read(offset, size);
    const last = bytes[size - 1];
    if (last !== 0) {
      throw new ElfError('BAD_ELF', 'PT_INTERP is not NUL-terminated', {
        offset: offset + size - 1,
        expected: '0x0',
        got: `0x${last?.toString(16)}`,
        value: last,
      });
    }
    return {path: decodeString(bytes.subarray(0, bytes.indexOf(0))), index, offset, size};
  }

  #segmentTable() {
    this.#segments ??= new RecordTable(Phdr, 'p_type', this.#programHeaderBytes(), this.format);
    return this.#segments;
  }

  #programHeaderBytes(): Uint8Array {
    const {e_phoff, e_phnum, e_phentsize} = this.header;
    if (e_phoff === 0) return new Uint8Array();
    const count = e_phnum === PN_XNUM ? (this.#section0()?.sh_info ?? e_phnum) : e_phnum;
    return this.#readTable(Phdr, 'program header', e_phoff, count, e_phentsize);
  }

  #sectionTable(count: number): Shdr[] {
    const {e_shoff, e_shentsize} = this.header;
    return Shdr.decodeAll(this.#readTable(Shdr, 'section header', e_shoff, count, e_shentsize), this.format);
  }

  #section0(): Shdr | undefined {
    return this.header.e_shoff === 0 ? undefined : this.#sectionTable(1)[0];
  }

  #readTable(
    type: {size(elfClass: 32 | 64): number},
    what: string,
    offset: number,
    count: number,
    entrySize: number,
  ): Uint8Array {
    if (count === 0) return new Uint8Array();
    const size = type.size(this.format.elfClass);
    if (entrySize !== size) {
      throw new ElfError('BAD_ELF', `wrong ${what} entry size`, {
        expected: `${size}`,
        got: `${entrySize}`,
        value: entrySize,
      });
    }
    if (count > mostHeaders) {
      throw new ElfError('BAD_ELF', `too many ${what}s`, {
        expected: `at most ${mostHeaders}`,
        got: `${count}`,
        value: count,
      });
    }
    return this.source.read(offset, count * size);
  }

  /** Add the file's path to an error that a decoder throws. */
  #located<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw withPath(error, this.path);
    }
  }
}

/** Like `ElfView.offsetOfAddress`, for a given list of program headers. */
export function offsetOfAddress(programHeaders: readonly Phdr[], address: bigint): number | undefined {
  for (const phdr of programHeaders) {
    if (phdr.p_type !== PT.PT_LOAD || address < phdr.p_vaddr) continue;
    const distance = address - phdr.p_vaddr;
    if (distance < BigInt(phdr.p_filesz)) return phdr.p_offset + Number(distance);
  }
  return undefined;
}

function readIdent(source: ByteSource): Ident {
  const start = source.read(0, Math.min(elfMagic.length, source.size));
  if (!isElfMagic(start)) {
    throw new ElfError('NOT_ELF', source.size === 0 ? 'the file is empty' : 'not an ELF file', {
      path: source.path,
      offset: 0,
      expected: '7f 45 4c 46',
      got: source.size === 0 ? 'nothing' : [...start].map((b) => b.toString(16).padStart(2, '0')).join(' '),
    });
  }
  return Ident.decode(source.read(0, EI_NIDENT), {elfClass: 64, littleEndian: true});
}

function formatOf({EI_CLASS, EI_DATA}: Ident, source: ByteSource): Format {
  if (EI_CLASS !== 1 && EI_CLASS !== 2) throw badIdent(source, 'EI_CLASS', 4, EI_CLASS);
  if (EI_DATA !== 1 && EI_DATA !== 2) throw badIdent(source, 'EI_DATA', 5, EI_DATA);
  return {elfClass: EI_CLASS === 1 ? 32 : 64, littleEndian: EI_DATA === 1};
}

function badIdent({path}: ByteSource, field: string, offset: number, value: number): ElfError {
  return new ElfError('BAD_ELF', `unknown ${field}`, {
    path,
    offset,
    expected: '1 or 2',
    got: `${value}`,
    value,
  });
}

/** Add the path to an ElfError that has none; return anything else unchanged. */
function withPath(error: unknown, path: string | undefined): unknown {
  if (!(error instanceof ElfError) || error.path !== undefined || path === undefined) return error;
  return error.at(path);
}
