/* Variants of libraries for newer CPUs are bundled on request, and the loader chooses among them. */
import {copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {elfinterp} from '../helpers/cli.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

interface Built {
  readonly program: string;
  readonly libs: string;
}

/** A program that prints which CPU its library is for; the one for x86-64-v2 needs another library. */
function build(t: ExecutionContext, rpath = true): Built {
  const work = tempDirectory(t);
  const libs = join(work, 'libs');
  const compile = (file: string, source: string, ...args: string[]) => {
    mkdirSync(dirname(file), {recursive: true});
    writeFileSync(join(work, 'source.c'), source);
    output('gcc', ['-o', file, join(work, 'source.c'), `-L${libs}`, `-Wl,-rpath-link,${libs}`, ...args]);
  };
  const library = ['-shared', '-fPIC', '-Wl,-soname,liblevel.so.1'];
  compile(join(libs, 'libtwo.so'), 'int two(void) { return 2; }', '-shared', '-fPIC');
  compile(join(libs, 'liblevel.so.1'), 'int level(void) { return 1; }', ...library);
  const at = (level: string) => join(libs, 'glibc-hwcaps', level, 'liblevel.so.1');
  const second = 'int two(void); int level(void) { return two(); }';
  compile(at('x86-64-v2'), second, ...library, '-march=x86-64-v2', '-ltwo');
  compile(at('x86-64-v3'), 'int level(void) { return 3; }', ...library, '-march=x86-64-v3');
  const program = join(work, 'program');
  const source = '#include <stdio.h>\nint level(void); int main(void) { printf("%d\\n", level()); }';
  const path = rpath ? ['-Wl,--disable-new-dtags', `-Wl,-rpath,${libs}`] : [];
  compile(program, source, join(libs, 'liblevel.so.1'), ...path);
  return {program, libs};
}

const there = ['--prefix', place.prefix, '--libs', place.libs];
const variant = (level: string) => `debootstrap/qemu-libs/glibc-hwcaps/${level}/liblevel.so.1`;

test(
  'the baseline comes along, and with --hwcaps all the loader chooses as it does without a bundle',
  withTools((t) => {
    const {program} = build(t);
    const best = output(program, []);
    t.not(best, '1\n', 'this CPU has a level');
    const into = tempDirectory(t);
    const start = () => output('chroot', [into, '/debootstrap/program']);
    const made = (...args: string[]) => {
      const {status, stderr} = elfinterp(['bundle', program, '--into', into, ...there, ...args]);
      t.is(status, 0, stderr);
    };
    made();
    t.is(start(), '1\n');
    t.false(existsSync(join(into, 'debootstrap/qemu-libs/libtwo.so')));
    made('--hwcaps', 'all');
    t.is(start(), best);
    for (const level of ['x86-64-v2', 'x86-64-v3']) t.true(existsSync(join(into, variant(level))));
    t.true(existsSync(join(into, 'debootstrap/qemu-libs/libtwo.so')));
    t.deepEqual(verifyBundle(into).problems, []);
    // Existing files stay when another program is added.
    elfinterp(['bundle', '/bin/true', '--into', into, ...there]);
    t.is(start(), best);
    rmSync(join(into, 'debootstrap/qemu-libs/libtwo.so'));
    t.true(verifyBundle(into).problems.some(({code}) => code === 'NOT_CLOSED'));
  }),
);

test(
  'so it is in a relocatable bundle',
  withTools(async (t) => {
    const {program} = build(t);
    const into = join(tempDirectory(t), 'b');
    const {files} = await bundleRelocatable([program], {into, hwcaps: 'all'});
    t.is(files.filter(({path}) => path.startsWith('lib/glibc-hwcaps/')).length, 2);
    t.is(output(join(into, 'bin/program'), []), output(program, []));
  }),
);

test(
  'a variant is found through the cache of another root, and what it lacks is an error',
  withTools(async (t) => {
    const {program, libs} = build(t, false);
    const [root, into] = [tempDirectory(t), tempDirectory(t)];
    const system = '/lib/x86_64-linux-gnu';
    const add = (from: string, to: string) => {
      mkdirSync(dirname(join(root, to)), {recursive: true});
      copyFileSync(from, join(root, to));
    };
    add('/lib64/ld-linux-x86-64.so.2', '/lib64/ld-linux-x86-64.so.2');
    for (const name of ['libc.so.6', 'libgcc_s.so.1']) add(`${system}/${name}`, `${system}/${name}`);
    for (const path of ['liblevel.so.1', 'libtwo.so', 'glibc-hwcaps/x86-64-v2/liblevel.so.1'])
      add(join(libs, path), `/opt/libs/${path}`);
    add(program, '/program');
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc/ld.so.conf'), '/opt/libs\n');
    output('/sbin/ldconfig', ['-r', root]);
    await bundle(['/program'], {...place, root, into, hwcaps: 'all'});
    t.true(existsSync(join(into, variant('x86-64-v2'))));
    t.is(output('chroot', [into, '/debootstrap/program']), '2\n');
    rmSync(join(root, 'opt/libs/libtwo.so'));
    await t.throwsAsync(bundle(['/program'], {...place, root, into: tempDirectory(t), hwcaps: 'all'}), {
      code: 'NOT_FOUND',
      message:
        /libtwo\.so, which \/opt\/libs\/glibc-hwcaps\/x86-64-v2\/liblevel\.so\.1 asks for, was not found/,
    });
    await t.notThrowsAsync(bundle(['/program'], {...place, root, into: tempDirectory(t)}));
  }),
);
