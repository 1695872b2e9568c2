import {copyFileSync, existsSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {openElfBuffer, openElfSync} from '../../src/index.js';
import {elfinterp, program} from '../helpers/cli.js';
import {fixture, fixtureBytes} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory, tempFile} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

function dynamicOf(file: string) {
  const {view, close} = openElfSync(file);
  const {needed, rpath, runpath, soname} = view.dynamic ?? {};
  void close();
  return {needed, rpath, runpath, soname};
}

test('every option reaches the file', (t) => {
  const file = copyFixture(t, 'x86_64/needs-libprobe');
  const args = ['--add-needed', 'libm.so.6', '--add-needed', 'libdl.so.2', '--add-needed-first', 'libz.so'];
  const more = [
    '--replace-needed',
    'libc.so.6=libc-new.so.6',
    '--convert-rpath',
    'rpath',
    '--add-rpath',
    '/q',
  ];
  const flags = ['--no-default-lib', '--exec-stack', '--os-abi', 'linux', '--rename-symbol', 'printf=p'];
  t.like(elfinterp(['edit', file, ...args, ...more, ...flags]), {status: 0, stdout: '', stderr: ''});
  t.deepEqual(dynamicOf(file), {
    needed: ['libz.so', 'libprobe.so.1', 'libc-new.so.6', 'libm.so.6', 'libdl.so.2'],
    rpath: '$ORIGIN:/q',
    runpath: undefined,
    soname: undefined,
  });
  t.is(elfinterp(['edit', '--default-lib', '--no-exec-stack', '--remove-needed', 'libz.so', file]).status, 0);
  t.is(dynamicOf(file).needed?.[0], 'libprobe.so.1');
});

test(
  'an output that is a pipe or a device is refused as what it is',
  withTools((t) => {
    const file = copyFixture(t, 'x86_64/probe-pie');
    const pipe = 'not a regular file (expected a regular file, got a FIFO)';
    for (const [to, what] of [
      ['/dev/stdout', pipe],
      ['/proc/self/fd/1', pipe],
      ['/dev/fd/1', pipe],
      ['/dev/null', 'the output is not a regular file'],
    ] as const)
      for (const command of ['edit --rpath /x -o "$2" "$1"', 'pack "$1" "$2"']) {
        const line = `"$0" ${program} ${command} | cat`;
        const {stdout, stderr} = run('sh', ['-c', line, process.execPath, file, to]);
        t.deepEqual([stdout, stderr], ['', `elfinterp: ${to}: ${what}\n`]);
      }
    const result = path.join(tempDirectory(t), 'result');
    const line = `"$0" ${program} edit --rpath /x -o /dev/stdout "$1" > "$2"`;
    t.is(run('sh', ['-c', line, process.execPath, file, result]).stderr, '');
    t.is(dynamicOf(result).rpath, '/x');
  }),
);

test('--rename-symbols takes a list, and what is named besides goes before it', (t) => {
  const file = copyFixture(t, 'x86_64/libprobe.so.1');
  const list = tempFile(t, 'probe_answer from_list\nprobe_version version_from_list\n', 'symbols');
  const args = ['--rename-symbols', list, '--rename-symbol', 'probe_answer=named'];
  t.like(elfinterp(['edit', file, ...args]), {status: 0, stdout: '', stderr: ''});
  const symbols = output('readelf', ['-W', '--dyn-syms', file]);
  t.regex(symbols, / named@@PROBE_1$/m);
  t.regex(symbols, / version_from_list@@/);
  t.notRegex(symbols, /from_list@@PROBE_1$|probe_answer/m);
});

test('files after one that cannot be done are still done, and the status tells', (t) => {
  const files = ['x86_64/probe-pie', 'x86_64/hello-static', 's390x/probe-pie'].map((name) =>
    copyFixture(t, name),
  );
  const {status, stderr} = elfinterp(['edit', '--runpath', '/x', ...files]);
  t.is(status, 1);
  t.regex(stderr, /hello-static: there is no dynamic section/);
  t.deepEqual(
    files.filter((_, i) => i !== 1).map((file) => dynamicOf(file).runpath),
    ['/x', '/x'],
  );
});

test('--files-from reads a list, from standard input too, and what is to be passed over is no failure', (t) => {
  const file = copyFixture(t, 'x86_64/probe-pie');
  const listed = [file, fixture('x86_64/hello-static').path, '/etc/passwd'];
  const list = path.join(tempDirectory(t), 'list');
  writeFileSync(list, `${listed.join('\n')}\n`);
  const skip = ['--skip-static', '--skip-non-elf'];
  t.like(elfinterp(['edit', '--runpath', '/a', '--files-from', list, ...skip]), {status: 0, stderr: ''});
  const input = readFileSync(list);
  const {status, stdout} = elfinterp(['edit', '--runpath', '/b', '--files-from', '-', '--json', ...skip], {
    input,
  });
  t.is(status, 0);
  t.deepEqual(
    (JSON.parse(stdout) as {skipped?: string}[]).map(({skipped}) => skipped),
    [undefined, 'statically linked, or without an interpreter', 'not an ELF file'],
  );
  t.is(dynamicOf(file).runpath, '/b');
  t.is(elfinterp(['edit', '--runpath', '/c', '--files-from', list]).status, 1);
  t.regex(elfinterp(['edit', '--runpath', '/c', '--files-from', '/nonexistent']).stderr, /no such file/);
});

test('- reads standard input and writes standard output', (t) => {
  const input = fixtureBytes('x86_64/probe-pie');
  const script = '"$0" "$1" edit - --rpath /from/a/pipe | cat';
  const program = path.join(import.meta.dirname ?? '', '../../../bin/elfinterp.js');
  const result = run(
    'sh',
    ['-c', `${script} > "$2"`, process.execPath, program, path.join(tempDirectory(t), 'out')],
    {input},
  );
  t.is(result.status, 0, result.stderr);
  const direct = run(process.execPath, [program, 'get', '--rpath', '-'], {
    input: fixtureBytes('x86_64/needs-libprobe'),
  });
  t.is(direct.stdout, '$ORIGIN\n');
  t.is(elfinterp(['edit', '-', '--soname', 'x'], {input}).stdout, '');
  t.is(elfinterp(['edit', '-', '--in-place', '--rpath', '/x'], {input}).status, 2);
});

test('the bytes that - writes are those that a file gets', (t) => {
  const out = path.join(tempDirectory(t), 'out');
  const program = path.join(import.meta.dirname ?? '', '../../../bin/elfinterp.js');
  const source = fixture('x86_64/probe-pie').path;
  run('sh', ['-c', '"$0" "$1" edit - --rpath /x < "$2" > "$3"', process.execPath, program, source, out]);
  const file = copyFixture(t, 'x86_64/probe-pie');
  elfinterp(['edit', file, '--rpath', '/x']);
  t.deepEqual(readFileSync(out), readFileSync(file));
  t.is(openElfBuffer(readFileSync(out)).view.dynamic?.rpath, '/x');
});

test('--shrink-rpath keeps the directories in which a needed library lies', (t) => {
  const directory = tempDirectory(t);
  const file = copyFixture(t, 'x86_64/needs-libprobe');
  copyFileSync(fixture('x86_64/libprobe.so.1').path, path.join(directory, 'libprobe.so.1'));
  const other = tempDirectory(t);
  copyFileSync(fixture('armhf/libprobe.so.1').path, path.join(other, 'libprobe.so.1'));
  elfinterp(['edit', file, '--rpath', `/nonexistent:${other}:$ORIGIN:${directory}:${directory}`]);
  t.is(elfinterp(['edit', file, '--shrink-rpath']).status, 0);
  t.is(dynamicOf(file).rpath, `$ORIGIN:${directory}`);
  t.is(elfinterp(['edit', file, '--shrink-rpath', '--allowed-rpath-prefixes', '/opt:/srv']).status, 0);
  t.is(dynamicOf(file).rpath, '$ORIGIN');
  t.is(elfinterp(['edit', file, '--shrink-rpath', '--rpath', '/x']).status, 2);
});

test('a wrong command line is named, and nothing is written', (t) => {
  const file = copyFixture(t, 'x86_64/probe-pie');
  const before = readFileSync(file);
  for (const args of [[], ['--replace-needed', 'x'], ['--add-needed'], ['--convert-rpath', 'x'], ['--json']])
    t.is(elfinterp(['edit', file, ...args]).status, 2, args.join(' '));
  t.is(elfinterp(['edit', '--rpath', '/x']).status, 2);
  for (const args of [
    ['--os-abi', 'nix'],
    ['--replace-needed', 'libc.so.6='],
    ['--rpath', '/a', '--runpath', '/b'],
    ['--add-interpreter'],
    ['--null', '--soname', 'x'],
  ])
    t.is(elfinterp(['edit', file, ...args]).status, 2, args.join(' '));
  t.is(
    elfinterp(['edit', file, '--rpath', '/a', '--remove-rpath']).stderr,
    'elfinterp: --rpath and --remove-rpath are mutually exclusive; see elfinterp edit --help\n',
  );
  for (const flag of ['--dry-run=yes', '-n=1', '--no-exec-stack=on'])
    t.regex(
      elfinterp(['edit', file, '--rpath', '/x', flag]).stderr,
      /takes no value; see elfinterp edit --help/,
    );
  t.deepEqual(readFileSync(file), before);
  t.true(existsSync(file));
});

test('what an edit does not find is noted, not passed over in silence', (t) => {
  const file = copyFixture(t, 'x86_64/probe-pie');
  for (const [args, note] of [
    [
      ['--remove-needed', 'libnone.so'],
      /libnone\.so is not in DT_NEEDED and was not removed; in DT_NEEDED: libc\.so\.6/,
    ],
    [
      ['--replace-needed', 'libnone.so=x'],
      /libnone\.so is not in DT_NEEDED and was not replaced; in DT_NEEDED: libc/,
    ],
    [['--rename-symbol', 'none=x'], /no dynamic symbol none to rename/],
    [['--clear-symbol-version', 'none'], /no symbol none has a version/],
  ] as const) {
    const {status, stderr} = elfinterp(['edit', file, ...args]);
    t.is(status, 0);
    t.regex(stderr, note);
  }
});

test(
  '--skip-static passes over all that no loader reads, and -0 takes paths that end with a NUL',
  withTools((t) => {
    const directory = tempDirectory(t);
    const file = (name: string) => path.join(directory, name);
    writeFileSync(file('main.c'), 'int main(void) { return 0; }');
    output('gcc', ['-c', '-o', file('object.o'), file('main.c')]);
    output('gcc', ['-static-pie', '-o', file('static pie'), file('main.c')]);
    output('gcc', ['-o', file('with\nnewline'), file('main.c')]);
    const input = ['object.o', 'static pie', 'with\nnewline', 'main.c']
      .map((name) => `${file(name)}\0`)
      .join('');
    const args = ['edit', '--files-from', '-', '-0', '--skip-static', '--skip-non-elf', '--runpath', '/opt'];
    const {status, stderr} = elfinterp(args, {input});
    t.deepEqual([status, stderr], [0, '']);
    t.is(elfinterp(['get', '--rpath', file('with\nnewline')]).stdout, '/opt\n');
  }),
);
