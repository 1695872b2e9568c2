/*
 * DT_RPATH and DT_RUNPATH. glibc takes one of them: an object with both has its DT_RPATH ignored. So setting one
 * replaces the other, and an object never ends up with two.
 */

import {DF_1, DT, PT} from '../elf/constants.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {Draft, noStep, type Step} from './draft.js';
import {makeDynamicRoom} from './dynamic-room.js';
import {placeString} from './string-table.js';

const pathTags: readonly bigint[] = [DT.DT_RPATH, DT.DT_RUNPATH];

/**
 * Plan a library search path under one tag, replacing whatever DT_RPATH or DT_RUNPATH there was.
 *
 * @throws ElfError NO_DYNAMIC for a static program, NO_ROOM when there is no slack
 */
export function setSearchPath(
  view: ElfView,
  tag: typeof DT.DT_RPATH | typeof DT.DT_RUNPATH,
  path: string,
): Step {
  const dynamic = dynamicOf(view);
  refuseStaticPie(view);
  const old = dynamic.entries.filter((entry) => pathTags.includes(entry.d_tag));
  if (old.length === 1 && old[0]?.d_tag === tag && dynamic.string(tag) === path) return noStep(view);
  const draft = new Draft(view);
  const slot = draft.entries.findIndex((entry) => pathTags.includes(entry.d_tag));
  draft.entries = draft.entries.filter((entry) => !pathTags.includes(entry.d_tag));
  makeDynamicRoom(draft, 1);
  const d_val = BigInt(
    placeString(
      draft,
      path,
      old.map((entry) => Number(entry.d_val)),
    ),
  );
  draft.entries.splice(slot < 0 ? draft.entries.length : slot, 0, {d_tag: tag, d_val});
  draft.climb(old.length === 0 ? 2 : 1);
  draft.changes.push(`${tagName(tag)}: ${describeOld(view)} -> ${path}`);
  return draft.finish();
}

/** Plan the removal of DT_RPATH and DT_RUNPATH, and of their strings where nothing else uses them. */
export function removeSearchPath(view: ElfView): Step {
  const dynamic = dynamicOf(view);
  const old = dynamic.entries.filter((entry) => pathTags.includes(entry.d_tag));
  if (old.length === 0) return noStep(view);
  const draft = new Draft(view);
  draft.entries = draft.entries.filter((entry) => !pathTags.includes(entry.d_tag));
  placeString(
    draft,
    undefined,
    old.map((entry) => Number(entry.d_val)),
  );
  draft.climb(1);
  draft.changes.push(`${describeOld(view)} removed`);
  return draft.finish();
}

function dynamicOf(view: ElfView): NonNullable<ElfView['dynamic']> {
  const {dynamic} = view;
  if (dynamic === undefined) {
    throw new ElfError('NO_DYNAMIC', 'there is no dynamic section: the program is statically linked', {
      path: view.path,
      expected: 'PT_DYNAMIC',
      got: 'none',
    });
  }
  if (!dynamic.terminated) {
    throw new ElfError('BAD_ELF', 'the dynamic section has no DT_NULL at its end', {
      path: view.path,
      offset: dynamic.offset,
    });
  }
  return dynamic;
}

/** glibc's start-up code asserts that a static-pie program has neither tag, and dies otherwise. */
function refuseStaticPie(view: ElfView): void {
  const flags = view.dynamic?.value(DT.DT_FLAGS_1) ?? 0n;
  if ((flags & DF_1.DF_1_PIE) === 0n || view.segment(PT.PT_INTERP) !== undefined) return;
  throw new ElfError('UNSAFE_EDIT', 'a static-pie program with a search path does not start', {
    path: view.path,
    expected: 'a dynamically linked program or library',
    got: 'a static-pie program',
  });
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
