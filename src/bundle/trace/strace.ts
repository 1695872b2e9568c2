/*
 * Find out which files a command opens. strace(1) logs the successful calls of the command and its children, one per
 * line; with -y and -xx a line has the directory that a relative path starts from, and all text in hexadecimal:
 *
 *   71 openat(AT_FDCWD<\x2f\x65>, "\x61", O_RDONLY) = 3<\x2f\x65\x2f\x61>
 */
import {spawnSync} from 'node:child_process';
import {closeSync, openSync, readSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {posix} from 'node:path';
import tmp from 'tmp';
import {ElfError, inWords, systemError} from '../../errors.js';
import {findFixedProgram} from '../../source/fixed-program.js';

/** What a command did with files. */
export interface TracedRun {
  /** Absolute paths of the files that were opened for reading or executed, each once, in that order. */
  readonly paths: readonly string[];
  /** How many names are not UTF-8, or came after the first hundred thousand. */
  readonly skipped: number;
  /** Exit status of the command; null when a signal ended it. */
  readonly status: number | null;
}

/**
 * Run a command of this machine once with strace(1), and see what it and its children open. It runs with the rights of
 * the caller; its standard output goes to standard error.
 *
 * @param command the program and its arguments
 * @throws ElfError NOT_FOUND without strace, COMMAND_FAILED when the command did not start
 * @example
 *   const {paths} = await traceCommand(['/bin/cp', '/etc/hosts', '/dev/null']);
 *   console.log(paths.includes('/etc/hosts')); // true
 */
export async function traceCommand(command: readonly string[]): Promise<TracedRun> {
  const strace = findStrace();
  const directory = inWords(tmpdir(), () => tmp.dirSync({unsafeCleanup: true, mode: 0o700}));
  try {
    const list = posix.join(directory.name, 'list');
    const {status, error} = spawnSync(strace, [...options, '-o', list, '--', ...command], {
      stdio: ['inherit', 2, 2],
    });
    if (error !== undefined) throw systemError(strace, error, 'cannot run');
    const observer = new Observer();
    for (const line of linesOf(list)) observer.read(line);
    if (!observer.hasStarted)
      throw new ElfError('COMMAND_FAILED', 'the command to trace did not start', {path: command[0]});
    return {...observer.result, status};
  } finally {
    directory.removeCallback();
  }
}

function findStrace(): string {
  const path = findFixedProgram('strace');
  if (path !== undefined) return path;
  throw new ElfError('NOT_FOUND', 'strace is not installed on this machine', {
    expected: "strace, of Debian's package strace, in /usr/bin",
  });
}

/** A question mark precedes calls that some architectures and versions of strace do not know. */
const options = [
  ...['-f', '-qq', '-y', '-z', '-xx', '-e', 'signal=none'],
  ...['-e', 'trace=?open,openat,?openat2,execve,execveat'],
];

/** At most this many names are kept. */
const mostPaths = 100_000;

/** Calls that do not read a file: they write one, or hold a directory. */
const noReading = /\bO_(?:WRONLY|CREAT|TRUNC|PATH|DIRECTORY)\b/;

const call =
  /^(\d+) +(?:(exec)veat|(exec)ve|open(?:at2?)?)\((?:[\w-]+(?:<([^>]*)>)?, )?"((?:\\x[0-9a-f]{2})*)"(.*)$/;

/** Collects paths from strace's lines. */
class Observer {
  readonly #paths = new Set<string>();
  #skipped = 0;
  /**
   * Relative paths of programs, by process: execve(2) does not show the directory, but the next call of the process
   * does.
   */
  readonly #relative = new Map<string, string>();
  hasStarted = false;

  get result(): Pick<TracedRun, 'paths' | 'skipped'> {
    return {paths: [...this.#paths], skipped: this.#skipped};
  }

  read(line: string): void {
    const [, pid = '', execAt, exec, base = '', name = '', rest = ''] = call.exec(line) ?? [];
    const isStart = execAt !== undefined || exec !== undefined;
    if (isStart) this.hasStarted = true;
    const [directory, path] = [decode(base), decode(name)];
    if (directory?.startsWith('/')) this.#addRelative(pid, directory);
    if (name === '' || (!isStart && noReading.test(rest))) return;
    if (directory === undefined || path === undefined) this.#skipped++;
    else if (directory === '' && !path.startsWith('/')) this.#relative.set(pid, path);
    else this.#add(posix.resolve(directory, path));
  }

  #addRelative(pid: string, directory: string): void {
    const path = this.#relative.get(pid);
    if (path === undefined) return;
    this.#relative.delete(pid);
    this.#add(posix.resolve(directory, path));
  }

  #add(path: string): void {
    if (this.#paths.size >= mostPaths) this.#skipped++;
    else this.#paths.add(path);
  }
}

function decode(hexadecimal: string): string | undefined {
  const bytes = Buffer.from(hexadecimal.replaceAll('\\x', ''), 'hex');
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

/** The lines of a file of any size. A line longer than any call is truncated. */
function* linesOf(path: string): Generator<string> {
  const fd = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(1 << 16);
    let rest = '';
    for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk)) {
      const lines = `${rest}${chunk.toString('latin1', 0, size)}`.split('\n');
      rest = (lines.pop() ?? '').slice(0, longestLine);
      yield* lines;
    }
  } finally {
    closeSync(fd);
  }
}

/** Two paths of PATH_MAX bytes, four characters each, and the words around them. */
const longestLine = 1 << 17;
