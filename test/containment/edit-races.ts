/*
 * Root edits a file of another user, who meanwhile exchanges the names of files and directories. Each round is one
 * command and one attack; afterwards nothing outside the user's directory may have been read, changed, made or removed.
 */
import {type ChildProcess, type ChildProcessByStdio, fork, spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import type {Readable, Writable} from 'node:stream';
import {fileURLToPath} from 'node:url';
import {projectDirectory} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {entriesBelow} from '../helpers/entries.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {output} from '../helpers/tools.js';
import {filesWithSecret, secret, snapshot} from './place.js';

/** The owner of the directory: any number but root's. */
const owner = 12_345;

const interpreter = '/debootstrap/qemu-libs/ld.so';

/** A program to be run on `prog`, alone or in the directory `sub`. */
const commands = {
  set: {program: 'cli', args: (file: string) => ['set', file, interpreter]},
  edit: {program: 'cli', args: (file: string) => ['edit', '--rpath', '/x', file]},
  'edit --in-place': {program: 'cli', args: (file: string) => ['edit', '--in-place', '--rpath', '/x', file]},
  'set --output': {
    program: 'cli',
    args: (file: string, home: string) => ['set', file, interpreter, '--output', join(home, 'out/result')],
  },
  'elfinterp-patchelf': {program: 'patchelf', args: (file: string) => ['--set-rpath', '/x', file]},
  'elfinterp-chrpath': {program: 'chrpath', args: (file: string) => ['-r', '/x', file]},
} as const;

/** What is replaced by a link to the outside; `output` means the file and directory of --output. */
const attacks = ['workspace', 'file', 'directory', 'output file', 'output directory'] as const;

export interface EditRace {
  readonly command: keyof typeof commands;
  readonly attack: (typeof attacks)[number];
}

export const editRaces: readonly EditRace[] = (Object.keys(commands) as EditRace['command'][]).flatMap(
  (command) =>
    attacks
      .filter((attack) => command === 'set --output' || !attack.startsWith('output'))
      .map((attack) => ({command, attack})),
);

/** The results of a race. */
export interface EditRaceResult {
  readonly rounds: number;
  readonly swaps: number;
  readonly refused: number;
  /** What got out, each with its round. */
  readonly escapes: readonly string[];
}

/** The participants of races: a worker that is root, and a swapper that is not. */
export class EditRaces {
  readonly #base: string;
  readonly #worker: ChildProcess;
  readonly #swapper: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  /** @param project the one whose code is run; this one by default */
  constructor(base: string, project = projectDirectory) {
    this.#base = base;
    chmodSync(base, 0o755);
    makeOutside(base);
    const swapper = join(base, 'swapper');
    output('gcc', ['-O1', '-o', swapper, join(projectDirectory, 'test/containment/edit-swapper.c')]);
    this.#swapper = spawn(swapper, [String(owner)], {stdio: ['pipe', 'pipe', 'inherit']});
    this.#answers = createInterface(this.#swapper.stdout)[Symbol.asyncIterator]();
    this.#worker = fork(fileURLToPath(new URL('edit-worker.js', import.meta.url)), [project], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
  }

  async run(race: EditRace, rounds: number): Promise<EditRaceResult> {
    if (this.#worker.connected && this.#isNew) await once(this.#worker, 'message');
    this.#isNew = false;
    const outside = join(this.#base, 'outside');
    const before = snapshot(outside);
    const result = {rounds, swaps: 0, refused: 0, escapes: [] as string[]};
    for (let round = 0; round < rounds; round++) {
      const settings = settingsOf(round);
      const home = makeHome(this.#base, settings);
      this.#swapper.stdin.write(`${attackLine(race, home, outside, settings)}\n`);
      await this.#answers.next();
      const status = await this.#edit(race, home);
      this.#swapper.stdin.write('\n');
      result.swaps += Number((await this.#answers.next()).value);
      if (status !== 0) result.refused += 1;
      for (const what of escapesFrom(home, outside, before)) result.escapes.push(`round ${round}: ${what}`);
      if (snapshot(outside) !== before) break;
    }
    return result;
  }

  #isNew = true;

  async #edit({command, attack}: EditRace, home: string): Promise<number> {
    const {program, args} = commands[command];
    const file = join(home, attack === 'directory' ? 'sub/prog' : 'prog');
    this.#worker.send({program, args: args(file, home)});
    const [status] = await once(this.#worker, 'message');
    return status as number;
  }

  close(): void {
    this.#worker.kill();
    this.#swapper.kill();
  }
}

interface Settings {
  readonly size: 'small' | 'large';
  readonly trigger: 'event' | 'timer';
  /** From 0 to 5 milliseconds. */
  readonly microseconds: number;
  readonly times: number;
  /** Whether the names that are looked for exist outside. */
  readonly into: 'full' | 'empty';
}

/** Every combination takes its turn, with varying delays. */
function settingsOf(round: number): Settings {
  return {
    size: round % 2 === 0 ? 'small' : 'large',
    trigger: (round >> 1) % 2 === 0 ? 'event' : 'timer',
    into: (round >> 2) % 2 === 0 ? 'full' : 'empty',
    times: [1, 2, 0][round % 3] ?? 1,
    microseconds: ((round * 37) % 501) * 10,
  };
}

function attackLine({attack, command}: EditRace, home: string, outside: string, settings: Settings): string {
  const {size, trigger, microseconds, times, into} = settings;
  const at = (name: string) => join(home, name);
  const target = join(outside, into === 'full' ? size : into);
  const rest = `${trigger} ${microseconds} ${times}`;
  const exchange = (watched: string, name: string, to: string) => {
    symlinkSync(to, `${at(name)}-link`);
    lchownSync(`${at(name)}-link`, owner, owner);
    return `exchange ${at(watched)} ${at(name)} ${at(name)}-link ${rest}`;
  };
  if (attack === 'workspace')
    return `workspace ${command === 'set --output' ? at('out') : home} - ${target} ${rest}`;
  if (attack === 'file') return exchange('.', 'prog', join(outside, size, 'prog'));
  if (attack === 'directory') return exchange('sub', 'sub', join(outside, size));
  if (attack === 'output file') return exchange('out', 'out/result', join(outside, size, 'prog'));
  return exchange('.', 'out', target);
}

const small = edit(fixtureBytes('x86_64/probe-pie'), {rpath: '/a/search/path/that/is/long/enough'});
const contents = {small, large: Buffer.concat([small, Buffer.alloc(300_000, 'more')])};

/** The same program, with the secret in the middle of its code. */
function withSecret(content: Buffer): Buffer {
  const copy = Buffer.from(content);
  copy.write(secret, copy.indexOf('BSS DIRTY'));
  return copy;
}

/** Files of root's that nobody else may read, by every name that a run could look for. */
function makeOutside(base: string): void {
  for (const size of ['small', 'large'] as const) {
    const directory = join(base, 'outside', size);
    mkdirSync(join(directory, 'deep/deeper'), {recursive: true});
    for (const name of ['prog', 'result', '3', '4', 'deep/deeper/file'])
      writeFileSync(join(directory, name), withSecret(contents[size]), {mode: 0o600});
  }
  mkdirSync(join(base, 'outside/empty'));
}

function makeHome(base: string, {size}: Settings): string {
  const home = join(base, 'home');
  rmSync(home, {recursive: true, force: true});
  for (const directory of [home, join(home, 'sub'), join(home, 'out')]) {
    mkdirSync(directory);
    chownSync(directory, owner, owner);
  }
  for (const name of ['prog', 'sub/prog', 'out/result']) {
    writeFileSync(join(home, name), contents[size], {mode: 0o755});
    chownSync(join(home, name), owner, owner);
  }
  return home;
}

function escapesFrom(home: string, outside: string, before: string): string[] {
  const made = entriesBelow(home)
    .filter((entry) => !entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const {uid, mode} = lstatSync(path);
      return uid === 0 && (mode & 0o7077) !== 0;
    });
  return [
    ...filesWithSecret(home).map((file) => `${file} holds what only root may read`),
    ...made.map((name) => `${name} is root's, and not private`),
    ...(snapshot(outside) === before ? [] : ['what is outside was changed']),
  ];
}
