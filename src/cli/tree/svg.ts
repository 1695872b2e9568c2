/*
 * A picture. Graphviz's layered layout is the one that keeps crossings of a hundred boxes few enough to read;
 * @viz-js/viz is Graphviz itself, compiled to WebAssembly. It is loaded for a picture only.
 */
import {graphToDot} from './dot.js';
import {firstOf, type Graph} from './graph.js';

/** The time of the layout grows faster than the graph; a picture of more boxes than this shows nothing. */
const mostBoxes = 500;

/** Lay a graph out as an SVG document. */
export async function graphToSvg(graph: Graph): Promise<string> {
  const {instance} = await import('@viz-js/viz');
  const graphviz = await instance();
  return graphviz.renderString(graphToDot(firstOf(graph, mostBoxes)), {format: 'svg'}).trimEnd();
}
