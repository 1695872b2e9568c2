/*
 * What fits between sections needs neither a longer file nor a segment. So a program that appends to itself, as `bun
 * build --compile` does, still finds its data and its loader.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {PF, PT} from '../../../src/elf/constants.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../../../src/elf/records.js';
import {type EditRequest, type ElfView, openElfBuffer, type Plan} from '../../../src/index.js';
import {edit, planFor, programFile} from '../../helpers/edits.js';
import {newComplaints} from '../../helpers/readelf.js';
import {stripPrograms, stripWith} from '../../helpers/strippers.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, run, withTools} from '../../helpers/tools.js';

/** As bun's linker leaves it: no spare DT_NULL, a slot for an address, pages of constants and of variables. */
const source = `#include <stdio.h>
const char constants[4096] __attribute__((aligned(4096))) = "constants";
char page[4096] __attribute__((aligned(4096), section(".page"))) = "page";
const char *volatile slot __attribute__((section(".slot"))) = 0;
#ifdef NAMED
__asm__(".globl before_page\\n.set before_page, page - 0xd00");
#endif
char zeros[100000];
int main(void) {
  for (unsigned i = 0; i < sizeof zeros; i++) if (zeros[i]) return 1;
  printf("%s, %s, %s\\n", constants, page, slot ? slot : "nothing appended");
  return 0;
}
`;

function build(t: ExecutionContext, ...options: readonly string[]): string {
  const file = path.join(tempDirectory(t), 'program');
  writeFileSync(`${file}.c`, source);
  const layout = ['-no-pie', '-Wl,-z,norelro', '-Wl,--no-gc-sections', ...options];
  output('gcc', [`${file}.c`, '-o', file, '-fuse-ld=lld', ...layout]);
  return file;
}

function planAndEdit(file: string, request: EditRequest): Plan {
  const plan = planFor(readFileSync(file), request);
  writeFileSync(file, edit(readFileSync(file), request), {mode: 0o755});
  return plan;
}

/**
 * Append a text as bun's compiler does: the LOAD of the slot grows up to the page above all others, what follows it in
 * the file moves, section headers follow, and the slot gets the text's address.
 */
function append(bytes: Buffer, text: string): Buffer {
  const {view} = openElfBuffer(bytes);
  const {header, programHeaders, sectionHeaders, format} = view;
  const slot = view.sectionHeaders.find((section) => view.sectionName(section) === '.slot');
  const index = programHeaders.findIndex(
    (p) => p.p_type === PT.PT_LOAD && slot !== undefined && contains(p, slot.sh_addr),
  );
  const load = programHeaders[index];
  if (slot === undefined || load === undefined) throw new Error('no slot');
  const top = loadsOf(view)
    .map(endOf)
    .reduce((a, b) => (a > b ? a : b));
  const address = (top + 4095n) & ~4095n;
  const size = Number(address - load.p_vaddr) + 4096;
  const end = load.p_offset + load.p_filesz;
  const distance = load.p_offset + size - end;
  const grown = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(distance), bytes.subarray(end)]);
  grown.write(text, load.p_offset + size - 4096);
  grown.writeBigUInt64LE(address, slot.sh_offset);
  const phdr = Phdr.encode({...load, p_filesz: size, p_memsz: size}, format);
  grown.set(phdr, header.e_phoff + index * phdr.length);
  const e_shoff = header.e_shoff + distance;
  grown.set(Ehdr.encode({...header, e_shoff}, format), EI_NIDENT);
  for (const [i, section] of sectionHeaders.entries()) {
    const sh_offset = section.sh_offset + (section.sh_offset >= end ? distance : 0);
    const shdr = Shdr.encode({...section, sh_offset}, format);
    grown.set(shdr, e_shoff + i * shdr.length);
  }
  return grown;
}

function contains({p_vaddr, p_memsz}: Phdr, address: bigint): boolean {
  return address >= p_vaddr && address < p_vaddr + BigInt(p_memsz);
}

function endOf({p_vaddr, p_memsz}: Phdr): bigint {
  return p_vaddr + BigInt(p_memsz);
}

function loadsOf({programHeaders}: ElfView): readonly Phdr[] {
  return programHeaders.filter(({p_type}) => p_type === PT.PT_LOAD);
}

test(
  'a search path and the longer dynamic section go into padding, and a program that appends to itself runs',
  withTools((t) => {
    const file = build(t);
    const original = `${file}.original`;
    copyFileSync(file, original);
    const before = openElfBuffer(readFileSync(file)).view;
    const plan = planAndEdit(file, {runpath: `/opt/${'r'.repeat(300)}`});
    t.is(plan.placement, 'slack');
    t.is(plan.outputSize, plan.inputSize);
    const after = openElfBuffer(readFileSync(file)).view;
    t.is(loadsOf(after).length, loadsOf(before).length);
    const dynamic = after.segment(PT.PT_DYNAMIC);
    const load = loadsOf(after).find((p) => contains(p, dynamic?.p_vaddr ?? 0n));
    t.is((load?.p_flags ?? 0) & PF.PF_W, PF.PF_W);
    t.not(dynamic?.p_vaddr, before.segment(PT.PT_DYNAMIC)?.p_vaddr);
    t.deepEqual(newComplaints(original, file), []);
    t.is(output(file, []), 'constants, page, nothing appended\n');
    const appended = programFile(t, append(readFileSync(file), 'appended'), 'appended');
    t.is(output(appended, []), 'constants, page, appended\n');
  }),
);

test(
  'what each stripper makes of a program with its dynamic section in padding runs',
  withTools((t) => {
    const file = build(t);
    planAndEdit(file, {runpath: '/opt/lib', addNeeded: ['libm.so.6']});
    for (const tool of stripPrograms) {
      stripWith(tool, file, `${file}.${tool}`);
      t.is(run(`${file}.${tool}`, []).stdout, 'constants, page, nothing appended\n', tool);
    }
  }),
);

test(
  'zeros that alignment does not explain, or that have a name, are no padding',
  withTools((t) => {
    const file = build(t);
    const view = openElfBuffer(readFileSync(file)).view;
    const page = view.sectionHeaders.findIndex((section) => view.sectionName(section) === '.page');
    const header = view.sectionHeaders[page];
    if (header === undefined) return t.fail('no .page');
    const bytes = readFileSync(file);
    const shdr = Shdr.encode({...header, sh_addralign: 16}, view.format);
    bytes.set(shdr, view.header.e_shoff + page * shdr.length);
    t.is(planFor(bytes, {runpath: '/opt/lib'}).placement, 'new-segment');
    const named = build(t, '-DNAMED');
    t.is(planFor(readFileSync(named), {runpath: '/opt/lib'}).placement, 'new-segment');
  }),
);
