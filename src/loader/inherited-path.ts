import type {Member, Process} from './process.js';
import type {SearchList} from './searches.js';

/** Makes the list of a member's own search path, in front of another list; returns that one if the member has none. */
type OwnPath = (process: Process, member: Member, next: SearchList | undefined) => SearchList | undefined;

/**
 * The search paths of an object, of the one that loaded it, and so on up, then of the program. Made from the top down,
 * in a loop: a chain of libraries may be thousands long.
 */
export function inheritedPathOf(process: Process, member: Member, own: OwnPath): SearchList | undefined {
  const known = new Map<Member, SearchList | undefined>();
  const lists = process.memo.get(undefined, 'inherited paths', () => known);
  const pending: Member[] = [];
  for (let m: Member | undefined = member; m !== undefined && !lists.has(m); m = parentOf(process, m))
    pending.push(m);
  for (const each of pending.reverse()) {
    const parent = parentOf(process, each);
    lists.set(each, own(process, each, parent === undefined ? undefined : lists.get(parent)));
  }
  return lists.get(member);
}

function parentOf({program}: Process, member: Member): Member | undefined {
  return member.loader ?? (member === program ? undefined : program);
}
