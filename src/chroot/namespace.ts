/*
 * User, mount and pid namespaces around one command, gone when the last process is.
 *
 *   elfinterp
 *     setpriv --pdeathsig KILL, which becomes
 *     unshare --user --mount --pid --fork --kill-child --keep-caps, with signals ignored (signals.ts)
 *       sh                  process 1 of the pid namespace: mounts, then waits
 *         the command
 *
 * Why a pid namespace: when its process 1 ends, the kernel kills all others in it, daemons that a package's
 * script started included; without it one of them would keep mounts and registrations alive. Why two death
 * signals: none of our code can run after `kill -9`, so the kernel has to do it, from elfinterp to unshare to
 * process 1. Why a shell as process 1 rather than the command itself: process 1 is shielded from signals that it
 * does not handle, and has to reap the orphans.
 *
 * The shell and elfinterp talk over descriptor 3. Only a process outside may write the id map, so the shell waits
 * for that; it keeps its capabilities meanwhile (--keep-caps makes them ambient: executing a program as an id
 * that is not mapped yet would drop them, and a later program that regains them would lose its death signal).
 * Before the command starts, the ambient ones are dropped.
 */
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {constants} from 'node:os';
import {createInterface} from 'node:readline';
import type {Duplex, Readable} from 'node:stream';
import {ElfError, systemError} from '../errors.js';
import {withoutInherited} from './inherited.js';
import {forwardSignals, signalShield} from './signals.js';
import {findTool} from './tools.js';

/** One of the command's standard streams: the caller's own, none, or an open file. */
export type Stream = 'inherit' | 'ignore' | number;

interface NamespaceOptions {
  /** Lines of shell that make the mounts, out of `step` and `attempt`. */
  readonly setup: string;
  /** What runs in the end, as a process of the mount namespace that still sees the machine's files. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: readonly [Stream, Stream, Stream];
  readonly onWarning: (message: string) => void;
  /** Whether the command is script(1), and signals are for what that runs. Default: false. */
  readonly hasOwnTerminal?: boolean | undefined;
  /**
   * Whether to create a user namespace as well; without one, the caller must be root, and keeps all rights. Default:
   * true.
   */
  readonly user?: boolean | undefined;
}

/**
 * Start the processes of a namespace; it waits for its id map.
 *
 * @throws ElfError UNSUPPORTED when this machine does not allow user namespaces
 */
export async function openNamespace(options: NamespaceOptions): Promise<Namespace> {
  const namespace = start(options);
  try {
    await namespace.expect('ready');
    return namespace;
  } catch (error) {
    namespace.close();
    throw error;
  }
}

/** Try the namespaces of a run with a command that does nothing. @returns what unshare(1) complains of */
export function whyNoNamespace(): string | undefined {
  const command = ['--user', '--keep-caps', '--mount', '--pid', '--fork', findTool('sh'), '-c', ':'];
  const options = {
    cwd: '/',
    env: {LC_ALL: 'C'},
    encoding: 'utf8',
    timeout: 10_000,
    killSignal: 'SIGKILL',
  } as const;
  const {error, status, stderr} = spawnSync(findTool('unshare'), command, options);
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim().split('\n')[0] || `unshare ended with status ${status}`);
}

/** Arguments and environment may be more than the kernel takes. */
function start(options: NamespaceOptions): Namespace {
  try {
    return new Namespace(options);
  } catch (error) {
    if (error instanceof ElfError) throw error;
    throw cannotStart(findTool('setpriv'), error);
  }
}

/**
 * What the shell starts with: the rest comes over descriptor 3, so that `ps` inside does not show it. The variables
 * have long names to stay clear of the command's environment: a shell passes on its own value of a variable that it
 * inherited.
 */
const boot = `
elfinterp_script=
while IFS= read -r elfinterp_line <&3 && [ "$elfinterp_line" != end ]; do
  elfinterp_script="$elfinterp_script$elfinterp_line
"
done
eval "$elfinterp_script"
`;

/** What each word means: `step` must succeed, `attempt` may fail and is then reported. */
const prologue = `
elfinterp_newline='
'
say() { printf '%s\n' "$*" >&3; }
proceed() { read -r elfinterp_word <&3 || exit 1; }
complain() { say "$1 $2: \${3%%"$elfinterp_newline"*}"; }
attempt() {
  elfinterp_what=$1; shift
  elfinterp_message=$("$@" 2>&1 </dev/null) || complain warning "$elfinterp_what" "$elfinterp_message"
}
step() {
  elfinterp_what=$1; shift
  elfinterp_message=$("$@" 2>&1 </dev/null) && return
  complain failed "$elfinterp_what" "$elfinterp_message"
  exit 1
}
say ready
proceed
`;

/**
 * Descriptor 4 is the command's standard error; 2 leads to elfinterp, for the shell's own messages. The parentheses
 * keep it that way: without them, the redirections would apply to the shell as well. Without the trap, Ctrl-C would set
 * the shell's exit status, whatever the command does about it.
 */
const epilogue = `
say mounted
proceed
trap : INT
( exec "$@" 2>&4 3>&- 4>&- )
exit $?
end
`;

export class Namespace {
  readonly #child: ChildProcess;
  readonly #talk: Duplex;
  readonly #lines: AsyncIterator<string>;
  readonly #exit: Promise<number>;
  readonly #closed: Promise<unknown>;
  readonly #onWarning: (message: string) => void;
  readonly #hasOwnTerminal: boolean;
  #complaint = '';

  constructor({
    setup,
    command,
    env,
    stdio: [stdin, stdout, stderr],
    onWarning,
    hasOwnTerminal = false,
    user = true,
  }: NamespaceOptions) {
    const flags = ['--mount', '--pid', '--fork', '--kill-child', ...(user ? ['--user', '--keep-caps'] : [])];
    const {ignoring, again} = signalShield();
    const shell = [...again, findTool('sh'), '-c', boot, 'elfinterp', ...command];
    const own = [stdin, stdout, 'pipe', 'pipe', stderr === 'inherit' ? 2 : stderr] as const;
    const words = ['--pdeathsig', 'KILL', ...ignoring, findTool('unshare'), ...flags, ...shell];
    this.#child = withoutInherited(own.length, (rest) =>
      spawn(findTool('setpriv'), words, {cwd: '/', env, stdio: [...own, ...rest]}),
    );
    this.#onWarning = onWarning;
    this.#hasOwnTerminal = hasOwnTerminal;
    this.#exit = exitOf(this.#child);
    // The code that awaits the exit handles its failure; until then it must not count as unhandled.
    this.#exit.catch(() => {});
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#talk = this.#pipe(3) as Duplex;
    this.#talk.on('error', () => {});
    this.#talk.write(prologue + setup + epilogue);
    const complaints = this.#pipe(2) as Readable;
    // A pipe to a process that did not start is broken, and its error is the process's.
    complaints.on('error', () => {});
    complaints.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint += text;
    });
    this.#lines = createInterface({input: this.#talk})[Symbol.asyncIterator]();
  }

  /** Whatever its types say, Node makes no pipes when this process cannot open any more files. */
  #pipe(fd: 2 | 3): Readable | Duplex {
    const stdio = this.#child.stdio as ChildProcess['stdio'] | undefined;
    const pipe = stdio?.[fd];
    if (pipe) return pipe as Readable | Duplex;
    throw tooManyFiles();
  }

  /** A process in the namespaces, by its number out here. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Let the shell continue, and wait until it says `word`. */
  async proceed(word: string): Promise<void> {
    this.#talk.write('go\n');
    await this.expect(word);
  }

  /** @throws ElfError UNSUPPORTED with what went wrong inside */
  async expect(word: string): Promise<void> {
    for (;;) {
      const line = await this.#nextLine();
      if (line === undefined) throw await this.#failure();
      if (line === word) return;
      if (line.startsWith('warning ')) this.#onWarning(line.slice('warning '.length));
      if (line.startsWith('failed ')) throw stepFailed(line.slice('failed '.length));
    }
  }

  /** Start the command and wait for its end; the signals that reach this process meanwhile go to it. */
  async run(): Promise<number> {
    const stop = forwardSignals(this.#child, this.#hasOwnTerminal);
    try {
      this.#talk.end('go\n');
      return await this.#exit;
    } finally {
      stop();
    }
  }

  /** End everything in the namespaces. */
  close(): void {
    this.#talk.destroy();
    this.#child.kill('SIGKILL');
  }

  /** The next thing that the shell says; undefined when it is gone, with an error of the socket or without. */
  async #nextLine(): Promise<string | undefined> {
    try {
      const {value, done} = await this.#lines.next();
      return done ? undefined : value;
    } catch {
      return undefined;
    }
  }

  async #failure(): Promise<ElfError> {
    // Wait not only for its end, but until all of its output has arrived.
    const [status] = await Promise.all([this.#exit, this.#closed]);
    const complaint = this.#complaint.trim().split('\n').pop();
    // unshare and the shell name the call in every language.
    if (complaint !== undefined && /\bfork\b/.test(complaint)) return noProcess(complaint);
    return new ElfError('UNSUPPORTED', 'cannot create a user namespace on this machine', {
      expected: process.geteuid?.() === 0 ? rootHint : userHint,
      got: complaint || `exit status ${status}`,
    });
  }
}

/** `value` is what was tried, for callers that know more about it. */
function stepFailed(line: string): ElfError {
  const [what = '', ...message] = line.split(': ');
  return new ElfError('UNSUPPORTED', `cannot ${what}`, {got: message.join(': '), value: what});
}

function cannotStart(program: string, error: unknown): ElfError {
  const {code, message, path = program} = error as NodeJS.ErrnoException;
  if (code === 'EAGAIN') return noProcess(message);
  if (code === 'E2BIG') return tooLong(error);
  if (code === 'EMFILE') return tooManyFiles(error);
  // What a standard stream would be opened on has no name in the error.
  const missing = code === 'ENOENT' && !existsSync('/dev/null') ? '/dev/null' : path;
  return systemError(missing, error, missing === program ? 'cannot start' : 'cannot start a process');
}

function tooLong(cause: unknown): ElfError {
  return new ElfError('UNSUPPORTED', 'the command and its environment are too long for the kernel', {
    expected: 'at most 128 KiB in one argument or variable, and a quarter of `ulimit -s` in all of them',
    cause,
  });
}

function tooManyFiles(cause?: unknown): ElfError {
  return new ElfError('FILE_SYSTEM', 'too many open files to start a process', {
    expected: 'a higher `ulimit -n`',
    cause,
  });
}

function noProcess(got: string): ElfError {
  return new ElfError('UNSUPPORTED', 'cannot start another process', {
    expected: 'fewer processes of this user, or a higher limit (ulimit -u, pids.max of the cgroup)',
    got,
  });
}

const rootHint =
  'user.max_user_namespaces above 0, no chroot around this process, and in a container --privileged';
const userHint =
  'unprivileged user namespaces allowed (kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces above 0), and no chroot around this process';

/** The exit status as a shell reports it: 128 plus the signal's number if a signal ended it. */
function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(cannotStart(child.spawnfile, error)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
