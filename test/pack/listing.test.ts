/*
 * The packed loader lists what it loads, without running any code that comes with the program.
 */
import {chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {PT} from '../../src/elf/constants.js';
import type {PackResult} from '../../src/pack/pack-program.js';
import {program as command, elfinterp, elfinterpAsNobody} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';
import {pack} from './packing.js';

const xz = '/usr/bin/xz';
const loaderFile = '/lib64/ld-linux-x86-64.so.2';
const rootTest = process.geteuid?.() === 0 ? test : test.skip;

/** Code that leaves a file behind when it runs. */
const leaves = (mark: string) => `#include <fcntl.h>
static void leave(void) { open("${mark}", O_CREAT | O_WRONLY, 0600); }
`;

function compile(compiler: string, code: string, to: string, ...args: string[]): void {
  writeFileSync(`${to}.c`, code);
  output(compiler, ['-o', to, `${to}.c`, ...args]);
}

function notRun(t: ExecutionContext, {listing}: PackResult, why: RegExp): void {
  t.is(listing?.kind, 'not-run');
  if (listing?.kind === 'not-run') t.regex(listing.why, why);
}

test(
  "musl's loader would run the program, so it is not started",
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const [mark, program] = [path.join(directory, 'mark'), path.join(directory, 'program')];
    compile('musl-gcc', `${leaves(mark)}int main(void) { leave(); return 3; }\n`, program);
    const result = await pack(t, program);
    notRun(t, result, /^only glibc's loader can list/);
    t.false(existsSync(mark));
    t.is(run(result.output, []).status, 3);
    t.true(existsSync(mark), 'it would have been seen');
  }),
);

for (const option of ['--audit', '--depaudit']) {
  test(
    `a library of ${option} would be called, so the loader is not started`,
    withTools(async (t) => {
      const directory = tempDirectory(t);
      const [mark, program] = [path.join(directory, 'mark'), path.join(directory, 'program')];
      const audit = `${leaves(mark)}unsigned la_version(unsigned v) { leave(); return v; }\n`;
      compile('gcc', audit, path.join(directory, 'libau.so'), '-shared', '-fPIC');
      const link = [`-Wl,${option}=libau.so`, `-Wl,-rpath,${directory}`, `-L${directory}`];
      compile('gcc', 'int main(void) { return 0; }\n', program, ...link);
      notRun(t, await pack(t, program), /program has DT_AUDIT or DT_DEPAUDIT/);
      t.false(existsSync(mark));
    }),
  );
}

test(
  'a loader that comes with the program is not started',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const [loader, program] = [path.join(directory, 'ld.so'), path.join(directory, 'program')];
    copyFileSync(loaderFile, loader);
    chmodSync(loader, 0o755);
    compile('gcc', 'int main(void) { return 0; }\n', program, `-Wl,--dynamic-linker=${loader}`);
    notRun(t, await pack(t, program), /ld\.so is not known to be this machine's loader$/);
  }),
);

test(
  'a program whose loader reads another dynamic section is not listed',
  withTools(async (t) => {
    const bytes = readFileSync(xz);
    const view = viewBuffer(bytes);
    const at = (type: number) =>
      view.header.e_phoff + 56 * view.programHeaders.findIndex((p) => p.p_type === type);
    const second = Buffer.from(bytes);
    second.copy(second, at(PT.PT_GNU_EH_FRAME), at(PT.PT_DYNAMIC), at(PT.PT_DYNAMIC) + 56);
    const moved = Buffer.from(bytes);
    const address = at(PT.PT_DYNAMIC) + 16;
    moved.writeBigUInt64LE(moved.readBigUInt64LE(address) + 16n, address);
    for (const changed of [second, moved]) {
      const program = path.join(tempDirectory(t), 'program');
      writeFileSync(program, changed, {mode: 0o755});
      notRun(t, await pack(t, program), /another dynamic section than the one found in .*program$/);
    }
  }),
);

test(
  'while it is listed, nobody else gets at the program',
  withTools((t) => {
    const directory = tempDirectory(t);
    const [program, file] = [path.join(directory, 'program'), path.join(directory, 'packed')];
    copyFileSync(xz, program);
    chmodSync(program, 0o700);
    const words = [
      '-f',
      '-e',
      'trace=mkdir,mkdirat',
      process.execPath,
      command,
      'pack',
      '--json',
      program,
      file,
    ];
    const {stdout, stderr} = run('strace', words);
    const {listing} = JSON.parse(stdout) as {listing?: {kind: string; emptyRoot?: boolean}};
    t.deepEqual([listing?.kind, listing?.emptyRoot], ['listed', true]);
    const modes = [...stderr.matchAll(/mkdir(?:at)?\(.*, 0(\d+)\) = 0/g)].map(([, mode]) => mode);
    t.true(modes.length >= 2, stderr);
    t.deepEqual(
      modes.filter((mode) => mode !== '700'),
      [],
    );
  }),
);

test(
  'an ordinary user has it listed in an empty root, too',
  withTools((t) => {
    const directory = tempDirectory(t);
    chmodSync(directory, 0o777);
    const {stdout, stderr} = elfinterpAsNobody(['pack', '--json', xz, path.join(directory, 'xz')]);
    t.is(stderr, '', 'nothing to note');
    const {listing} = JSON.parse(stdout) as {listing?: {kind: string; emptyRoot?: boolean}};
    t.deepEqual([listing?.kind, listing?.emptyRoot], ['listed', true]);
  }),
);

rootTest(
  'root does not start the loader where there can be no empty root, and a note says so',
  withTools((t) => {
    const file = path.join(tempDirectory(t), 'xz');
    const script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"';
    const words = [
      '--user',
      '--map-root-user',
      'sh',
      '-c',
      script,
      'sh',
      process.execPath,
      command,
      'pack',
      xz,
      file,
    ];
    const {status, stderr} = run('unshare', words);
    t.is(status, 0, stderr);
    t.regex(stderr, /^elfinterp: the loader inside was not tested: no empty root for it: unshare: .*\n$/);
    t.is(elfinterp(['pack', xz, file]).stderr, '', 'otherwise there is nothing to note');
  }),
);

test(
  'of a file that is not isolated the libraries are listed, and not those of unshare',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    chmodSync(directory, 0o777);
    const words = ['pack', '--json', '--no-isolate', xz, path.join(directory, 'xz')];
    const {listing} = JSON.parse(elfinterpAsNobody(words).stdout) as {listing?: PackResult['listing']};
    t.is(listing?.kind, 'listed');
    if (listing?.kind !== 'listed') return;
    t.true(listing.libraries.includes('liblzma.so.5'));
    t.false(listing.emptyRoot);
    if (process.geteuid?.() === 0)
      notRun(t, await pack(t, xz, {isolate: false}), /: the file is not isolated$/);
  }),
);
