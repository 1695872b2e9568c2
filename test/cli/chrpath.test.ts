/*
 * elfinterp-chrpath answers as chrpath 0.16 does. The answers were observed and are written down here; where chrpath
 * itself is installed they are compared with it.
 */
import path from 'node:path';
import test from 'ava';
import {projectDirectory} from '../helpers/cli.js';
import {copyFixture} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const program = path.join(projectDirectory, 'bin', 'elfinterp-chrpath.js');
const chrpath = (args: readonly string[], cwd: string) => run(process.execPath, [program, ...args], {cwd});

const cases: readonly (readonly [string, readonly string[], string, number])[] = [
  ['needs-libprobe-rpath', ['-l', 'F'], 'F: RPATH=$ORIGIN:/nowhere\n', 0],
  ['needs-libprobe-rpath', ['F'], 'F: RPATH=$ORIGIN:/nowhere\n', 0],
  ['needs-libprobe', ['--list', 'F', 'F'], 'F: RUNPATH=$ORIGIN\nF: RUNPATH=$ORIGIN\n', 0],
  ['probe-pie', ['-l', 'F'], 'F: no rpath or runpath tag found.\n', 2],
  ['needs-libprobe-rpath', ['-r', '/x', 'F'], 'F: RPATH=$ORIGIN:/nowhere\nF: new RPATH: /x\n', 0],
  ['needs-libprobe-rpath', ['-c', 'F'], 'F: RPATH converted to RUNPATH\nF: RUNPATH=$ORIGIN:/nowhere\n', 0],
  ['needs-libprobe', ['-c', 'F'], 'F: RUNPATH=$ORIGIN\n', 0],
  [
    'needs-libprobe-rpath',
    ['-c', '-r', '/zz', 'F'],
    'F: RPATH converted to RUNPATH\nF: RUNPATH=$ORIGIN:/nowhere\nF: new RUNPATH: /zz\n',
    0,
  ],
  ['needs-libprobe', ['-d', 'F'], '', 0],
  ['probe-pie', ['--delete', 'F'], '', 0],
  ['probe-pie', ['--replace', '/x', 'F'], 'F: no rpath or runpath tag found.\n', 2],
  ['needs-libprobe', ['-r', '/x', '-d', 'F'], '', 0],
  ['needs-libprobe', ['-d', '-r', '/x', 'F'], '', 0],
  ['needs-libprobe', ['-d', '-l', 'F'], '', 0],
  ['needs-libprobe', ['-r', '/x', '-l', 'F'], 'F: RUNPATH=$ORIGIN\n', 0],
  ['needs-libprobe-rpath', ['-r/x', 'F'], 'F: RPATH=$ORIGIN:/nowhere\nF: new RPATH: /x\n', 0],
  ['needs-libprobe-rpath', ['--replace=/x', 'F'], 'F: RPATH=$ORIGIN:/nowhere\nF: new RPATH: /x\n', 0],
  ['needs-libprobe-rpath', ['-kr', '-x', '--', 'F'], 'F: RPATH=$ORIGIN:/nowhere\nF: new RPATH: -x\n', 0],
  ['needs-libprobe-rpath', ['F', '--rep', '/x'], 'F: RPATH=$ORIGIN:/nowhere\nF: new RPATH: /x\n', 0],
  ['needs-libprobe', ['--del', 'F'], '', 0],
  ['needs-libprobe', ['-k', '-l', 'missing', 'F'], 'F: RUNPATH=$ORIGIN\n', 1],
  ['needs-libprobe', ['-l', 'missing', 'F'], '', 1],
];

for (const [name, args, stdout, status] of cases)
  test(
    `${name}: chrpath ${args.join(' ')}`,
    withTools((t) => {
      const run1 = (start: typeof chrpath) => {
        const file = copyFixture(t, `x86_64/${name}`, 'F');
        const result = start(args, path.dirname(file));
        return {stdout: result.stdout, status: result.status, reads: pathOf(file)};
      };
      const ours = run1(chrpath);
      t.like(ours, {stdout, status});
      if (run('sh', ['-c', 'command -v chrpath']).status !== 0) return;
      t.deepEqual(
        ours,
        run1((words, cwd) => run('chrpath', words, {cwd})),
      );
    }),
  );

function pathOf(file: string): string {
  return /\((RPATH|RUNPATH)\).*\n/.exec(output('readelf', ['-dW', file]))?.[0] ?? '';
}

test('a path may be longer than the old one', (t) => {
  const file = copyFixture(t, 'x86_64/needs-libprobe', 'F');
  const long = `/opt/${'x'.repeat(200)}`;
  t.is(chrpath(['-r', long, file], '/').status, 0);
  t.is(chrpath([file], '/').stdout, `${file}: RUNPATH=${long}\n`);
});

test('an unknown option shows the usage', (t) => {
  t.like(chrpath(['-z', 'F'], '/'), {status: 1, stderr: 'elfinterp-chrpath: unknown option -z\n'});
  t.is(chrpath([], '/').status, 1);
});

test('short options may stand together', (t) => {
  const file = copyFixture(t, 'x86_64/needs-libprobe', 'F');
  t.like(chrpath(['-kl', 'missing', 'F'], path.dirname(file)), {status: 1, stdout: 'F: RUNPATH=$ORIGIN\n'});
});

test('it says what it is and how it is called', (t) => {
  for (const word of ['--version', '-v'])
    t.like(chrpath([word], '/'), {status: 0, stdout: 'chrpath version 0.16 (elfinterp)\n', stderr: ''});
  for (const word of ['--help', '-h'])
    t.regex(chrpath([word], '/').stdout, /^Usage: elfinterp-chrpath .*\n\n {3}-v\|--version/);
  t.is(chrpath(['--help'], '/').status, 0);
});

test(
  'a file that nothing can take the place of is written into, as chrpath does, and a line says so',
  withTools((t) => {
    const file = copyFixture(t, 'x86_64/needs-libprobe-rpath', 'F');
    const other = copyFixture(t, 'x86_64/needs-libprobe-rpath', 'F');
    const line = 'mount --bind "$2" "$3" && "$0" "$1" -r /bound "$3" && "$0" "$1" -c "$3"';
    const words = ['-m', 'sh', '-c', line, process.execPath, program, file, other];
    const {status, stderr} = run('unshare', process.geteuid?.() === 0 ? words : ['-Ur', ...words]);
    t.is(status, 0, stderr);
    t.is(stderr, `${other}: written in place, because the file cannot be replaced\n`.repeat(2));
    t.regex(pathOf(file), /\(RUNPATH\).*\[\/bound\]/);
  }),
);
