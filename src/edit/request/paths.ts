/*
 * DT_RPATH and DT_RUNPATH. glibc uses only one of them: it ignores DT_RPATH in an object with both. So setting one
 * replaces the other, and an object never ends up with two.
 */

import {DT} from '../../elf/constants.js';
import {relativeInWords, requireTextPath} from '../../elf/search-path.js';
import type {ElfView} from '../../elf/view.js';
import {type Draft, type EditResult, unchanged} from '../layout/draft.js';
import {layOut} from '../layout/lay-out.js';
import {requireDynamic, requireSearchable} from './loaded.js';

/** DT_RPATH or DT_RUNPATH. */
export type PathTag = typeof DT.DT_RPATH | typeof DT.DT_RUNPATH;

const isPath = ({d_tag}: {readonly d_tag: bigint}) => d_tag === DT.DT_RPATH || d_tag === DT.DT_RUNPATH;

/**
 * Plan a library search path under one tag, replacing any DT_RPATH or DT_RUNPATH.
 *
 * @throws ElfError NO_DYNAMIC for a static program, NO_ROOM when there is no slack, UNSAFE_EDIT when the path has an element
 *   of the old one that is not UTF-8
 */
export function setSearchPath(draft: Draft, tag: PathTag, path: string): EditResult {
  const {view} = draft;
  const dynamic = requireSearchable(view);
  const old = dynamic.entries.filter(isPath);
  if (old.length === 1 && old[0]?.d_tag === tag && dynamic.string(tag) === path) return unchanged(view);
  requireTextPath(view, path);
  draft.replaceEntries(isPath, {d_tag: tag, text: path});
  draft.changes.push(`${tagName(tag)}: ${describeOld(view)} -> ${path}`);
  const relative = relativeInWords(path);
  if (relative !== undefined) draft.notes.push(`search path: ${relative}`);
  return layOut(draft);
}

/**
 * Plan directories at the end of the effective search path, or a new DT_RUNPATH if there is none. A directory already
 * in the path is not added: searching it twice is useless.
 */
export function addToSearchPath(draft: Draft, path: string): EditResult {
  const {view} = draft;
  requireDynamic(view);
  const {tag, path: old} = searchPathOf(view);
  if (tag === undefined) return setSearchPath(draft, DT.DT_RUNPATH, path);
  const present = old.split(':');
  const fresh = path.split(':').filter((directory) => !present.includes(directory));
  if (fresh.length === 0) return unchanged(view);
  return setSearchPath(draft, tag, old === '' ? fresh.join(':') : [old, ...fresh].join(':'));
}

/** Plan the same search path under another tag; does nothing if there is no path. */
export function convertSearchPath(draft: Draft, to: PathTag): EditResult {
  const {view} = draft;
  requireDynamic(view);
  const {tag, path} = searchPathOf(view);
  return tag === undefined ? unchanged(view) : setSearchPath(draft, to, path);
}

/** Plan the removal of DT_RPATH and DT_RUNPATH, and of their strings unless something else uses them. */
export function removeSearchPath(draft: Draft): EditResult {
  const {view} = draft;
  const dynamic = requireDynamic(view);
  const old = dynamic.entries.filter(isPath);
  if (old.length === 0) return unchanged(view);
  draft.replaceEntries(isPath);
  draft.changes.push(`${describeOld(view)} removed`);
  return layOut(draft);
}

/** The path that ld.so uses: DT_RUNPATH if there is one, else DT_RPATH. */
function searchPathOf({dynamic}: ElfView): {tag: PathTag | undefined; path: string} {
  if (dynamic?.runpath !== undefined) return {tag: DT.DT_RUNPATH, path: dynamic.runpath};
  if (dynamic?.rpath !== undefined) return {tag: DT.DT_RPATH, path: dynamic.rpath};
  return {tag: undefined, path: ''};
}

function tagName(tag: bigint): string {
  return tag === DT.DT_RPATH ? 'rpath (DT_RPATH)' : 'runpath (DT_RUNPATH)';
}

function describeOld({dynamic}: ElfView): string {
  const old = [
    dynamic?.rpath === undefined ? undefined : `DT_RPATH ${dynamic.rpath}`,
    dynamic?.runpath === undefined ? undefined : `DT_RUNPATH ${dynamic.runpath}`,
  ].filter((text) => text !== undefined);
  return old.length > 0 ? old.join(', ') : 'none';
}
