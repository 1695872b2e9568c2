/*
 * The changed bytes written into the file itself: for huge files, and for those whose inode must stay. All that
 * belongs to the inode stays too, but for what the kernel takes from a file that is written into: file capabilities,
 * and the set-ID bits if the writer is an ordinary user. The capabilities wait in a workspace meanwhile, as those of
 * an empty file.
 */
import {constants, fstatSync, openSync, type Stats} from 'node:fs';
import type {Plan, Write} from '../edit/plan.js';
import {ElfError, systemError} from '../errors.js';
import {closeQuietly} from '../source/descriptor.js';
import {type ByteSource, isSameBytes} from '../source/source.js';
import {type AttributeCopy, hasCapabilities} from './attributes.js';
import {descriptorSource, requireUnchanged, unwritePlan, writePlan} from './content.js';
import type {Target} from './editable.js';
import {isOnlyOurs, keepMode} from './metadata.js';
import {type Commit, Transaction} from './transaction.js';
import type {WorkFile, Workspaces} from './workspace.js';

/** Open a file for its changes. @throws ElfError BAD_REQUEST, or an error of the system */
export function prepareInPlace(target: Target, plan: Plan, workspaces: Workspaces): Transaction {
  if (plan.payload !== undefined) {
    throw new ElfError(
      'BAD_REQUEST',
      'the data appended to the program cannot move when the file is written in place',
      {path: target.path},
    );
  }
  const fd = openToWrite(target);
  try {
    return new InPlace(target, fd, plan, createShadow(target, workspaces));
  } catch (error) {
    closeQuietly(fd);
    throw error;
  }
}

/** The very file that was opened, for writing as well. */
function openToWrite({fdPath, path}: Target): number {
  try {
    return openSync(fdPath, constants.O_RDWR);
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  }
}

/** Make the empty file that holds the attributes; undefined where there is no room. */
function createShadow(target: Target, workspaces: Workspaces): WorkFile | undefined {
  try {
    const file = workspaces.createAnywhere(target.place.directory);
    closeQuietly(file.fd);
    return file;
  } catch {
    return undefined;
  }
}

class InPlace extends Transaction {
  readonly attributes: AttributeCopy | undefined;
  readonly #plan: Plan;
  /** What the file was, once writing has begun. */
  #old: Stats | undefined;

  constructor({place}: Target, fd: number, plan: Plan, shadow: WorkFile | undefined) {
    super(place, fd);
    this.#plan = plan;
    this.attributes = shadow && {...shadow, fd, kinds: ['xattr'], to: 'workspace'};
  }

  complete(complaint: string | undefined): Commit {
    const stats = fstatSync(this.fd);
    this.#planRestoring(complaint, stats);
    // Not before that, which may run another program: meanwhile another edit in place may come and go.
    const now = descriptorSource(this.fd, this.path);
    requireUnchanged(now, this.#plan);
    this.#old = stats;
    writePlan(this.fd, this.#plan, now);
    this.notes.push(...keepMode(this.fd, stats));
    return () => this.#requireWritten(now);
  }

  /** Nothing keeps another process from writing at the same time, but it is not to be passed over. */
  #requireWritten(now: ByteSource): void {
    const isWritten = ({offset, bytes}: Write) => isSameBytes(bytes, now.read(offset, bytes.length));
    if (fstatSync(this.fd).size === this.#plan.outputSize && this.#plan.writes.every(isWritten)) return;
    throw new ElfError('CHANGED', 'written, but another process wrote into the file at the same time', {
      path: this.path,
    });
  }

  /** What another user could write while the capabilities are away would have them afterwards. */
  #planRestoring(complaint: string | undefined, stats: Stats): void {
    const {attributes} = this;
    if (complaint !== undefined || attributes === undefined) {
      this.notes.push(lossNote(complaint));
    } else if (isOnlyOurs(stats) || process.geteuid?.() !== 0) {
      this.restore = {...attributes, to: 'file'};
    } else {
      const isLost = hasCapabilities(attributes);
      if (isLost !== false) this.notes.push(lossNote(othersWrite, isLost));
    }
  }

  override undo(): void {
    if (this.#old === undefined) return;
    try {
      unwritePlan(this.fd, this.#plan);
    } finally {
      keepMode(this.fd, this.#old);
    }
  }
}

const othersWrite =
  'other users may write to the file during the edit in place; replacing the file would keep them';

function lossNote(complaint = 'no space to save them during the edit', isCertain = false): string {
  if (isCertain || complaint.includes('security.capability'))
    return `the file capabilities are lost: ${complaint}`;
  return `file capabilities, if there were any, are lost: ${complaint}`;
}
