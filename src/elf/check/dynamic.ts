import {hex} from '../../errors.js';
import {DT, dynamicTagName, PT} from '../constants.js';
import {type DynamicSection, stringTags} from '../dynamic.js';
import {Rel, Rela, Sym} from '../records.js';
import {relativeInWords} from '../search-path.js';
import {dynamicTables} from '../tables.js';
import type {ElfView} from '../view.js';
import {checkAfterEnd, checkCompany, checkPointers, say} from './dynamic-entries.js';
import type {Problem} from './problem.js';

/** The dynamic section ends, has what ld.so needs, points into mapped memory, and holds whole records. */
export function* checkDynamic(view: ElfView): Generator<Problem> {
  const {dynamic} = view;
  if (dynamic === undefined) return;
  if (!dynamic.terminated) {
    const message = 'the dynamic section has no DT_NULL at its end';
    yield {code: 'NO_DT_NULL', message, offset: dynamic.offset};
  }
  yield* checkAfterEnd(view, dynamic);
  yield* checkTwice(view, dynamic);
  yield* checkCompany(view, dynamic);
  yield* checkPointers(view, dynamic);
  yield* checkStrings(view, dynamic);
  yield* checkLocated(view, dynamic);
  yield* checkRanges(view, dynamic);
  yield* checkEntrySizes(view, dynamic);
}

/** A search path that loads libraries from the working directory. */
export function* noteRelativePath({dynamic}: ElfView): Generator<Problem> {
  const relative = relativeInWords(dynamic?.runpath ?? dynamic?.rpath);
  if (dynamic === undefined || relative === undefined) return;
  yield {code: 'RELATIVE_PATH', message: `search path: ${relative}`, offset: dynamic.offset};
}

/** Tags that must not repeat: the last one would silently win. */
const singleTags: ReadonlySet<bigint> = new Set([
  DT.DT_HASH,
  DT.DT_STRTAB,
  DT.DT_SYMTAB,
  DT.DT_RELA,
  DT.DT_RELASZ,
  DT.DT_STRSZ,
  DT.DT_INIT,
  DT.DT_FINI,
  DT.DT_SONAME,
  DT.DT_RPATH,
  DT.DT_RUNPATH,
  DT.DT_REL,
  DT.DT_RELSZ,
  DT.DT_JMPREL,
  DT.DT_PLTRELSZ,
  DT.DT_INIT_ARRAY,
  DT.DT_FINI_ARRAY,
  DT.DT_FLAGS,
  DT.DT_FLAGS_1,
  DT.DT_GNU_HASH,
  DT.DT_VERSYM,
  DT.DT_VERNEED,
  DT.DT_VERDEF,
  DT.DT_RELR,
]);

function* checkTwice(view: ElfView, dynamic: DynamicSection): Generator<Problem> {
  const seen = new Set<bigint>();
  for (const [i, {d_tag}] of dynamic.entries.entries()) {
    if (singleTags.has(d_tag) && seen.has(d_tag)) yield say(view, dynamic, i, 'SECOND_TAG', 'duplicate');
    seen.add(d_tag);
  }
}

function* checkStrings(view: ElfView, dynamic: DynamicSection): Generator<Problem> {
  const used = dynamic.entries.filter(({d_tag}) => stringTags.has(d_tag));
  if (used.length === 0) return;
  const {offset, size} = dynamic.stringTable;
  const last = size > 0 ? view.source.read(offset + size - 1, 1)[0] : 0;
  if (last !== 0) {
    const message = 'the dynamic string table does not end with a NUL';
    yield {code: 'STRINGS_NOT_TERMINATED', message, offset: offset + size - 1};
  }
  for (const [i, {d_tag, d_val}] of dynamic.entries.entries()) {
    if (!stringTags.has(d_tag)) continue;
    if (d_val >= BigInt(size)) {
      const what = `string ${hex(d_val)} is outside DT_STRTAB of ${hex(size)} bytes`;
      yield say(view, dynamic, i, 'STRING_OUTSIDE', what);
    } else if (d_tag === DT.DT_NEEDED && dynamic.stringAt(d_val) === '')
      yield say(view, dynamic, i, 'EMPTY_NEEDED', 'the name of a library is empty');
  }
}

const locatedTags: readonly bigint[] = [
  DT.DT_STRTAB,
  DT.DT_SYMTAB,
  DT.DT_HASH,
  DT.DT_GNU_HASH,
  DT.DT_VERSYM,
  DT.DT_VERNEED,
  DT.DT_VERDEF,
];

function* checkLocated(view: ElfView, dynamic: DynamicSection): Generator<Problem> {
  const known = new Set(dynamicTables(view).map(({tag}) => tag));
  for (const [i, {d_tag, d_val}] of dynamic.entries.entries()) {
    if (!locatedTags.includes(d_tag) || known.has(d_tag) || d_val === 0n) continue;
    yield say(view, dynamic, i, 'TABLE_OUTSIDE', `${hex(d_val)} is not an address in the file`);
  }
}

/** Tags that come in pairs: the address of something and its size in bytes. */
const ranges: readonly (readonly [bigint, bigint])[] = [
  [DT.DT_STRTAB, DT.DT_STRSZ],
  [DT.DT_RELA, DT.DT_RELASZ],
  [DT.DT_REL, DT.DT_RELSZ],
  [DT.DT_RELR, DT.DT_RELRSZ],
  [DT.DT_JMPREL, DT.DT_PLTRELSZ],
  [DT.DT_INIT_ARRAY, DT.DT_INIT_ARRAYSZ],
  [DT.DT_FINI_ARRAY, DT.DT_FINI_ARRAYSZ],
  [DT.DT_PREINIT_ARRAY, DT.DT_PREINIT_ARRAYSZ],
];

function* checkRanges(view: ElfView, dynamic: DynamicSection): Generator<Problem> {
  for (const [tag, sizeTag] of ranges) {
    const i = dynamic.entries.findLastIndex(({d_tag}) => d_tag === tag);
    const [address, size] = [dynamic.entries[i]?.d_val, dynamic.value(sizeTag)];
    if (address === undefined || size === 0n || address === 0n) continue;
    if (size === undefined) {
      const what = `there is no ${dynamicTagName(sizeTag, view.header.e_machine)}`;
      yield say(view, dynamic, i, 'NO_SIZE', what);
    } else if (!isMapped(view, address, size))
      yield say(view, dynamic, i, 'RANGE_OUTSIDE', `${hex(address)}+${hex(size)} is not in one PT_LOAD`);
  }
}

function isMapped({programHeaders}: ElfView, address: bigint, size: bigint): boolean {
  return programHeaders.some(
    ({p_type, p_vaddr, p_filesz}) =>
      p_type === PT.PT_LOAD && address >= p_vaddr && address + size <= p_vaddr + BigInt(p_filesz),
  );
}

function* checkEntrySizes(view: ElfView, dynamic: DynamicSection): Generator<Problem> {
  const {elfClass} = view.format;
  const word = elfClass / 8;
  const records: readonly (readonly [bigint, number])[] = [
    [DT.DT_SYMENT, Sym.size(elfClass)],
    [DT.DT_RELAENT, Rela.size(elfClass)],
    [DT.DT_RELENT, Rel.size(elfClass)],
    [DT.DT_RELRENT, word],
  ];
  const multiples: readonly (readonly [bigint, number])[] = [
    [DT.DT_RELASZ, Rela.size(elfClass)],
    [DT.DT_RELSZ, Rel.size(elfClass)],
    [DT.DT_RELRSZ, word],
    [DT.DT_INIT_ARRAYSZ, word],
    [DT.DT_FINI_ARRAYSZ, word],
  ];
  for (const [i, {d_tag, d_val}] of dynamic.entries.entries()) {
    const size = records.find(([tag]) => tag === d_tag)?.[1];
    if (size !== undefined && d_val !== BigInt(size))
      yield say(view, dynamic, i, 'BAD_ENTRY_SIZE', `${d_val}, not ${size}`);
    const unit = multiples.find(([tag]) => tag === d_tag)?.[1];
    if (unit !== undefined && d_val % BigInt(unit) !== 0n)
      yield say(view, dynamic, i, 'BROKEN_RECORD', `${d_val} is not a multiple of ${unit}`);
    if (d_tag === DT.DT_PLTREL && d_val !== DT.DT_RELA && d_val !== DT.DT_REL)
      yield say(view, dynamic, i, 'BAD_PLTREL', `${d_val} is neither DT_REL nor DT_RELA`);
  }
}
