/*
 * A place to build tiny programs and libraries in, and the real loader to ask about them.
 *
 * A library here is an empty object with the dynamic entries that a scenario wants; the linker alone makes one in a few
 * milliseconds. What it should need are stubs that have only a SONAME.
 */
import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, dirname, join} from 'node:path';
import type {Miss, ResolvedTree} from '../../src/loader/tree.js';
import {output} from '../helpers/tools.js';

export interface Build {
  readonly soname?: string;
  readonly needed?: readonly string[];
  readonly rpath?: string;
  readonly runpath?: string;
  /** More arguments for ld. */
  readonly ld?: readonly string[];
  /** Another interpreter for a program. */
  readonly interpreter?: string;
  /** C source instead of nothing. */
  readonly source?: string;
  /** The compiler that links a reporter. */
  readonly cc?: 'gcc' | 'musl-gcc';
}

export const glibcLoader = '/lib64/ld-linux-x86-64.so.2';

/** The second number of this machine's glibc, as in 36 of 2.36. */
export function glibcMinor(): number {
  return Number(/release version 2\.(\d+)/.exec(output(glibcLoader, ['--version']))?.[1]);
}

export class Workshop {
  readonly directory = makeDirectory();
  readonly #aliases: string[] = [];
  readonly #stubs = new Set<string>();
  readonly #objects = new Map<string, string>();

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** Another path of exactly this length for a path in the workshop, to be written over a string of a loader. */
  alias(path: string, length: number): string {
    const name = `/tmp/${Math.random().toString(36).slice(2).padEnd(length, 'x')}`.slice(0, length);
    symlinkSync(this.path(path), name);
    this.#aliases.push(name);
    return name;
  }

  remove(): void {
    for (const alias of this.#aliases) rmSync(alias, {force: true});
    rmSync(this.directory, {recursive: true, force: true});
  }

  /** Link a shared library. */
  library(path: string, build: Build = {}): string {
    return this.#link(
      path,
      ['-shared', ...(build.soname === undefined ? [] : ['-soname', build.soname])],
      build,
    );
  }

  /** Link a program that does nothing. */
  program(path: string, build: Build = {}): string {
    const interpreter = build.interpreter ?? glibcLoader;
    return this.#link(path, ['-pie', '-e', '0', '-dynamic-linker', interpreter], build);
  }

  /** Link an i386 library. */
  library32(path: string): string {
    return this.#link32(path, ['-shared', '-soname', basename(path)]);
  }

  /** Link an i386 program that needs a library. */
  program32(path: string, library: string): string {
    return this.#link32(path, ['-pie', '-e', '0', '-dynamic-linker', '/lib/ld-linux.so.2', library]);
  }

  #link32(path: string, args: readonly string[]): string {
    const out = this.path(path);
    mkdirSync(dirname(out), {recursive: true});
    output('i686-linux-gnu-gcc', ['-c', '-x', 'c', '-', '-o', `${out}.o`], {input: 'extern int nothing;\n'});
    output('i686-linux-gnu-ld', ['-o', out, '--no-as-needed', `${out}.o`, ...args]);
    return out;
  }

  /** Link a program with its C library that prints what is loaded. */
  reporter(path: string, build: Build = {}): string {
    const out = this.path(path);
    const {cc = 'gcc', interpreter, needed = [], ld = []} = build;
    const options = [
      ...pathOptions(build),
      ...(interpreter === undefined ? [] : ['-dynamic-linker', interpreter]),
      ...ld,
      '--no-as-needed',
      '--allow-shlib-undefined',
    ];
    mkdirSync(dirname(out), {recursive: true});
    const stubs = needed.map((name) => this.#stub(name));
    output(cc, ['-o', out, '-x', 'c', '-', '-x', 'none', `-Wl,${options.join(',')}`, ...stubs], {
      input: reporterSource,
    });
    return out;
  }

  /** Make a symbolic link. */
  link(path: string, target: string): string {
    const file = this.path(path);
    mkdirSync(dirname(file), {recursive: true});
    symlinkSync(target, file);
    return file;
  }

  write(path: string, contents: string | Uint8Array): string {
    const file = this.path(path);
    mkdirSync(dirname(file), {recursive: true});
    writeFileSync(file, contents);
    return file;
  }

  copy(from: string, to: string): string {
    const file = this.path(to);
    mkdirSync(dirname(file), {recursive: true});
    copyFileSync(from, file);
    return file;
  }

  /** Change bytes of a file in the workshop. */
  doctor(path: string, change: (bytes: Buffer) => Uint8Array | undefined): string {
    const file = this.path(path);
    const bytes = readFileSync(file);
    writeFileSync(file, change(bytes) ?? bytes);
    return file;
  }

  /** A copy of a loader with strings replaced by others of the same length. */
  loaderWith(path: string, strings: Readonly<Record<string, string>>, loader = glibcLoader): string {
    this.copy(loader, path);
    chmodSync(this.path(path), 0o755);
    return this.doctor(path, (bytes) => {
      for (const [from, to] of Object.entries(strings)) replaceAll(bytes, from, to);
      return undefined;
    });
  }

  #link(path: string, kind: readonly string[], build: Build): string {
    const out = this.path(path);
    mkdirSync(dirname(out), {recursive: true});
    const {needed = [], ld = []} = build;
    const paths = pathOptions(build);
    const stubs = needed.map((name) => this.#stub(name));
    const object = this.#object(build.source ?? '');
    output('ld', [
      '-o',
      out,
      ...kind,
      ...paths,
      ...ld,
      '--no-as-needed',
      '--allow-shlib-undefined',
      object,
      ...stubs,
    ]);
    return out;
  }

  #stub(name: string): string {
    const file = this.path('.stubs', `${Buffer.from(name).toString('hex')}.so`);
    if (!this.#stubs.has(name)) {
      mkdirSync(dirname(file), {recursive: true});
      output('ld', ['-shared', '-o', file, '-soname', name, this.#object('')]);
      this.#stubs.add(name);
    }
    return file;
  }

  #object(source: string): string {
    const known = this.#objects.get(source);
    if (known !== undefined) return known;
    const file = this.path('.stubs', `${this.#objects.size}.o`);
    mkdirSync(dirname(file), {recursive: true});
    const args = ['-c', '-fPIC', '-fno-asynchronous-unwind-tables', '-x', 'c', '-', '-o', file];
    output('gcc', args, {input: source === '' ? 'extern int nothing;\n' : source});
    this.#objects.set(source, file);
    return file;
  }
}

function pathOptions({rpath, runpath}: Build): string[] {
  return [
    ...(rpath === undefined ? [] : ['--disable-new-dtags', '-rpath', rpath]),
    ...(runpath === undefined ? [] : ['--enable-new-dtags', '-rpath', runpath]),
  ];
}

const reporterSource = `
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
static int print(struct dl_phdr_info *info, size_t size, void *data) {
  printf("%s\\n", info->dlpi_name);
  return 0;
}
int main(void) { return dl_iterate_phdr(print, 0); }
`;

function makeDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'loader-')));
  chmodSync(directory, 0o755);
  return directory;
}

/** The result of loading: the paths in order, a missing name as `NAME: not found`, and the fatal error, if any. */
export interface Outcome {
  readonly files: readonly string[];
  /** The loader's words when it gave up. */
  readonly fatal?: string;
}

/** How to start the real loader. */
export interface Start {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Start it by this loader with these options instead of by the kernel. */
  readonly by?: readonly string[];
  /** Start it as another user. */
  readonly uid?: number;
}

/** What the real loader of glibc does with a program. */
export function askLoader(program: string, {env = {}, cwd = '/', by = [], uid}: Start = {}): Outcome {
  const [command = program, ...args] = by.length > 0 ? [...by, program] : [program];
  const {stdout, stderr, error} = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: {...env, LD_TRACE_LOADED_OBJECTS: '1'},
    timeout: 20_000,
    ...(uid === undefined ? {} : {uid, gid: uid}),
  });
  if (error !== undefined) throw error;
  const fatal = /error while loading shared libraries: (.*)/.exec(stderr)?.[1];
  return {files: parseTrace(stdout), ...(fatal === undefined ? {} : {fatal: fatal.replace(/^[^:]*: /, '')})};
}

/**
 * The result of running a reporter: what it reports as loaded, or the missing libraries that kept it from starting.
 * glibc stops at the first of them.
 *
 * @param anyWords treat every complaint as one about a missing library
 */
export function askByRunning(program: string, start: Start = {}, anyWords = false): Outcome {
  const {env = {}, cwd = '/', by = [], uid} = start;
  const [command = program, ...args] = by.length > 0 ? [...by, program] : [program];
  const identity = uid === undefined ? {} : {uid, gid: uid};
  const {status, stdout, stderr, error} = spawnSync(command, args, {cwd, encoding: 'utf8', env, ...identity});
  if (error !== undefined) throw error;
  const names = [...stderr.matchAll(/(?:shared libraries: |shared library )(.*?): (.*)/g)];
  const absent = names.filter(([, , why]) => anyWords || /No such file|cannot open/.test(why ?? ''));
  const fatal = names.find((match) => !absent.includes(match))?.[2]?.replace(/ \(needed by .*/, '');
  // The program itself comes first, by its path or without a name.
  const files =
    status === 0
      ? stdout
          .split('\n')
          .slice(1)
          .filter((path) => path.startsWith('/'))
      : [];
  return {
    files: [...files.filter((path) => !isSystem(path)), ...absent.map(([, name]) => name + missing)],
    ...(fatal === undefined ? {} : {fatal}),
  };
}

/** The C library and its loader, which scenarios do not mention. */
function isSystem(path: string): boolean {
  return /\/(?:libc\.so\.6|ld-[^/]*|ld\.so|libc\.so)$/.test(path);
}

const missing = ': not found';

function parseTrace(text: string): string[] {
  const lines = text.split('\n').map((line) => /^\t(.*?)(?: => (.*?))?(?: \(0x[0-9a-f]+\))?$/.exec(line));
  const files = lines
    .flatMap((match) => (match?.[1] === undefined ? [] : [{name: match[1], path: match[2] ?? match[1]}]))
    .filter(({name}) => !/^linux-|^statically linked|ld-linux|\/ld\.so/.test(name))
    .map(({name, path}) => (path === 'not found' ? `${name}${missing}` : path));
  return [
    ...files.filter((file) => !file.endsWith(missing)),
    ...files.filter((file) => file.endsWith(missing)),
  ];
}

/** The same for a resolved tree; `reported` leaves the C library out, as `askByRunning` does. */
export function outcomeOf(tree: ResolvedTree, reported = false): Outcome {
  const fatal = tree.misses.find((miss) => miss.fatal !== undefined && !miss.optional);
  const loaded = tree.nodes.filter(({index}) => index !== 0 && index !== tree.interpreter?.node);
  const found = reported ? loaded.filter(({path}) => !isSystem(path)) : loaded;
  const absent = tree.misses.filter((miss) => !miss.optional && miss.fatal === undefined);
  return {
    files: [...found.map(({path}) => path), ...absent.map(({name}: Miss) => name + missing)],
    ...(fatal?.fatal === undefined ? {} : {fatal: fatal.fatal}),
  };
}

function replaceAll(bytes: Buffer, from: string, to: string): void {
  if (Buffer.byteLength(from) !== Buffer.byteLength(to))
    throw new Error(`${from} and ${to} differ in length`);
  let found = false;
  for (let at = bytes.indexOf(`\0${from}\0`); at >= 0; at = bytes.indexOf(`\0${from}\0`, at + 1)) {
    bytes.write(to, at + 1);
    found = true;
  }
  if (!found) throw new Error(`${from} does not stand in the loader`);
}
