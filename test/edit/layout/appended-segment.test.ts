import {copyFileSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import {
  applyPlanSync,
  applyPlanToBuffer,
  type EditRequest,
  ElfView,
  openElfBuffer,
  planEdit,
} from '../../../src/index.js';
import {edit, loaderLink, planFor, programFile} from '../../helpers/edits.js';
import {dynamicPrograms, fixture, fixtureBytes} from '../../helpers/fixtures.js';
import {buildMatrix, type MatrixProgram, probeOutput, runMatrixProgram} from '../../helpers/matrix.js';
import {newComplaints, readelfHeader, readelfSegments} from '../../helpers/readelf.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, run, runProgram, withTools} from '../../helpers/tools.js';

const sources = fileURLToPath(new URL('../../../../test-binaries/sources/', import.meta.url));
const long = `/opt/${'r'.repeat(2990)}`;

/** The LOADs of the result that the original does not have. */
function newLoads(before: Uint8Array, after: Uint8Array) {
  const loads = (bytes: Uint8Array) => openElfBuffer(bytes).view.programHeaders.filter((p) => p.p_type === 1);
  const old = new Set(loads(before).map((load) => load.p_vaddr));
  return loads(after).filter((load) => !old.has(load.p_vaddr));
}

for (const program of dynamicPrograms) {
  const expected = program.output;
  if (expected === undefined || program.name.includes('needs-libprobe')) continue;
  test(
    `${program.name} runs with an interpreter of 250 and a runpath of 3,000 bytes`,
    withTools((t) => {
      const interpreter = loaderLink(t, program, 250);
      const original = fixtureBytes(program.name);
      const file = programFile(t, edit(original, {interpreter, runpath: long}));
      const {status, stdout, stderr} = runProgram(program, file);
      t.is(status, 0, stderr);
      t.regex(stdout, expected);
      t.deepEqual(newComplaints(program.path, file), []);
    }),
  );
}

test('a new LOAD lies above all others, is read-only, without BSS, and congruent to the pages of its machine', (t) => {
  for (const name of ['x86_64/probe-lld-exec', 'aarch64/probe-lld-pie', 's390x/probe-mold-pie']) {
    const before = fixtureBytes(name);
    const after = edit(before, {interpreter: `/${'x'.repeat(300)}`});
    const [load, ...others] = newLoads(before, after);
    t.deepEqual(others, [], name);
    if (load === undefined) return t.fail(name);
    const page = name.startsWith('aarch64') ? 0x10000 : 0x1000;
    const old = openElfBuffer(before).view.programHeaders.filter((p) => p.p_type === 1);
    const highest = old.map((p) => p.p_vaddr + BigInt(p.p_memsz)).reduce((a, b) => (b > a ? b : a));
    t.is(load.p_flags, 4, name);
    t.is(load.p_filesz, load.p_memsz, name);
    t.is(load.p_align, page, name);
    t.is((load.p_vaddr - BigInt(load.p_offset)) % BigInt(page), 0n, name);
    t.true(load.p_vaddr / BigInt(page) > (highest - 1n) / BigInt(page), name);
  }
});

test('an ET_EXEC keeps its lowest address', (t) => {
  const lowest = (bytes: Uint8Array) =>
    openElfBuffer(bytes)
      .view.programHeaders.filter((p) => p.p_type === 1)
      .map((p) => p.p_vaddr)
      .reduce((a, b) => (b < a ? b : a));
  for (const name of ['i386/probe-lld-exec', 'mips64el/probe-lld-exec', 'riscv64/probe-mold-exec']) {
    const before = fixtureBytes(name);
    t.is(lowest(edit(before, {interpreter: `/${'x'.repeat(300)}`, rpath: long})), lowest(before), name);
  }
});

test('the next edit finds the extension again and grows it', (t) => {
  const before = fixtureBytes('x86_64/probe-mold-pie');
  let bytes = edit(before, {interpreter: `/${'x'.repeat(300)}`});
  for (const length of [400, 1000, 20, 3000]) {
    bytes = edit(bytes, {interpreter: `/${'x'.repeat(length)}`});
    t.is(newLoads(before, bytes).length, 1);
  }
});

test('a shorter value leaves room in the extension that the next edit uses', (t) => {
  const first = edit(fixtureBytes('x86_64/probe-mold-pie'), {interpreter: `/${'x'.repeat(2000)}`});
  const shorter = edit(first, {interpreter: `/${'y'.repeat(100)}`});
  const filled = edit(shorter, {rpath: `/${'z'.repeat(1500)}`});
  t.is(shorter.length, first.length);
  t.is(filled.length, first.length);
});

for (const name of ['x86_64/probe-lld-pie', 'x86_64/probe-lld-exec', 'aarch64/probe-lld-pie']) {
  test(
    `${name}: a dynamic section without a spare entry moves to a writable LOAD, and the plan says so`,
    withTools((t) => {
      const before = fixtureBytes(name);
      const plan = planFor(before, {rpath: '/opt/lib'});
      t.true(plan.notes.some((note) => note.includes('RELRO')));
      const after = applyPlanToBuffer(before, plan);
      const {dynamic} = openElfBuffer(after).view;
      t.true((dynamic?.capacity ?? 0) - (dynamic?.entries.length ?? 0) > 4);
      t.is(newLoads(before, after).filter((load) => load.p_flags === 6).length, 1);
      const file = programFile(t, after);
      const symbol = /([0-9a-f]+) +0 \w+ +\w+ +\w+ +\S+ _DYNAMIC$/m.exec(
        output('readelf', ['-sW', file]),
      )?.[1];
      // A stripped program has no such symbol.
      if (symbol !== undefined) t.is(`0x${symbol.replace(/^0+/, '')}`, `0x${dynamic?.address.toString(16)}`);
      t.regex(runProgram(fixture(name), file).stdout, /as linked/);
    }),
  );
}

test('several edits add no more LOADs than one', (t) => {
  const before = fixtureBytes('x86_64/probe-lld-pie');
  let bytes = edit(before, {rpath: '/opt/lib'});
  const count = newLoads(before, bytes).length;
  for (let i = 1; i < 12; i++)
    bytes = edit(bytes, {addNeeded: [`lib${i}.so`], rpath: `/opt/${'x'.repeat(i * 50)}`});
  t.is(newLoads(before, bytes).length, count);
});

for (const name of ['x86_64/probe-nosections', 'armhf/probe-nosections', 's390x/probe-nosections']) {
  test(
    `${name}: a file without section headers gets an extension, and the next edit uses it`,
    withTools((t) => {
      const program = fixture(name);
      const before = fixtureBytes(name);
      const interpreter = loaderLink(t, program, 250);
      const bytes = edit(edit(before, {rpath: `${long}${long}`}), {
        interpreter,
        runpath: `${long}${long}${long}`,
      });
      t.is(newLoads(before, bytes).length, 1);
      const {status, stdout} = runProgram(program, programFile(t, bytes));
      t.is(status, 0);
      t.regex(stdout, /as linked/);
    }),
  );
}

function matrixProgram(t: ExecutionContext, programs: readonly MatrixProgram[], name: string): MatrixProgram {
  const found = programs.find((program) => program.name === name);
  if (found === undefined) t.fail(`${name} is not in the matrix`);
  return found ?? (programs[0] as MatrixProgram);
}

test(
  'read-only data behind the program headers: they move, and qemu-aarch64 still finds them (AT_PHDR)',
  withTools((t) => {
    const programs = buildMatrix(['aarch64']);
    const file = path.join(tempDirectory(t), 'program');
    for (const kind of ['pie', 'no-pie']) {
      const program = matrixProgram(t, programs, `aarch64-bfd-rodata-first-${kind}`);
      // More than the slack of the first segment, which is nearly a page of 64K.
      const request: EditRequest = {rpath: `/opt/${'r'.repeat(70_000)}`};
      const plan = planEdit(openElfBuffer(readFileSync(program.path)).view, request);
      t.true(
        plan.notes.some((note) => note.startsWith('the program header table moved')),
        program.name,
      );
      copyFileSync(program.path, file);
      applyPlanSync(file, plan);
      const {e_phoff} = readelfHeader(file);
      const segments = readelfSegments(file);
      const first = segments.find(({type}) => type === 'LOAD');
      const table = segments.find(({type}) => type === 'PHDR');
      t.is(table?.p_offset, e_phoff);
      t.is(
        (table?.p_vaddr ?? 0n) - (first?.p_vaddr ?? 0n) + BigInt(first?.p_offset ?? 0),
        BigInt(e_phoff),
        'e_phoff == vaddr(table) - vaddr(first LOAD) + offset(first LOAD)',
      );
      t.is(runMatrixProgram(program, file).stdout, probeOutput, program.name);
      t.deepEqual(newComplaints(program.path, file), []);
    }
  }),
);

// Since 5.18 (0da1d5002745), Linux finds the table in any LOAD; for older kernels see open-load.ts.
for (const kind of ['pie', 'no-pie']) {
  test(
    `${kind}: where the program headers had to move, what strip and objcopy make of the program runs`,
    withTools((t) => {
      const file = path.join(tempDirectory(t), 'program');
      const compiled = `gcc -O2 -${kind} -fuse-ld=bfd -o ${file} ${sources}probe.c`;
      output('sh', ['-c', `${compiled} -Wl,--verbose | sed -f ${sources}order.lds.sed >${file}.lds`]);
      output('sh', ['-c', `${compiled} -Wl,-T,${file}.lds`]);
      const plan = planFor(readFileSync(file), {rpath: `/opt/${'r'.repeat(70_000)}`});
      t.true(plan.notes.some((note) => note.startsWith('the program header table moved')));
      applyPlanSync(file, plan);
      for (const tool of ['strip', 'objcopy']) {
        output(tool, tool === 'strip' ? [file, '-o', `${file}.${tool}`] : [file, `${file}.${tool}`]);
        t.is(output(`${file}.${tool}`, []), probeOutput, tool);
      }
    }),
  );
}

test(
  'a writable LOAD that is last in the table keeps its BSS',
  withTools((t) => {
    const programs = buildMatrix(['aarch64']);
    const file = path.join(tempDirectory(t), 'program');
    for (const name of ['bfd-rw-load-last-pie', 'lld-rw-load-last-pie', 'lld-rw-load-last-no-pie']) {
      const program = matrixProgram(t, programs, `aarch64-${name}`);
      copyFileSync(program.path, file);
      const plan = planEdit(openElfBuffer(readFileSync(file)).view, {rpath: `/opt/${'r'.repeat(70_000)}`});
      t.is(plan.placement, 'new-segment');
      applyPlanSync(file, plan);
      t.is(runMatrixProgram(program, file).stdout, probeOutput, name);
    }
  }),
);

/** 200 edits of the interpreter and the rpath in turn, with lengths that grow and shrink. */
function* alternatingEdits(loader: (length: number) => string): Generator<EditRequest> {
  for (let i = 0; i < 200; i++) {
    const length = 20 + ((i * 37) % 400);
    yield i % 2 === 0 ? {interpreter: loader(length)} : {rpath: `/opt/${'r'.repeat(length)}`};
  }
}

for (const name of [
  'x86_64/probe-pie',
  'x86_64/probe-exec',
  'x86_64/probe-lld-pie',
  'x86_64/probe-mold-exec',
]) {
  test(
    `${name}: the size settles under 200 alternating edits`,
    withTools((t) => {
      const ours = programFile(t, fixtureBytes(name), 'ours');
      const theirs = programFile(t, fixtureBytes(name), 'theirs');
      const curve: string[] = [];
      const sizes: number[] = [];
      let patchelf = 'fails';
      for (const request of alternatingEdits((length) => `/opt/${'l'.repeat(length)}`)) {
        applyPlanSync(ours, planEdit(new ElfView(openElfBuffer(readFileSync(ours)).view.source), request));
        sizes.push(statSync(ours).size);
        patchelf = patchelfEdit(theirs, request) ? `${statSync(theirs).size}` : 'fails';
        if (sizes.length % 25 === 0) curve.push(`${sizes.length}: ${sizes.at(-1)} (patchelf ${patchelf})`);
      }
      t.log(`${fixtureBytes(name).length} bytes; after edit ${curve.join(', ')}`);
      t.is(new Set(sizes.slice(100)).size, 1, 'no growth in the second hundred');
      applyPlanSync(ours, planFor(readFileSync(ours), {interpreter: fixture(name).interpreter ?? ''}));
      t.regex(runProgram(fixture(name), ours).stdout, /as linked/);
    }),
  );
}

function patchelfEdit(file: string, {interpreter, rpath}: EditRequest): boolean {
  const args =
    interpreter === undefined
      ? ['--force-rpath', '--set-rpath', rpath ?? '']
      : ['--set-interpreter', interpreter];
  return run('patchelf', [...args, file]).status === 0;
}
