/*
 * Plan one self-contained file from a program, its loader and its libraries.
 *
 * The file begins with the program, unchanged except for the ELF header; the program's own program header table stays
 * where it is, for the loader, and the kernel gets another one. After the program come, each on a new page,
 *
 *   the stub       code, configuration, names, trampolines            r-x
 *   the loader     a copy with its system calls led to the stub       as the loader has it
 *   the parts      loader and libraries as they were, the note,       r--, mapped twice
 *                  the program header table
 *
 * Nothing in program and libraries is changed: whichever directory the loader looks in, the handler answers by the name
 * alone. So unpacking gives the very bytes that a package manager installed.
 *
 * At fixed addresses the first mapping has the libraries relocated and as they are in memory (range.ts, fixed/), and
 * the kernel maps relocated copies of the program's writable segments. The original bytes of whatever that changes are
 * in the file, too.
 *
 * Without libraries (form 1) there is no handler, and the parts are there for unpacking only.
 */
import {ET, PF, PT} from '../elf/constants.js';
import {buildId} from '../elf/gnu-notes.js';
import {readNotes, readSectionNotes, roundUp} from '../elf/notes.js';
import type {PackedContents, PackedPart} from '../elf/packed.js';
import {Ehdr, EI_NIDENT, Phdr} from '../elf/records.js';
import {concatenate} from '../elf/strings.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {version} from '../version.js';
import {type CallSite, findCalls} from './calls.js';
import {checkNames, checkPart, checkProgram, requireOneBuild} from './check-parts.js';
import type {CopiedSegment} from './fixed/data-segments.js';
import {type Isolation, planIsolation} from './isolate.js';
import {encodeContents} from './note.js';
import {type Placed, place, type Spot} from './packed-layout.js';
import type {PackPiece, PackPlan} from './plan.js';
import type {InRange} from './range.js';
import {dataPieces, rangePieces, sized} from './range-pieces.js';
import {CLOSED} from './records.js';
import type {PackRequest} from './request.js';
import {stubSegment} from './stub-segment.js';

/**
 * Plan a packed file. Pure: reads through the views, writes nothing.
 *
 * @throws ElfError UNSUPPORTED for a program, a loader or a library that cannot be packed, PACKED for one that is packed
 *   already, CONFLICT for two libraries of one name, or of two builds, PAYLOAD for a program with something appended
 */
export function planPack(request: PackRequest): PackPlan {
  const {program, loader, libraries} = request;
  const parts = [program, loader, ...libraries];
  checkProgram(program.view);
  for (const {view} of parts.slice(1)) checkPart(view, program.view);
  checkNames(parts.slice(1));
  requireOneBuild(loader.view, libraries);
  const isolation = (request.isolate ?? true) ? isolationOf(request) : undefined;
  const calls = libraries.length > 0 ? findCalls(loader.view) : [];
  const placed = place(request, isolation?.plan, calls);
  const contents = contentsOf(request, placed, isolation);
  return assemble(request, placed, contents, calls, isolation?.warnings ?? []);
}

function isolationOf({loader, keepDirectories = true, keepCache = false}: PackRequest): Isolation {
  return planIsolation(loader.view, {directories: !keepDirectories, cache: !keepCache});
}

function contentsOf(
  {program, loader, libraries, closed, fixedAddress}: PackRequest,
  {range, front}: Placed,
  isolation: Isolation | undefined,
): PackedContents {
  const roles = ['program', 'loader'] as const;
  const headerSize = EI_NIDENT + Ehdr.size(program.view.format.elfClass);
  return {
    version: fixedAddress ? 2 : 1,
    generator: `elfinterp ${version}`,
    closed: libraries.length > 0 && closed === true,
    isolated: isolation?.isIsolated ?? false,
    ...(fixedAddress && {fixedAddress}),
    header: Buffer.from(program.view.source.read(0, headerSize)).toString('hex'),
    parts: [program, loader, ...libraries].map(
      ({view, names, sha256, mode, source}, i): PackedPart => ({
        role: roles[i] ?? 'library',
        names,
        soname: view.dynamic?.soname,
        buildId: buildId([...readSectionNotes(view), ...readNotes(view)]),
        ...(i === 0 ? {offset: 0} : placeOf(range.files[i - 1], front)),
        size: view.source.size,
        mode,
        sha256,
        source,
      }),
    ),
  };
}

/** Where a file of the range is in the packed file. */
function placeOf(file: InRange | undefined, front: Spot): Pick<PackedPart, 'offset' | 'rest'> {
  const {offset = 0, layout, rest = 0} = file ?? {};
  const inFile = {offset: front.offset + offset};
  return layout === undefined ? inFile : {...inFile, rest: {from: layout.cut, offset: front.offset + rest}};
}

function assemble(
  {program: {view}, loader, libraries, closed, fixedAddress = false}: PackRequest,
  placed: Placed,
  contents: PackedContents,
  calls: readonly CallSite[],
  notes: readonly string[],
): PackPlan {
  const {page, base, names, image, stub, range, front, end} = placed;
  const note = {bytes: encodeContents(contents, view.format), offset: end};
  const tableAt = roundUp(end + note.bytes.length, 8);
  const isMapped = libraries.length > 0;
  const count = view.programHeaders.filter(isKept).length + (isMapped ? 2 : 0) + image.loads.length + 2;
  const size = roundUp(tableAt + count * Phdr.size(view.format.elfClass), page);
  const served = size - front.offset;
  // Pages used in place cannot be used again, so with fixed addresses files are served from the second mapping.
  const ready = fixedAddress ? range.ready : served;
  const back = front.address + BigInt(ready);
  const segment = stubSegment(
    view,
    stub.address,
    {
      ...headersOf(view),
      entry: view.header.e_entry,
      loader: placed.loader.address,
      loaderEntry: placed.loader.address + loader.view.header.e_entry,
      state: placed.loader.address + image.state,
      front: fixedAddress ? back : front.address,
      back,
      place: front.address,
      size: served,
      flags: closed === true ? CLOSED : 0,
    },
    names,
    calls,
  );
  for (const {offset, bytes} of segment.jumps) image.bytes.set(bytes, offset);
  const table = programHeadersOf(view, placed, {
    stubSize: segment.bytes.length,
    note,
    mappings: isMapped ? {ready, back, served} : undefined,
  });
  const e_type = fixedAddress ? ET.ET_EXEC : view.header.e_type;
  const header = {e_type, e_entry: stub.address + base, e_phoff: tableAt, e_phnum: table.length};
  const pieces = piecesOf(view, placed, contents, {header, stub: segment.bytes, note, table});
  return {path: view.path, size, pieces, contents, notes};
}

/** Bytes of the packed file. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** Whether the kernel needs this one of the program's own headers. */
function isKept({p_type}: Phdr): boolean {
  return p_type === PT.PT_LOAD || p_type === PT.PT_GNU_STACK || p_type === PT.PT_NOTE;
}

/** What the kernel maps. @throws ElfError UNSUPPORTED when the table is too long */
function programHeadersOf(
  view: ElfView,
  {page, base, image, data, stub, loader, front}: Placed,
  own: {
    readonly stubSize: number;
    readonly note: Piece;
    /** Undefined without libraries, where the parts are not mapped. */
    readonly mappings: {readonly ready: number; readonly back: bigint; readonly served: number} | undefined;
  },
): readonly Phdr[] {
  const {stubSize, note, mappings} = own;
  const load = (p_flags: number, p_offset: number, p_vaddr: bigint, bytes: number): Phdr => ({
    p_type: PT.PT_LOAD,
    p_flags,
    p_offset,
    p_vaddr,
    p_paddr: p_vaddr,
    p_filesz: bytes,
    p_memsz: bytes,
    p_align: page,
  });
  const noteAddress = mappings === undefined ? 0n : mappings.back + BigInt(note.offset - front.offset);
  const kept = view.programHeaders.filter(isKept);
  const table = [
    ...kept.filter(({p_type}) => p_type === PT.PT_LOAD).map((one) => mapped(one, data, page)),
    load(PF.PF_R | PF.PF_X, stub.offset, stub.address, stubSize),
    ...image.loads.map((one) => ({
      ...one,
      p_offset: loader.offset + one.p_offset,
      p_vaddr: loader.address + one.p_vaddr,
      p_paddr: loader.address + one.p_vaddr,
      p_align: page,
    })),
    ...(mappings === undefined
      ? []
      : [
          load(PF.PF_R, front.offset, front.address, mappings.ready),
          load(PF.PF_R, front.offset, mappings.back, mappings.served),
        ]),
    ...kept.filter(({p_type}) => p_type !== PT.PT_LOAD),
    {
      ...load(PF.PF_R, note.offset, noteAddress, note.bytes.length),
      p_type: PT.PT_NOTE,
      p_memsz: mappings === undefined ? 0 : note.bytes.length,
      p_align: 4,
    },
  ].map((one) => movedBy(base, one));
  requireOnePage(table.length, view);
  return table;
}

/** What the file is made of. */
function piecesOf(
  view: ElfView,
  {page, base, image, data, stub, loader, range, front}: Placed,
  contents: PackedContents,
  own: {
    readonly header: Partial<Ehdr> & {readonly e_phoff: number};
    readonly stub: Uint8Array;
    readonly note: Piece;
    readonly table: readonly Phdr[];
  },
): PackPiece[] {
  return [
    {offset: 0, ...sized(headerOf(view, own.header)), what: 'ELF header'},
    programPiece(contents),
    ...dataPieces(view, data, base, page),
    {offset: stub.offset, ...sized(own.stub), what: 'stub'},
    {offset: loader.offset, ...sized(image.bytes), what: 'loader, as it runs'},
    ...rangePieces(range, contents, front.offset, front.address + base),
    {offset: own.note.offset, ...sized(own.note.bytes), what: 'list of the parts (PT_NOTE)'},
    {
      offset: own.header.e_phoff,
      ...sized(concatenate(own.table.map((phdr) => Phdr.encode(phdr, view.format)))),
      what: 'program header table',
    },
  ];
}

function movedBy(base: bigint, phdr: Phdr): Phdr {
  if (phdr.p_type === PT.PT_GNU_STACK) return phdr;
  return {...phdr, p_vaddr: phdr.p_vaddr + base, p_paddr: phdr.p_paddr + base};
}

/** A LOAD of the program, pointing to its relocated copy if there is one. */
function mapped(load: Phdr, data: readonly CopiedSegment[], page: number): Phdr {
  const copy = data.find((one) => one.load === load);
  return copy === undefined ? load : {...load, p_offset: copy.offset + (load.p_offset % page)};
}

function programPiece({header, parts}: PackedContents): PackPiece {
  const from = header.length / 2;
  const name = parts[0]?.names[0] ?? '';
  return {offset: from, size: (parts[0]?.size ?? 0) - from, part: 0, from, what: name};
}

/** Where the loader finds the program's own header table. @throws ElfError UNSUPPORTED when nothing maps it */
function headersOf(view: ElfView): {headers: bigint; headerCount: number} {
  const {e_phoff} = view.header;
  const size = view.programHeaders.length * Phdr.size(view.format.elfClass);
  const load = view
    .segments(PT.PT_LOAD)
    .find(({p_offset, p_filesz}) => p_offset <= e_phoff && e_phoff + size <= p_offset + p_filesz);
  if (load === undefined) {
    throw new ElfError('UNSUPPORTED', 'no segment maps the program header table, which the loader needs', {
      path: view.path,
      offset: e_phoff,
    });
  }
  return {headers: load.p_vaddr + BigInt(e_phoff - load.p_offset), headerCount: view.programHeaders.length};
}

function headerOf({header, format, source}: ElfView, own: Partial<Ehdr>): Uint8Array {
  const changed = {...header, ...own, e_shoff: 0, e_shnum: 0, e_shstrndx: 0};
  return concatenate([source.read(0, EI_NIDENT), Ehdr.encode(changed, format)]);
}

/** Linux up to 5.17 refuses a program header table that is larger than a page of 4 KiB (load_elf_phdrs). */
function requireOnePage(count: number, {path, format}: ElfView): void {
  const most = Math.floor(4096 / Phdr.size(format.elfClass));
  if (count <= most) return;
  throw new ElfError('UNSUPPORTED', 'the packed file would have more program headers than fit in a page', {
    path,
    expected: `at most ${most}`,
    got: `${count}`,
  });
}
