/*
 * Every program of this machine's /usr/bin is given an interpreter path of 200 bytes, which must not make it grow; then
 * eu-elflint, elfinterp and the program itself show whether anything else changed.
 *
 * Programs run as nobody if the test is root, in an empty directory, without a terminal, and are killed with all their
 * children after some seconds. Whatever cannot be compared is counted and named, never left out.
 */
import {spawn} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {applyPlanSync, ElfError, openElfSync, planEdit} from '../../src/index.js';
import {tempDirectory} from '../helpers/temp.js';
import {MissingTool, output, withTools} from '../helpers/tools.js';

const directory = '/usr/bin';
const pathLength = 200;
const atATime = 2;
const longestRun = 5000;
const longestLint = 20_000;

interface Program {
  readonly file: string;
  readonly interpreter: string;
}

/** What became of the programs; each list holds their paths. */
class Counts {
  readonly edited: string[] = [];
  readonly newSegment: string[] = [];
  readonly unreadable: string[] = [];
  readonly linted: string[] = [];
  readonly slowToLint: string[] = [];
  readonly same: string[] = [];
  readonly different: string[] = [];
  readonly changeable: string[] = [];
  readonly silent: string[] = [];
  /** What is wrong, in words. */
  readonly failures: string[] = [];
}

test(
  `every program of ${directory} takes an interpreter of ${pathLength} bytes without growing, and runs as before`,
  withTools(async (t) => {
    t.timeout(15 * 60_000, 'the sweep');
    output('eu-elflint', ['--version']);
    const counts = new Counts();
    const programs = findPrograms(counts);
    const place = makePlace(t);
    await eachOf(programs, (program, i) => tryProgram(program, path.join(place, `${i}`), counts));
    report(t, programs, counts);
    t.deepEqual(counts.failures, []);
    t.true(counts.edited.length > 0, 'no program was edited');
    t.is(counts.edited.length + counts.newSegment.length, programs.length);
    t.is(counts.linted.length + counts.slowToLint.length, counts.edited.length);
    const {same, different, changeable, silent} = counts;
    t.is(same.length + different.length + changeable.length + silent.length, counts.edited.length);
  }),
);

/** Each file once, whatever its names and links. */
function findPrograms(counts: Counts): Program[] {
  const files = new Set<string>();
  for (const entry of readdirSync(directory, {withFileTypes: true})) {
    const file = path.join(directory, entry.name);
    if (entry.isFile()) files.add(file);
    else if (entry.isSymbolicLink() && statSync(file, {throwIfNoEntry: false})?.isFile())
      files.add(realpathSync(file));
  }
  return [...files].sort().flatMap((file) => {
    const interpreter = interpreterOf(file, counts);
    return interpreter === undefined ? [] : [{file, interpreter}];
  });
}

function interpreterOf(file: string, counts: Counts): string | undefined {
  try {
    const elf = openElfSync(file);
    const found = elf.view.interpreter?.path;
    void elf.close();
    return found;
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    if (error.code === 'FILE_SYSTEM') counts.unreadable.push(file);
    return undefined;
  }
}

/** A directory that others may enter and not change. */
function makePlace(t: ExecutionContext): string {
  const place = tempDirectory(t);
  chmodSync(place, 0o755);
  return place;
}

async function eachOf<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await work(items[i] as T, i);
  };
  await Promise.all(Array.from({length: atATime}, worker));
}

async function tryProgram({file, interpreter}: Program, place: string, counts: Counts): Promise<void> {
  mkdirSync(place);
  const home = path.join(place, 'home');
  mkdirSync(home);
  if (isRoot) chownSync(home, nobody, nobody);
  const link = longLink(place, interpreter);
  const edited = path.join(place, 'edited');
  if (setInterpreter(file, link, edited, counts)) {
    await lint(file, edited, counts);
    await compare(file, edited, home, counts);
  }
  rmSync(place, {recursive: true});
}

/** A path of the wanted length that leads to the loader. */
function longLink(place: string, loader: string): string {
  const inner = path.join(place, 'x'.repeat(pathLength - place.length - '//ld.so'.length));
  mkdirSync(inner);
  const link = path.join(inner, 'ld.so');
  symlinkSync(loader, link);
  return link;
}

function setInterpreter(file: string, link: string, edited: string, counts: Counts): boolean {
  try {
    const elf = openElfSync(file);
    const plan = planEdit(elf.view, {interpreter: link});
    void elf.close();
    if (plan.placement === 'new-segment') {
      counts.newSegment.push(file);
      return false;
    }
    applyPlanSync(file, plan, {output: edited});
    counts.edited.push(file);
    if (link.length !== pathLength) counts.failures.push(`${link}: not ${pathLength} bytes`);
    if (statSync(edited).size !== statSync(file).size) counts.failures.push(`${file}: grew`);
    if (interpreterOf(edited, counts) !== link) counts.failures.push(`${file}: reads otherwise`);
    // The copy of a set-user-ID program must not be one.
    chmodSync(edited, 0o755);
    return true;
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    if (error.code === 'NO_ROOM') counts.newSegment.push(file);
    else counts.failures.push(error.message);
    return false;
  }
}

/** Require no new complaints; the original is checked only if there are any about the edited file. */
async function lint(file: string, edited: string, counts: Counts): Promise<void> {
  const complaints = async (of: string) => {
    const answer = await start('eu-elflint', ['--gnu-ld', of], {limit: longestLint});
    if (answer === timeout) return undefined;
    const lines = answer.split('\n').slice(1);
    return lines.filter((line) => line !== '' && line !== '--' && line !== 'No errors');
  };
  const now = await complaints(edited);
  const before = now === undefined || now.length === 0 ? [] : await complaints(file);
  if (now === undefined || before === undefined) {
    counts.slowToLint.push(file);
    return;
  }
  counts.linted.push(file);
  const fresh = now.filter((line) => !before.includes(line));
  if (fresh.length > 0) counts.failures.push(`${file}: eu-elflint: ${fresh.join('; ')}`);
}

/**
 * Run the original twice, then the edited file, all under one path, since programs print their own. An option that the
 * program accepts is preferred to one that it rejects.
 */
async function compare(file: string, edited: string, home: string, counts: Counts): Promise<void> {
  const same = path.join(path.dirname(home), path.basename(file));
  const original = path.join(path.dirname(home), 'original');
  copyFileSync(file, original);
  chmodSync(original, 0o755);
  const ask = async (from: string, option: string) => {
    rmSync(same, {force: true});
    copyFileSync(from, same);
    return start(same, [option], {limit: longestRun, home});
  };
  const {option, answers} = await firstSteady((choice) => ask(original, choice));
  if (option === undefined) {
    counts[answers.length > 0 ? 'changeable' : 'silent'].push(file);
    return;
  }
  let now = await ask(edited, option);
  // Some programs answer the same twice but not ten times: groff prints its children's output as it arrives.
  for (let i = 0; i < 8 && !answers.includes(now); i++) {
    answers.push(await ask(original, option));
    now = await ask(edited, option);
  }
  if (answers.includes(now)) counts.same.push(file);
  else if (new Set(answers).size > 1) counts.changeable.push(file);
  else {
    counts.different.push(file);
    counts.failures.push(`${file} ${option}: ${answers[0]?.slice(0, 200)}; now ${now.slice(0, 200)}`);
  }
}

/** The option to compare by, and the answers so far; no option if none gets the same answer twice in time. */
async function firstSteady(
  ask: (option: string) => Promise<string>,
): Promise<{option: string | undefined; answers: string[]}> {
  let refused: {option: string; answers: string[]} | undefined;
  const changeable: string[] = [];
  for (const option of ['--version', '--help']) {
    const answers = [await ask(option), await ask(option)];
    if (answers.includes(timeout)) continue;
    if (answers[0] !== answers[1]) changeable.push(...answers);
    else if (answers[0]?.startsWith('0\n')) return {option, answers};
    else refused ??= {option, answers};
  }
  return refused ?? {option: undefined, answers: changeable};
}

const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;

const timeout = 'timeout';

/**
 * Run a program in its own session; with `home`, as nobody. When its time is up, the whole group is killed.
 *
 * @returns exit status or signal in the first line, then standard output, then standard error; or `timeout`
 */
function start(
  command: string,
  args: readonly string[],
  {limit, home}: {limit: number; home?: string},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: home ?? '/', TERM: 'dumb'},
      ...(home === undefined ? {} : {cwd: home}),
      ...(home !== undefined && isRoot ? {uid: nobody, gid: nobody} : {}),
    });
    const streams: [string, string] = ['', ''];
    [child.stdout, child.stderr].forEach((stream, i) => {
      stream.setEncoding('latin1').on('data', (chunk: string) => {
        if ((streams[i] ?? '').length < 1 << 20) streams[i] += chunk;
      });
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      killGroup(child.pid);
    }, limit);
    // A child of the child may hold the pipes open, so kill the rest of its group too.
    child.on('exit', () => setTimeout(() => killGroup(child.pid), 50).unref());
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (error.code === 'ENOENT' && !command.includes('/')) reject(new MissingTool(command));
      else resolve(`${error.code}`);
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      killGroup(child.pid);
      resolve(late ? timeout : `${status ?? signal}\n${streams.join('\n--\n')}`);
    });
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // No process is left.
  }
}

function report(t: ExecutionContext, programs: readonly Program[], counts: Counts): void {
  const names = (files: readonly string[]) =>
    files.length === 0 ? '' : `: ${files.map((file) => path.basename(file)).join(' ')}`;
  t.log(`${programs.length} programs with PT_INTERP in ${directory}`);
  t.log(`${counts.edited.length} edited without growth, and read back`);
  t.log(`${counts.newSegment.length} without slack, for a new segment${names(counts.newSegment)}`);
  t.log(`${counts.linted.length} with nothing new from eu-elflint`);
  t.log(
    `${counts.slowToLint.length} that eu-elflint does not finish in ${longestLint / 1000} s${names(counts.slowToLint)}`,
  );
  t.log(`${counts.same.length} answer --version or --help as before`);
  t.log(`${counts.different.length} answer otherwise${names(counts.different)}`);
  t.log(`${counts.changeable.length} do not always answer the same${names(counts.changeable)}`);
  t.log(`${counts.silent.length} do not answer in ${longestRun / 1000} s${names(counts.silent)}`);
  t.log(`${counts.unreadable.length} not readable by this user${names(counts.unreadable)}`);
}
