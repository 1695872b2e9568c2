/*
 * The bundle that is already installed.
 */
import {stateOfEntry} from '../change/entry.js';
import {hasFile} from '../change/steps.js';
import {ElfError} from '../errors.js';
import {enter, findOwn} from '../loader/inside.js';
import type {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import type {DirFd} from '../source/dir-fd.js';
import {isInPlace} from './in-place.js';
import {isCopiedProgram} from './keep-privileges.js';
import type {Layout} from './layout.js';
import {formatManifest, type Manifest, manifestName} from './manifest.js';
import {readManifestFile} from './manifest-file.js';
import type {BundlePlan} from './plan-bundle.js';
import type {Prepared} from './prepare.js';
import {capabilitiesOf} from './privileges.js';

/** The library directory of a bundle, and its manifest. */
export interface Installed extends Disposable {
  readonly libs: DirFd | undefined;
  /** Undefined if there is no usable manifest; the bundle is then made from scratch. */
  readonly manifest: Manifest | undefined;
}

/**
 * Open what is in a bundle's place. It stays open so that no other directory can be mistaken for the one to be
 * replaced.
 */
export function openInstalled(target: OpenRoot, layout: Layout): Installed {
  const libs = enter(target.top, layout.libs);
  const close = () => libs?.[Symbol.dispose]();
  try {
    return {libs, manifest: libs && readManifestIn(libs, layout), [Symbol.dispose]: close};
  } catch (error) {
    close();
    throw error;
  }
}

/** Whether a library directory has a manifest, even one that can no longer be read. */
export function hasManifest(libs: DirFd | undefined): boolean {
  return libs !== undefined && hasFile(libs, `/${manifestName}`);
}

function readManifestIn(libs: DirFd, layout: Layout): Manifest | undefined {
  try {
    const source = libs.open(manifestName);
    const manifest = source && readManifestFile(source);
    return manifest?.prefix === layout.prefix && manifest.libs === layout.libs ? manifest : undefined;
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'FILE_SYSTEM') return undefined;
    throw error;
  }
}

export function isSameManifest(a: Manifest | undefined, b: Manifest | undefined): boolean {
  return textOf(a) === textOf(b);
}

function textOf(manifest: Manifest | undefined): string | undefined {
  return manifest && formatManifest(manifest);
}

/** Whether a prepared bundle is already installed, with every file as planned. */
export function isInstalled(target: Root, {earlier, manifest, plan}: Prepared): boolean {
  if (!isSameManifest(earlier, manifest)) return false;
  const {files, directories = []} = manifest;
  return (
    files.every((file) => isInPlace(target, file)) &&
    directories.every((path) => findOwn(target, path) !== undefined) &&
    hasCapabilities(target, plan)
  );
}

/**
 * Whether the installed programs have the file capabilities that they should have; the manifest does not record them.
 */
function hasCapabilities(target: Root, {files}: BundlePlan): boolean {
  const there = files
    .filter(isCopiedProgram)
    .map(({path, capabilities}) => ({from: target, source: target.hostPath(path), capabilities}));
  const found = capabilitiesOf(there);
  return there.every((file) => found.get(file) === file.capabilities);
}

/** A file to be moved away, and its state (`stateOf`). */
export interface ObsoleteFile {
  readonly path: string;
  readonly state: string;
}

/** Files of an earlier bundle that have no place in the new one, unless they were changed. */
export function obsoleteFiles(
  {top}: OpenRoot,
  earlier: Manifest | undefined,
  {libs, files}: Manifest,
): readonly ObsoleteFile[] {
  const kept = new Set(files.map(({path}) => path));
  return (earlier?.files ?? [])
    .filter(({path}) => !kept.has(path) && !path.startsWith(`${libs}/`))
    .flatMap((file) => {
      const state = stateOfEntry(top, file.path, file);
      return state === undefined ? [] : [{path: file.path, state}];
    });
}
