/*
 * Check whether files can be packed. They may be hostile, so everything that planning relies on is checked here first.
 */
import {requireEditable} from '../edit/editable.js';
import {EM, ET, PT} from '../elf/constants.js';
import {noInterpreter} from '../elf/kind.js';
import {machineOf} from '../elf/machine.js';
import {isFileName} from '../elf/packed.js';
import {findPayload} from '../elf/payload.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {libraryText} from '../source/byte-string.js';

/** @throws ElfError UNSUPPORTED, PACKED, NO_INTERPRETER, PAYLOAD, or what is wrong with a damaged file */
export function checkProgram(view: ElfView): void {
  requireEditable(view);
  const {path, header} = view;
  if (header.e_machine !== EM.EM_X86_64 && header.e_machine !== EM.EM_AARCH64) throw wrongMachine(view);
  if (view.format.elfClass !== 64 || !view.format.littleEndian) throw wrongMachine(view);
  if (view.interpreter === undefined) throw noInterpreter(view);
  if (findPayload(view) !== undefined) {
    throw new ElfError('PAYLOAD', 'the program would no longer find the data appended to it', {
      path,
      expected: 'no data after the ELF image',
    });
  }
}

/** Check a loader or a library against its program. */
export function checkPart(view: ElfView, program: ElfView): void {
  requireEditable(view);
  const [wanted, got] = [machineOf(program), machineOf(view)];
  if (wanted.name !== got.name) {
    throw new ElfError('UNSUPPORTED', 'the file is for a different machine than the program', {
      path: view.path,
      expected: wanted.name,
      got: got.name,
    });
  }
  if (view.header.e_type === ET.ET_DYN && view.dynamic !== undefined && view.segment(PT.PT_LOAD)) return;
  throw new ElfError('UNSUPPORTED', 'not a shared library', {
    path: view.path,
    expected: 'ET_DYN with a dynamic section and loadable segments',
    got: `e_type ${view.header.e_type}`,
  });
}

/** Make sure that each name stands for only one file. @throws ElfError CONFLICT, BAD_REQUEST */
export function checkNames(
  parts: readonly {readonly names: readonly string[]; readonly view: ElfView}[],
): void {
  const known = new Map<string, ElfView>();
  for (const {names, view} of parts) {
    for (const name of names) {
      if (!isFileName(name)) {
        throw new ElfError('BAD_REQUEST', 'not a library name', {
          path: view.path,
          expected: 'a name without a slash',
          got: name,
        });
      }
      const other = known.get(name);
      if (other !== undefined) {
        throw new ElfError('CONFLICT', `two files would be called ${name} inside`, {
          expected: other.path,
          got: view.path,
          value: name,
        });
      }
      known.set(name, view);
    }
  }
}

/**
 * Loader and C library share structures that no symbol version guards, so they must come from one build. glibc states
 * its build in both: "(Debian GLIBC 2.36-9+deb12u13) stable release version 2.36".
 *
 * @throws ElfError CONFLICT
 */
export function requireOneBuild(loader: ElfView, libraries: readonly {readonly view: ElfView}[]): void {
  const libc = libraries.find(({view}) => view.dynamic?.soname === 'libc.so.6')?.view;
  const [one, other] = [loader, libc].map((view) => view && glibcBuild(view));
  if (one === undefined || other === undefined || one === other) return;
  throw new ElfError('CONFLICT', 'loader and libc.so.6 are from different builds of glibc', {
    path: libc?.path,
    expected: one,
    got: other,
  });
}

function glibcBuild({source}: ElfView): string | undefined {
  const text = libraryText(source);
  return /(?:ld\.so|GNU C Library) (\([^)\n]{1,80}\)[^\n,]{0,80}version [\d.]*\d)/.exec(text)?.[1];
}

function wrongMachine(view: ElfView): ElfError {
  return new ElfError('UNSUPPORTED', 'programs for this machine cannot be packed', {
    path: view.path,
    expected: 'x86_64 or aarch64',
    got: machineOf(view).name,
  });
}
