/*
 * The files to damage: the fixtures, also in byte orders that none of their toolchains has, and texts and tables that
 * are not ELF files. Small ones are more frequent, so that a run gets far.
 */
import {readFileSync} from 'node:fs';
import {debugFile, fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {viewBuffer} from '../helpers/view-buffer.js';
import {buildCache, namedHwcap} from '../loader/cache-builder.js';
import type {Seed} from './mutate.js';
import {packedSeed} from './packing.js';
import {isMapped, type PlacedRecord, placeRecords, turnByteOrder} from './placed-records.js';
import type {Random} from './random.js';

export function pickSeed(random: Random): Seed {
  const draw = random.below(100);
  if (draw < 6) return random.pick(texts);
  if (draw < 80) return random.pick(small);
  return random.pick(draw < 98 ? medium : large);
}

/** A Buffer's slice() would share its memory, and the damage would stay in the seed. */
function elfSeed(name: string, content: Uint8Array): Seed {
  const bytes = new Uint8Array(content);
  const view = viewBuffer(bytes);
  const byType = new Map<string, PlacedRecord[]>();
  for (const record of isMapped(view) ? placeRecords(view) : [])
    byType.set(record.type.name, [...(byType.get(record.type.name) ?? []), record]);
  return {name, bytes, format: view.format, records: [...byType.values()]};
}

function turned(name: string): Seed {
  const bytes = fixtureBytes(name);
  return elfSeed(`${name}, turned`, turnByteOrder(bytes, viewBuffer(bytes)));
}

const programs: readonly Seed[] = [
  ...fixtures.map(({name}) => elfSeed(name, fixtureBytes(name))),
  elfSeed('x86_64/probe.debug', readFileSync(debugFile)),
  elfSeed('packed', packedSeed()),
  ...['armhf/needs-libprobe', 'armhf/libprobe.so.1', 'armel/probe-exec', 's390x/probe-nosections'].map(
    turned,
  ),
];
const small = programs.filter(({bytes}) => bytes.length < 9000);
const medium = programs.filter(({bytes}) => bytes.length >= 9000 && bytes.length < 24_000);
const large = programs.filter(({bytes}) => bytes.length >= 24_000);

const lines = [
  {name: 'libprobe.so.1', path: '/lib/libprobe.so.1', hwcap: namedHwcap(0)},
  {name: 'libprobe.so.1', path: '/usr/lib/libprobe.so.1'},
  {name: 'libc.so.6', path: '/lib/libc.so.6'},
];
const hwcaps = ['x86-64-v3'];

/** What a loader's binary says about itself; see src/loader/loader-facts.ts. */
const glibcFacts =
  '\0GNU C Library stable release version 2.36.\0/etc/ld.so.cache\0 search cache=%s\0/etc/ld.so.preload\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0lib/x86_64-linux-gnu\0x86-64-v4:x86-64-v3:x86-64-v2\0glibc-ld.so.cache1.1\0';
const muslFacts =
  '\0/etc/ld-musl-x86_64.path\0/lib:/usr/local/lib:/usr/lib\x001.2.3\0/usr/local/bin:/bin:/usr/bin\0';

const manifest = {
  version: 1,
  generator: 'elfinterp',
  prefix: '/debootstrap',
  libs: '/debootstrap/libs',
  programs: [{path: '/debootstrap/p', interpreter: '/debootstrap/libs/ld.so', qemuTarget: 'arm'}],
  files: ['p', 'libs/ld.so'].map((file) => ({
    path: `/debootstrap/${file}`,
    role: file === 'p' ? 'program' : 'loader',
    sha256: '0123456789abcdef'.repeat(4),
    size: 1234,
    mode: 0o755,
    source: `/usr/bin/${file}`,
  })),
};

const entry =
  'enabled\ninterpreter /usr/bin/qemu-arm\nflags: OCF\noffset 0\nmagic 7f454c4601010100\nmask ffffffffffffff00\n';

const texts: readonly Seed[] = [
  ['a cache', buildCache(lines, {hwcaps})],
  ['a cache of the old layout', buildCache(lines, {layout: 'old'})],
  ['a cache of both layouts', buildCache(lines, {layout: 'both', hwcaps})],
  ['a big-endian cache', buildCache(lines, {bigEndian: true, hwcaps})],
  ["glibc's facts", Buffer.from(glibcFacts, 'latin1')],
  ["musl's facts", Buffer.from(muslFacts, 'latin1')],
  ['a manifest', Buffer.from(JSON.stringify(manifest))],
  ['an entry of binfmt_misc', Buffer.from(entry)],
  [
    'a registration',
    Buffer.from(':qemu-arm:M:0:\\x7fELF\\x01:\\xff\\xff\\xff\\xff\\xff:/usr/bin/qemu-arm:OCF'),
  ],
].map(([name, bytes]) => ({
  name: name as string,
  bytes: new Uint8Array(bytes as Buffer),
  format: {elfClass: 64, littleEndian: true},
  records: [],
}));

/** For a generated root: files by the name under which a loader looks for them. */
export const parts = {
  programs: programs.filter(({name}) => /needs-libprobe|x86_64\/probe-pie|musl\/probe-exec/.test(name)),
  libraries: programs.filter(({name}) => name.includes('libprobe.so.1')),
  caches: texts.slice(0, 4),
  loaderFacts: [glibcFacts, muslFacts],
} as const;
