/*
 * Write the changed bytes into the file itself: for huge files, and for those that must keep their inode. Everything
 * that belongs to the inode is kept, except what the kernel removes on a write: file capabilities, and the set-ID bits
 * if the writer is an ordinary user. Meanwhile the capabilities are saved on an empty file in a workspace. So do the
 * bytes that are written over (undo-record.ts).
 */
import {constants, fstatSync, fsyncSync, openSync, type Stats} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {ElfError, systemError} from '../errors.js';
import {closeQuietly} from '../source/descriptor.js';
import {type ByteSource, isSameBytes} from '../source/source.js';
import {type AttributeCopy, hasCapabilities} from './attributes.js';
import {descriptorSource, requireUnchanged, unwritePlan, writePlan} from './content.js';
import type {Target} from './editable.js';
import {isOnlyOurs, keepMode} from './metadata.js';
import {type Commit, Transaction, writtenBeforeFailure, writtenBut} from './transaction.js';
import {writeUndoRecord} from './undo-record.js';
import type {UndoFile, WorkFile, Workspaces} from './workspace.js';

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
    const shadow = createShadow(target, workspaces);
    return new InPlace(target, fd, plan, shadow, workspaces.createUndo(target.place.directory));
  } catch (error) {
    closeQuietly(fd);
    throw error;
  }
}

/** Reopen the very file that was opened, also for writing. */
function openToWrite({fdPath, path}: Target): number {
  try {
    return openSync(fdPath, constants.O_RDWR);
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  }
}

/** Create the empty file that holds the attributes; undefined if that fails. */
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
  readonly #name: string;
  /** Where to keep what is written over; undefined where there is no room. */
  #record: UndoFile | undefined;
  /** The file's status before the edit, once writing has begun. */
  #old: Stats | undefined;

  constructor(
    {place}: Target,
    fd: number,
    plan: Plan,
    shadow: WorkFile | undefined,
    record: UndoFile | undefined,
  ) {
    super(place, fd);
    this.#plan = plan;
    this.#name = place.name;
    this.#record = record;
    this.attributes = shadow && {...shadow, fd, kinds: ['xattr'], to: 'workspace'};
  }

  complete(complaint: string | undefined): Commit {
    const stats = fstatSync(this.fd);
    this.#planRestoring(complaint, stats);
    const {restore} = this;
    // Nothing was taken away yet.
    this.restore = undefined;
    // Not before that, which may run another program: meanwhile another edit in place may come and go.
    const now = descriptorSource(this.fd, this.path);
    requireUnchanged(now, this.#plan);
    this.restore = restore;
    this.#keepOld();
    this.#old = stats;
    writePlan(this.fd, this.#plan, now);
    this.notes.push(...keepMode(this.fd, stats));
    return () => this.#requireWritten(now);
  }

  #keepOld(): void {
    if (this.#record === undefined) return;
    try {
      const {fd, workspace} = this.#record;
      const {ino} = fstatSync(this.fd, {bigint: true});
      writeUndoRecord(fd, workspace, this.#name, ino, this.#plan);
    } catch {
      // A full disk must not keep a file from being changed that does not grow.
    }
  }

  override close(): void {
    if (this.#record !== undefined) closeQuietly(this.#record.fd);
    this.#record = undefined;
    super.close();
  }

  /** Nothing keeps another process from writing at the same time, but it is not to be passed over. */
  #requireWritten(now: ByteSource): void {
    let isWritten: boolean;
    try {
      isWritten =
        fstatSync(this.fd).size === this.#plan.outputSize &&
        this.#plan.writes.every(({offset, bytes}) => isSameBytes(bytes, now.read(offset, bytes.length)));
    } catch (error) {
      throw writtenBeforeFailure(this.path, 'the result cannot be checked', error);
    }
    if (!isWritten) throw writtenBut(this.path, 'another process wrote into the file at the same time');
  }

  /** Anything that another user wrote while the capabilities are gone would get them when they are restored. */
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
      // The record goes next.
      fsyncSync(this.fd);
    } catch (error) {
      // The next run tries again.
      this.#record?.keep();
      throw error;
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
