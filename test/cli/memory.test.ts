/*
 * A file of any size takes little memory: 3 GB, sparse, with a program at its start.
 */
import {statSync, truncateSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {DT, PT} from '../../src/elf/constants.js';
import {Dyn, Phdr} from '../../src/elf/records.js';
import {growLibrary} from '../fuzz/grown.js';
import {loadCode} from '../helpers/cli.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {peakMemory} from '../helpers/peak-memory.js';
import {copyFixture, tempFile} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

const hugeSize = 3 * 2 ** 30;
const mebibyte = 2 ** 20;

function hugeProgram(t: ExecutionContext, size = hugeSize): string {
  const file = copyFixture(t, 'x86_64/probe-pie', 'huge');
  truncateSync(file, size);
  return file;
}

/** Run a command line, and return what it prints and its peak memory. */
function measured(
  t: ExecutionContext,
  args: readonly string[],
  expected = {status: 0, stderr: /^\d+\n$/},
): {stdout: string; memory: number} {
  const script = [
    loadCode,
    `${peakMemory}`,
    "process.on('exit', () => console.error(peakMemory()));",
    "load('cli').main(process.argv.slice(1));",
  ].join('\n');
  const {status, stdout, stderr} = run(process.execPath, ['-e', script, '--', ...args]);
  t.is(status, expected.status, stderr.slice(0, 1000));
  t.regex(stderr, expected.stderr);
  return {stdout, memory: Number(/(\d+)\n$/.exec(stderr)?.[1])};
}

for (const [title, args, expected] of [
  ['get', ['get'], '/lib64/ld-linux-x86-64.so.2\n'],
  ['needed', ['needed'], 'libc.so.6\n'],
  ['check', ['check'], ''],
  ['set --in-place', ['set', '--in-place', '/debootstrap/qemu-libs/ld.so'], ''],
  [
    'edit --in-place',
    ['edit', '--in-place', '--interpreter', `/${'x'.repeat(150)}`, '--rpath', '/opt/lib'],
    '',
  ],
  ['set', ['set', '/debootstrap/qemu-libs/ld.so'], ''],
] as const) {
  // A copy of 3 GB would take as much of the disk, and some seconds.
  const size = title === 'set' ? 2 ** 29 : hugeSize;
  test.serial(`${title} on ${size / 2 ** 30} GB stays under 100 MB of memory`, (t) => {
    const file = hugeProgram(t, size);
    const [command, ...rest] = args;
    const words = command === 'set' ? [...rest.slice(0, -1), file, ...rest.slice(-1)] : [file, ...rest];
    const {stdout, memory} = measured(t, [command, ...words]);
    t.is(stdout, expected);
    t.log(`${Math.round(memory / mebibyte)} MB`);
    t.true(memory < 100 * mebibyte, `${Math.round(memory / mebibyte)} MB`);
    t.is(statSync(file).size, size);
  });
}

test.serial(
  'get reads a few kilobytes of 3 GB',
  withTools((t) => {
    const file = hugeProgram(t);
    const log = path.join(path.dirname(file), 'log');
    const options = ['-f', '-y', '-e', 'trace=read,pread64,readv,preadv,mmap', '-o', log];
    const {status} = run('strace', [
      ...options,
      process.execPath,
      '-e',
      `${loadCode} load('cli').main(['get', ${JSON.stringify(file)}])`,
    ]);
    t.is(status, 0);
    const lines = run('grep', ['-F', `<${file}>`, log])
      .stdout.trimEnd()
      .split('\n');
    t.true(lines.length >= 1);
    const bytes = lines.reduce((sum, line) => sum + Number(/= (\d+)$/.exec(line)?.[1] ?? Number.NaN), 0);
    t.log(`${lines.length} reads, ${bytes} bytes`);
    t.true(bytes <= 8192, `${bytes} bytes`);
  }),
);

for (const args of [['tree'], ['tree', '--json'], ['tree', '--format', 'svg'], ['tree', '--list']]) {
  test.serial(
    `${args.join(' ')}: 25,000 missing libraries and as many directories stay under 300 MB`,
    (t) => {
      const file = tempFile(t, growLibrary({needed: 25_000, directories: 25_000}));
      const {stdout, memory} = measured(t, [...args, file], {status: 1, stderr: /and 24000 more not found/});
      t.log(`${Math.round(memory / mebibyte)} MB of memory, ${stdout.length} characters printed`);
      t.true(memory < 300 * mebibyte, `${Math.round(memory / mebibyte)} MB`);
      t.true(stdout.length < 20 * statSync(file).size, `${stdout.length} characters`);
    },
  );
}

/** A library whose strings are moved to a separate LOAD, followed by a sparse gigabyte. */
function sparseStrings(t: ExecutionContext): string {
  const before = fixtureBytes('x86_64/libprobe.so.1');
  const {header, format, programHeaders, dynamic} = viewBuffer(before);
  const strings = dynamic?.stringTable ?? {offset: 0, size: 0};
  const [place, address, size] = [Math.ceil(before.length / 4096) * 4096, 0x1000_0000n, 1e9];
  const bytes = Buffer.concat([before, Buffer.alloc(place - before.length + strings.size)]);
  bytes.set(before.subarray(strings.offset, strings.offset + strings.size), place);
  const note = programHeaders.findIndex(({p_type}) => p_type === PT.PT_NOTE);
  const load = {p_type: PT.PT_LOAD, p_flags: 4, p_offset: place, p_vaddr: address, p_paddr: address};
  const sized = {...load, p_filesz: size, p_memsz: size, p_align: 4096};
  bytes.set(Phdr.encode(sized, format), header.e_phoff + note * header.e_phentsize);
  for (const [i, {d_tag}] of dynamic?.entries.entries() ?? []) {
    const d_val = d_tag === DT.DT_STRTAB ? address : d_tag === DT.DT_STRSZ ? BigInt(size) : undefined;
    if (d_val !== undefined) bytes.set(Dyn.encode({d_tag, d_val}, format), (dynamic?.offset ?? 0) + i * 16);
  }
  const file = tempFile(t, bytes, 'libsparse.so');
  truncateSync(file, place + size);
  return file;
}

for (const args of [['check'], ['show'], ['tree', '--symbols'], ['audit']])
  test.serial(`${args.join(' ')}: a string table of a gigabyte takes less than 100 MB`, (t) => {
    const file = sparseStrings(t);
    const {memory} = measured(t, [...args, file]);
    t.true(memory < 100 * mebibyte, `${Math.round(memory / mebibyte)} MB`);
  });
