/*
 * A picture. Graphviz's layered layout is the one that keeps crossings of a hundred boxes few enough to read;
 * @viz-js/viz is Graphviz itself, compiled to WebAssembly. It is loaded for a picture only.
 */
import {graphToDot} from './dot.js';
import type {Graph} from './graph.js';

/** Lay a graph out as an SVG document. */
export async function graphToSvg(graph: Graph): Promise<string> {
  const {instance} = await import('@viz-js/viz');
  const graphviz = await instance();
  return graphviz.renderString(graphToDot(graph), {format: 'svg'}).trimEnd();
}
