/*
 * What a run opens and a bundle lacks: the options that bring it.
 *
 * A program that is started comes with --file, which brings its loader and libraries along. A library that the loader
 * finds by its name comes with --library, and so do the libraries that it asks for; any other module is a file at its
 * own place, like data. Data of glibc has options of its own.
 */
import {statSync} from 'node:fs';
import {posix} from 'node:path';
import {kindOf} from '../../elf/kind.js';
import {ElfError} from '../../errors.js';
import {pathOfProgram, scriptInterpreter} from '../../loader/named-program.js';
import {Resolver} from '../../loader/resolve.js';
import {Root} from '../../loader/root.js';
import {quoted} from '../../source/shell-word.js';
import {isElfMagic} from '../../source/source.js';
import {withView} from '../libraries.js';
import type {TracedRun} from './strace.js';

/** An option for `bundle`. */
export interface TracedOption {
  readonly option: '--file' | '--library' | '--gconv' | '--locale';
  /** Undefined for an option without one. */
  readonly value?: string;
  /** Both as words of a shell. */
  readonly text: string;
}

/** What a bundle lacks. */
export interface Unbundled {
  readonly options: readonly TracedOption[];
  /** How many files no option can name: their names are not UTF-8 or have an equals sign, or there are too many. */
  readonly skipped: number;
}

/** What a bundle is made of. */
export interface TracedBundle {
  /** Its programs: paths, or names in PATH. */
  readonly programs: readonly string[];
  /** Absolute paths on this machine of the files that it has copies of; other words do not count. */
  readonly sources: readonly string[];
}

/**
 * List what a traced run opened and a bundle does not have, as options that bring it. Files below /proc, /dev and /sys
 * do not count, nor does the loader's cache.
 *
 * @example
 *   const {files} = await bundle(['/usr/bin/file'], {into: './out'});
 *   const sources = files.map(({source}) => source);
 *   const run = await traceCommand(['/bin/sh', '-c', 'file /bin/ls >/dev/null']);
 *   for (const {text} of findUnbundled(run, {programs: ['/usr/bin/file'], sources}).options) console.log(text);
 */
export function findUnbundled({paths, skipped}: TracedRun, bundle: TracedBundle): Unbundled {
  const additions = new Additions(bundle);
  for (const path of paths) additions.consider(path);
  return {options: additions.list, skipped: skipped + additions.unnameable};
}

/** Never part of a bundle. */
const outside = /^\/(?:proc|dev|sys)(?:\/|$)|^\/etc\/ld\.so\.(?:cache|preload)$|^\/etc\/ld-musl-[^/]*\.path$/;

const gconvCache = /\/gconv\/gconv-modules\.cache$/;
const gconvFile = /\/gconv\/[^/]+\.so$|\/gconv\/gconv-modules(?:\.d\/[^/]+\.conf)?$/;
const localeFile = /\/lib\/locale\/([\w.@-]+)\/LC_\w+(?:\/SYS_LC_MESSAGES)?$/;

class Additions {
  readonly list: TracedOption[] = [];
  unnameable = 0;
  readonly #texts = new Set<string>();
  readonly #root = new Root();
  readonly #resolver = new Resolver({preloadFile: false}, this.#root);
  readonly #opener: string | undefined;
  /** `device:inode` of what is in the bundle, or comes with an option under whatever name it is asked for. */
  readonly #present = new Set<string>();
  readonly #considered = new Set<string>();

  constructor({programs, sources}: TracedBundle) {
    const paths = programs.map((program) => pathOfProgram(this.#root, program));
    this.#opener = paths[0];
    // What a bundle makes itself has a word instead of a path.
    for (const source of sources.filter((path) => path.startsWith('/'))) {
      const identity = identityOf(source);
      if (identity !== undefined) this.#present.add(identity);
    }
    for (const program of paths) this.#addClosure(program);
  }

  /** A script may name itself as its interpreter. */
  consider(path: string): void {
    if (this.#considered.has(path)) return;
    this.#considered.add(path);
    const identity = outside.test(path) ? undefined : identityOf(path);
    if (identity === undefined || this.#present.has(identity)) return;
    if (this.#addLibcData(path)) return;
    const kind = this.#kindOf(path);
    if (kind === 'library' && this.#addLibrary(path, identity)) return;
    if (kind === 'program') this.#addClosure(path);
    if (kind === 'library' && this.#opener !== undefined) this.#addClosure(this.#opener, path);
    // It comes under this name only: the run may know it by another one, too.
    this.#present.delete(identity);
    this.#addFile(path);
    const interpreter = kind === 'data' ? scriptInterpreter(this.#root, path) : undefined;
    if (interpreter !== undefined) this.consider(posix.resolve('/', interpreter));
  }

  /** Whether it is data of glibc. The cache of gconv is opened whether or not a module is. */
  #addLibcData(path: string): boolean {
    if (gconvCache.test(path)) return true;
    const locale = localeFile.exec(path)?.[1];
    if (locale !== undefined) this.#add('--locale', locale);
    else if (gconvFile.test(path)) this.#add('--gconv');
    else return false;
    return true;
  }

  /** Whether the loader finds a library by its name, so that the option for libraries brings it. */
  #addLibrary(path: string, identity: string): boolean {
    const name = posix.basename(path);
    if (this.#opener === undefined) return false;
    const identities = this.#identitiesOf(this.#opener, name);
    if (!identities.includes(identity)) return false;
    for (const one of identities) this.#present.add(one);
    this.#add('--library', name);
    return true;
  }

  #addFile(path: string): void {
    const place = path.slice(1);
    // The last equals sign parts source and place.
    const value = place.includes('=') ? `${path}=${posix.dirname(place)}/` : `${path}=${place}`;
    // An option on a terminal has no control characters.
    if (posix.dirname(place).includes('=') || /\p{Cc}/u.test(path)) this.unnameable++;
    else this.#add('--file', value);
  }

  #add(option: TracedOption['option'], value?: string): void {
    const text = value === undefined ? option : `${option} ${quoted(value)}`;
    if (this.#texts.has(text)) return;
    this.#texts.add(text);
    this.list.push({option, ...(value !== undefined && {value}), text});
  }

  #addClosure(program: string, ...library: string[]): void {
    for (const identity of this.#identitiesOf(program, ...library)) this.#present.add(identity);
  }

  #identitiesOf(program: string, ...library: string[]): string[] {
    try {
      return this.#resolver.resolve(program, library).nodes.map(({identity}) => identity);
    } catch (error) {
      if (error instanceof ElfError) return [];
      throw error;
    }
  }

  #kindOf(path: string): 'program' | 'library' | 'data' {
    try {
      const source = this.#root.source(path);
      if (!isElfMagic(source.read(0, Math.min(4, source.size)))) {
        source.close();
        return 'data';
      }
      const kind = withView(source, kindOf);
      return kind === 'program' || kind === 'pie-program'
        ? 'program'
        : kind === 'shared-library'
          ? 'library'
          : 'data';
    } catch (error) {
      if (error instanceof ElfError) return 'data';
      throw error;
    }
  }
}

/** `device:inode` of a regular file that is there. */
function identityOf(path: string): string | undefined {
  try {
    const stats = statSync(path, {bigint: true, throwIfNoEntry: false});
    return stats?.isFile() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch {
    return undefined;
  }
}
