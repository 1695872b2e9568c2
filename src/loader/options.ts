import type {MachineFacts} from '../elf/machine.js';
import {ElfError} from '../errors.js';
import type {DlopenPriority} from './dlopen-notes.js';
import type {LoaderFacts} from './loader-facts.js';

/** How the program would be started, and where. Nothing is taken from this process's environment. */
export interface ResolveTreeOptions {
  /** The directory that is `/` for the program and for every path. */
  readonly root?: string;
  /** Where relative paths start, inside the root: this process's directory, or `/` under another root. */
  readonly cwd?: string;
  /** LD_LIBRARY_PATH, or what `ld.so --library-path` gets. */
  readonly libraryPath?: string;
  /** Libraries to load first, as LD_PRELOAD names them; a secure program ignores them. */
  readonly preload?: readonly string[];
  /** Whether to use the root's /etc/ld.so.preload. Default: true. */
  readonly preloadFile?: boolean;
  /** More libraries to load as if the program needed them. */
  readonly library?: readonly string[];
  /** The best glibc-hwcaps subdirectory that the CPU may use, as in "x86-64-v3"; none by default. */
  readonly hwcaps?: string;
  /** The value of `$PLATFORM`; by default, the usual value for the architecture. */
  readonly platform?: string;
  /** Whether the program runs with other rights than its caller (AT_SECURE: set-user-ID, file capabilities). */
  readonly secure?: boolean;
  readonly inhibitCache?: boolean;
  /** Ignore the machine's defaults: the cache and the loader's own directories. Default: false. */
  readonly inhibitDefaults?: boolean;
  /** A loader inside the root to use instead of PT_INTERP. */
  readonly interpreter?: string;
  /** Whether the program is started as `ld.so PROGRAM`, not by the kernel. */
  readonly direct?: boolean;
  /**
   * Whether /proc is mounted; without it, a program that the kernel starts does not know its own $ORIGIN, and one that
   * ld.so starts takes it from the path that was given. Default: true.
   */
  readonly proc?: boolean;
  /** Follow the libraries that objects declare they open with dlopen(3), down to this priority. */
  readonly dlopen?: DlopenPriority;
  /** Whether to compare symbol versions. Default: true. */
  readonly versions?: boolean;
}

/** The options that the rules of a loader look at, with their defaults filled in. */
export interface Settings {
  readonly libraryPath: string | undefined;
  /** Acceptable glibc-hwcaps subdirectories, best first. */
  readonly hwcaps: readonly string[];
  readonly platform: string | undefined;
  readonly secure: boolean;
  readonly inhibitCache: boolean;
  readonly inhibitDefaults: boolean;
}

/** Fill in the defaults. @throws ElfError BAD_REQUEST for a hwcaps level that the loader does not know */
export function settingsOf(options: ResolveTreeOptions, facts: LoaderFacts, machine: MachineFacts): Settings {
  return {
    libraryPath: options.libraryPath,
    hwcaps: hwcapsUpTo(options.hwcaps, facts),
    platform: options.platform ?? usualPlatform[machine.e_machine],
    secure: options.secure ?? false,
    inhibitCache: options.inhibitCache ?? false,
    inhibitDefaults: options.inhibitDefaults ?? false,
  };
}

function hwcapsUpTo(best: string | undefined, {hwcaps}: LoaderFacts): readonly string[] {
  if (best === undefined || hwcaps.length === 0) return [];
  if (!hwcaps.includes(best)) {
    throw new ElfError('BAD_REQUEST', 'unknown hwcaps level', {
      expected: hwcaps.join(', '),
      got: best,
      value: best,
    });
  }
  return hwcaps.slice(hwcaps.indexOf(best));
}

/** AT_PLATFORM where it is the same on nearly all machines of an architecture. */
const usualPlatform: Readonly<Record<number, string>> = {
  3: 'i686',
  21: 'power8',
  22: 'z13',
  40: 'v7l',
  62: 'x86_64',
  183: 'aarch64',
};
