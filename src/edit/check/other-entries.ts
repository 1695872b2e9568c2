/*
 * The dynamic entries that no request mentions: flags, counts, addresses of code. They must not change; only a
 * redundant one may be replaced by a new entry.
 */
import {DF, DF_1, DT, dynamicTagName, EM, machineDT} from '../../elf/constants.js';
import {stringTags} from '../../elf/dynamic.js';
import {Dyn} from '../../elf/records.js';
import {isTableTag} from '../../elf/tables.js';
import type {ElfView} from '../../elf/view.js';
import {hex} from '../../errors.js';
import {failCheck} from './fail.js';
import type {Requested} from './promise.js';

/** @throws ElfError CHECK_FAILED naming the first that would differ */
export function checkOtherEntries(before: ElfView, after: ElfView, requests: readonly Requested[]): void {
  const {e_machine} = before.header;
  const isDebugAsked = requests.some(({addDebugTag}) => addDebugTag);
  const isOther = ({d_tag}: Dyn) =>
    !stringTags.has(d_tag) &&
    !isTableTag(before, d_tag) &&
    !changing.has(d_tag) &&
    !(isDebugAsked && d_tag === DT.DT_DEBUG) &&
    !(e_machine === EM.EM_MIPS && d_tag === machineDT[8].DT_MIPS_OPTIONS);
  const found = valuesOf(after).filter(isOther);
  const tags = new Set(found.map(({d_tag}) => d_tag));
  const flags1 = after.dynamic?.value(DT.DT_FLAGS_1) ?? 0n;
  const expected = valuesOf(before).filter(
    (entry) => isOther(entry) && (tags.has(entry.d_tag) || !isRepeated(entry, flags1)),
  );
  const inWords = (entry: Dyn | undefined) =>
    entry === undefined ? 'none' : `${dynamicTagName(entry.d_tag, e_machine)} ${hex(entry.d_val)}`;
  for (let i = 0; i < Math.max(expected.length, found.length); i++) {
    const [wanted, got] = [inWords(expected[i]), inWords(found[i])];
    if (wanted !== got) failCheck(before, 'a dynamic entry would change', wanted, got);
  }
}

/** Tags that are checked elsewhere, or that change with what a request changes. */
const changing: ReadonlySet<bigint> = new Set([DT.DT_FLAGS_1, DT.DT_STRSZ, DT.DT_VERNEEDNUM]);

/** The entries, with values made independent of their slots. */
function valuesOf({dynamic, header, format}: ElfView): readonly Dyn[] {
  if (header.e_machine !== EM.EM_MIPS) return dynamic?.entries ?? [];
  return (dynamic?.entries ?? []).map(({d_tag, d_val}, i) => {
    const isRelative = d_tag === machineDT[8].DT_MIPS_RLD_MAP_REL;
    const slot = (dynamic?.address ?? 0n) + BigInt(i * Dyn.size(format.elfClass));
    return {d_tag, d_val: isRelative ? BigInt.asUintN(format.elfClass, slot + d_val) : d_val};
  });
}

/** Whether DT_FLAGS_1 says the same as DT_FLAGS or DT_BIND_NOW. */
function isRepeated({d_tag, d_val}: Dyn, flags1: bigint): boolean {
  if (d_tag === DT.DT_BIND_NOW) return (flags1 & DF_1.DF_1_NOW) !== 0n;
  if (d_tag !== DT.DT_FLAGS) return false;
  const now = (flags1 & DF_1.DF_1_NOW) === 0n ? 0n : DF.DF_BIND_NOW;
  const origin = (flags1 & DF_1.DF_1_ORIGIN) === 0n ? 0n : DF.DF_ORIGIN;
  return (d_val & ~(now | origin)) === 0n;
}
