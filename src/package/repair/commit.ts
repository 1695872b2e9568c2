/*
 * Moving the new files of a package into their places, all or none (change/staging.ts).
 */
import {posix} from 'node:path';
import {contentOf} from '../../change/entry.js';
import type {Journal, Preparation} from '../../change/journal.js';
import {carryOutIn, type Staging} from '../../change/staging.js';
import {missingDirectories} from '../../change/steps.js';
import type {DirFd} from '../../source/dir-fd.js';
import {openFile, type PlannedFile} from './copy-package.js';

/** A file that changes: where, and what it was; undefined for a new one. */
export interface Change {
  readonly path: string;
  readonly before: PlannedFile | undefined;
}

/**
 * Move the files `new/PATH` of a staging directory into the package that it is in.
 *
 * @returns notes
 * @throws ElfError CHANGED for a file that is not the planned one any more, FILE_SYSTEM; nothing is undone yet
 */
export function commit(staging: Staging, changes: readonly Change[]): string[] {
  using made = staging.directory.make('new');
  const notes = changes.flatMap(hardLinkNotes);
  carryOutIn(staging, journalOf(staging.root, made, changes));
  return notes;
}

function hardLinkNotes({path, before}: Change): string[] {
  const others = (before?.stats.nlink ?? 1) - 1;
  if (others === 0) return [];
  const keep = others === 1 ? 'another hard link keeps' : `${others} other hard links keep`;
  return [`${path}: ${keep} the old content`];
}

function journalOf(top: DirFd, made: DirFd, changes: readonly Change[]): Journal {
  const missing = missingDirectories(top);
  const replace = ({path, before}: Change): Preparation[] => {
    using file = openFile(made, path);
    const {sha256, size} = contentOf(file.source());
    const inside = posix.join('/', path);
    return [
      ...missing(posix.dirname(inside)).map((one) => ({op: 'makeDirectory', path: one}) as const),
      {op: 'keepAside', path: inside, state: before?.state ?? null},
      {op: 'moveIn', path: inside, role: 'data', sha256, size},
    ];
  };
  return {version: 1, prepare: changes.flatMap(replace), commit: {op: 'markDone'}, finish: []};
}
