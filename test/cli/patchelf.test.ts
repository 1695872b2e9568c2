/*
 * elfinterp-patchelf compared with this Debian's patchelf, and with 0.19's answers to the options that 0.14.3 lacks.
 */
import {chmodSync, copyFileSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {program, projectDirectory} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {
  comparisons,
  elfinterpPatchelf,
  expected,
  isSame,
  ourAnswer,
  theirAnswer,
  versionOf,
} from '../helpers/patchelf.js';
import {copyFixture, tempDirectory, tempFile} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const version = versionOf('patchelf');

for (const comparison of comparisons) {
  const {fixture: name, args} = comparison;
  const verdict = expected(comparison, version);
  if (verdict === 'lacks') continue;
  test(
    `${name}: patchelf ${args.join(' ')}: ${verdict === 'same' ? 'the same answer' : 'differs as documented'}`,
    withTools((t) => {
      const [ours, theirs] = [ourAnswer(comparison), theirAnswer(comparison)];
      if (verdict === 'same') t.deepEqual(ours, theirs);
      else t.false(isSame(ours, theirs), 'the difference that docs/patchelf.md tells of is gone');
    }),
  );
}

const newer: readonly (readonly [string, readonly string[], string])[] = [
  ['x86_64/probe-pie', ['--print-os-abi'], 'System V\n'],
  ['x86_64/probe-pie', ['--print-execstack'], 'execstack: -\n'],
  ['ppc64/probe-pie', ['--print-execstack'], 'execstack: ?\n'],
  ['x86_64/libprobe.so.1', ['--print-soname', '--print-needed'], 'libprobe.so.1\nld-linux-x86-64.so.2\n'],
];

for (const [name, args, expected] of newer) {
  test(`${name}: ${args.join(' ')} prints ${JSON.stringify(expected)}`, (t) => {
    t.like(elfinterpPatchelf([...args, fixture(name).path]), {stdout: expected, stderr: '', status: 0});
  });
}

test('--set-os-abi and --set-execstack are silent, and read back', (t) => {
  const file = copyFixture(t, 'x86_64/probe-pie');
  t.like(elfinterpPatchelf(['--set-os-abi', 'linux', '--set-execstack', file]), {
    stdout: '',
    stderr: '',
    status: 0,
  });
  t.is(elfinterpPatchelf(['--print-os-abi', '--print-execstack', file]).stdout, 'Linux\nexecstack: X\n');
  t.is(elfinterpPatchelf(['--clear-execstack', file]).status, 0);
  t.is(elfinterpPatchelf(['--print-execstack', file]).stdout, 'execstack: -\n');
  const refused = {stderr: 'patchelf: unrecognized OS ABI\n', status: 1};
  t.like(elfinterpPatchelf(['--set-os-abi', '77', file]), refused);
});

test(
  '--rename-dynamic-symbols takes a map file, and names the line that is wrong',
  withTools((t) => {
    const file = copyFixture(t, 'x86_64/libprobe.so.1');
    const map = tempFile(t, 'probe_answer renamed_answer\nprobe_version pv\n', 'map');
    t.like(elfinterpPatchelf(['--rename-dynamic-symbols', map, file]), {stdout: '', stderr: '', status: 0});
    t.regex(output('readelf', ['-W', '--dyn-syms', file]), / renamed_answer@@PROBE_1/);
    const bad = tempFile(t, 'probe_answer\n', 'map');
    t.like(elfinterpPatchelf(['--rename-dynamic-symbols', bad, file]), {
      stderr: `patchelf: ${bad}:1: Map file line is missing the second element\n`,
      status: 1,
    });
  }),
);

test('what it cannot do is said', (t) => {
  t.like(elfinterpPatchelf(['--build-resolution-cache', 'x']), {
    stderr: 'patchelf: --build-resolution-cache is not supported\n',
    status: 1,
  });
});

test('a file that fails ends the run, as with patchelf', (t) => {
  const directory = tempDirectory(t);
  copyFileSync(fixture('x86_64/probe-pie').path, path.join(directory, 'a'));
  copyFileSync(fixture('x86_64/probe-pie').path, path.join(directory, 'c'));
  writeFileSync(path.join(directory, 'b'), 'text');
  const {status, stderr} = elfinterpPatchelf(['--set-rpath', '/x', 'a', 'b', 'c'], directory);
  t.deepEqual([status, stderr], [1, 'patchelf: missing ELF header\n']);
  writeFileSync(path.join(directory, 'b'), 'text '.repeat(20));
  t.is(elfinterpPatchelf(['--print-rpath', 'b'], directory).stderr, 'patchelf: not an ELF executable\n');
  t.is(elfinterpPatchelf(['--print-rpath', 'a', 'c'], directory).stdout, '/x\n\n');
});

test('a reader that has gone is no crash, and a full disk is said', (t) => {
  const {path: file} = fixture('x86_64/probe-pie');
  const said = tempFile(t, '', 'said');
  const [patchelf, chrpath] = ['elfinterp-patchelf.js', 'elfinterp-chrpath.js'].map((name) =>
    path.join(projectDirectory, 'bin', name),
  );
  for (const line of [`${patchelf} --print-needed`, `${chrpath} -l`, `${chrpath} --help`]) {
    const gone = `{ "$0" ${line} "$1" 2>"$2"; echo $? >>"$2"; } | true`;
    t.is(run('sh', ['-c', gone, process.execPath, file, said]).status, 0);
    t.is(readFileSync(said, 'utf8'), '141\n', line);
    t.like(run('sh', ['-c', `"$0" ${line} "$1" >/dev/full`, process.execPath, file]), {
      status: 1,
      stderr: 'elfinterp: cannot write the output: no space left on device\n',
    });
  }
});

test('the edit is made and the answer is whole, although the reader leaves early or has left', (t) => {
  const file = copyFixture(t, 'x86_64/needs-libprobe');
  const patchelf = path.join(projectDirectory, 'bin', 'elfinterp-patchelf.js');
  for (let i = 0; i < 10; i++) {
    const line = 'set -o pipefail; "$0" "$1" --print-needed "$2" | grep -q libprobe';
    t.is(run('bash', ['-c', line, process.execPath, patchelf, file]).status, 0);
  }
  run('sh', [
    '-c',
    '"$0" "$1" --print-needed --set-rpath /gone "$2" | true',
    process.execPath,
    patchelf,
    file,
  ]);
  t.is(elfinterpPatchelf(['--print-rpath', file]).stdout, '/gone\n');
});

test('--print-execstack beside a set option prints and changes nothing; --clear-execstack goes before --set-execstack', (t) => {
  const file = copyFixture(t, 'x86_64/probe-pie');
  const before = readFileSync(file);
  t.is(elfinterpPatchelf(['--print-execstack', '--set-execstack', file]).stdout, 'execstack: -\n');
  t.deepEqual(readFileSync(file), before);
  for (const order of [
    ['--clear-execstack', '--set-execstack'],
    ['--set-execstack', '--clear-execstack'],
  ]) {
    t.is(elfinterpPatchelf(['--set-execstack', file]).status, 0);
    t.is(elfinterpPatchelf([...order, file]).status, 0);
    t.is(elfinterpPatchelf(['--print-execstack', file]).stdout, 'execstack: -\n');
  }
});

test('--output is written to where it is no regular file, and has a mode of its own', (t) => {
  const file = copyFixture(t, 'x86_64/probe-pie');
  chmodSync(file, 0o4500);
  const directory = path.dirname(file);
  const edit = ['--set-rpath', '/o', '--output'];
  t.like(elfinterpPatchelf([...edit, '/dev/null', file]), {status: 0, stderr: ''});
  t.true(statSync('/dev/null').isCharacterDevice());
  const patchelf = path.join(projectDirectory, 'bin', 'elfinterp-patchelf.js');
  const into = (line: string) => run('bash', ['-c', line, process.execPath, patchelf, file, directory]);
  t.is(into('umask 022; "$0" "$1" --set-rpath /o --output /dev/stdout "$2" | cat >"$3/piped"').status, 0);
  t.is(
    into(
      'mkfifo "$3/fifo"; cat "$3/fifo" >"$3/read" & "$0" "$1" --set-rpath /o --output "$3/fifo" "$2"; wait',
    ).status,
    0,
  );
  t.is(into('umask 022; "$0" "$1" --set-rpath /o --output "$3/new" "$2"').status, 0);
  writeFileSync(path.join(directory, 'old'), '', {mode: 0o640});
  t.is(elfinterpPatchelf([...edit, path.join(directory, 'old'), file]).status, 0);
  const made = readFileSync(path.join(directory, 'new'));
  for (const name of ['piped', 'read', 'old'])
    t.deepEqual(readFileSync(path.join(directory, name)), made, name);
  t.is(statSync(path.join(directory, 'new')).mode & 0o7777, 0o755);
  t.is(statSync(path.join(directory, 'old')).mode & 0o7777, 0o640);
});

test(
  'a file that nothing can take the place of is written into, and a line says so',
  withTools((t) => {
    const file = copyFixture(t, 'x86_64/probe-pie');
    const other = copyFixture(t, 'x86_64/probe-pie');
    const line = 'mount --bind "$2" "$3" && "$0" "$1" --set-rpath /bound "$3"';
    const patchelf = path.join(projectDirectory, 'bin', 'elfinterp-patchelf.js');
    const words = ['-m', 'sh', '-c', line, process.execPath, patchelf, file, other];
    const {status, stderr} = run('unshare', process.geteuid?.() === 0 ? words : ['-Ur', ...words]);
    t.is(status, 0, stderr);
    t.regex(stderr, /^warning: .*: written in place, because the file cannot be replaced\n$/);
    t.is(elfinterpPatchelf(['--print-rpath', file]).stdout, '/bound\n');
    const hint = 'mount --bind "$2" "$3" && "$0" "$1" edit --rpath /x "$3"';
    const elfinterp = ['-m', 'sh', '-c', hint, process.execPath, program, file, other];
    const said = run('unshare', process.geteuid?.() === 0 ? elfinterp : ['-Ur', ...elfinterp]);
    t.is(said.status, 1);
    t.regex(said.stderr, /cannot write: device or resource busy; --in-place writes into the file itself\n$/);
  }),
);

test(
  '--page-size aligns a new segment',
  withTools((t) => {
    const file = copyFixture(t, 'x86_64/probe-pie');
    const long = `/${'x'.repeat(4000)}`;
    t.like(elfinterpPatchelf(['--page-size', '16384', '--set-rpath', long, file]), {status: 0, stderr: ''});
    t.regex(output('readelf', ['-lW', file]), /LOAD .* 0x4000$/m);
  }),
);

test('appended data of an unknown kind is not lost, and the refusal names an option that exists', (t) => {
  const file = copyFixture(t, 'x86_64/probe-mold-pie');
  const before = Buffer.concat([readFileSync(file), Buffer.from('data that the program reads')]);
  writeFileSync(file, before);
  const said = elfinterpPatchelf(['--set-rpath', `/${'x'.repeat(4000)}`, file]);
  t.is(said.status, 1);
  t.regex(
    said.stderr,
    /^patchelf: .*: the edit makes the file longer, .* no longer be found; `elfinterp edit --payload` can keep it\n$/,
  );
  t.deepEqual(readFileSync(file), before);
  t.like(run(program, ['edit', '--payload', 'keep', '--rpath', `/${'x'.repeat(4000)}`, file]), {status: 0});
});
