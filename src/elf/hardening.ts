/*
 * How a file was hardened, as far as the file shows. What only its source or its build log could say is
 * undefined, never a guess: a stripped static program may have been built with a stack protector or not.
 */
import {DF, DF_1, DT, PF, PT, SHT} from './constants.js';
import {featuresOf} from './gnu-notes.js';
import type {ElfKind} from './kind.js';
import type {Note} from './notes.js';
import {type Shdr, Sym} from './records.js';
import {readColumn} from './scan.js';
import {isStackExecutable} from './stack.js';
import {decodeString, StringBudget, stringsIn} from './strings.js';
import {dynamicSymbolTable} from './symbols.js';
import type {ElfView} from './view.js';

/** Which protections a program or library was linked with. */
export interface Hardening {
  /** Loaded at an address that the kernel chooses; undefined if the file is not a program. */
  readonly pie: boolean | undefined;
  /** Read-only after relocation: `full` when the procedure linkage table is too. */
  readonly relro: 'none' | 'partial' | 'full';
  /** Every symbol is bound before the program starts. */
  readonly bindNow: boolean;
  /** Undefined without PT_GNU_STACK: the kernel decides. */
  readonly executableStack: boolean | undefined;
  /** Relocations write into code (DT_TEXTREL). */
  readonly textRelocations: boolean;
  /** A segment is writable and executable. */
  readonly writableCode: boolean;
  /** Calls __stack_chk_fail; undefined if the symbols were stripped. */
  readonly stackProtector: boolean | undefined;
  /** How many checked functions of _FORTIFY_SOURCE it calls; undefined if the symbols were stripped. */
  readonly fortified: number | undefined;
  /** Hardware protections that all of its code supports: IBT, SHSTK; BTI, PAC, GCS. */
  readonly features: readonly string[];
}

/** @throws ElfError when the data that shows it cannot be read */
export function hardeningOf(view: ElfView, kind: ElfKind, notes: readonly Note[]): Hardening {
  const bindNow = bindsNow(view);
  return {
    pie: kind.endsWith('program') ? kind.includes('pie') : undefined,
    relro: view.segment(PT.PT_GNU_RELRO) === undefined ? 'none' : bindNow ? 'full' : 'partial',
    bindNow,
    executableStack: isStackExecutable(view),
    textRelocations: hasTextRelocations(view),
    writableCode: view.programHeaders.some(
      ({p_type, p_flags}) => p_type === PT.PT_LOAD && (p_flags & PF.PF_W) !== 0 && (p_flags & PF.PF_X) !== 0,
    ),
    ...compilerChecks(view),
    features: featuresOf(view, notes),
  };
}

function flag(view: ElfView, tag: bigint, bit: bigint): boolean {
  return ((view.dynamic?.value(tag) ?? 0n) & bit) !== 0n;
}

function bindsNow(view: ElfView): boolean {
  return (
    view.dynamic?.value(DT.DT_BIND_NOW) !== undefined ||
    flag(view, DT.DT_FLAGS, DF.DF_BIND_NOW) ||
    flag(view, DT.DT_FLAGS_1, DF_1.DF_1_NOW)
  );
}

/** Whether the loader makes segments writable to relocate them. */
export function hasTextRelocations(view: ElfView): boolean {
  return view.dynamic?.value(DT.DT_TEXTREL) !== undefined || flag(view, DT.DT_FLAGS, DF.DF_TEXTREL);
}

function compilerChecks(view: ElfView): Pick<Hardening, 'stackProtector' | 'fortified'> {
  const table = symbolTable(view);
  if (table === undefined) return {stackProtector: undefined, fortified: undefined};
  const names = reservedNames(view, table);
  return {
    stackProtector: names.some((name) => /^__stack_chk_(fail|guard)(_local)?$/.test(name)),
    fortified: names.filter((name) => /^__(?!stack).*_chk$/.test(name)).length,
  };
}

interface NamedSymbols {
  readonly offset: number;
  readonly count: number;
  readonly names: {readonly offset: number; readonly size: number};
}

/** The dynamic symbols, which no `strip` removes; those of a static program are in SHT_SYMTAB, if anywhere. */
function symbolTable(view: ElfView): NamedSymbols | undefined {
  const dynamic = dynamicSymbolTable(view);
  if (dynamic !== undefined && view.dynamic !== undefined && dynamic.count > 1) {
    return {...dynamic, names: view.dynamic.stringTable};
  }
  const section = view.sectionHeaders.find(({sh_type}) => sh_type === SHT.SHT_SYMTAB);
  const strings = section && view.sectionHeaders[section.sh_link];
  return section && strings && fromSections(section, strings);
}

function fromSections(section: Shdr, strings: Shdr): NamedSymbols {
  return {
    offset: section.sh_offset,
    count: section.sh_entsize > 0 ? Math.floor(section.sh_size / section.sh_entsize) : 0,
    names: {offset: strings.sh_offset, size: strings.sh_size},
  };
}

/** The names that begin with two underscores: only they are decoded, since a table can hold a million others. */
function reservedNames(view: ElfView, {offset, count, names}: NamedSymbols): string[] {
  const strings = stringsIn(view.source, names);
  const found = new Set<string>();
  const budget = new StringBudget(view.source, names.size);
  for (const st_name of readColumn(view, Sym, 'st_name', {offset, count})) {
    const start = strings.slice(st_name, 2);
    if (start[0] !== underscore || start[1] !== underscore) continue;
    const name = strings.at(st_name);
    budget.take(name.length);
    found.add(decodeString(name));
  }
  return [...found];
}

const underscore = 0x5f;
