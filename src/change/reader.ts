import {posix} from 'node:path';
import {ElfError, printable} from '../errors.js';

/** PATH_MAX of Linux, the NUL included. */
const longestPath = 4096;

/** Nested lists can be too deep to print. */
function shown(value: unknown): string {
  try {
    return printable(JSON.stringify(value).slice(0, 100));
  } catch {
    return 'lists without end';
  }
}

/** Takes JSON apart and reports, for a wrong value, where it is, what was expected and what was found. */
export class Reader {
  readonly #what: string;
  readonly #path: string;

  /**
   * @param what the kind of file, for messages, such as `manifest`
   * @param path the file, for messages
   */
  constructor(what: string, path: string) {
    this.#what = what;
    this.#path = path;
  }

  /** @throws ElfError BAD_MANIFEST, as all here do */
  json(text: string): Readonly<Record<string, unknown>> {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new ElfError('BAD_MANIFEST', `not a ${this.#what}: not JSON`, {path: this.#path, cause});
    }
    return this.object(value, `the ${this.#what}`);
  }

  object(value: unknown, where: string): Readonly<Record<string, unknown>> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return {...value};
    throw this.bad(where, 'an object', value);
  }

  /** A list; each item is read by a function that is given its location. */
  list<T>(value: unknown, where: string, read: (item: unknown, where: string) => T): T[] {
    if (Array.isArray(value)) return value.map((item, i) => read(item, `${where}[${i}]`));
    throw this.bad(where, 'an array', value);
  }

  string(value: unknown, where: string): string {
    if (typeof value === 'string') return value;
    throw this.bad(where, 'a string', value);
  }

  count(value: unknown, where: string, most: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
    throw this.bad(where, `a whole number from 0 to ${most}`, value);
  }

  sha256(value: unknown, where: string): string {
    if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
    throw this.bad(where, '64 hexadecimal digits', value);
  }

  oneOf<T>(value: unknown, where: string, choices: readonly T[]): T {
    const found = choices.find((one) => one === value);
    if (found !== undefined) return found;
    throw this.bad(where, choices.join(', '), value);
  }

  /** @param refused characters that the path cannot have */
  absolutePath(value: unknown, where: string, refused = /[\0\n]/): string {
    const path = this.string(value, where);
    const normal = path.startsWith('/') && posix.normalize(path) === path && !refused.test(path);
    // Nothing that is read here can own the root itself, or a path with a trailing slash.
    if (normal && !path.endsWith('/') && path.length < longestPath) return path;
    const expected = `an absolute path shorter than ${longestPath} characters, without '.', '..' or superfluous slashes`;
    throw this.outside(where, expected, path.slice(0, longestPath));
  }

  bad(where: string, expected: string, value: unknown): ElfError {
    const got = value === undefined ? 'nothing' : shown(value);
    const what = `not a ${this.#what}: ${where}`;
    return new ElfError('BAD_MANIFEST', what, {path: this.#path, expected, got, value});
  }

  outside(where: string, expected: string, value: string): ElfError {
    const what = `the ${this.#what}'s ${where} is refused`;
    return new ElfError('OUTSIDE', what, {path: this.#path, expected, got: printable(value), value});
  }
}
