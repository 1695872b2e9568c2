/*
 * Which of the libraries that files declare for dlopen(3) are included when a program is copied.
 */
import {type DlopenNote, type DlopenPriority, dlopenPriorities} from './dlopen-notes.js';
import {notFound, whereIn} from './missing.js';
import type {Miss, ResolvedTree, TreeNode} from './tree.js';

/** Which of the declared libraries are included: those down to a priority, or none. */
export type DlopenLevel = DlopenPriority | 'none';

/** The default level: libraries that are only suggested are left out. */
const usualLevel: DlopenLevel = 'recommended';

/** The resolver's option for a level. */
export function dlopenOption(level: DlopenLevel = usualLevel): {dlopen?: DlopenPriority} {
  return level === 'none' ? {} : {dlopen: level};
}

/** The names by which libraries of a tree are opened. */
export function dlopenedNames({nodes}: ResolvedTree): string[] {
  const edges = nodes.flatMap((node) => node.edges);
  const names = edges.filter(({kind, to}) => kind === 'dlopen' && to !== undefined).map(({name}) => name);
  return [...new Set(names)];
}

/** What checking the declared libraries of a program needs. */
export interface DlopenCheck {
  readonly program: TreeNode;
  readonly tree: ResolvedTree;
  readonly level: DlopenLevel | undefined;
  /** Whether a library that is not in the tree is included in another way. */
  readonly hasName?: (name: string) => boolean;
}

/**
 * Refuse to go on without a required library, and note every other one that is left out.
 *
 * @param nodes the files whose declarations count
 * @throws ElfError NOT_FOUND naming the library and who opens it
 */
export function refuseUnopenable(check: DlopenCheck, nodes: readonly TreeNode[], notes: string[]): void {
  const {program, tree, level = usualLevel, hasName = () => false} = check;
  const followed = level === 'none' ? [] : dlopenPriorities.slice(0, dlopenPriorities.indexOf(level) + 1);
  const present = new Set(tree.nodes.flatMap(({name, soname}) => [name, soname]));
  const left: string[] = [];
  for (const node of nodes) {
    for (const note of node.dlopen) {
      if (note.sonames.some((name) => present.has(name) || hasName(name)) || isOpened(node, note)) continue;
      const {
        priority,
        sonames: [name = ''],
      } = note;
      const miss = followed.includes(priority) ? missOf(tree, node, name) : undefined;
      if (miss === undefined) left.push(`${name} (${priority}, for ${node.path})`);
      else if (priority === 'required') throw notFound(program, tree, miss);
      else notes.push(`${name} is not ${whereIn(tree)}: ${node.path} opens it with dlopen (${priority})`);
    }
  }
  if (left.length > 0) notes.push(leftOut(left));
}

/** At most this many of the libraries that are left out are named. */
const mostNamed = 8;

function leftOut(libraries: readonly string[]): string {
  const all = [...new Set(libraries)];
  const more = all.length > mostNamed ? `, and ${all.length - mostNamed} more` : '';
  return `not included, opened with dlopen only: ${all.slice(0, mostNamed).join(', ')}${more}; the option dlopen includes them`;
}

/** Whether one of the alternatives was found, under whatever name. */
function isOpened({edges}: TreeNode, {sonames}: DlopenNote): boolean {
  return edges.some(({kind, name, to}) => kind === 'dlopen' && to !== undefined && sonames.includes(name));
}

function missOf({misses}: ResolvedTree, {index}: TreeNode, name: string): Miss | undefined {
  return misses.find((miss) => miss.kind === 'dlopen' && miss.requestedBy === index && miss.name === name);
}
