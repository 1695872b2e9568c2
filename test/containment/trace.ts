/*
 * What a process did to the file system, from strace's log: which files it opened, by the real path that the kernel
 * reported, and which paths it changed.
 */
import {readFileSync} from 'node:fs';
import {posix} from 'node:path';

export interface Deed {
  /** Number of the attempt. */
  readonly attempt: number;
  readonly kind: 'read' | 'change' | 'run';
  readonly path: string;
  /** Whether a device was opened. */
  readonly isDevice: boolean;
  readonly line: string;
}

/** The deeds between the marks of attempts. */
export function readDeeds(log: string): Deed[] {
  const deeds: Deed[] = [];
  /** Where the descriptors of each process lead, because the log shows `/proc/self/fd/N/name` as passed. */
  const descriptors = new Map<string, string>();
  let attempt = 0;
  for (const line of completeLines(readFileSync(log, 'latin1'))) {
    const [, begins, number] = /"\/attempt (begin|end) (\d+)"/.exec(line) ?? [];
    if (number !== undefined) attempt = begins === 'begin' ? Number(number) : 0;
    const [, pid = '', call = '', args = '', result = ''] = /^(\d+) +(\w+)\((.*)\) += (.*)$/.exec(line) ?? [];
    const opened = /^(\d+)<(.*?)(<(?:char|block) \d+:\d+>)?>$/.exec(result);
    const isDevice = opened?.[3] !== undefined;
    if (opened !== null) descriptors.set(`${pid} ${opened[1]}`, opened[2] ?? '');
    if (attempt === 0 || result.startsWith('-1') || result.startsWith('?')) continue;
    const resolve = (path: string) =>
      posix.normalize(
        path.replace(/^\/proc\/self\/fd\/(\d+)/, (all, fd) => descriptors.get(`${pid} ${fd}`) ?? all),
      );
    for (const [kind, path] of deedsOf(call, args, opened?.[2])) {
      deeds.push({attempt, kind, path: resolve(path), isDevice, line});
    }
  }
  return deeds;
}

/** A path exactly as passed to a call; one relative to a descriptor is `/proc/self/fd/N/path`. */
export interface Said {
  readonly call: string;
  readonly path: string;
  readonly line: string;
}

/** Every path passed to the file calls of a trace (`-e trace=%file`), in order, including failed calls. */
export function readPaths(log: string): Said[] {
  return [...completeLines(readFileSync(log, 'latin1'))].flatMap((line) => {
    const [, call = '', args = ''] = /^\d+ +(\w+)\((.*)\) += /.exec(line) ?? [];
    // The target of a link and the arguments of a program are not looked up.
    if (/^(execve|execveat|getcwd)?$/.test(call)) return [];
    const paths = [...args.matchAll(/(?:(\d+)(?:<[^>]*>)?, )?"((?:[^"\\]|\\.)*)"/g)].map(
      ([, directory, path = '']) =>
        (directory === undefined ? '' : `/proc/self/fd/${directory}/`) + plain(path),
    );
    const links = /^(?:symlink|(readlink))/.exec(call);
    const used = links === null ? paths : links[1] === undefined ? paths.slice(1) : paths.slice(0, 1);
    return used
      .filter((path) => !/^$|\/proc\/self\/fd\/\d+\/$/.test(path))
      .map((path) => ({call, path, line}));
  });
}

function deedsOf(call: string, args: string, opened: string | undefined): [Deed['kind'], string][] {
  const paths = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path = '']) => plain(path));
  if (/^(execve|execveat)$/.test(call)) return [['run', paths[0] ?? '']];
  if (/^open/.test(call)) {
    if (/O_PATH/.test(args)) return [];
    const real = opened ?? paths[0] ?? '';
    return [[/O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(args) ? 'change' : 'read', real]];
  }
  if (
    /^(mkdir|mknod|rmdir|unlink|rename|link|symlink|chmod|fchmodat|chown|lchown|fchownat|truncate|utime)/.test(
      call,
    )
  ) {
    // The target of a new link is not a path that is used.
    const used = call.startsWith('symlink') ? paths.slice(1) : paths;
    return used.filter((path) => path.startsWith('/')).map((path) => ['change', path]);
  }
  return [];
}

/** strace splits a call if another process is traced during it. */
function* completeLines(text: string): Generator<string> {
  const begun = new Map<string, string>();
  for (const line of text.split('\n')) {
    const pid = /^\d+/.exec(line)?.[0] ?? '';
    const unfinished = /^(.*?) *<unfinished \.\.\.>$/.exec(line)?.[1];
    const resumed = /<\.\.\. \w+ resumed>(.*)$/.exec(line)?.[1];
    if (unfinished !== undefined) begun.set(pid, unfinished);
    else if (resumed !== undefined) yield `${begun.get(pid) ?? `${pid} `}${resumed}`;
    else yield line;
  }
}

function plain(text: string): string {
  return text.replace(/\\([0-7]{1,3}|.)/g, (_, code: string) => {
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    return {n: '\n', t: '\t', r: '\r'}[code] ?? code;
  });
}
