/*
 * The command's environment, and why the machine's programs must not see all of it.
 *
 * LD_PRELOAD=libfakeroot-sysv.so means the chroot's library. But the last program before the command is one of this
 * machine (it enters the chroot and then becomes the command), and its loader would read the variable too: "object
 * 'libfakeroot-sysv.so' cannot be preloaded" at best. So variables that a C library reads at startup are hidden from
 * it, and the chroot's env(1) sets them.
 *
 * A shell is on the way too (namespace.ts), and another one if the command has its own terminal. dash drops variables
 * whose names it considers invalid, such as INPUT_NODE-VERSION, so they get other names until the last shell has run.
 */
import type {Root} from '../loader/root.js';
import {defaultPath} from './program.js';
import {findTool} from './tools.js';

interface GuestEnvironment {
  /** For every program on the way, and for the command. */
  readonly env: Readonly<Record<string, string>>;
  /** What precedes the last program of the machine, and what precedes the command: empty, or an env(1). */
  readonly outside: readonly string[];
  readonly inside: readonly string[];
}

/** What loaders and C libraries read: the part of glibc's unsecvars.h that matters here, and all of LD_*. */
const readByLoaders = /^(LD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|LOCPATH|MALLOC_.*|NLSPATH)$/;

/** The shell's record of its working directory, which is another one inside. */
const ofThisDirectory = /^(PWD|OLDPWD)$/;

/**
 * Split an environment into what may be set at once and what an env(1) has to set.
 *
 * @param cwd where the command starts inside; the last shell on the way was in `/`
 */
export function splitEnvironment(
  root: Root,
  wanted: Readonly<Record<string, string | undefined>>,
  cwd: string,
  onWarning: (message: string) => void,
): GuestEnvironment {
  const own = Object.entries(wanted).filter(
    (variable): variable is [string, string] =>
      variable[1] !== undefined && !ofThisDirectory.test(variable[0]),
  );
  const all = cwd === '/' ? own : [...own, ['PWD', cwd] as const];
  const {env, outside} = pastShells(all.filter(([name]) => !readByLoaders.test(name)));
  const late = all.filter(([name]) => readByLoaders.test(name)).map(([name, value]) => `${name}=${value}`);
  if (late.length === 0) return {env, outside, inside: []};
  const program = ['/usr/bin/env', '/bin/env'].find((path) => root.resolve(path).found);
  if (program !== undefined) return {env, outside, inside: [program, ...late]};
  onWarning(`the chroot has no env program, so env of this machine is used, and also gets ${late.join(' ')}`);
  return {env, outside: [...outside, findTool('env'), ...late], inside: []};
}

/** Names that a shell passes on unchanged: valid in POSIX, and not among those that it sets itself. */
const passedByShells = /^(?!(?:IFS|OPTIND|PPID|PWD|OLDPWD)$)[A-Za-z_]\w*$/;

/**
 * Take an environment past the shells on the way.
 *
 * @returns the environment for the shells, and what precedes the first command after them: nothing, or what restores
 *   the rest. No lasting command line contains the values, where every user could read them.
 */
export function pastShells(
  all: readonly (readonly [string, string])[],
): Pick<GuestEnvironment, 'env' | 'outside'> {
  const plain = all.filter(([name]) => passedByShells.test(name));
  const carried = all
    .filter(([name]) => !passedByShells.test(name))
    .map(([name, value], i) => [`elfinterp_variable_${i}`, `${name}=${value}`] as const);
  if (carried.length === 0) return {env: Object.fromEntries(plain), outside: []};
  const names = carried.map(([name]) => name);
  const values = names.map((name) => `"$${name}"`).join(' ');
  const restore = `set -- ${values} "$@"; unset ${names.join(' ')}; exec "$0" -- "$@"`;
  return {
    env: Object.fromEntries([...plain, ...carried]),
    outside: [findTool('sh'), '-c', restore, findTool('env')],
  };
}

/** What a command needs of the environment even when the rest is left out. */
const essential = /^(TERM|COLORTERM|(https?|ftp|no|all)_proxy|(HTTPS?|FTP|NO|ALL)_PROXY|QEMU_\w+)$/;

/** The environment of a command for which none is given. */
export function chooseEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  {
    keepEnv = true,
    variables = {},
  }: {keepEnv?: boolean | undefined; variables?: Readonly<Record<string, string>> | undefined},
): Readonly<Record<string, string | undefined>> {
  if (keepEnv) return {...env, PATH: withAdministration(env.PATH ?? ''), ...variables};
  const kept = Object.entries(env).filter(([name]) => essential.test(name));
  return {HOME: '/root', PATH: defaultPath, ...Object.fromEntries(kept), ...variables};
}

/** An ordinary user's PATH, followed by the directories in which dpkg expects its tools. */
function withAdministration(path: string): string {
  const own = path.split(':').filter((directory) => directory !== '');
  const missing = defaultPath.split(':').filter((directory) => !own.includes(directory));
  return [...own, ...missing].join(':');
}
