/*
 * The two streams. Data goes to stdout, everything else to stderr; a run that reported an error exits 1.
 */
import {ElfError, printable} from '../index.js';

export const exitStatus = {done: 0, failed: 1, usage: 2} as const;

/** What a command reports through, and whether anything failed so far. */
export interface Output {
  /** Print one line of data. */
  line(text: string): void;
  /** Print data as JSON; the result of the whole command at once. */
  json(value: unknown): void;
  /** Say something that is not data. */
  note(text: string): void;
  /** Say something that is not data, to a person who watches; scripts do not see it. */
  progress(text: string): void;
  /** Report a failure and go on. */
  error(error: unknown, path?: string): void;
  readonly failed: boolean;
}

export function createOutput(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Output {
  let failed = false;
  const note = (text: string) => void stderr.write(`elfinterp: ${text}\n`);
  return {
    line: (text) => void stdout.write(`${text}\n`),
    json: (value) => void stdout.write(`${JSON.stringify(value, jsonValue, 2)}\n`),
    note,
    progress: (text) => {
      if (stderr.isTTY) note(text);
    },
    error: (error, path) => {
      failed = true;
      note(describeError(error, path));
    },
    get failed() {
      return failed;
    },
  };
}

/** One line for an error. What elfinterp did not throw on purpose is a bug, and shows where it happened. */
export function describeError(error: unknown, path?: string): string {
  if (error instanceof ElfError) {
    return error.path === undefined && path !== undefined ? error.at(path).message : error.message;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${path === undefined ? '' : `${printable(path)}: `}internal error, please report it: ${detail}`;
}

/** An error as data. */
export function errorToJson(error: unknown): {code: string; message: string} {
  return error instanceof ElfError
    ? {code: error.code, message: error.message}
    : {code: 'INTERNAL', message: String(error)};
}

/** Addresses are strings in JSON, in the notation of the ELF tools; bytes are hexadecimal digits. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}
