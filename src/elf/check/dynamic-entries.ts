/*
 * How the entries of a dynamic section fit together: which others each one needs, and where those that are not tables
 * point.
 */
import {hex} from '../../errors.js';
import {DT, dynamicTagName, PT} from '../constants.js';
import type {DynamicSection} from '../dynamic.js';
import {Dyn} from '../records.js';
import type {ElfView} from '../view.js';
import type {Problem} from './problem.js';

/** A problem of one entry. */
export function say(
  view: ElfView,
  dynamic: DynamicSection,
  index: number,
  code: string,
  what: string,
): Problem {
  const {d_tag = 0n} = dynamic.entries[index] ?? {};
  return {
    code,
    message: `dynamic entry ${index} (${dynamicTagName(d_tag, view.header.e_machine)}): ${what}`,
    offset: dynamic.offset + index * Dyn.size(view.format.elfClass),
  };
}

/** Loaders stop at the first DT_NULL, so an entry after it has no effect, though somebody meant it to. */
export function* checkAfterEnd(view: ElfView, dynamic: DynamicSection): Generator<Problem> {
  const size = Dyn.size(view.format.elfClass);
  const start = dynamic.entries.length + 1;
  const rest = Math.min(Math.max(0, dynamic.capacity - start), mostAfterEnd);
  const bytes = view.source.read(dynamic.offset + start * size, rest * size);
  for (let i = 0; i < rest; i++) {
    const {d_tag} = Dyn.decode(bytes, view.format, i * size);
    if (d_tag === DT.DT_NULL) continue;
    const name = dynamicTagName(d_tag, view.header.e_machine);
    const offset = dynamic.offset + (start + i) * size;
    yield {code: 'ENTRY_AFTER_NULL', message: `${name} is after the first DT_NULL`, offset};
    return;
  }
}

/** Linkers leave a handful of spare slots; a damaged length must not turn that into the whole file. */
const mostAfterEnd = 1024;

/** For each tag, the tags that it is useless without. A size of 0 needs no address. */
const companions: readonly (readonly [bigint, readonly bigint[]])[] = [
  [DT.DT_STRTAB, [DT.DT_STRSZ]],
  [DT.DT_STRSZ, [DT.DT_STRTAB]],
  [DT.DT_SYMTAB, [DT.DT_SYMENT, DT.DT_STRTAB]],
  [DT.DT_SYMENT, [DT.DT_SYMTAB]],
  [DT.DT_HASH, [DT.DT_SYMTAB]],
  [DT.DT_GNU_HASH, [DT.DT_SYMTAB]],
  [DT.DT_RELA, [DT.DT_RELAENT]],
  [DT.DT_RELASZ, [DT.DT_RELA]],
  [DT.DT_REL, [DT.DT_RELENT]],
  [DT.DT_RELSZ, [DT.DT_REL]],
  [DT.DT_RELR, [DT.DT_RELRENT]],
  [DT.DT_RELRSZ, [DT.DT_RELR]],
  [DT.DT_JMPREL, [DT.DT_PLTREL]],
  [DT.DT_PLTRELSZ, [DT.DT_JMPREL]],
  [DT.DT_VERNEED, [DT.DT_VERNEEDNUM]],
  [DT.DT_VERDEF, [DT.DT_VERDEFNUM]],
];

export function* checkCompany(view: ElfView, dynamic: DynamicSection): Generator<Problem> {
  for (const [tag, others] of companions) {
    const i = dynamic.entries.findIndex(({d_tag}) => d_tag === tag);
    if (i < 0 || dynamic.entries[i]?.d_val === 0n) continue;
    const missing = others.find((other) => dynamic.value(other) === undefined);
    if (missing === undefined) continue;
    const name = dynamicTagName(missing, view.header.e_machine);
    yield say(view, dynamic, i, 'TAG_MISSING', `there is no ${name}`);
  }
}

/** Tags that point to code or to the GOT. */
const pointers: readonly bigint[] = [
  DT.DT_INIT,
  DT.DT_FINI,
  DT.DT_PLTGOT,
  DT.DT_TLSDESC_PLT,
  DT.DT_TLSDESC_GOT,
];

export function* checkPointers(view: ElfView, dynamic: DynamicSection): Generator<Problem> {
  for (const [i, {d_tag, d_val}] of dynamic.entries.entries()) {
    if (!pointers.includes(d_tag) || d_val === 0n || isInMemory(view, d_val)) continue;
    yield say(view, dynamic, i, 'POINTER_OUTSIDE', `${hex(d_val)} is not in a PT_LOAD`);
  }
}

function isInMemory({programHeaders}: ElfView, address: bigint): boolean {
  return programHeaders.some(
    ({p_type, p_vaddr, p_memsz}) =>
      p_type === PT.PT_LOAD && address >= p_vaddr && address < p_vaddr + BigInt(p_memsz),
  );
}
