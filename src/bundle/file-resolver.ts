import {type Author, requireOpenToAuthor} from '../loader/author.js';
import {alwaysNeeded} from '../loader/missing.js';
import type {OpenRoot} from '../loader/open-root.js';
import type {Resolver} from '../loader/resolve.js';
import type {ResolvedTree, TreeNode} from '../loader/tree.js';
import {together} from '../source/trust.js';

/** Resolves ELF files among the data of a bundle, and remembers who controls what they load. */
export class FileResolver {
  readonly #resolver: Resolver;
  readonly #root: OpenRoot;
  readonly #authors = new Set<Author>();

  /** @param resolver for programs in `root` */
  constructor(resolver: Resolver, root: OpenRoot) {
    this.#resolver = resolver;
    this.#root = root;
  }

  /**
   * What a program loads, without the libraries that the user requested for the main programs. @throws as
   * `Resolver.resolve` does
   */
  program(path: string): ResolvedTree {
    return this.#resolver.resolve(path, [alwaysNeeded]);
  }

  /** What a program and a module that it opens load. @throws as `Resolver.resolve` does */
  module(program: string, path: string): ResolvedTree {
    return this.#resolver.resolve(program, [path]);
  }

  /** Make sure that the user who controls which files are copied could also read them. @throws ElfError OUTSIDE */
  requireOpen(nodes: readonly TreeNode[]): void {
    this.#authors.add(requireOpenToAuthor(nodes, this.#root));
  }

  /** Who, besides root and this user, controls what is bundled. */
  get author(): Author {
    return together(this.#authors);
  }
}
