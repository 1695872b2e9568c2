/*
 * Where a file is made ready that shall take the place of another: a private directory beside the target, so that the
 * rename stays inside one file system and nobody else meets a file that has not yet its owner and mode. In it the
 * file already has its final name, or that of the file it is made from; cp(1) can then copy attributes to many files
 * at once (attributes.ts). The directory's name carries the process that made it: a later run in the same place
 * removes what a killed one left behind.
 */
import {closeSync, constants, fstatSync, openSync, readdirSync, rmdirSync, rmSync, unlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import tmp from 'tmp';

/** Names of workspaces begin like this; the process number and random letters follow, each after a dash. */
export const workspacePrefix = '.elfinterp';

/** The workspaces of files that are changed together: one for each directory, or more where names meet. */
export class Workspaces {
  readonly #made: {readonly directory: string; readonly path: string; readonly names: Set<string>}[] = [];

  /** Find a workspace beside a target in which a name is free. @throws an error of the system */
  place(directory: string, name: string): string {
    const found = this.#made.find((one) => one.directory === directory && !one.names.has(name));
    if (found !== undefined) {
      found.names.add(name);
      return found.path;
    }
    removeStale(directory);
    const {name: path} = tmp.dirSync({tmpdir: directory, prefix: workspacePrefix, mode: 0o700, keep: true});
    this.#made.push({directory, path, names: new Set([name])});
    return path;
  }

  /** The same, or elsewhere if the user may not write beside the target. */
  placeAnywhere(directory: string, name: string): string {
    try {
      return this.place(directory, name);
    } catch {
      return this.place(tmpdir(), name);
    }
  }

  /** Remove them. Where something is in the way, a later run does it. */
  remove(): void {
    for (const {path} of this.#made) {
      try {
        rmSync(path, {recursive: true, force: true});
      } catch {
        // What this run was to do is done.
      }
    }
  }
}

function removeStale(directory: string): void {
  const stale = new RegExp(`^\\${workspacePrefix}-(\\d+)-[^-]+$`);
  for (const name of namesIn(directory)) {
    const pid = stale.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeLeft(join(directory, name));
  }
}

/** A directory that may be written but not read is one where nothing can be looked for. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/**
 * Remove a workspace that somebody left, which may be an enemy in a directory that is his: the files are reached
 * through the open directory, so that he cannot put a link to another one in its place meanwhile.
 */
function removeLeft(path: string): void {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      if (fstatSync(fd).uid !== process.geteuid?.()) return;
      const inside = `/proc/self/fd/${fd}`;
      for (const name of readdirSync(inside)) unlinkSync(join(inside, name));
    } finally {
      closeSync(fd);
    }
    rmdirSync(path);
  } catch {
    // Somebody else's, or already gone: no reason not to edit the file.
  }
}

/** Whether a process of this number exists; whose it is does not matter. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
