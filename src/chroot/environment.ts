/*
 * The command's environment, and why the machine's programs must not see all of it.
 *
 * LD_PRELOAD=libfakeroot-sysv.so means the chroot's library. But the last program before the command is one of
 * this machine (it enters the chroot and then becomes the command), and its loader would read the variable too:
 * "object 'libfakeroot-sysv.so' cannot be preloaded" at best. So variables that a C library reads at start are
 * kept from it, and env(1) of the chroot sets them.
 */
import {lookInside} from './inside.js';

export interface GuestEnvironment {
  /** For the programs of this machine on the way in, and for the command. */
  readonly env: Readonly<Record<string, string>>;
  /** What stands before the command. */
  readonly prefix: readonly string[];
}

/** What loaders and C libraries read: glibc's unsecvars.h, and the rest of LD_*. */
const readByLoaders = /^(LD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|LOCPATH|MALLOC_.*|NLSPATH)$/;

/** Split an environment into what may be set at once and what the chroot's env(1) has to set. */
export function splitEnvironment(
  root: string,
  wanted: Readonly<Record<string, string | undefined>>,
  onWarning: (message: string) => void,
): GuestEnvironment {
  const all = Object.entries({...wanted, PWD: undefined, OLDPWD: undefined}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const late = all.filter(([name]) => readByLoaders.test(name));
  if (late.length === 0) return {env: Object.fromEntries(all), prefix: []};
  const program = ['/usr/bin/env', '/bin/env'].find((path) => lookInside(root, path) !== undefined);
  if (program === undefined) {
    onWarning(
      `the chroot has no env program: programs of this machine see ${late.map(([name]) => name).join(', ')} too`,
    );
    return {env: Object.fromEntries(all), prefix: []};
  }
  return {
    env: Object.fromEntries(all.filter(([name]) => !readByLoaders.test(name))),
    prefix: [program, ...late.map(([name, value]) => `${name}=${value}`)],
  };
}
