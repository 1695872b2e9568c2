/*
 * The files of a repaired package, made in a staging directory that has the package as it was.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import {planEdit} from '../../edit/plan-edit.js';
import type {EditRequest} from '../../edit/request/request.js';
import {ElfView} from '../../elf/view.js';
import {ElfError, systemError} from '../../errors.js';
import type {Root} from '../../loader/root.js';
import type {DirFd} from '../../source/dir-fd.js';
import {fileSource} from '../../source/file.js';
import {applyPlanToNew} from '../../write/apply.js';
import type {RepairPlan, VendoredLibrary} from './plan.js';
import {inDirectoryOf} from './staging.js';
import {stripFile} from './strip.js';

/** What was done to one file, in words. */
export interface MadeFile {
  /** Path in the package. */
  readonly path: string;
  readonly changes: readonly string[];
}

/** Make all files of a plan. @throws ElfError what `planEdit` throws, of the file in the package; CONFLICT */
export function makeFiles(top: DirFd, plan: RepairPlan, root: Root, strip: boolean): MadeFile[] {
  const files = plan.files.map(({path, request}) => ({path, changes: editFile(top, path, request, strip)}));
  return [...files, ...plan.libraries.map((library) => makeLibrary(top, library, root, strip))];
}

/** A name for a file beside another, within NAME_MAX, which counts bytes; a character cut in half is dropped. */
function besideName(name: string, ending: string): string {
  const start = Buffer.from(name)
    .subarray(0, 200)
    .toString()
    .replace(/\ufffd+$/, '');
  return `${start}.elfinterp-${ending}`;
}

/** Change a file that is there already. */
function editFile(top: DirFd, path: string, request: EditRequest, strip: boolean): string[] {
  return inDirectoryOf(top, path, (directory, name) => {
    const copy = besideName(name, 'new');
    using old = directory.openPath(name);
    if (!old?.stats.isFile()) throw new ElfError('CHANGED', 'the file is missing', {path});
    copyFileSync(old.path, directory.at(copy), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const changes = change(directory, copy, request, strip, path);
    chmodSync(directory.at(copy), old.stats.mode & 0o7777);
    renameSync(directory.at(copy), directory.at(name));
    return changes;
  });
}

/** A library that is there already gets the same content again: its name contains the hash. */
function makeLibrary(top: DirFd, library: VendoredLibrary, root: Root, strip: boolean): MadeFile {
  const {path, host, request, source} = library;
  const changes = inDirectoryOf(top, path, (directory, name) => {
    using there = directory.openPath(name);
    if (there !== undefined) {
      if (!there.stats.isFile())
        throw new ElfError('CONFLICT', 'another file has taken the place of a library', {path});
      unlinkSync(directory.at(name));
    }
    root.lend(host, (input) =>
      copyFileSync(input, directory.at(name), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE),
    );
    chmodSync(directory.at(name), 0o644);
    const done = change(directory, name, request, strip, source);
    chmodSync(directory.at(name), 0o755);
    return done;
  });
  return {path, changes: [`copied from ${source}`, ...changes]};
}

/** Strip and edit a copy; the name then has the result. */
function change(
  directory: DirFd,
  name: string,
  request: EditRequest,
  strip: boolean,
  path: string,
): string[] {
  const file = directory.at(name);
  try {
    chmodSync(file, 0o600);
    const changes = strip && stripFile(file) ? ['stripped'] : [];
    return [...changes, ...edit(directory, name, request)];
  } catch (error) {
    throw error instanceof ElfError ? error.at(path) : systemError(path, error, 'cannot write');
  }
}

function edit(directory: DirFd, name: string, request: EditRequest): readonly string[] {
  if (Object.keys(request).length === 0) return [];
  const file = directory.at(name);
  const source = fileSource(file);
  let plan: ReturnType<typeof planEdit>;
  try {
    plan = planEdit(new ElfView(source), request);
  } finally {
    source.close();
  }
  if (plan.writes.length === 0) return [];
  const result = directory.at(besideName(name, 'edit'));
  applyPlanToNew(file, plan, result);
  renameSync(result, file);
  return plan.changes;
}

/** How many files wait for the disk at the same time. */
const together = 32;

/** Sync files to the disk. All at once costs little more than the first few one after another. */
export async function syncFiles(top: DirFd, paths: readonly string[]): Promise<void> {
  const queue = [...paths];
  const work = async () => {
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) await syncFile(top, path);
  };
  // Wait for all of them: `top` is closed afterwards, and its descriptor may soon be reused.
  const results = await Promise.allSettled(Array.from({length: together}, work));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function syncFile(top: DirFd, path: string): Promise<void> {
  const fd = inDirectoryOf(top, path, (directory, name) => openSync(directory.at(name), 'r'));
  try {
    await new Promise<void>((resolve, reject) => {
      fsync(fd, (error) => (error === null ? resolve() : reject(systemError(path, error, 'cannot write'))));
    });
  } finally {
    closeSync(fd);
  }
}
