/* The answers to --why and --reverse, as text. */
import {chainTo, findMisses, findNodes, printable, requestsByTarget} from '../../index.js';
import {sourcesOf} from './graph.js';
import {baseName, directoryPart, enumerate, kindInWords, reasonInWords} from './words.js';
/** Say how each library of a name came into a tree. */
export function whyLoaded(tree, name) {
  const requests = requestsByTarget(tree);
  const path = (index) => tree.nodes[index]?.path ?? '';
  return findNodes(tree, name).map((node) => ({
    path: node.path,
    chain: chainTo(tree, node.index).map(({from, edge}) => ({
      from: path(from),
      name: edge.name,
      kind: edge.kind,
      to: path(edge.to ?? 0),
      reason: edge.reason === undefined ? '' : reasonInWords(edge.reason, tree.nodes, from),
    })),
    requestedBy: [...new Set((requests[node.index] ?? []).map(({from}) => path(from)))],
  }));
}
/** The same for people: each step a line, then who else asks. */
export function whyToText(tree, name, paint) {
  const program = tree.nodes[0]?.path ?? '';
  const found = whyLoaded(tree, name).flatMap(({path, chain, requestedBy}) => [
    paint.program(printable(program)),
    ...chain.map(({name: asked, to, reason, kind}, depth) => {
      const via = kind === 'needed' ? 'needs' : `has, by ${kindInWords(kind) ?? kind},`;
      const bracket = paint.reason(`[${printable(reason)}]`);
      return `${'    '.repeat(depth)}└── ${paint.aside(`${via} ${printable(asked)}:`)} ${file(to, paint)} ${bracket}`;
    }),
    ...others(path, requestedBy, chain.at(-1)?.from, paint),
  ]);
  const missing = findMisses(tree, name).flatMap(({requestedBy, tried, fatal}) => [
    `${paint.problem(printable(`${name} ${fatal === undefined ? 'is not found' : `stops the loader: ${fatal}`}`))}, ` +
      `needed by ${printable(tree.nodes[requestedBy ?? 0]?.path ?? '')}; tried in this order:`,
    ...tried.map(({place, path, why}, i) => {
      const words = reasonInWords(place, tree.nodes, requestedBy ?? 0);
      return `    ${i + 1}. ${printable(path)} ${paint.reason(`[${printable(words)}]`)} ${printable(why)}`;
    }),
  ]);
  return [...found, ...missing];
}
function others(path, requestedBy, first, paint) {
  const rest = requestedBy.filter((asker) => asker !== first).map(baseName);
  return rest.length === 0
    ? []
    : [paint.aside(`${printable(baseName(path))} is also needed by ${enumerate(rest, 12)}`)];
}
function file(path, paint) {
  return `${paint.aside(printable(directoryPart(path)))}${paint.name(printable(baseName(path)))}`;
}
/** Draw who needs a library, who needs those, and so on up to the programs. Each file is drawn once. */
export function reverseToText(graph, targets, paint) {
  const sources = sourcesOf(graph);
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const drawn = new Set();
  const draw = (id, indent) => {
    const own = (sources.get(id) ?? []).flatMap((source) => nodes.get(source) ?? []);
    // A program ends its line, so that is not drawn first; what stands elsewhere already is only named.
    const fresh = own.filter((node) => !drawn.has(node.id));
    const seen = own.filter((node) => drawn.has(node.id)).map(({path}) => baseName(path));
    for (const node of fresh) drawn.add(node.id);
    const lines = fresh.map((node) => ({
      text: node.kind === 'program' ? paint.program(printable(node.path)) : file(node.path, paint),
      id: node.id,
    }));
    if (seen.length > 0) {
      lines.push({text: paint.aside(`${enumerate(seen)} (shown elsewhere)`), id: undefined});
    }
    return lines.flatMap(({text, id: source}, i) => {
      const isLast = i === lines.length - 1;
      const below = source === undefined ? [] : draw(source, `${indent}${isLast ? '    ' : '│   '}`);
      return [`${indent}${isLast ? '└── ' : '├── '}${text}`, ...below];
    });
  };
  return targets.flatMap((target) => {
    drawn.add(target.id);
    const bracket = paint.reason(`[${printable(target.reason)}]`);
    return [`${file(target.path, paint)} ${bracket}`, ...draw(target.id, '')];
  });
}
/** The same as data: each file on the way with the files that need it. */
export function reverseToJson(graph, targets) {
  const sources = sourcesOf(graph);
  const paths = new Map(graph.nodes.map(({id, path}) => [id, path]));
  return {
    found: targets.map(({path}) => path),
    files: graph.nodes.map(({id, path, kind}) => ({
      path,
      kind,
      requestedBy: (sources.get(id) ?? []).map((source) => paths.get(source)),
    })),
  };
}
//# sourceMappingURL=questions.js.map
