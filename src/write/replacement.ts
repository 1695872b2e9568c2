/*
 * A new file in the place of another: made ready in a workspace beside it, then renamed. Whoever opens the path sees
 * the old file or the new one, also after a crash, and a program that is running keeps its old file.
 */
import {realpathSync, renameSync, type Stats, statSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import type {Plan} from '../edit/plan.js';
import {ElfError, systemError} from '../errors.js';
import {closeQuietly, fileSource} from '../source/file.js';
import type {OnProgress} from '../source/progress.js';
import type {Change} from './change.js';
import {copyChanged} from './copy.js';
import {keepOwner, setMode} from './metadata.js';
import type {Workspaces} from './workspace.js';

/**
 * Make the new file ready, complete but for its attributes and mode.
 *
 * @throws ElfError CHANGED or NOT_A_FILE, or an error of the system
 */
export function prepareReplacement(
  input: string,
  plan: Plan,
  output: string,
  workspaces: Workspaces,
  onProgress?: OnProgress,
): Change {
  const target = existing(output);
  const path = target === undefined ? output : realpathSync.native(output);
  const source = fileSource(input);
  try {
    const {stats} = source;
    const workspace = workspaces.place(dirname(path), basename(input));
    const fd = copyChanged(source, join(workspace, basename(input)), plan, onProgress);
    const notes = keepOwner(fd, target ?? stats);
    return new Replacement({path, fd, workspace, original: input, notes, input: stats, target});
  } catch (error) {
    throw systemError(output, error, 'cannot write a new file beside it');
  } finally {
    source.close();
  }
}

/** The file that stands at the output path, if one does; anything else there is refused. */
function existing(path: string): Stats | undefined {
  const stats = statSync(path, {throwIfNoEntry: false});
  if (stats === undefined || stats.isFile()) return stats;
  throw new ElfError('NOT_A_FILE', 'the output is not a regular file', {path});
}

interface Facts extends Pick<Change, 'path' | 'fd' | 'original' | 'notes'> {
  readonly workspace: string;
  /** What the file was made from. */
  readonly input: Stats;
  /** What it takes the place of; often the same file. */
  readonly target: Stats | undefined;
}

class Replacement implements Change {
  readonly path: string;
  readonly fd: number;
  readonly workspace: string;
  readonly original: string;
  readonly kinds = ['mode', 'xattr'] as const;
  readonly notes: string[];
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.path = facts.path;
    this.fd = facts.fd;
    this.workspace = facts.workspace;
    this.original = facts.original;
    this.notes = facts.notes;
    this.#facts = facts;
  }

  complete(complaint: string | undefined): void {
    const {input} = this.#facts;
    this.notes.push(...setMode(this.fd, input, this.notes.length > 0));
    if (complaint !== undefined) this.notes.push(lossNote(complaint, this.#isEdit));
    if (this.#isEdit && input.nlink > 1) this.notes.push(hardLinkNote(input));
  }

  finish(): void {
    this.#requireSameTarget();
    renameSync(this.#copy, this.path);
  }

  close(): void {
    closeQuietly(this.fd);
  }

  get #copy(): string {
    return join(this.workspace, basename(this.original));
  }

  /** Whether the file takes the place of the one that it was made from. */
  get #isEdit(): boolean {
    const {input, target} = this.#facts;
    return target?.ino === input.ino && target.dev === input.dev;
  }

  /** Whoever changed the file since it was read would lose what he wrote. */
  #requireSameTarget(): void {
    if (!this.#isEdit) return;
    const {ino, dev, size, mtimeMs, ctimeMs} = this.#facts.input;
    const now = statSync(this.path, {throwIfNoEntry: false});
    const isSame =
      now?.ino === ino &&
      now.dev === dev &&
      now.size === size &&
      now.mtimeMs === mtimeMs &&
      now.ctimeMs === ctimeMs;
    if (!isSame) throw new ElfError('CHANGED', 'the file changed while the edit was made', {path: this.path});
  }
}

function hardLinkNote({nlink}: Stats): string {
  const others = nlink === 2 ? 'another hard link keeps' : `${nlink - 1} other hard links keep`;
  return `${others} the old content; --in-place would change ${nlink === 2 ? 'it' : 'them'} too`;
}

/** Writing in place keeps all but the capabilities, which only root can give back. */
function lossNote(complaint: string, isEdit: boolean): string {
  if (!isEdit || complaint.includes('security.capability')) return complaint;
  return `${complaint}; --in-place keeps all but capabilities`;
}
