/*
 * Queries on a resolved tree: which of its files a name means, who asks for a file, and through which requests it was
 * loaded.
 */
import type {Edge, Miss, ResolvedTree, TreeNode} from './tree.js';

/** A request with the node that makes it. */
export interface Request {
  /** Index of the node. */
  readonly from: number;
  readonly edge: Edge;
}

/**
 * Find the nodes that a name means: a path, a file name, a SONAME, or any name by which one is asked for.
 *
 * @returns in the order of loading; the program is among them when the name is its own
 */
export function findNodes(tree: ResolvedTree, name: string): TreeNode[] {
  const asked = new Set(
    tree.nodes.flatMap(({edges}) => edges.filter((edge) => edge.name === name).map((edge) => edge.to)),
  );
  return tree.nodes.filter(
    ({index, path, soname, name: first}) =>
      asked.has(index) || [path, baseName(path), soname, first].includes(name),
  );
}

/** The misses of a name. */
export function findMisses(tree: ResolvedTree, name: string): Miss[] {
  return tree.misses.filter((miss) => miss.name === name);
}

/** For each node the requests that lead to it, in the order of loading. */
export function requestsByTarget({nodes}: ResolvedTree): Request[][] {
  const requests: Request[][] = nodes.map(() => []);
  for (const {index: from, edges} of nodes) {
    for (const edge of edges) if (edge.to !== undefined) requests[edge.to]?.push({from, edge});
  }
  return requests;
}

/** For each node the request that loaded it; undefined for the program, and for an interpreter that no object asks for. */
export function loadingRequests(tree: ResolvedTree): (Request | undefined)[] {
  return requestsByTarget(tree).map((requests, index) => {
    if (index === 0) return undefined;
    const {requestedBy} = tree.nodes[index] ?? {};
    const first = requests.find(
      ({from, edge: {reason}}) => from === requestedBy && reason?.kind !== 'already-loaded',
    );
    return first ?? requests.find(({from}) => from !== index);
  });
}

/**
 * The requests from the program down to a node, by which the loader came to load it. The loader works breadth
 * first, so there is no shorter way.
 * @example
 *   const tree = await resolveTree('/usr/bin/qemu-arm');
 *   const [node] = findNodes(tree, 'libc.so.6');
 *   if (node !== undefined) console.log(chainTo(tree, tree.nodes.indexOf(node)).map(({edge}) => edge.name));
 */
export function chainTo(tree: ResolvedTree, index: number): Request[] {
  const loading = loadingRequests(tree);
  const chain = new Set<Request>();
  for (let at = loading[index]; at !== undefined && !chain.has(at); at = loading[at.from]) chain.add(at);
  return [...chain].reverse();
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
