/*
 * What is registered outside: it applies to chroot(8), docker and every other way in; `chroot run` makes a table of its
 * own in which the bundle's emulator wins.
 */

import {loaderOf, switchOn} from '../../binfmt/emulator.js';
import {type BinfmtMount, findTable, inInitialUserNamespace} from '../../binfmt/mount.js';
import {type BinfmtEntry, type BinfmtTable, entryMatches, readTable} from '../../binfmt/registry.js';
import type {QemuTarget} from '../../binfmt/targets.js';
import {ElfError, printable} from '../../errors.js';
import {Root} from '../../loader/root.js';
import {quoted} from '../../source/shell-word.js';
import {readHead} from '../program.js';
import {broken, doubtful, type Finding, fine} from './finding.js';

/** A chroot whose programs need an emulator. */
export interface Guest {
  readonly root: Root;
  readonly target: QemuTarget;
  /** Whether it has an emulator that `chroot run` would register. */
  readonly hasEmulator: boolean;
}

export function examineTable(guest: Guest | undefined): readonly Finding[] {
  const mount = findTable();
  if (mount === undefined) {
    return [
      fine('TABLE', 'binfmt_misc is not mounted (chroot run does not need it)', '/proc/self/mountinfo'),
    ];
  }
  const table = read(mount.mountPoint);
  if (table instanceof ElfError)
    return [doubtful('TABLE', 'the binfmt_misc table cannot be read', table.message)];
  const whose = mount.hostWide ? "the machine's own table" : 'the table of a user namespace';
  if (!table.enabled) {
    const what = `binfmt_misc is disabled, so none of its entries counts: it is ${whose}`;
    return [doubtful('TABLE', what, mount.mountPoint, switchOn(mount.mountPoint))];
  }
  return [
    fine('TABLE', `binfmt_misc is ${whose}`, `${mount.mountPoint}, ${table.entries.length} entries`),
    ...examineHiding(mount, table, guest),
    ...examineLoops(table, mount.hostWide),
    ...(guest === undefined ? [] : examineGuest(guest, table, mount.hostWide)),
  ];
}

function read(mountPoint: string): BinfmtTable | ElfError {
  try {
    return readTable(mountPoint);
  } catch (error) {
    if (error instanceof ElfError) return error;
    throw error;
  }
}

function examineHiding(
  {mountPoint, hostWide}: BinfmtMount,
  {entries}: BinfmtTable,
  guest: Guest | undefined,
): readonly Finding[] {
  if (hostWide || inInitialUserNamespace() || entries.length > 0) return [];
  const emulator = guest?.hasEmulator ? `--chroot ${quoted(guest.root.host)}` : '/path/to/qemu-TARGET';
  return [
    doubtful(
      'TABLE_HIDES',
      "this user namespace has its own empty table, which hides the machine's",
      mountPoint,
      `elfinterp binfmt register ${emulator} (unmounting the table does not restore the other one; only leaving the namespace does)`,
    ),
  ];
}

/** An interpreter that is itself caught by an entry: the kernel gives up with ELOOP. */
function examineLoops({entries}: BinfmtTable, hostWide: boolean): readonly Finding[] {
  const host = new Root();
  return entries.filter(isOn).flatMap(({registration: {name, interpreter}}) => {
    const head = readHead(host, interpreter);
    const catching =
      head === undefined
        ? undefined
        : entries.find((entry) => entryMatches(entry, {path: interpreter, head}));
    if (catching === undefined) return [];
    const what = 'an entry matches the interpreter of an entry: "Too many levels of symbolic links"';
    const evidence = `${printable(interpreter)}, of ${printable(name)}, matches ${printable(catching.registration.name)}`;
    const remedy = `elfinterp binfmt unregister ${quoted(catching.registration.name)}${hostWide ? ' --global' : ''}`;
    return [broken('ENTRY_LOOP', what, evidence, remedy)];
  });
}

function isOn({enabled}: BinfmtEntry): boolean {
  return enabled;
}

/** What the kernel would do with the guest's programs if this table were the one that counts. */
function examineGuest(guest: Guest, {entries}: BinfmtTable, hostWide: boolean): readonly Finding[] {
  const head = Uint8Array.from(guest.target.magic);
  const matching = entries.filter((entry) => entryMatches(entry, {path: '', head}));
  const [winner, ...shadowed] = matching;
  if (winner === undefined) return [];
  const problem = problemOf(winner, guest, hostWide);
  const {name} = winner.registration;
  const works = shadowed.find((entry) => problemOf(entry, guest, hostWide) === undefined);
  if (problem === undefined) {
    const others = shadowed.map(({registration}) => registration.name);
    const evidence = others.length > 0 ? `${name}, before ${others.join(', ')}` : name;
    return [
      fine(
        'ENTRY_WINS',
        `a working entry for ${guest.target.name} programs is registered outside the chroot`,
        evidence,
      ),
    ];
  }
  if (works === undefined) return [problem];
  const what = `a broken entry precedes a working one (${works.registration.name})`;
  const severity = guest.hasEmulator ? doubtful : broken;
  const remedy = `elfinterp binfmt disable ${quoted(name)}${hostWide ? ' --global' : ''}`;
  return [severity('ENTRY_SHADOWS', what, `${name}: ${problem.evidence}`, remedy)];
}

/** Register the emulator as one file, which starts in every root. */
function registerAgain(name: string, target: QemuTarget, hostWide: boolean): string {
  const table = hostWide ? ' --global' : '';
  return `elfinterp binfmt unregister ${quoted(name)}${table} && elfinterp binfmt register qemu-${target.name}${table}`;
}

/** Why an entry leads to nothing for programs in the chroot; undefined when it works, as far as can be seen. */
function problemOf({registration}: BinfmtEntry, guest: Guest, hostWide: boolean): Finding | undefined {
  const {name, interpreter, flags} = registration;
  const severity = guest.hasEmulator ? doubtful : broken;
  const remedy = guest.hasEmulator
    ? `elfinterp chroot run ${quoted(guest.root.host)} does not need the entry; elfinterp binfmt disable ${quoted(name)}${hostWide ? ' --global' : ''} disables it`
    : registerAgain(name, guest.target, hostWide);
  const opened = flags.includes('F');
  const where = opened ? new Root() : guest.root;
  const there = where.resolve(interpreter);
  if (!there.found) {
    // With F the kernel holds the file open, whatever became of its name.
    if (opened) return undefined;
    const what = 'the registered interpreter does not exist in the chroot: "No such file or directory"';
    return severity('ENTRY_WITHOUT_INTERPRETER', what, `${name}: ${printable(interpreter)}`, remedy);
  }
  const loader = loaderOf(() => where.source(there.host));
  if (loader === undefined || guest.root.resolve(loader).found) return undefined;
  const what = opened
    ? 'flag F keeps the emulator open, but it is dynamically linked and its loader is not in the chroot: "No such file or directory"'
    : 'the registered interpreter is dynamically linked and its loader is not in the chroot: "No such file or directory"';
  const code = opened ? 'ENTRY_F_SHARED' : 'ENTRY_WITHOUT_INTERPRETER';
  const evidence = `${name}: ${printable(interpreter)} asks for ${printable(loader)}`;
  return severity(code, what, evidence, opened ? registerAgain(name, guest.target, hostWide) : remedy);
}
