/*
 * Decide whether a program would start, from everything that the resolver found: libraries, the loader, symbol
 * versions, and symbols if requested. `bundle`, `chroot verify` and `pack` prove their results with it.
 */
import type {Root} from './root.js';
import type {ResolvedTree} from './tree.js';
import {findUndefinedSymbols} from './unresolved.js';

/** Why a program would not start. */
export interface Obstacle {
  /** In words, as in "libz.so.1 is missing". */
  readonly what: string;
  /** Path of the file that needs what is missing. */
  readonly asker: string | undefined;
}

/** What counts as an obstacle. */
interface ObstacleOptions {
  /** Look for undefined symbols, too. Default: false. */
  readonly symbols?: boolean | undefined;
  /** Whether the program is started as `ld.so PROGRAM`, so that its interpreter is not looked for. Default: false. */
  readonly direct?: boolean | undefined;
  /** The root that the tree was resolved in, if it must not be opened by its path. */
  readonly root?: Root | undefined;
}

/** Find the first thing that keeps a program from starting; undefined when there is none. */
export function findObstacle(
  tree: ResolvedTree,
  {symbols, direct, root}: ObstacleOptions = {},
): Obstacle | undefined {
  const {nodes, misses, interpreter, versionProblems} = tree;
  const pathOf = (index: number | undefined) => nodes[index ?? 0]?.path;
  const miss = misses.find(({optional}) => !optional);
  if (miss !== undefined) return {what: `${miss.name} is missing`, asker: pathOf(miss.requestedBy)};
  if (interpreter?.substituted && !direct)
    return {what: `the interpreter ${interpreter.requested} is missing`, asker: pathOf(0)};
  const [problem] = versionProblems;
  if (problem !== undefined) {
    const what = `version ${problem.version} is not in ${pathOf(problem.missingIn)}`;
    return {what, asker: pathOf(problem.requiredBy)};
  }
  const [symbol] = symbols ? findUndefinedSymbols(tree, root) : [];
  if (symbol === undefined) return undefined;
  const name = symbol.version === undefined ? symbol.name : `${symbol.name}@${symbol.version}`;
  return {what: `the symbol ${name} is not defined`, asker: pathOf(symbol.requiredBy)};
}
