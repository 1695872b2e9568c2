/*
 * Writing a bundle: complete in a staging directory inside the target, proved there, then moved into place.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  openSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import type {DirFd} from '../source/dir-fd.js';
import type {OnProgress} from '../source/progress.js';
import {copyContent} from './contents.js';
import type {BundleFile} from './file-set.js';
import {formatManifest, type Manifest, manifestName} from './manifest.js';
import type {BundlePlan} from './plan-bundle.js';
import {journalOf, type Replaced} from './plan-steps.js';
import {setCapabilities} from './privileges.js';
import {changeBundle} from './staging.js';

/** The new bundle, complete and not in its place yet. */
export interface Staged {
  /** A root with nothing but the bundle in it. */
  readonly root: Root;
  /** A path that leads to a file of it even if the staging directory is moved away. */
  locate(path: string): string;
}

/** Callbacks for the stages of writing. */
interface Writing {
  /** Called with the bundle before anything of the root is changed. */
  readonly prove: (staged: Staged) => void;
  /** Called last, when it is known which files are replaced; throws if any of them belongs to no bundle. */
  readonly requireOwn: () => void;
  readonly onProgress: OnProgress | undefined;
}

/**
 * Write a planned bundle into a root, which is locked.
 *
 * @param replaced what the new bundle replaces or removes of the earlier one
 * @throws what `prove` and `requireOwn` throw, or ElfError FILE_SYSTEM; the root then is as it was
 */
export function writeBundle(
  root: DirFd,
  {plan, manifest}: {readonly plan: BundlePlan; readonly manifest: Manifest},
  replaced: Replaced,
  {prove, requireOwn, onProgress = () => {}}: Writing,
): void {
  changeBundle(root, (staging) => {
    using made = staging.make('new');
    stage(made, plan, manifest, onProgress);
    using staged = new OpenRoot(made.dup());
    prove({root: staged, locate: (path) => `${made.path}${path}`});
    const journal = journalOf(root, manifest, replaced);
    // A file that changes after this no longer matches its state in the journal, and is detected.
    requireOwn();
    return journal;
  });
}

function stage(top: DirFd, plan: BundlePlan, manifest: Manifest, onProgress: OnProgress): void {
  const described = new Map(manifest.files.map((file) => [file.path, file]));
  for (const file of plan.files) {
    using directory = makeDirectories(top, posix.dirname(file.path));
    const path = directory.at(posix.basename(file.path));
    const {mode = 0o644, sha256} = described.get(file.path) ?? {};
    stageFile(file, path, top, {sha256, mode}, onProgress);
  }
  for (const path of plan.directories) makeDirectories(top, path)[Symbol.dispose]();
  using libs = makeDirectories(top, plan.layout.libs);
  writeFileSync(libs.at(manifestName), formatManifest(manifest), {mode: 0o644, flag: 'wx', flush: true});
}

/**
 * Make a file of a bundle at a path below `top`. A copied file must match what was found before, and gets its mode
 * last.
 *
 * @throws ElfError CHANGED, or a system error
 */
export function stageFile(
  file: BundleFile,
  path: string,
  top: DirFd,
  {sha256, mode}: {sha256: string | undefined; mode: number},
  onProgress: OnProgress,
): void {
  const {content, linkTo, plan, from, source, target, setId, capabilities} = file;
  if (target !== undefined) {
    symlinkSync(target, path);
    return;
  }
  if (linkTo !== undefined) {
    linkSync(`${top.path}${linkTo}`, path);
    return;
  }
  const fd = openSync(path, 'wx', 0o600);
  try {
    if (content !== undefined) writeFileSync(fd, content);
    else if (copyContent(from.source(source), plan, fd, onProgress).sha256 !== sha256)
      throw new ElfError('CHANGED', 'the file changed during bundling', {path: source});
    // Changing the owner clears set-ID bits.
    if (setId !== undefined) fchownSync(fd, 0, setId.group);
    fchmodSync(fd, mode);
    if (capabilities !== undefined) setCapabilities(fd, capabilities);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Open a directory below `top`, creating what is missing. The umask is ignored: the programs run as many users. */
export function makeDirectories(top: DirFd, path: string): DirFd {
  let here = top.dup();
  for (const name of path.split('/').filter((part) => part !== '')) {
    using above = here;
    here = above.make(name);
    chmodSync(here.path, 0o755);
  }
  return here;
}
