/*
 * The resolver on a hostile root: damaged libraries under the names that a program needs, false caches and path files,
 * links that lead out of the root, in circles or nowhere. Whatever the root contains, the resolver must return a tree
 * or throw one of our errors, and no file of the tree may be outside the root.
 */
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {planEdit} from '../../src/edit/plan-edit.js';
import {ElfError} from '../../src/errors.js';
import {chainTo, findNodes, loadingRequests} from '../../src/loader/queries.js';
import {Resolver, type ResolveTreeOptions} from '../../src/loader/resolve.js';
import {findModuleLoading, findUndefinedSymbols} from '../../src/loader/unresolved.js';
import {applyPlanToBuffer} from '../../src/write/content.js';
import {viewBuffer} from '../helpers/view-buffer.js';
import {mutate} from './mutate.js';
import type {Random} from './random.js';
import {parts} from './seeds.js';

/** Make a random root, resolve its program, and remove the root. */
export function examineRoot(random: Random, directory: string): void {
  const root = mkdtempSync(path.join(directory, 'root-'));
  try {
    new Maker(root, random).make();
    resolve(root, random);
  } finally {
    rmSync(root, {recursive: true, force: true});
  }
}

const directories = [
  '/bin',
  '/lib',
  '/usr/lib',
  '/lib64',
  '/etc',
  '/opt/lib/glibc-hwcaps/x86-64-v3',
] as const;
const libraryNames = ['libprobe.so.1', 'libc.so.6', 'libc.so', 'libmore.so'];

/** Elements of search paths, good and bad. */
const elements = [
  '/lib',
  '/usr/lib/',
  '$ORIGIN/../lib',
  `\${ORIGIN}`,
  '$LIB',
  `/opt/\${LIB}/$PLATFORM`,
  '$NOTHING',
  '..',
  '',
  '/../../../../etc',
  `/${'d'.repeat(300)}`,
  '/etc/ld.so.cache',
  'relative',
];

class Maker {
  readonly #root: string;
  readonly #random: Random;

  constructor(root: string, random: Random) {
    this.#root = root;
    this.#random = random;
  }

  make(): void {
    for (const directory of directories) mkdirSync(path.join(this.#root, directory), {recursive: true});
    this.#put('/bin/p', this.#program());
    for (const name of libraryNames)
      for (const directory of ['/lib', '/usr/lib']) if (this.#draw(2)) this.#library(`${directory}/${name}`);
    const cache = this.#random.pick(parts.caches);
    this.#put('/etc/ld.so.cache', this.#draw(2) ? cache.bytes : mutate(cache, this.#random));
    if (this.#draw(3)) this.#put('/etc/ld.so.preload', '/lib/libmore.so libprobe.so.1:/bin/p # no more\n');
    if (this.#draw(3)) this.#put('/etc/ld-musl-x86_64.path', `${this.#searchPath()}\n`);
    this.#loader();
  }

  #draw(one: number): boolean {
    return this.#random.below(one) === 0;
  }

  #put(name: string, content: string | Uint8Array): void {
    writeFileSync(path.join(this.#root, name), content);
  }

  /** A program that needs libraries of the root, with a search path that may lead to them; or a damaged one. */
  #program(): Uint8Array {
    const seed = this.#random.pick(parts.programs);
    if (this.#draw(4)) return mutate(seed, this.#random);
    const tag = this.#draw(2) ? 'rpath' : 'runpath';
    return this.#edited(seed.bytes, {[tag]: this.#searchPath(), addNeeded: this.#names()});
  }

  #edited(bytes: Uint8Array, request: object): Uint8Array {
    try {
      return applyPlanToBuffer(bytes, planEdit(viewBuffer(bytes), request));
    } catch (error) {
      if (error instanceof ElfError) return bytes;
      throw error;
    }
  }

  #searchPath(): string {
    return Array.from({length: this.#random.below(4)}, () => this.#random.pick(elements)).join(':');
  }

  #names(): string[] {
    return Array.from({length: this.#random.below(3)}, () =>
      this.#random.pick([
        ...libraryNames,
        '/lib/libmore.so',
        '../libmore.so',
        `${'n'.repeat(300)}.so`,
        '$ORIGIN/x',
      ]),
    );
  }

  #library(name: string): void {
    const seed = this.#random.pick(parts.libraries);
    const target = this.#random.pick([
      '/lib/libmore.so',
      '../../../../../etc/passwd',
      '/',
      name,
      'nowhere',
      '/bin/p',
    ]);
    const make = this.#random.pick([
      () => this.#put(name, seed.bytes),
      () =>
        this.#put(name, this.#edited(seed.bytes, {addNeeded: this.#names(), runpath: this.#searchPath()})),
      () => this.#put(name, mutate(seed, this.#random)),
      () => symlinkSync(target, path.join(this.#root, name)),
      () => mkdirSync(path.join(this.#root, name)),
      () => this.#put(name, 'INPUT(/lib/libmore.so)'),
    ]);
    make();
  }

  /** A library with the strings of a loader appended, under the name in PT_INTERP. */
  #loader(): void {
    const seed = this.#random.pick(parts.libraries);
    const bytes = this.#draw(4) ? mutate(seed, this.#random) : seed.bytes;
    const facts = Buffer.from(this.#random.pick(parts.loaderFacts), 'latin1');
    const names = ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-musl-x86_64.so.1', '/lib/ld64.so.1'];
    this.#put(this.#random.pick(names), Buffer.concat([bytes, facts]));
  }
}

function resolve(root: string, random: Random): void {
  const options: ResolveTreeOptions = {
    root,
    libraryPath: random.pick(['', '/usr/lib:$ORIGIN', '/opt/lib:']),
    secure: random.below(4) === 0,
    preload: random.pick([[], ['libmore.so'], ['/bin/p']]),
    library: random.pick([[], ['libc.so.6']]),
    ...(random.below(3) === 0 ? {dlopen: 'suggested'} : {}),
  };
  try {
    const tree = new Resolver(options).resolve('/bin/p');
    for (const {host} of tree.nodes)
      if (!host.startsWith(`${tree.root}/`)) throw new Error(`the resolver left the root for ${host}`);
    loadingRequests(tree);
    chainTo(tree, tree.nodes.length - 1);
    for (const name of libraryNames) findNodes(tree, name);
    findUndefinedSymbols(tree);
    findModuleLoading(tree);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}
