/*
 * The file of an emulator that is registered for the whole machine. A record beside it says that we put it there, so
 * that removing the entry removes this file, and never someone else's.
 *
 *   /var/lib/elfinterp/qemu-aarch64         the emulator, its loader and its libraries
 *   /var/lib/elfinterp/qemu-aarch64.json    its hash, and what it was made from
 */
import {
  chmodSync,
  copyFileSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {type Content, contentOf, hasContent} from '../bundle/contents.js';
import {hasFile} from '../change/steps.js';
import {ElfError, inWords, systemError} from '../errors.js';
import {closeQuietly} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import {fileSource} from '../source/file.js';
import {absolutePath} from '../source/working-directory.js';
import {version} from '../version.js';
import {syncDirectory} from '../write/durable.js';
import {workspacePrefix} from '../write/workspace-names.js';
import {findOwnDirectory, openOwnDirectory} from './cache/place.js';
import type {SelfContained} from './cache/self-contained.js';
import {unusedName} from './unused-name.js';

/** What is beside a kept file. */
interface KeptRecord extends Pick<Content, 'sha256' | 'size'> {
  readonly version: 1;
  readonly generator: string;
  /** The program that it was made of. */
  readonly source: string;
  /** The file that this one replaces: it is still there where the run was interrupted. */
  readonly previous?: Pick<Content, 'sha256' | 'size'> | undefined;
}

/** Where a file is kept. */
export interface Kept {
  readonly path: string;
  /** Whether nothing was there before. */
  readonly isNew: boolean;
}

/**
 * Copy the file to its permanent place; another version that is there is replaced.
 *
 * @throws ElfError CONFLICT for a file that we did not put there, or that was changed; FILE_SYSTEM
 */
export function keepFile({path, program}: SelfContained, into: string): Kept {
  using directory = openOwnDirectory(absolutePath(into), 0o755);
  const name = basename(program);
  return inWords(directory.real, () => {
    // The record is written before the file: an interrupted run leaves a record without a file, which does no harm.
    const {sha256, size} = contentOf(fileSource(path));
    const previous = requireOurs(directory, name);
    const isNew = previous === undefined;
    const generator = `elfinterp ${version}`;
    const record: KeptRecord = {version: 1, generator, source: program, sha256, size, previous};
    place(
      directory,
      recordOf(name),
      (copy) => writeFileSync(copy, `${JSON.stringify(record, null, 2)}\n`),
      0o644,
    );
    place(directory, name, (copy) => copyFileSync(path, copy), 0o755);
    return {path: join(directory.real, name), isNew};
  });
}

/** The content of a record that a file has. */
function contentOfOurs(directory: DirFd, name: string): Pick<Content, 'sha256' | 'size'> | undefined {
  const record = readRecord(directory, recordOf(name));
  const known = record === undefined ? [] : [record, record.previous].filter((one) => one !== undefined);
  const found = known.find((one) => hasContent(() => directory.open(name), one));
  return found && {sha256: found.sha256, size: found.size};
}

/** @returns what is there; undefined when there is nothing yet */
function requireOurs(directory: DirFd, name: string): Pick<Content, 'sha256' | 'size'> | undefined {
  const isThere = hasFile(directory, `/${name}`);
  const ours = isThere ? contentOfOurs(directory, name) : undefined;
  const hasRecord = hasFile(directory, `/${recordOf(name)}`);
  const isFree = !isThere && (!hasRecord || readRecord(directory, recordOf(name)) !== undefined);
  if (ours !== undefined || isFree) return ours;
  throw new ElfError('CONFLICT', 'this file would be replaced, and elfinterp did not put it there', {
    path: join(directory.real, isThere ? name : recordOf(name)),
    expected: 'nothing, or an emulator that was kept before; move it away, or choose another directory',
  });
}

function place(directory: DirFd, name: string, write: (path: string) => void, mode: number): void {
  const copy = directory.at(unusedName(directory, workspacePrefix));
  try {
    write(copy);
    chmodSync(copy, mode);
    sync(copy);
    renameSync(copy, directory.at(name));
    syncDirectory(directory.path);
  } catch (error) {
    rmSync(copy, {force: true});
    throw systemError(join(directory.real, name), error, 'cannot write');
  }
}

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeQuietly(fd);
  }
}

/**
 * Remove a kept file and its record; false for a file that we did not put there, or that was changed.
 *
 * @throws ElfError FILE_SYSTEM
 */
export function removeKept(path: string): boolean {
  const directory = findQuietly(dirname(path));
  if (directory === undefined) return false;
  try {
    const name = basename(path);
    if (contentOfOurs(directory, name) === undefined) return false;
    inWords(path, () => {
      unlinkSync(directory.at(name));
      unlinkSync(directory.at(recordOf(name)));
    });
    return true;
  } finally {
    directory[Symbol.dispose]();
  }
}

function recordOf(name: string): string {
  return `${name}.json`;
}

/** The interpreter of an entry may be anywhere, even where others can write or nothing exists. */
function findQuietly(path: string): DirFd | undefined {
  try {
    return findOwnDirectory(path);
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/** In bytes; a record has three hundred. */
const longestRecord = 1 << 16;

function readRecord(directory: DirFd, name: string): KeptRecord | undefined {
  const source = directory.open(name);
  if (source === undefined) return undefined;
  try {
    const text = Buffer.from(source.read(0, Math.min(source.size, longestRecord))).toString();
    const record = JSON.parse(text) as KeptRecord;
    return record.version === 1 && typeof record.sha256 === 'string' ? record : undefined;
  } catch {
    return undefined;
  } finally {
    source.close();
  }
}
