/*
 * Signals sent to elfinterp belong to the command that it runs.
 *
 * A terminal sends its signals to every process of the foreground group, so the command has had its own copy of
 * Ctrl-C; passing on ours would interrupt it twice. Such a signal cannot be told from one of kill(1), so SIGINT
 * and SIGQUIT are passed on only when we are not in a terminal's foreground.
 */
import type {ChildProcess} from 'node:child_process';
import {readFileSync} from 'node:fs';

const passedOn = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const fromTerminal = ['SIGINT', 'SIGQUIT'] as const;

/** Pass signals on to the command of a namespace whose outermost process is `unshare`, until the result is called. */
export function forwardSignals(unshare: ChildProcess): () => void {
  const pass = (signal: NodeJS.Signals) => {
    const command = commandOf(unshare.pid ?? -1);
    if (command === undefined) unshare.kill('SIGKILL');
    else send(command, signal);
  };
  const passUnlessTerminal = (signal: NodeJS.Signals) => {
    if (!inForeground()) pass(signal);
  };
  for (const signal of passedOn) process.on(signal, pass);
  for (const signal of fromTerminal) process.on(signal, passUnlessTerminal);
  return () => {
    for (const signal of passedOn) process.off(signal, pass);
    for (const signal of fromTerminal) process.off(signal, passUnlessTerminal);
  };
}

/** The first child of process 1 of the namespace, by its number out here. */
function commandOf(unshare: number): number | undefined {
  const [shell] = childrenOf(unshare);
  return shell === undefined ? undefined : childrenOf(shell)[0];
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
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [, , pgrp, , terminal, tpgid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return terminal !== '0' && tpgid === pgrp;
}
