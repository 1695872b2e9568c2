/*
 * What holds for every plan: it composes, it is pure, it writes the least possible, and the checker rejects plans that
 * would break a program.
 */
import {existsSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {checkPlan, checkPlanFully} from '../../src/edit/check/plan.js';
import type {Requested} from '../../src/edit/check/promise.js';
import {DT, PF, PT, SHT} from '../../src/elf/constants.js';
import {Dyn, Phdr, Shdr, Sym} from '../../src/elf/records.js';
import {dynamicSymbolTable} from '../../src/elf/symbols.js';
import type {ElfView} from '../../src/elf/view.js';
import {applyPlanToBuffer, type EditRequest, ElfError, openElfBuffer, type Plan} from '../../src/index.js';
import {countDifferent, edit, planFor, programFile} from '../helpers/edits.js';
import {fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {elflint, readelfDynamic, readelfInterpreter} from '../helpers/readelf.js';
import {tempDirectory} from '../helpers/temp.js';
import {MissingTool, output, pathOf, run, withTools} from '../helpers/tools.js';

const interpreters: readonly EditRequest[] = [
  {interpreter: '/l'},
  {interpreter: '/debootstrap/qemu-libs/ld.so'},
  {interpreter: `/${'i'.repeat(199)}`},
];
const paths: readonly EditRequest[] = [
  {rpath: '/debootstrap/qemu-libs'},
  {runpath: '$ORIGIN'},
  {runpath: `/${'p'.repeat(300)}`},
  {removeRpath: true},
];

/** The edited bytes, or the code of the error. */
function outcome(bytes: Uint8Array, ...requests: readonly EditRequest[]): Buffer | string {
  try {
    return requests.reduce<Buffer>((current, request) => edit(current, request), Buffer.from(bytes));
  } catch (error) {
    if (error instanceof ElfError) return error.code;
    throw error;
  }
}

for (const {name} of fixtures) {
  test(`${name}: two edits in one request give the file that they give one after another`, (t) => {
    const bytes = fixtureBytes(name);
    for (const first of interpreters)
      for (const second of paths)
        t.deepEqual(outcome(bytes, {...first, ...second}), outcome(bytes, first, second));
  });

  test(`${name}: planning changes no byte of its input and gives the same plan again`, (t) => {
    const bytes = fixtureBytes(name);
    for (const request of [...interpreters, ...paths]) {
      const view = openElfBuffer(bytes).view;
      const plans = [0, 1].map(() => attempt(() => planFor(bytes, request)));
      t.deepEqual(plans[0], plans[1]);
      t.is(view.source.size, bytes.length);
    }
    t.is(countDifferent(bytes, fixtureBytes(name)), 0);
  });

  test(`${name}: writes are disjoint, in order, true about what stands there, and none is idle`, (t) => {
    const bytes = fixtureBytes(name);
    for (const request of [...interpreters, ...paths]) {
      const plan = attempt(() => planFor(bytes, request));
      if (typeof plan === 'string') {
        t.pass();
        continue;
      }
      let end = 0;
      for (const {offset, bytes: now, before, reason} of plan.writes) {
        t.true(offset >= end, reason);
        t.deepEqual(Buffer.from(before), Buffer.from(bytes.subarray(offset, offset + now.length)), reason);
        t.not(now[0], before[0], reason);
        end = offset + now.length;
      }
      const edited = applyPlanToBuffer(bytes, plan);
      t.is(edited.length, plan.outputSize);
      const written = plan.writes.reduce((sum, write) => sum + write.bytes.length, 0);
      t.true(countDifferent(bytes, edited) <= written);
    }
  });
}

function attempt(action: () => Plan): Plan | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof ElfError) return error.code;
    throw error;
  }
}

test('an empty request is byte-identical', (t) => {
  for (const {name, e_type} of fixtures) {
    if (e_type === 'ET_REL' || name.endsWith('.debug')) continue;
    const plan = planFor(fixtureBytes(name), {});
    t.like(plan, {placement: 'none', writes: [], regions: [], changes: [], notes: []});
    t.is(countDifferent(applyPlanToBuffer(fixtureBytes(name), plan), fixtureBytes(name)), 0);
  }
});

test('a plan for one file is refused by another, and by the same after a change', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  const plan = planFor(bytes, {interpreter: '/l'});
  t.throws(() => applyPlanToBuffer(fixtureBytes('x86_64/probe-exec'), plan), {code: 'CHANGED'});
  t.throws(() => applyPlanToBuffer(applyPlanToBuffer(bytes, plan), plan), {
    code: 'CHANGED',
    message: /different content/,
  });
  t.throws(() => applyPlanToBuffer(bytes.subarray(0, -1), plan), {code: 'CHANGED', message: /16623 bytes/});
});

/** Change records of a file by hand, declared as a plan would, and hand the result to the checker. */
function check(
  t: ExecutionContext,
  change: (bytes: Buffer, view: ElfView) => readonly (readonly [number, Uint8Array])[],
  request: EditRequest = {},
  declared = true,
  name = 'x86_64/probe-pie',
): ElfError | undefined {
  const before = fixtureBytes(name);
  const after = Buffer.from(before);
  const {view} = openElfBuffer(before);
  const writes = change(after, view).map(([offset, bytes]) => {
    after.set(bytes, offset);
    return {offset, bytes, before: before.subarray(offset, offset + bytes.length), reason: 'by hand'};
  });
  const plan: Plan = {
    path: undefined,
    placement: 'in-place',
    inputSize: before.length,
    outputSize: after.length,
    writes,
    regions: declared ? writes.map(({offset, bytes}) => ({offset, size: bytes.length, what: 'by hand'})) : [],
    changes: [],
    notes: [],
  };
  try {
    checkPlan(view, plan, [request]);
    t.notThrows(() => checkPlanFully(view, plan, [request]), 'what passes quickly passes in full');
    return undefined;
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    t.is(error.code, 'CHECK_FAILED');
    t.regex(error.message, /^internal error, nothing was written: /);
    return error;
  }
}

/** One changed program header: its offset and its new bytes. */
function changedSegment(view: ElfView, find: (phdr: Phdr) => boolean, change: (phdr: Phdr) => Partial<Phdr>) {
  const index = view.programHeaders.findIndex(find);
  const phdr = view.programHeaders[index];
  if (phdr === undefined) throw new Error('no such segment');
  const offset = view.header.e_phoff + index * Phdr.size(view.format.elfClass);
  return [offset, Phdr.encode({...phdr, ...change(phdr)}, view.format)] as const;
}

function changedSymbol(view: ElfView, index: number, change: (symbol: Sym) => Partial<Sym>) {
  const size = Sym.size(view.format.elfClass);
  const offset = (dynamicSymbolTable(view)?.offset ?? 0) + index * size;
  const symbol = Sym.decode(view.source.read(offset, size), view.format);
  return [offset, Sym.encode({...symbol, ...change(symbol)}, view.format)] as const;
}

function changedEntry(view: ElfView, tag: bigint, change: (entry: Dyn) => Partial<Dyn>) {
  const {dynamic} = view;
  const index = dynamic?.entries.findIndex((entry) => entry.d_tag === tag) ?? -1;
  const entry = dynamic?.entries[index];
  if (dynamic === undefined || entry === undefined) throw new Error('no such entry');
  const offset = dynamic.offset + index * Dyn.size(view.format.elfClass);
  return [offset, Dyn.encode({...entry, ...change(entry)}, view.format)] as const;
}

const isLoad = (flags: number) => (p: Phdr) => p.p_type === PT.PT_LOAD && p.p_flags === flags;
const writable = isLoad(PF.PF_R | PF.PF_W);
const executable = isLoad(PF.PF_R | PF.PF_X);
const readOnly = isLoad(PF.PF_R);
const ofType = (type: number) => (p: Phdr) => p.p_type === type;

/** Fields of a request that say how to edit, not what the result is. */
type Modifiers = 'allowRelative' | 'addInterpreter' | 'payload';
/** The fields that nothing would check: a new edit needs a field in check/promise.ts. */
type Unchecked = Exclude<keyof EditRequest, keyof Requested | Modifiers>;

test('every edit is known to the checker', (t) => {
  const isChecked: [Unchecked] extends [never] ? true : false = true;
  t.true(isChecked);
});

test('checker: a change of nothing passes, so that what follows fails for its own reason', (t) => {
  t.is(
    check(t, () => []),
    undefined,
  );
  t.is(
    check(t, () => [], {interpreter: '/lib64/ld-linux-x86-64.so.2'}),
    undefined,
  );
});

const refused: Readonly<
  Record<string, [RegExp, (view: ElfView) => readonly (readonly [number, Uint8Array])[]]>
> = {
  'another bit of DT_FLAGS_1': [
    /DT_FLAGS_1 would not read as it should \(expected "0x8000000", got "0x1"\)/,
    (view) => [changedEntry(view, DT.DT_FLAGS_1, () => ({d_val: 1n}))],
  ],
  'an entry that no request mentions': [
    /a dynamic entry would change \(expected DT_INIT 0x1000, got DT_INIT 0x1008\)/,
    (view) => [changedEntry(view, DT.DT_INIT, ({d_val}) => ({d_val: d_val + 8n}))],
  ],
  'an entry less': [
    /a dynamic entry would change \(expected DT_RELACOUNT 0xa, got 0x6ffffdf0 0x0\)/,
    (view) => [changedEntry(view, DT.DT_RELACOUNT, () => ({d_tag: 0x6ffffdf0n, d_val: 0n}))],
  ],
  'a LOAD that becomes writable and executable': [
    /the LOAD at 0x1000: p_flags changes \(expected 0x5, got 0x7\)/,
    (view) => [changedSegment(view, executable, () => ({p_flags: 7}))],
  ],
  'a LOAD from elsewhere in the file': [
    /the LOAD at .*: p_offset changes/,
    (view) => [changedSegment(view, executable, (p) => ({p_offset: p.p_offset + 0x1000}))],
  ],
  'a LOAD at another address': [
    /the LOAD at 0x1000 is gone/,
    (view) => [changedSegment(view, executable, (p) => ({p_vaddr: p.p_vaddr + 0x1000n}))],
  ],
  'a symbol under another name': [
    /symbol 2 changes/,
    (view) => [changedSymbol(view, 2, () => ({st_name: 1}))],
  ],
  'the last symbol as another kind': [
    /symbol \d+ changes/,
    (view) => [changedSymbol(view, (dynamicSymbolTable(view)?.count ?? 0) - 1, () => ({st_info: 0x1a}))],
  ],
  'BSS that would come from the file': [
    /is writable and changes its size/,
    (view) => [changedSegment(view, writable, (p) => ({p_filesz: p.p_filesz + 8}))],
  ],
  'a shorter BSS': [
    /is writable and changes its size/,
    (view) => [changedSegment(view, writable, (p) => ({p_memsz: p.p_memsz - 8}))],
  ],
  'a read-only LOAD with a BSS': [
    /gets a BSS/,
    (view) => [changedSegment(view, readOnly, (p) => ({p_memsz: p.p_memsz + 64}))],
  ],
  'a LOAD that reaches into the next one': [
    /LOADs overlap or are out of order|share a page/,
    (view) => [changedSegment(view, readOnly, () => ({p_filesz: 0x1100, p_memsz: 0x1100}))],
  ],
  'a LOAD that reaches into a page of the next one': [
    /two LOADs share a page/,
    (view) => [reachingIntoDataPage(view)],
  ],
  'another alignment of the thread-local storage': [
    /PT_TLS: p_align changes/,
    (view) => [changedSegment(view, ofType(PT.PT_TLS), (p) => ({p_align: p.p_align * 2}))],
  ],
  'a note that holds other bytes': [
    /PT_NOTE would (hold other bytes|not be mapped)/,
    (view) => [changedSegment(view, ofType(PT.PT_NOTE), (p) => ({p_offset: p.p_offset + 16}))],
  ],
  'an executable stack': [
    /PT_GNU_STACK: p_flags changes \(expected 0x6, got 7\)/,
    (view) => [changedSegment(view, ofType(PT.PT_GNU_STACK), () => ({p_flags: 7}))],
  ],
  'a segment that is gone': [
    /the number of segments changes \(expected 7, got 6\)/,
    (view) => [changedSegment(view, ofType(PT.PT_GNU_STACK), () => ({p_type: PT.PT_INTERP}))],
  ],
  'a symbol table that is elsewhere': [
    /DT_SYMTAB|DT_GNU_HASH|section|name of symbol/,
    (view) => [changedEntry(view, DT.DT_SYMTAB, ({d_val}) => ({d_val: d_val + 24n}))],
  ],
  'relocations that are fewer': [
    /DT_RELA changes its size/,
    (view) => [changedEntry(view, DT.DT_RELASZ, ({d_val}) => ({d_val: d_val - 24n}))],
  ],
  'a table that is gone': [
    /DT_VERSYM is gone/,
    (view) => [changedEntry(view, DT.DT_VERSYM, () => ({d_tag: DT.DT_DEBUG}))],
  ],
  'another DT_NEEDED': [
    /DT_NEEDED would not read as it should/,
    (view) => [changedEntry(view, DT.DT_NEEDED, ({d_val}) => ({d_val: d_val + 1n}))],
  ],
  'a DT_RUNPATH that nobody asked for': [
    /DT_RUNPATH would not read as it should \(expected none, got "libc\.so\.6"\)/,
    (view) => [
      changedEntry(view, DT.DT_DEBUG, () => ({
        d_tag: DT.DT_RUNPATH,
        d_val: view.dynamic?.value(DT.DT_NEEDED) ?? 0n,
      })),
    ],
  ],
  'an interpreter that nobody asked for': [
    /interpreter would not read as it should/,
    (view) => [[(view.interpreter?.offset ?? 0) + 1, Buffer.from('L')]],
  ],
  'a name of a symbol that changes': [
    /the name of symbol \d+ changes \(expected "printf", got "#rintf"\)/,
    (view) => [[(view.dynamic?.stringTable.offset ?? 0) + indexOfSymbolName(view), Buffer.from('#')]],
  ],
  'a section header that disagrees': [
    /section|DT_STRTAB|disagree/i,
    (view) => [changedSection(view, SHT.SHT_DYNSYM, (s) => ({sh_addr: s.sh_addr + 8n}))],
  ],
};

/** The data of a program start within a page; here the read-only LOAD before them ends after that page's start. */
function reachingIntoDataPage(view: ElfView) {
  const data = view.programHeaders.find(writable)?.p_vaddr ?? 0n;
  const constants = view.programHeaders.filter(readOnly).at(-1);
  return changedSegment(
    view,
    (phdr) => phdr === constants,
    ({p_vaddr}) => {
      const size = Number((data / 0x1000n) * 0x1000n + 16n - p_vaddr);
      return {p_filesz: size, p_memsz: size};
    },
  );
}

function changedSection(view: ElfView, type: number, change: (section: Shdr) => Partial<Shdr>) {
  const index = view.sectionHeaders.findIndex((section) => section.sh_type === type);
  const section = view.sectionHeaders[index];
  if (section === undefined) throw new Error('no such section');
  const offset = view.header.e_shoff + index * Shdr.size(view.format.elfClass);
  return [offset, Shdr.encode({...section, ...change(section)}, view.format)] as const;
}

/** Offset in .dynstr of the name of some symbol: of `printf`, which every probe has. */
function indexOfSymbolName(view: ElfView): number {
  const {offset, size} = view.dynamic?.stringTable ?? {offset: 0, size: 0};
  return Buffer.from(view.source.read(offset, size)).indexOf('printf');
}

for (const [title, [message, change]] of Object.entries(refused)) {
  test(`checker refuses ${title}`, (t) => {
    const error = check(t, (_bytes, view) => change(view));
    t.regex(error?.message ?? 'passed', message);
  });
}

test('checker refuses a write that the plan does not declare, into code as anywhere', (t) => {
  const code = (_bytes: Buffer, view: ElfView) => [
    [Number(view.header.e_entry), Buffer.from([0xcc])] as const,
  ];
  t.regex(
    check(t, code, {}, false)?.message ?? 'passed',
    /an undeclared write: by hand \(.*got 0x[0-9a-f]+\)/,
  );
});

test('checker refuses a result that does not read as was asked', (t) => {
  t.regex(
    check(t, () => [], {interpreter: '/l'})?.message ?? 'passed',
    /interpreter would not read as it should \(expected "\/l", got "\/lib64\/ld-linux-x86-64\.so\.2"\)/,
  );
  t.regex(check(t, () => [], {rpath: '/a'})?.message ?? 'passed', /DT_RPATH would not read as it should/);
});

const qemuArm = pathOf('qemu-arm');

/** Debian's qemu-arm, where it is dynamically linked. */
function sharedQemuArm(): Buffer {
  if (!existsSync(qemuArm)) throw new MissingTool('qemu-arm');
  return readFileSync(qemuArm);
}

test(
  "Debian's qemu-arm: a relocated loader costs at most 256 bytes and no growth, a search path no growth",
  withTools((t) => {
    const bytes = sharedQemuArm();
    const interpreter = '/debootstrap/qemu-libs/ld.so';
    const one = edit(bytes, {interpreter});
    t.is(one.length, bytes.length);
    t.true(countDifferent(one, bytes) <= 256, `${countDifferent(one, bytes)} bytes`);
    const two = edit(bytes, {interpreter, rpath: '/debootstrap/qemu-libs'});
    t.is(two.length, bytes.length);
    t.log(`${countDifferent(one, bytes)} bytes differ; with a search path ${countDifferent(two, bytes)}`);
    const file = programFile(t, two, 'qemu-arm');
    t.is(readelfInterpreter(file), interpreter);
    t.is(readelfDynamic(file).find(({type}) => type === 'RPATH')?.string, '/debootstrap/qemu-libs');
    t.deepEqual(elflint(file), []);
    t.deepEqual(elflint(programFile(t, one)), []);
  }),
);

test(
  "Debian's qemu-arm: the edited file, its strip and its objcopy run with the loader where they ask for it",
  withTools((t) => {
    const bytes = sharedQemuArm();
    const loader = openElfBuffer(bytes).view.interpreter?.path ?? '';
    const directory = tempDirectory(t);
    const interpreter = path.join(directory, 'ld.so');
    output('ln', ['-s', loader, interpreter]);
    const file = programFile(t, edit(bytes, {interpreter, rpath: directory}), 'qemu-arm');
    output('strip', ['-o', `${file}.strip`, file]);
    output('objcopy', [file, `${file}.objcopy`]);
    const expected = output(qemuArm, ['--version']);
    for (const copy of [file, `${file}.strip`, `${file}.objcopy`]) {
      t.is(run(copy, ['--version']).stdout, expected, copy);
      t.is(readelfInterpreter(copy), interpreter);
      const hello = fixtures.find(({name}) => name === 'armel/hello-static');
      t.regex(run(copy, [hello?.path ?? '']).stdout, /^hello from ARM/);
    }
    t.is(statSync(file).size, bytes.length);
  }),
);
