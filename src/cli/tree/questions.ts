/* The answers to --why and --reverse, as text. */
import {chainTo, findMisses, findNodes, type Miss, type ResolvedTree, requestsByTarget} from '../../index.js';
import {enumerate, type SafeText, safe} from '../safe-text.js';
import {type Graph, type GraphNode, sourcesOf} from './graph.js';
import type {Painter} from './paint.js';
import {PlaceList} from './places.js';
import {baseName, directoryPart, kindInWords, reasonInWords} from './words.js';

/** A library, how it came in, and everything that asks for it. */
interface WhyAnswer {
  readonly path: string;
  /** From the program down to the library. */
  readonly chain: readonly {
    readonly from: string;
    readonly name: string;
    readonly kind: string;
    readonly to: string;
    readonly reason: string;
  }[];
  /** Paths of the files that ask for it, in the order of loading. */
  readonly requestedBy: readonly string[];
}

/**
 * At most this many files of one name are explained; each takes one line for every step from the program to it.
 */
const mostAnswers = 100;

/** Explain how each library of a name came into a tree, up to the first hundred. */
export function whyLoaded(tree: ResolvedTree, name: string): WhyAnswer[] {
  const requests = requestsByTarget(tree);
  const path = (index: number) => tree.nodes[index]?.path ?? '';
  return findNodes(tree, name)
    .slice(0, mostAnswers)
    .map((node) => ({
      path: node.path,
      chain: chainTo(tree, node.index).map(({from, edge}) => ({
        from: path(from),
        name: edge.name,
        kind: edge.kind,
        to: path(edge.to ?? 0),
        reason: edge.reason === undefined ? '' : reasonInWords(edge.reason, tree.nodes, from),
      })),
      requestedBy: [...new Set((requests[node.index] ?? []).map(({from}) => path(from)))],
    }));
}

/** The same for people: each step a line, then who else asks. */
export function whyToText(tree: ResolvedTree, name: string, paint: Painter): SafeText[] {
  const program = tree.nodes[0]?.path ?? '';
  const found = whyLoaded(tree, name).flatMap(({path, chain, requestedBy}) => [
    paint.program(program),
    ...chain.map(({name: asked, to, reason, kind}, depth) => {
      const via = kind === 'needed' ? 'needs' : `has, by ${kindInWords(kind as Miss['kind']) ?? kind},`;
      const indent = '    '.repeat(Math.min(depth, deepest));
      return safe`${indent}${'└── '}${paint.aside(`${via} ${asked}:`)} ${file(to, paint)} ${paint.reason(`[${reason}]`)}`;
    }),
    ...others(path, requestedBy, chain.at(-1)?.from, paint),
  ]);
  return [...found, ...missesToText(tree, name, paint)];
}

function missesToText(tree: ResolvedTree, name: string, paint: Painter): SafeText[] {
  const places = new PlaceList(tree, paint);
  const misses = findMisses(tree, name);
  const left = misses.length - mostAnswers;
  return [
    ...misses.slice(0, mostAnswers).flatMap((miss) => {
      const {requestedBy, fatal} = miss;
      const what = `${name} ${fatal === undefined ? 'was not found' : `makes the loader fail: ${fatal}`}`;
      const asker = tree.nodes[requestedBy]?.path ?? '';
      return [
        safe`${paint.problem(what)}, needed by ${asker}; tried in this order:`,
        ...places.lines(miss).map((line) => safe`    ${line}`),
      ];
    }),
    ...(left > 0 ? [paint.problem(`and ${left} more ${left === 1 ? 'needs' : 'need'} it`)] : []),
  ];
}

function others(
  path: string,
  requestedBy: readonly string[],
  first: string | undefined,
  paint: Painter,
): SafeText[] {
  const rest = requestedBy.filter((asker) => asker !== first).map(baseName);
  return rest.length === 0 ? [] : [paint.aside(`${baseName(path)} is also needed by ${enumerate(rest, 12)}`)];
}

function file(path: string, paint: Painter): SafeText {
  return safe`${paint.aside(directoryPart(path))}${paint.name(baseName(path))}`;
}

/** Deeper levels are drawn like this one. */
const deepest = 64;

/** Draw who needs a library, who needs those, and so on up to the programs. Each file is drawn once. */
export function* reverseToText(
  graph: Graph,
  targets: readonly GraphNode[],
  paint: Painter,
): Generator<SafeText> {
  const askers = new Askers(graph, paint);
  for (const target of targets) {
    yield safe`${file(target.path, paint)} ${paint.reason(`[${target.reason}]`)}`;
    yield* askers.above(target.id);
  }
}

/** Who asks for what, each drawn where it comes first. */
class Askers {
  readonly #sources: ReadonlyMap<number, readonly number[]>;
  readonly #nodes: ReadonlyMap<number, GraphNode>;
  readonly #paint: Painter;
  readonly #drawn = new Set<number>();

  constructor(graph: Graph, paint: Painter) {
    this.#sources = sourcesOf(graph);
    this.#nodes = new Map(graph.nodes.map((node) => [node.id, node]));
    this.#paint = paint;
  }

  *above(target: number): Generator<SafeText> {
    this.#drawn.add(target);
    const levels = [{lines: this.#lines(target), indent: '', next: 0}];
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const line = level.lines[level.next++];
      if (line === undefined) {
        levels.pop();
        continue;
      }
      const isLast = level.next === level.lines.length;
      yield safe`${level.indent}${isLast ? '└── ' : '├── '}${line.text}`;
      const indent = levels.length > deepest ? level.indent : `${level.indent}${isLast ? '    ' : '│   '}`;
      if (line.id !== undefined) levels.push({lines: this.#lines(line.id), indent, next: 0});
    }
  }

  /** The direct askers; those already drawn elsewhere are only named. */
  #lines(id: number): {text: SafeText; id: number | undefined}[] {
    const own = (this.#sources.get(id) ?? []).flatMap((source) => this.#nodes.get(source) ?? []);
    const fresh = own.filter((node) => !this.#drawn.has(node.id));
    const seen = own.filter((node) => this.#drawn.has(node.id)).map(({path}) => baseName(path));
    for (const node of fresh) this.#drawn.add(node.id);
    const lines = fresh.map((node) => ({
      text: node.kind === 'program' ? this.#paint.program(node.path) : file(node.path, this.#paint),
      id: node.id as number | undefined,
    }));
    if (seen.length > 0) {
      lines.push({text: this.#paint.aside(`${enumerate(seen)} (shown elsewhere)`), id: undefined});
    }
    return lines;
  }
}

/** The same as data: each file on the way with the files that need it. */
export function reverseToJson(graph: Graph, targets: readonly GraphNode[]): object {
  const sources = sourcesOf(graph);
  const paths = new Map(graph.nodes.map(({id, path}) => [id, path]));
  return {
    found: targets.map(({path}) => path),
    files: graph.nodes.map(({id, path, kind}) => ({
      path,
      kind,
      requestedBy: (sources.get(id) ?? []).map((source) => paths.get(source)),
    })),
  };
}
