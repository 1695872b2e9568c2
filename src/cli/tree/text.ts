/*
 * A tree for people: one library a line, drawn below the object whose request loaded it, with the reason in
 * brackets.
 *
 * A library that is needed again elsewhere is not drawn again, or ffmpeg's 213 libraries would take 42,000 lines: after
 * a plus sign each object's line names those of its libraries that are elsewhere, or their number where a terminal is
 * too narrow for the names.
 */
import {
  type Edge,
  loadingRequests,
  type Miss,
  type Request,
  type ResolvedTree,
  shortened,
  type TreeNode,
  type VersionProblem,
} from '../../index.js';
import {enumerate, type SafeText, safe} from '../safe-text.js';
import {counted} from '../size.js';
import type {Painter} from './paint.js';
import {PlaceList} from './places.js';
import {baseName, directoryPart, groupBy, kindInWords, reasonInWords} from './words.js';

interface TextStyle {
  readonly paint: Painter;
  /** Give every request a line, also those for libraries that are elsewhere. */
  readonly all: boolean;
  /** Characters in a line: as many of the names after a plus sign are given as fit. */
  readonly columns?: number | undefined;
}

/** Draw one tree, line by line. */
export function* treeToText(tree: ResolvedTree, style: TextStyle): Generator<SafeText> {
  const drawing = new Drawing(tree, style);
  yield drawing.head();
  yield* drawing.below(0);
  yield* drawing.summary();
}

/** One line below a node, with the lines that hang from it. */
interface Branch {
  readonly text: SafeText;
  /** Names of libraries that it needs and that are elsewhere. */
  readonly elsewhere?: readonly string[];
  /** What is below: branches, or lines that are not drawn as such. */
  readonly branches?: () => readonly Branch[];
  readonly lines?: () => readonly SafeText[];
}

/** Branches of one node that are still to be drawn. */
interface Level {
  readonly branches: readonly Branch[];
  readonly indent: SafeText;
  next: number;
}

/** Deeper levels are drawn like this one, or a long chain of libraries would be mostly indentation. */
const deepest = 64;

/** The most lines about what is missing or wrong below one node; of the rest, only the number is printed. */
const mostProblems = 1000;

class Drawing {
  readonly #tree: ResolvedTree;
  readonly #paint: Painter;
  readonly #all: boolean;
  readonly #columns: number;
  readonly #loading: readonly (Request | undefined)[];
  readonly #places: PlaceList;
  readonly #misses: ReadonlyMap<string, readonly Miss[]>;
  readonly #versionProblems: ReadonlyMap<number, readonly VersionProblem[]>;
  #folded = 0;

  constructor(tree: ResolvedTree, {paint, all, columns = Number.POSITIVE_INFINITY}: TextStyle) {
    this.#tree = tree;
    this.#paint = paint;
    this.#all = all;
    this.#columns = columns;
    this.#loading = loadingRequests(tree);
    this.#places = new PlaceList(tree, paint);
    this.#misses = groupBy(tree.misses, ({requestedBy, name, kind}) => missKey(requestedBy, name, kind));
    this.#versionProblems = groupBy(tree.versionProblems, ({requiredBy}) => requiredBy);
  }

  head(): SafeText {
    const {interpreter, nodes, packed} = this.#tree;
    const program = this.#paint.program(nodes[0]?.path ?? '');
    if (interpreter === undefined)
      return safe`${program} ${this.#paint.reason('[static, nothing is loaded]')}`;
    const {libc, version, path, requested, substituted} = interpreter;
    const build = [libc, version].filter((part) => part !== undefined && part !== 'unknown').join(' ');
    const instead = substituted ? `, used instead of ${requested ?? ''}, which does not exist` : '';
    const loader = `${path ?? requested ?? 'no loader'}${build && `, ${build}`}${instead}`;
    const form = packed === undefined ? '' : packed.closed ? 'packed and closed, ' : 'packed, ';
    return safe`${program} ${this.#paint.reason(`[${form}loader ${loader}]`)}`;
  }

  /** What hangs from a node. A loop, not a recursion: a chain of libraries may be thousands long. */
  *below(index: number): Generator<SafeText> {
    const levels: Level[] = [{branches: this.#branches(index), indent: safe``, next: 0}];
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const branch = level.branches[level.next++];
      if (branch === undefined) {
        levels.pop();
        continue;
      }
      const isLast = level.next === level.branches.length;
      const {indent} = level;
      const line = safe`${indent}${isLast ? '└── ' : '├── '}${branch.text}`;
      yield safe`${line}${this.#fold(branch.elsewhere ?? [], line)}`;
      const under = levels.length > deepest ? indent : safe`${indent}${isLast ? '    ' : '│   '}`;
      for (const text of branch.lines?.() ?? []) yield safe`${under}${text}`;
      if (branch.branches !== undefined) levels.push({branches: branch.branches(), indent: under, next: 0});
    }
  }

  /** The end of a line, which names what is elsewhere. */
  #fold(names: readonly string[], line: SafeText): SafeText {
    if (names.length === 0) return safe``;
    this.#folded += names.length;
    const room = this.#columns - line.width;
    const ways = [enumerate(names), ...[3, 2, 1].map((most) => enumerate(names, most)), `${names.length}`];
    const fitting = ways.find((way) => safe`${way}`.width + ' + '.length <= room) ?? ways.at(-1);
    return safe` ${this.#paint.aside(`+ ${fitting}`)}`;
  }

  summary(): SafeText[] {
    const {nodes, misses, versionProblems} = this.#tree;
    if (nodes.length === 1 && misses.length === 0) return [];
    const missing = misses.filter(({optional}) => !optional).length;
    const libraries = counted(nodes.length - 1, 'library', 'libraries');

    const problems: string[] = [];
    if (missing > 0) problems.push(`${missing} not found`);
    if (versionProblems.length > 0) {
      problems.push(counted(versionProblems.length, 'version missing', 'versions missing'));
    }
    const ending = problems.length === 0 ? '' : this.#paint.problem(`, ${problems.join(', ')}`);
    const plus =
      this.#folded === 0
        ? ''
        : `; + marks those shown elsewhere in the tree (${counted(this.#folded, 'time')})`;
    return [safe`${this.#paint.aside(`${libraries}${plus}`)}${ending}`];
  }

  #branches(index: number): Branch[] {
    const node = this.#tree.nodes[index];
    if (node === undefined) return [];
    let missing = 0;
    const branches = node.edges.flatMap((edge): Branch[] => {
      if (edge.to === undefined) return ++missing > mostProblems ? [] : this.#missOf(index, edge);
      if (this.#isDrawnBy(edge, edge.to)) return [this.#library(edge.to, {from: index, edge})];
      return this.#all ? [leaf(this.#repeated({from: index, edge}))] : [];
    });
    const rest = this.#more(missing, 'not found');
    return [...branches, ...rest, ...this.#unasked(index), ...this.#notes(node)];
  }

  #more(count: number, what: string): Branch[] {
    const left = count - mostProblems;
    return left > 0 ? [leaf(this.#paint.problem(`and ${left} more ${what}`))] : [];
  }

  #isDrawnBy(edge: Edge, to: number): boolean {
    return this.#loading[to]?.edge === edge;
  }

  /** What a node needs that is elsewhere. */
  #elsewhere(index: number): string[] {
    if (this.#all) return [];
    const edges = this.#tree.nodes[index]?.edges ?? [];
    return edges.flatMap((edge) =>
      edge.to === undefined || this.#isDrawnBy(edge, edge.to) ? [] : [edge.name],
    );
  }

  /** An interpreter that no object needs, and one that is missing, are below the program. */
  #unasked(index: number): Branch[] {
    if (index !== 0) return [];
    const {interpreter, nodes, misses} = this.#tree;
    const missing = misses.filter(({kind}) => kind === 'interpreter').map((miss) => this.#miss(miss));
    const node = interpreter?.node === undefined ? undefined : nodes[interpreter.node];
    if (node === undefined || this.#loading[node.index] !== undefined) return missing;
    return [...missing, leaf(safe`${this.#path(node.path)} ${this.#paint.reason('[interpreter]')}`)];
  }

  #library(index: number, {from, edge}: Request): Branch {
    const node = this.#tree.nodes[index];
    if (node === undefined) return leaf(safe`${edge.name}`);
    const reason = edge.reason === undefined ? '' : reasonInWords(edge.reason, this.#tree.nodes, from);
    const words = [reason, this.#kind({from, edge})].filter((part) => part !== undefined).join(', ');
    const asked = edge.name === baseName(node.path) || edge.name === node.path ? '' : `${edge.name} -> `;
    return {
      text: safe`${asked}${this.#path(node.path)} ${this.#paint.reason(`[${words}]`)}`,
      elsewhere: this.#elsewhere(index),
      branches: () => this.#branches(index),
    };
  }

  #repeated({from, edge}: Request): SafeText {
    const reason = edge.reason === undefined ? '' : reasonInWords(edge.reason, this.#tree.nodes, from);
    return this.#paint.aside(`${edge.name} [${reason}]`);
  }

  #kind({from, edge: {kind, name}}: Request): string | undefined {
    if (kind !== 'dlopen') return kindInWords(kind);
    const notes = this.#tree.nodes[from]?.dlopen ?? [];
    const note = notes.slice(0, mostProblems).find(({sonames}) => sonames.includes(name));
    return note === undefined ? kindInWords(kind) : `dlopen, ${note.priority}`;
  }

  #path(path: string): SafeText {
    return safe`${this.#paint.aside(directoryPart(path))}${this.#paint.name(baseName(path))}`;
  }

  #missOf(from: number, {name, kind}: Edge): Branch[] {
    const [miss] = this.#misses.get(missKey(from, name, kind)) ?? [];
    return miss === undefined ? [] : [this.#miss(miss)];
  }

  #miss(miss: Miss): Branch {
    const {name, kind, fatal, optional} = miss;
    const {problem, aside, reason} = this.#paint;
    const what = fatal === undefined ? 'not found' : `makes the loader fail: ${shortened(fatal)}`;
    const asked = kindInWords(kind);
    const words = [asked, optional ? 'the program starts without it' : undefined].filter(
      (part) => part !== undefined,
    );
    const brackets = words.length === 0 ? '' : safe` ${reason(`[${words.join(', ')}]`)}`;
    return {
      text: safe`${(optional ? aside : problem)(`${name} ${what}`)}${brackets}`,
      lines: () => this.#places.lines(miss),
    };
  }

  /** Other notes on a node: files passed over, versions that its libraries lack, what it opens at run time. */
  #notes(node: TreeNode): Branch[] {
    const {aside, problem} = this.#paint;
    const passed = node.passedOver.map(({path, why}) => aside(`skipped ${shortened(path)}: ${why}`));
    const problems = this.#versionProblems.get(node.index) ?? [];
    const versions = problems.slice(0, mostProblems).map((each) => problem(versionInWords(each, this.#tree)));
    const follows = new Set(node.edges.filter(({kind}) => kind === 'dlopen').map(({name}) => name));
    const opened = node.dlopen
      .filter(({sonames}) => !sonames.some((name) => follows.has(name)))
      .map(({sonames, priority, description, feature}) => {
        const purpose = description ?? feature;
        const names = `${sonames.join(' or ')} [${priority}]${purpose === undefined ? '' : ` ${purpose}`}`;
        return aside(`may open ${names}`);
      });
    return [
      ...[...passed, ...versions].map(leaf),
      ...this.#more(problems.length, 'versions missing'),
      ...opened.map(leaf),
    ];
  }
}

function missKey(from: number | undefined, name: string, kind: string): string {
  return `${from} ${kind} ${name}`;
}

/** A symbol version that a library does not have, in words. */
export function versionInWords(
  {version, missingIn, requiredBy}: VersionProblem,
  {nodes}: ResolvedTree,
): string {
  const path = (index: number) => nodes[index]?.path ?? '';
  const [library, asker] = [shortened(path(missingIn)), shortened(baseName(path(requiredBy)))];
  return `version ${shortened(version)} is not in ${library}, which ${asker} needs`;
}

function leaf(text: SafeText): Branch {
  return {text};
}
