/*
 * A picture. Graphviz's layered layout is the one that keeps crossings of a hundred boxes few enough to read;
 * @viz-js/viz is Graphviz itself, compiled to WebAssembly. It is loaded for a picture only.
 */
import {graphToDot} from './dot.js';
/** Lay a graph out as an SVG document. */
export async function graphToSvg(graph) {
  const {instance} = await import('@viz-js/viz');
  const graphviz = await instance();
  return graphviz.renderString(graphToDot(graph), {format: 'svg'}).trimEnd();
}
//# sourceMappingURL=svg.js.map
