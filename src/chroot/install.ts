/*
 * The emulator that a chroot needs, found and bundled into it.
 */
import {type BundleResult, bundleAt} from '../bundle/bundle.js';
import type {Manifest} from '../bundle/manifest.js';
import type {BundleOptions} from '../bundle/request.js';
import {settle} from '../bundle/staging.js';
import {ElfError, inWords} from '../errors.js';
import {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import {type Architecture, architectureOf} from './architecture.js';
import {findHostEmulator, findOwnEmulator, locateEmulator} from './find-emulator.js';
import {findProcesses, refuseUses} from './in-use.js';
import {fetchFiles} from './machine-emulators.js';
import {defaultLibs, defaultPrefixes, findManifest, readManifest} from './manifest.js';

/** Which emulators to install, and where. */
export interface InstallOptions
  extends Omit<BundleOptions, 'into' | 'prefix' | 'libs' | 'qemuTarget' | 'beforeReplacing'> {
  /** Where the emulators go, seen from inside. Default: where a bundle is already, else `/debootstrap`. */
  readonly prefix?: string | undefined;
  /** Name of the library directory under the prefix. Default: `qemu-libs`. */
  readonly libs?: string | undefined;
  /** The chroot's Debian architecture. Default: found out from what is in it. */
  readonly architecture?: string | undefined;
  /** Install each shared emulator as one file, with its loader and its libraries inside. Default: false. */
  readonly oneFile?: boolean | undefined;
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
 * @param programs emulators of this machine; default: the one for the chroot's architecture, from PATH
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
  using root = OpenRoot.at(chroot);
  if (root.isTrivial)
    throw new ElfError('BAD_REQUEST', 'this is the root directory of the machine, not a chroot', {
      path: chroot,
    });
  // Settle interrupted changes first: where a bundle is decides where the new one goes.
  inWords(root.host, () => settle(root.top));
  const architecture = architectureOf(root, options.architecture);
  const own = findOwnEmulator(root, architecture.targets);
  const result = {architecture, emulators: [], own: undefined, bundle: undefined, notes: []};
  if (programs.length === 0 && architecture.isNative) {
    return {
      ...result,
      notes: [`this machine runs ${architecture.name} programs natively: no emulator is needed`],
    };
  }
  if (programs.length === 0 && own !== undefined) {
    return {
      ...result,
      own: own.path,
      notes: [`using the chroot's own emulator, ${own.path}`],
    };
  }
  const emulators = programs.length > 0 ? programs.map(locateEmulator) : [findHostEmulator(architecture)];
  using files = await oneFileEach(emulators, options);
  const bundled = bundleAt(root, files.paths, {
    ...options,
    prefix: prefixFor(root, options),
    libs: options.libs ?? defaultLibs,
    qemuTarget: programs.length === 1 ? architecture.targets[0]?.name : undefined,
    // A program that starts between two renames would find no loader.
    beforeReplacing: (earlier) => refuseUses(root, earlier, findProcesses(root, earlier)),
  });
  const notes = [...noteOnTargets(bundled.manifest, architecture), ...bundled.notes];
  return {...result, emulators, bundle: bundled, notes};
}

/** The files to bundle, each packed into one file if requested. */
async function oneFileEach(
  emulators: readonly string[],
  {oneFile = false, root, isolate = true}: InstallOptions,
): Promise<{paths: readonly string[]} & Disposable> {
  if (!oneFile) return {paths: emulators, [Symbol.dispose]: () => {}};
  if (root !== undefined || !isolate) {
    throw new ElfError('BAD_REQUEST', 'only an emulator of this machine can be packed, and always isolated', {
      expected: 'no other root, and isolation',
    });
  }
  return fetchFiles(emulators);
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

/** The prefix of the existing bundle, else of the new one; an existing bundle must be replaceable. */
function prefixFor(root: Root, {prefix, libs}: InstallOptions): string {
  if (prefix === undefined)
    return findManifest(root, {libs: libs ?? defaultLibs})?.manifest.prefix ?? defaultPrefixes[0];
  if (prefix.startsWith('/')) readManifest(root, prefix, libs ?? defaultLibs);
  return prefix;
}
