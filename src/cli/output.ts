/*
 * The two streams. Data goes to stdout, everything else to stderr; a run that reported an error exits 1.
 */
import {fstatSync} from 'node:fs';
import {ElfError, printable} from '../index.js';
import {optionFor} from './option-for.js';
import {type SafeText, safe, safeJson} from './safe-text.js';
import {columnsOf, isTerminal, writeTo} from './streams.js';
import {hasColor, knowsEscapes} from './terminal.js';

export const exitStatus = {done: 0, failed: 1, usage: 2} as const;

/** What a command reports through, and whether anything failed so far. */
export interface Output {
  /** Print one line for people. */
  line(text: SafeText): void;
  /** Print one line of data that scripts read: as it is for them, escaped for a terminal. */
  data(text: string): void;
  /** Print lines in a format of another program: as they are for a script, escaped for a terminal. */
  document(text: string): void;
  /** Print data as JSON; the result of the whole command at once. */
  json(value: unknown): void;
  /** Write data that is not text. */
  bytes(data: Uint8Array): void;
  /**
   * Print a JSON array whose items come one by one, so that not all of them are held at once. A field that is
   * undefined becomes null: JSON has no other word for it.
   */
  jsonList(): JsonList;
  /** Say something that is not data. */
  note(text: SafeText): void;
  /** The same with the words of the library. */
  warn(message: string): void;
  /** Say something that is not data, to a person who watches; scripts do not see it. */
  progress(text: SafeText): void;
  /**
   * Show how far a long run has got, on one line that the next output replaces; scripts do not see it.
   *
   * @param mayLast no other will follow for a while, so this one must be shown
   */
  status(text: SafeText, mayLast?: boolean): void;
  /** Report a failure and go on. */
  error(error: unknown, path?: string): void;
  readonly failed: boolean;
  /** Whether nothing has been printed yet. */
  readonly isEmpty: boolean;
  /** Whether standard output is a terminal whose user has nothing against colour (https://no-color.org). */
  readonly color: boolean;
  /** Characters in a line of standard output, where that is a terminal. */
  readonly columns: number | undefined;
}

/** A JSON array in the making. */
interface JsonList {
  add(value: unknown): void;
  end(): void;
}

export function createOutput(): Output {
  let failed = false;
  const status = statusLine();
  const chunks = inChunks(() => {
    // What reads a pipe, as in `| head`, may print on the same terminal.
    if (status.isShown() && !isFile(1)) status.clear();
  });
  let isEmpty = true;
  let isWatched: boolean | undefined;
  const print = (text: string) => {
    isEmpty = false;
    chunks.add(`${text}\n`);
  };
  const data = (text: string) => {
    // Asked once: there may be a hundred thousand lines.
    isWatched ??= isTerminal(1);
    print(isWatched ? printable(text) : text);
  };
  const note = (text: SafeText) => {
    chunks.flush();
    status.clear();
    writeTo(2, `elfinterp: ${text}\n`);
  };
  const toJson = (value: unknown) => safeJson(JSON.stringify(value, jsonValue, 2));
  return {
    line: (text) => print(`${text}`),
    data,
    document: (text) => {
      for (const line of text.split('\n')) data(line);
    },
    json: (value) => print(toJson(value)),
    jsonList: () => jsonList(print),
    bytes: (bytes) => {
      chunks.flush();
      writeTo(1, bytes);
    },
    note,
    warn: (message) => note(safe`${message}`),
    status: status.show,
    get color() {
      return hasColor(1, process.env);
    },
    get columns() {
      return columnsOf(1);
    },
    progress: (text) => {
      if (isTerminal(2)) note(text);
    },
    error: (error, path) => {
      failed = true;
      note(describeError(error, path));
    },
    get failed() {
      return failed;
    },
    get isEmpty() {
      return isEmpty;
    },
  };
}

const chunkLength = 1 << 16;
const millisecondsToWait = 100;

/**
 * Lines that are written together, since a write costs more than what is in it. They are out before anything goes to
 * standard error, as soon as the program waits for something, and before a person would wonder where they are.
 */
function inChunks(beforeWrite: () => void) {
  let waiting = '';
  let since = 0;
  const flush = () => {
    if (waiting === '') return;
    beforeWrite();
    writeTo(1, waiting);
    waiting = '';
  };
  return {
    flush,
    add: (text: string) => {
      if (waiting === '') {
        setImmediate(flush);
        since = Date.now();
      }
      waiting += text;
      if (waiting.length > chunkLength || Date.now() - since > millisecondsToWait) flush();
    },
  };
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}

/** An item is printed when it is known whether a comma follows. */
function jsonList(print: (text: string) => void): JsonList {
  let last: string | undefined;
  return {
    add: (value) => {
      print(last === undefined ? '[' : `${last},`);
      // As the one item of an array it is indented already.
      last = safeJson(JSON.stringify([value], jsonValueOrNull, 2)).slice('[\n'.length, -'\n]'.length);
    },
    end: () => print(last === undefined ? '[]' : `${last}\n]`),
  };
}

const millisecondsBeforeStatus = 500;
const millisecondsBetweenStatus = 100;

/** A line at the bottom of a terminal that is rewritten in place; not shown for work that ends quickly. */
function statusLine() {
  let next = Date.now() + millisecondsBeforeStatus;
  let shown = false;
  const clear = () => {
    if (shown) writeTo(2, '\r\x1b[K');
    shown = false;
  };
  process.once('exit', clear);
  return {
    clear,
    isShown: () => shown,
    show: (text: SafeText, mayLast = false) => {
      const now = Date.now();
      if (now < next && !mayLast) return;
      next = now + millisecondsBetweenStatus;
      if (!knowsEscapes(process.env) || !isTerminal(2)) return;
      shown = true;
      writeTo(2, `\r\x1b[K${text.plain.slice(0, (columnsOf(2) ?? 80) - 1)}`);
    },
  };
}

/** One line for an error. What elfinterp did not throw on purpose is a bug, and shows where it happened. */
function describeError(error: unknown, path?: string): SafeText {
  if (error instanceof ElfError) {
    const named = error.path === undefined && path !== undefined ? error.at(path) : error;
    return safe`${named.messageFor(optionFor)}`;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = detail.split('\n').map((line, i) => (i === 0 ? safe`${line}` : safe`\n${line}`));
  return safe`${path === undefined ? '' : `${path}: `}internal error, please report it: ${lines}`;
}

/** An error as data. */
export function errorToJson(error: unknown): {code: string; message: string} {
  return error instanceof ElfError
    ? {code: error.code, message: error.messageFor(optionFor)}
    : {code: 'INTERNAL', message: printable(String(error))};
}

function jsonValueOrNull(key: string, value: unknown): unknown {
  return value === undefined ? null : jsonValue(key, value);
}

/** Addresses are strings in JSON, in the notation of the ELF tools; bytes are hexadecimal digits. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}
