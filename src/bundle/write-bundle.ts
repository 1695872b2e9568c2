/*
 * Writing a bundle: complete in a staging directory inside the target, proved there, then moved into place.
 *
 * Where the prefix does not exist yet, one rename puts everything there. Where it does (debootstrap has made
 * /debootstrap), the library directory with the manifest comes last: without a manifest there is no bundle, so
 * whoever looks after an interruption finds the whole of it or none, and the next run does it again.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import tmp from 'tmp';
import {systemError} from '../errors.js';
import {applyPlanSync} from '../write/apply.js';
import {syncDirectory} from '../write/durable.js';
import {isAlive} from '../write/workspace.js';
import {formatManifest, type Manifest, manifestPath} from './manifest.js';
import type {BundlePlan} from './plan-bundle.js';

const stagingPrefix = '.elfinterp-staging-';

/**
 * Write a planned bundle under a root.
 *
 * @param prove called with the staging directory, which looks like the root with nothing but the bundle in it
 * @throws what `prove` throws, or ElfError FILE_SYSTEM; the root then is as it was
 */
export function writeBundle(
  root: string,
  plan: BundlePlan,
  manifest: Manifest,
  prove: (staging: string) => void,
): void {
  removeStale(root);
  const staging = createStaging(root);
  try {
    stage(staging, plan, manifest);
    prove(staging);
    moveIntoPlace(staging, root, plan);
  } catch (error) {
    throw systemError(root, error, 'cannot write the bundle');
  } finally {
    rmSync(staging, {recursive: true, force: true});
  }
}

function createStaging(root: string): string {
  try {
    return tmp.dirSync({tmpdir: root, prefix: `${stagingPrefix}${process.pid}`, mode: 0o755, keep: true})
      .name;
  } catch (error) {
    throw systemError(root, error, 'cannot write');
  }
}

/** Remove the staging directories of runs that were killed. */
function removeStale(root: string): void {
  for (const name of findStaleStaging(root)) rmSync(join(root, name), {recursive: true, force: true});
}

/** The names of staging directories in a root whose process is gone. */
export function findStaleStaging(root: string): readonly string[] {
  return readdirSync(root).filter((name) => {
    if (!name.startsWith(stagingPrefix)) return false;
    const pid = Number.parseInt(name.slice(stagingPrefix.length), 10);
    return !Number.isNaN(pid) && !isAlive(pid) && lstatSync(join(root, name)).isDirectory();
  });
}

function stage(staging: string, plan: BundlePlan, manifest: Manifest): void {
  mkdirSync(join(staging, plan.layout.libs), {recursive: true, mode: 0o755});
  const modes = new Map(manifest.files.map((file) => [file.path, file.mode]));
  for (const file of plan.files) {
    const path = join(staging, file.path);
    mkdirSync(dirname(path), {recursive: true, mode: 0o755});
    if (file.content !== undefined) writeFileSync(path, file.content, {flush: true});
    else if (file.linkTo !== undefined) linkSync(join(staging, file.linkTo), path);
    else if (file.plan !== undefined) applyPlanSync(file.source, file.plan, {output: path});
    else copyFileSync(file.source, path, constants.COPYFILE_FICLONE);
    chmodSync(path, modes.get(file.path) ?? 0o644);
  }
  writeFileSync(join(staging, manifestPath(plan.layout)), formatManifest(manifest), {
    mode: 0o644,
    flush: true,
  });
}

function moveIntoPlace(staging: string, root: string, {layout, files}: BundlePlan): void {
  const at = (path: string) => join(root, path);
  if (!existsSync(at(layout.prefix))) {
    mkdirSync(dirname(at(layout.prefix)), {recursive: true});
    renameSync(join(staging, layout.prefix), at(layout.prefix));
  } else {
    const old = join(staging, 'replaced');
    if (existsSync(at(layout.libs))) renameSync(at(layout.libs), old);
    for (const {path} of files.filter((file) => !file.path.startsWith(`${layout.libs}/`))) {
      mkdirSync(dirname(at(path)), {recursive: true});
      renameSync(join(staging, path), at(path));
    }
    mkdirSync(dirname(at(layout.libs)), {recursive: true});
    renameSync(join(staging, layout.libs), at(layout.libs));
  }
  syncDirectory(at(layout.prefix));
  syncDirectory(dirname(at(layout.prefix)));
}
