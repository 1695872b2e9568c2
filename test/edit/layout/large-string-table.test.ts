/*
 * If .dynstr has megabytes, as in Haskell programs, the tables after it move to make room for a longer one.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {openElfBuffer} from '../../../src/index.js';
import {edit, planFor} from '../../helpers/edits.js';
import {euReadelfStrings, newComplaints, readelfDynamic} from '../../helpers/readelf.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, withTools} from '../../helpers/tools.js';

const runpath = `/opt/${'r'.repeat(5000)}`;

/**
 * A library with many long names, and a program that finds the last of them in it. gold puts tables after the names.
 */
function build(t: ExecutionContext, names: number) {
  const directory = tempDirectory(t);
  const at = (name: string) => path.join(directory, name);
  const name = (i: number) => `name_${'n'.repeat(200)}_${i}`;
  const all = Array.from({length: names}, (_, i) => `.globl ${name(i)}\n${name(i)}:\n`);
  writeFileSync(at('library.s'), `.text\n${all.join('')}mov $42, %eax\nret\n`);
  output('gcc', ['-shared', '-fuse-ld=gold', '-o', at('library.so'), at('library.s')]);
  writeFileSync(
    at('user.c'),
    `int ${name(names - 1)}(void);\nint main(void) { return ${name(names - 1)}() - 42; }\n`,
  );
  output('gcc', ['-o', at('user'), at('user.c'), at('library.so'), `-Wl,-rpath,${directory}`]);
  return {library: at('library.so'), user: at('user')};
}

const addressOf = (file: string, tag: string) => readelfDynamic(file).find(({type}) => type === tag)?.d_val;

test(
  'a long search path beside two megabytes of names does not move them',
  withTools((t) => {
    const {library, user} = build(t, 10_000);
    const original = `${library}.original`;
    copyFileSync(library, original);
    const plan = planFor(readFileSync(library), {runpath});
    const names = openElfBuffer(readFileSync(library)).view.dynamic?.stringTable.size ?? 0;
    t.true(names > 2_000_000);
    t.true(plan.outputSize - plan.inputSize < names / 4);
    writeFileSync(library, edit(readFileSync(library), {runpath}));
    t.is(addressOf(library, 'STRTAB'), addressOf(original, 'STRTAB'));
    t.deepEqual(euReadelfStrings(library, 'RUNPATH'), [runpath]);
    t.deepEqual(newComplaints(original, library), []);
    t.is(output(user, []), '');
    output('strip', [library]);
    t.is(output(user, []), '');
  }),
);

test(
  'names of less than a megabyte move, as they always did',
  withTools((t) => {
    const {library, user} = build(t, 1000);
    const before = addressOf(library, 'STRTAB');
    writeFileSync(library, edit(readFileSync(library), {runpath}));
    t.not(addressOf(library, 'STRTAB'), before);
    t.is(output(user, []), '');
  }),
);
