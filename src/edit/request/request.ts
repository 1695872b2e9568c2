import {osAbiNames, osAbiValue} from '../../elf/os-abi.js';
import {encodeString} from '../../elf/strings.js';
import {longestInterpreter} from '../../elf/view.js';
import {ElfError, printable} from '../../errors.js';
import {type PayloadChoice, payloadChoices} from '../layout/payload.js';

/** What to change. The fields are applied in the order they are declared here. */
export interface EditRequest {
  /** The dynamic loader that PT_INTERP names; an absolute path of at most 4,095 bytes. */
  readonly interpreter?: string;
  /** Accept an interpreter path that the kernel would look up from the current directory. Default false. */
  readonly allowRelative?: boolean;
  /** Add `interpreter` to a file that has none, such as a library that should be executable. Default false. */
  readonly addInterpreter?: boolean;
  /** Search path to store as DT_RPATH; also replaces DT_RUNPATH. */
  readonly rpath?: string;
  /** Search path to store as DT_RUNPATH; also replaces DT_RPATH. */
  readonly runpath?: string;
  /** Keep the existing search path, but under this tag. */
  readonly convertRpath?: 'rpath' | 'runpath';
  /** Directories to append to the existing search path, or to a new DT_RUNPATH if there is none. */
  readonly addRpath?: string;
  /** Remove DT_RPATH and DT_RUNPATH. */
  readonly removeRpath?: boolean;
  /** Libraries to append to DT_NEEDED, in this order; one already there keeps its place. */
  readonly addNeeded?: readonly string[];
  /** Libraries to put in front of all others, each before those given earlier; one already there moves. */
  readonly addNeededFirst?: readonly string[];
  /** Libraries to remove from DT_NEEDED and DT_VERNEED; one not found is ignored. */
  readonly removeNeeded?: readonly string[];
  /** Maps the old name of a library to its new one, in DT_NEEDED and DT_VERNEED. */
  readonly replaceNeeded?: Readonly<Record<string, string>>;
  /** The library's own name (DT_SONAME). */
  readonly soname?: string;
  /** Whether ld.so skips its default directories and its cache (DF_1_NODEFLIB). */
  readonly noDefaultLib?: boolean;
  /** Whether the stack is executable (PT_GNU_STACK). */
  readonly execStack?: boolean;
  /** Name of the OS ABI in the ELF header: `System V`, `Linux`, `FreeBSD`, ... */
  readonly osAbi?: string;
  /** Add DT_DEBUG. */
  readonly addDebugTag?: boolean;
  /** Dynamic symbols that lose their version. */
  readonly clearSymbolVersions?: readonly string[];
  /** Maps the old name of a dynamic symbol to its new one. */
  readonly renameSymbols?: Readonly<Record<string, string>>;
  /**
   * Alignment in bytes of a new segment, a power of two from 4096 to 2^30. By default it is aligned like the file's own
   * segments.
   */
  readonly pageSize?: number;
  /**
   * What to do with bytes after the program when the file has to grow: `keep` their offset, `move` them to the new end,
   * or `keep-and-repeat`: keep them and repeat the last ones at the new end. Each known kind survives only one of the
   * three, which is the default; for unknown bytes there is no default, and such an edit is refused unless this is set.
   */
  readonly payload?: PayloadChoice;
}

/**
 * Refuse a request that is invalid for every file.
 *
 * @throws ElfError BAD_REQUEST naming the value
 */
export function checkRequest(request: EditRequest): void {
  if (!isPlain(request))
    throw new ElfError('BAD_REQUEST', 'not a request', {expected: 'an object', got: String(request)});
  for (const [field, value] of Object.entries(request)) checkField(field, value);
  const {interpreter, allowRelative = false} = request;
  if (interpreter !== undefined) checkInterpreter(interpreter, allowRelative);
  else if (request.addInterpreter === true)
    throw new ElfError('BAD_REQUEST', 'requires an interpreter', {fields: ['addInterpreter']});
  if (request.osAbi !== undefined) checkOsAbi(request.osAbi);
  checkExclusive(request, ['rpath', 'runpath', 'convertRpath', 'removeRpath']);
  checkExclusive(request, ['addRpath', 'removeRpath']);
  for (const name of Object.values(request.renameSymbols ?? {})) checkSymbol(name);
}

type Check = (field: string, value: unknown) => void;

/** Type checks at run time, as JavaScript callers have no compiler to do them. */
const checks: Readonly<Record<keyof EditRequest, Check>> = {
  interpreter: checkString,
  allowRelative: checkBoolean,
  addInterpreter: checkBoolean,
  rpath: checkString,
  runpath: checkString,
  convertRpath: (field, value) => {
    if (value !== 'rpath' && value !== 'runpath') throw wrong(field, '"rpath" or "runpath"', value);
  },
  addRpath: checkName,
  removeRpath: checkBoolean,
  addNeeded: checkNames,
  addNeededFirst: checkNames,
  removeNeeded: checkNames,
  replaceNeeded: checkMap,
  soname: checkName,
  noDefaultLib: checkBoolean,
  execStack: checkBoolean,
  osAbi: checkString,
  addDebugTag: checkBoolean,
  clearSymbolVersions: checkNames,
  renameSymbols: checkMap,
  pageSize: (field, value) => {
    const isSize =
      typeof value === 'number' && value >= 4096 && value <= 2 ** 30 && Number.isInteger(Math.log2(value));
    if (!isSize) throw wrong(field, 'a power of two from 4096 to 2^30', value);
  },
  payload: (field, value) => {
    if (!payloadChoices.some((choice) => choice === value))
      throw wrong(field, payloadChoices.join(' or '), value);
  },
};

function checkField(field: string, value: unknown): void {
  const check: Check | undefined = Object.hasOwn(checks, field)
    ? checks[field as keyof EditRequest]
    : undefined;
  if (check === undefined) throw new ElfError('BAD_REQUEST', `unknown edit ${quote(field)}`, {value});
  if (value !== undefined) check(field, value);
}

function checkBoolean(field: string, value: unknown): void {
  if (typeof value !== 'boolean') throw wrong(field, 'true or false', value);
}

function checkString(field: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw wrong(field, 'a string', value);
  for (const [name, character] of [
    ['NUL', /\0/],
    ['newline', /\n/],
    // It has no UTF-8, so that another string would be written.
    ['lone surrogate', /\p{Surrogate}/u],
  ] as const) {
    if (!character.test(value)) continue;
    const isInterpreter = field === 'interpreter';
    throw new ElfError('BAD_REQUEST', `${isInterpreter ? 'the interpreter path ' : ''}contains a ${name}`, {
      ...(isInterpreter ? {} : {fields: [field]}),
      expected: 'a string without one',
      got: quote(value),
      value,
    });
  }
}

function checkName(field: string, value: unknown): void {
  checkString(field, value);
  if (value === '') throw new ElfError('BAD_REQUEST', 'requires a non-empty name', {fields: [field], value});
}

function checkNames(field: string, value: unknown): void {
  if (!Array.isArray(value)) throw wrong(field, 'a list of names', value);
  for (const name of value) checkName(field, name);
}

function checkMap(field: string, value: unknown): void {
  if (!isPlain(value)) throw wrong(field, 'an object of old and new names', value);
  for (const names of Object.entries(value)) for (const name of names) checkName(field, name);
}

/** Excludes a Map: Object.entries() finds nothing in it, so its contents would be ignored. */
function isPlain(value: unknown): value is object {
  return tagOf(value) === 'Object';
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function wrong(field: string, expected: string, value: unknown): ElfError {
  const isOther = typeof value === 'object' && !isPlain(value);
  const kind = isOther ? `a ${tagOf(value)}` : typeof value;
  const got = value === null ? 'null' : Array.isArray(value) ? 'a list' : kind;
  return new ElfError('BAD_REQUEST', 'has an invalid value', {
    fields: [field],
    expected,
    got: typeof value === 'string' ? quote(value) : typeof value === 'number' ? String(value) : got,
    value,
  });
}

function checkExclusive(request: EditRequest, fields: readonly (keyof EditRequest)[]): void {
  const given = fields.filter((field) => request[field] !== undefined && request[field] !== false);
  if (given.length < 2) return;
  throw new ElfError('BAD_REQUEST', 'are mutually exclusive', {fields: given});
}

function checkOsAbi(name: string): void {
  if (osAbiValue(name) !== undefined) return;
  throw new ElfError('BAD_REQUEST', 'unknown OS ABI', {
    expected: osAbiNames.join(', '),
    got: quote(name),
    value: name,
  });
}

/** readelf and linkers treat the text after an @ as a version. */
function checkSymbol(name: string): void {
  if (!name.includes('@')) return;
  throw new ElfError('BAD_REQUEST', 'a symbol name contains an @', {got: quote(name), value: name});
}

function checkInterpreter(path: string, allowRelative: boolean): void {
  if (path === '')
    throw new ElfError('BAD_REQUEST', 'the interpreter path is empty', {
      expected: 'an absolute path',
      got: quote(path),
      value: path,
    });
  if (!path.startsWith('/') && !allowRelative) {
    throw new ElfError(
      'BAD_REQUEST',
      'the interpreter path is relative: the kernel would look it up from the current directory',
      {expected: 'an absolute path', allowedBy: 'allowRelative', got: quote(path), value: path},
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

function quote(text: string): string {
  const shown = printable(text);
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}...` : shown).replaceAll('\\\\', '\\');
}
