/*
 * A map of a file: regions in file order that cover every byte exactly once.
 *
 * The owner of a byte is looked up in this order: the header tables; sections; what segments and DT_* entries point at,
 * which is all that is left if the section headers were stripped; the free space that an edit would use; the LOADs. The
 * rest is padding if it is zero, a payload if it follows everything else, and unknown otherwise.
 */
import {dynamicTagName, ET, PF, PT, SHF, SHT, segmentTypeName} from '../../elf/constants.js';
import {permissions} from '../../elf/listing.js';
import {type PackedPart, packedContents, programInside} from '../../elf/packed.js';
import {findPayload} from '../../elf/payload.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../../elf/records.js';
import {dynamicTables} from '../../elf/tables.js';
import type {ElfView} from '../../elf/view.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import {ElfError} from '../../errors.js';
import {overlapsOf, type Range, RangeSet} from '../../source/range-set.js';
import {isZero} from '../../source/source.js';
import {Draft} from '../layout/draft.js';
import {findFreeSpace} from '../layout/free-space.js';

/**
 * What the bytes are for. `header`: the ELF header and the two header tables. `linking`: read only by the dynamic
 * loader. `code`, `constant`, `data`: mapped executable, read-only, writable. `unloaded`: for debuggers and linkers.
 * `gap`, `slack`: free for an edit to use. `padding`: zeros that an edit must not use. `payload`: appended to the ELF
 * image. `unknown`: no header describes it.
 */
export type RegionKind =
  | 'header'
  | 'linking'
  | 'code'
  | 'constant'
  | 'data'
  | 'unloaded'
  | 'gap'
  | 'slack'
  | 'padding'
  | 'payload'
  | 'unknown';

/** A range of a file and what it is. */
export interface FileRegion extends Range {
  readonly kind: RegionKind;
  /** The name of the section, if any; it comes from the file, so show it through `printable`. */
  readonly name: string;
  /** Indexes of the program headers whose file bytes overlap it. */
  readonly segments: readonly number[];
  /** Permissions of the LOAD that maps it, such as "r-x"; empty when none does. */
  readonly flags: string;
  /** Where its first byte is mapped. */
  readonly address: bigint | undefined;
}

/**
 * Map a file. Never throws for a file that could be opened: what cannot be read just has no name in the map.
 *
 * @example
 *   await using file = await openElf('qemu-arm');
 *   for (const {offset, size, kind, name} of mapFile(file.view)) console.log(offset, size, kind, name);
 */
export function mapFile(view: ElfView): FileRegion[] {
  return mapWith(
    view,
    orNone(() => packedAreas(view)),
  );
}

function mapWith(view: ElfView, packed: readonly Area[]): FileRegion[] {
  const headers: Headers = {
    segments: orNone(() => view.programHeaders),
    sections: orNone(() => view.sectionHeaders),
  };
  const layers = [
    headerAreas(view, headers),
    packed,
    sectionAreas(view, headers),
    segmentAreas(view, headers),
    orNone(() => tableAreas(view)),
    orNone(() => freeAreas(view)),
    headers.sections.every(({sh_type}) => sh_type === SHT.SHT_NULL) ? loadAreas(headers) : [],
  ];
  const known = layers.reduce<readonly Area[]>((map, layer) => fill(map, layer, view.source.size), []);
  const free = freeRanges(known, view.source.size);
  const mapping = overlapsOf(free, headers.segments.map(rangeOf));
  const rest = free.flatMap((range, i) =>
    nameRest(view, loadOf(headers, mapping[i] ?? [], range.offset), range, known),
  );
  return withSegments(
    headers,
    [...known, ...rest].sort((a, b) => a.offset - b.offset),
  );
}

type Area = Pick<FileRegion, 'offset' | 'size' | 'kind' | 'name'>;

/** The header tables; empty if damage makes them unreadable. */
interface Headers {
  readonly segments: readonly Phdr[];
  readonly sections: readonly Shdr[];
}

function orNone<T>(list: () => readonly T[]): readonly T[] {
  try {
    return list();
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return [];
  }
}

function headerAreas({header, format: {elfClass}}: ElfView, {segments, sections}: Headers): Area[] {
  const area = (name: string, offset: number, size: number): Area => ({offset, size, kind: 'header', name});
  return [
    area('ELF header', 0, EI_NIDENT + Ehdr.size(elfClass)),
    area('program headers', header.e_phoff, segments.length * Phdr.size(elfClass)),
    area('section headers', header.e_shoff, sections.length * Shdr.size(elfClass)),
  ];
}

/** The parts of a packed file, and the regions of the program that it begins with. */
function packedAreas(view: ElfView): Area[] {
  const contents = packedContents(view);
  const program = programInside(view);
  if (contents === undefined || program === undefined) return [];
  const starts = contents.parts.flatMap((one) => [one.offset, one.rest?.offset ?? one.offset]);
  const edges = new RangeSet(starts.map((offset) => ({offset, size: 1})));
  return [...contents.parts.slice(1).flatMap((part) => partAreas(part, edges)), ...mapWith(program, [])];
}

/**
 * With fixed addresses, a library is stored as it is in memory, up to the start of the next file; the rest of the
 * original is stored elsewhere.
 */
function partAreas({offset, size, rest, names: [name = '']}: PackedPart, edges: RangeSet): Area[] {
  if (rest === undefined) return [{offset, size, kind: 'constant', name}];
  const end = offset + rest.from;
  const next = edges.nextFrom(end) ?? end;
  return [
    {offset, size: rest.from, kind: 'constant', name},
    {offset: end, size: next - end, kind: 'data', name: `${name}, relocated`},
    {offset: rest.offset, size: size - rest.from, kind: 'unloaded', name: `${name}, the rest as it was`},
  ];
}

function sectionAreas(view: ElfView, {segments, sections}: Headers): Area[] {
  const interpreter = segments.find(({p_type}) => p_type === PT.PT_INTERP)?.p_offset;
  return sections.filter(hasFileBytes).map((section) => ({
    offset: section.sh_offset,
    size: section.sh_size,
    kind: section.sh_offset === interpreter ? 'linking' : kindOfSection(section),
    name: sectionName(view, section),
  }));
}

function sectionName(view: ElfView, section: Shdr): string {
  try {
    return view.sectionName(section) || 'section without a name';
  } catch {
    return 'section without a readable name';
  }
}

function kindOfSection({sh_type, sh_flags}: Shdr): RegionKind {
  if ((sh_flags & SHF.SHF_ALLOC) === 0) return 'unloaded';
  if (linkingTypes.has(sh_type)) return 'linking';
  if ((sh_flags & SHF.SHF_EXECINSTR) !== 0) return 'code';
  return (sh_flags & SHF.SHF_WRITE) !== 0 ? 'data' : 'constant';
}

const linkingTypes: ReadonlySet<number> = new Set([
  SHT.SHT_STRTAB,
  SHT.SHT_RELA,
  SHT.SHT_HASH,
  SHT.SHT_DYNAMIC,
  SHT.SHT_NOTE,
  SHT.SHT_REL,
  SHT.SHT_DYNSYM,
  SHT.SHT_RELR,
  SHT.SHT_GNU_HASH,
  SHT.SHT_GNU_VERDEF,
  SHT.SHT_GNU_VERNEED,
  SHT.SHT_GNU_VERSYM,
]);

function segmentAreas({header: {e_machine}}: ElfView, {segments}: Headers): Area[] {
  return segments
    .filter(({p_type}) => linkingSegments.has(p_type))
    .map(({p_type, p_offset, p_filesz}) => ({
      offset: p_offset,
      size: p_filesz,
      kind: 'linking',
      name: segmentTypeName(p_type, e_machine),
    }));
}

const linkingSegments: ReadonlySet<number> = new Set([
  PT.PT_INTERP,
  PT.PT_NOTE,
  PT.PT_DYNAMIC,
  PT.PT_GNU_PROPERTY,
]);

function tableAreas(view: ElfView): Area[] {
  return dynamicTables(view).map(({tag, offset, size}) => ({
    offset,
    size,
    kind: 'linking',
    name: dynamicTagName(tag, view.header.e_machine),
  }));
}

/** Core files cannot be edited, so they have no free space. */
function freeAreas(view: ElfView): Area[] {
  if (view.header.e_type === ET.ET_CORE) return [];
  return findFreeSpace(new Draft(view)).map(({kind, offset, size, load}) => {
    const place = `after the ${permissions(load.p_flags)} segment`;
    return {offset, size, kind, name: kind === 'slack' ? `slack ${place}` : 'gap between tables'};
  });
}

function loadAreas({segments}: Headers): Area[] {
  return segments.flatMap(({p_type, p_offset, p_filesz, p_flags}, index) =>
    p_type === PT.PT_LOAD
      ? [
          {
            offset: p_offset,
            size: p_filesz,
            kind: kindOfLoad(p_flags),
            name: `segment ${index} (${permissions(p_flags)})`,
          },
        ]
      : [],
  );
}

function kindOfLoad(p_flags: number): RegionKind {
  if ((p_flags & PF.PF_X) !== 0) return 'code';
  return (p_flags & PF.PF_W) !== 0 ? 'data' : 'constant';
}

/** Add a layer of areas to what is still free; where two of them overlap, the one that begins first gets the bytes. */
function fill(taken: readonly Area[], layer: readonly Area[], fileSize: number): Area[] {
  const free = freeRanges(taken, fileSize);
  const added: Area[] = [];
  let from = 0;
  let cursor = 0;
  for (const area of [...layer].sort((a, b) => a.offset - b.offset || b.size - a.size)) {
    const end = area.offset + area.size;
    while (from < free.length && endOf(free[from]) <= Math.max(area.offset, cursor)) from += 1;
    for (let i = from; i < free.length; i++) {
      const range = free[i];
      if (range === undefined || range.offset >= end) break;
      const offset = Math.max(area.offset, range.offset, cursor);
      const size = Math.min(end, endOf(range)) - offset;
      if (size > 0) added.push({...area, offset, size});
    }
    cursor = Math.max(cursor, end);
  }
  return [...taken, ...added].sort((a, b) => a.offset - b.offset);
}

function endOf(range: Range | undefined): number {
  return range === undefined ? 0 : range.offset + range.size;
}

/** What disjoint, ordered areas leave of a file. */
function freeRanges(areas: readonly Area[], fileSize: number): Range[] {
  const edges = [...areas, {offset: fileSize, size: 0}];
  let cursor = 0;
  return edges.flatMap(({offset, size}) => {
    const range = {offset: cursor, size: offset - cursor};
    cursor = Math.max(cursor, offset + size);
    return range.size > 0 ? [range] : [];
  });
}

function nameRest(view: ElfView, load: Phdr | undefined, range: Range, known: readonly Area[]): Area[] {
  if (isZero(view.source, range.offset, Math.min(range.size, mostToLookAt)))
    return [{...range, kind: 'padding', name: 'padding'}];
  if (range.offset >= endOf(known.at(-1))) return [{...range, kind: 'payload', name: payloadName(view)}];
  const name = 'not described by any header';
  return [{...range, kind: load === undefined ? 'unknown' : kindOfLoad(load.p_flags), name}];
}

function payloadName(view: ElfView): string {
  const [payload] = orNone(() => [findPayload(view)]);
  return payload?.kind === 'AppImage' ? 'file system of an AppImage' : 'appended payload';
}

/** A payload can be gigabytes long; only its first megabyte is checked for zeros. */
const mostToLookAt = 1 << 20;

function rangeOf({p_offset: offset, p_filesz: size}: Phdr): Range {
  return {offset, size};
}

/** The first LOAD, among segments given by index, that contains a byte of the file. */
function loadOf({segments}: Headers, indexes: readonly number[], offset: number): Phdr | undefined {
  const index = indexes.find((i) => {
    const segment = segments[i];
    return segment?.p_type === PT.PT_LOAD && offset >= segment.p_offset;
  });
  return index === undefined ? undefined : segments[index];
}

function withSegments(headers: Headers, areas: readonly Area[]): FileRegion[] {
  const overlapping = overlapsOf(areas, headers.segments.map(rangeOf));
  return areas.map((area, i) => {
    const indexes = overlapping[i] ?? [];
    const load = loadOf(headers, indexes, area.offset);
    return {
      ...area,
      segments: indexes.filter((index) => headers.segments[index]?.p_type !== PT.PT_NULL),
      flags: load === undefined ? '' : permissions(load.p_flags),
      address: load && load.p_vaddr + BigInt(area.offset - load.p_offset),
    };
  });
}
