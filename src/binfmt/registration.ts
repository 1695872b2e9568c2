/*
 * The line that registers an interpreter with binfmt_misc, `:name:type:offset:magic:mask:interpreter:flags`, as data,
 * and the kernel's rules for it (Documentation/admin-guide/binfmt-misc.rst; fs/binfmt_misc.c, whose limits apply; the
 * document still names some from older kernels).
 *
 * The kernel answers EINVAL to almost every mistake, so each rule is checked here, where it can be named.
 */
import {ElfError, printable} from '../errors.js';

/** Files that begin with certain bytes. */
export interface MagicMatch {
  readonly type: 'magic';
  /** Offset of the magic in the file, in bytes. */
  readonly offset: number;
  readonly magic: Uint8Array;
  /** The bits to compare, as many bytes as the magic; undefined to compare all. */
  readonly mask: Uint8Array | undefined;
}

/** Files whose name ends in `.extension`. */
export interface ExtensionMatch {
  readonly type: 'extension';
  readonly extension: string;
}

/** What binfmt_misc is told: which files an interpreter runs. */
export interface Registration {
  /** The entry's file name in the mounted binfmt_misc. */
  readonly name: string;
  readonly match: MagicMatch | ExtensionMatch;
  readonly interpreter: string;
  /**
   * One letter each. P: the interpreter receives the program's own argv[0] as well. O: it receives the program
   * as an open file. C: it runs with the program's credentials, for setuid programs (implies O). F: it is opened
   * now and found in every chroot from then on.
   */
  readonly flags: string;
}

/** Bytes of a registration, the kernel's MAX_REGISTER_LENGTH. */
const longestRegistration = 1920;

/** Bytes of a file that the kernel looks at, BINPRM_BUF_SIZE. */
const bytesCompared = 256;

/** Bytes of a file name, NAME_MAX. */
const longestName = 255;

/**
 * Print a registration for `register`, or for a binfmt.d file.
 *
 * @throws ElfError BAD_REQUEST when the kernel would refuse it
 */
export function formatRegistration(registration: Registration): string {
  checkRegistration(registration);
  const {name, match, interpreter, flags} = registration;
  const delimiter = chooseDelimiter(registration);
  const fields =
    match.type === 'magic'
      ? ['M', match.offset === 0 ? '' : String(match.offset), escapeBytes(match.magic), maskField(match)]
      : ['E', '', match.extension, ''];
  const text = ['', name, ...fields, interpreter, flags].join(delimiter);
  checkLength(text, name);
  return text;
}

/** @throws ElfError BAD_REQUEST naming the first rule of the kernel that is broken */
function checkRegistration({name, match, interpreter, flags}: Registration): void {
  checkEntryName(name);
  if (match.type === 'magic') checkMagic(name, match);
  else checkExtension(name, match.extension);
  if (interpreter === '') throw refused(name, 'the interpreter is missing', {expected: 'a path', got: "''"});
  // The kernel would look it up from the working directory of the process that starts a program.
  if (!interpreter.startsWith('/')) {
    throw refused(name, 'the path of the interpreter is relative', {
      expected: 'a path that begins with /',
      got: printable(interpreter),
    });
  }
  if (/[\0\n]/.test(interpreter)) {
    throw refused(name, 'the interpreter contains a NUL or a newline', {got: printable(interpreter)});
  }
  if (!/^[A-Z]*$/.test(flags)) {
    throw refused(name, 'unknown flags', {expected: 'letters from P, O, C, F', got: printable(flags)});
  }
}

/** @throws ElfError BAD_REQUEST when no entry can have this name */
export function checkEntryName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (name === '' || name === '.' || name === '..' || /[/\0\n]/.test(name)) {
    throw refused(name, 'not a valid name for an entry', {
      expected: 'a file name',
      got: `'${printable(name)}'`,
    });
  }
  if (name === 'register' || name === 'status') {
    throw refused(name, 'the name is reserved by binfmt_misc', {expected: 'another name', got: name});
  }
  if (bytes > longestName) {
    throw refused(name, 'the name is too long', {
      expected: `at most ${longestName} bytes`,
      got: `${bytes} bytes`,
    });
  }
}

function checkMagic(name: string, {offset, magic, mask}: MagicMatch): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw refused(name, 'not an offset', {expected: 'a non-negative number', got: String(offset)});
  }
  if (magic.length === 0) throw refused(name, 'the magic is empty', {expected: '1 byte or more'});
  if (mask !== undefined && mask.length !== magic.length) {
    throw refused(name, 'magic and mask differ in length', {
      expected: `a mask of ${magic.length} bytes`,
      got: `${mask.length} bytes`,
    });
  }
  if (offset + magic.length > bytesCompared) {
    throw refused(name, `the kernel compares only the first ${bytesCompared} bytes of a file`, {
      expected: `offset and magic within ${bytesCompared} bytes`,
      got: `${magic.length} bytes at ${offset}`,
    });
  }
}

function checkExtension(name: string, extension: string): void {
  if (extension !== '' && !/[/\0\n]/.test(extension)) return;
  throw refused(name, 'not a file name extension', {
    expected: "letters after the '.'",
    got: `'${printable(extension)}'`,
  });
}

function checkLength(text: string, name: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes >= 11 && bytes <= longestRegistration) return;
  throw refused(name, 'the kernel refuses a registration of this length', {
    expected: `11 to ${longestRegistration} bytes`,
    got: `${bytes} bytes`,
  });
}

function refused(name: string, what: string, facts: {expected?: string; got?: string} = {}): ElfError {
  return new ElfError('BAD_REQUEST', `binfmt_misc entry '${printable(name)}': ${what}`, facts);
}

/** Any character that the fields do not hold will do; ':' is what everybody uses. */
function chooseDelimiter({name, match, interpreter, flags}: Registration): string {
  const fields = [name, interpreter, flags, match.type === 'extension' ? match.extension : ''].join('');
  const delimiter = [...':|,;!#%=~+'].find((character) => !fields.includes(character));
  if (delimiter !== undefined) return delimiter;
  throw refused(name, 'no character left to separate the fields');
}

/** As the kernel and update-binfmts read them: `\x7f`. */
export function escapeBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

function maskField({mask}: MagicMatch): string {
  return mask === undefined ? '' : escapeBytes(mask);
}
