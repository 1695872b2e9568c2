import {encodeString} from '../elf/strings.js';
import {longestInterpreter} from '../elf/view.js';
import {ElfError, printable} from '../errors.js';

/** What shall be changed. The fields are carried out in the order in which they stand here. */
export interface EditRequest {
  /** The dynamic loader that PT_INTERP names; an absolute path of at most 4,095 bytes. */
  readonly interpreter?: string;
  /** Accept an interpreter path that the kernel would look up from the current directory. Default false. */
  readonly allowRelative?: boolean;
  /** Search path under DT_RPATH; replaces DT_RUNPATH too. */
  readonly rpath?: string;
  /** Search path under DT_RUNPATH; replaces DT_RPATH too. */
  readonly runpath?: string;
  /** Remove DT_RPATH and DT_RUNPATH. */
  readonly removeRpath?: boolean;
}

/**
 * Refuse a request that no file could carry out.
 *
 * @throws ElfError BAD_REQUEST naming the value
 */
export function checkRequest(request: EditRequest): void {
  if (request.interpreter !== undefined)
    checkInterpreter(request.interpreter, request.allowRelative ?? false);
  if (request.rpath !== undefined) checkString('rpath', request.rpath);
  if (request.runpath !== undefined) checkString('runpath', request.runpath);
  const paths = [request.rpath !== undefined, request.runpath !== undefined, request.removeRpath === true];
  if (paths.filter(Boolean).length > 1) {
    throw new ElfError('BAD_REQUEST', 'rpath, runpath and removeRpath exclude one another');
  }
}

function checkInterpreter(path: string, allowRelative: boolean): void {
  const refuse = (what: string, expected: string) =>
    new ElfError('BAD_REQUEST', `the interpreter path ${what}`, {expected, got: quote(path), value: path});
  if (path === '') throw refuse('is empty', 'an absolute path');
  if (path.includes('\0')) throw refuse('contains a NUL', 'a path without one');
  if (path.includes('\n')) throw refuse('contains a newline', 'a path without one');
  if (!path.startsWith('/') && !allowRelative) {
    throw refuse(
      'is relative: the kernel would look it up from the current directory',
      'an absolute path, or --allow-relative',
    );
  }
  const length = encodeString(path).length;
  if (length > longestInterpreter) {
    throw new ElfError('BAD_REQUEST', 'the interpreter path is too long for the kernel', {
      expected: `at most ${longestInterpreter - 1} bytes`,
      got: `${length - 1}`,
      value: path,
    });
  }
}

function checkString(field: string, value: string): void {
  for (const [name, character] of [
    ['NUL', '\0'],
    ['newline', '\n'],
  ] as const) {
    if (!value.includes(character)) continue;
    throw new ElfError('BAD_REQUEST', `the ${field} contains a ${name}`, {
      expected: 'a string without one',
      got: quote(value),
      value,
    });
  }
}

function quote(text: string): string {
  const shown = printable(text);
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}...` : shown).replaceAll('\\\\', '\\');
}
