import {DF_1, DT, ET, PT} from '../elf/constants.js';
import type {DynamicSection} from '../elf/dynamic.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';

/**
 * The dynamic section of a file.
 *
 * @throws ElfError NO_DYNAMIC for a static program, BAD_ELF when no DT_NULL ends the section
 */
export function requireDynamic(view: ElfView): DynamicSection {
  const {dynamic} = view;
  if (dynamic === undefined) {
    throw new ElfError('NO_DYNAMIC', 'there is no dynamic section: the program is statically linked', {
      path: view.path,
      expected: 'PT_DYNAMIC',
      got: 'none',
    });
  }
  if (!dynamic.terminated) {
    throw new ElfError('BAD_ELF', 'the dynamic section has no DT_NULL at its end', {
      path: view.path,
      offset: dynamic.offset,
    });
  }
  return dynamic;
}

/**
 * The same of a file that a dynamic loader reads.
 *
 * @param consequence what would be wrong with a static-pie program after the edit
 * @throws ElfError UNSAFE_EDIT for a static-pie program
 */
export function requireLoaded(
  view: ElfView,
  consequence = 'a static-pie program has no loader that would heed it',
): DynamicSection {
  const dynamic = requireDynamic(view);
  if (!isStaticPie(view)) return dynamic;
  throw new ElfError('UNSAFE_EDIT', consequence, {
    path: view.path,
    expected: 'a dynamically linked program or library',
    got: 'a static-pie program',
  });
}

/**
 * A program, and not a library that can be run as well (libc.so.6 has PT_INTERP too, but a SONAME; others have no
 * entry).
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
