/* What a bundle can be made of besides a program of this machine: data files, musl programs, other roots. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {ElfError} from '../../src/errors.js';
import {resolveTreeSync} from '../../src/loader/resolve.js';
import {entriesBelow} from '../helpers/entries.js';
import {place} from '../helpers/place.js';
import {readelfInterpreter} from '../helpers/readelf.js';
import {tempDirectory} from '../helpers/temp.js';
import {MissingTool, output, run, withTools} from '../helpers/tools.js';

const program = '/bin/true';

/** Compile C, and return the path of the result. */
function compile(
  directory: string,
  name: string,
  source: string,
  args: readonly string[] = [],
  compiler = 'gcc',
): string {
  const file = path.join(directory, name);
  mkdirSync(path.dirname(file), {recursive: true});
  writeFileSync(`${file}.c`, source);
  output(compiler, ['-o', file, `${file}.c`, ...args]);
  return file;
}

/** A library whose `answer` is a number, and a program that prints it. */
function answering(directory: string, compiler = 'gcc', rpath = path.join(directory, 'lib')): string {
  const soname = '-Wl,-soname,libanswer.so';
  const library = ['-shared', '-fPIC', soname];
  compile(directory, 'lib/libanswer.so', 'int answer(void) { return 42; }', library, compiler);
  const source =
    '#include <stdio.h>\nint answer(void);\nint main(void) { printf("%d\\n", answer()); return 0; }';
  const args = ['-L', path.join(directory, 'lib'), '-lanswer', `-Wl,-rpath,${rpath}`];
  return compile(directory, 'answer', source, args, compiler);
}

async function refused(
  t: ExecutionContext,
  work: Promise<unknown>,
  code: string,
  message: RegExp,
): Promise<void> {
  const error = await t.throwsAsync(work, {instanceOf: ElfError, message});
  t.true(error instanceof ElfError && error.code === code, `${error}`);
}

function files(root: string): string[] {
  return entriesBelow(root)
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

test('a data file goes into the prefix under its own name, or to the place that is named', async (t) => {
  const [into, from] = [tempDirectory(t), tempDirectory(t)];
  const source = path.join(from, 'a.conf');
  writeFileSync(source, 'key = value\n');
  const {files: carried} = await bundle([program], {
    ...place,
    into,
    files: [{source}, {source, target: 'etc/b.conf'}, {source, target: '/debootstrap/share/'}],
  });
  for (const place of ['a.conf', 'etc/b.conf', 'share/a.conf']) {
    const file = path.join(into, 'debootstrap', place);
    t.is(readFileSync(file, 'utf8'), 'key = value\n');
    t.is(statSync(file).mode & 0o777, 0o644, 'everybody may read it');
  }
  const data = carried.filter(({role}) => role === 'data');
  t.deepEqual(
    data.map((file) => [file.path, file.source]),
    ['/debootstrap/a.conf', '/debootstrap/etc/b.conf', '/debootstrap/share/a.conf'].map((place) => [
      place,
      source,
    ]),
  );
});

test('a copy can be read by those who could read the original, and be changed by its owner alone', async (t) => {
  const from = tempDirectory(t);
  const modes = {key: 0o600, group: 0o660, open: 0o664, script: 0o777, odd: 0o004};
  for (const [name, mode] of Object.entries(modes)) {
    writeFileSync(path.join(from, name), 'text');
    chmodSync(path.join(from, name), mode);
  }
  const kept = {key: 0o600, group: 0o640, open: 0o644, script: 0o755, odd: 0o404};
  const modesIn = (directory: string) =>
    Object.fromEntries(
      Object.keys(modes).map((name) => [name, statSync(path.join(directory, name)).mode & 0o7777]),
    );
  const [into, moved] = [tempDirectory(t), path.join(tempDirectory(t), 'moved')];
  const files = [{source: from, target: 'share'}];
  await bundle([program], {...place, into, files});
  t.deepEqual(modesIn(path.join(into, 'debootstrap/share')), kept);
  // A later bundle keeps them.
  await bundle(['/bin/false'], {...place, into});
  t.deepEqual(modesIn(path.join(into, 'debootstrap/share')), kept);
  await bundleRelocatable([program], {into: moved, files});
  t.deepEqual(modesIn(path.join(moved, 'share')), kept);
});

test('a directory of data is carried with all that is in it, links as links', async (t) => {
  const [into, from] = [tempDirectory(t), tempDirectory(t)];
  mkdirSync(path.join(from, 'maps/deep'), {recursive: true});
  writeFileSync(path.join(from, 'maps/deep/one'), '1');
  symlinkSync('deep/one', path.join(from, 'maps/two'));
  await bundle([program], {...place, into, files: [{source: path.join(from, 'maps'), target: 'keymaps'}]});
  const there = path.join(into, 'debootstrap/keymaps');
  t.deepEqual(files(there), ['/deep/one']);
  t.is(readlinkSync(path.join(there, 'two')), 'deep/one');
  t.is(readFileSync(path.join(there, 'two'), 'utf8'), '1');
});

test('a directory of data that holds a link to itself is carried with the link', async (t) => {
  const [into, from] = [tempDirectory(t), tempDirectory(t)];
  symlinkSync('.', path.join(from, 'again'));
  const {notes} = await bundle([program], {...place, into, files: [{source: from, target: 'share'}]});
  t.is(readlinkSync(path.join(into, 'debootstrap/share/again')), '.');
  t.deepEqual(notes, []);
});

test('a directory of data that holds a link to the directory around it is refused', async (t) => {
  const [into, from] = [tempDirectory(t), tempDirectory(t)];
  mkdirSync(path.join(from, 'sub'));
  symlinkSync('..', path.join(from, 'sub/again'));
  const work = bundle([program], {...place, into, files: [{source: path.join(from, 'sub')}]});
  await refused(t, work, 'BAD_REQUEST', /a link to itself/);
  t.deepEqual(readdirSync(into), []);
});

test('what is no list of programs is refused as a request', async (t) => {
  const one = bundle('/bin/true' as unknown as string[], {into: tempDirectory(t)});
  await refused(t, one, 'BAD_REQUEST', /not a list of programs/);
});

test('a directory where a file of the bundle goes is refused, and stays with what is in it', async (t) => {
  const into = tempDirectory(t);
  mkdirSync(path.join(into, 'debootstrap/true'), {recursive: true});
  writeFileSync(path.join(into, 'debootstrap/true/kept'), '');
  await refused(t, bundle([program], {...place, into}), 'CONFLICT', /not installed by a bundle/);
  t.deepEqual(files(into), ['/debootstrap/true/kept']);
});

test('data that is neither a file nor a directory is refused, and nothing is written', async (t) => {
  const into = path.join(tempDirectory(t), 'out');
  await refused(
    t,
    bundle([program], {...place, into, files: [{source: '/dev/null'}]}),
    'NOT_A_FILE',
    /^\/dev\/null: neither/,
  );
  t.false(existsSync(path.join(into, 'debootstrap')));
});

test('data that would lie outside the prefix, or be the manifest, is refused', async (t) => {
  const into = tempDirectory(t);
  for (const target of ['/etc/passwd', '../etc/passwd', '', 'qemu-libs/manifest.json']) {
    const work = bundle([program], {...place, into, files: [{source: '/etc/hostname', target}]});
    await refused(t, work, 'BAD_REQUEST', /cannot be put in this place/);
  }
  t.deepEqual(readdirSync(into), []);
});

test('data in the place of a library is a conflict that names both', async (t) => {
  const into = tempDirectory(t);
  const data = [{source: '/etc/hostname', target: 'qemu-libs/libc.so.6'}];
  const message = /libc\.so\.6.*\/libc\.so\.6, for \/bin\/true.*\/etc\/hostname \(the requested file/;
  await refused(t, bundle([program], {...place, into, files: data}), 'CONFLICT', message);
});

test('data never goes through a link that the chroot holds', async (t) => {
  const [into, outside] = [tempDirectory(t), tempDirectory(t)];
  mkdirSync(path.join(into, 'debootstrap'));
  symlinkSync(outside, path.join(into, 'debootstrap/etc'));
  const work = bundle([program], {...place, into, files: [{source: '/etc/hostname', target: 'etc/x'}]});
  await refused(t, work, 'OUTSIDE', /debootstrap\/etc is not a real directory/);
  t.deepEqual(readdirSync(outside), []);
  t.deepEqual(readdirSync(path.join(into, 'debootstrap')), ['etc']);
});

test('data of an earlier bundle stays when another program is added', async (t) => {
  const into = tempDirectory(t);
  await bundle([program], {...place, into, files: [{source: '/etc/hostname', target: 'etc/x'}]});
  const {manifest} = await bundle(['/bin/cat'], {...place, into});
  t.deepEqual(manifest.files.filter(({role}) => role === 'data').length, 1);
  t.true(existsSync(path.join(into, 'debootstrap/etc/x')));
  const again = await bundle(['/bin/cat'], {...place, into});
  t.false(again.written);
});

test(
  'a musl program comes with its own path file and runs without any other library in the chroot',
  withTools(async (t) => {
    const [into, from] = [tempDirectory(t), tempDirectory(t)];
    const {manifest, notes} = await bundle([answering(from, 'musl-gcc')], {...place, into});
    t.deepEqual(
      notes.filter((note) => note.includes('libgcc_s')),
      [],
    );
    const pathFile = '/debootstrap/etc/ld-musl-x86_64.path';
    t.is(readFileSync(path.join(into, pathFile), 'utf8'), '/debootstrap/qemu-libs\n');
    t.is(manifest.files.find((file) => file.path === pathFile)?.role, 'data');
    t.is(run('chroot', [into, '/debootstrap/answer']).stdout, '42\n');
    t.false((await bundle([path.join(from, 'answer')], {...place, into})).written);
  }),
);

test(
  'a library that a musl program opens at run time is found through the path file',
  withTools(async (t) => {
    const [into, from] = [tempDirectory(t), tempDirectory(t)];
    const source = `#include <dlfcn.h>
      int main(void) { return dlopen("libplugin.so", RTLD_NOW) ? 0 : 3; }`;
    compile(from, 'libplugin.so', 'int plugin;', ['-shared', '-fPIC'], 'musl-gcc');
    const opener = compile(from, 'opener', source, [], 'musl-gcc');
    await bundle([opener], {...place, into, library: [path.join(from, 'libplugin.so')]});
    t.is(run('chroot', [into, '/debootstrap/opener']).status, 0);
    // Without RPATH, which musl honours as well, only the path file leads there.
    output('patchelf', ['--remove-rpath', path.join(into, 'debootstrap/opener')]);
    t.is(run('chroot', [into, '/debootstrap/opener']).status, 0);
    renameSync(path.join(into, 'debootstrap/etc'), path.join(into, 'debootstrap/no'));
    t.is(run('chroot', [into, '/debootstrap/opener']).status, 3);
  }),
);

test(
  'programs of two C libraries cannot share a library directory, and both loaders are named',
  withTools(async (t) => {
    const [into, from] = [tempDirectory(t), tempDirectory(t)];
    const work = bundle([program, answering(from, 'musl-gcc')], {...place, into});
    const message =
      /qemu-libs\/ld\.so.*ld-linux-x86-64\.so\.2 \(the loader of \/bin\/true\).*ld-musl.*answer/;
    await refused(t, work, 'CONFLICT', message);
  }),
);

test(
  'two libraries under one name are refused, with who needs each',
  withTools(async (t) => {
    const [into, one, two] = [tempDirectory(t), tempDirectory(t), tempDirectory(t)];
    const first = answering(one);
    const second = answering(two);
    compile(two, 'lib/libanswer.so', 'int answer(void) { return 43; }', [
      '-shared',
      '-fPIC',
      '-Wl,-soname,libanswer.so',
    ]);
    renameSync(second, path.join(two, 'other'));
    const work = bundle([first, path.join(two, 'other')], {...place, into});
    await refused(t, work, 'CONFLICT', /libanswer\.so, for .*answer\).*libanswer\.so, for .*other\)/);
    t.deepEqual(readdirSync(into), []);
  }),
);

test(
  'one library by two paths, and an equal copy of it, are no conflict',
  withTools(async (t) => {
    const [into, from, other] = [tempDirectory(t), tempDirectory(t), tempDirectory(t)];
    const first = answering(from);
    cpSync(path.join(from, 'lib'), path.join(other, 'lib'), {recursive: true});
    symlinkSync(path.join(from, 'lib'), path.join(other, 'link'));
    const source = 'int answer(void);\nint main(void) { return answer() == 42 ? 0 : 1; }';
    const programs = ['lib', 'link'].map((name) =>
      compile(other, `by-${name}`, source, [
        '-L',
        path.join(from, 'lib'),
        '-lanswer',
        `-Wl,-rpath,${path.join(other, name)}`,
      ]),
    );
    await bundle([first, ...programs], {...place, into});
    for (const name of ['answer', 'by-lib', 'by-link']) {
      t.is(run('chroot', [into, `/debootstrap/${name}`]).status, 0, name);
    }
  }),
);

for (const compiler of ['gcc', 'musl-gcc']) {
  test(
    `${compiler}: names with a path in NEEDED, absolute and by $ORIGIN, become plain ones in the bundle`,
    withTools(async (t) => {
      const [into, from] = [tempDirectory(t), tempDirectory(t)];
      const inner = compile(
        from,
        'deep/inner.so',
        'int inner(void) { return 40; }',
        ['-shared', '-fPIC'],
        compiler,
      );
      const outer = compile(
        from,
        'libouter.so',
        'int inner(void);\nint outer(void) { return inner() + 2; }',
        ['-shared', '-fPIC', inner, `-Wl,-soname,libouter.so`],
        compiler,
      );
      const source =
        '#include <stdio.h>\nint outer(void);\nint main(void) { return printf("%d\\n", outer()) < 0; }';
      const file = compile(from, 'p', source, [outer, '-Wl,--allow-shlib-undefined'], compiler);
      output('patchelf', ['--replace-needed', 'libouter.so', '$ORIGIN/libouter.so', file]);
      if (compiler === 'musl-gcc')
        output('patchelf', ['--replace-needed', '$ORIGIN/libouter.so', outer, file]);
      t.regex(output('readelf', ['-d', outer]), new RegExp(`NEEDED.*\\[${inner}\\]`));
      t.is(run(file, []).stdout, '42\n');
      await bundle([file], {...place, into});
      for (const name of ['p', 'qemu-libs/libouter.so', 'qemu-libs/inner.so']) {
        t.notRegex(output('readelf', ['-d', path.join(into, 'debootstrap', name)]), /NEEDED.*\//, name);
      }
      t.is(run('chroot', [into, '/debootstrap/p']).stdout, '42\n');
    }),
  );
}

test(
  'a library is carried by its path, with what it needs itself',
  withTools(async (t) => {
    const [into, from] = [tempDirectory(t), tempDirectory(t)];
    const [plugin] = ['/lib/x86_64-linux-gnu/libnss_files.so.2', '/lib/x86_64-linux-gnu/libz.so.1'].filter(
      (file) => existsSync(file),
    );
    if (plugin === undefined) throw new MissingTool('zlib1g');
    const copy = path.join(from, path.basename(plugin));
    copyFileSync(plugin, copy);
    const {files: carried} = await bundle([program], {...place, into, library: [copy]});
    const library = `/debootstrap/qemu-libs/${path.basename(plugin)}`;
    t.is(carried.find((file) => file.path === library)?.source, copy);
  }),
);

test(
  'of a library in glibc-hwcaps the baseline is carried, which every CPU runs',
  withTools(async (t) => {
    const [into, from] = [tempDirectory(t), tempDirectory(t)];
    const file = answering(from);
    compile(from, 'lib/glibc-hwcaps/x86-64-v2/libanswer.so', 'int answer(void) { return 2; }', [
      '-shared',
      '-fPIC',
      '-Wl,-soname,libanswer.so',
    ]);
    const {files: all} = await bundle([file], {...place, into});
    const carried = all.find((other) => other.path.endsWith('/libanswer.so'));
    t.is(carried?.source, path.join(from, 'lib/libanswer.so'));
    t.is(run('chroot', [into, '/debootstrap/answer']).stdout, '42\n');
  }),
);

for (const [triplet, emulator] of Object.entries({
  'arm-linux-gnueabi': 'qemu-arm',
  'aarch64-linux-gnu': 'qemu-aarch64',
  'riscv64-linux-gnu': 'qemu-riscv64',
  's390x-linux-gnu': 'qemu-s390x',
})) {
  test(
    `a program of the root /usr/${triplet} is bundled with that root's libraries and runs under ${emulator}`,
    withTools(async (t) => {
      const sysroot = `/usr/${triplet}`;
      if (!existsSync(sysroot)) throw new MissingTool(sysroot);
      const [root, into] = [tempDirectory(t), tempDirectory(t)];
      cpSync(path.join(sysroot, 'lib'), path.join(root, 'lib'), {recursive: true, verbatimSymlinks: true});
      answering(path.join(root, 'opt'), `${triplet}-gcc`, '/opt/lib');
      const {files: carried, isolated} = await bundle(['/opt/answer'], {...place, root, into});
      t.is(isolated, triplet === 'aarch64-linux-gnu', 'besides x86-64, only the aarch64 loader is known');
      for (const {source} of carried) t.true(source.startsWith(`${root}/`), source);
      const bundled = path.join(into, 'debootstrap/answer');
      t.is(readelfInterpreter(bundled), '/debootstrap/qemu-libs/ld.so');
      t.is(run(emulator, ['-L', into, bundled]).stdout, '42\n');
      // A loader that reads LD_* prints the libraries instead.
      const traced = run(emulator, ['-E', 'LD_TRACE_LOADED_OBJECTS=1', '-L', into, bundled]).stdout;
      if (isolated) t.is(traced, '42\n');
      else t.regex(traced, /libanswer\.so => /);
      const tree = resolveTreeSync('/debootstrap/answer', {root: into});
      t.deepEqual(tree.misses, []);
      for (const node of tree.nodes.slice(1)) t.regex(node.path, /^\/debootstrap\/qemu-libs\//);
    }),
  );
}
