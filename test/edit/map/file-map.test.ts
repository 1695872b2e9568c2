/*
 * The map of a file: every byte in one region, sections where readelf has them, room where an edit finds it.
 */
import {existsSync} from 'node:fs';
import test, {type ExecutionContext} from 'ava';
import {compareMaps, differentRanges} from '../../../src/edit/map/compare-maps.js';
import {type FileRegion, mapFile} from '../../../src/edit/map/file-map.js';
import {PT} from '../../../src/elf/constants.js';
import {loadAtOffset} from '../../../src/elf/loads.js';
import {ElfView} from '../../../src/elf/view.js';
import {fileSource} from '../../../src/source/file.js';
import {edit, editOrNoRoom, planFor} from '../../helpers/edits.js';
import {dynamicPrograms, fixture, fixtureBytes, fixtures} from '../../helpers/fixtures.js';
import {readelfSections} from '../../helpers/readelf.js';
import {coreFile} from '../../helpers/synthetic.js';
import {pathOf, withTools} from '../../helpers/tools.js';
import {viewBuffer} from '../../helpers/view-buffer.js';

/** Every byte belongs to one region, in order. */
function assertCovers(t: ExecutionContext, map: readonly FileRegion[], size: number, where = ''): void {
  let at = 0;
  for (const region of map) {
    t.is(region.offset, at, `${where}: ${region.name}`);
    t.true(region.size > 0, `${where}: ${region.name}`);
    at += region.size;
  }
  t.is(at, size, where);
}

const installed = [pathOf('qemu-arm'), '/usr/bin/gdb', '/lib/x86_64-linux-gnu/libc.so.6', process.execPath];

for (const file of [...fixtures.map(({path}) => path), ...installed.filter((path) => existsSync(path))]) {
  test(
    `${file.replace(/.*test-binaries\//, '')}: the map has every byte once, and every section in its place`,
    withTools((t) => {
      const source = fileSource(file);
      t.teardown(() => source.close());
      const map = mapFile(new ElfView(source));
      assertCovers(t, map, source.size);
      const sections = readelfSections(file).filter(
        ({type, sh_size}) => type !== 'NOBITS' && type !== 'NULL' && sh_size > 0,
      );
      for (const {name, sh_offset, sh_size} of sections) {
        const region = map.find(({offset}) => offset === sh_offset);
        t.deepEqual([region?.name, region?.size], [name, sh_size]);
      }
    }),
  );
}

test('a damaged file has a map of all its bytes, wherever it ends', (t) => {
  const bytes = fixtureBytes('armhf/probe-pie');
  for (let size = 52; size < bytes.length; size += 53) {
    assertCovers(t, mapFile(viewBuffer(bytes.subarray(0, size))), size, `${size} bytes`);
  }
});

test('a file whose headers overlap has a map of all its bytes', (t) => {
  for (const name of ['x86_64/probe-pie', 's390x/probe-pie'] as const) {
    const bytes = fixtureBytes(name);
    const {e_shoff} = viewBuffer(bytes).header;
    for (let at = e_shoff; at < bytes.length; at += 5) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x3c;
      assertCovers(t, mapFile(viewBuffer(damaged)), bytes.length, `${name}, offset ${at}`);
    }
  }
});

test('a core file of more mappings than a call has arguments: each is a region, and none is free space', (t) => {
  const bytes = coreFile(150_000);
  const map = mapFile(viewBuffer(bytes));
  assertCovers(t, map, bytes.length);
  t.deepEqual(new Set(map.map(({kind}) => kind)), new Set(['header', 'linking', 'constant']));
  t.deepEqual(map.find(({name}) => name === 'segment 150000 (r--)')?.segments, [150_000]);
});

test('a region has the segments that overlap it, and its address in the first LOAD that maps it', (t) => {
  for (const {name} of fixtures) {
    const view = viewBuffer(fixtureBytes(name));
    for (const {offset, size, segments, address} of mapFile(view)) {
      const overlapping = view.programHeaders.flatMap(({p_type, p_offset, p_filesz}, i) =>
        p_type !== PT.PT_NULL && p_offset < offset + size && offset < p_offset + p_filesz ? [i] : [],
      );
      t.deepEqual(segments, overlapping);
      const load = loadAtOffset(view.programHeaders, offset);
      t.is(address, load && load.p_vaddr + BigInt(offset - load.p_offset));
    }
  }
});

test('the kinds of regions are what their sections are for', (t) => {
  const map = mapFile(viewBuffer(fixtureBytes('x86_64/probe-pie')));
  const kind = (name: string) => map.find((region) => region.name === name)?.kind;
  t.deepEqual(
    ['ELF header', '.interp', '.dynstr', '.dynamic', '.text', '.rodata', '.data', '.symtab', '.strtab'].map(
      kind,
    ),
    ['header', 'linking', 'linking', 'linking', 'code', 'constant', 'data', 'unloaded', 'unloaded'],
  );
  const text = map.find(({name}) => name === '.text');
  t.is(text?.flags, 'r-x');
  t.is(text?.address, BigInt(text?.offset ?? 0));
});

test('without section headers the tables of dynamic linking have the names of their tags', (t) => {
  const names = mapFile(viewBuffer(fixtureBytes('s390x/probe-nosections'))).map(({name}) => name);
  for (const name of ['PT_INTERP', 'PT_DYNAMIC', 'DT_STRTAB', 'DT_SYMTAB', 'DT_GNU_HASH', 'DT_VERNEED']) {
    t.true(names.includes(name), `${name} in ${names.join(', ')}`);
  }
});

test('what stands behind everything else is a payload, or padding when it is zero', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  const last = (tail: Uint8Array) => mapFile(viewBuffer(Buffer.concat([bytes, tail]))).at(-1);
  const payload = last(Buffer.from('payload'));
  t.deepEqual([payload?.kind, payload?.offset, payload?.size], ['payload', bytes.length, 7]);
  t.is(last(new Uint8Array(5000))?.kind, 'padding');
});

for (const {name} of dynamicPrograms) {
  test(`${name}: an edit that needs slack finds it where the map has room`, (t) => {
    const bytes = fixtureBytes(name);
    const interpreter = `/opt/${'x'.repeat(60)}/ld.so`;
    const edited = editOrNoRoom(bytes, {interpreter});
    const map = mapFile(viewBuffer(bytes));
    if (edited === undefined) return void t.true(map.every(({kind, size}) => kind !== 'slack' || size < 71));
    const plan = planFor(bytes, {interpreter});
    if (plan.placement !== 'slack') return void t.pass();
    const write = plan.writes.find(({bytes: written}) => Buffer.from(written).includes('/opt/xxx'));
    const room = map.find(
      ({offset, size}) => (write?.offset ?? -1) >= offset && (write?.offset ?? -1) < offset + size,
    );
    t.regex(room?.kind ?? '', /slack|gap|linking/);
    assertCovers(t, mapFile(viewBuffer(edited)), edited.length);
  });
}

test('a file and itself differ nowhere', (t) => {
  const view = viewBuffer(fixtureBytes('x86_64/probe-pie'));
  t.deepEqual(differentRanges(view, view), []);
  t.true(compareMaps(view, view).every(({change, different}) => change === 'same' && different === 0));
});

for (const name of ['x86_64/probe-pie', 'armhf/probe-pie', 's390x/probe-exec', 'x86_64/probe-nosections']) {
  test(`${name}: every byte that an edit changes lies in a region that is said to have changed`, (t) => {
    const before = fixtureBytes(fixture(name).name);
    const after = edit(before, {
      interpreter: '/debootstrap/qemu-libs/a-longer-name/ld.so',
      rpath: '/opt/libs',
    });
    const [old, now] = [viewBuffer(before), viewBuffer(after)];
    const pairs = compareMaps(old, now);
    const ranges = differentRanges(old, now, 1);
    t.true(ranges.length > 0);
    for (let at = 0; at < Math.min(before.length, after.length); at++) {
      const differs = before[at] !== after[at];
      t.is(
        ranges.some(({offset, size}) => at >= offset && at < offset + size),
        differs,
        `offset ${at}`,
      );
      if (!differs) continue;
      const owners = pairs.filter(({before: a, after: b}) =>
        [a, b].some((r) => r && at >= r.offset && at < r.offset + r.size),
      );
      t.true(
        owners.some(({change}) => change !== 'same'),
        `offset ${at} is in ${owners.map((pair) => pair.after?.name)}`,
      );
    }
  });
}

test('ranges that lie near one another count as one, and what one file has more of counts', (t) => {
  const before = fixtureBytes('x86_64/probe-pie');
  const after = Buffer.concat([before, Buffer.from('tail')]);
  for (const at of [100, 105, 300]) after[at] = (after[at] ?? 0) ^ 1;
  t.deepEqual(differentRanges(viewBuffer(before), viewBuffer(after)), [
    {offset: 100, size: 6},
    {offset: 300, size: 1},
    {offset: before.length, size: 4},
  ]);
});
