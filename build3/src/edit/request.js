import {osAbiNames, osAbiValue} from '../elf/os-abi.js';
import {encodeString} from '../elf/strings.js';
import {longestInterpreter} from '../elf/view.js';
import {ElfError, printable} from '../errors.js';
/**
 * Refuse a request that no file could carry out.
 *
 * @throws ElfError BAD_REQUEST naming the value
 */
export function checkRequest(request) {
  for (const [field, value] of Object.entries(request)) checkField(field, value);
  const {interpreter, allowRelative = false} = request;
  if (interpreter !== undefined) checkInterpreter(interpreter, allowRelative);
  else if (request.addInterpreter === true)
    throw new ElfError('BAD_REQUEST', 'addInterpreter goes with an interpreter');
  if (request.osAbi !== undefined) checkOsAbi(request.osAbi);
  checkExclusive(request, ['rpath', 'runpath', 'convertRpath', 'removeRpath']);
  checkExclusive(request, ['addRpath', 'removeRpath']);
  for (const name of Object.values(request.renameSymbols ?? {})) checkSymbol(name);
}
/** JavaScript callers have no compiler to tell them. */
const checks = {
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
  payload: (field, value) => {
    if (value !== 'keep' && value !== 'move') throw wrong(field, '"keep" or "move"', value);
  },
};
function checkField(field, value) {
  const check = Object.hasOwn(checks, field) ? checks[field] : undefined;
  if (check === undefined)
    throw new ElfError('BAD_REQUEST', `there is no edit called ${quote(field)}`, {value});
  if (value !== undefined) check(field, value);
}
function checkBoolean(field, value) {
  if (typeof value !== 'boolean') throw wrong(field, 'true or false', value);
}
function checkString(field, value) {
  if (typeof value !== 'string') throw wrong(field, 'a string', value);
  for (const [name, character] of [
    ['NUL', '\0'],
    ['newline', '\n'],
  ]) {
    if (!value.includes(character)) continue;
    throw new ElfError('BAD_REQUEST', `the ${words[field] ?? field} contains a ${name}`, {
      expected: 'a string without one',
      got: quote(value),
      value,
    });
  }
}
const words = {interpreter: 'interpreter path'};
function checkName(field, value) {
  checkString(field, value);
  if (value === '') throw new ElfError('BAD_REQUEST', `a name for ${field} is empty`, {value});
}
function checkNames(field, value) {
  if (!Array.isArray(value)) throw wrong(field, 'a list of names', value);
  for (const name of value) checkName(field, name);
}
function checkMap(field, value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(field, 'an object of old and new names', value);
  for (const names of Object.entries(value)) for (const name of names) checkName(field, name);
}
function wrong(field, expected, value) {
  const got = value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
  return new ElfError('BAD_REQUEST', `${field} has a value of another kind`, {
    expected,
    got: typeof value === 'string' ? quote(value) : got,
    value,
  });
}
function checkExclusive(request, fields) {
  const given = fields.filter((field) => request[field] !== undefined && request[field] !== false);
  if (given.length < 2) return;
  throw new ElfError('BAD_REQUEST', `${given.join(' and ')} exclude one another`);
}
function checkOsAbi(name) {
  if (osAbiValue(name) !== undefined) return;
  throw new ElfError('BAD_REQUEST', 'unknown OS ABI', {
    expected: osAbiNames.join(', '),
    got: quote(name),
    value: name,
  });
}
/** readelf and linkers take what follows an @ for a version. */
function checkSymbol(name) {
  if (!name.includes('@')) return;
  throw new ElfError('BAD_REQUEST', 'a symbol name contains an @', {got: quote(name), value: name});
}
function checkInterpreter(path, allowRelative) {
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
      {expected: 'an absolute path, or --allow-relative', got: quote(path), value: path},
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
function quote(text) {
  const shown = printable(text);
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}...` : shown).replaceAll('\\\\', '\\');
}
//# sourceMappingURL=request.js.map
