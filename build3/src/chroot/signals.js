import {readFileSync} from 'node:fs';

const passedOn = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
const fromTerminal = ['SIGINT', 'SIGQUIT'];
/** Pass signals on to the command of a namespace whose outermost process is `unshare`, until the result is called. */
export function forwardSignals(unshare) {
  const pass = (signal) => {
    const command = commandOf(unshare.pid ?? -1);
    if (command === undefined) unshare.kill('SIGKILL');
    else send(command, signal);
  };
  const passUnlessTerminal = (signal) => {
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
function commandOf(unshare) {
  const [shell] = childrenOf(unshare);
  return shell === undefined ? undefined : childrenOf(shell)[0];
}
function childrenOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended a moment ago.
  }
}
/** Whether a controlling terminal exists and our process group is its foreground group (proc(5), stat). */
function inForeground() {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [, , pgrp, , terminal, tpgid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return terminal !== '0' && tpgid === pgrp;
}
//# sourceMappingURL=signals.js.map
