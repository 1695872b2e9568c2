/*
 * Tables that had to move, and what points at them from a distance: a hash table of MIPS, DT_VERDEF, DT_MIPS_RLD_MAP_REL,
 * several notes under one PT_NOTE. Each is found again by the loader under qemu-user or by an independent reader.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import {type EditRequest, openElfBuffer} from '../../../src/index.js';
import {edit, editFile, programFile} from '../../helpers/edits.js';
import {fixture, fixtureBytes, toolchains} from '../../helpers/fixtures.js';
import {
  newComplaints,
  readelfDynamic,
  readelfHeader,
  readelfInterpreter,
  readelfNotes,
  readelfSections,
} from '../../helpers/readelf.js';
import {tempDirectory} from '../../helpers/temp.js';
import {output, runProgram, withTools} from '../../helpers/tools.js';

const sources = fileURLToPath(new URL('../../../../test-binaries/sources/', import.meta.url));
const versionScript = `-Wl,--version-script=${sources}libprobe.map`;
const longInterpreter = `/opt/${'i'.repeat(3900)}`;

/**
 * libprobe and the program that needs it, for mips64el. There is no build ID, which would move to make room instead of
 * the hash table.
 */
function buildMips(t: ExecutionContext, style: string): {library: string; user: string; directory: string} {
  const compiler = 'mips64el-linux-gnuabi64-gcc';
  const directory = tempDirectory(t);
  const library = path.join(directory, 'libprobe.so.1');
  const user = path.join(directory, 'user');
  const link = [`-Wl,--hash-style=${style}`, '-Wl,--build-id=none', '-Wl,-soname,libprobe.so.1'];
  output(compiler, ['-shared', '-fPIC', ...link, versionScript, '-o', library, `${sources}libprobe.c`]);
  output(compiler, [`-Wl,--hash-style=${style}`, '-o', user, `${sources}needs-libprobe.c`, library]);
  return {library, user, directory};
}

for (const [style, tag] of [
  ['gnu', 'MIPS_XHASH'],
  ['sysv', 'HASH'],
] as const) {
  test(
    `mips64el, hash style ${style}: tables that make room for segments are found at their new place`,
    withTools((t) => {
      const {library, user, directory} = buildMips(t, style);
      const original = `${library}.before`;
      copyFileSync(library, original);
      const addressOf = (file: string, type: string) =>
        readelfDynamic(file).find((entry) => entry.type === type)?.d_val;
      editFile(library, {interpreter: longInterpreter, addInterpreter: true});
      const isEvicted = style === 'gnu';
      t.is(addressOf(library, tag) !== addressOf(original, tag), isEvicted, tag);
      t.deepEqual(newComplaints(original, library), []);
      const [emulator = '', ...options] = toolchains.mips64el.command;
      const runUser = () => output(emulator, [...options, '-E', `LD_LIBRARY_PATH=${directory}`, user]);
      t.is(runUser(), 'needs-libprobe: 83, version 2\n');
      output('mips64el-linux-gnuabi64-strip', [library]);
      t.is(readelfInterpreter(library), longInterpreter);
      t.is(runUser(), 'needs-libprobe: 83, version 2\n');
    }),
  );
}

for (const name of ['mips64el/probe-pie', 'mips64el/probe-exec', 'mips64el/probe-lld-exec']) {
  test(
    `${name}: DT_MIPS_RLD_MAP_REL leads to the same word when its own entry moves`,
    withTools((t) => {
      const target = (bytes: Uint8Array) => {
        const {dynamic} = openElfBuffer(bytes).view;
        const index = dynamic?.entries.findIndex(({d_tag}) => d_tag === 0x70000035n) ?? -1;
        const entry = dynamic?.entries[index];
        if (dynamic === undefined || entry === undefined) return undefined;
        return BigInt.asUintN(64, dynamic.address + BigInt(index * 16) + entry.d_val);
      };
      const before = fixtureBytes(name);
      const after = edit(edit(before, {addNeededFirst: ['libm.so.6']}), {rpath: '/opt/lib'});
      t.is(target(after), target(before));
      t.not(target(after), undefined);
      t.regex(runProgram(fixture(name), programFile(t, after)).stdout, /as linked/);
    }),
  );
}

for (const name of ['x86_64/libprobe.so.1', 'armhf/libprobe.so.1', 's390x/libprobe.so.1']) {
  test(
    `${name}: DT_VERDEF follows its table, and readelf lists the same versions`,
    withTools((t) => {
      const file = programFile(t, edit(fixtureBytes(name), {runpath: `/opt/${'r'.repeat(500)}`}));
      const isMoved =
        readelfDynamic(file).find(({type}) => type === 'VERDEF')?.d_val !==
        readelfDynamic(fixture(name).path).find(({type}) => type === 'VERDEF')?.d_val;
      t.is(isMoved, name.startsWith('x86_64'), 'only there does the string table slide its neighbours');
      const versions = (of: string) =>
        output('readelf', ['-VW', of])
          .split('\n')
          .filter((line) => /Rev:|Parent/.test(line));
      t.deepEqual(versions(file), versions(fixture(name).path));
      t.true(versions(file).length > 2);
    }),
  );
}

for (const name of ['x86_64/probe-lld-pie', 's390x/probe-mold-pie', 'armhf/probe-lld-pie']) {
  test(
    `${name}: several notes under one PT_NOTE move together`,
    withTools((t) => {
      const before = fixture(name).path;
      const file = programFile(t, edit(fixtureBytes(name), {interpreter: longInterpreter}));
      const notes = (of: string) => readelfSections(of).filter(({type}) => type === 'NOTE');
      t.true(notes(before).length > 1);
      t.deepEqual(readelfNotes(file), readelfNotes(before));
      const distance = (of: string) => (notes(of)[1]?.sh_offset ?? 0) - (notes(of)[0]?.sh_offset ?? 0);
      t.is(distance(file), distance(before));
      t.deepEqual(newComplaints(before, file), []);
    }),
  );
}

for (const linker of ['bfd', 'lld', 'mold', 'gold']) {
  test(
    `${linker}: a library that was given an interpreter keeps it through strip and objcopy`,
    withTools((t) => {
      const library = path.join(tempDirectory(t), 'library.so');
      output('gcc', [
        '-shared',
        '-fPIC',
        `-fuse-ld=${linker}`,
        versionScript,
        '-o',
        library,
        `${sources}libprobe.c`,
      ]);
      const original = `${library}.before`;
      copyFileSync(library, original);
      for (const length of [20, 300, 2500]) {
        const interpreter = `/opt/${'i'.repeat(length)}`;
        editFile(library, {interpreter, addInterpreter: true});
        t.deepEqual(newComplaints(original, library), []);
        t.is(readelfSections(library).filter(({name}) => name === '.interp').length, 1);
        for (const tool of ['strip', 'objcopy', 'eu-strip']) {
          output(
            tool,
            tool === 'objcopy' ? [library, `${library}.${tool}`] : [library, '-o', `${library}.${tool}`],
          );
          t.is(readelfInterpreter(`${library}.${tool}`), interpreter, tool);
        }
      }
    }),
  );
}

/**
 * A program laid out as by Go's linker: its section headers right after the program headers, and sections a page later.
 */
function programLikeGo(t: ExecutionContext): string {
  const file = path.join(tempDirectory(t), 'like-go');
  const link = (...layout: string[]) =>
    output('gcc', ['-no-pie', '-fuse-ld=bfd', ...layout, '-o', file, `${sources}probe.c`, `-I${sources}`]);
  link();
  // The interpreter's string, and what this linker puts before it.
  const sections = readelfSections(file).slice(1);
  const leading = sections.slice(0, sections.findIndex(({name}) => name === '.interp') + 1);
  const distance = 0x401000n - (leading[0]?.sh_addr ?? 0n);
  link(
    ...leading.map(({name, sh_addr}) => `-Wl,--section-start=${name}=0x${(sh_addr + distance).toString(16)}`),
  );
  const bytes = readFileSync(file);
  const {e_phoff, e_phentsize, phnum, e_shoff, e_shentsize, shnum} = readelfHeader(file);
  const place = e_phoff + e_phentsize * phnum;
  bytes.copy(bytes, place, e_shoff, e_shoff + e_shentsize * shnum);
  bytes.writeBigUInt64LE(BigInt(place), 40);
  writeFileSync(file, bytes.subarray(0, e_shoff));
  return file;
}

/** More than the spare slots of the dynamic section, each a part of the C library. */
const manyLibraries = [
  'm.so.6',
  'dl.so.2',
  'rt.so.1',
  'util.so.1',
  'anl.so.1',
  'resolv.so.2',
  'pthread.so.0',
];

const needSegments: Readonly<Record<string, EditRequest>> = {
  'a string for which there is no slack': {runpath: `/opt/${'r'.repeat(9000)}`},
  'a dynamic section that must be longer': {addNeeded: manyLibraries.map((name) => `lib${name}`)},
  both: {addNeeded: manyLibraries.map((name) => `lib${name}`), runpath: `/opt/${'r'.repeat(9000)}`},
};

for (const [title, request] of Object.entries(needSegments))
  test(
    `section headers behind the program headers make room: ${title}`,
    withTools((t) => {
      const file = programLikeGo(t);
      const original = `${file}.before`;
      copyFileSync(file, original);
      const expected = output(original, []);
      editFile(file, request);
      t.is(output(file, []), expected);
      t.deepEqual(newComplaints(original, file), []);
      t.true(readelfHeader(file).e_shoff > readFileSync(original).length - 8);
      editFile(file, {runpath: '/opt/lib'});
      t.is(output(file, []), expected);
      output('strip', [file]);
      t.is(output(file, []), expected);
    }),
  );

/** As packers leave a program: static, two LOADs, no section headers, followed by the packed program. */
function packedProgram(): Buffer {
  const bytes = fixtureBytes('x86_64/hello-static');
  bytes.fill(0, 40, 48); // e_shoff
  bytes.fill(0, 60, 64); // e_shnum, e_shstrndx
  return Buffer.concat([bytes, Buffer.from('UPX!'), Buffer.alloc(5000, 0x5a)]);
}

test(
  'a packed program has no interpreter to set and no dynamic section, and stays as it is',
  withTools((t) => {
    const file = programFile(t, packedProgram(), 'hello-static');
    const before = readFileSync(file);
    t.throws(() => editFile(file, {interpreter: '/ld.so'}), {code: 'NO_INTERPRETER'});
    t.throws(() => editFile(file, {rpath: '/opt'}), {code: 'NO_DYNAMIC'});
    t.deepEqual(readFileSync(file), before);
    editFile(file, {osAbi: 'Linux'});
    t.regex(output(file, []), /^hello from/);
    t.deepEqual(readFileSync(file).subarray(before.length - 5004), before.subarray(-5004));
  }),
);
