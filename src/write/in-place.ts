/*
 * The changed bytes written into the file itself: for huge files, and for those whose inode must stay. All that
 * belongs to the inode stays too, but for what the kernel takes from a file that is written into: file capabilities,
 * and the set-ID bits if the writer is an ordinary user. The capabilities wait in a workspace meanwhile, as those of
 * an empty file.
 */
import {closeSync, constants, fstatSync, openSync, type Stats} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import type {Plan} from '../edit/plan.js';
import {ElfError} from '../errors.js';
import {closeQuietly} from '../source/file.js';
import type {Change} from './change.js';
import {descriptorSource, requireUnchanged, unwritePlan, writePlan} from './content.js';
import {keepMode} from './metadata.js';
import type {Workspaces} from './workspace.js';

/** Open a file for its changes. @throws ElfError BAD_REQUEST, or an error of the system */
export function prepareInPlace(path: string, plan: Plan, workspaces: Workspaces): Change {
  if (plan.payload !== undefined) {
    throw new ElfError(
      'BAD_REQUEST',
      'the data behind the program cannot move while the file is written in place',
      {path},
    );
  }
  const fd = openSync(path, constants.O_RDWR);
  try {
    return new InPlace(path, fd, plan, createShadow(path, workspaces));
  } catch (error) {
    closeQuietly(fd);
    throw error;
  }
}

/** Make the empty file that holds the attributes. @returns its directory, or undefined where there is no room */
function createShadow(path: string, workspaces: Workspaces): string | undefined {
  try {
    const workspace = workspaces.placeAnywhere(dirname(path), basename(path));
    closeSync(openSync(join(workspace, basename(path)), 'wx', 0o600));
    return workspace;
  } catch {
    return undefined;
  }
}

class InPlace implements Change {
  readonly path: string;
  readonly original: string;
  readonly fd: number;
  readonly workspace: string | undefined;
  readonly kinds = ['xattr'] as const;
  readonly notes: string[] = [];
  readonly #plan: Plan;
  restoreFrom: string | undefined;
  /** What the file was, once writing has begun. */
  #old: Stats | undefined;

  constructor(path: string, fd: number, plan: Plan, workspace: string | undefined) {
    this.path = path;
    this.original = path;
    this.fd = fd;
    this.workspace = workspace;
    this.#plan = plan;
  }

  complete(complaint: string | undefined): void {
    const stats = fstatSync(this.fd);
    requireUnchanged(descriptorSource(this.fd, this.path), this.#plan);
    if (complaint === undefined && this.#shadow !== undefined) this.restoreFrom = this.#shadow;
    else this.notes.push(lossNote(complaint));
    this.#old = stats;
    writePlan(this.fd, this.#plan, this.path);
    this.notes.push(...keepMode(this.fd, stats));
  }

  undo(): void {
    if (this.#old === undefined) return;
    unwritePlan(this.fd, this.#plan);
    keepMode(this.fd, this.#old);
  }

  finish(): void {
    // The file has its new content already.
  }

  close(): void {
    closeQuietly(this.fd);
  }

  get #shadow(): string | undefined {
    return this.workspace === undefined ? undefined : join(this.workspace, basename(this.path));
  }
}

function lossNote(complaint = 'there is no room to keep them meanwhile'): string {
  if (complaint.includes('security.capability')) return `the file capabilities are lost: ${complaint}`;
  return `file capabilities, if there were any, are lost: ${complaint}`;
}
