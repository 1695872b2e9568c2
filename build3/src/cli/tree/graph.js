import {baseName, directoryPart, reasonInWords} from './words.js';
/** Puts trees together; a tree is not kept. */
export class GraphBuilder {
  #nodes = new Map();
  #edges = new Map();
  add(tree) {
    const ids = tree.nodes.map((node) => this.#node(`file ${node.host}`, describe(node, tree)));
    for (const {index, edges} of tree.nodes) {
      for (const {to, kind} of edges) {
        if (to !== undefined && to !== index) this.#edge(ids[index], ids[to], kind === 'dlopen');
      }
    }
    for (const {name, requestedBy, optional, fatal} of tree.misses) {
      const reason = fatal ?? 'not found';
      const id = this.#node(`miss ${name}`, {path: name, kind: 'missing', reason});
      this.#edge(ids[requestedBy ?? 0], id, optional);
    }
  }
  graph() {
    return {nodes: [...this.#nodes.values()], edges: [...this.#edges.values()], leftOut: 0};
  }
  #node(key, facts) {
    const known = this.#nodes.get(key);
    const id = known?.id ?? this.#nodes.size;
    if (known === undefined || facts.kind === 'program') this.#nodes.set(key, {...facts, id});
    return id;
  }
  #edge(from, to, optional) {
    if (from === undefined || to === undefined) return;
    const key = `${from} ${to}`;
    const known = this.#edges.get(key);
    if (known === undefined || (known.optional && !optional)) this.#edges.set(key, {from, to, optional});
  }
}
function describe(node, tree) {
  const reason = reasonInWords(node.reason, tree.nodes, node.requestedBy ?? 0);
  const isInterpreter = node.index === tree.interpreter?.node;
  const kind = node.index === 0 ? 'program' : isInterpreter ? 'interpreter' : 'library';
  return {path: node.path, kind, reason};
}
/** The same graph without the edges that others imply: whatever was reachable still is. */
export function withoutImpliedEdges({nodes, edges}) {
  const targets = new Map(nodes.map(({id}) => [id, new Set()]));
  for (const {from, to} of edges) targets.get(from)?.add(to);
  const kept = edges.filter(({from, to}) => {
    const direct = targets.get(from);
    direct?.delete(to);
    if (isReachable(targets, from, to)) return false;
    direct?.add(to);
    return true;
  });
  return {nodes, edges: kept, leftOut: edges.length - kept.length};
}
function isReachable(targets, from, to) {
  const seen = new Set([from]);
  for (const at of seen) {
    for (const next of targets.get(at) ?? []) {
      if (next === to) return true;
      seen.add(next);
    }
  }
  return false;
}
/** The part of a graph from which a name can be reached, the name's own nodes first; empty when it does not occur. */
export function towards(graph, name) {
  const targets = graph.nodes.filter(({path}) => path === name || baseName(path) === name);
  const sources = sourcesOf(graph);
  const reached = new Set(targets.map(({id}) => id));
  for (const id of reached) for (const source of sources.get(id) ?? []) reached.add(source);
  const nodes = graph.nodes.filter(({id}) => reached.has(id));
  const edges = graph.edges.filter(({from, to}) => reached.has(from) && reached.has(to));
  return {graph: {nodes, edges, leftOut: 0}, targets};
}
/** For each node the nodes that need it. */
export function sourcesOf({edges}) {
  const sources = new Map();
  for (const {from, to} of edges) {
    const list = sources.get(to);
    if (list === undefined) sources.set(to, [from]);
    else list.push(from);
  }
  return sources;
}
/** The directory in which most of a graph's libraries lie. */
export function usualDirectory({nodes}) {
  const counts = new Map();
  for (const {path, kind} of nodes) {
    const directory = directoryPart(path);
    if (kind === 'library') counts.set(directory, (counts.get(directory) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return first?.[0] ?? '';
}
/** What a picture has to say about itself, one sentence a line. */
export function captionOf(graph) {
  const number = (kind) => graph.nodes.filter((node) => node.kind === kind).length;
  const directory = usualDirectory(graph);
  const libraries = number('library') + number('interpreter');
  const lines = [`${libraries} libraries; an arrow leads from a file to one that it needs.`];
  if (graph.leftOut > 0) lines.push(`${graph.leftOut} arrows are left out where a longer way leads there.`);
  if (directory !== '') lines.push(`Libraries are in ${directory} unless another directory is named.`);
  return lines;
}
//# sourceMappingURL=graph.js.map
