/*
 * A mounted binfmt_misc: reading its table and changing it.
 *
 * Which table that is depends on the mount: since Linux 6.7 a user namespace that mounts binfmt_misc has one of
 * its own. So the mount point is always given, never assumed, and nothing here mounts or unmounts.
 */
import {closeSync, constants, opendirSync, openSync, readFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {ElfError, inWords, printable, systemError} from '../errors.js';
import {checkEntryName, formatRegistration, type Registration} from './registration.js';
import {matchesMagic} from './targets.js';

/** One entry of the table. */
export interface BinfmtEntry {
  readonly enabled: boolean;
  readonly registration: Registration;
}

/** All that a table of binfmt_misc holds. */
export interface BinfmtTable {
  /** False when binfmt_misc as a whole is switched off. */
  readonly enabled: boolean;
  /** The newest first: of those that match a file, the first enabled one is the kernel's choice. */
  readonly entries: readonly BinfmtEntry[];
}

/** @throws ElfError NOT_FOUND when binfmt_misc is not mounted there, FILE_SYSTEM when it cannot be read */
export function readTable(mountPoint: string): BinfmtTable {
  const enabled = isTableEnabled(mountPoint);
  return {enabled, entries: entryNames(mountPoint).flatMap((name) => findEntry(mountPoint, name) ?? [])};
}

/** @throws ElfError as `readTable` does */
export function isTableEnabled(mountPoint: string): boolean {
  return readControlFile(mountPoint, 'status').trim() === 'enabled';
}

/** Undefined for one that another process has taken out of the table meanwhile. */
function findEntry(mountPoint: string, name: string): BinfmtEntry | undefined {
  try {
    return readEntry(mountPoint, name);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** binfmt_misc lists its newest file first; `opendirSync` keeps that order, but `readdirSync` sorts by name. */
function entryNames(mountPoint: string): string[] {
  const directory = inWords(mountPoint, () => opendirSync(mountPoint));
  try {
    const names: string[] = [];
    for (let next = directory.readSync(); next !== null; next = directory.readSync()) names.push(next.name);
    return names.filter((name) => name !== 'register' && name !== 'status');
  } finally {
    directory.closeSync();
  }
}

/** @throws ElfError NOT_FOUND when there is no such entry, BAD_REQUEST when its text is not understood */
export function readEntry(mountPoint: string, name: string): BinfmtEntry {
  checkEntryName(name);
  return parseEntry(name, readControlFile(mountPoint, name));
}

/**
 * Register an interpreter. The newest entry that matches a file wins.
 *
 * @throws ElfError BAD_REQUEST, CONFLICT (the name is taken), NOT_FOUND or FILE_SYSTEM, in words
 */
export function register(mountPoint: string, registration: Registration): void {
  const text = formatRegistration(registration);
  try {
    writeControlFile(mountPoint, 'register', text);
  } catch (error) {
    throw explainRegister(error, mountPoint, registration);
  }
}

/** Switch an entry on or off; when it is off, an older one that matches applies. */
export function setEnabled(mountPoint: string, name: string, enabled: boolean): void {
  change(mountPoint, name, enabled ? '1' : '0');
}

/** Take an entry out of the table. */
export function unregister(mountPoint: string, name: string): void {
  change(mountPoint, name, '-1');
}

/** Tell whether an entry is enabled and matches a file; `head` holds the file's first 256 bytes. */
export function entryMatches(
  {enabled, registration: {match}}: BinfmtEntry,
  {path, head}: {path: string; head: Uint8Array},
): boolean {
  if (!enabled) return false;
  return match.type === 'magic' ? matchesMagic(head, match) : path.endsWith(`.${match.extension}`);
}

/** Read the text of an entry's file, as fs/binfmt_misc.c prints it. */
export function parseEntry(name: string, text: string): BinfmtEntry {
  const [state, ...lines] = text.trimEnd().split('\n');
  const values = new Map(lines.map((line) => splitAt(line, line.indexOf(' '))));
  const magic = values.get('magic');
  const mask = values.get('mask');
  // The extension is printed with its dot, and it may hold spaces of its own.
  const extension = values.get('extension')?.slice(1);
  if (magic === undefined && extension === undefined) {
    throw new ElfError(
      'BAD_REQUEST',
      `binfmt_misc entry '${printable(name)}' has neither magic nor extension`,
      {
        got: printable(text),
      },
    );
  }
  const match =
    magic === undefined
      ? ({type: 'extension', extension: extension ?? ''} as const)
      : ({
          type: 'magic',
          offset: Number(values.get('offset') ?? 0),
          magic: fromHex(magic),
          mask: mask === undefined ? undefined : fromHex(mask),
        } as const);
  const interpreter = values.get('interpreter') ?? '';
  const flags = values.get('flags:') ?? '';
  return {enabled: state === 'enabled', registration: {name, match, interpreter, flags}};
}

function splitAt(line: string, at: number): [string, string] {
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}

function fromHex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

function readControlFile(mountPoint: string, name: string): string {
  try {
    return readFileSync(join(mountPoint, name), 'utf8');
  } catch (error) {
    throw explainAccess(error, mountPoint, name);
  }
}

function change(mountPoint: string, name: string, value: '1' | '0' | '-1'): void {
  checkEntryName(name);
  try {
    writeControlFile(mountPoint, name, value);
  } catch (error) {
    throw explainAccess(error, mountPoint, name);
  }
}

/** The kernel takes each write(2) for a whole command, so the text goes out in one. */
function writeControlFile(mountPoint: string, name: string, text: string): void {
  // Not 'w', which would create a file of this name if binfmt_misc is not mounted.
  const fd = openSync(join(mountPoint, name), constants.O_WRONLY);
  try {
    writeSync(fd, Buffer.from(text));
  } finally {
    closeSync(fd);
  }
}

function explainAccess(error: unknown, mountPoint: string, name: string): ElfError {
  const {code} = error as NodeJS.ErrnoException;
  const path = join(mountPoint, name);
  const control = name === 'status' || name === 'register';
  if (code === 'ENOENT' && control) {
    return new ElfError('NOT_FOUND', 'binfmt_misc is not mounted here', {path: mountPoint, cause: error});
  }
  if (code === 'ENOENT') return new ElfError('NOT_FOUND', 'no such entry', {path, cause: error});
  if (code === 'EACCES' || code === 'EPERM') {
    const who = 'only root of the user namespace that mounted binfmt_misc may change it';
    return new ElfError('FILE_SYSTEM', who, {path, cause: error});
  }
  return systemError(path, error);
}

/** What an errno of `register` means, given that the checks in registration.ts have passed. */
function explainRegister(error: unknown, mountPoint: string, registration: Registration): ElfError {
  const {code, syscall} = error as NodeJS.ErrnoException;
  if (syscall === 'open') return explainAccess(error, mountPoint, 'register');
  const {name, interpreter, flags} = registration;
  const entry = `binfmt_misc entry '${printable(name)}'`;
  const facts = {path: interpreter, cause: error};
  if (code === 'EEXIST') {
    return new ElfError('CONFLICT', `${entry}: the name is already in use`, {path: mountPoint, cause: error});
  }
  if (code === 'ENOENT') {
    return new ElfError(
      'NOT_FOUND',
      `${entry}: flag F opens the interpreter at registration, but it does not exist`,
      facts,
    );
  }
  if (code === 'EACCES') {
    const what = 'flag F opens the interpreter at registration, but it is not executable';
    const expected = 'an executable file on a mount without noexec';
    return new ElfError('FILE_SYSTEM', `${entry}: ${what}`, {...facts, expected});
  }
  if (code === 'EINVAL') {
    const expected = `flags that Linux knows, such as P, O, C, F`;
    return new ElfError('UNSUPPORTED', `${entry}: the kernel refused it`, {
      expected,
      got: flags,
      cause: error,
    });
  }
  if (code === 'ENOSPC') {
    return new ElfError('FILE_SYSTEM', `${entry}: too many entries in this user namespace`, facts);
  }
  return systemError(join(mountPoint, 'register'), error, entry);
}
