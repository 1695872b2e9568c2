/**
 * Every error that elfinterp throws on purpose. `message` reads
 * `FILE: what is wrong (at offset 0x40, expected X, got Y)`; the parts are properties too.
 */
export class ElfError extends Error {
  name = 'ElfError';
  code;
  path;
  offset;
  value;
  #what;
  #facts;
  constructor(code, what, facts = {}) {
    super(composeMessage(what, facts), facts.cause === undefined ? undefined : {cause: facts.cause});
    this.code = code;
    this.path = facts.path;
    this.offset = facts.offset;
    this.value = facts.value;
    this.#what = what;
    this.#facts = facts;
  }
  /** The same error, said of a file: for code that learns the path later than the problem. */
  at(path) {
    return new ElfError(this.code, this.#what, {...this.#facts, path});
  }
}
function composeMessage(what, {path, offset, expected, got}) {
  const details = [
    offset !== undefined && `at offset ${hex(offset)}`,
    expected !== undefined && `expected ${expected}`,
    got !== undefined && `got ${got}`,
  ].filter((detail) => typeof detail === 'string');
  const message = details.length > 0 ? `${what} (${details.join(', ')})` : what;
  return path === undefined ? message : `${printable(path)}: ${message}`;
}
/** Print a number the way the ELF tools do. */
export function hex(value) {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}
/** Keep a name that a file brought along from steering the terminal: control characters become `\xNN`. */
export function printable(text) {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
const systemMessages = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a directory',
  ENOTDIR: 'a component of the path is not a directory',
  ELOOP: 'too many levels of symbolic links',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
  EIO: 'input/output error',
  EDQUOT: 'disk quota exceeded',
  EFBIG: 'file too large',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ETXTBSY: 'the program is running (text file busy)',
  EXDEV: 'not on the same file system',
  ENOTEMPTY: 'directory not empty',
  EEXIST: 'already exists',
  E2BIG: 'argument list too long',
};
/**
 * Say in words what a system call reported, keeping the original as `cause`.
 *
 * @param doing what was tried, as in "cannot write"; left out when the reason alone says it
 */
export function systemError(path, cause, doing) {
  if (cause instanceof ElfError) return cause;
  const {code, message} = cause;
  const reason = (code !== undefined && systemMessages[code]) || message || String(cause);
  return new ElfError('FILE_SYSTEM', doing === undefined ? reason : `${doing}: ${reason}`, {path, cause});
}
//# sourceMappingURL=errors.js.map
