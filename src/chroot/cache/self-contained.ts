/*
 * An emulator that starts in any root directory: a static one as it is, a shared one as one file with its loader and
 * its libraries inside, out of the cache.
 *
 * With flag F the kernel opens such a file once, at registration, and nothing has to be in the chroot: not the
 * emulator, nor its loader. So a registered file may be deleted afterwards, and a temporary file will do if there is no
 * cache that only we can write to.
 */
import {createHash} from 'node:crypto';
import {mkdtempSync, realpathSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, posix} from 'node:path';
import {openElfSource} from '../../elf/open.js';
import type {PackedContents} from '../../elf/packed.js';
import {ElfError, inWords} from '../../errors.js';
import {packProgram} from '../../pack/pack-program.js';
import type {DirFd} from '../../source/dir-fd.js';
import {fileSource} from '../../source/file.js';
import {version} from '../../version.js';
import {removeTree} from '../../write/remove-tree.js';
import {cachePath, openOwnDirectory, requireExec} from './place.js';
import {findCached, makeCached} from './store.js';

/** An emulator that needs nothing but itself. Dispose of it when it is registered with flag F. */
export interface SelfContained extends Disposable {
  /** Real and absolute. */
  readonly path: string;
  /** The program that it was made from; the same path when that is static. */
  readonly program: string;
  /** Whether it is that program itself, which asks for no loader. */
  readonly isStatic: boolean;
}

/** Where progress and warnings go. */
export interface SelfContainedOptions {
  readonly onProgress?: ((message: string) => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Find or make the one file of an emulator.
 *
 * @param program a path of this machine
 * @throws ElfError NOT_FOUND, and what `packProgram` throws
 */
export async function selfContained(
  program: string,
  options: SelfContainedOptions = {},
): Promise<SelfContained> {
  const path = inspect(program);
  if (path !== undefined) return {path, program, isStatic: true, [Symbol.dispose]: () => {}};
  using cache = openCache(options);
  return cache === undefined ? makeTemporary(program, options) : await fromCache(cache, program, options);
}

/** An emulator is started for every program of a chroot. */
const settings = {closed: true, fixedAddress: true};

/** The real path of a program that asks for no loader: a static one, or one that has its loader inside. */
function inspect(program: string): string | undefined {
  const file = openElfSource(fileSource(program));
  try {
    return file.view.interpreter === undefined ? realpathSync(program) : undefined;
  } finally {
    void file.close();
  }
}

function openCache({onWarning}: SelfContainedOptions): DirFd | undefined {
  let cache: DirFd | undefined;
  try {
    cache = openOwnDirectory(cachePath());
    requireExec(cache);
    return cache;
  } catch (error) {
    cache?.[Symbol.dispose]();
    if (!(error instanceof ElfError)) throw error;
    onWarning?.(`${cannotUse}: ${error.message}`);
    return undefined;
  }
}

const cannotUse = 'cannot use the cache, so the emulator is packed only for this run';

/** Whether a cache cannot be written to; a temporary file may go elsewhere. */
function isUnwritable(error: unknown): error is ElfError {
  if (!(error instanceof ElfError)) return false;
  const {code = ''} = (error.cause ?? {}) as NodeJS.ErrnoException;
  return ['EROFS', 'ENOSPC', 'EDQUOT', 'EACCES'].includes(code);
}

async function fromCache(
  cache: DirFd,
  program: string,
  options: SelfContainedOptions,
): Promise<SelfContained> {
  const {onProgress = () => {}, onWarning = () => {}} = options;
  const name = posix.basename(program);
  const planned = await packProgram(program, {
    output: posix.join(cache.real, name),
    ...settings,
    dryRun: true,
  });
  const key = keyOf(planned.contents);
  const found = findCached(cache, key, name);
  if (found !== undefined) return {path: found, program, isStatic: false, [Symbol.dispose]: () => {}};
  onProgress(`packing ${program} into one file in ${cache.real}`);
  try {
    const path = await makeCached(cache, key, name, async (output) => {
      const {contents} = await packProgram(program, {output, ...settings});
      if (keyOf(contents) !== key) throw changed(program);
    });
    return {path, program, isStatic: false, [Symbol.dispose]: () => {}};
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    onWarning(`${cannotUse}: ${error.message}`);
    return makeTemporary(program, options);
  }
}

/** The hash of everything that goes into the file, and of the version that makes it. */
function keyOf(contents: PackedContents | undefined): string {
  return createHash('sha256')
    .update(`elfinterp ${version} ${JSON.stringify(contents)}`)
    .digest('hex')
    .slice(0, 40);
}

/** An upgrade while the file was made would leave it under the wrong key. */
function changed(program: string): ElfError {
  return new ElfError('CHANGED', 'the emulator or one of its libraries changed while being read', {
    path: program,
    expected: 'no upgrade at the same time',
  });
}

/** TMPDIR may be below another user's directory, who could then have another emulator registered. */
function openTemporary(directory: string): DirFd {
  try {
    return openOwnDirectory(directory);
  } catch (error) {
    rmdirSync(directory);
    throw error;
  }
}

async function makeTemporary(
  program: string,
  {onProgress = () => {}}: SelfContainedOptions,
): Promise<SelfContained> {
  const directory = inWords(tmpdir(), () => mkdtempSync(join(realpathSync(tmpdir()), 'elfinterp-emulator-')));
  const opened = openTemporary(directory);
  const name = posix.basename(program);
  const dispose = () => {
    removeTree(opened, name);
    opened[Symbol.dispose]();
    rmdirSync(directory);
  };
  try {
    const path = join(directory, name);
    onProgress(`packing ${program} into one file`);
    await packProgram(program, {output: path, ...settings});
    return {path, program, isStatic: false, [Symbol.dispose]: dispose};
  } catch (error) {
    dispose();
    throw error;
  }
}
