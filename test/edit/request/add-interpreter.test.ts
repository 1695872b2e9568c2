/*
 * Giving an interpreter to a library that has none. The library is then run, because reading its segments does not show
 * what a loader makes of them.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {PT} from '../../../src/elf/constants.js';
import {checkElf, type ElfView, openElfBuffer} from '../../../src/index.js';
import {edit, programFile} from '../../helpers/edits.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, withTools} from '../../helpers/tools.js';

const request = {interpreter: '/lib64/ld-linux-x86-64.so.2', addInterpreter: true};

/** The relocation of `words` shows whether the loader knows where the library is. */
const source = `#include <unistd.h>
const char *words[] = {"started\\n"};
void start(void) { write(1, words[0], 8); _exit(0); }
`;

function build(t: ExecutionContext, ...options: string[]): Buffer {
  const file = path.join(tempDirectory(t), 'library.so');
  writeFileSync(`${file}.c`, source);
  output('gcc', ['-shared', '-fPIC', '-Wl,-e,start', ...options, '-o', file, `${file}.c`]);
  return readFileSync(file);
}

function isStarted(t: ExecutionContext, bytes: Uint8Array): ElfView {
  const {view} = openElfBuffer(bytes);
  t.deepEqual(checkElf(view), []);
  t.is(output(programFile(t, bytes), []), 'started\n');
  return view;
}

for (const linker of ['bfd', 'gold', 'lld', 'mold']) {
  test(
    `${linker}: a library that is given an interpreter runs`,
    withTools((t) => {
      const bytes = build(t, `-fuse-ld=${linker}`);
      const view = isStarted(t, edit(bytes, request));
      const types = view.programHeaders.map(({p_type}) => p_type);
      t.is(types[0], PT.PT_PHDR);
      t.true(types.indexOf(PT.PT_INTERP) < types.indexOf(PT.PT_LOAD));
      isStarted(t, edit(edit(bytes, {...request, rpath: '/opt/'.repeat(2000)}), {addNeeded: ['libm.so.6']}));
    }),
  );
}

test(
  'the loader of musl finds it too',
  withTools((t) => {
    const file = path.join(tempDirectory(t), 'library.so');
    writeFileSync(`${file}.c`, source);
    output('musl-gcc', ['-shared', '-fPIC', '-Wl,-e,start', '-o', file, `${file}.c`]);
    isStarted(t, edit(readFileSync(file), {...request, interpreter: '/lib/ld-musl-x86_64.so.1'}));
  }),
);

/** Change the records of the program header table of a 64-bit file. */
function changeTypes(bytes: Buffer, types: Readonly<Record<number, number>>): void {
  openElfBuffer(bytes).view.programHeaders.forEach(({p_type}, i) => {
    const type = types[p_type];
    if (type !== undefined) bytes.writeUInt32LE(type, Number(bytes.readBigUInt64LE(32)) + i * 56);
  });
}

test(
  'two unused program headers are as good as new ones',
  withTools((t) => {
    const bytes = build(t, '-fuse-ld=bfd');
    changeTypes(bytes, {[PT.PT_NOTE]: PT.PT_NULL, [PT.PT_GNU_EH_FRAME]: PT.PT_NULL});
    const {programHeaders} = openElfBuffer(bytes).view;
    const view = isStarted(t, edit(bytes, request));
    t.is(view.programHeaders.length, programHeaders.length);
  }),
);

test(
  'a library whose program headers are not in memory is refused',
  withTools((t) => {
    const bytes = build(t, '-fuse-ld=bfd');
    changeTypes(bytes, {[PT.PT_NOTE]: PT.PT_NULL, [PT.PT_GNU_EH_FRAME]: PT.PT_NULL});
    const table = bytes.subarray(64, 64 + 56 * bytes.readUInt16LE(56));
    const elsewhere = Buffer.concat([bytes, table]);
    elsewhere.writeBigUInt64LE(BigInt(bytes.length), 32);
    t.throws(() => edit(elsewhere, request), {code: 'UNSAFE_EDIT', message: /program header table/});
  }),
);
