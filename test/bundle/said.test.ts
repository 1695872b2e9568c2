/* What a bundle cannot contain or do is reported by name. */
import {chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {packProgram} from '../../src/pack/pack-program.js';
import {elfinterp} from '../helpers/cli.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const system = '/lib/x86_64-linux-gnu';
const loader = '/lib64/ld-linux-x86-64.so.2';

function compile(directory: string, name: string, source: string, ...args: string[]): string {
  writeFileSync(join(directory, `${name}.c`), source);
  output('gcc', ['-o', join(directory, name), join(directory, `${name}.c`), ...args]);
  return join(directory, name);
}

/** A root with loader, C library, and the given files. */
function makeRoot(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
  const root = tempDirectory(t);
  const all = {[loader]: loader, [`${system}/libc.so.6`]: `${system}/libc.so.6`, ...files};
  for (const [to, from] of Object.entries(all)) {
    mkdirSync(dirname(join(root, to)), {recursive: true});
    copyFileSync(from, join(root, to));
  }
  return root;
}

test('rights that a program has by its file are not carried, and that is said', async (t) => {
  const [work, into] = [tempDirectory(t), tempDirectory(t)];
  const [program, helper] = [join(work, 'program'), join(work, 'helper')];
  for (const path of [program, helper]) copyFileSync('/bin/true', path);
  chmodSync(program, 0o6755);
  chmodSync(helper, 0o2755);
  const files = [{source: helper}];
  const expected = [
    `the copy of ${program} does not keep the set-user-ID bit and the set-group-ID bit`,
    `the copy of ${helper} does not keep the set-group-ID bit`,
  ];
  t.deepEqual((await bundle([program], {...place, into, files})).notes, expected);
  t.is(statSync(join(into, 'debootstrap/program')).mode & 0o7777, 0o755);
  const moved = {into: join(into, 'relocatable'), files};
  t.deepEqual((await bundleRelocatable([program], moved)).notes, expected);
  t.deepEqual((await bundle(['/bin/true'], {...place, into: tempDirectory(t)})).notes, []);
});

const asRoot = process.geteuid?.() === 0 && existsSync('/usr/bin/getfattr') ? test : test.skip;

asRoot(
  'so are file capabilities',
  withTools(async (t) => {
    const work = tempDirectory(t);
    const program = join(work, 'program');
    copyFileSync('/bin/true', program);
    output('setcap', ['cap_net_raw+ep', program]);
    const {notes} = await bundle(['/bin/cat', program], {...place, into: tempDirectory(t)});
    t.deepEqual(notes, [`the copy of ${program} does not keep file capabilities`]);
  }),
);

test(
  'a wrapper whose first line the kernel does not read to its end is refused',
  withTools(async (t) => {
    const shell = compile(tempDirectory(t), 'sh', 'int main(void) { return 0; }', '-static');
    // "#!", the prefix, "/qemu-libs/sh" and the end of the line.
    const prefixOf = (size: number) => `/${'p'.repeat(size - 2 - 1 - '/qemu-libs/sh\n'.length)}`;
    const wrapped = (prefix: string) =>
      bundle(['/bin/true'], {...place, into: tempDirectory(t), prefix, launcher: 'wrapper', shell});
    await t.notThrowsAsync(wrapped(prefixOf(256)));
    await t.throwsAsync(wrapped(prefixOf(257)), {
      code: 'BAD_REQUEST',
      message: /first line of the wrapper is too long .*expected at most 256 bytes.*got 257 bytes/,
    });
  }),
);

test('a colon in the prefix is refused as a colon', async (t) => {
  const into = tempDirectory(t);
  const refused = (options: {prefix?: string; libs?: string}) =>
    t.throwsAsync(bundle(['/bin/true'], {...place, into, ...options}), {
      code: 'BAD_REQUEST',
      message: /has a colon or a dollar sign, which a search path cannot hold/,
    });
  t.regex((await refused({prefix: '/opt/a:b'}))?.message ?? '', /^the prefix .*got \/opt\/a:b/);
  await refused({prefix: '/opt/$ORIGIN'});
  t.regex((await refused({libs: 'l:s'}))?.message ?? '', /^the library directory .*got l:s/);
});

test('a script names its interpreter', async (t) => {
  const work = tempDirectory(t);
  const script = join(work, 'script');
  writeFileSync(script, '#! /usr/bin/perl -w\nprint 1;\n', {mode: 0o755});
  const attempts = [
    () => bundle([script], {...place, into: join(work, 'a')}),
    () => bundleRelocatable([script], {into: join(work, 'b')}),
    () => packProgram(script, {output: join(work, 'c')}),
  ];
  for (const attempt of attempts) {
    await t.throwsAsync(attempt(), {
      code: 'NOT_ELF',
      message:
        /script: this is a script for \/usr\/bin\/perl \(expected that program, with the script as an additional file/,
    });
  }
  writeFileSync(script, 'print 1;\n');
  await t.throwsAsync(bundle([script], {...place, into: work}), {message: /not an ELF file/});
});

test(
  'a plain name is looked for in PATH, and in another root where programs are',
  withTools((t) => {
    const work = tempDirectory(t);
    const bin = join(work, 'bin');
    mkdirSync(bin);
    copyFileSync('/bin/cat', join(bin, 'own-name'));
    const options = {cwd: work, env: {PATH: `relative:${bin}:/usr/bin`}};
    const into = (name: string) => join(work, name);
    for (const args of [
      ['bundle', '--into', into('a')],
      ['bundle', '--relocatable', '--into', into('b')],
    ]) {
      const {status, stdout, stderr} = elfinterp([...args, 'own-name'], options);
      t.is(status, 0, stderr);
      t.regex(stdout, /own-name/);
    }
    t.is(elfinterp(['pack', 'own-name', into('c')], options).status, 0);
    const root = makeRoot(t, {'/usr/bin/own-name': '/bin/true'});
    const inRoot = elfinterp(['bundle', '--root', root, '--into', into('d'), 'own-name'], options);
    t.is(inRoot.status, 0, inRoot.stderr);
    t.is(run('chroot', [into('d'), '/opt/own-name/own-name']).status, 0);
    t.not(run('chroot', [into('a'), '/opt/own-name/own-name', '--version']).stdout, '', 'it is cat');
    // A file of that name in the working directory is still a path.
    copyFileSync('/bin/true', join(work, 'own-name'));
    t.is(elfinterp(['bundle', '--into', into('e'), 'own-name'], options).status, 0);
    t.is(run('chroot', [into('e'), '/opt/own-name/own-name', 'no-such-file']).status, 0, 'it is true');
    t.is(elfinterp(['bundle', '--into', into('f'), 'no-such-program'], options).status, 1);
  }),
);

test(
  'with another root, what is not there is not in the given root',
  withTools(async (t) => {
    const work = tempDirectory(t);
    const gone = compile(
      work,
      'libgone.so',
      'int f(void) { return 0; }',
      '-shared',
      '-fPIC',
      '-Wl,-soname,libgone.so',
    );
    const args = ['-shared', '-fPIC', '-Wl,-soname,libuses.so', gone];
    const uses = compile(work, 'libuses.so', 'int f(void); int g(void) { return f(); }', ...args);
    const source = 'int g(void); int main(void) { return g(); }';
    const program = compile(work, 'program', source, uses, '-Wl,--allow-shlib-undefined');
    const root = makeRoot(t, {'/bin/program': program, [`${system}/libuses.so`]: uses});
    const expected = {
      code: 'NOT_FOUND',
      message:
        /libgone\.so, which \/lib\/x86_64-linux-gnu\/libuses\.so asks for, was not found in the given root \(/,
    };
    const into = tempDirectory(t);
    await t.throwsAsync(bundle(['/bin/program'], {...place, root, into}), expected);
    await t.throwsAsync(packProgram('/bin/program', {root, output: join(into, 'packed')}), expected);
    const whole = makeRoot(t, {'/bin/true': '/bin/true'});
    t.deepEqual((await bundle(['/bin/true'], {...place, root: whole, into})).notes, [
      'libgcc_s.so.1 is not in the given root: programs that cancel a thread will abort',
    ]);
  }),
);

test(
  'a bundle of musl has nothing to warn of',
  withTools(async (t) => {
    const [work, into] = [tempDirectory(t), tempDirectory(t)];
    const source = join(work, 'program.c');
    writeFileSync(source, 'int main(void) { return 0; }');
    const program = join(work, 'program');
    output('musl-gcc', ['-o', program, source]);
    const {isolated, notes} = await bundle([program], {...place, into});
    t.true(isolated);
    t.deepEqual(notes, []);
    t.regex(readFileSync(join(into, 'debootstrap/qemu-libs/ld.so'), 'latin1'), /LD%PRELOAD/);
  }),
);
