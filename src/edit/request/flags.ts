/*
 * Edits of single bits and numbers: DF_1_NODEFLIB, PT_GNU_STACK, EI_OSABI, DT_DEBUG.
 */
import {DF_1, DT, PF, PT} from '../../elf/constants.js';
import {osAbiName} from '../../elf/os-abi.js';
import {Ident} from '../../elf/records.js';
import {isStackExecutable} from '../../elf/stack.js';
import {ElfError} from '../../errors.js';
import {takeProgramHeader} from '../layout/appended-segment.js';
import {type Draft, type EditResult, unchanged} from '../layout/draft.js';
import {layOut} from '../layout/lay-out.js';
import {refuseGlibcLoader, requireLoaded} from './loaded.js';

/** Plan whether ld.so skips its default directories and its cache (DF_1_NODEFLIB). */
export function setNoDefaultLib(draft: Draft, wanted: boolean): EditResult {
  const {view} = draft;
  const flags = requireLoaded(view).value(DT.DT_FLAGS_1) ?? 0n;
  const changed = wanted ? flags | DF_1.DF_1_NODEFLIB : flags & ~DF_1.DF_1_NODEFLIB;
  if (changed === flags) return unchanged(view);
  if (wanted) refuseGlibcLoader(view, 'DF_1_NODEFLIB');
  const entry = draft.values.findLast(({d_tag}) => d_tag === DT.DT_FLAGS_1);
  const kept = changed === 0n ? [] : [{d_tag: DT.DT_FLAGS_1, d_val: changed}];
  draft.replaceEntries((other) => other === entry, ...kept);
  draft.changes.push(`default library directories: ${wanted ? 'not searched' : 'searched'} (DF_1_NODEFLIB)`);
  return layOut(draft);
}

/**
 * Plan whether the stack is executable (p_flags of PT_GNU_STACK). Without PT_GNU_STACK the default depends on the
 * machine, so a missing one is added.
 *
 * @throws ElfError NO_ROOM when there is no PT_GNU_STACK and no room for another program header
 */
export function setExecStack(draft: Draft, wanted: boolean): EditResult {
  const {view} = draft;
  if (isStackExecutable(view) === wanted) return unchanged(view);
  const segment =
    draft.programHeaders.find(({p_type}) => p_type === PT.PT_GNU_STACK) ??
    takeProgramHeader(draft, {p_type: PT.PT_GNU_STACK, p_flags: PF.PF_R | PF.PF_W, p_align: 16});
  segment.p_flags = wanted ? segment.p_flags | PF.PF_X : segment.p_flags & ~PF.PF_X;
  draft.changes.push(`executable stack: ${wanted ? 'yes' : 'no'} (PT_GNU_STACK)`);
  return layOut(draft);
}

/** Plan the OS ABI of the ELF header (EI_OSABI). Linux's loaders accept System V and Linux. */
export function setOsAbi(draft: Draft, wanted: number): EditResult {
  const {view} = draft;
  const {EI_OSABI} = view.ident;
  if (EI_OSABI === wanted) return unchanged(view);
  const offset = Ident.offsetOf('EI_OSABI', view.format.elfClass);
  draft.write(offset, Uint8Array.of(wanted), 'EI_OSABI');
  draft.changes.push(`OS ABI: ${osAbiName(EI_OSABI)} -> ${osAbiName(wanted)}`);
  return layOut(draft);
}

/** Plan adding the entry through which debuggers find the loaded objects (DT_DEBUG), unless it is there already. */
export function addDebugTag(draft: Draft): EditResult {
  const {view} = draft;
  const dynamic = requireLoaded(view);
  if (dynamic.value(DT.DT_DEBUG) !== undefined) return unchanged(view);
  const {p_flags = 0} = view.segment(PT.PT_DYNAMIC) ?? {};
  if ((p_flags & PF.PF_W) === 0) {
    throw new ElfError('UNSAFE_EDIT', 'ld.so would write to DT_DEBUG in a read-only dynamic section', {
      path: view.path,
      offset: dynamic.offset,
    });
  }
  draft.entries.push({d_tag: DT.DT_DEBUG, d_val: 0n});
  draft.changes.push('DT_DEBUG added');
  return layOut(draft);
}
