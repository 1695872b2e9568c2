import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import type fs from 'node:fs';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {setTimeout} from 'node:timers/promises';
import test from 'ava';
import {PT} from '../../src/elf/constants.js';
import {packedContents} from '../../src/elf/packed.js';
import {findCalls} from '../../src/pack/calls.js';
import {encodeContents} from '../../src/pack/note.js';
import {planPack} from '../../src/pack/plan-pack.js';
import type {PartRequest} from '../../src/pack/request.js';
import {unpack} from '../../src/pack/unpack.js';
import {writePacked} from '../../src/pack/write-packed.js';
import {bufferSource} from '../../src/source/buffer.js';
import {elfinterp, program} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {tempDirectory, tempFile} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';
import {compileTorture, pack, runInEmptyRoot} from './packing.js';

const xz = '/usr/bin/xz';
const loaderFile = '/lib64/ld-linux-x86-64.so.2';
const libraryFile = '/lib/x86_64-linux-gnu/liblzma.so.5';
const libcFile = '/lib/x86_64-linux-gnu/libc.so.6';

function part(bytes: Uint8Array, ...names: string[]): PartRequest {
  return {view: viewBuffer(bytes, names[0]), names, sha256: '0'.repeat(64), mode: 0o755};
}

/** Change one byte. */
function flip(bytes: Uint8Array, at: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ 0x80;
}

/** A request that could be planned if nothing in it were changed. */
function request(change: {loader?: Uint8Array; libraries?: PartRequest[]; program?: Uint8Array}) {
  return {
    program: part(change.program ?? readFileSync(xz), 'xz'),
    loader: part(change.loader ?? readFileSync(loaderFile), 'ld-linux-x86-64.so.2'),
    libraries: change.libraries ?? [
      part(readFileSync(libraryFile), 'liblzma.so.5'),
      part(readFileSync(libcFile), 'libc.so.6'),
    ],
  };
}

test('a request that is in order gives a plan', (t) => {
  const {contents, pieces} = planPack(request({}));
  t.deepEqual(
    contents.parts.map(({names: [name]}) => name),
    ['xz', 'ld-linux-x86-64.so.2', 'liblzma.so.5', 'libc.so.6'],
  );
  const ends = pieces.map(({offset, size}) => offset + size);
  t.true(
    pieces.every(({offset}, i) => offset >= (ends[i - 1] ?? 0)),
    'the pieces do not overlap',
  );
});

for (const call of ['openat', 'read', 'pread64', 'mmap', 'close']) {
  test(`a loader whose ${call} is not made in the known way is not packed, and the message names it`, (t) => {
    const bytes = new Uint8Array(readFileSync(loaderFile));
    for (const site of findCalls(viewBuffer(bytes)).filter((one) => one.call === call))
      flip(bytes, site.offset + site.length - 1);
    t.throws(() => planPack(request({loader: bytes})), {
      code: 'UNSUPPORTED',
      message: new RegExp(`\\b${call}\\b`),
    });
  });
}

test('a loader without any of the calls is not packed', (t) => {
  t.throws(() => planPack(request({loader: readFileSync(libraryFile)})), {
    code: 'UNSUPPORTED',
    message: /system call openat was not found/,
  });
});

test('a loader or a library for another machine is not packed', (t) => {
  const arm = readFileSync('/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1');
  t.throws(() => planPack(request({loader: arm})), {
    message: /for a different machine.*expected x86_64, got aarch64/,
  });
  const libraries = [part(readFileSync('/usr/aarch64-linux-gnu/lib/libc.so.6'), 'libc.so.6')];
  t.throws(() => planPack(request({libraries})), {code: 'UNSUPPORTED'});
});

test('loader and libc of different builds are not packed together', (t) => {
  const bytes = readFileSync(libcFile);
  const at = bytes.indexOf('GNU C Library (');
  t.true(at > 0);
  bytes.write('X', at + 'GNU C Library ('.length);
  t.throws(() => planPack(request({libraries: [part(bytes, 'libc.so.6')]})), {
    code: 'CONFLICT',
    message: /different builds of glibc/,
  });
});

test('two libraries of one name are a conflict', (t) => {
  const libraries = [
    part(readFileSync(libraryFile), 'a.so', 'b.so'),
    part(readFileSync(libcFile), 'libc.so.6', 'b.so'),
  ];
  t.throws(() => planPack(request({libraries})), {
    code: 'CONFLICT',
    message: /two files would be called b\.so inside/,
  });
  t.throws(() => planPack(request({libraries: [part(readFileSync(libraryFile), '../b.so')]})), {
    code: 'BAD_REQUEST',
  });
});

test('what is no shared library is not packed as one', (t) => {
  t.throws(
    () => planPack(request({libraries: [part(readFileSync(fixture('x86_64/probe-exec').path), 'probe')]})),
    {
      code: 'UNSUPPORTED',
      message: /not a shared library/,
    },
  );
});

test(
  'a library that the loader would not take is said to be missing, with what the loader would say',
  withTools(async (t) => {
    const text = tempFile(t, 'INPUT(libc.so.6)\n', 'libtext.so');
    await t.throwsAsync(pack(t, xz, {libraries: [text]}), {
      code: 'NOT_FOUND',
      message: /invalid ELF header|too short/,
    });
  }),
);

test(
  'a library that is missing is said, with the places tried',
  withTools(async (t) => {
    const {program: torture, directory} = compileTorture(t);
    const file = path.join(tempDirectory(t), 'packed');
    await t.throwsAsync(pack(t, torture, {output: file, libraries: ['libplugin.so']}), {
      code: 'NOT_FOUND',
      message: /libthrowing\.so was not found \(expected one of .*\/lib\/x86_64-linux-gnu\/libthrowing\.so/,
    });
    t.false(existsSync(file));
    t.true(existsSync(directory));
  }),
);

test(
  'a packed file is not packed again, nor packed as a library, and editing it is refused with the way to go',
  withTools(async (t) => {
    const {output: file} = await pack(t, xz);
    const before = readFileSync(file);
    await t.throwsAsync(pack(t, file), {code: 'PACKED', message: /already packed: unpack it first/});
    t.throws(() => planPack(request({libraries: [part(before, 'libpacked.so')]})), {code: 'PACKED'});
    t.throws(() => planPack(request({program: before})), {code: 'PACKED'});
    for (const words of [
      ['set', file, '/x'],
      ['edit', '--rpath', '/x', file],
    ]) {
      const {status, stderr} = elfinterp(words);
      t.is(status, 1);
      t.regex(stderr, /packed: unpack it, change the program or library, and pack it again/);
    }
    t.deepEqual(readFileSync(file), before);
  }),
);

test(
  'the output may not be one of the inputs',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const [own, link] = [path.join(directory, 'xz'), path.join(directory, 'link')];
    copyFileSync(xz, own);
    linkSync(own, link);
    for (const file of [own, link])
      await t.throwsAsync(pack(t, own, {output: file}), {
        code: 'CONFLICT',
        message: /one of the files to pack/,
      });
    t.deepEqual(readFileSync(own), readFileSync(xz));
    await t.throwsAsync(pack(t, own, {output: directory}), {code: 'NOT_A_FILE'});
  }),
);

test(
  'a static program is copied, and that is said',
  withTools(async (t) => {
    const [source, own, file] = ['main.c', 'own', 'copy'].map((name) => path.join(tempDirectory(t), name));
    if (source === undefined || own === undefined || file === undefined) return;
    writeFileSync(source, 'int main(void){return 7;}\n');
    output('gcc', ['-static', '-o', own, source]);
    const {status, stdout, stderr} = elfinterp(['pack', own, file]);
    t.is(status, 0);
    t.is(stdout, `${file}  (static, copied unchanged)\n`);
    t.regex(stderr, /is static and needs no packing/);
    t.deepEqual(readFileSync(file), readFileSync(own));
    t.is(run(file, []).status, 7);
  }),
);

test('an empty piece after the last byte of a part is no second part', (t) => {
  const bytes = readFileSync(xz);
  const [size, file] = [bytes.length, path.join(tempDirectory(t), 'copy')];
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const piece = (from: number, length: number) => ({offset: from, from, size: length, part: 0, what: 'xz'});
  const plan = {
    size,
    pieces: [piece(0, 4096), piece(4096, size - 4096), piece(size, 0)],
    contents: {parts: [{size, mode: 0o755, sha256}]},
  };
  writePacked(plan, [bufferSource(bytes)], file, () => {});
  t.deepEqual(readFileSync(file), bytes);
});

test(
  'on a full disk nothing is left behind',
  withTools((t) => {
    const directory = tempDirectory(t);
    const script = `mount -t tmpfs -o size=1m none "$0" || exit 99; "$1" "$2" pack ${xz} "$0/packed"; echo "status $?"; ls -A "$0"`;
    const as = process.geteuid?.() === 0 ? [] : ['--map-root-user'];
    const words = ['--mount', ...as, 'sh', '-c', script, directory, process.execPath, program];
    const {stdout, stderr} = run('unshare', words);
    t.is(stdout, 'status 1\n');
    t.regex(stderr, /packed: cannot write: no space left on device/);
  }),
);

test(
  'an interrupted run leaves the old file, and the next run clears up',
  withTools(async (t) => {
    let directory = '';
    let isOld = false;
    // On a busy machine, the signal may come after the new file is in place; it must then be complete, and the next run
    // is killed.
    for (let attempt = 0; attempt < 20 && !isOld; attempt++) {
      directory = tempDirectory(t);
      const file = path.join(directory, 'packed');
      writeFileSync(file, 'old');
      const child = spawn(process.execPath, [program, 'pack', xz, file], {stdio: 'ignore'});
      const ended = once(child, 'exit');
      while (child.exitCode === null && readdirSync(directory).length === 1) await setTimeout(1);
      child.kill('SIGKILL');
      await ended;
      isOld = readFileSync(file, 'latin1') === 'old';
      if (!isOld) t.is(run(file, ['--version']).status, 0);
    }
    t.true(isOld);
    t.is(readdirSync(directory).length, 2, 'the workspace of the run that was killed');
    await pack(t, xz, {output: path.join(directory, 'packed')});
    t.deepEqual(readdirSync(directory), ['packed']);
  }),
);

test(
  'text relocations and an executable stack work as they do unpacked',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const [source, library, main] = ['lib.s', 'liboddity.so', 'main.c'].map((name) =>
      path.join(directory, name),
    );
    if (source === undefined || library === undefined || main === undefined) return;
    writeFileSync(
      source,
      '.globl odd\n.type odd,@function\nodd: movabs $value,%rax\n mov (%rax),%eax\n ret\n.globl value\n.data\n.type value,@object\n.size value,4\nvalue: .long 42\n.section .note.GNU-stack,"x"\n',
    );
    output('gcc', ['-shared', '-Wl,-z,notext', '-Wl,-z,execstack', '-o', library, source]);
    writeFileSync(main, '#include <stdio.h>\nint odd(void);\nint main(void){printf("%d\\n", odd());}\n');
    const file = path.join(directory, 'main');
    output('gcc', ['-o', file, main, `-L${directory}`, '-loddity']);
    t.regex(output('readelf', ['-dlW', library]), /RWE[\s\S]*TEXTREL/);
    t.is(run(file, [], {env: {LD_LIBRARY_PATH: directory}}).stdout, '42\n');
    const packed = await pack(t, file, {libraryPath: directory});
    t.is(runInEmptyRoot(t, packed.output).stdout, '42\n');
  }),
);

test(
  'where the kernel gives no memory the loader says so, and nothing crashes',
  withTools(async (t) => {
    const {output: file} = await pack(t, xz);
    const {size} = await import('node:fs').then(({statSync}) => statSync(file));
    for (const extra of [1, 2, 3, 4, 5, 6].map((i) => i * 1_000_000)) {
      const {status, signal, stderr} = run('prlimit', [`--as=${2 * size + extra}`, file, '--version']);
      if (status === 0) continue;
      t.is(signal, null, stderr);
      t.regex(stderr, /failed to map segment|cannot (?:create|allocate|map)|[Cc]annot allocate memory/);
    }
  }),
);

/** A packed file with another list of parts. */
function withList(bytes: Uint8Array, change: (contents: Record<string, unknown>) => object): Uint8Array {
  const view = viewBuffer(bytes);
  const contents = packedContents(view);
  const note = view.segments(PT.PT_NOTE).at(-1);
  if (contents === undefined || note === undefined) throw new Error('not packed');
  const forged = encodeContents(change({...contents}) as typeof contents, view.format);
  const result = new Uint8Array(bytes.length + forged.length);
  result.set(bytes);
  result.set(forged, bytes.length);
  const index = view.programHeaders.indexOf(note);
  const data = new DataView(result.buffer, view.header.e_phoff + index * 56);
  data.setBigUint64(8, BigInt(bytes.length), true);
  data.setBigUint64(32, BigInt(forged.length), true);
  return result;
}

type Part = Record<string, unknown>;
const fixed = {version: 2, fixedAddress: true};
const forgeries: Record<string, (parts: Part[]) => object> = {
  'a name that leads out': ([first, ...rest]) => ({parts: [{...first, names: ['../evil']}, ...rest]}),
  'a name that is a directory': ([first, ...rest]) => ({parts: [{...first, names: ['..']}, ...rest]}),
  'one name twice': ([first, second, ...rest]) => ({
    parts: [first, {...second, names: first?.names}, ...rest],
  }),
  'two loaders': (parts) => ({
    parts: parts.map((part, i) => (i === 0 ? part : {...part, role: 'loader'})),
  }),
  'a part behind the end': ([first, second, ...rest]) => ({
    parts: [first, {...second, offset: 1e15}, ...rest],
  }),
  'a part of a negative size': ([first, second, ...rest]) => ({
    parts: [first, {...second, size: -1}, ...rest],
  }),
  'no parts': () => ({parts: []}),
  'a program that is the whole file': ([first, ...rest], size = 1e7) => ({
    parts: [{...first, size}, ...rest],
  }),
  'parts that are no list': () => ({parts: {length: 3}}),
  'another version': (parts) => ({version: 2, parts}),
  'fixed addresses in the first version': (parts) => ({fixedAddress: true, parts}),
  'a part in two pieces without fixed addresses': ([first, second, ...rest]) => ({
    parts: [first, {...second, rest: {from: 0, offset: 0}}, ...rest],
  }),
  'a program in two pieces': ([first, ...rest]) => ({
    ...fixed,
    parts: [{...first, rest: {from: 64, offset: 64}}, ...rest],
  }),
  'a second piece from behind the end of the part': ([first, second, ...rest]) => ({
    ...fixed,
    parts: [first, {...second, rest: {from: (second?.size as number) + 1, offset: 0}}, ...rest],
  }),
  'a second piece behind the end of the file': ([first, second, ...rest]) => ({
    ...fixed,
    parts: [first, {...second, rest: {from: 8, offset: 1e15}}, ...rest],
  }),
  'a first piece behind the end of the file': ([first, second, ...rest]) => ({
    ...fixed,
    parts: [first, {...second, offset: 1e15, rest: {from: 8, offset: 0}}, ...rest],
  }),
  'a second piece that is no piece': ([first, second, ...rest]) => ({
    ...fixed,
    parts: [first, {...second, rest: null}, ...rest],
  }),
  'a part over another one': ([first, second, third, ...rest]) => ({
    parts: [
      first,
      second,
      {...third, offset: second?.offset, size: second?.size, sha256: second?.sha256},
      ...rest,
    ],
  }),
  'a part of the bytes of the program': ([first, second, ...rest]) => ({
    parts: [first, {...second, offset: 64, size: 64}, ...rest],
  }),
  'a header of another length': (parts) => ({header: 'abcd', parts}),
  'a set-user-ID program': ([first, ...rest]) => ({parts: [{...first, mode: 0o4755}, ...rest]}),
};

for (const [name, forge] of Object.entries(forgeries)) {
  test(
    `a hostile list of parts is refused, and nothing is written: ${name}`,
    withTools(async (t) => {
      const {output: file} = await pack(t, xz);
      const forged = withList(readFileSync(file), (contents) => ({
        ...contents,
        ...forge(contents.parts as Part[]),
      }));
      const bad = tempFile(t, forged);
      const into = path.join(tempDirectory(t), 'in');
      await t.throwsAsync(unpack(bad, {into}), {code: 'BAD_ELF'});
      t.deepEqual(existsSync(into) ? readdirSync(into) : [], []);
      t.is(elfinterp(['show', bad]).status, 0);
      t.not(elfinterp(['get', bad]).status, 0);
    }),
  );
}

test('what the system says of an output is an error in words', async (t) => {
  const directory = tempDirectory(t);
  writeFileSync(path.join(directory, 'file'), '');
  symlinkSync('loop', path.join(directory, 'loop'));
  for (const name of ['file/x', 'loop', 'x'.repeat(300)])
    await t.throwsAsync(pack(t, xz, {output: path.join(directory, name)}), {code: 'FILE_SYSTEM'}, name);
});

test(
  'a list with a million zeros in it is refused at once',
  withTools(async (t) => {
    const {output: file} = await pack(t, xz);
    const forged = withList(readFileSync(file), (contents) => ({
      ...contents,
      generator: ' '.repeat(1_000_000),
    }));
    const from = Buffer.from(forged.buffer).indexOf(' '.repeat(1000));
    forged.fill(0, from, from + 1_000_000);
    // A regular expression for the zeros at the end would take hours.
    await t.throwsAsync(unpack(tempFile(t, forged), {into: tempDirectory(t)}), {code: 'BAD_ELF'});
  }),
);

test(
  'a part whose bytes are not those that were packed is not unpacked, nor anything else',
  withTools(async (t) => {
    const {output: file, contents} = await pack(t, xz);
    const bytes = readFileSync(file);
    flip(bytes, (contents?.parts.at(-1)?.offset ?? 0) + 100);
    const into = path.join(tempDirectory(t), 'in');
    await t.throwsAsync(unpack(tempFile(t, bytes), {into}), {
      code: 'BAD_ELF',
      message: /libgcc_s\.so\.1 inside is damaged/,
    });
    t.false(existsSync(into));
  }),
);

test(
  'unpack replaces no file and follows no link',
  withTools(async (t) => {
    const {output: file} = await pack(t, xz);
    const into = tempDirectory(t);
    writeFileSync(path.join(into, 'libc.so.6'), 'mine');
    await t.throwsAsync(unpack(file, {into}), {code: 'CONFLICT'});
    t.deepEqual(readdirSync(into), ['libc.so.6']);
    t.is(readFileSync(path.join(into, 'libc.so.6'), 'utf8'), 'mine');
    await t.throwsAsync(unpack(xz, {into}), {code: 'UNSUPPORTED', message: /not packed/});
  }),
);

test(
  'unpack goes on where it was interrupted, and takes no changed part for its own',
  withTools(async (t) => {
    const {output: file} = await pack(t, xz);
    const into = path.join(tempDirectory(t), 'in');
    const {files} = await unpack(file, {into});
    const [first = '', second = ''] = files;
    const {ino} = statSync(path.join(into, first));
    rmSync(path.join(into, second));
    t.deepEqual((await unpack(file, {into})).files, files);
    t.is(statSync(path.join(into, first)).ino, ino, 'what is there stays');
    t.deepEqual(readdirSync(into).sort(), [...files].sort());
    for (const change of [
      () => chmodSync(path.join(into, first), 0o777),
      () => writeFileSync(path.join(into, first), 'x'),
    ]) {
      change();
      await t.throwsAsync(unpack(file, {into}), {code: 'CONFLICT'});
    }
  }),
);

test(
  'a file that somebody put in the place of a part stays when the rest cannot be unpacked',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const packed = path.join(directory, 'packed');
    t.is(elfinterp(['pack', xz, packed]).status, 0);
    const into = path.join(directory, 'parts');
    const placed: string[] = [];
    const exchange = (original: typeof fs) => ({
      linkSync(from: string, to: string) {
        const [first] = placed;
        if (first !== undefined) {
          original.renameSync(first, `${first}.moved`);
          original.writeFileSync(first, 'mine');
          original.writeFileSync(to, 'mine');
        }
        original.linkSync(from, to);
        placed.push(path.join(into, path.basename(to)));
      },
    });
    const unpacked = withPatchedFs(exchange, () => unpack(packed, {into}));
    await t.throwsAsync(unpacked, {code: 'CONFLICT', message: /a file of this name already exists/});
    const names = readdirSync(into).sort();
    t.is(names.length, 3);
    t.is(names.filter((name) => readFileSync(path.join(into, name), 'latin1') === 'mine').length, 2);
  }),
);
