import {ElfError} from '../errors.js';
import type {DlopenLevel} from '../loader/dlopen-needs.js';
import type {OpenRoot} from '../loader/open-root.js';
import type {OnProgress} from '../source/progress.js';
import {absolutePath} from '../source/working-directory.js';
import type {DataFile} from './data-files.js';
import {type Layout, layoutOf} from './layout.js';
import type {LibcDataRequest} from './libc-data/libc-data.js';
import type {Manifest} from './manifest.js';
import {type BundleProgram, namedPrograms} from './programs.js';

/** Where a bundle goes, and what comes along. */
export interface BundleOptions extends LibcDataRequest {
  /** The directory that will be `/` for the programs: the chroot. It is created if it does not exist. */
  readonly into: string;
  /**
   * Where the programs go, seen from inside. Default: `/debootstrap` for emulators of qemu-user, else `/opt/NAME` by the
   * name of the first program.
   */
  readonly prefix?: string | undefined;
  /** Name of the library directory under the prefix. Default: `qemu-libs` for emulators, else `lib`. */
  readonly libs?: string | undefined;
  /** Take programs and libraries from this root instead of the machine's own; the programs' paths are inside it. */
  readonly root?: string | undefined;
  /** Libraries to carry along besides those that are asked for. */
  readonly library?: readonly string[] | undefined;
  /** Bundle the libraries that files declare they open with dlopen(3), down to this priority. Default: recommended. */
  readonly dlopen?: DlopenLevel | undefined;
  /** Carry the variants of libraries for newer CPUs (glibc-hwcaps), too. Default: none. */
  readonly hwcaps?: 'all' | 'none' | undefined;
  /**
   * Keep the set-ID bits and file capabilities of programs that belong to root. Only root can ask for it, without
   * `isolate`, and for a place that no other user can change. Default: false.
   */
  readonly keepPrivileges?: boolean | undefined;
  /** Other files to carry along, for the programs to read. */
  readonly files?: readonly DataFile[] | undefined;
  /** Make the bundled loader ignore the guest's LD_* variables. Default: true. */
  readonly isolate?: boolean | undefined;
  /**
   * How programs are started: `interp` changes their PT_INTERP; `wrapper` leaves them as they are and puts a script
   * in their place, for programs that cannot be changed. Default: `interp`.
   */
  readonly launcher?: 'interp' | 'wrapper' | undefined;
  /** The static shell of this machine that runs the wrappers. */
  readonly shell?: string | undefined;
  /** The qemu-user target of programs that are not called `qemu-TARGET`. Default: they are not emulators. */
  readonly qemuTarget?: string | undefined;
  /** Fail when a program or a library asks for a symbol that nothing in the bundle defines. Default: false. */
  readonly symbols?: boolean | undefined;
  /** Record in the manifest where each file came from; it then depends on the machine. Default: false. */
  readonly recordSources?: boolean | undefined;
  /** Called before an existing bundle is replaced; if this throws, that bundle stays. */
  readonly beforeReplacing?: ((earlier: Manifest) => void) | undefined;
  /** Called with the file being read or copied, and how far along it is. */
  readonly onProgress?: OnProgress | undefined;
}

/** The roots that a bundle is made from. What is found in them is opened once and stays open. */
export interface Roots {
  /** The one that the programs are taken from. */
  readonly root: OpenRoot;
  /** This machine's. */
  readonly machine: OpenRoot;
}

/** A validated request. */
export interface Request extends Roots, Omit<BundleOptions, 'shell' | 'root' | 'into'> {
  readonly programs: readonly BundleProgram[];
  readonly layout: Layout;
  readonly shell: string | undefined;
}

/** @throws ElfError BAD_REQUEST */
export function requestOf(
  wanted: readonly (string | BundleProgram)[],
  options: Omit<BundleOptions, 'into'>,
  roots: Roots,
): Request {
  const programs = namedPrograms(wanted);
  return {...options, ...roots, programs, layout: layoutOf(programs, options), shell: shellOf(options)};
}

function shellOf({launcher = 'interp', shell}: Omit<BundleOptions, 'into'>): string | undefined {
  if ((launcher === 'wrapper') === (shell !== undefined))
    return shell === undefined ? undefined : absolutePath(shell);
  throw new ElfError('BAD_REQUEST', 'a wrapper and its static shell go together', {
    expected: 'both, or the launcher interp',
  });
}
