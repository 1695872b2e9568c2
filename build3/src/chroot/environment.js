import {defaultPath} from './program.js';
import {findTool} from './tools.js';

/** What loaders and C libraries read: glibc's unsecvars.h, and the rest of LD_*. */
const readByLoaders = /^(LD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|LOCPATH|MALLOC_.*|NLSPATH)$/;
/** The shell's own record of where it is, which is somewhere else inside. */
const ofThisDirectory = /^(PWD|OLDPWD)$/;
/** Split an environment into what may be set at once and what an env(1) has to set. */
export function splitEnvironment(root, wanted, onWarning) {
  const all = Object.entries(wanted).filter(
    (variable) => variable[1] !== undefined && !ofThisDirectory.test(variable[0]),
  );
  const env = Object.fromEntries(all.filter(([name]) => !readByLoaders.test(name)));
  const late = all.filter(([name]) => readByLoaders.test(name)).map(([name, value]) => `${name}=${value}`);
  if (late.length === 0) return {env, outside: [], inside: []};
  const program = ['/usr/bin/env', '/bin/env'].find((path) => root.resolve(path).found);
  if (program !== undefined) return {env, outside: [], inside: [program, ...late]};
  onWarning(`the chroot has no env program, so one of this machine sees ${late.join(' ')} too`);
  return {env, outside: [findTool('env'), ...late], inside: []};
}
/** What a command needs of the environment even when the rest is left behind. */
const essential = /^(TERM|COLORTERM|(https?|ftp|no|all)_proxy|(HTTPS?|FTP|NO|ALL)_PROXY|QEMU_\w+)$/;
/** The environment of a command that gets none of its own. */
export function chooseEnvironment(env, {keepEnv = true, variables = {}}) {
  if (keepEnv) return {...env, PATH: withAdministration(env.PATH ?? ''), ...variables};
  const kept = Object.entries(env).filter(([name]) => essential.test(name));
  return {HOME: '/root', PATH: defaultPath, ...Object.fromEntries(kept), ...variables};
}
/** An ordinary user's PATH, with the directories added at its end that dpkg wants to find its tools in. */
function withAdministration(path) {
  const own = path.split(':').filter((directory) => directory !== '');
  const missing = defaultPath.split(':').filter((directory) => !own.includes(directory));
  return [...own, ...missing].join(':');
}
//# sourceMappingURL=environment.js.map
