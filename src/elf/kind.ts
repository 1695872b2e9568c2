/*
 * What sort of file is this? e_type alone does not say: a PIE program, a static-pie program and a shared library are
 * all ET_DYN. DF_1_PIE marks programs made by linkers of the last ten years. Older ones are recognized by their
 * interpreter, unless they have a SONAME: glibc's libc.so.6 is a library that has an interpreter so that it can be run.
 */
import {ElfError, hex} from '../errors.js';
import {DF_1, DT, ET, PT} from './constants.js';
import type {Ehdr} from './records.js';
import type {ElfView} from './view.js';
import {isDebugFile} from './without-bytes.js';

/** Stable names, meant for use in code. */
export type ElfKind =
  | 'program'
  | 'pie-program'
  | 'static-program'
  | 'static-pie-program'
  | 'shared-library'
  | 'object-file'
  | 'core-file'
  | 'debug-file'
  | 'unknown';

/** Tell the kind of a file. @throws ElfError when its headers or its dynamic section cannot be read */
export function kindOf(view: ElfView): ElfKind {
  const {e_type} = view.header;
  if (e_type === ET.ET_REL) return 'object-file';
  if (e_type === ET.ET_CORE) return 'core-file';
  if (e_type !== ET.ET_EXEC && e_type !== ET.ET_DYN) return 'unknown';
  if (isDebugFile(view)) return 'debug-file';
  const isDynamic = view.segment(PT.PT_INTERP) !== undefined;
  // Without PT_INTERP the kernel starts the program directly, whatever PT_DYNAMIC says; with DT_NEEDED it must be run
  // as `ld.so FILE`.
  if (e_type === ET.ET_EXEC) return isDynamic || hasNeeded(view) ? 'program' : 'static-program';
  if (!isPie(view, isDynamic)) return 'shared-library';
  return isDynamic ? 'pie-program' : 'static-pie-program';
}

/** The kind in words, as in "PIE program". If damage hides the kind, e_type decides. */
export function describeKind(kind: ElfKind, {header: {e_type}}: ElfView): string {
  if (kind !== 'unknown') return kindNames[kind];
  if (e_type === ET.ET_EXEC) return 'program';
  return e_type === ET.ET_DYN ? 'program or shared library' : `file of type ${hex(e_type)}`;
}

const kindNames: Readonly<Record<Exclude<ElfKind, 'unknown'>, string>> = {
  program: 'program (not PIE)',
  'pie-program': 'PIE program',
  'static-program': 'static program',
  'static-pie-program': 'static-pie program',
  'shared-library': 'shared library',
  'object-file': 'object file',
  'core-file': 'core file',
  'debug-file': 'separate debug file',
};

/** File types that are not meant for a loader. */
const unlinked: Readonly<Record<number, string>> = {
  [ET.ET_REL]: 'an object file',
  [ET.ET_CORE]: 'a core file',
};

/** @throws ElfError UNSUPPORTED if the file is neither a program nor a shared library */
export function requireLinked({e_type}: Pick<Ehdr, 'e_type'>, path: string | undefined): void {
  if (e_type === ET.ET_EXEC || e_type === ET.ET_DYN) return;
  throw new ElfError('UNSUPPORTED', 'neither a program nor a shared library', {
    path,
    expected: 'ET_EXEC or ET_DYN',
    got: unlinked[e_type] ?? `e_type ${e_type}`,
    value: e_type,
  });
}

/** The error to throw if a program is needed but objcopy or eu-strip kept only what debuggers read. */
export function debugFileError(path: string | undefined): ElfError {
  return new ElfError('UNSUPPORTED', 'neither a program nor a shared library', {
    path,
    expected: 'a file with the bytes of its segments',
    got: 'a separate debug file',
  });
}

/** The kind in words with an article, as in "a static program". @throws as `kindOf` */
export function nameKind(view: ElfView): string {
  const name = describeKind(kindOf(view), view);
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** The error for a file that has no interpreter. */
export function noInterpreter(view: ElfView): ElfError {
  return new ElfError('NO_INTERPRETER', 'no interpreter: the file has no PT_INTERP', {
    path: view.path,
    expected: 'a dynamically linked program',
    got: nameKind(view),
  });
}

function isPie({dynamic, header}: ElfView, isDynamic: boolean): boolean {
  if (((dynamic?.value(DT.DT_FLAGS_1) ?? 0n) & DF_1.DF_1_PIE) !== 0n) return true;
  if (dynamic === undefined) return header.e_entry !== 0n;
  return isDynamic && dynamic.value(DT.DT_SONAME) === undefined;
}

function hasNeeded({dynamic}: ElfView): boolean {
  return dynamic?.tags.includes(DT.DT_NEEDED) ?? false;
}
