import {DF_1, DT, ET, PF, PT, SHN} from '../../elf/constants.js';
import type {DynamicSection} from '../../elf/dynamic.js';
import {nameKind} from '../../elf/kind.js';
import {findText} from '../../elf/search.js';
import {dynamicSymbolTable, eachSymbol} from '../../elf/symbols.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {requireSoundDynamic} from '../damage.js';

/**
 * The dynamic section of a file.
 *
 * @throws ElfError NO_DYNAMIC for a static program, BAD_ELF when no DT_NULL ends the section
 */
export function requireDynamic(view: ElfView): DynamicSection {
  const {dynamic} = view;
  if (dynamic === undefined) {
    throw new ElfError('NO_DYNAMIC', 'there is no dynamic section', {
      path: view.path,
      expected: 'PT_DYNAMIC',
      got: nameKind(view),
    });
  }
  if (!dynamic.terminated) {
    throw new ElfError('BAD_ELF', 'the dynamic section has no DT_NULL at its end', {
      path: view.path,
      offset: dynamic.offset,
    });
  }
  requireSoundDynamic(view);
  return dynamic;
}

/**
 * The dynamic section of a file that a dynamic loader reads.
 *
 * @param consequence what would be wrong with a static-pie program after the edit
 * @throws ElfError UNSAFE_EDIT for a static-pie program
 */
export function requireLoaded(
  view: ElfView,
  consequence = 'a static-pie program has no loader that would use it',
): DynamicSection {
  const dynamic = requireDynamic(view);
  if (!isStaticPie(view)) return dynamic;
  throw unsafe(view, consequence, 'a static-pie program');
}

/**
 * The dynamic section of a file that may have a search path: the start-up code of glibc's loader and of its static-pie
 * programs asserts that they have neither DT_RPATH nor DT_RUNPATH (elf/get-dynamic-info.h). musl has no such assertion,
 * so the file is searched for its text.
 *
 * @throws ElfError UNSAFE_EDIT
 */
export function requireSearchable(view: ElfView): DynamicSection {
  const dynamic = requireDynamic(view);
  if (isStaticPie(view) && assertsNoPath(view))
    throw unsafe(view, 'a static-pie program with a search path does not start', 'a static-pie program');
  if (isGlibcLoader(view) && assertsNoPath(view)) throw brokenLoader(view, 'a search path');
  return dynamic;
}

/**
 * Refuse an edit that would break glibc's loader: no program that uses it would start.
 *
 * @param what what the edit would add to it
 * @throws ElfError UNSAFE_EDIT
 */
export function refuseGlibcLoader(view: ElfView, what: string): void {
  if (isGlibcLoader(view)) throw brokenLoader(view, what);
}

function brokenLoader(view: ElfView, what: string): ElfError {
  return unsafe(
    view,
    `glibc's dynamic loader fails with ${what}, and so does every program that uses it`,
    'the dynamic loader of glibc',
  );
}

function unsafe({path}: ElfView, message: string, got: string): ElfError {
  return new ElfError('UNSAFE_EDIT', message, {
    path,
    expected: 'a dynamically linked program or library',
    got,
  });
}

/** Only the loader defines `_rtld_global`, where it keeps track of loaded objects. */
function isGlibcLoader(view: ElfView): boolean {
  if (view.header.e_entry === 0n || view.segment(PT.PT_INTERP) !== undefined) return false;
  const symbols = dynamicSymbolTable(view);
  let isFound = false;
  if (symbols === undefined || symbols.count > mostSymbols) return false;
  eachSymbol(view, symbols.offset, symbols.count, (name, _, section) => {
    isFound ||= section !== SHN.SHN_UNDEF && view.dynamic?.stringAt(BigInt(name)) === '_rtld_global';
  });
  return isFound;
}

/** glibc's loader has fewer than 50. */
const mostSymbols = 1000;

function assertsNoPath({programHeaders, source}: ElfView): boolean {
  return programHeaders.some(
    ({p_type, p_flags, p_offset, p_filesz}) =>
      p_type === PT.PT_LOAD &&
      (p_flags & PF.PF_W) === 0 &&
      findText(source, {offset: p_offset, size: p_filesz}, 'info[DT_RUNPATH] == NULL') !== undefined,
  );
}

/**
 * Whether the file is a program, not a library that can also be run (libc.so.6 has PT_INTERP too, but also a SONAME;
 * others have no entry point).
 */
export function isProgram(view: ElfView): boolean {
  if (view.header.e_type === ET.ET_EXEC || hasPieFlag(view)) return true;
  if (view.header.e_entry === 0n) return false;
  return view.segment(PT.PT_INTERP) !== undefined && view.dynamic?.value(DT.DT_SONAME) === undefined;
}

function isStaticPie(view: ElfView): boolean {
  return hasPieFlag(view) && view.segment(PT.PT_INTERP) === undefined;
}

function hasPieFlag({dynamic}: ElfView): boolean {
  return ((dynamic?.value(DT.DT_FLAGS_1) ?? 0n) & DF_1.DF_1_PIE) !== 0n;
}
