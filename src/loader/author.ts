/*
 * Who controls what a program loads. Its owner chose its loader and where its libraries are looked for, and anyone who
 * can write to a library chose what that one asks for.
 */
import {type Trust, together} from '../source/trust.js';
import type {OpenRoot} from './open-root.js';
import type {ResolvedTree} from './tree.js';

/** The other user who can say what a file asks for; undefined while only root and this user can. */
export type Author = Trust['foreigner'];

/**
 * Find who says what a program's files ask for, and make sure that this user could read each of them: no one gets a
 * copy of a private library by naming it in a file of their own.
 *
 * @throws ElfError OUTSIDE
 */
export function requireOpenToAuthor(nodes: readonly ResolvedTree['nodes'][number][], root: OpenRoot): Author {
  const author = together(nodes.map(({path}) => root.authorOf(path)));
  for (const {path} of nodes) root.requireOpenTo(author, path);
  return author;
}

/** Why a program's loader is not run here; undefined where it may be. */
export function whyNotRun(author: Author): string | undefined {
  if (author === undefined || process.geteuid?.() !== 0) return undefined;
  return `${author === 'anybody' ? 'others' : `user ${author}`} can change what is copied, and root must not run files of other users`;
}
