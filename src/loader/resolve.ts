import {debugFileError, requireLinked} from '../elf/kind.js';
import {ElfError, errnoError, systemError} from '../errors.js';
import {Loading} from './loading.js';
import {Lookups} from './lookups.js';
import type {ProgramFile} from './members.js';
import type {ResolveTreeOptions} from './options.js';
import {nameIn, Root} from './root.js';
import type {ResolvedTree} from './tree.js';

/**
 * Determine which files the dynamic loader would map for a program, and why, without running anything. A shared library
 * is resolved as if it were a program.
 *
 * @param program path inside the root
 * @throws ElfError when the program itself cannot be read or is not ELF; problems with what it needs are reported in
 *   the result
 */
export function resolveTreeSync(program: string, options: ResolveTreeOptions = {}): ResolvedTree {
  return new Resolver(options).resolve(program);
}

/** Resolves any number of programs in one pass: what is learned about a file, a directory or a cache is kept. */
export class Resolver {
  readonly root: Root;
  readonly #options: ResolveTreeOptions;
  readonly #lookups: Lookups;

  /** @param root how to reach the files of `options.root`, if not by their paths */
  constructor(options: ResolveTreeOptions = {}, root = new Root(options.root, options.cwd)) {
    this.root = root;
    this.#options = options;
    this.#lookups = new Lookups(this.root, options.versions ?? true);
  }

  /** See `resolveTree`. @param library instead of that of the options */
  resolve(program: string, library = this.#options.library): ResolvedTree {
    const file = openProgram(this.#lookups, program);
    const options = library === undefined ? this.#options : {...this.#options, library};
    return new Loading(this.#lookups, program, file, options).run();
  }
}

function openProgram(lookups: Lookups, path: string): ProgramFile {
  const there = lookups.file(path);
  if (there.kind === 'absent') throw systemError(nameIn(lookups.root, path), errnoError(there.code));
  if (there.kind !== 'file')
    throw new ElfError('NOT_A_FILE', 'not a regular file', {
      path,
      got: there.kind === 'directory' ? 'a directory' : 'a special file',
    });
  const {header, machine, isDebugFile, problem} = there.object;
  if (problem !== undefined) throw problem.at(path);
  if (header === undefined || machine === undefined) throw new ElfError('NOT_ELF', 'not an ELF file', {path});
  requireLinked(header, path);
  if (isDebugFile) throw debugFileError(path);
  return {...there, object: {...there.object, machine}};
}

export type {ResolveTreeOptions};
