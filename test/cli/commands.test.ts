/*
 * What the commands print: data on standard output, everything else on standard error, and the same as JSON.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {parseUsage} from '../../src/cli/command.js';
import {commands, commandsIn, groupOf, groups, nameOf} from '../../src/cli/commands.js';
import {version} from '../../src/index.js';
import {contentOf, elfinterp, elfinterpAsNobody, program} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixture, fixtureBytes} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';

const name = 'x86_64/probe-pie';
const interpreter = '/lib64/ld-linux-x86-64.so.2';

/** Standard output of a command line that must succeed and print nothing on standard error. */
function stdoutOf(t: {is(actual: unknown, expected: unknown): unknown}, args: readonly string[]): string {
  const {status, stdout, stderr} = elfinterp(args);
  t.is(stderr, '');
  t.is(status, 0);
  return stdout;
}

for (const command of commands) {
  const {summary, options, positionals, examples} = command;
  const words = nameOf(command).split(' ');
  test(`elfinterp ${words.join(' ')} --help`, (t) => {
    const help = stdoutOf(t, [...words, '--help']);
    t.true(
      flat(help)
        .toLowerCase()
        .startsWith(`${summary.toLowerCase()}. usage: elfinterp ${words.join(' ')} `),
    );
    for (const [name, {value, describe = ''}] of Object.entries(options)) {
      t.regex(
        help,
        new RegExp(
          `^ +(-., )?--(\\[no-\\])?${name}${value === undefined ? '' : ` ${literal(value)}`}( |$)`,
          'm',
        ),
      );
      t.true(flat(help).includes(flat(describe)), name);
    }
    for (const {describe} of Object.values(positionals)) t.true(flat(help).includes(flat(describe)));
    const shown = linesOfExamples(help);
    for (const line of shown) t.regex(line, /^ {2}[#$] /);
    const explained = flat(shown.map((line) => line.replace(/^ {2}# /, '')).join(' '));
    for (const {line, meaning} of examples) t.true(explained.includes(`${meaning} $ ${line}`), line);
    t.is(stdoutOf(t, [...words, '-h']), help);
    t.is(stdoutOf(t, ['help', ...words]), help);
    t.is(stdoutOf(t, [...words, 'FILE', '--json', '--help']), help);
  });
}

function linesOfExamples(help: string): string[] {
  const [, examples = ''] = help.split('\nExamples:\n');
  return (examples.split('\n\n')[0] ?? '').split('\n').filter((line) => line !== '');
}

/** Help is laid out in columns; compare its words. */
function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function literal(text: string): string {
  return text.replaceAll(/[[\]]/g, '\\$&');
}

test('elfinterp --help names each command; each group its own', (t) => {
  const help = stdoutOf(t, ['--help']);
  for (const command of commands)
    t.regex(help, new RegExp(`^  ${groupOf(command) ?? nameOf(command)} .*  `, 'm'));
  t.regex(help, /Exit status: 0 success, 1 failure, 2 wrong command line/);
  t.is(stdoutOf(t, ['help']), help);
  for (const group of Object.keys(groups)) {
    const text = stdoutOf(t, [group, '--help']);
    for (const command of commandsIn(group))
      t.true(flat(text).includes(flat(`${nameOf(command).slice(group.length)} `)), command.usage);
    t.is(stdoutOf(t, ['help', group]), text);
  }
});

test('each example is a command line of its command', (t) => {
  for (const command of commands) {
    t.true(command.examples.length > 0, command.usage);
    for (const {line} of command.examples) t.true(line.includes(`elfinterp ${nameOf(command)}`), line);
    for (const {name} of parseUsage(command.usage).parameters) t.true(name in command.positionals, name);
  }
});

test('elfinterp --version', (t) => {
  t.is(stdoutOf(t, ['--version']), `${version}\n`);
});

for (const [columns, widest] of [
  ['60', 60],
  ['80', 80],
  ['200', 100],
  ['', 100],
] as const) {
  test(`help fits into ${columns === '' ? 'a pipe' : `${columns} columns`}: no line is longer than ${widest}`, (t) => {
    for (const words of [[], ['edit'], ['chroot'], ['chroot', 'install'], ['binfmt', 'register']]) {
      const {stdout} = elfinterp([...words, '--help'], {env: {COLUMNS: columns}});
      // Examples are meant for copying, so they stay on one line.
      for (const line of stdout
        .split('\n')
        .filter((text) => !text.startsWith('  $ ') && !text.startsWith('  find ')))
        t.true(line.length <= widest, line);
    }
  });
}

test('get: one file, several files, another string', (t) => {
  const [one, two] = [fixture(name).path, fixture('armhf/needs-libprobe').path];
  t.is(stdoutOf(t, ['get', one]), `${interpreter}\n`);
  t.is(stdoutOf(t, ['get', one, two]), `${one}: ${interpreter}\n${two}: /lib/ld-linux-armhf.so.3\n`);
  t.is(stdoutOf(t, ['get', '--rpath', two]), '$ORIGIN\n');
  t.is(stdoutOf(t, ['get', '--rpath', one]), '\n');
  t.is(stdoutOf(t, ['get', '--soname', fixture('s390x/libprobe.so.1').path]), 'libprobe.so.1\n');
});

test('files behind -- may begin with a dash', (t) => {
  const directory = tempDirectory(t);
  writeFileSync(path.join(directory, '-n'), fixtureBytes(name));
  const {stdout, stderr} = elfinterp(['get', '--', '-n'], {cwd: directory});
  t.deepEqual([stdout, stderr], [`${interpreter}\n`, '']);
});

test('an option before -- does not take the first file for its value', (t) => {
  const file = copyFixture(t, name);
  const before = readFileSync(file);
  for (const [args, option] of [
    [['edit', '--rpath', '--', file, file], '--rpath DIRS'],
    [['edit', '--rpath', '/x', '-no', '--', file], '--output FILE'],
    [['set', file, '/x', '-o', '--', '-n'], '--output FILE'],
    [['pack', '--root', '--', file, `${file}.packed`], '--root DIR'],
    [['chroot', 'run', '.', '--cwd', '--', 'true'], '--cwd DIR'],
  ] as const) {
    const {status, stdout, stderr} = elfinterp(args);
    const command = args[0] === 'chroot' ? 'chroot run' : args[0];
    t.is(stderr, `elfinterp: ${option} is missing its value; see elfinterp ${command} --help\n`);
    t.deepEqual([status, stdout], [2, '']);
  }
  t.deepEqual(readFileSync(file), before);
  t.is(elfinterp(['edit', '--dry-run', '--rpath=', '--', file]).status, 0);
  const output = path.join(path.dirname(file), 'ends-in-o');
  t.is(elfinterp(['edit', '--rpath', '/x', `-o${output}`, '--', file]).status, 0);
  t.true(existsSync(output));
});

test('a file may be called true or false, also after a flag', (t) => {
  const cwd = tempDirectory(t);
  const bytes = fixtureBytes(name);
  for (const file of ['true', 'false', 'other']) writeFileSync(path.join(cwd, file), bytes);
  for (const flag of ['--dry-run', '-n', '--no-follow']) {
    const {status, stdout} = elfinterp(['edit', '--rpath', '/x', '--dry-run', flag, 'false', 'other'], {cwd});
    t.is(status, 0);
    t.regex(stdout, /^false: rpath .*^other: rpath /ms, flag);
  }
  for (const file of ['true', 'false', 'other']) t.deepEqual(readFileSync(path.join(cwd, file)), bytes);
  for (const args of [
    ['get', '--json', 'true', 'false'],
    ['get', '--json', '--', 'true', 'false'],
  ])
    t.like(JSON.parse(elfinterp(args, {cwd}).stdout), [{file: 'true'}, {file: 'false'}]);
});

test('needed: names in order, and a tree of files', (t) => {
  const {path: file} = fixture('x86_64/needs-libprobe');
  t.is(stdoutOf(t, ['needed', file]), 'libprobe.so.1\nlibc.so.6\n');
  const tree = stdoutOf(t, ['needed', '-r', path.dirname(file)]).split('\n');
  t.true(tree.includes(`${file}: libprobe.so.1`));
  t.deepEqual(
    tree.slice(0, -1),
    [...tree.slice(0, -1)].filter((line) => line.startsWith(path.dirname(file))),
  );
});

test('check: silent and 0 for a sound file, one problem a line and 1 for another', (t) => {
  t.is(stdoutOf(t, ['check', fixture(name).path]), '');
  const file = copyFixture(t, name);
  const bytes = readFileSync(file);
  bytes.writeBigUInt64LE(2n ** 30n, 0x80); // p_offset of PT_INTERP
  writeFileSync(file, bytes);
  const {status, stdout, stderr} = elfinterp(['check', file]);
  t.deepEqual([status, stderr], [1, '']);
  for (const line of stdout.trimEnd().split('\n')) t.regex(line, /^\S+: .* \[\S+ at offset 0x[0-9a-f]+\]$/);
});

test('set and edit say nothing when they are done', (t) => {
  const file = copyFixture(t, name);
  t.is(stdoutOf(t, ['set', file, '/debootstrap/qemu-libs/ld.so']), '');
  t.is(stdoutOf(t, ['get', file]), '/debootstrap/qemu-libs/ld.so\n');
  t.is(stdoutOf(t, ['edit', file, '--rpath', '/a:/b', '--interpreter', interpreter]), '');
  t.is(stdoutOf(t, ['get', '--rpath', file]), '/a:/b\n');
  t.is(stdoutOf(t, ['edit', file, '--remove-rpath']), '');
  t.is(stdoutOf(t, ['get', '--rpath', file]), '\n');
  t.is(stdoutOf(t, ['set', file, 'ld.so', '--allow-relative']), '');
});

test('a second set with the same value leaves the time of the file alone', (t) => {
  const file = copyFixture(t, name);
  stdoutOf(t, ['set', file, '/debootstrap/qemu-libs/ld.so']);
  utimesSync(file, 1_000_000_000, 1_000_000_000);
  const before = statSync(file, {bigint: true});
  for (const more of [[], ['--in-place']])
    stdoutOf(t, ['set', file, '/debootstrap/qemu-libs/ld.so', ...more]);
  const after = statSync(file, {bigint: true});
  t.deepEqual([after.mtimeNs, after.ctimeNs, after.ino], [before.mtimeNs, before.ctimeNs, before.ino]);
  const [plan] = JSON.parse(stdoutOf(t, ['set', file, '/debootstrap/qemu-libs/ld.so', '-n', '--json']));
  t.like(plan, {placement: 'none', writes: [], changes: []});
});

test('--output leaves the file alone', (t) => {
  const file = copyFixture(t, name);
  const result = `${file}.out`;
  stdoutOf(t, ['set', file, '/ld.so', '--output', result]);
  t.deepEqual(contentOf(path.dirname(file)), {
    'probe-pie': fixtureBytes(name),
    'probe-pie.out': edit(fixtureBytes(name), {interpreter: '/ld.so'}),
  });
});

test('--dry-run prints the plan and writes nothing', (t) => {
  const file = copyFixture(t, name);
  const before = statSync(file, {bigint: true});
  for (const more of [[], ['--in-place'], ['--output', `${file}.out`]]) {
    t.is(
      stdoutOf(t, ['set', file, '/l', '--dry-run', ...more]),
      [
        `${file}: interpreter: ${interpreter} -> /l (in place: 35 bytes written, size unchanged)`,
        '        0x98        9 bytes  PT_INTERP in the program header table',
        '       0x352        1 byte   the interpreter, /l',
        '       0x353       24 bytes  zeros over the old interpreter',
        '      0x38d0        1 byte   a section in the section header table',
        '',
      ].join('\n'),
    );
  }
  t.is(stdoutOf(t, ['set', file, interpreter, '-n']), `${file}: nothing to do\n`);
  const after = statSync(file, {bigint: true});
  t.deepEqual(
    [after.mtimeNs, after.ctimeNs, after.atimeNs >= before.atimeNs],
    [before.mtimeNs, before.ctimeNs, true],
  );
  t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': fixtureBytes(name)});
});

test('--json: one object a file, with its facts or its error', (t) => {
  const {path: file} = fixture('x86_64/needs-libprobe-rpath');
  const missing = `${file}-missing`;
  const got = elfinterp(['get', '--json', file, missing]);
  t.is(got.status, 1);
  const error = {code: 'FILE_SYSTEM', message: `${missing}: cannot open: no such file or directory`};
  t.deepEqual(JSON.parse(got.stdout), [
    {file, interpreter, rpath: '$ORIGIN:/nowhere', runpath: null, soname: null},
    {file: missing, error},
  ]);
  t.is(got.stderr, `elfinterp: ${error.message}\n`);
  const needed = elfinterp(['needed', '--json', file, missing]);
  t.deepEqual(JSON.parse(needed.stdout), [
    {file, needed: ['libprobe.so.1', 'libc.so.6']},
    {file: missing, error},
  ]);
  t.deepEqual(JSON.parse(elfinterp(['check', '--json', file]).stdout), [{file, problems: [], notes: []}]);
});

test('--json: a plan, with bytes as hexadecimal digits', (t) => {
  const file = copyFixture(t, name);
  const expected = {
    file,
    path: file,
    placement: 'in-place',
    inputSize: 16_624,
    outputSize: 16_624,
    changes: [`interpreter: ${interpreter} -> /l`],
    notes: [],
  };
  const [dry] = JSON.parse(stdoutOf(t, ['set', file, '/l', '--dry-run', '--json']));
  t.like(dry, expected);
  t.deepEqual(dry.writes[1], {offset: 0x352, bytes: '00', before: '69', reason: 'the interpreter, /l'});
  t.deepEqual(readFileSync(file), fixtureBytes(name));
  const [done] = JSON.parse(stdoutOf(t, ['set', file, '/l', '--json']));
  t.deepEqual(done, dry);
  t.is(stdoutOf(t, ['get', file]), '/l\n');
});

test(
  'a directory that may not be read does not stop a search',
  withTools((t) => {
    const directory = tempDirectory(t);
    chmodSync(directory, 0o755);
    for (const folder of ['closed', 'open']) {
      mkdirSync(path.join(directory, folder));
      copyFileSync(fixture(name).path, path.join(directory, folder, 'program'));
    }
    chmodSync(path.join(directory, 'closed'), 0o700);
    const {status, stdout, stderr} = elfinterpAsNobody(['needed', '-r', directory]);
    const isRoot = process.geteuid?.() === 0;
    const seen = isRoot ? ['open'] : ['closed', 'open'];
    const said = `elfinterp: ${path.join(directory, 'closed')}: cannot read: permission denied\n`;
    t.deepEqual(
      [status, stdout, stderr],
      [
        isRoot ? 1 : 0,
        seen.map((folder) => `${path.join(directory, folder, 'program')}: libc.so.6\n`).join(''),
        isRoot ? said : '',
      ],
    );
  }),
);

test('a reader that goes away ends it quietly, with the status of SIGPIPE', (t) => {
  const many = Array.from({length: 3000}, () => fixture(name).path);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: bash fills it in
  const script = '"$@" | head -n 1; echo "${PIPESTATUS[@]}"';
  const {stdout, stderr} = run('bash', ['-c', script, 'bash', process.execPath, program, 'get', ...many]);
  t.is(stdout, `${fixture(name).path}: ${interpreter}\n141 0\n`);
  t.is(stderr, '');
});

test(
  'a pipe that somebody else made non-blocking gets all of the output, however slowly it is read',
  withTools((t) => {
    const many = Array.from({length: 3000}, () => fixture(name).path);
    const script = [
      'import os, subprocess, sys, time',
      'reading, writing = os.pipe()',
      'os.set_blocking(writing, False)',
      'child = subprocess.Popen(sys.argv[1:], stdout=writing)',
      'os.close(writing)',
      'time.sleep(0.5)',
      'text = b"".join(iter(lambda: os.read(reading, 65536), b""))',
      'print(text.count(b"\\n"), child.wait())',
    ].join('\n');
    const {stdout, stderr} = run('python3', ['-c', script, process.execPath, program, 'get', ...many]);
    t.deepEqual([stdout, stderr], ['3000 0\n', '']);
  }),
);

test(
  'output to a full device is an error in words',
  withTools((t) => {
    const {status, stderr} = run(process.execPath, [program, 'get', fixture(name).path], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    t.is(stderr, 'elfinterp: cannot write the output: no space left on device\n');
    t.is(status, 1);
  }),
);

test('/dev/stdin reads a file that is redirected, and refuses a pipe', (t) => {
  const {path: file} = fixture(name);
  const redirected = elfinterp(['get', '/dev/stdin'], {stdio: [openSync(file, 'r'), 'pipe', 'pipe']});
  t.deepEqual([redirected.stdout, redirected.stderr], [`${interpreter}\n`, '']);
  const piped = elfinterp(['get', '/proc/self/fd/0'], {input: readFileSync(file)});
  t.is(piped.status, 1);
  t.regex(
    piped.stderr,
    /^elfinterp: \/proc\/self\/fd\/0: not a regular file \(expected a regular file, got a (FIFO|socket)\)\n$/,
  );
});

test(
  'of a pipe without end that is no ELF file only the beginning is read',
  withTools((t) => {
    const script = 'yes | timeout 20 "$@"';
    for (const command of ['get', 'show', 'check']) {
      const {status, stderr} = run('bash', ['-c', script, 'bash', process.execPath, program, command, '-']);
      t.is(status, 1);
      t.regex(stderr, /\/dev\/stdin: not an ELF file/);
    }
  }),
);

test('with --json an error of the whole command is data too', (t) => {
  const {status, stdout} = elfinterp(['show', '--json', '/nowhere/file']);
  t.is(status, 1);
  t.like(JSON.parse(stdout), {error: {code: 'FILE_SYSTEM'}});
});
