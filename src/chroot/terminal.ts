/*
 * The caller's terminal, and what a guest could do with it.
 *
 * ioctl(TIOCSTI) puts characters into the input of one's own terminal as if they had been typed. When the guest has
 * ended, the caller's shell reads and runs them, with the caller's rights. Linux 6.2 has a switch against it
 * (dev.tty.legacy_tiocsti, tty(4)); older kernels have none. Unless it is off, the guest gets a pseudo-terminal of its
 * own, as with `su --pty`: script(1) copies between the two and does not pass on the outer one. For that it makes the
 * outer one raw, which stops a job in the background (termios(3), SIGTTOU); such a job gets a warning instead.
 */
import {readFileSync} from 'node:fs';
import {isatty} from 'node:tty';
import {singleQuoted} from '../source/shell-word.js';
import {inBackground} from './signals.js';
import {findTool, hasTool} from './tools.js';

/**
 * Put a command into a terminal of its own where the kernel lets it type into the caller's.
 *
 * @param streams standard input, output and error by their descriptors; undefined for one that is not passed on
 */
export function inOwnTerminal(
  command: readonly string[],
  streams: readonly (number | undefined)[],
  shell: string | undefined,
  onWarning: (message: string) => void,
): readonly string[] {
  if (!hasTerminal(streams) || !mayType()) return command;
  const isWhole = streams.every((fd) => fd !== undefined && isatty(fd));
  if (isWhole && hasTool('script') && !inBackground()) return throughScript(command, shell);
  onWarning(
    'the command can insert input into this terminal: to prevent that, set sysctl dev.tty.legacy_tiocsti=0, or run it in the foreground and without redirections so that script (package bsdutils) gives it its own terminal',
  );
  return command;
}

/** Whether one of the streams is a terminal. */
function hasTerminal(streams: readonly (number | undefined)[]): boolean {
  return streams.some((fd) => fd !== undefined && isatty(fd));
}

/** Whether TIOCSTI is allowed, as on every kernel that has no switch for it. */
function mayType(): boolean {
  try {
    return readFileSync('/proc/sys/dev/tty/legacy_tiocsti', 'utf8').trim() !== '0';
  } catch {
    return true;
  }
}

/**
 * script(1) starts the command with $SHELL, which may be any shell, so SHELL is sh for script(1) and restored for the
 * command. It takes the command as one argument, and the kernel none above 128 KiB, so the line is in variables.
 */
function throughScript(command: readonly string[], shell: string | undefined): readonly string[] {
  const restore = shell === undefined ? 'unset SHELL' : `SHELL=${singleQuoted(shell)}`;
  const pieces = command.map(singleQuoted).join(' ').match(longestPiece) ?? [];
  const names = pieces.map((_, i) => `elfinterp_command_${i}`);
  const line = names.map((name) => `$${name}`).join('');
  const start = `${restore}; eval "unset ${names.join(' ')}; exec ${line}"`;
  const options = ['--quiet', '--return', '--command', start, '/dev/null'];
  const variables = pieces.map((piece, i) => `${names[i]}=${piece}`);
  return [findTool('env'), `SHELL=${findTool('sh')}`, ...variables, findTool('script'), ...options];
}

/** In whole characters, of up to four bytes each. */
const longestPiece = /.{1,30000}/gsu;
