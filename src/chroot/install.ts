/*
 * The emulator that a chroot needs, found and bundled into it.
 */
import {type BundleOptions, type BundleResult, bundleAt} from '../bundle/bundle.js';
import type {Manifest} from '../bundle/manifest.js';
import {settle} from '../bundle/staging.js';
import {ElfError, inWords} from '../errors.js';
import {HeldRoot} from '../loader/held-root.js';
import type {Root} from '../loader/root.js';
import {type Architecture, describeArchitecture, findArchitecture} from './architecture.js';
import {findHostEmulator, findOwnEmulator, locateEmulator} from './find-emulator.js';
import {findProcesses, refuseUses} from './in-use.js';
import {defaultPrefixes, findManifest, readManifest} from './manifest.js';

/** Which emulators to install, and where. */
export interface InstallOptions extends Omit<BundleOptions, 'into' | 'qemuTarget' | 'beforeReplacing'> {
  /** The chroot's Debian architecture. Default: found out from what is in it. */
  readonly architecture?: string | undefined;
}

/** What was installed. */
export interface InstallResult {
  readonly architecture: Architecture;
  /** The programs of this machine that were bundled. */
  readonly emulators: readonly string[];
  /** An emulator that the chroot has of its own, seen from inside; nothing was bundled then. */
  readonly own: string | undefined;
  /** Undefined when nothing was bundled. */
  readonly bundle: BundleResult | undefined;
  readonly notes: readonly string[];
}

/**
 * Bundle the emulator that a chroot's programs need into it.
 *
 * Nothing is bundled where this machine runs the programs itself, or where the chroot has a working emulator of its
 * own, unless programs are named. A bundle that is there already is replaced; emulators for other targets stay.
 *
 * @param programs emulators of this machine; default: the one for the chroot's architecture, out of PATH
 * @throws ElfError NOT_FOUND (no such chroot or emulator), UNSUPPORTED (no such architecture), BUSY (a program of
 *   the bundle that would be replaced is running), and what `bundle` throws
 * @example
 *   const {architecture} = await installEmulator('./chroot');
 *   console.log(architecture.name); // armel
 */
export async function installEmulator(
  chroot: string,
  programs: readonly string[] = [],
  options: InstallOptions = {},
): Promise<InstallResult> {
  using root = HeldRoot.at(chroot);
  if (root.isTrivial)
    throw new ElfError('BAD_REQUEST', 'this is the root of the machine, not a chroot', {path: chroot});
  // Where a bundle is has to be known before the question where one goes.
  inWords(root.host, () => settle(root.top));
  const architecture = architectureOf(root, options.architecture);
  const own = findOwnEmulator(root, architecture.targets);
  const result = {architecture, emulators: [], own: undefined, bundle: undefined, notes: []};
  if (programs.length === 0 && architecture.isNative) {
    return {
      ...result,
      notes: [`this machine runs ${architecture.name} programs itself: no emulator is needed`],
    };
  }
  if (programs.length === 0 && own !== undefined) {
    return {
      ...result,
      own: own.path,
      notes: [`the chroot has an emulator of its own, ${own.path}: it is used`],
    };
  }
  const emulators = programs.length > 0 ? programs.map(locateEmulator) : [findHostEmulator(architecture)];
  const bundled = bundleAt(root, emulators, {
    ...options,
    prefix: prefixFor(root, options),
    qemuTarget: programs.length === 1 ? architecture.targets[0]?.name : undefined,
    // A program that starts between two renames would find no loader.
    beforeReplacing: (earlier) => refuseUses(root, earlier, findProcesses(root, earlier)),
  });
  const notes = [...noteOnTargets(bundled.manifest, architecture), ...bundled.notes];
  return {...result, emulators, bundle: bundled, notes};
}

/** Emulators for other programs are not refused: a chroot may have programs of several architectures. */
function noteOnTargets({programs}: Manifest, {name, targets}: Architecture): string[] {
  const wanted = targets.map((target) => target.name);
  const got = programs.map(({qemuTarget}) => qemuTarget);
  if (got.some((target) => target === null || wanted.includes(target))) return [];
  return [
    `programs of this chroot (${name}) need qemu-${wanted.join(' or qemu-')}, not qemu-${got.join(', qemu-')}`,
  ];
}

/** Where a bundle is already, or goes; one that is there must be one that can be replaced. */
function prefixFor(root: Root, {prefix, libs}: InstallOptions): string {
  if (prefix === undefined) return findManifest(root, {libs})?.manifest.prefix ?? defaultPrefixes[0];
  if (prefix.startsWith('/')) readManifest(root, prefix, libs);
  return prefix;
}

/** @throws ElfError NOT_FOUND when nothing in the chroot tells */
export function architectureOf(root: Root, name?: string): Architecture {
  if (name !== undefined) return describeArchitecture(name);
  const found = findArchitecture(root);
  // Once more by its name, for an error where no target has it.
  if (found !== undefined)
    return found.targets.length > 0 ? found : describeArchitecture(found.name, found.evidence);
  throw new ElfError('NOT_FOUND', 'nothing tells the architecture of this chroot', {
    path: root.host,
    expected:
      '/var/lib/dpkg/arch, dpkg in /var/lib/dpkg/status, /debootstrap/arch, or a program such as /bin/sh; else name it with --arch',
  });
}
