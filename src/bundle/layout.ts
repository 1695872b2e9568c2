import {posix} from 'node:path';
import {targetOfEmulatorName} from '../binfmt/targets.js';
import {ElfError} from '../errors.js';
import {type BundleProgram, nameOf} from './programs.js';

/** Where things are, as seen from inside the root that the bundle is for. */
export interface Layout {
  /** Directory of the programs. */
  readonly prefix: string;
  /** Directory of loader, libraries and manifest. */
  readonly libs: string;
}

/** The name of the bundled loader. Its SONAME, by which libraries ask for it, is inside it and stays. */
export const loaderName = 'ld.so';

/** What says where a bundle goes in its root. */
export interface LayoutOptions {
  readonly prefix?: string | undefined;
  /** A name. */
  readonly libs?: string | undefined;
  readonly qemuTarget?: string | undefined;
}

/**
 * Choose where a bundle goes: emulators to a directory that debootstrap removes when it finishes, others to a directory
 * in /opt named after the first program.
 *
 * @throws ElfError BAD_REQUEST for a prefix or library directory that cannot be used
 */
export function layoutOf(programs: readonly BundleProgram[], options: LayoutOptions): Layout {
  const usual = usualLayout(programs, options.qemuTarget);
  const {prefix = usual.prefix, libs = usual.libs} = options;
  refuseSeparators('the prefix', prefix);
  refuseSeparators('the library directory', libs);
  const isNormal = prefix.startsWith('/') && posix.normalize(prefix) === prefix;
  if (!isNormal || (prefix !== '/' && prefix.endsWith('/'))) {
    throw new ElfError('BAD_REQUEST', 'the prefix is not a plain absolute path', {
      expected: `a path such as ${usual.prefix}`,
      got: prefix,
    });
  }
  if (libs === '' || libs.includes('/') || libs === '.' || libs === '..') {
    throw new ElfError('BAD_REQUEST', 'the library directory is not a plain name', {
      expected: `a name such as ${usual.libs}`,
      got: libs,
    });
  }
  return {prefix, libs: posix.join(prefix, libs)};
}

function usualLayout(programs: readonly BundleProgram[], qemuTarget: string | undefined): Layout {
  const isEmulator = (program: BundleProgram) =>
    targetOfEmulatorName(posix.basename(program.source)) !== undefined;
  if (qemuTarget !== undefined || programs.every(isEmulator))
    return {prefix: '/debootstrap', libs: 'qemu-libs'};
  const [first] = programs;
  return {prefix: `/opt/${first === undefined ? 'program' : nameOf(first)}`, libs: 'lib'};
}

function refuseSeparators(what: string, name: string): void {
  if (!/[:$]/.test(name)) return;
  throw new ElfError('BAD_REQUEST', `${what} has a colon or a dollar sign, which a search path cannot hold`, {
    expected: 'a path without them',
    got: name,
  });
}

/** Whether an absolute, normalized path is below a directory, at any depth. */
export function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`) && path !== '/';
}
