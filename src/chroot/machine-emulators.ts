/*
 * Emulators of this machine for programs of a chroot that has none in it. Each is one file (cache/self-contained.ts)
 * and is registered with flag F: the kernel opens it outside, once, and the chroot stays as it is.
 */
import {posix} from 'node:path';
import {describeEmulator} from '../binfmt/emulator.js';
import type {Registration} from '../binfmt/registration.js';
import {isNativeTarget, type QemuTarget, targetOfEmulatorName} from '../binfmt/targets.js';
import {ElfError, printable} from '../errors.js';
import {Root} from '../loader/root.js';
import {architectureOf, findArchitecture} from './architecture.js';
import {type SelfContained, type SelfContainedOptions, selfContained} from './cache/self-contained.js';
import {defaultFlags, foreignTarget, nameOf} from './emulators.js';
import {findHostEmulator, locateEmulator, lookForHostEmulator} from './find-emulator.js';
import type {ProgramInside} from './program.js';

/** An emulator of this machine, and what it is for. */
export interface WantedEmulator {
  readonly program: string;
  readonly target: QemuTarget;
}

/** Registrations of emulators of this machine. Dispose of it when they are registered. */
interface MachineEmulators extends Disposable {
  readonly registrations: readonly Registration[];
}

/**
 * Decide which emulators of this machine a run needs.
 *
 * @param inChroot what the chroot has itself
 * @param named emulators that were asked for; they go before those of the chroot
 * @throws ElfError BAD_REQUEST when an emulator's target is unknown
 */
export function wantedEmulators(
  root: Root,
  program: ProgramInside | undefined,
  inChroot: readonly Registration[],
  named: readonly string[] = [],
): readonly WantedEmulator[] {
  const target = program === undefined ? findArchitecture(root)?.targets[0] : foreignTarget(program);
  if (named.length > 0)
    return named.map((name) => ({program: locateEmulator(name), target: targetOf(name, named, target)}));
  if (target === undefined || isNativeTarget(target)) return [];
  if (inChroot.some(({name}) => name === nameOf(target))) return [];
  const found = lookForHostEmulator([target]);
  return found === undefined ? [] : [{program: found, target}];
}

/**
 * Find the emulator of this machine for a chroot's programs; undefined where none is needed.
 *
 * @throws ElfError NOT_FOUND (no such chroot or emulator, or nothing shows the architecture), UNSUPPORTED
 */
export function emulatorForChroot(chroot: string): string | undefined {
  const architecture = architectureOf(new Root(chroot));
  return architecture.isNative ? undefined : findHostEmulator(architecture);
}

/** If only one emulator is named and its name does not tell its target, assume the one that the chroot needs. */
function targetOf(name: string, named: readonly string[], needed: QemuTarget | undefined): QemuTarget {
  return named.length === 1 && needed !== undefined ? (toldBy(name) ?? needed) : targetOfEmulator(name);
}

/** @throws ElfError BAD_REQUEST when an emulator's name does not say what it is for */
export function targetOfEmulator(program: string): QemuTarget {
  const target = toldBy(program);
  if (target !== undefined) return target;
  throw new ElfError('BAD_REQUEST', 'cannot determine the target of this emulator from its name', {
    path: program,
    expected: 'a name such as qemu-arm',
  });
}

function toldBy(program: string): QemuTarget | undefined {
  return targetOfEmulatorName(posix.basename(program));
}

/**
 * Make each emulator one file and describe its registration.
 *
 * @param flags F is added
 * @throws ElfError as `selfContained` does, UNSUPPORTED for this machine's own target
 */
export async function fetchEmulators(
  wanted: readonly WantedEmulator[],
  flags = defaultFlags,
  options: SelfContainedOptions = {},
): Promise<MachineEmulators> {
  const each = oncePerTarget(wanted);
  const files = await fetchFiles(
    each.map(({program}) => program),
    options,
  );
  try {
    const registrations = each.map(({target}, i) =>
      describeEmulator(files.paths[i] ?? '', {target: target.name, flags: withF(flags)}),
    );
    return {registrations, [Symbol.dispose]: files[Symbol.dispose]};
  } catch (error) {
    files[Symbol.dispose]();
    throw error;
  }
}

/**
 * One emulator for each target: armel and armhf have the same one.
 *
 * @throws ElfError BAD_REQUEST when two are asked for
 */
function oncePerTarget(wanted: readonly WantedEmulator[]): readonly WantedEmulator[] {
  const programs = new Map<QemuTarget, string>();
  for (const {program, target} of wanted) {
    const other = programs.get(target) ?? program;
    if (other !== program) {
      throw new ElfError('BAD_REQUEST', `two emulators for ${target.name}, and only one can be used`, {
        path: program,
        got: printable(other),
      });
    }
    programs.set(target, program);
  }
  return [...programs].map(([target, program]) => ({program, target}));
}

function withF(flags: string): string {
  return flags.includes('F') ? flags : `${flags}F`;
}

/**
 * Make each emulator one file; returns their paths, valid until they are disposed of. @throws ElfError as
 * `selfContained` does
 */
export async function fetchFiles(
  programs: readonly string[],
  options: SelfContainedOptions = {},
): Promise<{readonly paths: readonly string[]} & Disposable> {
  const files: SelfContained[] = [];
  const dispose = () => {
    for (const file of files) file[Symbol.dispose]();
  };
  try {
    for (const program of programs) files.push(await selfContained(program, options));
    return {paths: files.map(({path}) => path), [Symbol.dispose]: dispose};
  } catch (error) {
    dispose();
    throw error;
  }
}
