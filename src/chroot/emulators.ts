/*
 * Which emulators a run registers, decided before anything is started.
 */

import type {Registration} from '../binfmt/registration.js';
import {type BinfmtEntry, entryMatches} from '../binfmt/registry.js';
import {
  isHarmfulTarget,
  isNativeTarget,
  type QemuTarget,
  targetByName,
  targetOfFile,
} from '../binfmt/targets.js';
import type {ManifestProgram} from '../bundle/manifest.js';
import {ElfError} from '../errors.js';
import {findOwn} from '../loader/inside.js';
import {Root} from '../loader/root.js';
import {isElfMagic} from '../source/source.js';
import {findArchitecture} from './architecture.js';
import {findOwnEmulator} from './find-emulator.js';
import {type BundlePlace, type FoundManifest, findManifest} from './manifest.js';
import type {ProgramInside} from './program.js';

/**
 * The default flags of a bundle's emulators. P, so that programs see the argv[0] that they were started with. Not F:
 * the path is looked up in the chroot at each start, so no chroot pins another's file.
 */
export const defaultFlags = 'P';

/**
 * Plan the registrations of a bundle: one for each emulator in it.
 *
 * @throws ElfError NOT_FOUND (a file of the bundle is gone), OUTSIDE, UNSUPPORTED (no such target)
 */
export function planEmulators(
  root: Root,
  {manifest, path}: FoundManifest,
  {flags = defaultFlags, onWarning}: {flags?: string | undefined; onWarning: (message: string) => void},
): readonly Registration[] {
  const planned = new Map<string, Registration>();
  for (const program of manifest.programs) {
    if (program.qemuTarget === null) continue;
    const target = targetByName(program.qemuTarget);
    if (target === undefined) throw unknownTarget(path, program.qemuTarget);
    if (isHarmfulTarget(target)) {
      onWarning(`${program.path} is not registered: this machine runs ${target.name} programs natively`);
    } else if (planned.has(target.name)) {
      onWarning(`${program.path} is not registered: the bundle has another emulator for ${target.name}`);
    } else {
      planned.set(target.name, planEmulator(root, program, target, flags));
    }
  }
  return [...planned.values()];
}

/**
 * Describe the registrations of the bundle in a chroot. Nothing is registered.
 *
 * @throws ElfError NOT_FOUND when there is no bundle, or a file of it is gone; OUTSIDE, BAD_MANIFEST, UNSUPPORTED
 */
export function bundledEmulators(
  chroot: string,
  options: BundlePlace & {flags?: string | undefined} = {},
  onWarning: (message: string) => void = () => {},
): readonly Registration[] {
  const root = new Root(chroot);
  const found = findManifest(root, options);
  if (found !== undefined) return planEmulators(root, found, {flags: options.flags, onWarning});
  throw new ElfError('NOT_FOUND', 'no bundle is installed in this chroot', {path: root.host});
}

/**
 * Plan the registration of an emulator that the chroot has of its own, for a program that needs one.
 *
 * @param planned what the bundle has already
 */
export function planOwnEmulator(
  root: Root,
  program: ProgramInside | undefined,
  planned: readonly Registration[],
  flags = defaultFlags,
): readonly Registration[] {
  const target = program === undefined ? findArchitecture(root)?.targets[0] : foreignTarget(program);
  if (target === undefined || isNativeTarget(target)) return [];
  if (planned.some(({name}) => name === nameOf(target))) return [];
  const own = findOwnEmulator(root, [target]);
  return own === undefined ? [] : [registrationOf(root, own.path, target, flags)];
}

/**
 * Explain in advance why a program would not run, as far as that can be seen; the kernel says only "Exec format error".
 *
 * @param global whether only what is registered outside counts
 * @throws ElfError NOT_FOUND when nothing is registered for a foreign program
 */
export function checkRunnable(
  program: ProgramInside,
  entries: readonly BinfmtEntry[],
  global: boolean,
): void {
  const target = foreignTarget(program);
  if (target === undefined) return;
  if (entries.some((entry) => entryMatches(entry, program))) return;
  if (global) {
    throw new ElfError(
      'NOT_FOUND',
      `the program is for ${target.name}, and no enabled entry of binfmt_misc outside is`,
      {
        path: program.path,
        expected: `elfinterp binfmt register qemu-${target.name} --global, or a run that does not rely on it`,
        got: entries.map(({registration}) => registration.name).join(', ') || 'no entry',
      },
    );
  }
  throw new ElfError('NOT_FOUND', `the program is for ${target.name}, and there is no emulator for it`, {
    path: program.path,
    expected: `qemu-${target.name} or qemu-${target.name}-static in PATH (Debian packages qemu-user, qemu-user-static), or in the chroot`,
    got: entries.map(({registration}) => registration.name).join(', ') || 'no emulator',
  });
}

/** A registration as the entry that it becomes. */
export function enabledEntry(registration: Registration): BinfmtEntry {
  return {enabled: true, registration};
}

/** The target of a program that this machine does not run itself. */
export function foreignTarget({head}: ProgramInside): QemuTarget | undefined {
  const target = isElfMagic(head) ? targetOfFile(head) : undefined;
  return target === undefined || isNativeTarget(target) ? undefined : target;
}

function planEmulator(root: Root, program: ManifestProgram, target: QemuTarget, flags: string): Registration {
  mustHave(root, program.path);
  if (program.interpreter !== null) mustHave(root, program.interpreter);
  if (program.wraps === undefined) return registrationOf(root, program.path, target, flags);
  mustHave(root, program.wraps);
  // Only the kernel can tell the emulator about flag P, and here a shell is in between.
  return registrationOf(root, program.path, target, flags.replaceAll('P', ''));
}

/** The name that distributions use, and that mmdebstrap and arch-test look for. */
export function nameOf(target: QemuTarget): string {
  return `qemu-${target.name}`;
}

function registrationOf(root: Root, path: string, target: QemuTarget, flags: string): Registration {
  const {magic, mask} = target;
  const there = root.resolve(path);
  return {
    name: nameOf(target),
    match: {type: 'magic', offset: 0, magic, mask},
    // With F the kernel opens it now, for a process outside the chroot; without F, at each start, inside.
    interpreter: flags.includes('F') && there.found ? there.host : path,
    flags,
  };
}

function mustHave(root: Root, path: string): void {
  if (findOwn(root, path) !== undefined) return;
  throw new ElfError('NOT_FOUND', `a file of the bundle is missing: ${path}`, {path: root.host});
}

function unknownTarget(path: string, got: string): ElfError {
  return new ElfError('UNSUPPORTED', 'qemu-user has no such target', {
    path,
    expected: 'a target, as in qemu-TARGET',
    got,
  });
}
