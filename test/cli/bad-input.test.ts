/*
 * What goes wrong in practice, one case after another: exit status 1, one line that names the file and the reason,
 * the file untouched and nothing left beside it.
 */
import {chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {Phdr} from '../../src/elf/records.js';
import {openElfBuffer} from '../../src/index.js';
import {contentOf, elfinterp, elfinterpAsNobody} from '../helpers/cli.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

const limit = {timeout: 20_000};

/** What `get` and `set` report about a file; by default both report the same. */
interface Complaint {
  readonly get: string;
  readonly set?: string;
}

const program = fixtureBytes('x86_64/probe-pie');
const interpreterAt = program.indexOf('/lib64/ld-linux');

/** The program with another PT_INTERP. */
function withInterpreter(change: (segment: Phdr) => Partial<Phdr>): Buffer {
  const bytes = Buffer.from(program);
  const {view} = openElfBuffer(program);
  const index = view.interpreter?.index ?? 0;
  const segment = view.programHeaders[index];
  if (segment === undefined) throw new Error('no PT_INTERP');
  const offset = view.header.e_phoff + index * Phdr.size(64);
  bytes.set(Phdr.encode({...segment, ...change(segment)}, view.format), offset);
  return bytes;
}

function patched(offset: number, text: string): Buffer {
  const bytes = Buffer.from(program);
  bytes.write(text, offset, 'latin1');
  return bytes;
}

const notElf = (got: string) => `not an ELF file (at offset 0x0, expected 7f 45 4c 46, got ${got})`;
const noInterpreter = (got: string) =>
  `no interpreter: the file has no PT_INTERP (expected a dynamically linked program, got ${got})`;

const damaged: Readonly<Record<string, readonly [Uint8Array, Complaint]>> = {
  'a text': [Buffer.from('just a text\n'), {get: notElf('6a 75 73 74')}],
  'a script': [Buffer.from('#!/bin/sh\n'), {get: notElf('23 21 2f 62')}],
  'an empty file': [
    Buffer.alloc(0),
    {get: 'the file is empty (at offset 0x0, expected 7f 45 4c 46, got nothing)'},
  ],
  'the first bytes of an ELF file': [
    program.subarray(0, 20),
    {get: 'the file ends too early (at offset 0x10, expected 48 bytes, got 4 bytes)'},
  ],
  'an ELF header and no more': [
    program.subarray(0, 64),
    {get: 'the file ends too early (at offset 0x40, expected 784 bytes, got 0 bytes)'},
  ],
  'a static program': [fixtureBytes('x86_64/hello-static'), {get: noInterpreter('a static program')}],
  'a static-pie program': [
    fixtureBytes('x86_64/hello-static-pie'),
    {get: noInterpreter('a static-pie program')},
  ],
  'a shared library': [fixtureBytes('x86_64/libprobe.so.1'), {get: noInterpreter('a shared library')}],
  'an object file': [
    fixtureBytes('x86_64/probe.o'),
    {
      get: noInterpreter('an object file'),
      set: 'neither a program nor a shared library (expected ET_EXEC or ET_DYN, got an object file)',
    },
  ],
  'an interpreter without NUL': [
    patched(interpreterAt + 27, 'x'),
    {get: 'PT_INTERP is not NUL-terminated (at offset 0x36b, expected 0x0, got 0x78)'},
  ],
  'an interpreter beyond the end of the file': [
    withInterpreter(() => ({p_offset: 2 ** 30})),
    {
      get: 'the file ends too early (at offset 0x40000000, expected 28 bytes, got 0 bytes)',
      set: 'segment 1 extends past the end of the file (at offset 0x40000000, expected 28 bytes, got 0 bytes)',
    },
  ],
};

for (const [title, [bytes, {get, set = get}]] of Object.entries(damaged)) {
  test(`${title} is refused by get and by set`, (t) => {
    const file = path.join(tempDirectory(t), 'file');
    writeFileSync(file, bytes);
    const {mtimeMs} = statSync(file);
    expectFailure(t, ['get', file], `${file}: ${get}`);
    for (const more of [[], ['--in-place'], ['--dry-run'], ['--output', `${file}.out`]])
      expectFailure(t, ['set', file, '/ld.so', ...more], `${file}: ${set}`);
    t.deepEqual(contentOf(path.dirname(file)), {file: Buffer.from(bytes)});
    t.is(statSync(file).mtimeMs, mtimeMs);
  });
}

function expectFailure(t: ExecutionContext, args: readonly string[], message: string): void {
  const {status, stdout, stderr} = elfinterp(args, limit);
  t.is(stderr, `elfinterp: ${message}\n`);
  t.deepEqual([status, stdout], [1, '']);
}

test('an interpreter of length 0, and one longer than any path', (t) => {
  for (const p_filesz of [0, 1, 5000]) {
    const file = path.join(tempDirectory(t), 'file');
    writeFileSync(
      file,
      withInterpreter(() => ({p_filesz})),
    );
    for (const args of [
      ['get', file],
      ['set', file, '/ld.so'],
    ]) {
      const {status, stderr, stdout} = elfinterp(args, limit);
      t.regex(stderr, /^elfinterp: \S+: .*PT_INTERP.*\n$/, `${p_filesz}`);
      t.deepEqual([status, stdout], [1, '']);
    }
    t.deepEqual(readdirSync(path.dirname(file)), ['file']);
  }
});

test('a truncated file: at every length get and set either fail in one line or do the right thing', (t) => {
  const directory = tempDirectory(t);
  const files: string[] = [];
  // test/elf/damage.test.ts tries every length on the library; here, try some through the whole program.
  for (let length = 0; length < program.length; length += 97) {
    const file = path.join(directory, `${length}`);
    writeFileSync(file, program.subarray(0, length));
    files.push(file);
  }
  const got = elfinterp(['get', ...files], limit);
  t.is(got.status, 1);
  t.is(got.stdout.split('\n').length + got.stderr.split('\n').length - 2, files.length);
  t.notRegex(got.stderr, /internal error/);
  const edited = elfinterp(['edit', ...files, '--interpreter', '/ld.so', '--rpath', '/a'], limit);
  t.is(edited.status, 1);
  t.is(edited.stderr.split('\n').length - 1, files.length, 'a program with no end is not edited');
  t.notRegex(edited.stderr, /internal error/);
  t.deepEqual(readdirSync(directory).length, files.length);
  for (const file of files) t.deepEqual(readFileSync(file), program.subarray(0, Number(path.basename(file))));
});

test(
  'a directory, a FIFO, a device and what is missing are refused at once',
  withTools((t) => {
    const directory = tempDirectory(t);
    const at = (name: string) => path.join(directory, name);
    mkdirSync(at('directory'));
    output('mkfifo', [at('fifo')]);
    symlinkSync('loop', at('loop'));
    const kinds = {
      directory: 'not a regular file (expected a regular file, got a directory)',
      fifo: 'not a regular file (expected a regular file, got a FIFO)',
      missing: 'cannot open: no such file or directory',
      loop: 'cannot open: too many levels of symbolic links',
    };
    for (const [name, message] of Object.entries(kinds)) {
      for (const args of [
        ['get', at(name)],
        ['set', at(name), '/ld.so'],
        ['needed', at(name)],
        ['check', at(name)],
      ])
        expectFailure(t, args, `${at(name)}: ${message}`);
    }
    expectFailure(
      t,
      ['get', '/dev/zero'],
      '/dev/zero: not a regular file (expected a regular file, got a device)',
    );
    t.deepEqual(readdirSync(directory).sort(), ['directory', 'fifo', 'loop']);
  }),
);

test('a file that this user may not read, and one that he may not write', (t) => {
  const directory = tempDirectory(t);
  chmodSync(directory, 0o777);
  const file = path.join(directory, 'file');
  writeFileSync(file, program);
  chmodSync(file, 0);
  for (const args of [
    ['get', file],
    ['set', file, '/ld.so'],
  ]) {
    const {status, stdout, stderr} = elfinterpAsNobody(args, limit);
    t.is(stderr, `elfinterp: ${file}: cannot open: permission denied\n`);
    t.deepEqual([status, stdout], [1, '']);
  }
  chmodSync(file, 0o555);
  t.is(elfinterpAsNobody(['get', file], limit).stdout, '/lib64/ld-linux-x86-64.so.2\n');
  const {status, stderr} = elfinterpAsNobody(['set', file, '/ld.so'], limit);
  t.is(stderr, `elfinterp: ${file}: cannot write: permission denied\n`);
  t.is(status, 1);
  t.deepEqual(contentOf(directory), {file: program});
});

const badPaths: Readonly<Record<string, readonly [string, string]>> = {
  empty: ['', 'the interpreter path is empty (expected an absolute path, got "")'],
  'with a newline': [
    '/a\nb',
    'the interpreter path contains a newline (expected a string without one, got "/a\\x0ab")',
  ],
  relative: [
    'ld.so',
    'the interpreter path is relative: the kernel would look it up from the current directory (expected an absolute path, or --allow-relative, got "ld.so")',
  ],
  'too long': [
    `/${'x'.repeat(4095)}`,
    'the interpreter path is too long for the kernel (expected at most 4095 bytes, got 4096)',
  ],
};

for (const [title, [interpreter, message]] of Object.entries(badPaths)) {
  test(`an interpreter path that is ${title}`, (t) => {
    const file = path.join(tempDirectory(t), 'file');
    writeFileSync(file, program);
    expectFailure(t, ['set', file, interpreter], `${file}: ${message}`);
    expectFailure(t, ['edit', file, `--interpreter=${interpreter}`], `${file}: ${message}`);
    t.deepEqual(contentOf(path.dirname(file)), {file: program});
  });
}

test('with several files the good ones are still done', (t) => {
  const directory = tempDirectory(t);
  const at = (name: string) => path.join(directory, name);
  for (const name of ['one', 'two']) writeFileSync(at(name), program);
  writeFileSync(at('text'), 'just a text');
  const {status, stdout, stderr} = elfinterp(
    ['edit', at('one'), at('text'), at('missing'), at('two'), '--interpreter', '/ld.so'],
    limit,
  );
  t.deepEqual([status, stdout], [1, '']);
  t.is(
    stderr,
    `elfinterp: ${at('text')}: ${notElf('6a 75 73 74')}\nelfinterp: ${at('missing')}: cannot open: no such file or directory\n`,
  );
  t.is(
    elfinterp(['get', at('one'), at('two')], limit).stdout,
    `${at('one')}: /ld.so\n${at('two')}: /ld.so\n`,
  );
  t.deepEqual(readdirSync(directory).sort(), ['one', 'text', 'two']);
});

test('a name with control characters reaches the terminal as \\xNN', (t) => {
  const file = path.join(tempDirectory(t), '\u001b[31mred');
  expectFailure(
    t,
    ['get', file],
    `${path.dirname(file)}/\\x1b[31mred: cannot open: no such file or directory`,
  );
});

/** Wrong command lines, and the line that each gives. */
const usage: readonly (readonly [readonly string[], string])[] = [
  [[''], 'a command is missing; see elfinterp --help'],
  [['qqqqqqqq'], 'unknown command: qqqqqqqq; see elfinterp --help'],
  [['gett', 'FILE'], 'unknown command: gett (did you mean get?); see elfinterp --help'],
  [['ched', '--json'], 'unknown command: ched (did you mean check?); see elfinterp --help'],
  [['constructor'], 'unknown command: constructor; see elfinterp --help'],
  [['--verison'], 'unknown option: --verison (did you mean --version?); see elfinterp --help'],
  [['help', 'sett'], 'unknown command: sett (did you mean set?); see elfinterp --help'],
  [['get'], 'an argument is missing: elfinterp get FILE...; see elfinterp get --help'],
  [['get', '--frob', 'FILE'], 'unknown option: --frob; see elfinterp get --help'],
  [['get', '--no-json=x', '--sonmae=x', 'FILE'], 'unknown option: --sonmae (did you mean --soname?); see'],
  [['get', '-x', 'FILE'], 'unknown option: -x; see elfinterp get --help'],
  [
    ['get', '--rpath', '--soname', 'FILE'],
    '--rpath and --soname are mutually exclusive; see elfinterp get --help',
  ],
  [['set', 'FILE'], 'an argument is missing: elfinterp set FILE INTERPRETER; see elfinterp set --help'],
  [['set', 'FILE', '/a', '/b'], 'unexpected argument: /b; see elfinterp set --help'],
  [['get', 'FILE', '/1', '/2', '/3', '/4', '/5', '--bad'], 'unknown option: --bad; see elfinterp get --help'],
  [
    ['set', 'FILE', '/a', '/1', '/2', '/3', '/4', '/5'],
    'unexpected argument: /1, /2, /3 and 2 more; see elfinterp set --help',
  ],
  [['binfmt', 'list', 'x'], 'unexpected argument: x; see elfinterp binfmt list --help'],
  [['set', 'FILE', '/a', '--output'], '--output FILE is missing its value; see elfinterp set --help'],
  [['set', 'FILE', '/a', '-o', 'x', '-o', 'y'], '--output is given more than once; see elfinterp set --help'],
  [['set', 'FILE', '/a', '-o', 'x', '--in-place'], '--output and --in-place are mutually exclusive'],
  [
    ['show', 'FILE', '--format', 'jsn'],
    '--format cannot be jsn (did you mean json?); it must be one of text, json, svg, html',
  ],
  [['bundle', 'FILE'], '--into DIR is missing; see elfinterp bundle --help'],
  [['edit', 'FILE'], 'nothing to edit: specify at least one change; see elfinterp edit --help'],
  [['needed'], 'name a file, or a directory with -r; see elfinterp needed --help'],
  [['chroot', ''], 'a command is missing after chroot; see elfinterp chroot --help'],
  [['--json', 'get', 'FILE'], 'unknown option: --json; options go after the command; see elfinterp --help'],
  [
    ['--set-rpath', '/x', 'FILE'],
    'unknown option: --set-rpath; use elfinterp-patchelf for the options of patchelf',
  ],
  [['GET', 'FILE'], 'unknown command: GET (did you mean get?); see elfinterp --help'],
  [['version'], 'unknown command: version (did you mean --version?); see elfinterp --help'],
  [['-v'], 'unknown option: -v (did you mean -V?); see elfinterp --help'],
  [
    ['show', 'FILE', '--json', '--format', 'svg'],
    '--json and --format svg are mutually exclusive; see elfinterp show --help',
  ],
  [['chroot', 'frob'], 'unknown command: chroot frob; see elfinterp chroot --help'],
  [['chroot', 'rnu', './c'], 'unknown command: chroot rnu (did you mean run?); see elfinterp chroot --help'],
];

for (const [args, shown] of [
  [[], /^Change the dynamic loader.*Usage: elfinterp COMMAND/s],
  [['chroot'], /^Work with a chroot.*Usage: elfinterp chroot COMMAND/s],
] as const)
  test(`elfinterp ${args.join('')} alone is answered with the help, on standard error`, (t) => {
    const {status, stdout, stderr} = elfinterp(args, limit);
    t.regex(stderr, shown);
    t.deepEqual([status, stdout], [2, '']);
  });

for (const [args, message] of usage) {
  test(`wrong command line: elfinterp ${args.map((word) => word || "''").join(' ')}`, (t) => {
    const directory = tempDirectory(t);
    writeFileSync(path.join(directory, 'FILE'), program);
    const {status, stdout, stderr} = elfinterp(args, {...limit, cwd: directory});
    t.true(stderr.startsWith(`elfinterp: ${message}`), stderr);
    t.is(stderr.split('\n').length, 2, 'one line');
    t.deepEqual([status, stdout], [2, '']);
    t.deepEqual(contentOf(directory), {FILE: program});
  });
}
