/*
 * elfinterp-patchelf beside Debian's patchelf 0.14.3, and the answers of 0.19 to the options that 0.14.3 lacks.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {projectDirectory} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {compare, comparisons, elfinterpPatchelf, isSame} from '../helpers/patchelf.js';
import {copyFixture, tempDirectory, tempFile} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

for (const comparison of comparisons) {
  const {fixture: name, args, difference} = comparison;
  test(
    `${name}: patchelf ${args.join(' ')}: ${difference === undefined ? 'the same answer' : 'differs as documented'}`,
    withTools((t) => {
      const answers = compare(comparison);
      if (difference === undefined) t.deepEqual(answers.ours, answers.theirs);
      else t.false(isSame(answers), 'the difference that docs/patchelf.md tells of is gone');
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
