/*
 * Programs with everything that they load, as a bundle needs to know it: also on newer CPUs, and who controls it.
 */
import {type Author, requireOpenToAuthor} from '../loader/author.js';
import {type DlopenLevel, dlopenOption} from '../loader/dlopen-needs.js';
import {alwaysNeeded, nameServices} from '../loader/missing.js';
import {pathOfProgram, resolveProgram} from '../loader/named-program.js';
import type {OpenRoot} from '../loader/open-root.js';
import {Resolver} from '../loader/resolve.js';
import type {ResolvedTree} from '../loader/tree.js';
import {together} from '../source/trust.js';
import {findVariants, type Variant} from './hwcaps.js';
import type {BundleProgram} from './programs.js';

/** What is bundled with the programs. */
export interface ResolveRequest {
  readonly library?: readonly string[] | undefined;
  readonly dlopen?: DlopenLevel | undefined;
  readonly hwcaps?: 'all' | 'none' | undefined;
}

/** Programs with their libraries. */
export interface ResolvedPrograms {
  /** In the order of the programs. */
  readonly trees: readonly ResolvedTree[];
  readonly variants: readonly Variant[];
  /** Names of libraries that the programs do not ask for themselves. */
  readonly library: readonly string[];
  /** What they were resolved with. */
  readonly resolver: Resolver;
  /** Who controls what is bundled, if not only root and this user. */
  readonly author: Author;
}

/** Resolve programs. @throws ElfError OUTSIDE for what their author could not read, and as `resolveProgram` does */
export function resolvePrograms(
  programs: readonly BundleProgram[],
  {library = [], dlopen, hwcaps}: ResolveRequest,
  root: OpenRoot,
): ResolvedPrograms {
  const paths = programs.map(({source}) => pathOfProgram(root, source));
  const resolveWith = (names: readonly string[]) => {
    const settings = {...dlopenOption(dlopen), library: names, preloadFile: false};
    const resolver = new Resolver(settings, root);
    const trees = paths.map((path) => resolveProgram(resolver, path));
    return {trees, library: names, resolver, settings};
  };
  const first = resolveWith([...library, alwaysNeeded]);
  const {settings, ...resolved} = first.trees.some(hasNameServicesApart)
    ? resolveWith([...first.library, ...nameServices])
    : first;
  const resolverFor = (level: string) => new Resolver({...settings, hwcaps: level}, root);
  const variants = hwcaps === 'all' ? findVariants(resolved.trees, root, resolverFor) : [];
  const trees = [...resolved.trees, ...variants.map(({tree}) => tree)];
  return {...resolved, variants, author: together(trees.map(({nodes}) => requireOpenToAuthor(nodes, root)))};
}

/** Before glibc 2.34, name lookups in files and DNS were in separate libraries, opened by name. */
function hasNameServicesApart({interpreter}: ResolvedTree): boolean {
  const [major, minor] = (interpreter?.version ?? '').split('.').map(Number);
  return interpreter?.libc === 'glibc' && major === 2 && minor !== undefined && minor < 34;
}
