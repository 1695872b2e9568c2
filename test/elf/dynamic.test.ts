import test from 'ava';
import {DT, dynamicTagName} from '../../src/elf/constants.js';
import {stringTags} from '../../src/elf/dynamic.js';
import {Dyn} from '../../src/elf/records.js';
import {fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {euReadelfStrings, readelfDynamic} from '../helpers/readelf.js';
import {withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

for (const {name, path, e_machine, needed} of fixtures) {
  test(
    `${name}: the dynamic section is what readelf -d says`,
    withTools((t) => {
      const {dynamic} = viewBuffer(fixtureBytes(name));
      const theirs = readelfDynamic(path);
      if (dynamic === undefined) {
        t.deepEqual(theirs, []);
        return;
      }
      t.true(dynamic.terminated);
      t.deepEqual(
        dynamic.entries.map(({d_tag}) => ({d_tag, type: dynamicTagName(d_tag, e_machine)})),
        theirs.slice(0, -1).map(({d_tag, type}) => ({d_tag, type: `DT_${type}`})),
      );
      for (const [i, {d_tag, d_val}] of dynamic.entries.entries()) {
        const string = theirs[i]?.string;
        const number = theirs[i]?.d_val;
        if (stringTags.has(d_tag)) t.is(dynamic.stringAt(d_val), string ?? '');
        else if (number !== undefined) t.is(d_val, number, dynamicTagName(d_tag, e_machine));
      }
    }),
  );

  test(
    `${name}: DT_NEEDED is what the linker was told, and what eu-readelf says`,
    withTools((t) => {
      t.deepEqual(viewBuffer(fixtureBytes(name)).dynamic?.needed, needed);
      if (needed !== undefined && !name.endsWith('-nosections'))
        t.deepEqual(euReadelfStrings(path, 'NEEDED'), [...needed]);
    }),
  );
}

test('RUNPATH, RPATH and SONAME are told apart', (t) => {
  const runpath = viewBuffer(fixtureBytes('s390x/needs-libprobe')).dynamic;
  t.is(runpath?.runpath, '$ORIGIN');
  t.is(runpath?.rpath, undefined);
  const rpath = viewBuffer(fixtureBytes('x86_64/needs-libprobe-rpath')).dynamic;
  t.is(rpath?.rpath, '$ORIGIN:/nowhere');
  t.is(rpath?.runpath, undefined);
  t.is(rpath?.soname, undefined);
  t.is(viewBuffer(fixtureBytes('armhf/libprobe.so.1')).dynamic?.soname, 'libprobe.so.1');
});

test('the capacity counts every slot: GNU ld leaves spare DT_NULLs, lld one only', (t) => {
  const spare = (name: string) => {
    const dynamic = viewBuffer(fixtureBytes(name)).dynamic;
    return dynamic === undefined ? undefined : dynamic.capacity - dynamic.entries.length;
  };
  t.is(spare('x86_64/probe-lld-pie'), 1);
  t.is(spare('x86_64/hello-static'), undefined);
  t.true((spare('x86_64/probe-pie') ?? 0) > 1);
  t.true((spare('ppc64/probe-pie') ?? 0) > 1);
});

test('of two entries with one tag the last one counts, as for ld.so', (t) => {
  const bytes = fixtureBytes('x86_64/needs-libprobe');
  const first = viewBuffer(bytes).dynamic;
  if (first === undefined) return t.fail('no dynamic section');
  const entry = {d_tag: DT.DT_STRSZ, d_val: 5n};
  bytes.set(Dyn.encode(entry, {elfClass: 64, littleEndian: true}), first.offset + first.entries.length * 16);
  t.is(viewBuffer(bytes).dynamic?.stringTable.size, 5);
  t.throws(() => viewBuffer(bytes).dynamic?.needed, {code: 'BAD_ELF', message: /outside DT_STRTAB/});
});

test('a dynamic section without DT_NULL is read to its end and says so', (t) => {
  const bytes = fixtureBytes('x86_64/probe-lld-exec');
  const before = viewBuffer(bytes).dynamic;
  if (before === undefined) return t.fail('no dynamic section');
  const last = before.offset + (before.capacity - 1) * 16;
  bytes.set(Dyn.encode({d_tag: DT.DT_DEBUG, d_val: 0n}, {elfClass: 64, littleEndian: true}), last);
  const after = viewBuffer(bytes).dynamic;
  t.false(after?.terminated);
  t.is(after?.entries.length, before.capacity);
});

test('a tag that nobody knows prints as its number', (t) => {
  t.is(dynamicTagName(0x6000_1234n, 62), '0x60001234');
  t.is(dynamicTagName(0x7000_0035n, 8), 'DT_MIPS_RLD_MAP_REL');
  t.is(dynamicTagName(-1n, 62), '-0x1');
});
