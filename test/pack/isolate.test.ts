import {chmodSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {testIsolation} from '../../src/bundle/self-test.js';
import {planIsolation} from '../../src/pack/isolate.js';
import {applyPlanToBuffer} from '../../src/write/content.js';
import {elfHeader, programHeader} from '../helpers/synthetic.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

const loader = '/lib64/ld-linux-x86-64.so.2';
const muslLoader = '/lib/ld-musl-x86_64.so.1';

test(
  "glibc's loader of this machine is isolated by byte edits of the same length",
  withTools((t) => {
    const before = readFileSync(loader);
    const {plan, isIsolated, warnings} = planIsolation(viewBuffer(before, loader));
    t.true(isIsolated);
    t.deepEqual(warnings, []);
    t.is(plan.outputSize, before.length);
    const after = path.join(tempDirectory(t), 'ld.so');
    writeFileSync(after, applyPlanToBuffer(before, plan), {mode: 0o755});
    const shape = (file: string) => output('readelf', ['-lSdW', file]).replaceAll(file, 'F');
    t.is(shape(after), shape(loader), 'headers, sections and SONAME stay');
    t.is(testIsolation(after), undefined);
  }),
);

test('the self-test sees a loader that still listens', (t) => {
  t.regex(testIsolation(loader) ?? '', /still reads LD_\* variables/);
});

test('the self-test says why a loader could not be tested', (t) => {
  const file = path.join(tempDirectory(t), 'not-runnable');
  writeFileSync(file, 'text');
  chmodSync(file, 0o644);
  t.regex(testIsolation(file) ?? '', /could not be tested: .*EACCES/);
});

test(
  "musl's loader is isolated through the names that it looks up",
  withTools((t) => {
    const before = readFileSync(muslLoader);
    const {plan, isIsolated} = planIsolation(viewBuffer(before, muslLoader));
    t.true(isIsolated);
    t.deepEqual(plan.writes.map(({bytes}) => Buffer.from(bytes).toString()).sort(), [
      'LD%LIBRARY_PATH',
      'LD%PRELOAD',
    ]);
  }),
);

/** Code of the prefix test with a base register, short or near jumps, `copies` times, in an executable LOAD. */
function codeOf(register: number, rex: boolean, near: boolean, copies = 1): Uint8Array {
  const jne = near ? [0x0f, 0x85, 1, 2, 3, 4] : [0x75, 0x10];
  const compare = (mode: number, rest: number[]) => [
    ...(rex ? [0x41] : []),
    0x80,
    mode | 0x38 | register,
    ...rest,
  ];
  const one = [
    ...compare(0, [0x4c]),
    ...jne,
    ...compare(0x40, [1, 0x44]),
    ...jne,
    ...compare(0x40, [2, 0x5f]),
  ];
  const code = Array.from({length: copies}, () => one).flat();
  const format = {elfClass: 64, littleEndian: true} as const;
  const size = 0x78 + code.length;
  return Buffer.concat([
    elfHeader(format, {e_phoff: 64, e_phnum: 1}),
    programHeader(format, {p_type: 1, p_flags: 5, p_offset: 0, p_filesz: size, p_memsz: size}),
    Buffer.from(code),
  ]);
}

for (const register of [0, 1, 2, 3, 6, 7]) {
  for (const rex of [false, true]) {
    for (const near of [false, true]) {
      test(`the prefix test is found with base register ${register + (rex ? 8 : 0)} and ${near ? 'near' : 'short'} jumps`, (t) => {
        const bytes = codeOf(register, rex, near);
        const {plan, isIsolated} = planIsolation(viewBuffer(bytes));
        t.true(isIsolated);
        t.deepEqual(
          plan.writes.map(({offset, bytes: [byte]}) => [offset, byte]),
          [[bytes.length - 1, 0x25]],
        );
      });
    }
  }
}

for (const [title, bytes, count] of [
  ['no place', codeOf(0, false, false, 0), 'was not found'],
  ['two places', codeOf(0, false, false, 2), '2 places'],
  ['a stack register, which is encoded differently', codeOf(4, false, false), 'was not found'],
] as const) {
  test(`a loader with ${title} for the prefix test is left alone, with a warning`, (t) => {
    const {plan, isIsolated, warnings} = planIsolation(viewBuffer(bytes));
    t.false(isIsolated);
    t.deepEqual(plan.writes, []);
    t.true(warnings[0]?.includes(count), warnings[0]);
    t.notRegex(warnings[0] ?? '', /guest|ldd/, 'it may be any program');
  });
}
