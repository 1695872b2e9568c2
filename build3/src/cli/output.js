/*
 * The two streams. Data goes to stdout, everything else to stderr; a run that reported an error exits 1.
 */
import {ElfError, printable} from '../index.js';
export const exitStatus = {done: 0, failed: 1, usage: 2};
export function createOutput(stdout, stderr) {
  let failed = false;
  const status = statusLine(stderr);
  const data = inChunks(stdout);
  const print = (text) => {
    if (stdout.isTTY) status.clear();
    data.add(`${text}\n`);
  };
  const note = (text) => {
    data.flush();
    status.clear();
    stderr.write(`elfinterp: ${text}\n`);
  };
  const toJson = (value) => JSON.stringify(value, jsonValue, 2);
  return {
    line: print,
    json: (value) => print(toJson(value)),
    jsonList: () => jsonList(print, toJson),
    bytes: (bytes) => {
      data.flush();
      stdout.write(bytes);
    },
    note,
    status: status.show,
    color: Boolean(stdout.isTTY) && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
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
const chunkLength = 1 << 16;
/**
 * Lines that are written together, since a write costs more than what is in it. They are out before anything goes to
 * standard error, and as soon as the program waits for something; on a terminal at once.
 */
function inChunks(stdout) {
  let waiting = '';
  const flush = () => {
    if (waiting !== '') stdout.write(waiting);
    waiting = '';
  };
  return {
    flush,
    add: (text) => {
      if (waiting === '' && !stdout.isTTY) setImmediate(flush);
      waiting += text;
      if (stdout.isTTY || waiting.length > chunkLength) flush();
    },
  };
}
/** An item is printed when it is known whether a comma follows. */
function jsonList(print, toJson) {
  let last;
  return {
    add: (value) => {
      print(last === undefined ? '[' : `${last},`);
      last = `  ${toJson(value).replaceAll('\n', '\n  ')}`;
    },
    end: () => print(last === undefined ? '[]' : `${last}\n]`),
  };
}
const millisecondsBetweenStatus = 100;
/** A line at the bottom of a terminal that is written over again and again. */
function statusLine(stderr) {
  let last = 0;
  let isShown = false;
  const clear = () => {
    if (isShown) stderr.write('\r\x1b[K');
    isShown = false;
  };
  process.once('exit', clear);
  return {
    clear,
    show: (text) => {
      if (!stderr.isTTY || Date.now() - last < millisecondsBetweenStatus) return;
      last = Date.now();
      isShown = true;
      stderr.write(`\r\x1b[K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
    },
  };
}
/** One line for an error. What elfinterp did not throw on purpose is a bug, and shows where it happened. */
export function describeError(error, path) {
  if (error instanceof ElfError) {
    return error.path === undefined && path !== undefined ? error.at(path).message : error.message;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${path === undefined ? '' : `${printable(path)}: `}internal error, please report it: ${detail}`;
}
/** An error as data. */
export function errorToJson(error) {
  return error instanceof ElfError
    ? {code: error.code, message: error.message}
    : {code: 'INTERNAL', message: String(error)};
}
/** Addresses are strings in JSON, in the notation of the ELF tools; bytes are hexadecimal digits. */
function jsonValue(_key, value) {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}
//# sourceMappingURL=output.js.map
