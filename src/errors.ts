/** What went wrong, as a stable code for scripts. docs/errors.md says when each one is raised. */
export type ErrorCode =
  | 'NOT_ELF'
  | 'TRUNCATED'
  | 'BAD_ELF'
  | 'NOT_A_FILE'
  | 'FILE_SYSTEM'
  | 'NO_INTERPRETER'
  | 'NO_DYNAMIC'
  | 'BAD_REQUEST'
  | 'NO_ROOM'
  | 'UNSAFE_EDIT'
  | 'PAYLOAD'
  | 'CHANGED'
  | 'CHECK_FAILED'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'NOT_CLOSED'
  | 'UNSUPPORTED'
  | 'TOO_LARGE'
  | 'PACKED'
  | 'OUTSIDE'
  | 'UNTRUSTED_LINK'
  | 'BAD_MANIFEST'
  | 'BAD_PACKAGE'
  | 'BUSY'
  | 'COMMAND_FAILED';

/** The facts of an error; each one that is known becomes a property and a part of the message. */
export interface ErrorFacts {
  /** The file it is about. */
  path?: string | undefined;
  /** Byte offset in that file. */
  offset?: number | undefined;
  expected?: string | undefined;
  got?: string | undefined;
  /** The request field that would have allowed it; the message names it after what was expected. */
  allowedBy?: string | undefined;
  /** The request fields that the message is about; the message begins with them. */
  fields?: readonly string[] | undefined;
  /** The offending value itself, for programs. */
  value?: unknown;
  /** Whether the new content was written all the same. */
  written?: boolean | undefined;
  cause?: unknown;
}

/**
 * Every error that elfinterp throws on purpose. `message` reads `FILE: what is wrong (at offset 0x40, expected X, got
 * Y)`, safe for a terminal whatever names it contains; the parts are also properties, unescaped.
 */
export class ElfError extends Error {
  override name = 'ElfError';
  readonly code: ErrorCode;
  readonly path: string | undefined;
  readonly offset: number | undefined;
  readonly value: unknown;
  /** Whether the new content was written before this went wrong, so that the same edit is not to be tried again. */
  readonly written: boolean;
  readonly #what: string;
  readonly #facts: ErrorFacts;

  constructor(code: ErrorCode, what: string, facts: ErrorFacts = {}) {
    super(composeMessage(what, facts), facts.cause === undefined ? undefined : {cause: facts.cause});
    this.code = code;
    this.path = facts.path;
    this.offset = facts.offset;
    this.value = facts.value;
    this.written = facts.written ?? false;
    this.#what = what;
    this.#facts = facts;
  }

  /** What is wrong, in words alone. */
  get what(): string {
    return this.#what;
  }

  /** What is wrong, with what was expected and found, but without the file and the place in it. */
  get reason(): string {
    return composeMessage(this.#what, {...this.#facts, path: undefined, offset: undefined});
  }

  /** The message with other names for its fields: the options of a command line. */
  messageFor(nameOf: (field: string) => string): string {
    const {fields, allowedBy} = this.#facts;
    return composeMessage(this.#what, {
      ...this.#facts,
      fields: fields?.map(nameOf),
      allowedBy: allowedBy && nameOf(allowedBy),
    });
  }

  /** The same error with a path, for code that learns the path only after the problem. */
  at(path: string): ElfError {
    return new ElfError(this.code, this.#what, {...this.#facts, path});
  }
}

function composeMessage(
  what: string,
  {path, offset, expected, got, allowedBy, fields = []}: ErrorFacts,
): string {
  const details = [
    offset !== undefined && `at offset ${hex(offset)}`,
    expected !== undefined && `expected ${expected}${allowedBy === undefined ? '' : `, or ${allowedBy}`}`,
    got !== undefined && `got ${got}`,
  ].filter((detail) => typeof detail === 'string');
  const sentence = fields.length > 0 ? `${fields.join(' and ')} ${what}` : what;
  const message = details.length > 0 ? `${sentence} (${details.join(', ')})` : sentence;
  return printable(path === undefined ? message : `${path || "''"}: ${message}`);
}

/** Print a number the way the ELF tools do. */
export function hex(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/**
 * Keep a string from a file from controlling the terminal: control characters become `\xNN`; Unicode line separators
 * and bidirectional controls become `\uNNNN`. Text that is already escaped stays as it is.
 */
export function printable(text: string): string {
  return text.replace(dangerous, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
}

const dangerous =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ufffe\uffff]/g;

/** The start and end of a string that is too long to read; a file may contain names of a mebibyte. */
export function shortened(text: string, most = 256): string {
  if (text.length <= most) return text;
  const half = Math.floor((most - 3) / 2);
  return `${text.slice(0, half)}...${text.slice(-half)}`;
}

const systemMessages: Readonly<Record<string, string>> = {
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
  ESTALE: 'the file is gone from the server',
  EBUSY: 'device or resource busy',
  ENOTEMPTY: 'directory not empty',
  EEXIST: 'already exists',
  E2BIG: 'argument list too long',
  // From Node's own argument check: no file has such a name.
  ERR_INVALID_ARG_VALUE: 'a file name cannot contain a NUL',
};

/**
 * Say in words what a system call reported, keeping the original as `cause`.
 *
 * @param doing what failed, as in "cannot write"; omitted when the reason alone is clear
 * @throws a programming error, which is not a system error
 */
export function systemError(path: string, cause: unknown, doing?: string): ElfError {
  if (cause instanceof ElfError) return cause;
  if (cause instanceof TypeError && !('code' in cause)) throw cause;
  const {code, message} = cause as NodeJS.ErrnoException;
  const reason = (code !== undefined && systemMessages[code]) || message || String(cause);
  return new ElfError('FILE_SYSTEM', doing === undefined ? reason : `${doing}: ${reason}`, {path, cause});
}

/** The error that a system call would report for something that was detected without one. */
export function errnoError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), {code});
}

/** Work on a directory or its contents; report a failed system call in words, as an error about that directory. */
export function inWords<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : systemError(path, error);
  }
}
