/*
 * Libraries whose linkers leave no room: no spare dynamic entry, no slack, section headers right after the last
 * segment. The next edit needs room where the first one put its result.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {
  applyPlanSync,
  checkElf,
  type EditRequest,
  openElfBuffer,
  openElfSync,
  planEdit,
} from '../../../src/index.js';
import {
  newComplaints,
  readelfDynamic,
  readelfHeader,
  readelfInterpreter,
  readelfSegments,
} from '../../helpers/readelf.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, withTools} from '../../helpers/tools.js';

const source = 'int add(int a, int b) { return a + b; }';

function library(t: ExecutionContext, ...options: string[]): string {
  const file = path.join(tempDirectory(t), 'library.so');
  writeFileSync(`${file}.c`, source);
  output('gcc', ['-shared', '-fPIC', ...options, '-o', file, `${file}.c`]);
  copyFileSync(file, `${file}.before`);
  return file;
}

/** Apply edits one after another; returns the notes of the last. */
function edit(file: string, ...requests: EditRequest[]): readonly string[] {
  let notes: readonly string[] = [];
  for (const request of requests) {
    const elf = openElfSync(file);
    try {
      const plan = planEdit(elf.view, request);
      applyPlanSync(file, plan);
      notes = plan.notes;
    } finally {
      void elf.close();
    }
  }
  return notes;
}

/** Assert that a library is sound, and that a program can call into it. */
function isSound(t: ExecutionContext, file: string): void {
  t.deepEqual(checkElf(openElfBuffer(readFileSync(file)).view), []);
  t.deepEqual(newComplaints(`${file}.before`, file), []);
  const script = 'import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).add(1, 2))';
  t.is(output('python3', ['-c', script, file]), '3\n');
}

const x = (length: number) => 'x'.repeat(length);
const interpreter = (path: string): EditRequest => ({interpreter: path, addInterpreter: true});
const lld = ['-fuse-ld=lld', '-s'];
const gold = ['-fuse-ld=gold', '-Wl,--spare-dynamic-tags=0'];

const edits: Readonly<Record<string, readonly [readonly string[], ...EditRequest[]]>> = {
  'lld: a short interpreter, then a path': [
    lld,
    interpreter('/x'),
    {rpath: '/a'},
    {addNeeded: ['libm.so.6']},
  ],
  'lld: a long interpreter, then a path': [lld, interpreter('/lib64/ld-linux-x86-64.so.2'), {rpath: '/a'}],
  'lld without build id': [[...lld, '-Wl,--build-id=none'], interpreter(`/${x(300)}`), {rpath: '/a'}],
  'lld without anything': [[...lld, '-nostdlib'], {...interpreter(`/${x(2000)}`), rpath: x(4000)}],
  'lld, read-only dynamic section': [
    ['-fuse-ld=lld', '-Wl,-z,rodynamic'],
    {rpath: x(150)},
    {soname: x(1000)},
    {soname: x(300), rpath: x(1500)},
  ],
  'gold: an interpreter, then a path': [gold, interpreter('/ld.so'), {rpath: '/a'}, {addDebugTag: true}],
  'gold: _end counts to the dynamic section': [[...gold, '-Wl,-z,norelro'], {rpath: '/a'}, {soname: 'b'}],
  'gold: _end is at the end of the dynamic section': [
    [...gold, '-nostdlib'],
    {runpath: x(300), noDefaultLib: false},
    {soname: x(500)},
  ],
};

for (const [title, [options, ...requests]] of Object.entries(edits))
  test(
    `${title}: every edit is done, and the library is sound`,
    withTools((t) => {
      const file = library(t, ...options);
      edit(file, ...requests);
      isSound(t, file);
      const wanted: EditRequest = Object.assign({}, ...requests);
      if (wanted.interpreter !== undefined) t.is(readelfInterpreter(file), wanted.interpreter);
      for (const [type, value] of [
        ['RPATH', wanted.rpath],
        ['SONAME', wanted.soname],
      ] as const)
        if (value !== undefined)
          t.is(readelfDynamic(file).find((entry) => entry.type === type)?.string, value);
    }),
  );

test(
  'section headers over which something lies are a problem that check names',
  withTools((t) => {
    const file = library(t, ...lld);
    edit(file, interpreter('/x'));
    const bytes = readFileSync(file);
    const {e_shoff} = readelfHeader(file);
    // Point PT_INTERP, the second program header, to where they begin.
    bytes.writeBigUInt64LE(BigInt(e_shoff), 64 + 56 + 8);
    const problems = checkElf(openElfBuffer(bytes).view);
    t.true(
      problems.some(({code}) => code === 'OVERLAP'),
      JSON.stringify(problems),
    );
  }),
);

for (const tool of ['objcopy', 'strip'])
  test(
    `segments that ${tool} empties serve later edits, and do not become more and more`,
    withTools((t) => {
      const file = path.join(tempDirectory(t), 'program');
      writeFileSync(`${file}.c`, '#include <stdio.h>\nint main(void) { puts("hi"); return 0; }');
      output('gcc', ['-o', file, `${file}.c`]);
      const loads = () => readelfSegments(file).filter(({type}) => type === 'LOAD').length;
      const counts: number[] = [];
      for (let round = 1; round <= 40; round++) {
        edit(file, {runpath: x(900 * ((round % 4) + 1) + round)});
        output(tool, [file]);
        counts.push(loads());
      }
      t.is(output(file, []), 'hi\n');
      t.is(counts.at(-1), counts.at(-12), counts.join(' '));
    }),
  );

test(
  'a library that shall be run takes a soname too, before its interpreter and after',
  withTools((t) => {
    for (const requests of [
      [{...interpreter('/lib64/ld-linux-x86-64.so.2'), soname: 'liba.so.1'}],
      [interpreter('/lib64/ld-linux-x86-64.so.2'), {soname: 'liba.so.1'}],
    ]) {
      const file = library(t);
      edit(file, ...requests);
      isSound(t, file);
      t.is(readelfDynamic(file).find(({type}) => type === 'SONAME')?.string, 'liba.so.1');
    }
  }),
);

test(
  'a name that is given to a second symbol is noted',
  withTools((t) => {
    const file = library(t, '-Wl,--defsym=other=add');
    t.deepEqual(edit(file, {renameSymbols: {other: 'add'}}), ['add is now defined twice']);
    const swapped = library(t, '-Wl,--defsym=other=add');
    t.deepEqual(edit(swapped, {renameSymbols: {other: 'add', add: 'other'}}), []);
  }),
);
