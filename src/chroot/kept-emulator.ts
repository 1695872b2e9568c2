/*
 * Registering an emulator for programs in any root directory: chroots, docker, schroot. It is one file
 * (cache/self-contained.ts), registered with flag F, and tested in an empty directory.
 *
 * For the machine's own table that file is kept outside of the cache (kept-file.ts), where an entry of /etc/binfmt.d
 * finds it at boot.
 */
import {chmodSync, existsSync, mkdtempSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {
  describeEmulator,
  type EmulatorOptions,
  refuseDisabled,
  registerInTable,
  type TableOptions,
  unregisterFromTable,
} from '../binfmt/emulator.js';
import {mustFindTable, refuseHostWide, tellsArgv0} from '../binfmt/mount.js';
import type {Registration} from '../binfmt/registration.js';
import {readEntry, readTable} from '../binfmt/registry.js';
import {ElfError, inWords} from '../errors.js';
import {openOwnDirectory} from './cache/place.js';
import {type SelfContainedOptions, selfContained} from './cache/self-contained.js';
import {locateEmulator} from './find-emulator.js';
import {inheritEntries} from './host-entries.js';
import {keepFile, removeKept} from './kept-file.js';
import {targetOfEmulator} from './machine-emulators.js';
import {untilSignal} from './signals.js';
import {tryEmulator} from './try-emulator.js';

/** Where files are kept that are registered for the whole machine. */
const keptDirectory = '/var/lib/elfinterp';

/** How an emulator is kept and registered. */
export interface KeepOptions extends EmulatorOptions, SelfContainedOptions {
  /** Where its file is kept. Default: `/var/lib/elfinterp`; for a private table, the cache. */
  readonly into?: string | undefined;
}

/** How an emulator is registered. */
export interface RegisterOptions extends KeepOptions, TableOptions {
  /** With `table`: first register the entries that it hides. Default: false. */
  readonly inherit?: boolean | undefined;
}

/** An emulator that starts in every root. */
export interface KeptEmulator {
  readonly registration: Registration;
  /** The file that was made of a shared emulator and is kept; undefined for a static one, which stays where it is. */
  readonly file: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Make one file of an emulator, keep it, and describe its registration. Nothing is registered.
 *
 * @param emulator a path of this machine, or a name to be looked up in PATH
 * @throws ElfError NOT_FOUND, BAD_REQUEST (no target in its name), UNSUPPORTED, OUTSIDE (others may write to the
 *   directory), FILE_SYSTEM, and what `packProgram` throws
 */
export async function keepEmulator(emulator: string, options: KeepOptions = {}): Promise<KeptEmulator> {
  const program = locateEmulator(emulator);
  const describe = describer(program, options);
  // Called for its errors, so that nothing is written for what cannot be registered.
  describe(program);
  using one = await selfContained(program, options);
  if (one.isStatic) return {registration: describe(one.path), file: undefined, notes: []};
  const {path: file} = keepFile(one, options.into ?? keptDirectory);
  return {registration: describe(file), file, notes: []};
}

/**
 * Register an emulator, as one file, so that it starts in every root, and test it in an empty one.
 *
 * @throws ElfError as `keepEmulator` and `registerInTable` do, COMMAND_FAILED when a tiny program does not run;
 *   nothing is registered or kept then, nor when a signal ends the test
 */
export async function registerEverywhere(
  emulator: string,
  options: RegisterOptions = {},
): Promise<KeptEmulator> {
  const {mountPoint, hostWide} = mustFindTable(options.table);
  refuseHostWide({mountPoint, hostWide}, options.global ?? false);
  refuseDisabled(mountPoint);
  const program = locateEmulator(emulator);
  const describe = describer(program, options);
  const entry = describe(program).name;
  refuseTaken(mountPoint, entry);
  const one = await selfContained(program, options);
  return await untilSignal(async (signal) => {
    using source = one;
    const isKept = !source.isStatic && (hostWide || options.into !== undefined);
    const kept = isKept ? keepFile(source, options.into ?? keptDirectory) : undefined;
    const file = kept?.path;
    const registration = describe(file ?? source.path);
    try {
      if (options.inherit) inheritEntries(mountPoint, [entry], options.onWarning ?? (() => {}));
      const notes = registerInTable(registration, options);
      return {registration, file, notes: [...notes, ...(await prove(registration, options, signal))]};
    } catch (error) {
      // Another entry may use a file that was there before.
      if (kept?.isNew) removeKept(kept.path);
      throw error;
    }
  });
}

/**
 * Remove an entry from the table, and the file that `registerEverywhere` kept for it. The file of an entry in a private
 * table may also serve the machine's own table, so it is removed only with an entry of the latter.
 *
 * @returns the file that was removed
 * @throws ElfError NOT_FOUND, BAD_REQUEST, FILE_SYSTEM
 */
export function unregisterEmulator(name: string, options: TableOptions = {}): string | undefined {
  const {mountPoint, hostWide} = mustFindTable(options.table);
  refuseHostWide({mountPoint, hostWide}, options.global ?? false);
  const {interpreter} = readEntry(mountPoint, name).registration;
  unregisterFromTable(name, options);
  const others = readTable(mountPoint).entries.map(({registration}) => registration.interpreter);
  return hostWide && !others.includes(interpreter) && removeKept(interpreter) ? interpreter : undefined;
}

function describer(program: string, options: KeepOptions): (path: string) => Registration {
  const {flags = tellsArgv0() ? 'P' : '', name, target = targetOfEmulator(program).name} = options;
  return (path) => describeEmulator(path, {target, name, flags: flags.includes('F') ? flags : `${flags}F`});
}

function refuseTaken(mountPoint: string, name: string): void {
  if (!existsSync(join(mountPoint, name))) return;
  throw new ElfError('CONFLICT', `binfmt_misc entry '${name}': the name is already in use`, {
    path: mountPoint,
    expected: `another name, or elfinterp binfmt unregister ${name} first`,
  });
}

/** An entry must work whatever the root contains, so it is tested in an empty one. */
async function prove(
  registration: Registration,
  options: TableOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  let empty: string | undefined;
  try {
    empty = inWords(tmpdir(), () => mkdtempSync(join(tmpdir(), 'elfinterp-empty-')));
    using opened = openOwnDirectory(empty);
    chmodSync(opened.path, 0o755);
    await tryEmulator(registration, empty, signal);
    return [];
  } catch (error) {
    if (error instanceof ElfError && error.code === 'UNSUPPORTED') return [error.message];
    unregisterFromTable(registration.name, options);
    throw error;
  } finally {
    if (empty !== undefined) removeEmpty(empty);
  }
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // What is left is an empty directory of ours, and an error of the test says more.
  }
}
