/*
 * A picture. Graphviz's layered layout is the one that keeps crossings of a hundred boxes few enough to read;
 * @viz-js/viz is Graphviz itself, compiled to WebAssembly. It is loaded for a picture only.
 */
import {graphToDot} from './dot.js';
import {firstOf, type Graph} from './graph.js';

/** The layout time grows faster than the graph; a picture of more boxes than this is unreadable. */
const mostBoxes = 500;

/** Colours for a dark page; those for a light one are attributes, which a style overrides. */
const darkStyle = `<style>
svg { color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  .graph > text { fill: #9ba5b0; }
  .edge path { stroke: #8b949e; }
  .edge polygon { fill: #8b949e; stroke: #8b949e; }
  .library path { fill: #172536; stroke: #54708f; }
  .library text { fill: #e6eaef; }
  .interpreter path { fill: #3a2d0d; stroke: #c89b3c; }
  .interpreter text { fill: #f6e3b4; }
  .missing path { fill: #451b19; stroke: #ff8a80; }
  .missing text { fill: #ff8a80; }
}
</style>`;

/** Lay a graph out as an SVG document. */
export async function graphToSvg(graph: Graph): Promise<string> {
  const {instance} = await import('@viz-js/viz');
  const graphviz = await instance();
  const svg = graphviz.renderString(graphToDot(firstOf(graph, mostBoxes)), {format: 'svg'}).trimEnd();
  return svg.replace(/<svg[^>]*>/, (start) => `${start}\n${darkStyle}`);
}
