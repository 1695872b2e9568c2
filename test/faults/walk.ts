/*
 * Walk the system calls of a command: run it once undisturbed under strace and list each call that touches the files it
 * works on; then run it again for each call and each fault, with the call failing or the process killed on entry to it,
 * and ask the scenario what became of its files. (A kill before the next call is a kill after this one.)
 *
 * strace counts the calls of a name separately for each thread and process, so only the process itself is followed (-b
 * execve detaches its children) and the thread pool has one thread. Programs that it starts are walked separately: a
 * wrapper, mounted over them for this run only, runs them under strace.
 */
import {strict as assert} from 'node:assert';
import {spawn} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {strace} from '../helpers/strace.js';
import {output} from '../helpers/tools.js';

/** A command to walk. Every run gets its own directory, which the scenario fills. */
export interface Scenario {
  readonly name: string;
  /** Make the old state in an empty directory. @returns the command line to walk */
  setUp(directory: string): readonly string[];
  /**
   * Say which state the files are in. @throws Error if they are in neither, or the run reported something untrue about
   * them
   */
  check(directory: string, ended: Ended): 'old' | 'new';
  /** Run again as a user would, and see that nothing is left of the run before. @throws Error */
  runAgain(directory: string): void;
  /** Programs that the command starts, to be walked too. */
  readonly tools?: readonly string[];
  /** More environment variables for the run. */
  environment?(directory: string): Readonly<Record<string, string>>;
  /** Whether a line of strace concerns the scenario; by default, whether it names the directory. */
  concerns?(line: string, directory: string): boolean;
}

/** How a run ended. */
export interface Ended {
  readonly status: number | null;
  readonly killed: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it had to be stopped because it did not end by itself. */
  readonly hung: boolean;
  /** What was done to it, as in `rename: EIO`. */
  readonly fault: string;
}

/** Require that a run ends with a known status and, if it failed, an error message. @throws Error */
export function requireWords({status, stderr}: Ended): void {
  assert.ok(status === 0 || status === 1, `exit status ${status}: ${stderr}`);
  assert.doesNotMatch(stderr, /internal error|^ +at /m);
  if (status === 1) assert.match(stderr, /^elfinterp: .+: .+$/m, 'an error without a message');
}

/** A system call of the undisturbed run. */
interface Step {
  /** The program whose call it is: `node`, or a tool. */
  readonly program: string;
  readonly call: string;
  /** Which of its calls of that name, from 1. */
  readonly nth: number;
  /** The call as strace shows it. */
  readonly line: string;
}

/** A call, and what happens to it. */
export interface Point extends Step {
  /** An error number, or KILL. */
  readonly fault: string;
}

/** The result of one point. */
export interface Result {
  readonly point: Point;
  readonly ended: Ended;
  readonly state: 'old' | 'new' | 'missed' | 'damaged';
  /** The problem that the scenario found. */
  readonly problem?: string;
}

/** The faults to inject into a call; fewer for one that only reads. */
function faultsOf({call, line}: Step): readonly string[] {
  if (/^(p?read(64|link)?|[a-z]*stat[a-z]*|access|getdents64|lseek|close)$/.test(call))
    return ['KILL', 'EIO'];
  if (call === 'openat' && line.includes('O_RDONLY')) return ['KILL', 'EIO', 'EACCES'];
  return ['KILL', 'ENOSPC', 'EIO', 'EACCES', 'EROFS'];
}

/** How long a run may take, in milliseconds; the slowest takes about a second. */
const patience = 60_000;

const tracedCalls = '%file,%desc,%process,pipe2,socketpair,mount,umount2,unshare,setns,pivot_root,chroot';

/** Calls that no file system makes fail, or that strace must not stop. */
const passed = new Set([
  'execve',
  'exit',
  'exit_group',
  'wait4',
  'waitid',
  'mmap',
  'fcntl',
  'epoll_ctl',
  'epoll_wait',
  'epoll_pwait',
  'poll',
  'dup2',
  'dup3',
]);

/** List every point of a scenario. */
export async function listPoints(scenario: Scenario): Promise<Point[]> {
  const steps = await inDirectory(async (directory, scratch) => {
    const command = scenario.setUp(directory);
    const log = path.join(scratch, 'node');
    const options = ['-y', '-s', '40', '-e', `trace=${tracedCalls}`];
    const tools = wrapTools(scenario, scratch, options);
    const {status, stderr} = await execute(
      [...tools, ...traced(log, options, command)],
      scenario.environment?.(directory),
    );
    if (status !== 0) throw new Error(`${scenario.name}: the undisturbed run failed: ${stderr}`);
    return ['node', ...(scenario.tools ?? [])].flatMap((program) => {
      const text = readFileSync(path.join(scratch, program), 'utf8');
      // Calls before Node opens the script, and how it handles their failure, are Node's own.
      const start = program === 'node' ? text.search(/ openat\(.*\/elfinterp\.js"/) : 0;
      return stepsIn(text, program, start, (line) => concerns(scenario, line, directory));
    });
  });
  return steps.flatMap((step) => faultsOf(step).map((fault) => ({...step, fault})));
}

function stepsIn(
  log: string,
  program: string,
  start: number,
  isConcerned: (line: string) => boolean,
): Step[] {
  const counts = new Map<string, number>();
  const steps = new Map<string, Step>();
  /** Calls of Node itself. */
  const nodesOwn = new Set<string>();
  let at = 0;
  for (const text of log.split('\n')) {
    at += text.length + 1;
    const [, thread = '', line = '', call = ''] = /^(\d+) +((\w+)\(.*)$/.exec(text) ?? [];
    if (call === '' || passed.has(call)) continue;
    const nth = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, nth);
    // For strace, the same number in another thread is the same point.
    const key = `${call} ${nth}`;
    if (at < start || line.includes('CLONE_THREAD')) nodesOwn.add(key);
    else if (isConcerned(line)) steps.set(key, {program, call, nth, line});
  }
  return [...steps].filter(([key]) => !nodesOwn.has(key)).map(([, step]) => step);
}

/** Run one point and judge it. */
export async function runPoint(scenario: Scenario, point: Point): Promise<Result> {
  return inDirectory(async (directory, scratch) => {
    const command = scenario.setUp(directory);
    const how = point.fault === 'KILL' ? 'signal=KILL' : `error=${point.fault}`;
    const injection = [
      '-y',
      '-e',
      `trace=${point.call}`,
      '-e',
      `inject=${point.call}:${how}:when=${point.nth}`,
    ];
    const inTool = point.program !== 'node';
    const tools = inTool ? wrapTools(scenario, scratch, injection, point.program) : [];
    const log = path.join(scratch, point.program);
    const ended = await execute(
      [...tools, ...(inTool ? command : traced(log, injection, command))],
      scenario.environment?.(directory),
    );
    const seen = existsSync(log) ? readFileSync(log, 'utf8') : '';
    const isKilled = seen.includes('+++ killed by SIGKILL +++');
    const full = {...ended, killed: isKilled && !inTool, fault: `${point.call}: ${point.fault}`};
    if (!wasHit(scenario, seen, directory)) return {point, ended: full, state: 'missed'};
    return judge(scenario, point, directory, full);
  });
}

/** Whether the call that was hit concerns the scenario: the number of Node's own calls before it varies. */
function wasHit(scenario: Scenario, log: string, directory: string): boolean {
  const lines = log.split('\n').map((line) => line.replace(/^\d+ +/, ''));
  const killed = lines.findIndex((line) => line.includes('+++ killed by SIGKILL'));
  const hits = [...lines.filter((line) => line.includes('(INJECTED)')), lines[killed - 1] ?? ''];
  return hits.some((line) => concerns(scenario, line, directory));
}

function concerns(scenario: Scenario, line: string, directory: string): boolean {
  return scenario.concerns?.(line, directory) ?? line.includes(directory);
}

function judge(scenario: Scenario, point: Point, directory: string, ended: Ended): Result {
  try {
    if (ended.hung) throw new Error(`the run did not end in ${patience / 1000} s`);
    const state = scenario.check(directory, ended);
    scenario.runAgain(directory);
    return {point, ended, state};
  } catch (error) {
    return {point, ended, state: 'damaged', problem: (error as Error).message};
  }
}

/** Run many points, two at a time. */
export async function runPoints(
  scenario: Scenario,
  points: readonly Point[],
  report: (result: Result) => void = () => {},
): Promise<Result[]> {
  const results: Result[] = [];
  const rest = points.entries();
  const work = async () => {
    for (const [i, point] of rest) {
      let result = await runPoint(scenario, point);
      // Sometimes Node itself makes one call more or fewer before the first that counts.
      for (const more of [0, 1, -1]) {
        if (result.state !== 'missed') break;
        result = await runPoint(scenario, {...point, nth: point.nth + more});
      }
      results[i] = result;
      report(result);
    }
  };
  await Promise.all([work(), work()]);
  return results;
}

function traced(log: string, options: readonly string[], command: readonly string[]): string[] {
  // Append, because a tool may be started more than once.
  return strace('-f', '-b', 'execve', '-A', '-o', log, ...options, ...command);
}

/** Run the tools of a scenario under strace. @returns the words to put before the command line for that */
function wrapTools(
  {tools = []}: Scenario,
  scratch: string,
  options: readonly string[],
  only?: string,
): readonly string[] {
  const mounts = tools
    .filter((one) => only === undefined || one === only)
    .map((tool) => {
      const real = output('sh', ['-c', 'readlink -f "$(command -v "$0")"', tool]).trim();
      const [copy, wrapper] = [path.join(scratch, `real-${tool}`), path.join(scratch, `wrapped-${tool}`)];
      copyFileSync(real, copy);
      const words = traced(path.join(scratch, tool), options, [copy]).map((word) => `'${word}'`);
      writeFileSync(wrapper, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
      chmodSync(wrapper, 0o755);
      return `mount --bind '${wrapper}' '${real}'`;
    });
  if (mounts.length === 0) return [];
  const as = process.geteuid?.() === 0 ? [] : ['--map-root-user'];
  return ['unshare', '--mount', ...as, 'sh', '-c', [...mounts, 'exec "$@"'].join(' && '), 'sh'];
}

function execute(
  [program = '', ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Omit<Ended, 'fault'>> {
  return new Promise((resolve, reject) => {
    // Use a separate process group, so that killing it also kills whatever it started: strace leaves its tracees
    // running.
    const child = spawn(program, args, {
      detached: true,
      env: {
        ...process.env,
        LC_ALL: 'C',
        UV_THREADPOOL_SIZE: '1',
        NODE_DISABLE_COMPILE_CACHE: '1',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let hung = false;
    const stop = setTimeout(() => {
      hung = true;
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    }, patience);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(stop);
      resolve({status, killed: false, stdout, stderr, hung});
    });
  });
}

async function inDirectory<T>(use: (directory: string, scratch: string) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'elfinterp-faults-'));
  const directory = path.join(scratch, 'files');
  mkdirSync(directory, {mode: 0o755});
  try {
    return await use(directory, scratch);
  } finally {
    rmSync(scratch, {recursive: true, force: true});
  }
}
