import {readFileSync} from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import {findInCache} from '../../src/loader/cache-search.js';
import {cacheEntry, readLdCache} from '../../src/loader/ld-cache.js';
import {run, withTools} from '../helpers/tools.js';
import {buildCache, namedHwcap} from './cache-builder.js';
import {Workshop} from './workshop.js';

const machine = (e_machine: number, elfClass: 32 | 64, e_flags = 0, littleEndian = true) => ({
  e_machine,
  e_flags,
  elfClass,
  littleEndian,
});
const x86_64 = machine(62, 64);
const plain = {hwcaps: [], legacyHwcaps: 0n};

test(
  'cache: every entry of the machine cache is read as ldconfig prints it',
  withTools((t) => {
    const cache = readLdCache(readFileSync('/etc/ld.so.cache'), x86_64);
    const printed = [...run('/sbin/ldconfig', ['-p']).stdout.matchAll(/^\t(\S+) \(.*\) => (.*)$/gm)];
    t.true(printed.length > 0);
    const paths = new Set(cache.entries.keys.map((_, index) => cacheEntry(cache, index)?.path));
    for (const [, name = '', path = ''] of printed) {
      t.true(paths.has(path), path);
      t.not(findInCache(cache, name, {machine: x86_64, ...plain}), undefined, name);
    }
    t.is(cache.entries.keys.length, printed.length);
    t.log(`${printed.length} entries`);
  }),
);

/** The flags that glibc's ldconfig writes, by architecture (sysdeps/generic/ldconfig.h). */
const flagsByMachine: readonly (readonly [string, ReturnType<typeof machine>, number])[] = [
  ['i386', machine(3, 32), 0x3],
  ['x32', machine(62, 32), 0x803],
  ['aarch64', machine(183, 64), 0xa03],
  ['armhf', machine(40, 32, 0x5000400), 0x903],
  ['armel', machine(40, 32, 0x5000200), 0xb03],
  ['riscv64 lp64d', machine(243, 64, 5), 0x1003],
  ['riscv64 lp64', machine(243, 64, 1), 0xf03],
  ['ppc64le', machine(21, 64, 2), 0x503],
  ['s390x', machine(22, 64, 0, false), 0x403],
  ['sparc64', machine(43, 64, 0, false), 0x103],
  ['sparc v9 32-bit', machine(18, 32, 0, false), 0x3],
  ['ia64', machine(50, 64), 0x203],
  ['loongarch64 lp64d', machine(258, 64, 3), 0x1103],
  ['loongarch64 lp64s', machine(258, 64, 1), 0x1203],
  ['mips64el n64', machine(8, 64), 0x703],
  ['mips n32', machine(8, 32, 0x20, false), 0x603],
  ['mips n32 nan2008', machine(8, 32, 0x420, false), 0xd03],
];

for (const [name, target, flags] of flagsByMachine) {
  test(`cache: ${name} takes its own entries among all others`, (t) => {
    const lines = flagsByMachine.map(([, , others]) => ({
      name: 'libA.so',
      path: `/${others}/libA.so`,
      flags: others,
    }));
    const bigEndian = !target.littleEndian;
    // ldconfig puts the highest flags first among entries of one name.
    const sorted = [{name: 'libA.so', path: '/amd64', flags: 0x303}, ...lines].sort(
      (a, b) => b.flags - a.flags,
    );
    const cache = readLdCache(buildCache(sorted, {bigEndian}), target);
    t.is(findInCache(cache, 'libA.so', {machine: target, ...plain})?.path, `/${flags}/libA.so`);
  });
}

/** Entries of one name by their flags, and which of them i386 takes; 3 is its own, 1 is ELF of any C library. */
const orders: readonly (readonly ['new' | 'old', readonly number[], number])[] = [
  ['new', [3, 1], 0],
  ['new', [1, 3], 0],
  ['new', [1, 1, 3], 0],
  ['new', [0x303, 1], 1],
  ['old', [3, 1], 0],
  ['old', [1, 3], 1],
  ['old', [1, 1], 1],
  ['old', [1, 1, 3], 2],
];

for (const [layout, flags, taken] of orders) {
  test(
    `cache: of entries with flags ${flags.join(', ')} in the ${layout} layout i386 takes number ${taken}`,
    withTools((t) => {
      const w = new Workshop();
      t.teardown(() => w.remove());
      const lines = flags.map((flag, i) => ({
        name: 'libA.so',
        path: w.library32(`${i}/libA.so`),
        flags: flag,
      }));
      const cache = buildCache(lines, {layout});
      const i386 = machine(3, 32);
      const ours = findInCache(readLdCache(cache, i386), 'libA.so', {machine: i386, ...plain});
      t.is(ours?.path, lines[taken]?.path, 'ours');
      t.is(askLoader32(w, cache), lines[taken]?.path, 'the real loader');
    }),
  );
}

/** Where the loader of i386 finds libA.so, with this cache. */
function askLoader32(w: Workshop, cache: Uint8Array): string | undefined {
  const cacheString = '/etc/ld.so.cache';
  w.write('cache', cache);
  w.program32('p', w.path('0/libA.so'));
  const alias = w.alias('cache', cacheString.length);
  const loader = w.loaderWith('ld.so', {[cacheString]: alias}, '/usr/i686-linux-gnu/lib/ld-linux.so.2');
  const {stdout} = run('qemu-i386', [loader, '--list', w.path('p')]);
  return /libA\.so => (\S+)/.exec(stdout)?.[1];
}

test('cache: whatever the bytes, reading ends and throws nothing', (t) => {
  const sound = [
    buildCache([{name: 'libA.so', path: '/a/libA.so'}], {layout: 'both', hwcaps: ['x86-64-v2', 'x86-64-v3']}),
    buildCache([{name: 'libA.so', path: '/a/libA.so', hwcap: namedHwcap(1)}], {hwcaps: ['x86-64-v2']}),
    buildCache([{name: 'libA.so', path: '/a/libA.so'}], {layout: 'old'}),
  ];
  const damage = fc.array(fc.tuple(fc.nat(400), fc.integer({min: 0, max: 255})), {maxLength: 8});
  const arbitrary = fc.tuple(fc.constantFrom(...sound), damage, fc.nat(400), fc.boolean());
  fc.assert(
    fc.property(arbitrary, ([bytes, changes, cut, littleEndian]) => {
      const damaged = Buffer.from(bytes.subarray(0, Math.max(20, bytes.length - (cut % bytes.length))));
      for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
      const cache = readLdCache(damaged, {elfClass: 64, littleEndian});
      findInCache(cache, 'libA.so', {machine: x86_64, hwcaps: ['x86-64-v2'], legacyHwcaps: 0n});
    }),
    {numRuns: 5000},
  );
  t.pass();
});
