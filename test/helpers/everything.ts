import {DT} from '../../src/elf/constants.js';
import {machineOf} from '../../src/elf/machine.js';
import {readNotes} from '../../src/elf/notes.js';
import {ElfView} from '../../src/elf/view.js';
import {ElfError} from '../../src/errors.js';
import type {ByteSource} from '../../src/source/source.js';

/**
 * Read everything that a view offers. Each read is tried even if another one failed.
 *
 * @returns the errors of the library's own kind; anything else that is thrown passes through, for the test to fail
 */
export function readEverything(source: ByteSource): ElfError[] {
  const errors: ElfError[] = [];
  const ask = <T>(question: () => T): T | undefined => {
    try {
      return question();
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      errors.push(error);
      return undefined;
    }
  };
  const view = ask(() => new ElfView(source));
  if (view === undefined) return errors;
  ask(() => view.programHeaders);
  ask(() => view.interpreter);
  ask(() => machineOf(view));
  ask(() => view.e_shstrndx);
  ask(() => readNotes(view));
  const sections = ask(() => view.sectionHeaders) ?? [];
  for (const section of sections) ask(() => view.sectionName(section));
  const dynamic = ask(() => view.dynamic);
  if (dynamic === undefined) return errors;
  ask(() => dynamic.stringTable);
  for (const tag of [DT.DT_NEEDED, DT.DT_SONAME, DT.DT_RPATH, DT.DT_RUNPATH]) ask(() => dynamic.strings(tag));
  for (const {d_val} of dynamic.entries) ask(() => view.offsetOfAddress(d_val));
  return errors;
}
