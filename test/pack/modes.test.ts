/*
 * Only those who could read and run the inputs may read and run a packed file.
 */
import {chmodSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {unpack} from '../../src/pack/unpack.js';
import {elfinterp} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {pack} from './packing.js';

const modeOf = (file: string) => (statSync(file).mode & 0o7777).toString(8);

for (const [program, library, packed, unpacked] of [
  ['755', '644', '755', '755'],
  ['700', '644', '700', '700'],
  ['711', '644', '711', '711'],
  ['750', '644', '750', '750'],
  ['500', '644', '500', '500'],
  ['755', '600', '700', '755'],
  ['755', '640', '750', '755'],
  ['4755', '644', '755', '755'],
] as const) {
  test(
    `a program of mode ${program} with a library of mode ${library} gives a file of mode ${packed}`,
    withTools(async (t) => {
      const directory = tempDirectory(t);
      const [source, lib, main] = ['code.c', 'libone.so', 'main'].map((name) => path.join(directory, name));
      if (source === undefined || lib === undefined || main === undefined) return;
      writeFileSync(source, 'int one(void) { return 1; }\n');
      output('gcc', ['-shared', '-fPIC', '-o', lib, source]);
      writeFileSync(source, 'int one(void);\nint main(void) { return one(); }\n');
      output('gcc', ['-o', main, source, `-L${directory}`, '-lone', `-Wl,-rpath,${directory}`]);
      chmodSync(main, Number.parseInt(program, 8));
      chmodSync(lib, Number.parseInt(library, 8));
      const {output: file, notes} = await pack(t, main);
      t.is(modeOf(file), packed);
      t.deepEqual(notes, program === '4755' ? [`the copy of ${main} does not keep the set-user-ID bit`] : []);
      const into = path.join(directory, 'parts');
      await unpack(file, {into});
      t.is(modeOf(path.join(into, 'main')), unpacked);
      t.is(modeOf(path.join(into, 'libone.so')), library);
    }),
  );
}

test(
  'a static program is copied with its mode, and a note about the set-group-ID bit',
  withTools((t) => {
    const [source, main, file] = ['code.c', 'main', 'copy'].map((name) => path.join(tempDirectory(t), name));
    if (source === undefined || main === undefined || file === undefined) return;
    writeFileSync(source, 'int main(void) { return 0; }\n');
    output('gcc', ['-static', '-o', main, source]);
    chmodSync(main, 0o2710);
    t.regex(
      elfinterp(['pack', main, file]).stderr,
      /the copy of \S*main does not keep the set-group-ID bit\n/,
    );
    t.is(modeOf(file), '710');
  }),
);
