/*
 * Signals sent to elfinterp belong to the command that it runs.
 *
 * A terminal sends its signals to every process of the foreground group, so the command has had its own copy of
 * Ctrl-C; passing on ours would interrupt it twice. Such a signal cannot be told from one of kill(1), so SIGINT
 * and SIGQUIT are passed on only when we are not in a terminal's foreground, or the command has a terminal of its own.
 *
 * `unshare` is in that group too, and killing it kills everything in its namespaces. So an env(1) that can do that
 * starts it with all of these signals ignored, and a second one restores their default actions for what it starts: a
 * shell cannot (POSIX, trap), and Node starts every process with the defaults.
 */
import {type ChildProcess, spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {findTool} from './tools.js';

const passedOn = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const fromTerminal = ['SIGINT', 'SIGQUIT'] as const;
const ending = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

/**
 * Do work that undoes itself when interrupted: a signal aborts it, and ends this process once it is done.
 *
 * @param work gets the AbortSignal
 */
export async function untilSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let caught: NodeJS.Signals | undefined;
  const abort = (signal: NodeJS.Signals) => {
    caught = signal;
    controller.abort();
  };
  for (const signal of ending) process.on(signal, abort);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of ending) process.off(signal, abort);
    if (caught !== undefined) process.kill(process.pid, caught);
  }
}

/**
 * What precedes a command that should ignore these signals, and what precedes the one it starts, which gets their
 * default actions back.
 */
export interface SignalShield {
  readonly ignoring: readonly string[];
  readonly again: readonly string[];
}

/** None where env(1) has no such options: before coreutils 8.31, and in busybox. */
export function signalShield(): SignalShield {
  const env = findTool('env');
  const names = [...passedOn, ...fromTerminal].map((signal) => signal.slice('SIG'.length)).join();
  const [ignoring, again] = [`--ignore-signal=${names}`, `--default-signal=${names}`];
  const {status} = spawnSync(env, [ignoring, again], {stdio: 'ignore', cwd: '/', env: {}});
  return status === 0 ? {ignoring: [env, ignoring], again: [env, again]} : {ignoring: [], again: []};
}

/**
 * Pass signals on to the command of a namespace whose outermost process is `unshare`, until the result is called.
 *
 * @param hasOwnTerminal whether the command is below a script(1), which would take them for its own
 */
export function forwardSignals(unshare: ChildProcess, hasOwnTerminal: boolean): () => void {
  const pass = (signal: NodeJS.Signals) => {
    const command = commandOf(unshare.pid ?? -1, hasOwnTerminal ? 3 : 2);
    if (command === undefined) unshare.kill('SIGKILL');
    else send(command, signal);
  };
  const passUnlessTerminal = (signal: NodeJS.Signals) => {
    if (hasOwnTerminal || !inForeground()) pass(signal);
  };
  for (const signal of passedOn) process.on(signal, pass);
  for (const signal of fromTerminal) process.on(signal, passUnlessTerminal);
  return () => {
    for (const signal of passedOn) process.off(signal, pass);
    for (const signal of fromTerminal) process.off(signal, passUnlessTerminal);
  };
}

/** The first child of process 1 of the namespace, or a child of that, by its number out here. */
function commandOf(unshare: number, depth: number): number | undefined {
  const [child] = childrenOf(unshare);
  return child === undefined || depth === 1 ? child : commandOf(child, depth - 1);
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended a moment ago.
  }
}

/** Whether a controlling terminal exists and our process group is its foreground group (proc(5), stat). */
function inForeground(): boolean {
  const {hasTerminal, isForeground} = jobOf();
  return hasTerminal && isForeground;
}

/**
 * Whether a controlling terminal exists and another process group is its foreground group: changing its settings would
 * stop this process.
 */
export function inBackground(): boolean {
  const {hasTerminal, isForeground} = jobOf();
  return hasTerminal && !isForeground;
}

function jobOf(): {hasTerminal: boolean; isForeground: boolean} {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [, , pgrp, , terminal, tpgid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {hasTerminal: terminal !== '0', isForeground: tpgid === pgrp};
}
