/*
 * Writing a bundle: complete in a staging directory inside the target, proved there, then moved into place.
 *
 * Where the prefix does not exist yet, one rename puts everything there. Where it does (debootstrap has made
 * /debootstrap), the library directory with the manifest comes last; see staging.ts for what that is good for.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  writeFileSync,
} from 'node:fs';
import {posix} from 'node:path';
import {enter} from '../loader/inside.js';
import type {HeldDirectory} from '../source/held.js';
import type {OnProgress} from '../source/progress.js';
import {applyPlanToNew} from '../write/apply.js';
import {syncDirectory} from '../write/durable.js';
import type {BundleFile} from './file-set.js';
import {formatManifest, type Manifest, manifestName} from './manifest.js';
import type {BundlePlan} from './plan-bundle.js';
import {changeBundle, type Staging} from './staging.js';

/** The new bundle, complete and not in its place yet. */
export interface Staged {
  /** The real path of a directory that looks like the root with nothing but the bundle in it. */
  readonly root: string;
  /** A path that leads to a file of it even if somebody moves the staging directory away. */
  locate(path: string): string;
}

/**
 * Write a planned bundle into a root, which is locked.
 *
 * @param obsolete files of the bundle before that have no place in this one
 * @param prove called with the bundle before anything of the root is changed
 * @throws what `prove` throws, or ElfError FILE_SYSTEM; the root then is as it was
 */
export function writeBundle(
  root: HeldDirectory,
  plan: BundlePlan,
  manifest: Manifest,
  obsolete: readonly string[],
  prove: (staged: Staged) => void,
  onProgress: OnProgress = () => {},
): void {
  changeBundle(root, manifest, (staging) => {
    using made = staging.makeNew();
    stage(made, plan, manifest, onProgress);
    prove({root: staging.newRoot, locate: (path) => `${made.path}${path}`});
    moveIntoPlace(root, staging, plan, obsolete);
  });
}

function stage(top: HeldDirectory, plan: BundlePlan, manifest: Manifest, onProgress: OnProgress): void {
  const described = new Map(manifest.files.map((file) => [file.path, file]));
  for (const file of plan.files) {
    using directory = makeDirectories(top, posix.dirname(file.path));
    const path = directory.at(posix.basename(file.path));
    const {mode = 0o644, size: total = 0} = described.get(file.path) ?? {};
    const report = (done: number) => onProgress({step: 'copying', path: file.source, done, total});
    report(0);
    stageFile(file, path, top, report);
    chmodSync(path, mode);
    syncFile(path);
  }
  using libs = makeDirectories(top, plan.layout.libs);
  writeFileSync(libs.at(manifestName), formatManifest(manifest), {mode: 0o644, flag: 'wx', flush: true});
}

function stageFile(file: BundleFile, path: string, top: HeldDirectory, report: (done: number) => void): void {
  const {content, linkTo, plan, from, source} = file;
  if (content !== undefined) writeFileSync(path, content, {flag: 'wx'});
  else if (linkTo !== undefined) linkSync(`${top.path}${linkTo}`, path);
  else if (plan !== undefined)
    from.lend(source, (input) => applyPlanToNew(input, plan, path, ({done}) => report(done)));
  else from.lend(source, (input) => copyFileSync(input, path, copyMode));
}

const copyMode = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL;

/** Whatever the umask: the programs of the root run as many users. */
function makeDirectories(top: HeldDirectory, path: string): HeldDirectory {
  let here = top.again();
  for (const name of path.split('/').slice(1)) {
    using above = here;
    here = above.make(name);
    chmodSync(here.path, 0o755);
  }
  return here;
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function moveIntoPlace(
  root: HeldDirectory,
  staging: Staging,
  {layout: {prefix, libs}, files}: BundlePlan,
  obsolete: readonly string[],
): void {
  using there = enter(root, prefix);
  if (there !== undefined) {
    for (const path of obsolete) staging.putAside(path);
    for (const {path} of files.filter((file) => !file.path.startsWith(`${libs}/`))) {
      staging.putAside(path, 'leave');
      staging.moveIn(path);
    }
    staging.putAside(libs);
  }
  staging.moveIn(libs);
  for (const path of [prefix, posix.dirname(prefix)]) {
    using changed = enter(root, path);
    if (changed !== undefined) syncDirectory(changed.path);
  }
}
