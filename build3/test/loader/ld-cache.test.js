import {readFileSync} from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import {findInCache, readLdCache} from '../../src/loader/ld-cache.js';
import {run, withTools} from '../helpers/tools.js';
import {buildCache, namedHwcap} from './cache-builder.js';

const machine = (e_machine, elfClass, e_flags = 0, littleEndian = true) => ({
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
    const paths = new Set([...cache.values()].flat().map(({path}) => path));
    for (const [, name = '', path = ''] of printed) {
      t.true(paths.has(path), path);
      t.not(findInCache(cache, name, {machine: x86_64, ...plain}), undefined, name);
    }
    t.is([...cache.values()].flat().length, printed.length);
    t.log(`${printed.length} entries`);
  }),
);
/** The flags that glibc's ldconfig writes, by architecture (sysdeps/generic/ldconfig.h). */
const flagsByMachine = [
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
    const cache = readLdCache(
      buildCache([{name: 'libA.so', path: '/amd64', flags: 0x303}, ...lines], {bigEndian}),
      target,
    );
    t.is(findInCache(cache, 'libA.so', {machine: target, ...plain})?.path, `/${flags}/libA.so`);
  });
}
test('cache: ARM takes entries without an ABI too, after its own', (t) => {
  const armhf = machine(40, 32, 0x5000400);
  const general = {name: 'libA.so', path: '/general', flags: 3};
  const own = {name: 'libA.so', path: '/own', flags: 0x903};
  const find = (...lines) =>
    findInCache(readLdCache(buildCache(lines), armhf), 'libA.so', {machine: armhf, ...plain})?.path;
  t.is(find(general), '/general');
  t.is(find(general, own), '/own');
  t.is(find({...own, flags: 0xb03}), undefined);
});
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
//# sourceMappingURL=ld-cache.test.js.map
