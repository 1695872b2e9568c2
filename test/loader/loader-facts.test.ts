import {existsSync} from 'node:fs';
import test from 'ava';
import {fallbackFacts, type LoaderFacts, readLoaderFacts} from '../../src/loader/loader-facts.js';
import {describeObject, withSource} from '../../src/loader/object.js';
import {standardLoader} from '../../src/loader/standard-loader.js';
import {bufferSource} from '../../src/source/buffer.js';
import {fileSource} from '../../src/source/file.js';
import {MissingTool, run, withTools} from '../helpers/tools.js';

/** A loader, the command that runs it, and the names that it knows for better CPUs. */
const loaders: readonly (readonly [string, readonly string[]])[] = [
  ['/lib64/ld-linux-x86-64.so.2', []],
  ['/usr/arm-linux-gnueabi/lib/ld-linux.so.3', ['qemu-arm']],
  ['/usr/arm-linux-gnueabihf/lib/ld-linux-armhf.so.3', ['qemu-arm']],
  ['/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1', ['qemu-aarch64']],
  ['/usr/i686-linux-gnu/lib/ld-linux.so.2', ['qemu-i386']],
  ['/usr/mips64el-linux-gnuabi64/lib64/ld.so.1', ['qemu-mips64el']],
  ['/usr/powerpc64-linux-gnu/lib64/ld64.so.1', ['qemu-ppc64']],
  ['/usr/powerpc64le-linux-gnu/lib64/ld64.so.2', ['qemu-ppc64le']],
  ['/usr/riscv64-linux-gnu/lib/ld-linux-riscv64-lp64d.so.1', ['qemu-riscv64']],
  ['/usr/s390x-linux-gnu/lib/ld64.so.1', ['qemu-s390x']],
];

for (const [path, command] of loaders) {
  test(
    `facts: ${path} was built with what it says itself`,
    withTools((t) => {
      if (!existsSync(path)) throw new MissingTool(path);
      const facts = factsOf(path);
      const [tool = path, ...args] = [...command, path, '--list-diagnostics'];
      // 32-bit ARM's stops halfway because one of its assertions fails.
      const {stdout: said} = run(tool, args);
      const claims: readonly (readonly [string, readonly (string | undefined)[]])[] = [
        ['path\\.system_dirs\\[0x\\d+\\]', facts.systemDirectories],
        ['dl_dst_lib', [facts.lib]],
        ['dl_hwcaps_subdirs', [facts.hwcaps.join(':')]],
        ['version\\.version', [facts.version]],
      ];
      const checked = claims.filter(([key]) => values(said, key).length > 0);
      for (const [key, ours] of checked) t.deepEqual(ours, values(said, key), key);
      t.log(`${checked.length} of ${claims.length} facts compared`);
      t.true(checked.length >= 2);
      t.deepEqual(
        [facts.libc, facts.cachePath, facts.preloadPath],
        ['glibc', '/etc/ld.so.cache', '/etc/ld.so.preload'],
      );
    }),
  );
}

test('facts: musl names its loader after the architecture', (t) => {
  const loader = (e_machine: number, elfClass: 32 | 64, littleEndian = true, e_flags = 0) =>
    standardLoader('musl', {e_machine, elfClass, littleEndian, e_flags});
  t.deepEqual(
    [
      loader(8, 32),
      loader(8, 32, false),
      loader(8, 32, true, 0x20),
      loader(8, 64, false),
      loader(21, 64, false),
      loader(40, 32, true, 0x400),
    ],
    ['mipsel', 'mips', 'mipsn32el', 'mips64', 'powerpc64', 'armhf'].map(
      (name) => `/lib/ld-musl-${name}.so.1`,
    ),
  );
});

for (const [path] of loaders) {
  test(
    `facts: ${path} is the standard loader of its architecture`,
    withTools((t) => {
      if (!existsSync(path)) throw new MissingTool(path);
      const {machine} = withSource(fileSource(path), (source) => describeObject(source));
      t.true(machine !== undefined && path.endsWith(standardLoader('glibc', machine) ?? '?'));
    }),
  );
}

test(
  'facts: the loader of musl names its directories and its path file',
  withTools((t) => {
    const path = '/lib/ld-musl-x86_64.so.1';
    if (!existsSync(path)) throw new MissingTool(path);
    const {libc, systemDirectories, pathFile, cachePath, hwcaps} = factsOf(path);
    t.deepEqual(
      {libc, systemDirectories, pathFile, cachePath, hwcaps},
      {
        libc: 'musl',
        systemDirectories: ['/lib/', '/usr/local/lib/', '/usr/lib/'],
        pathFile: '/etc/ld-musl-x86_64.path',
        cachePath: undefined,
        hwcaps: [],
      },
    );
  }),
);

const x86_64 = {e_machine: 62, e_flags: 0, elfClass: 64, littleEndian: true} as const;

function factsOfStrings(...strings: string[]): LoaderFacts {
  return readLoaderFacts(bufferSource(Buffer.from(`\0${strings.join('\0')}\0`)), x86_64);
}

test('facts: a loader with one system directory, as on Nix and Guix', (t) => {
  const store = '/nix/store/1234-glibc-2.40';
  const facts = factsOfStrings(
    `${store}/etc/ld.so.cache`,
    ' search cache=%s\n',
    'glibc-ld.so.cache1.1',
    '/usr/share/locale/',
    'in between',
    `${store}/lib/`,
    'lib',
  );
  t.deepEqual(facts.systemDirectories, [`${store}/lib/`]);
  t.is(facts.cachePath, `${store}/etc/ld.so.cache`);
  t.is(facts.lib, 'lib');
});

test('facts: a loader of upstream, whose $LIB is lib64', (t) => {
  const facts = factsOfStrings('/etc/ld.so.cache', 'glibc-ld.so.cache1.1', '/lib64/', '/usr/lib64/', 'lib64');
  t.deepEqual(facts.systemDirectories, ['/lib64/', '/usr/lib64/']);
  t.is(facts.lib, 'lib64');
});

test('facts: a loader whose cache was blotted out has none', (t) => {
  const facts = factsOfStrings('glibc-ld.so.cache1.1', '/etc/ld.so.nothin', '/lib64/', '/usr/lib64/');
  t.is(facts.cachePath, undefined);
  t.is(facts.preloadPath, undefined);
});

test('facts: what is no loader that we know gets the defaults of upstream, and says so', (t) => {
  const facts = factsOfStrings('something else');
  t.deepEqual(facts, {...fallbackFacts('glibc', x86_64), libc: 'unknown'});
  t.deepEqual(facts.systemDirectories, ['/lib64/', '/usr/lib64/']);
});

test('facts: defaults by architecture', (t) => {
  const lib = (e_machine: number, elfClass: 32 | 64, e_flags = 0) =>
    fallbackFacts('glibc', {e_machine, e_flags, elfClass, littleEndian: true}).systemDirectories[0];
  t.is(lib(3, 32), '/lib/');
  t.is(lib(62, 32), '/libx32/');
  t.is(lib(183, 64), '/lib64/');
  t.is(lib(243, 64, 4), '/lib64/lp64d/');
  t.is(lib(8, 32, 0x20), '/lib32/');
});

function factsOf(path: string): LoaderFacts {
  return withSource(fileSource(path), (source) => {
    const {machine} = describeObject(source);
    if (machine === undefined) throw new Error(`${path} is not ELF`);
    return readLoaderFacts(source, machine);
  });
}

/** The values of the lines `KEY="VALUE"` of --list-diagnostics. */
function values(text: string, key: string): string[] {
  return [...text.matchAll(new RegExp(`^${key}="(.*)"$`, 'gm'))].map(([, value]) => value ?? '');
}
