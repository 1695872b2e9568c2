/*
 * Trees as one graph, for pictures and for questions over many programs. A file is one node, however many programs
 * load it; a name that nothing answers is a node too. Several requests of one file by another are one edge, without their
 * names and reasons: those are in the tree.
 *
 * In a picture of a hundred libraries nearly all of a thousand arrows go to libc and say nothing, so an arrow is
 * left out where a longer way leads to the same place (the transitive reduction, as Graphviz's tred makes it).
 */
import {type ResolvedTree, shortened, type TreeNode} from '../../index.js';
import {counted} from '../size.js';
import {baseName, directoryPart, reasonInWords} from './words.js';

export interface GraphNode {
  readonly id: number;
  /** Path of the file; for a miss, the name. */
  readonly path: string;
  /** An argument of the command line, the loader, a library, or a name that nothing answers. */
  readonly kind: 'program' | 'interpreter' | 'library' | 'missing';
  /** Why it was found there, or why not. */
  readonly reason: string;
}

interface GraphEdge {
  readonly from: number;
  readonly to: number;
  /** Whether the program starts without it. */
  readonly optional: boolean;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** How many edges were left out because others imply them. */
  readonly leftOut: number;
}

/** Merges trees into one graph, without keeping them. */
export class GraphBuilder {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #edges = new Map<string, GraphEdge>();

  add(tree: ResolvedTree): void {
    const ids = tree.nodes.map((node) => this.#node(`file ${node.host}`, describe(node, tree)));
    for (const {index, edges} of tree.nodes) {
      for (const {to, kind} of edges) {
        if (to !== undefined && to !== index) this.#edge(ids[index], ids[to], kind === 'dlopen');
      }
    }
    for (const {name, requestedBy, optional, fatal} of tree.misses) {
      const reason = shortened(fatal ?? 'not found');
      const id = this.#node(`miss ${name}`, {path: name, kind: 'missing', reason});
      this.#edge(ids[requestedBy], id, optional);
    }
  }

  graph(): Graph {
    return {nodes: [...this.#nodes.values()], edges: [...this.#edges.values()], leftOut: 0};
  }

  #node(key: string, facts: Omit<GraphNode, 'id'>): number {
    const known = this.#nodes.get(key);
    const id = known?.id ?? this.#nodes.size;
    if (known === undefined || facts.kind === 'program') this.#nodes.set(key, {...facts, id});
    return id;
  }

  #edge(from: number | undefined, to: number | undefined, optional: boolean): void {
    if (from === undefined || to === undefined) return;
    const key = `${from} ${to}`;
    const known = this.#edges.get(key);
    if (known === undefined || (known.optional && !optional)) this.#edges.set(key, {from, to, optional});
  }
}

function describe(node: TreeNode, tree: ResolvedTree): Omit<GraphNode, 'id'> {
  const reason = reasonInWords(node.reason, tree.nodes, node.requestedBy ?? 0);
  const isInterpreter = node.index === tree.interpreter?.node;
  const kind = node.index === 0 ? 'program' : isInterpreter ? 'interpreter' : 'library';
  return {path: node.path, kind, reason};
}

/** The most edges to follow in search of those that others imply; beyond that, the remaining ones are kept. */
const mostSteps = 1e7;

/** The same graph without the edges that others imply: whatever was reachable still is. */
export function withoutImpliedEdges({nodes, edges}: Graph): Graph {
  const targets = new Map<number, Set<number>>(nodes.map(({id}) => [id, new Set<number>()]));
  const incoming = new Map<number, number>();
  for (const {from, to} of edges) {
    targets.get(from)?.add(to);
    incoming.set(to, (incoming.get(to) ?? 0) + 1);
  }
  const budget = {left: mostSteps};
  const kept = edges.filter(({from, to}) => {
    if (incoming.get(to) === 1) return true;
    const direct = targets.get(from);
    direct?.delete(to);
    if (isReachable(targets, from, to, budget)) return false;
    direct?.add(to);
    return true;
  });
  return {nodes, edges: kept, leftOut: edges.length - kept.length};
}

function isReachable(
  targets: ReadonlyMap<number, ReadonlySet<number>>,
  from: number,
  to: number,
  budget: {left: number},
): boolean {
  const seen = new Set([from]);
  for (const at of seen) {
    for (const next of targets.get(at) ?? []) {
      if (budget.left-- <= 0) return false;
      if (next === to) return true;
      seen.add(next);
    }
  }
  return false;
}

/** The first nodes of a graph, with the edges between them, and one node that tells how many more there are. */
export function firstOf({nodes, edges, leftOut}: Graph, most: number): Graph {
  const left = nodes.length - most;
  if (left <= 0) return {nodes, edges, leftOut};
  const kept = nodes.slice(0, most);
  const ids = new Set(kept.map(({id}) => id));
  const more: GraphNode = {
    id: -1,
    path: `and ${left} more`,
    kind: 'missing',
    reason: 'too many for a picture',
  };
  return {
    nodes: [...kept, {...more, id: Math.max(...ids) + 1}],
    edges: edges.filter(({from, to}) => ids.has(from) && ids.has(to)),
    leftOut,
  };
}

/** The part of a graph from which a name can be reached, the name's own nodes first; empty when it does not occur. */
export function towards(graph: Graph, name: string): {readonly graph: Graph; readonly targets: GraphNode[]} {
  const targets = graph.nodes.filter(({path}) => path === name || baseName(path) === name);
  const sources = sourcesOf(graph);
  const reached = new Set(targets.map(({id}) => id));
  for (const id of reached) for (const source of sources.get(id) ?? []) reached.add(source);
  const nodes = graph.nodes.filter(({id}) => reached.has(id));
  const edges = graph.edges.filter(({from, to}) => reached.has(from) && reached.has(to));
  return {graph: {nodes, edges, leftOut: 0}, targets};
}

/** For each node the nodes that need it. */
export function sourcesOf({edges}: Graph): Map<number, number[]> {
  const sources = new Map<number, number[]>();
  for (const {from, to} of edges) {
    const list = sources.get(to);
    if (list === undefined) sources.set(to, [from]);
    else list.push(from);
  }
  return sources;
}

/** The directory with most of a graph's libraries. */
export function usualDirectory({nodes}: Graph): string {
  const counts = new Map<string, number>();
  for (const {path, kind} of nodes) {
    const directory = directoryPart(path);
    if (kind === 'library') counts.set(directory, (counts.get(directory) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return first?.[0] ?? '';
}

/** What a picture has to say about itself, one sentence a line. */
export function captionOf(graph: Graph): string[] {
  const number = (kind: GraphNode['kind']) => graph.nodes.filter((node) => node.kind === kind).length;
  const directory = usualDirectory(graph);
  const libraries = number('library') + number('interpreter');
  const lines = [
    `${counted(libraries, 'library', 'libraries')}; an arrow points from a file to one that it needs.`,
  ];
  if (graph.leftOut > 0)
    lines.push(`${counted(graph.leftOut, 'arrow is', 'arrows are')} omitted where a longer path exists.`);
  if (directory !== '')
    lines.push(`Libraries are in ${shortened(directory)} unless another directory is named.`);
  return lines;
}
