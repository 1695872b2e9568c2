/* ELF files below a bundled directory: programs and modules that find what they need in the bundle. */
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {elfinterp} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

function compile(directory: string, name: string, source: string, ...args: string[]): string {
  const file = join(directory, name);
  mkdirSync(dirname(file), {recursive: true});
  writeFileSync(`${file}.c`, source);
  output('gcc', ['-o', file, `${file}.c`, ...args]);
  rmSync(`${file}.c`);
  return file;
}

const shared = ['-shared', '-fPIC'];

interface Work {
  readonly work: string;
  /** Opens the module that is its argument, and prints what it answers. */
  readonly program: string;
  /** modules/plain.so, modules/runpath.so and helpers/helper need a library in `out`, modules/private.so one in `own`. */
  readonly tree: string;
}

function makeTree(t: ExecutionContext): Work {
  const work = tempDirectory(t);
  // Files can stay in a bundle only if everybody may read them.
  chmodSync(work, 0o755);
  const [out, tree] = [join(work, 'out'), join(work, 'tree')];
  const library = (directory: string, name: string, answer: number) =>
    compile(
      directory,
      `lib${name}.so`,
      `int ${name}(void) { return ${answer}; }`,
      ...shared,
      `-Wl,-soname,lib${name}.so`,
    );
  const [deep, own] = [library(out, 'deep', 1), library(join(tree, 'own'), 'own', 2)];
  const module = (name: string, of: string, needed: string, ...args: string[]) =>
    compile(
      join(tree, 'modules'),
      name,
      `int ${of}(void); int answer(void) { return 40 + ${of}(); }`,
      ...shared,
      needed,
      ...args,
    );
  module('runpath.so', 'deep', deep, `-Wl,--enable-new-dtags,-rpath,${out}`);
  module('private.so', 'own', own, '-Wl,--enable-new-dtags,-rpath,$ORIGIN/../own');
  module('plain.so', 'deep', deep);
  const source = `
    #include <dlfcn.h>
    #include <stdio.h>
    int main(int argc, char **argv) {
      for (int i = 1; i < argc; i++) {
        void *module = dlopen(argv[i], RTLD_NOW);
        if (module == 0) { puts(dlerror()); return 1; }
        printf("%d ", ((int (*)(void))dlsym(module, "answer"))());
      }
      return 0;
    }`;
  // plain.so finds its library by the search path of the program.
  const program = compile(work, 'opens', source, `-Wl,--disable-new-dtags,-rpath,${out}`);
  const helper =
    '#include <stdio.h>\nint deep(void); int main(void) { printf("helped %d\\n", deep()); return 0; }';
  compile(join(tree, 'helpers'), 'helper', helper, deep, `-Wl,-rpath,${out}`);
  linkSync(join(tree, 'helpers/helper'), join(tree, 'helpers/again'));
  mkdirSync(join(tree, 'helpers/more/deep'), {recursive: true});
  linkSync(join(tree, 'helpers/helper'), join(tree, 'helpers/more/deep/elsewhere'));
  symlinkSync('helper', join(tree, 'helpers/link'));
  writeFileSync(join(tree, 'notes.txt'), 'notes');
  return {work, program, tree};
}

const modules = ['runpath.so', 'private.so', 'plain.so'];
const helpers = ['helper', 'again', 'link', 'more/deep/elsewhere'];

/** Hide the machine's files, which the bundle must not need. */
function hide(work: string): void {
  renameSync(join(work, 'out'), join(work, 'hidden'));
  renameSync(join(work, 'tree'), join(work, 'hidden tree'));
}

test(
  'programs and modules of a carried directory find their libraries in the bundle',
  withTools(async (t) => {
    const {program, tree} = makeTree(t);
    const into = tempDirectory(t);
    const options = {into, prefix: '/opt/x', libs: 'libs', files: [{source: tree, target: 'share'}]};
    const {manifest, notes} = await bundle([program], options);
    t.deepEqual(notes, []);
    const resolved = manifest.files.flatMap(({path, resolved}) => (resolved ? [`${path} ${resolved}`] : []));
    t.deepEqual(resolved.sort(), [
      '/opt/x/share/helpers/again program',
      '/opt/x/share/helpers/helper program',
      '/opt/x/share/helpers/more/deep/elsewhere program',
      '/opt/x/share/modules/plain.so module',
      '/opt/x/share/modules/private.so module',
      '/opt/x/share/modules/runpath.so module',
      '/opt/x/share/own/libown.so module',
    ]);
    t.deepEqual(
      readdirSync(join(into, 'opt/x/libs')).sort(),
      ['ld.so', 'libc.so.6', 'libdeep.so', 'libgcc_s.so.1', 'manifest.json'],
      'a library that a module finds beside itself stays there',
    );
    const inside = (path: string, ...args: string[]) => run('chroot', [into, `/opt/x/${path}`, ...args]);
    t.is(inside('opens', ...modules.map((name) => `/opt/x/share/modules/${name}`)).stdout, '41 42 41 ');
    for (const name of helpers) t.is(inside(`share/helpers/${name}`).stdout, 'helped 1\n', name);
    const share = join(into, 'opt/x/share');
    t.is(statSync(join(share, 'helpers/again')).ino, statSync(join(share, 'helpers/helper')).ino);
    t.is(readFileSync(join(share, 'notes.txt'), 'utf8'), 'notes');
    t.deepEqual(verifyBundle(into, {prefix: '/opt/x', libs: 'libs'}).problems, []);
    t.false((await bundle([program], options)).written);
  }),
);

test(
  'verify notices what a carried module or program lacks, and that stays so in the next bundle',
  withTools(async (t) => {
    const {program, tree} = makeTree(t);
    const into = tempDirectory(t);
    await bundle([program], {...place, into, files: [{source: tree, target: 'share'}]});
    await bundle(['/bin/true'], {...place, into});
    const libs = join(into, 'debootstrap/qemu-libs');
    const problems = () =>
      verifyBundle(into).problems.map((problem) => `${problem.code} ${problem.path}: ${problem.message}`);
    t.deepEqual(problems(), []);
    rmSync(join(libs, 'libdeep.so'));
    t.regex(problems().join('\n'), /NOT_CLOSED .*helpers\/again.*libdeep\.so is missing/);
    const missing = {code: 'CHANGED', message: /libdeep\.so: cannot stay: it is missing, or was changed/};
    await t.throwsAsync(bundle([program], {...place, into}), missing);
    await bundle([program], {...place, into, files: [{source: tree, target: 'share'}]});
    t.deepEqual(problems(), []);
    rmSync(join(into, 'debootstrap/share/own/libown.so'));
    t.regex(problems().join('\n'), /NOT_CLOSED .*modules\/private\.so.*libown\.so is missing/);
  }),
);

test(
  'a relocatable bundle has them wherever it is moved',
  withTools(async (t) => {
    const {work, program, tree} = makeTree(t);
    const top = tempDirectory(t);
    const into = join(top, 'first');
    const {files} = await bundleRelocatable([program], {into, files: [{source: tree, target: 'lib/tree'}]});
    for (const {path, sha256} of files.filter(({resolved}) => resolved === 'program'))
      t.is(output('sha256sum', [join(into, path)]).split(' ')[0], sha256, path);
    hide(work);
    const moved = join(top, 'two words');
    renameSync(into, moved);
    const paths = modules.map((name) => join(moved, 'lib/tree/modules', name));
    t.is(run(join(moved, 'bin/opens'), paths).stdout, '41 42 41 ');
    for (const name of helpers)
      t.is(run(join(moved, 'lib/tree/helpers', name), []).stdout, 'helped 1\n', name);
  }),
);

test(
  'the command line says what was resolved, and leaves it with --no-resolve-files',
  withTools((t) => {
    const {program, tree} = makeTree(t);
    const [into, plain] = [tempDirectory(t), tempDirectory(t)];
    const file = ['--file', `${tree}=share`, '--prefix', '/p'];
    const made = elfinterp(['bundle', program, '--into', into, ...file]);
    t.is(made.status, 0, made.stderr);
    t.regex(
      made.stdout,
      /share\/helpers\/helper {2}<- .*\(a program: finds loader and libraries in the bundle\)/,
    );
    t.regex(made.stdout, /share\/modules\/plain\.so {2}<- .*\(a module: finds its libraries in the bundle\)/);
    t.regex(made.stdout, /share\/notes\.txt {2}<- .*notes\.txt$/m);
    const left = elfinterp(['bundle', program, '--into', plain, ...file, '--no-resolve-files']);
    t.is(left.status, 0, left.stderr);
    t.notRegex(left.stdout, /libdeep|\(a /);
    const module = 'share/modules/runpath.so';
    t.deepEqual(readFileSync(join(plain, 'p', module)), readFileSync(join(tree, 'modules/runpath.so')));
    const opened = (root: string) => run('chroot', [root, '/p/opens', `/p/${module}`]).stdout;
    t.is(opened(into), '41 ');
    t.regex(opened(plain), /libdeep\.so: cannot open/);
  }),
);

test(
  'a library of a module that is nowhere is refused, and one that comes along as a file is not',
  withTools(async (t) => {
    const {work, program, tree} = makeTree(t);
    const into = tempDirectory(t);
    const files = [{source: tree, target: 'share'}];
    const needs = compile(
      join(tree, 'apart'),
      'later.so',
      'int later(void) { return 3; }',
      ...shared,
      '-Wl,-soname,later.so',
    );
    const source = 'int later(void); int answer(void) { return later(); }';
    compile(join(tree, 'modules'), 'needs.so', source, ...shared, needs);
    await bundle([program], {...place, into, files});
    t.deepEqual(verifyBundle(into).problems, []);
    rmSync(needs);
    await t.throwsAsync(bundle([program], {...place, into: tempDirectory(t), files}), {
      code: 'NOT_FOUND',
      message: /modules\/needs\.so: later\.so was not found \(expected one of/,
    });
    const [out, middle] = [join(work, 'out'), 'int deep(void); int middle(void) { return deep(); }'];
    const args = [...shared, '-Wl,-soname,libmiddle.so', join(out, 'libdeep.so'), `-Wl,-rpath,${out}`];
    const between = compile(out, 'libmiddle.so', middle, ...args);
    const last = 'int middle(void); int answer(void) { return middle(); }';
    compile(join(tree, 'modules'), 'needs.so', last, ...shared, between, `-Wl,-rpath,${out}`);
    rmSync(join(out, 'libdeep.so'));
    for (const name of modules) rmSync(join(tree, 'modules', name));
    rmSync(join(tree, 'helpers'), {recursive: true});
    await t.throwsAsync(bundle([program], {...place, into: tempDirectory(t), files}), {
      code: 'NOT_FOUND',
      message:
        /needs\.so: libdeep\.so, which .*\/out\/libmiddle\.so asks for, was not found \(expected one of/,
    });
  }),
);

test(
  'what no loader of the bundle takes is carried as it is, and said',
  withTools(async (t) => {
    const {program, tree} = makeTree(t);
    const into = tempDirectory(t);
    const foreign = fixture('armhf/probe-pie').path;
    copyFileSync(foreign, join(tree, 'foreign'));
    copyFileSync(foreign, join(tree, 'other'));
    writeFileSync(join(tree, 'damaged.so'), readFileSync(program).subarray(0, 40));
    const {notes} = await bundle([program], {...place, into, files: [{source: tree, target: 'share'}]});
    t.deepEqual(notes, [
      `${tree}/damaged.so looks like an ELF file but cannot be read as one: it is copied unchanged`,
      `${tree}/foreign is for a different machine than the programs: it is copied unchanged, and so is 1 more`,
    ]);
    t.deepEqual(readFileSync(join(into, 'debootstrap/share/foreign')), readFileSync(foreign));
    const alone = await bundle(['/bin/true'], {
      ...place,
      into: tempDirectory(t),
      files: [{source: join(tree, 'notes.txt')}],
    });
    t.deepEqual(alone.notes, []);
  }),
);

test('a link or a name that is not UTF-8 is not carried as another one', async (t) => {
  const tree = join(tempDirectory(t), 'tree');
  mkdirSync(tree);
  symlinkSync(Buffer.from([0xff]), join(tree, 'link'));
  const into = tempDirectory(t);
  const carry = () => bundle(['/bin/true'], {...place, into, files: [{source: tree}]});
  await t.throwsAsync(carry, {code: 'UNSUPPORTED', message: /link: the target .* is not valid UTF-8/});
  rmSync(join(tree, 'link'));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff])]), '');
  await t.throwsAsync(carry, {code: 'FILE_SYSTEM', message: /no such file/});
  t.deepEqual(readdirSync(into), []);
});
