/*
 * Who controls what a program loads. Its owner chooses its loader and its library search path, and anyone who can write
 * to a library chooses what that library asks for.
 */
import {type Trust, together} from '../source/trust.js';
import type {OpenRoot} from './open-root.js';
import type {ResolvedTree} from './tree.js';

/** The other user who controls what a file asks for; undefined if only root and this user do. */
export type Author = Trust['foreigner'];

/**
 * Find who controls what a program's files ask for, and make sure that this user could read each of them: no one can
 * get a copy of a private library by naming it in a file of their own.
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
