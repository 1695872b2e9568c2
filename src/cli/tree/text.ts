/*
 * A tree for people: one library a line, drawn below the object whose request loaded it, with the reason in
 * brackets.
 *
 * What is needed again elsewhere is not drawn again, or ffmpeg's 213 libraries would be 42,000 lines: after a plus
 * sign each object's line names those of its libraries that stand elsewhere, or their number where a terminal is too
 * narrow for the names.
 */
import {
  type Attempt,
  type Edge,
  loadingRequests,
  type Miss,
  printable,
  type Request,
  type ResolvedTree,
  type TreeNode,
  type VersionProblem,
} from '../../index.js';
import {counted} from '../size.js';
import {type Painter, withoutColor} from './paint.js';
import {baseName, directoryPart, enumerate, kindInWords, reasonInWords} from './words.js';

export interface TextStyle {
  readonly paint: Painter;
  /** Give every request a line, also those for libraries that stand elsewhere. */
  readonly all: boolean;
  /** Characters in a line: of the names after a plus sign only so many are given as fit. */
  readonly columns?: number | undefined;
}

/** Draw one tree. */
export function treeToText(tree: ResolvedTree, style: TextStyle): string[] {
  const drawing = new Drawing(tree, style);
  return [drawing.head(), ...drawing.below(0, ''), ...drawing.summary()];
}

/** One line below a node, with the lines that hang from it. */
interface Branch {
  readonly text: string;
  /** Names of libraries that it needs and that stand elsewhere. */
  readonly elsewhere?: readonly string[];
  /** Given the indentation, what stands below. */
  readonly below: (indent: string) => string[];
}

class Drawing {
  readonly #tree: ResolvedTree;
  readonly #paint: Painter;
  readonly #all: boolean;
  readonly #columns: number;
  readonly #loading: readonly (Request | undefined)[];
  #folded = 0;

  constructor(tree: ResolvedTree, {paint, all, columns = Number.POSITIVE_INFINITY}: TextStyle) {
    this.#tree = tree;
    this.#paint = paint;
    this.#all = all;
    this.#columns = columns;
    this.#loading = loadingRequests(tree);
  }

  head(): string {
    const {interpreter, nodes} = this.#tree;
    const program = this.#paint.program(printable(nodes[0]?.path ?? ''));
    if (interpreter === undefined) return `${program} ${this.#paint.reason('[static, nothing is loaded]')}`;
    const {libc, version, path, requested, substituted} = interpreter;
    const build = [libc, version].filter((part) => part !== undefined && part !== 'unknown').join(' ');
    const instead = substituted ? `, stands in for ${printable(requested ?? '')}, which is not there` : '';
    const loader = `${printable(path ?? requested ?? 'no loader')}${build && `, ${build}`}${instead}`;
    return `${program} ${this.#paint.reason(`[loader ${loader}]`)}`;
  }

  below(index: number, indent: string): string[] {
    const branches = this.#branches(index);
    return branches.flatMap(({text, elsewhere = [], below}, i) => {
      const isLast = i === branches.length - 1;
      const line = `${indent}${isLast ? '└── ' : '├── '}${text}`;
      return [`${line}${this.#fold(elsewhere, line)}`, ...below(`${indent}${isLast ? '    ' : '│   '}`)];
    });
  }

  /** The end of a line, which names what stands elsewhere. */
  #fold(names: readonly string[], line: string): string {
    if (names.length === 0) return '';
    this.#folded += names.length;
    const room = this.#columns - withoutColor(line).length;
    const ways = [enumerate(names), ...[3, 2, 1].map((most) => enumerate(names, most)), `${names.length}`];
    const fitting = ways.find((way) => way.length + ' + '.length <= room) ?? ways.at(-1);
    return ` ${this.#paint.aside(`+ ${fitting}`)}`;
  }

  summary(): string[] {
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
        : `; + is for those that stand elsewhere in the tree (${counted(this.#folded, 'time')})`;
    return [`${this.#paint.aside(`${libraries}${plus}`)}${ending}`];
  }

  #branches(index: number): Branch[] {
    const node = this.#tree.nodes[index];
    if (node === undefined) return [];
    const branches = node.edges.flatMap((edge): Branch[] => {
      if (edge.to === undefined) return this.#missOf(index, edge.name, edge.kind);
      if (this.#isDrawnBy(edge, edge.to)) return [this.#library(edge.to, {from: index, edge})];
      return this.#all ? [leaf(this.#repeated({from: index, edge}))] : [];
    });
    return [...branches, ...this.#unasked(index), ...this.#notes(node)];
  }

  #isDrawnBy(edge: Edge, to: number): boolean {
    return this.#loading[to]?.edge === edge;
  }

  /** What a node needs that stands elsewhere. */
  #elsewhere(index: number): string[] {
    if (this.#all) return [];
    const edges = this.#tree.nodes[index]?.edges ?? [];
    return edges.flatMap((edge) =>
      edge.to === undefined || this.#isDrawnBy(edge, edge.to) ? [] : [edge.name],
    );
  }

  /** An interpreter that nobody needs, and one that is missing, stand below the program. */
  #unasked(index: number): Branch[] {
    if (index !== 0) return [];
    const {interpreter, nodes, misses} = this.#tree;
    const missing = misses.filter(({kind}) => kind === 'interpreter').map((miss) => this.#miss(miss));
    const node = interpreter?.node === undefined ? undefined : nodes[interpreter.node];
    if (node === undefined || this.#loading[node.index] !== undefined) return missing;
    return [...missing, leaf(`${this.#path(node.path)} ${this.#paint.reason('[interpreter]')}`)];
  }

  #library(index: number, {from, edge}: Request): Branch {
    const node = this.#tree.nodes[index];
    if (node === undefined) return leaf(edge.name);
    const reason = edge.reason === undefined ? '' : reasonInWords(edge.reason, this.#tree.nodes, from);
    const words = [reason, this.#kind({from, edge})].filter((part) => part !== undefined).join(', ');
    const asked = edge.name === baseName(node.path) || edge.name === node.path ? '' : `${edge.name} -> `;
    return {
      text: `${printable(asked)}${this.#path(node.path)} ${this.#paint.reason(`[${printable(words)}]`)}`,
      elsewhere: this.#elsewhere(index),
      below: (indent) => this.below(index, indent),
    };
  }

  #repeated({from, edge}: Request): string {
    const reason = edge.reason === undefined ? '' : reasonInWords(edge.reason, this.#tree.nodes, from);
    return this.#paint.aside(`${printable(edge.name)} [${reason}]`);
  }

  #kind({from, edge: {kind, name}}: Request): string | undefined {
    const note = this.#tree.nodes[from]?.dlopen.find(({sonames}) => sonames.includes(name));
    return kind === 'dlopen' && note !== undefined ? `dlopen, ${note.priority}` : kindInWords(kind);
  }

  #path(path: string): string {
    return `${this.#paint.aside(printable(directoryPart(path)))}${this.#paint.name(printable(baseName(path)))}`;
  }

  #missOf(from: number, name: string, kind: Miss['kind']): Branch[] {
    return this.#tree.misses
      .filter((miss) => miss.requestedBy === from && miss.name === name && miss.kind === kind)
      .slice(0, 1)
      .map((miss) => this.#miss(miss));
  }

  #miss(miss: Miss): Branch {
    const {name, kind, fatal, optional, requestedBy = 0} = miss;
    const {problem, aside, reason} = this.#paint;
    const what = fatal === undefined ? 'not found' : `stops the loader: ${fatal}`;
    const asked = kindInWords(kind);
    const words = [asked, optional ? 'it starts without' : undefined].filter((part) => part !== undefined);
    const text = `${printable(name)} ${printable(what)}`;
    const brackets = words.length === 0 ? '' : ` ${reason(`[${words.join(', ')}]`)}`;
    return {
      text: `${(optional ? aside : problem)(text)}${brackets}`,
      below: (indent) => this.#tried(miss.tried, requestedBy).map((line) => `${indent}${line}`),
    };
  }

  #tried(tried: readonly Attempt[], asker: number): string[] {
    const {aside, reason} = this.#paint;
    if (tried.length === 0) return [aside('no place to look for it')];
    return tried.map(({place, path, why}, i) => {
      const words = reasonInWords(place, this.#tree.nodes, asker);
      return `${aside(`${i + 1}.`)} ${printable(path)} ${reason(`[${printable(words)}]`)} ${printable(why)}`;
    });
  }

  /** What else there is to say of a node: files passed over, versions it misses, what it opens at run time. */
  #notes(node: TreeNode): Branch[] {
    const {paint} = {paint: this.#paint};
    const passed = node.passedOver.map(({path, why}) =>
      paint.aside(printable(`passed over ${path}: ${why}`)),
    );
    const versions = this.#tree.versionProblems
      .filter(({requiredBy}) => requiredBy === node.index)
      .map((problem) => paint.problem(printable(versionInWords(problem, this.#tree))));
    const follows = new Set(node.edges.filter(({kind}) => kind === 'dlopen').map(({name}) => name));
    const opened = node.dlopen
      .filter(({sonames}) => !sonames.some((name) => follows.has(name)))
      .map(({sonames, priority, description, feature}) => {
        const purpose = description ?? feature;
        const names = `${sonames.join(' or ')} [${priority}]${purpose === undefined ? '' : ` ${purpose}`}`;
        return paint.aside(printable(`may open ${names}`));
      });
    return [...passed, ...versions, ...opened].map(leaf);
  }
}

/** A symbol version that a library does not have, in words. */
export function versionInWords(
  {version, missingIn, requiredBy}: VersionProblem,
  {nodes}: ResolvedTree,
): string {
  const path = (index: number) => nodes[index]?.path ?? '';
  return `version ${version} is not in ${path(missingIn)}, which ${baseName(path(requiredBy))} needs`;
}

function leaf(text: string): Branch {
  return {text, below: () => []};
}
