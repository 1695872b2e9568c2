/*
 * Registering an emulator for the programs of a qemu-user target, in whichever table.
 */
import {posix} from 'node:path';
import {openElfSource} from '../elf/open.js';
import {ElfError, printable} from '../errors.js';
import {type FileSource, fileSource} from '../source/file.js';
import {quoted} from '../source/shell-word.js';
import {mustFindTable, refuseHostWide} from './mount.js';
import {formatRegistration, type Registration} from './registration.js';
import {entryMatches, isTableEnabled, readEntry, register, setEnabled, unregister} from './registry.js';
import {isHarmfulTarget, qemuTargets, targetByName, targetNameIn} from './targets.js';

/** Which table, and whether it may be the machine's own. */
export interface TableOptions {
  /** Where binfmt_misc is mounted. Default: the mount that this process sees. */
  readonly table?: string | undefined;
  /** Allow the change of the machine's own table. Default: false. */
  readonly global?: boolean | undefined;
}

/** What an emulator is registered for, and how. */
export interface EmulatorOptions {
  /** The qemu-user target. Default: what the program's name says, as in qemu-TARGET. */
  readonly target?: string | undefined;
  /** The entry's name. Default: `qemu-TARGET`. */
  readonly name?: string | undefined;
  /** Default: `P`. */
  readonly flags?: string | undefined;
}

/** What each flag means for an emulator. */
export const flagMeanings: Readonly<Record<string, string>> = {
  P: 'programs see the argv[0] that they were started with',
  O: 'the emulator gets the program as an open file, so the program need not be readable',
  C: 'honours setuid bits: the emulator runs with these privileges, and its loader ignores LD_* variables',
  F: 'the emulator is opened once, at registration, and used for every chroot; a dynamically linked emulator must be packed',
};

/**
 * Describe the registration of an emulator. Nothing is registered.
 *
 * @param interpreter its path; without flag F, the kernel looks it up in the chroot of the process that starts a
 *   program
 * @throws ElfError BAD_REQUEST (no target in its name), UNSUPPORTED (no such target, or this machine's own)
 * @example
 *   const registration = describeEmulator('/debootstrap/qemu-arm');
 *   console.log(exportRegistration(registration, 'binfmt.d'));
 */
export function describeEmulator(interpreter: string, options: EmulatorOptions = {}): Registration {
  const wanted = options.target ?? targetNameIn(posix.basename(interpreter));
  if (wanted === undefined) {
    throw new ElfError('BAD_REQUEST', 'cannot determine the target of this emulator from its name', {
      path: interpreter,
      expected: 'a name such as qemu-arm',
      allowedBy: 'target',
    });
  }
  const target = targetByName(wanted);
  if (target === undefined) {
    const expected = qemuTargets.map(({name}) => name).join(', ');
    throw new ElfError('UNSUPPORTED', 'qemu-user has no such target', {expected, got: printable(wanted)});
  }
  if (isHarmfulTarget(target)) throw ownArchitecture(`qemu-${target.name}`);
  const {magic, mask} = target;
  const {name = `qemu-${target.name}`, flags = 'P'} = options;
  return {name, match: {type: 'magic', offset: 0, magic, mask}, interpreter, flags};
}

/**
 * Register an interpreter and read the entry back.
 *
 * @returns notes on what may not work as expected
 * @throws ElfError BAD_REQUEST (the machine's own table without `global`; a mistake in the registration), UNSUPPORTED
 *   (it would catch this machine's own programs), CONFLICT (the name is taken), NOT_FOUND, FILE_SYSTEM
 */
export function registerInTable(registration: Registration, options: TableOptions = {}): readonly string[] {
  const mount = mustFindTable(options.table);
  refuseHostWide(mount, options.global ?? false);
  formatRegistration(registration);
  if (catchesOwnPrograms(registration)) throw ownArchitecture(registration.name);
  register(mount.mountPoint, registration);
  const entry = readEntry(mount.mountPoint, registration.name);
  const notes = entry.enabled ? [] : ['the entry is registered but not enabled'];
  return [...notes, ...warnOfLoader(registration)];
}

/** In a table that is switched off no entry counts, so none can be tested. @throws ElfError UNSUPPORTED */
export function refuseDisabled(mountPoint: string): void {
  if (isTableEnabled(mountPoint)) return;
  throw new ElfError('UNSUPPORTED', 'binfmt_misc is disabled, so no entry can be tested', {
    path: mountPoint,
    expected: switchOn(mountPoint),
  });
}

/** How the whole table is switched on again. */
export function switchOn(mountPoint: string): string {
  return `echo 1 >${quoted(`${mountPoint}/status`)}`;
}

/** Remove an entry from the table. @throws ElfError NOT_FOUND, BAD_REQUEST, FILE_SYSTEM */
export function unregisterFromTable(name: string, options: TableOptions = {}): void {
  unregister(tableToChange(options), name);
}

/** Switch an entry on or off. @throws ElfError NOT_FOUND, BAD_REQUEST, FILE_SYSTEM */
export function enableInTable(name: string, enabled: boolean, options: TableOptions = {}): void {
  setEnabled(tableToChange(options), name, enabled);
}

function tableToChange({table, global = false}: TableOptions): string {
  const mount = mustFindTable(table);
  refuseHostWide(mount, global);
  return mount.mountPoint;
}

function ownArchitecture(name: string): ElfError {
  return new ElfError(
    'UNSUPPORTED',
    `binfmt_misc entry '${printable(name)}' would catch this machine's own programs`,
    {
      expected:
        'another architecture; otherwise every program, including the emulator, fails with "Too many levels of symbolic links"',
    },
  );
}

/** The program that runs this is one of the machine's own. */
function catchesOwnPrograms(registration: Registration): boolean {
  const source = fileSource('/proc/self/exe');
  try {
    const head = Uint8Array.from(source.read(0, 256));
    return entryMatches({enabled: true, registration}, {path: process.execPath, head});
  } finally {
    source.close();
  }
}

/**
 * Flag F keeps the emulator open, but not its loader: in a chroot without it, programs fail with "No such file or
 * directory".
 */
function warnOfLoader({interpreter, flags}: Registration): readonly string[] {
  const loader = flags.includes('F') ? loaderOf(() => fileSource(interpreter)) : undefined;
  if (loader === undefined) return [];
  return [
    `${interpreter} is dynamically linked: even with flag F, it starts only in chroots that have ${loader}; elfinterp binfmt register ${posix.basename(interpreter)} packs it into one file that starts in all chroots`,
  ];
}

/** Tell whether a file is a program that asks for a loader; false for a file that cannot be read. */
export function isSharedProgram(path: string): boolean {
  return loaderOf(() => fileSource(path)) !== undefined;
}

/** The loader that a program asks for; undefined for a static one and for what is not a readable program. */
export function loaderOf(open: () => FileSource): string | undefined {
  try {
    const file = openElfSource(open());
    try {
      return file.view.interpreter?.path;
    } finally {
      void file.close();
    }
  } catch {
    return undefined;
  }
}
