import {DT} from '../../elf/constants.js';
import {ElfError} from '../../errors.js';
import {type Draft, type EditResult, unchanged} from '../layout/draft.js';
import {layOut} from '../layout/lay-out.js';
import {isProgram, refuseGlibcLoader, requireLoaded} from './loaded.js';

/**
 * Plan a new DT_SONAME, added if there is none. The base entry of DT_VERDEF, which linkers give the same name, stays:
 * nothing looks it up.
 *
 * @throws ElfError UNSUPPORTED for a program, as no file loads it by soname
 */
export function setSoname(draft: Draft, name: string): EditResult {
  const {view} = draft;
  const dynamic = requireLoaded(view);
  if (dynamic.soname === name) return unchanged(view);
  if (isProgram(view)) {
    throw new ElfError('UNSUPPORTED', 'a program does not need a soname', {
      path: view.path,
      expected: 'a shared library',
      got: 'a program',
    });
  }
  refuseGlibcLoader(view, 'another soname');
  const entry = draft.entries.findLast(({d_tag}) => d_tag === DT.DT_SONAME);
  draft.replaceEntries((other) => other === entry, {d_tag: DT.DT_SONAME, text: name});
  draft.changes.push(`soname (DT_SONAME): ${dynamic.soname ?? 'none'} -> ${name}`);
  return layOut(draft);
}
