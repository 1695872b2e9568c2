/* The graph in the language of Mermaid (https://mermaid.js.org/syntax/flowchart.html), which code hosts draw. */
import {printable} from '../../index.js';
import {captionOf, usualDirectory} from './graph.js';
import {baseName, directoryPart} from './words.js';
/** Print a graph for Mermaid. */
export function graphToMermaid(graph) {
  const directory = usualDirectory(graph);
  return [
    ...captionOf(graph).map((line) => `%% ${printable(line)}`),
    'flowchart LR',
    ...graph.nodes.map((node) => `  n${node.id}["${labelOf(node, directory)}"]:::${node.kind}`),
    ...graph.edges.map(({from, to, optional}) => `  n${from} ${optional ? '-.->' : '-->'} n${to}`),
    '  classDef program fill:#1f4e79,stroke:#1f4e79,color:#ffffff',
    '  classDef interpreter fill:#fdf0d5,stroke:#c89b3c,color:#000000',
    '  classDef library fill:#eef4fb,stroke:#8aa4c0,color:#000000',
    '  classDef missing fill:#fbdcdc,stroke:#b3261e,color:#b3261e',
  ].join('\n');
}
function labelOf({path, kind, reason}, directory) {
  const place = directoryPart(path);
  if (kind === 'missing') return `${quote(path)}<br>${quote(reason)}`;
  return place === directory || place === ''
    ? quote(baseName(path))
    : `${quote(baseName(path))}<br>${quote(place)}`;
}
/** Mermaid has entity codes for what its own syntax or HTML would take: `#35;` is `#`. */
function quote(text) {
  return printable(text).replace(/[#"<>&`\\]/g, (character) => `#${character.charCodeAt(0)};`);
}
//# sourceMappingURL=mermaid.js.map
