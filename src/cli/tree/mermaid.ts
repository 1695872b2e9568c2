/* The graph in the language of Mermaid (https://mermaid.js.org/syntax/flowchart.html), which code hosts draw. */
import {printable, shortened} from '../../index.js';
import {captionOf, type Graph, type GraphNode, usualDirectory} from './graph.js';
import {baseName, directoryPart} from './words.js';

/** Print a graph for Mermaid. */
export function graphToMermaid(graph: Graph): string {
  const directory = usualDirectory(graph);
  return [
    ...captionOf(graph).map((line) => `%% ${encode(line)}`),
    'flowchart LR',
    ...graph.nodes.map((node) => `  n${node.id}["${labelOf(node, directory)}"]:::${node.kind}`),
    ...graph.edges.map(({from, to, optional}) => `  n${from} ${optional ? '-.->' : '-->'} n${to}`),
    '  classDef program fill:#1f4e79,stroke:#1f4e79,color:#ffffff',
    '  classDef interpreter fill:#fdf0d5,stroke:#c89b3c,color:#000000',
    '  classDef library fill:#eef4fb,stroke:#8aa4c0,color:#000000',
    '  classDef missing fill:#fbdcdc,stroke:#b3261e,color:#b3261e',
  ].join('\n');
}

function labelOf({path, kind, reason}: GraphNode, directory: string): string {
  const place = directoryPart(path);
  if (kind === 'missing') return `${encode(path)}<br>${encode(reason)}`;
  return place === directory || place === ''
    ? encode(baseName(path))
    : `${encode(baseName(path))}<br>${encode(place)}`;
}

/**
 * Whatever is not plain becomes an entity code of Mermaid, as in `#37;`: `%%{init: ...}%%` would be Mermaid's
 * configuration wherever it is, even in a comment.
 */
function encode(text: string): string {
  return printable(shortened(text)).replace(
    /[^A-Za-z0-9 ._+,/-]/gu,
    (character) => `#${character.codePointAt(0)};`,
  );
}
