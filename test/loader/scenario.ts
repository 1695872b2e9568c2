/*
 * A scenario expresses a rule of the loader as files. The real loader and our resolver must both give the answer that
 * the scenario states: that they agree does not prove a rule.
 */
import {spawnSync} from 'node:child_process';
import test, {type ExecutionContext} from 'ava';
import {attemptsOf} from '../../src/loader/attempts.js';
import {type ResolveTreeOptions, resolveTreeSync} from '../../src/loader/resolve.js';
import type {ResolvedTree} from '../../src/loader/tree.js';
import {withTools} from '../helpers/tools.js';
import {askByRunning, askLoader, type Outcome, outcomeOf, type Start, Workshop} from './workshop.js';

export interface Scenario {
  /** Path of the program, in the workshop. */
  readonly program: string;
  /** What is loaded, in order: paths in the workshop, or absolute ones outside; `NAME: not found`. */
  readonly expect: readonly string[];
  /** The loader's words when it gives up. */
  readonly fatal?: string;
  /** The kinds of our reasons, for the same files. */
  readonly reasons?: readonly string[];
  /** How the real loader is started. */
  readonly start?: Start;
  /** The same for our resolver. */
  readonly options?: ResolveTreeOptions;
  /** Whether the loader lists in the order of its scopes, which a filter changes, instead of loading. */
  readonly anyOrder?: boolean;
  /** Whether the program is a reporter that is run, instead of the loader being asked for a list. */
  readonly run?: boolean;
  /** Whether to accept any message of the loader about a missing library. */
  readonly anyWords?: boolean;
}

type Builder = (w: Workshop, t: ExecutionContext) => Scenario | undefined;

/** Declare scenarios, one test each. A builder that returns nothing has said why it cannot run here. */
export function declareScenarios(libc: 'glibc' | 'musl', scenarios: Readonly<Record<string, Builder>>): void {
  for (const [title, build] of Object.entries(scenarios)) {
    test(
      `${libc}: ${title}`,
      withTools((t) => {
        const w = new Workshop();
        t.teardown(() => w.remove());
        const scenario = build(w, t);
        if (scenario === undefined) t.pass();
        else compare(t, w, scenario);
      }),
    );
  }
}

export function glibcScenarios(scenarios: Readonly<Record<string, Builder>>): void {
  declareScenarios('glibc', scenarios);
}

function compare(t: ExecutionContext, w: Workshop, scenario: Scenario): void {
  const {start, options, anyOrder = false, run: runs = false} = scenario;
  const program = w.path(scenario.program);
  const real = runs ? askByRunning(program, start, scenario.anyWords) : askLoader(program, start);
  const tree = resolveTreeSync(program, {
    preloadFile: false,
    ...(start?.cwd === undefined ? {cwd: '/'} : {cwd: start.cwd}),
    ...options,
  });
  const expected = expectation(w, scenario, anyOrder);
  t.deepEqual(normal(real, anyOrder), expected, 'the real loader');
  t.deepEqual(
    normal(runs ? asIfRun(outcomeOf(tree, true), real) : outcomeOf(tree), anyOrder),
    expected,
    'ours',
  );
  if (scenario.reasons !== undefined) t.deepEqual(reasonsOf(tree), scenario.reasons, 'reasons');
  if (tree.misses.length > 0 && !runs) compareAttempts(t, program, start, tree);
}

/**
 * A program that lacks a library does not run, so what it would have loaded is unknown; and glibc names only the first
 * one that is missing.
 */
function asIfRun(outcome: Outcome, real: Outcome): Outcome {
  const absent = outcome.files.filter((file) => file.endsWith(': not found'));
  return absent.length === 0 ? outcome : {...outcome, files: absent.slice(0, real.files.length)};
}

/** Require that every file that the real loader reports trying for a miss is one that we report, in the same order. */
function compareAttempts(
  t: ExecutionContext,
  program: string,
  start: Start | undefined,
  tree: ResolvedTree,
): void {
  const real = tracedAttempts(program, start);
  for (const miss of tree.misses) {
    const {name} = miss;
    const ours = [...attemptsOf(tree, miss)].map(({path}) => path);
    const theirs = real.get(name) ?? [];
    t.deepEqual(
      ours.filter((path) => theirs.includes(path)),
      theirs,
      `places tried for ${name}`,
    );
  }
}

function tracedAttempts(
  program: string,
  {env = {}, cwd = '/', by = [], uid}: Start = {},
): Map<string, string[]> {
  const [command = program, ...args] = by.length > 0 ? [...by, program] : [program];
  const identity = uid === undefined ? {} : {uid, gid: uid};
  const {stderr} = spawnSync(command, args, {
    cwd,
    ...identity,
    encoding: 'utf8',
    env: {...env, LD_TRACE_LOADED_OBJECTS: '1', LD_DEBUG: 'libs'},
  });
  const attempts = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of stderr.split('\n')) {
    const name = /find library=(.*?) \[0\]/.exec(line)?.[1];
    const path = /trying file=(.*)$/.exec(line)?.[1];
    if (name !== undefined) {
      current = [];
      attempts.set(name, current);
    }
    if (path !== undefined && !/\/(?:glibc-hwcaps\/.*|tls(?:\/.*)?|x86_64|haswell)\/[^/]*$/.test(path))
      current.push(path);
  }
  return attempts;
}

function expectation(w: Workshop, {expect, fatal}: Scenario, anyOrder: boolean): Outcome {
  const files = expect.map((file) => expectedPath(w, file));
  return normal({files, ...(fatal === undefined ? {} : {fatal})}, anyOrder);
}

/** `relative x` is the path x as it is; the loader names what it found in a relative directory that way. */
function expectedPath(w: Workshop, file: string): string {
  if (file.startsWith('relative ')) return file.slice('relative '.length);
  return /^\/|: not found$/.test(file) ? file : w.path(file);
}

function normal({files, fatal}: Outcome, anyOrder: boolean): Outcome {
  const ordered = anyOrder ? [...files].sort() : files;
  if (fatal === undefined) return {files: ordered};
  // After a fatal file the loader prints nothing of what it loaded before.
  return {files: [], fatal: fatal.replace(/: (?:Error 21|is a directory)$/, ': is a directory')};
}

function reasonsOf(tree: ResolvedTree): string[] {
  return tree.nodes
    .filter(({index}) => index !== 0 && index !== tree.interpreter?.node)
    .map(({reason}) => reason.kind);
}
