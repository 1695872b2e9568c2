/* Libraries that files declare for dlopen(3) are bundled, by priority. */
import {mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {packProgram} from '../../src/pack/pack-program.js';
import {elfinterp} from '../helpers/cli.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

/** Code that puts a .note.dlopen into an object, as systemd's ELF_NOTE_DLOPEN does. */
function dlopenNote(entries: readonly object[]): string {
  const text = JSON.stringify(entries);
  return `
    __attribute__((section(".note.dlopen,\\"a\\",@note#"), used, aligned(4)))
    static const struct { unsigned n, d, t; char owner[4]; char text[${text.length + 1}]; } note =
      {4, ${text.length + 1}, 0x407c0c0a, "FDO", ${JSON.stringify(text)}};`;
}

const declared = [
  {soname: ['libnewest.so', 'libreq.so'], priority: 'required'},
  {soname: ['librec.so']},
  {soname: ['libsug.so'], priority: 'suggested'},
];

interface Built {
  readonly program: string;
  readonly libs: string;
}

/** A program whose library opens four others by name and says which it got; librec.so needs libdeep.so. */
function build(t: ExecutionContext): Built {
  const work = tempDirectory(t);
  const libs = join(work, 'libs');
  mkdirSync(libs);
  const compile = (file: string, source: string, ...args: string[]) => {
    writeFileSync(join(work, 'source.c'), source);
    output('gcc', ['-o', file, join(work, 'source.c'), `-L${libs}`, `-Wl,-rpath-link,${libs}`, ...args]);
  };
  const library = (name: string, source: string, ...args: string[]) =>
    compile(join(libs, name), source, '-shared', '-fPIC', `-Wl,-soname,${name}`, ...args);
  library('libdeep.so', 'int deep(void) { return 1; }');
  for (const name of ['libreq.so', 'libsug.so']) library(name, 'int value(void) { return 1; }');
  library('librec.so', 'int deep(void); int value(void) { return deep(); }', '-ldeep');
  const opener = `
    #include <dlfcn.h>
    #include <stdio.h>
    ${dlopenNote(declared)}
    void try(const char *name) {
      void *library = dlopen(name, RTLD_NOW);
      printf("%s %d\\n", name, library != 0 && ((int (*)(void))dlsym(library, "value"))());
    }
    void tryAll(void) { try("libreq.so"); try("librec.so"); try("libsug.so"); }`;
  library('libopener.so', opener);
  const program = join(work, 'program');
  const rpath = ['-Wl,--disable-new-dtags', `-Wl,-rpath,${libs}`];
  compile(program, 'void tryAll(void); int main(void) { tryAll(); }', '-lopener', ...rpath);
  return {program, libs};
}

const got = (required: number, recommended: number, suggested: number) =>
  `libreq.so ${required}\nlibrec.so ${recommended}\nlibsug.so ${suggested}\n`;

test(
  'what is required and recommended comes along, unless another level is asked for',
  withTools(async (t) => {
    const {program, libs} = build(t);
    const left = `not included, opened with dlopen only: libsug.so (suggested, for ${libs}/libopener.so); the option dlopen includes them`;
    const made = async (dlopen?: 'required' | 'suggested' | 'none') => {
      const into = tempDirectory(t);
      const {notes} = await bundle([program], {...place, into, dlopen});
      t.deepEqual(verifyBundle(into).problems, []);
      return {notes, prints: output('chroot', [into, '/debootstrap/program'])};
    };
    t.deepEqual(await made(), {notes: [left], prints: got(1, 1, 0)});
    t.deepEqual(await made('suggested'), {notes: [], prints: got(1, 1, 1)});
    const required = await made('required');
    t.is(required.prints, got(1, 0, 0));
    t.regex(required.notes.join('\n'), /: librec\.so \(recommended, .*\), libsug\.so \(suggested, /);
    const none = await made('none');
    t.is(none.prints, got(0, 0, 0));
    t.regex(none.notes.join('\n'), /: libnewest\.so \(required, .*\), librec\.so .*, libsug\.so /);
  }),
);

test(
  'the same in a relocatable bundle and in one file',
  withTools(async (t) => {
    const {program} = build(t);
    const root = tempDirectory(t);
    const left = /^not included, opened with dlopen only: libsug\.so \(suggested, for /;
    const moved = await bundleRelocatable([program], {into: join(root, 'b')});
    t.regex(moved.notes.join('\n'), left);
    // The machine's /proc says where the program is.
    t.is(output(join(root, 'b/bin/program'), [], {cwd: '/'}), got(1, 1, 0));
    const packed = await packProgram(program, {output: join(root, 'packed'), closed: true});
    t.regex(packed.notes.join('\n'), left);
    t.is(output('chroot', [root, '/packed']), got(1, 1, 0));
    await packProgram(program, {output: join(root, 'packed'), closed: true, dlopen: 'none'});
    t.is(output('chroot', [root, '/packed']), got(0, 0, 0));
  }),
);

test(
  'a required library that is nowhere is an error, a recommended one is said',
  withTools(async (t) => {
    const {program, libs} = build(t);
    rmSync(join(libs, 'librec.so'));
    const said = `librec.so is not on this machine: ${libs}/libopener.so opens it with dlopen (recommended)`;
    t.is((await bundle([program], {...place, into: tempDirectory(t)})).notes[0], said);
    const file = join(tempDirectory(t), 'packed');
    t.is((await packProgram(program, {output: file})).notes[0], said);
    rmSync(join(libs, 'libreq.so'));
    const into = join(tempDirectory(t), 'new');
    const expected = {
      code: 'NOT_FOUND',
      message: /libnewest\.so, which \S*\/libopener\.so asks for, was not found \(expected one of /,
    };
    await t.throwsAsync(bundle([program], {...place, into}), expected);
    await t.throwsAsync(bundleRelocatable([program], {into}), expected);
    await t.throwsAsync(packProgram(program, {output: file}), expected);
    await t.notThrowsAsync(bundle([program], {...place, into, dlopen: 'none'}));
  }),
);

test(
  'a dependency of an opened library that is nowhere is an error, too',
  withTools(async (t) => {
    const {program, libs} = build(t);
    rmSync(join(libs, 'libdeep.so'));
    await t.throwsAsync(bundle([program], {...place, into: tempDirectory(t)}), {
      code: 'NOT_FOUND',
      message: /libdeep\.so, which \S*\/librec\.so asks for, was not found/,
    });
    await t.notThrowsAsync(bundle([program], {...place, into: tempDirectory(t), dlopen: 'required'}));
  }),
);

test(
  'a module that comes along as a file brings what it opens',
  withTools(async (t) => {
    const {program, libs} = build(t);
    const plugins = join(tempDirectory(t), 'plugins');
    mkdirSync(plugins);
    renameSync(join(libs, 'libopener.so'), join(plugins, 'libopener.so'));
    const into = tempDirectory(t);
    const options = ['--file', `${plugins}=plugins`, '--into', into];
    writeFileSync(join(plugins, 'host.c'), 'int main(void) { return 0; }');
    output('gcc', ['-o', program, join(plugins, 'host.c'), `-Wl,--disable-new-dtags,-rpath,${libs}`]);
    const {status, stdout, stderr} = elfinterp(['bundle', program, ...options]);
    t.is(status, 0, stderr);
    t.regex(stdout, /lib\/libreq\.so .*\n(?:.*\n)*.*lib\/librec\.so /);
    t.regex(stderr, /not included, opened with dlopen only: libsug\.so/);
    t.notRegex(stdout, /libsug/);
    const none = elfinterp(['bundle', program, '--dlopen', 'none', ...options]);
    t.is(none.status, 0, none.stderr);
    t.notRegex(none.stdout, /libreq/);
  }),
);
