/*
 * Which program emulates a chroot's architecture: one of this machine, to be bundled, or one that is installed in
 * the chroot itself (Debian's multiarch: qemu-user of this machine's architecture with its libraries).
 */
import {posix} from 'node:path';
import {isNativeTarget, type QemuTarget, targetOfFile} from '../binfmt/targets.js';
import {ElfError} from '../errors.js';
import {Resolver} from '../loader/resolve.js';
import type {Root} from '../loader/root.js';
import {isElfMagic} from '../source/source.js';
import type {Architecture} from './architecture.js';
import {readHead} from './program.js';
import {locateProgram} from './tools.js';

/** The names that distributions give an emulator. */
function namesOf({name}: QemuTarget): readonly string[] {
  return [`qemu-${name}`, `qemu-${name}-static`];
}

/**
 * Find an emulator on this machine, shared or static.
 *
 * @throws ElfError NOT_FOUND with the names that were looked for
 */
export function findHostEmulator({name, targets}: Pick<Architecture, 'name' | 'targets'>): string {
  const path = lookForHostEmulator(targets);
  if (path !== undefined) return path;
  const names = targets.flatMap(namesOf);
  throw new ElfError('NOT_FOUND', `this machine has no emulator for ${name}`, {
    expected: `${names.join(' or ')} (Debian packages qemu-user, qemu-user-static), or the path of an emulator`,
  });
}

/** The same; undefined when there is none. */
export function lookForHostEmulator(targets: readonly QemuTarget[]): string | undefined {
  return targets
    .flatMap(namesOf)
    .map(locateProgram)
    .find((found) => found !== undefined);
}

/** Find the file that a user means by PROGRAM: a path, or a name to be looked up as a shell does. */
export function locateEmulator(program: string): string {
  if (program.includes('/')) return program;
  return locateProgram(program) ?? program;
}

/** An emulator that a chroot has of its own, as seen from inside. */
interface OwnEmulator {
  readonly path: string;
  readonly target: QemuTarget;
}

const directories = ['/usr/bin', '/usr/local/bin', '/bin'];

/** Find an emulator that is installed in the chroot and finds everything that it needs there. */
export function findOwnEmulator(root: Root, targets: readonly QemuTarget[]): OwnEmulator | undefined {
  for (const target of targets) {
    const paths = namesOf(target).flatMap((name) =>
      directories.map((directory) => posix.join(directory, name)),
    );
    const path = paths.find((candidate) => isWorking(root, candidate));
    if (path !== undefined) return {path, target};
  }
  return undefined;
}

/** A program for this machine whose loader and libraries are all there. */
function isWorking(root: Root, path: string): boolean {
  const head = readHead(root, path);
  const target = head !== undefined && isElfMagic(head) ? targetOfFile(head) : undefined;
  if (target === undefined || !isNativeTarget(target)) return false;
  try {
    const {misses, interpreter} = new Resolver({root: root.host}).resolve(path);
    return misses.every(({optional}) => optional) && interpreter?.substituted !== true;
  } catch {
    return false;
  }
}
