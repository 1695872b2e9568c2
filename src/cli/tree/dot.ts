/* The graph in Graphviz's language (https://graphviz.org/doc/info/lang.html), with boxes from left to right. */
import {printable, shortened} from '../../index.js';
import {captionOf, type Graph, type GraphNode, usualDirectory} from './graph.js';
import {baseName, directoryPart} from './words.js';

/** Print a graph for dot. */
export function graphToDot(graph: Graph): string {
  const directory = usualDirectory(graph);
  const nodes = graph.nodes.map((node) => `  n${node.id} ${attributes(nodeAttributes(node, directory))};`);
  const edges = graph.edges.map(
    ({from, to, optional}) => `  n${from} -> n${to}${optional ? ' [style=dashed]' : ''};`,
  );
  const caption = captionOf(graph)
    .map((line) => `${quote(line)}\\l`)
    .join('');
  return [
    'digraph elfinterp {',
    '  graph [rankdir=LR, ranksep=0.9, nodesep=0.14, fontname="Helvetica", fontsize=11, fontcolor="#6e7781",',
    '    bgcolor=transparent,',
    `    labelloc=b, labeljust=l, label="${caption}"];`,
    '  node [shape=box, style="rounded,filled", fontname="Courier", fontsize=11, height=0.3, margin="0.12,0.04",',
    '    color="#8aa4c0", fillcolor="#eef4fb"];',
    '  edge [color="#7d8894", arrowsize=0.6];',
    ...nodes,
    ...edges,
    '}',
  ].join('\n');
}

const looks: Readonly<Record<GraphNode['kind'], Readonly<Record<string, string>>>> = {
  program: {fillcolor: '#1f4e79', color: '#1f4e79', fontcolor: '#ffffff'},
  interpreter: {fillcolor: '#fdf0d5', color: '#c89b3c'},
  library: {},
  missing: {fillcolor: '#fbdcdc', color: '#b3261e', fontcolor: '#b3261e'},
};

function nodeAttributes({path, kind, reason}: GraphNode, directory: string): Record<string, string> {
  const place = directoryPart(path);
  const isElsewhere = kind !== 'missing' && place !== directory && place !== '';
  const second = kind === 'missing' ? reason : isElsewhere ? place : undefined;
  const label = second === undefined ? baseName(path) : `${baseName(path)}\n${second}`;
  return {label: quoteLines(label), tooltip: quoteLines(`${path}\n${reason}`), class: kind, ...looks[kind]};
}

function attributes(values: Readonly<Record<string, string>>): string {
  return `[${Object.entries(values)
    .map(([name, value]) => `${name}="${value}"`)
    .join(', ')}]`;
}

function quoteLines(text: string): string {
  return text.split('\n').map(quote).join('\\n');
}

/**
 * Characters that are not plain become HTML entities, which Graphviz knows in every string; a backslash is doubled,
 * since it would still begin an escape.
 */
function quote(text: string): string {
  return printable(shortened(text)).replace(/[^A-Za-z0-9 ._+,:;/()-]/gu, (character) =>
    character === '\\' ? '\\\\' : `&#${character.codePointAt(0)};`,
  );
}
