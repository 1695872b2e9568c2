/*
 * Take many files through the same steps together: most of the time per file goes into waiting for the disk and running
 * another program to copy attributes, and both cost little more for a hundred files than for one.
 */
import {fsync, fsyncSync} from 'node:fs';
import {ElfError, systemError} from '../errors.js';
import type {Outcome} from './apply-options.js';
import {copyAttributes} from './attributes.js';
import {syncDirectory} from './durable.js';
import {type Commit, type Transaction, writtenBeforeFailure} from './transaction.js';
import {Workspaces} from './workspace.js';

interface Item {
  /** The path as the user gave it. */
  readonly name: string;
  /** What to do; undefined for a plan that changes nothing. */
  readonly change?: Transaction | undefined;
  /** Set once the change is complete. */
  commit?: Commit;
  error?: unknown;
}

type Ready = Item & {readonly change: Transaction};

/** Files that are changed together; a failure does not affect the others. */
export class Batch {
  readonly #items: Item[] = [];
  readonly #opened: {close: () => void}[] = [];
  readonly #workspaces = new Workspaces();
  #isReleased = false;

  /**
   * Add a file.
   *
   * @param prepare gets a function that registers what to close at the end
   */
  add(
    name: string,
    prepare: (workspaces: Workspaces, closeLater: (close: () => void) => void) => Transaction | undefined,
  ): void {
    try {
      const change = prepare(this.#workspaces, (close) => this.#opened.push({close}));
      this.#items.push({name, change, error: this.#conflict(name, change)});
    } catch (error) {
      this.#items.push({name, error: systemError(name, error, 'cannot write')});
    }
  }

  #conflict(name: string, change: Transaction | undefined): ElfError | undefined {
    if (change === undefined || this.#ready.every((item) => item.change.path !== change.path))
      return undefined;
    return new ElfError('CHANGED', 'another edit of this file is in progress', {path: name});
  }

  /** Take all files through all steps. @returns the outcome of each */
  runSync(): Outcome[] {
    try {
      this.#complete();
      this.#sync();
      return this.#finish();
    } finally {
      this.#close();
    }
  }

  /** The same, but syncs all files concurrently, so that a journal writes them together. */
  async run(): Promise<Outcome[]> {
    try {
      this.#complete();
      await this.#syncTogether();
      return this.#finish();
    } finally {
      this.#close();
    }
  }

  /** Write everything, including attributes; nothing is synced or committed yet. */
  #complete(): void {
    const items = this.#ready;
    const complaints = copyAttributes(items.map(({change}) => change.attributes));
    for (const [i, item] of items.entries())
      attempt(item, ({change}) => {
        item.commit = change.complete(complaints[i]);
      });
    this.#restore(this.#ready);
  }

  /** Restore the attributes that writing removed. */
  #restore(items: readonly Ready[]): void {
    copyAttributes(items.map(({change}) => change.restore)).forEach((complaint, i) => {
      if (complaint !== undefined) items[i]?.change.notes.push(complaint);
    });
  }

  #sync(): void {
    for (const item of this.#ready) attempt(item, ({change}) => fsyncSync(change.fd));
  }

  async #syncTogether(): Promise<void> {
    if (this.#ready.length < 2) return this.#sync();
    const syncOne = (item: Ready) =>
      new Promise<void>((resolve) => {
        fsync(item.change.fd, (error) => {
          if (error !== null) item.error = systemError(item.name, error, 'cannot write');
          resolve();
        });
      });
    await Promise.all(this.#ready.map(syncOne));
  }

  /** Undo the changes that failed, commit the others, and clean up. */
  #finish(): Outcome[] {
    this.#undo();
    for (const item of this.#ready) attempt(item, ({commit}) => commit?.());
    this.#release();
    this.#syncDirectories();
    return this.#items.map(({name, change, error}) =>
      error === undefined ? {applied: {path: change?.path ?? name, notes: change?.notes ?? []}} : {error},
    );
  }

  #undo(): void {
    const failed = this.#changes.filter(({error}) => error !== undefined);
    for (const item of failed) undo(item);
    this.#restore(failed);
  }

  /** Close the written files and remove the workspaces. */
  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const {change} of this.#items) change?.close();
    this.#workspaces.remove();
  }

  #close(): void {
    try {
      this.#release();
    } finally {
      for (const {close} of this.#opened.splice(0)) close();
    }
  }

  #syncDirectories(): void {
    const byDirectory = new Map<string, Ready[]>();
    for (const item of this.#ready) {
      const {dev, ino} = item.change.directory.stats;
      const key = `${dev}:${ino}`;
      byDirectory.set(key, [...(byDirectory.get(key) ?? []), item]);
    }
    for (const items of byDirectory.values()) {
      try {
        syncDirectory(items[0]?.change.directory.path ?? '');
      } catch (cause) {
        for (const item of items)
          item.error = writtenBeforeFailure(item.name, 'a power failure may undo it', cause);
      }
    }
  }

  /** The files without an error so far. */
  get #ready(): Ready[] {
    return this.#changes.filter(({error}) => error === undefined);
  }

  get #changes(): Ready[] {
    return this.#items.filter((item): item is Ready => item.change !== undefined);
  }
}

function attempt(item: Ready, step: (item: Ready) => void): void {
  try {
    step(item);
  } catch (error) {
    item.error = sayOf(item.name, error, item.change.path);
  }
}

/** The first error says why the change failed; if it cannot be undone, the message must say that too. */
function undo(item: Ready): void {
  try {
    item.change.undo();
  } catch (cause) {
    const why = systemError(item.name, item.error).what;
    const what = `${why}; and the old content cannot be written back, so the file is damaged`;
    item.error = new ElfError('FILE_SYSTEM', what, {
      path: item.name,
      got: systemError(item.name, cause).what,
      cause,
    });
  }
}

/** Report an error for the path that the user gave, not for the one that it resolves to. */
function sayOf(name: string, cause: unknown, path: string): ElfError {
  const error = systemError(name, cause, 'cannot write');
  return error.path === path ? error.at(name) : error;
}
