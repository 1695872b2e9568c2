/*
 * patchelf and elfinterp-patchelf on copies of the same file with the same arguments: what each printed, its exit status,
 * and what readelf reads in the result. docs/patchelf.md is made from this.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {projectDirectory} from './cli.js';
import {fixture} from './fixtures.js';
import {readelfDynamic, readelfInterpreter, readelfSegments} from './readelf.js';
import {output, type RunResult, run} from './tools.js';

export const patchelfProgram = path.join(projectDirectory, 'bin', 'elfinterp-patchelf.js');

/** Run elfinterp-patchelf. */
export function elfinterpPatchelf(args: readonly string[], cwd?: string): RunResult {
  return run(process.execPath, [patchelfProgram, ...args], cwd === undefined ? {} : {cwd});
}

/** One command line. In `args`, FILE stands for the copy of the fixture. */
export interface Comparison {
  readonly fixture: string;
  readonly args: readonly string[];
  /** What differs and why, if anything. */
  readonly difference?: string;
  /** The first of the tried releases that answers as we do; by default, a difference is from all of them. */
  readonly fixedIn?: string;
  /** The first of the tried releases that has the option. */
  readonly since?: string;
}

const program = 'x86_64/needs-libprobe';
const withRpath = 'x86_64/needs-libprobe-rpath';
const library = 'x86_64/libprobe.so.1';
const plain = 'x86_64/probe-pie';
const fixed = 'x86_64/probe-exec';
const arm = 'armhf/needs-libprobe';
const big = 's390x/needs-libprobe';
const isStatic = 'x86_64/hello-static';

/** Options that 0.14.3 lacks. */
const newer = (file: string, ...args: string[]): Comparison => ({fixture: file, args, since: '0.18'});

const each = (files: readonly string[], ...args: string[]): Comparison[] =>
  files.map((file) => ({fixture: file, args}));

export const comparisons: readonly Comparison[] = [
  ...each([program, arm, big, fixed, library, isStatic], '--print-interpreter', 'FILE'),
  ...each([program, withRpath, plain, library, isStatic], '--print-rpath', 'FILE'),
  ...each([program, library], '--print-soname', 'FILE'),
  ...each([program, arm, big, library, isStatic], '--print-needed', 'FILE'),
  ...each([program], '--print-rpath', '--print-needed', '--print-interpreter', 'FILE'),
  ...each([program], '--print-needed', 'FILE', 'FILE'),
  ...each([plain, fixed, arm, big], '--set-interpreter', '/debootstrap/qemu-libs/ld.so', 'FILE'),
  ...each([plain], '--set-interpreter', '/l', 'FILE'),
  ...each([plain], '--interpreter', '/l', 'FILE'),
  ...each([library, isStatic], '--set-interpreter', '/l', 'FILE'),
  ...each([plain, program, withRpath, arm, big, library], '--set-rpath', '/a/lib:$ORIGIN/../lib', 'FILE'),
  ...each([plain, program, withRpath, big], '--force-rpath', '--set-rpath', '/a/lib', 'FILE'),
  ...each([plain, program, withRpath], '--add-rpath', '/more', 'FILE'),
  ...each([withRpath], '--force-rpath', '--add-rpath', '/more', 'FILE'),
  ...each([program], '--add-rpath', '$ORIGIN', 'FILE'),
  ...each([plain, program, withRpath, arm], '--remove-rpath', 'FILE'),
  ...each([program], '--set-rpath', '', 'FILE'),
  {
    fixture: plain,
    args: ['--set-rpath', '', 'FILE'],
    difference: 'adds an empty DT_RUNPATH',
    fixedIn: '0.18',
  },
  {
    fixture: plain,
    args: ['--add-rpath', '', 'FILE'],
    difference: 'adds an empty DT_RUNPATH',
    fixedIn: '0.18',
  },
  ...each([isStatic], '--set-rpath', '/a', 'FILE'),
  ...each([program, withRpath], '--shrink-rpath', 'FILE'),
  ...each([withRpath], '--shrink-rpath', '--allowed-rpath-prefixes', '/usr', 'FILE'),
  ...each([plain, program, arm, big, library], '--add-needed', 'libextra.so.1', 'FILE'),
  ...each([program], '--add-needed', 'liba.so', '--add-needed', 'libb.so', 'FILE'),
  ...each([program], '--add-needed', 'libb.so', '--add-needed', 'liba.so', '--add-needed', 'libb.so', 'FILE'),
  {
    fixture: program,
    args: ['--add-needed', 'libc.so.6', 'FILE'],
    difference:
      'lists it twice; elfinterp-patchelf moves it to the front, so the same libraries are loaded in the same order',
  },
  ...each([plain], '--remove-needed', 'libnone.so', 'FILE'),
  ...each([plain], '--remove-needed', '', 'FILE'),
  ...each([program, arm, big], '--remove-needed', 'libprobe.so.1', 'FILE'),
  ...each([program, arm, big], '--replace-needed', 'libprobe.so.1', 'libother.so.22', 'FILE'),
  ...each([plain], '--replace-needed', 'libnone.so', 'libx.so', 'FILE'),
  ...each([program], '--replace-needed', 'libprobe.so.1', 'x.so', '--remove-needed', 'libc.so.6', 'FILE'),
  ...each(
    [library, 'armhf/libprobe.so.1', 's390x/libprobe.so.1'],
    '--set-soname',
    'libnew-name.so.12',
    'FILE',
  ),
  ...each([fixed], '--set-soname', 'x.so', 'FILE'),
  {
    fixture: plain,
    args: ['--set-soname', 'x.so', 'FILE'],
    difference: 'takes a PIE for a library, and gives it a name that nothing asks for',
  },
  ...each([plain, library, arm], '--no-default-lib', 'FILE'),
  ...each([program], '--clear-symbol-version', 'probe_version', 'FILE'),
  ...each([program], '--output', 'OUT', '--set-rpath', '/o', 'FILE'),
  ...each([program], '--output', 'OUT', 'FILE'),
  ...each([program], '--output', 'OUT', 'FILE', 'FILE'),
  ...each([program], '--output', '/dev/null', '--set-rpath', '/o', 'FILE'),
  {
    fixture: program,
    args: ['--replace-needed', 'libc.so.6', '', 'FILE'],
    difference: 'writes an empty name',
  },
  ...each([program], '--set-rpath', '/a', '--add-rpath', '/b', 'FILE'),
  ...each([program], '--page-size', '65536', '--set-rpath', '/p', 'FILE'),
  ...each([program], '--page-size', '1000', '--set-rpath', '/p', 'FILE'),
  ...each([program], '--page-size', 'none', 'FILE'),
  ...each([program], '--set-rpath', '@ARGUMENT', 'FILE'),
  ...each([program], 'FILE'),
  ...each([program], '--no-such-option', 'FILE'),
  ...each([program], '--set-rpath'),
  ...each([program], '--replace-needed', 'FILE'),
  ...each([program], '--print-interpreter'),
  ...each([program], '--print-interpreter', '/nonexistent'),
  ...each([program], '--print-interpreter', '/'),
  ...each(['x86_64/probe.o'], '--print-interpreter', 'FILE'),
  ...each([program], '--print-interpreter', 'TEXT'),
  ...each([program], '--print-rpath', 'SHORT'),
  ...each([program], '--set-rpath', '/a', '--remove-rpath', 'FILE'),
  ...each([program], '--set-rpath', '/a', '--shrink-rpath', 'FILE'),
  ...each([program], '--add-rpath', '/a', '--add-rpath', '/b', 'FILE'),
  ...each([program], '--set-interpreter', '@ARGUMENT', 'FILE'),
  ...each([program], '--add-needed', '@ARGUMENT', 'FILE'),
  ...each([program], '--set-rpath', '@NOTHING', 'FILE'),
  ...each([program], '--print-rpath', 'TRUNCATED'),
  newer(plain, '--print-os-abi', 'FILE'),
  newer(plain, '--set-os-abi', 'linux', 'FILE'),
  newer(plain, '--set-os-abi', 'nonsense', 'FILE'),
  newer(plain, '--set-os-abi', '77', 'FILE'),
  newer(plain, '--print-execstack', 'FILE'),
  newer('ppc64/probe-pie', '--print-execstack', 'FILE'),
  newer(plain, '--set-execstack', 'FILE'),
  newer(library, '--set-execstack', 'FILE'),
  newer('ppc64/probe-pie', '--set-execstack', 'FILE'),
  newer(plain, '--clear-execstack', '--set-execstack', 'FILE'),
  newer(plain, '--print-execstack', '--set-execstack', 'FILE'),
  newer(library, '--add-debug-tag', 'FILE'),
  newer(fixed, '--add-debug-tag', 'FILE'),
  newer(library, '--rename-dynamic-symbols', 'MAP', 'FILE'),
  newer(library, '--rename-dynamic-symbols', 'BADMAP', 'FILE'),
  newer(library, '--rename-dynamic-symbols', 'NOTHING', 'FILE'),
  newer(plain, '--no-sort', '--set-rpath', '/a', 'FILE'),
  {fixture: program, args: ['--version'], difference: 'the options and answers here are those of 0.19.0'},
];

/** How a release of patchelf is expected to answer: as we do, differently, or not at all. */
export function expected(
  {difference, fixedIn, since}: Comparison,
  version: string,
): 'same' | 'differs' | 'lacks' {
  if (since !== undefined && isBefore(version, since)) return 'lacks';
  if (difference === undefined || (fixedIn !== undefined && !isBefore(version, fixedIn))) return 'same';
  return 'differs';
}

function isBefore(version: string, other: string): boolean {
  return version.localeCompare(other, 'en', {numeric: true}) < 0;
}

/** The release of a patchelf; an empty string if it is not installed. */
export function versionOf(patchelf: string): string {
  try {
    return output(patchelf, ['--version']).replace('patchelf', '').trim();
  } catch {
    return '';
  }
}

export interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
  /** What readelf reads in the result. */
  readonly reads: string;
}

/** How a patchelf answers a command line. */
export function theirAnswer({fixture: name, args}: Comparison, patchelf = 'patchelf'): Answer {
  return answer(name, args, (words, cwd) => run(patchelf, words, {cwd}));
}

/** How elfinterp-patchelf answers it. */
export function ourAnswer({fixture: name, args}: Comparison): Answer {
  return answer(name, args, elfinterpPatchelf);
}

function answer(
  name: string,
  args: readonly string[],
  start: (args: readonly string[], cwd: string) => RunResult,
): Answer {
  const directory = mkdtempSync(path.join(tmpdir(), 'elfinterp-patchelf-'));
  try {
    copyFileSync(fixture(name).path, path.join(directory, 'FILE'));
    chmodSync(path.join(directory, 'FILE'), 0o755);
    writeFileSync(path.join(directory, 'ARGUMENT'), '/from/a/file');
    writeFileSync(
      path.join(directory, 'TEXT'),
      'no ELF file, but long enough to be one, if only it began otherwise\n',
    );
    writeFileSync(path.join(directory, 'SHORT'), 'short\n');
    writeFileSync(path.join(directory, 'MAP'), 'probe_answer renamed_answer\nprobe_version pv\n');
    writeFileSync(path.join(directory, 'BADMAP'), 'probe_answer\n');
    writeFileSync(
      path.join(directory, 'TRUNCATED'),
      readFileSync(path.join(directory, 'FILE')).subarray(0, 60),
    );
    const {stdout, stderr, status} = start(args, directory);
    return {stdout, stderr, status, reads: readBack(directory)};
  } finally {
    rmSync(directory, {recursive: true});
  }
}

/** The interpreter, dynamic strings and flags, OS ABI, stack and symbols of each file that exists. */
function readBack(directory: string): string {
  return ['FILE', 'OUT']
    .map((file) => path.join(directory, file))
    .filter((file) => existsSync(file) && statSync(file).size > 0)
    .map((file) => {
      const strings = readelfDynamic(file)
        .filter(({string}) => string !== undefined)
        .map(({type, string}) => `${type} ${string}`);
      const has = (tag: string) => readelfDynamic(file).some(({type}) => type === tag);
      const stack = readelfSegments(file).find(({type}) => type === 'GNU_STACK')?.p_flags;
      const header = [readFileSync(file)[7], stack, has('FLAGS_1'), has('DEBUG')];
      // The order of different tags does not matter.
      return [readelfInterpreter(file), ...strings.sort(byTag), ...header, ...symbolNames(file)].join('; ');
    })
    .join('\n');
}

/** Without versions: only elfinterp-patchelf removes them with their library. */
function symbolNames(file: string): string[] {
  const lines = output('readelf', ['-W', '--dyn-syms', file]).split('\n');
  return lines.flatMap((line) => line.trim().split(/\s+/)[7]?.replace(/@.*/, '') ?? []).sort();
}

function byTag(a: string, b: string): number {
  return (a.split(' ')[0] ?? '').localeCompare(b.split(' ')[0] ?? '');
}

/** Whether two answers are the same in everything that a script can see. */
export function isSame(theirs: Answer, ours: Answer): boolean {
  return JSON.stringify(theirs) === JSON.stringify(ours);
}
