/*
 * Strings that would control a terminal, a page or a picture, in everything that a file and its name can hold, through
 * every command and format: to a terminal, where none of them may arrive, and to a pipe, where only data for scripts
 * may contain them.
 */
import {chmodSync, copyFileSync, mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {formats} from '../../src/cli/tree/formats.js';
import {planEdit} from '../../src/edit/plan-edit.js';
import {applyPlanToBuffer} from '../../src/write/content.js';
import {growLibrary} from '../fuzz/grown.js';
import {program, projectDirectory} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

/** A title, a colour, a CSI of one byte, an override of the direction, a new line, and the words of four languages. */
const hostile = [
  '\x1b]0;title\x07\x1b[31m',
  '\u009b31m\u009d0;title\u009c',
  '\x7f\b\r',
  '\u202eevil\u202c\u2066\u2069\u200e\u200f\u061c\u2028',
  '\nINJECTED: line',
  '%%{init: {"theme": "x"}}%%',
  '"\'`$(id)&<b>;--',
  '</script>]]>',
].join('');

/** The same for file names, which cannot contain a slash. */
const hostileName = hostile.replaceAll('/', '|');

interface Place {
  readonly directory: string;
  /** A program whose every string is hostile, under a hostile name. */
  readonly file: string;
  /** A sound program under a hostile name. */
  readonly sound: string;
}

function setUp(t: ExecutionContext): Place {
  const directory = path.join(tempDirectory(t), `d${hostileName}`);
  mkdirSync(directory);
  const file = path.join(directory, `f${hostileName}`);
  writeFileSync(file, hostileProgram());
  const sound = path.join(directory, `s${hostileName}`);
  copyFileSync('/bin/true', sound);
  for (const each of [file, sound]) chmodSync(each, 0o755);
  return {directory, file, sound};
}

/** Edit in plain strings of the right lengths, then replace them byte by byte, because an edit would refuse some. */
function hostileProgram(): Uint8Array {
  const strings = {
    interpreter: `/i${hostile}`,
    runpath: `/r${hostile}:$ORIGIN/${hostile}`,
    needed: `n${hostileName}`,
    path: `/p${hostile}`,
    soname: `o${hostile}`,
  };
  const plain = Object.fromEntries(
    Object.entries(strings).map(([name, text], i) => {
      const fill = String.fromCharCode('A'.charCodeAt(0) + i).repeat(Buffer.byteLength(text) - 1);
      return [name, `${name === 'needed' || name === 'soname' ? '_' : '/'}${fill}`];
    }),
  );
  const bytes = growLibrary();
  const plan = planEdit(viewBuffer(bytes), {
    interpreter: plain.interpreter ?? '',
    runpath: plain.runpath ?? '',
    addNeeded: [plain.needed ?? '', plain.path ?? ''],
    soname: plain.soname ?? '',
  });
  const edited = Buffer.from(applyPlanToBuffer(bytes, plan));
  for (const [name, text] of Object.entries(strings)) {
    const old = Buffer.from(plain[name] ?? '');
    for (let at = edited.indexOf(old); at >= 0; at = edited.indexOf(old, at))
      edited.set(Buffer.from(text), at);
  }
  return edited;
}

/** A command may print data for scripts, which is left unchanged if the output is not a terminal. */
interface Case {
  readonly title: string;
  readonly args: readonly string[];
  readonly isData?: boolean;
  readonly program?: string;
}

function casesOf({directory, file, sound}: Place): Case[] {
  const copy = (name: string) => {
    const target = path.join(directory, `${name}${hostileName}`);
    copyFileSync(file, target);
    return target;
  };
  const into = path.join(directory, 'into');
  const patchelf = path.join(projectDirectory, 'bin', 'elfinterp-patchelf.js');
  const chrpath = path.join(projectDirectory, 'bin', 'elfinterp-chrpath.js');
  const elfinterp = (...args: string[]): Case => ({title: args.join(' ').slice(0, 40), args});
  const data = (...args: string[]): Case => ({...elfinterp(...args), isData: true});
  return [
    data('get', file),
    data('get', '--rpath', file, sound),
    data('get', '--soname', file),
    elfinterp('get', '--json', file),
    data('needed', file, sound),
    data('needed', '-r', directory),
    elfinterp('needed', '--json', file),
    elfinterp('check', file, path.join(directory, hostileName)),
    elfinterp('check', '--json', file),
    ...['text', 'svg', 'html', 'json'].flatMap((format) => [
      elfinterp('show', '--format', format, file),
      elfinterp('show', '--format', format, sound, '--diff', file),
    ]),
    // Paths are data, as `--list` prints them.
    ...formats
      .filter((format) => format !== 'list')
      .flatMap((format) => [
        elfinterp('tree', '--format', format, file, sound),
        elfinterp('tree', '--format', format, '--reverse', `n${hostileName}`, file),
      ]),
    data('tree', '--list', file, sound),
    elfinterp('tree', '--all', '-r', directory),
    elfinterp('tree', '--why', `n${hostileName}`, file),
    elfinterp('tree', '--why', `n${hostileName}`, '--json', file),
    elfinterp('tree', '--why', hostile, sound),
    elfinterp('set', '--dry-run', file, '/ld.so'),
    elfinterp('set', copy('set'), '/ld.so'),
    elfinterp('set', sound, hostile),
    elfinterp('edit', '--dry-run', '--rpath', '/x', '--soname', 'y', file),
    elfinterp('edit', '--dry-run', '--json', '--rpath', '/x', '--remove-needed', `n${hostileName}`, file),
    elfinterp('edit', '--remove-rpath', '--replace-needed', `n${hostileName}=libx.so`, copy('edit')),
    elfinterp('edit', '--shrink-rpath', '--in-place', copy('shrink')),
    elfinterp('edit', '--add-needed', hostile, '--interpreter', hostile, copy('add')),
    elfinterp('bundle', file, '--into', into),
    elfinterp('bundle', sound, '--into', into),
    elfinterp('bundle', sound, '--into', into, '--file', `${file}=${hostile}`),
    elfinterp('chroot', 'verify', into),
    elfinterp('chroot', 'verify', '--json', into),
    elfinterp('chroot', 'verify', directory),
    elfinterp('chroot', 'install', directory),
    elfinterp('chroot', 'install', directory, file, '--arch', hostile),
    elfinterp('doctor', directory),
    elfinterp('doctor', '--json', directory),
    data('chroot', 'remove', into),
    elfinterp('chroot', 'run', directory, '--', hostile),
    elfinterp('binfmt', 'list', '--table', directory),
    elfinterp('binfmt', 'show', '--table', directory, hostile),
    data('binfmt', 'register', file, '--target', 'arm', '--export', 'binfmt.d'),
    elfinterp(hostile),
    elfinterp('get', `--${hostile}`),
    {
      title: 'patchelf prints',
      args: ['--print-interpreter', '--print-rpath', file],
      program: patchelf,
      isData: true,
    },
    {
      title: 'patchelf needed',
      args: ['--print-needed', '--print-soname', file],
      program: patchelf,
      isData: true,
    },
    {title: 'patchelf debug', args: ['--debug', '--set-rpath', '/x', copy('patchelf')], program: patchelf},
    {
      title: 'patchelf fails',
      args: ['--set-rpath', '/x', path.join(directory, hostileName)],
      program: patchelf,
    },
    {title: 'chrpath lists', args: ['-l', file], program: chrpath, isData: true},
    {title: 'chrpath replaces', args: ['-r', '/x', copy('chrpath')], program: chrpath, isData: true},
  ];
}

/** Everything that must not reach a person: control characters other than tab and newline, and direction overrides. */
const dangerous = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|^INJECTED/m;

/** Our own colours, the erasing of the progress line, and a terminal's line ending. */
const ours = /\x1b\[[\d;]*m|\r?\x1b\[K|\r(?=\n)/g;

const breaksOut: Readonly<Record<string, RegExp>> = {
  svg: /<script|<\/script|<b>/,
  html: /<script|<\/script|<b>/,
  dot: /%%\{|<b>|theme"/,
  mermaid: /%%\{|<b>|theme"/,
};

function expectHarmless(t: ExecutionContext, title: string, text: string): void {
  const found = dangerous.exec(text.replace(ours, ''));
  t.is(
    found,
    null,
    `${title}: ${JSON.stringify(text.slice(Math.max(0, (found?.index ?? 0) - 60)).slice(0, 200))}`,
  );
}

/**
 * Run on a separate terminal, and return what arrived there. python3's pty copies each byte, `script` would need a
 * shell.
 */
function onTerminal(command: string, args: readonly string[]): string {
  const copy = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)';
  const env = {TERM: 'xterm', NO_COLOR: ''};
  return run('python3', ['-c', copy, process.execPath, command, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).stdout;
}

test(
  'no command lets a hostile string reach a terminal',
  withTools((t) => {
    for (const {title, args, program: command = program} of casesOf(setUp(t))) {
      const text = onTerminal(command, args);
      expectHarmless(t, title, text);
    }
  }),
);

test(
  'into a pipe go hostile strings as data only, and no picture or page is changed by them',
  withTools((t) => {
    const place = setUp(t);
    for (const {title, args, isData, program: command = program} of casesOf(place)) {
      const {status, stdout, stderr} = run(process.execPath, [command, ...args]);
      if (!isData) expectHarmless(t, title, stdout);
      expectHarmless(t, `${title}: messages`, stderr);
      for (const word of args) {
        const pattern = breaksOut[word];
        if (pattern !== undefined) t.false(pattern.test(stdout) || stdout.length < 200, title);
      }
      const isJson = args.includes('json') || args.includes('--json');
      if (isJson && status !== 2) t.notThrows(() => JSON.parse(stdout), title);
    }
  }),
);

test('JSON and data give every string back as it is in the file', (t) => {
  const {file} = setUp(t);
  const [facts] = JSON.parse(run(process.execPath, [program, 'get', '--json', file]).stdout);
  t.is(facts.interpreter, `/i${hostile}`);
  t.is(facts.runpath, `/r${hostile}:$ORIGIN/${hostile}`);
  t.is(facts.soname, `o${hostile}`);
  const {stdout} = run(process.execPath, [program, 'needed', file]);
  t.true(stdout.includes(`n${hostileName}\n`));
});

test('a picture of a graph has one node for each file, whatever its name', async (t) => {
  const {file} = setUp(t);
  const {stdout} = run(process.execPath, [program, 'tree', '--format', 'dot', file]);
  const {instance} = await import('@viz-js/viz');
  const drawn = JSON.parse((await instance()).renderString(stdout, {format: 'json'}));
  const labels = drawn.objects.map(({label}: {label: string}) => label);
  t.true(labels.some((label: string) => label.includes('init')));
  t.is(labels.length, new Set(stdout.match(/^ {2}n\d+ \[/gm)).size);
});
