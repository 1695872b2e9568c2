/*
 * Check the segments of a plan: what kernel and loader map before and after.
 *
 * Old LOADs keep their places and permissions; only a read-only one may grow. A new one is on pages of its own above
 * the first, is never both writable and executable, and has no BSS. Other segments still describe the same bytes. The
 * program header table is where AT_PHDR and PT_PHDR say.
 */
import {PF, PT, segmentTypeName} from '../../elf/constants.js';
import {mappedLoads} from '../../elf/loads.js';
import {pageSizeOf, segmentAlignment, smallestPage} from '../../elf/page-size.js';
import {Phdr} from '../../elf/records.js';
import {isTableSegment} from '../../elf/table-kinds.js';
import type {ElfView} from '../../elf/view.js';
import {hex} from '../../errors.js';
import {failCheck, isWritten, requireSameBytes} from './fail.js';
import type {Promised, Requested} from './promise.js';

/** @throws ElfError CHECK_FAILED */
export function checkSegments(
  before: ElfView,
  after: ElfView,
  plan: Promised,
  requests: readonly Requested[],
): void {
  const isStackAsked = requests.some(({execStack}) => execStack !== undefined);
  checkOldLoads(before, after);
  checkNewLoads(before, after, requests);
  checkPages(before, after, requests);
  checkOtherSegments(before, after, plan, isStackAsked);
  checkTableOfSegments(before, after);
  checkDynamicPlace(before, after, plan);
}

function loadsOf({programHeaders}: ElfView): Phdr[] {
  return mappedLoads(programHeaders);
}

function endOf({p_vaddr, p_memsz}: Phdr): bigint {
  return p_vaddr + BigInt(p_memsz);
}

/** Every byte that was mapped is mapped at the same address, from the same place in the file, with the same permissions. */
function checkOldLoads(before: ElfView, after: ElfView): void {
  // If two have the same address, the first one counts.
  const byAddress = new Map([...loadsOf(after)].reverse().map((load) => [load.p_vaddr, load]));
  for (const old of loadsOf(before)) {
    const now = byAddress.get(old.p_vaddr);
    const name = `the LOAD at ${hex(old.p_vaddr)}`;
    if (now === undefined) failCheck(before, `${name} is gone`, 'a LOAD there', 'none');
    for (const field of ['p_flags', 'p_offset', 'p_paddr', 'p_align'] as const) {
      if (now[field] !== old[field])
        failCheck(before, `${name}: ${field} changes`, hex(old[field]), hex(now[field]));
    }
    const isFixed = (old.p_flags & PF.PF_W) !== 0 || old.p_filesz !== old.p_memsz;
    const isSame = now.p_filesz === old.p_filesz && now.p_memsz === old.p_memsz;
    if (isFixed && !isSame)
      failCheck(before, `${name} is writable and changes its size`, `${old.p_filesz}`, `${now.p_filesz}`);
    if (now.p_filesz !== now.p_memsz && !isSame)
      failCheck(before, `${name} gets a BSS`, `${now.p_filesz}`, `${now.p_memsz}`);
  }
}

/** New LOADs are above the first one, on bytes of their own, and meet all requirements for new LOADs. */
function checkNewLoads(before: ElfView, after: ElfView, requests: readonly Requested[]): void {
  const old = loadsOf(before);
  const known = new Set(old.map(({p_vaddr}) => p_vaddr));
  const lowest = old[0]?.p_vaddr ?? 0n;
  const aligns = [segmentAlignment(before), ...requests.map(({pageSize}) => pageSize)];
  const alignOfFirst = Math.max(smallestPage, old[0]?.p_align ?? 0);
  for (const load of loadsOf(after)) {
    if (known.has(load.p_vaddr)) continue;
    const name = `the new LOAD at ${hex(load.p_vaddr)}`;
    const demand = (isSo: boolean, what: string, got: bigint | number) => {
      if (!isSo) failCheck(before, `${name} is wrong`, what, hex(got));
    };
    const isWritable = (load.p_flags & PF.PF_W) !== 0;
    demand(!isWritable || (load.p_flags & PF.PF_X) === 0, 'not both writable and executable', load.p_flags);
    demand(load.p_filesz === load.p_memsz && load.p_filesz > 0, 'all of it from the file', load.p_memsz);
    demand(load.p_vaddr > lowest, `above ${hex(lowest)}`, load.p_vaddr);
    const {e_phoff} = after.header;
    const holdsTable = load.p_offset <= e_phoff && e_phoff < load.p_offset + load.p_filesz;
    const isAligned = aligns.includes(load.p_align) || (holdsTable && load.p_align === alignOfFirst);
    demand(isAligned, `alignment of ${hex(aligns[0] ?? 0)}`, load.p_align);
    demand(load.p_offset + load.p_filesz <= after.source.size, 'inside the file', load.p_offset);
    const clash = loadsOf(after).find(
      (other) =>
        other !== load &&
        other.p_offset < load.p_offset + load.p_filesz &&
        other.p_offset + other.p_filesz > load.p_offset,
    );
    demand(clash === undefined, 'bytes of its own', load.p_offset);
    const twin = after.programHeaders.find(
      (other) =>
        other !== load &&
        other.p_type !== PT.PT_PHDR &&
        other.p_offset === load.p_offset &&
        other.p_filesz > 0,
    );
    demand(twin === undefined, 'an offset at which no other segment begins', load.p_offset);
  }
}

/** LOADs ascend, are congruent to their file offsets, and share no page that they did not share before. */
function checkPages(before: ElfView, after: ElfView, requests: readonly Requested[]): void {
  const asked = requests.flatMap(({pageSize}) => (pageSize === undefined ? [] : [pageSize]));
  const page = BigInt(Math.min(pageSizeOf(before), ...asked));
  const shared = (loads: readonly Phdr[]) =>
    loads.filter((load, i) => {
      const previous = loads[i - 1];
      return previous !== undefined && (endOf(previous) - 1n) / page >= load.p_vaddr / page;
    });
  const [old, now] = [loadsOf(before), loadsOf(after)];
  now.forEach((load, i) => {
    const previous = now[i - 1];
    if (previous !== undefined && load.p_vaddr < endOf(previous)) {
      failCheck(
        before,
        'LOADs overlap or are out of order',
        `above ${hex(previous.p_vaddr)}`,
        hex(load.p_vaddr),
      );
    }
    if (load.p_align <= 1 || (load.p_vaddr - BigInt(load.p_offset)) % BigInt(load.p_align) === 0n) return;
    const was = old.find((o) => o.p_vaddr === load.p_vaddr);
    if (was === undefined || was.p_offset !== load.p_offset) {
      failCheck(before, 'a LOAD is not congruent to its alignment', hex(load.p_offset), hex(load.p_vaddr));
    }
  });
  if (shared(now).length > shared(old).length)
    failCheck(before, 'two LOADs share a page', 'separate pages', hex(page));
}

/** Segments that describe bytes still describe the same ones; only those that nothing addresses may move. */
function checkOtherSegments(before: ElfView, after: ElfView, plan: Promised, isStackAsked: boolean): void {
  const isChecked = ({p_type}: Phdr) =>
    !segmentsThatMayChange.has(p_type) && !(isStackAsked && p_type === PT.PT_GNU_STACK);
  const old = before.programHeaders.filter(isChecked);
  const now = after.programHeaders.filter(isChecked);
  if (old.length !== now.length)
    failCheck(before, 'the number of segments changes', `${old.length}`, `${now.length}`);
  old.forEach((segment, i) => {
    const other = now[i];
    const name = segmentTypeName(segment.p_type, before.header.e_machine);
    const mayMove = isTableSegment(segment.p_type, before.header.e_machine);
    const fields = ['p_type', 'p_flags', 'p_filesz', 'p_memsz', 'p_align'] as const;
    const places = ['p_offset', 'p_vaddr', 'p_paddr'] as const;
    for (const field of mayMove ? fields : [...fields, ...places]) {
      if (other?.[field] !== segment[field])
        failCheck(before, `${name}: ${field} changes`, hex(segment[field]), `${other?.[field]}`);
    }
    if (other === undefined || segment.p_filesz === 0 || segmentsWithoutContent.has(segment.p_type)) return;
    if (isStrayProperty(before, segment) || coversHeaders(before, segment)) return;
    const hasMoved = places.some((field) => other[field] !== segment[field]);
    if (hasMoved && after.offsetOfAddress(other.p_vaddr) !== other.p_offset)
      failCheck(before, `${name} would not be mapped`, hex(other.p_offset), hex(other.p_vaddr));
    const stays = other.p_offset === segment.p_offset && !isWritten(plan, segment.p_offset, segment.p_filesz);
    if (!stays) requireSameBytes(before, after, segment, other, name);
  });
}

const segmentsThatMayChange: ReadonlySet<number> = new Set([
  PT.PT_NULL,
  PT.PT_LOAD,
  PT.PT_INTERP,
  PT.PT_DYNAMIC,
  PT.PT_PHDR,
]);

/**
 * PT_GNU_STACK describes only permissions; PT_GNU_RELRO describes those of pages whose content other segments describe.
 */
const segmentsWithoutContent: ReadonlySet<number> = new Set([PT.PT_GNU_RELRO, PT.PT_GNU_STACK]);

/**
 * GNU properties are in a note. patchelf 0.14 moves that note to make room for program headers and leaves
 * PT_GNU_PROPERTY pointing at them, so there are no properties to preserve.
 */
function isStrayProperty(view: ElfView, {p_type, p_offset, p_filesz}: Phdr): boolean {
  const isAround = (note: Phdr) =>
    note.p_type === PT.PT_NOTE &&
    note.p_offset <= p_offset &&
    p_offset + p_filesz <= note.p_offset + note.p_filesz;
  return p_type === PT.PT_GNU_PROPERTY && !view.programHeaders.some(isAround);
}

/** If patchelf moved the program headers over a former note, PT_NOTE still points there. */
function coversHeaders(view: ElfView, {p_type, p_offset, p_filesz}: Phdr): boolean {
  const {e_phoff} = view.header;
  const end = e_phoff + view.programHeaders.length * Phdr.size(view.format.elfClass);
  return p_type === PT.PT_NOTE && p_offset < end && e_phoff < p_offset + p_filesz;
}

/**
 * If the table moved or grew, PT_PHDR describes it, a LOAD maps it, and old kernels and qemu find it by their own
 * rules.
 */
function checkTableOfSegments(before: ElfView, after: ElfView): void {
  const {e_phoff} = after.header;
  const size = after.programHeaders.length * Phdr.size(after.format.elfClass);
  const isSame =
    e_phoff === before.header.e_phoff && after.programHeaders.length === before.programHeaders.length;
  if (isSame) return;
  const load = loadsOf(after).find((p) => p.p_offset <= e_phoff && e_phoff + size <= p.p_offset + p.p_filesz);
  const wasMapped = loadsOf(before).some(
    (p) => p.p_offset <= before.header.e_phoff && before.header.e_phoff < p.p_offset + p.p_filesz,
  );
  if (!wasMapped && e_phoff === before.header.e_phoff) return;
  if (load === undefined) failCheck(before, 'the program header table is not mapped', 'a LOAD', hex(e_phoff));
  const address = load.p_vaddr + BigInt(e_phoff - load.p_offset);
  const segment = after.segment(PT.PT_PHDR);
  const isDescribed =
    segment === undefined ||
    (segment.p_offset === e_phoff && segment.p_vaddr === address && segment.p_filesz === size);
  if (!isDescribed)
    failCheck(before, 'PT_PHDR is not where the table is', hex(e_phoff), hex(segment.p_offset));
  checkAuxiliaryVector(before, after, address);
}

function checkAuxiliaryVector(before: ElfView, after: ElfView, address: bigint): void {
  const e_phoff = BigInt(after.header.e_phoff);
  const differences = (view: ElfView) => loadsOf(view).map((p) => p.p_vaddr - BigInt(p.p_offset));
  const first = differences(after)[0] ?? 0n;
  if (first + e_phoff !== address)
    failCheck(
      before,
      'kernels before 5.18 would not find the program headers',
      hex(address),
      hex(first + e_phoff),
    );
  // qemu compares them as unsigned numbers.
  const unsigned = (value: bigint) => BigInt.asUintN(after.format.elfClass, value);
  const smallest = (view: ElfView) =>
    differences(view)
      .map(unsigned)
      .reduce((a, b) => (b < a ? b : a), unsigned(first));
  if (smallest(after) < smallest(before))
    failCheck(
      before,
      'qemu-user would not find the program headers',
      hex(smallest(before)),
      hex(smallest(after)),
    );
}

/** The dynamic section keeps its permissions, and a plan says when RELRO no longer covers it. */
function checkDynamicPlace(before: ElfView, after: ElfView, plan: Promised): void {
  const [old, now] = [before.segment(PT.PT_DYNAMIC), after.segment(PT.PT_DYNAMIC)];
  if (old === undefined || now === undefined) {
    if (old !== now) failCheck(before, 'PT_DYNAMIC comes or goes', `${old?.p_vaddr}`, `${now?.p_vaddr}`);
    return;
  }
  const writable = (view: ElfView, segment: Phdr) =>
    (loadsOf(view).find((p) => segment.p_vaddr >= p.p_vaddr && segment.p_vaddr < endOf(p))?.p_flags ?? 0) &
    PF.PF_W;
  if (writable(before, old) !== writable(after, now))
    failCheck(before, 'the dynamic section changes its permissions', hex(old.p_vaddr), hex(now.p_vaddr));
  const isMapped = (view: ElfView, {p_vaddr, p_offset}: Phdr) => view.offsetOfAddress(p_vaddr) === p_offset;
  // An empty one, which nothing reads, may have been unmapped before.
  if (!isMapped(after, now) && (isMapped(before, old) || now.p_filesz > 0))
    failCheck(before, 'the dynamic section would not be mapped', hex(now.p_offset), hex(now.p_vaddr));
  const isProtected = (view: ElfView, segment: Phdr) =>
    view.programHeaders.some(
      (p) => p.p_type === PT.PT_GNU_RELRO && segment.p_vaddr >= p.p_vaddr && endOf(segment) <= endOf(p),
    );
  if (isProtected(before, old) && !isProtected(after, now) && !plan.leavesRelro)
    failCheck(before, 'the dynamic section leaves RELRO in silence', 'a note in the plan', 'none');
}
