var __addDisposableResource =
  (this && this.__addDisposableResource) ||
  ((env, value, async) => {
    if (value !== null && value !== void 0) {
      if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError('Object expected.');
      var dispose, inner;
      if (async) {
        if (!Symbol.asyncDispose) throw new TypeError('Symbol.asyncDispose is not defined.');
        dispose = value[Symbol.asyncDispose];
      }
      if (dispose === void 0) {
        if (!Symbol.dispose) throw new TypeError('Symbol.dispose is not defined.');
        dispose = value[Symbol.dispose];
        if (async) inner = dispose;
      }
      if (typeof dispose !== 'function') throw new TypeError('Object not disposable.');
      if (inner)
        dispose = function () {
          try {
            inner.call(this);
          } catch (e) {
            return Promise.reject(e);
          }
        };
      env.stack.push({value: value, dispose: dispose, async: async});
    } else if (async) {
      env.stack.push({async: true});
    }
    return value;
  });
var __disposeResources =
  (this && this.__disposeResources) ||
  ((SuppressedError) => (env) => {
    function fail(e) {
      env.error = env.hasError
        ? new SuppressedError(e, env.error, 'An error was suppressed during disposal.')
        : e;
      env.hasError = true;
    }
    var r,
      s = 0;
    function next() {
      while ((r = env.stack.pop())) {
        try {
          if (!r.async && s === 1) return (s = 0), env.stack.push(r), Promise.resolve().then(next);
          if (r.dispose) {
            var result = r.dispose.call(r.value);
            if (r.async)
              return (
                (s |= 2),
                Promise.resolve(result).then(next, (e) => {
                  fail(e);
                  return next();
                })
              );
          } else s |= 1;
        } catch (e) {
          fail(e);
        }
      }
      if (s === 1) return env.hasError ? Promise.reject(env.error) : Promise.resolve();
      if (env.hasError) throw env.error;
    }
    return next();
  })(
    typeof SuppressedError === 'function'
      ? SuppressedError
      : (error, suppressed, message) => {
          var e = new Error(message);
          return (e.name = 'SuppressedError'), (e.error = error), (e.suppressed = suppressed), e;
        },
  );

/*
 * Calling debootstrap.
 *
 * Root on a machine of his own lets the first stage make device nodes, so that the chroot has them. In a user
 * namespace nobody may: `container=lxc` is how debootstrap is told (functions: check_sane_mount, setup_devices).
 */
import {mkdirSync, readFileSync, renameSync, truncateSync} from 'node:fs';
import {resolve} from 'node:path';
import {inInitialUserNamespace} from '../binfmt/mount.js';
import {systemError} from '../errors.js';
import {Root} from '../loader/root.js';
import {holdDirectory} from '../source/held.js';
import {writeIdMap} from './idmap.js';
import {planMachineMounts} from './mounts.js';
import {openNamespace} from './namespace.js';
import {dropRights} from './run.js';
import {findTool} from './tools.js';
/** What runs inside, after the first stage. */
export const secondStage = ['/debootstrap/debootstrap', '--second-stage'];
/** Run `debootstrap --foreign`; its exit status. */
export async function runFirstStage(suite, target, options) {
  const {idMap, stdio, onWarning = () => {}} = options;
  const user = !mayMakeDevices();
  const command = commandLine(suite, target, options);
  const namespace = await openNamespace({
    user,
    setup: planMachineMounts(),
    command: user ? [...dropRights(idMap), ...command] : command,
    env: environment(user),
    stdio,
    onWarning,
  });
  try {
    if (user) writeIdMap(namespace.pid, idMap);
    await namespace.proceed('mounted');
    return await namespace.run();
  } finally {
    namespace.close();
  }
}
/** Tell whether the second stage is what comes next: writing apt's sources is the last thing that the first one does. */
export function firstStageDone(root) {
  return ['/debootstrap/debootstrap', '/etc/apt/sources.list'].every((path) => root.resolve(path).found);
}
/**
 * Undo what an interrupted second stage would stumble over when it starts again: packages in dpkg's status, to which
 * it adds one that it only feigns, and start-stop-daemon put aside, which it would put aside once more.
 */
export function rewindSecondStage(root) {
  const env_1 = {stack: [], error: void 0, hasError: false};
  try {
    const status = root.resolve('/var/lib/dpkg/status');
    if (status.found && status.stats.isFile() && status.stats.size > 0n) {
      root.lend(status.host, (path) => truncateSync(path));
    }
    const sbin = root.resolve('/sbin');
    if (!sbin.found || !sbin.stats.isDirectory()) return;
    const directory = __addDisposableResource(env_1, holdDirectory(sbin.host), false);
    const aside = __addDisposableResource(env_1, directory.hold('start-stop-daemon.REAL'), false);
    if (aside?.stats.isFile())
      renameSync(directory.at('start-stop-daemon.REAL'), directory.at('start-stop-daemon'));
  } catch (e_1) {
    env_1.error = e_1;
    env_1.hasError = true;
  } finally {
    __disposeResources(env_1);
  }
}
/** debootstrap's log, for messages: it moves when the second stage is complete. */
export function logPath(target) {
  const root = new Root(target);
  const logs = ['/debootstrap/debootstrap.log', '/var/log/bootstrap.log'].map((path) => root.resolve(path));
  return logs.flatMap((log) => (log.found ? [log.host] : []))[0] ?? target;
}
function commandLine(suite, target, options) {
  const {architecture, mirror, variant, include = [], components = [], keyring, cacheDirectory} = options;
  const cache = cacheDirectory === undefined ? undefined : makeCache(resolve(cacheDirectory));
  return [
    findTool('debootstrap'),
    '--foreign',
    `--arch=${architecture}`,
    ...(variant === undefined ? [] : [`--variant=${variant}`]),
    ...(include.length === 0 ? [] : [`--include=${include.join(',')}`]),
    ...(components.length === 0 ? [] : [`--components=${components.join(',')}`]),
    ...(keyring === undefined ? [] : [`--keyring=${resolve(keyring)}`]),
    ...(cache === undefined ? [] : [`--cache-dir=${cache}`]),
    ...(options.debootstrapOptions ?? []),
    suite,
    target,
    ...(mirror === undefined ? [] : [mirror]),
  ];
}
function makeCache(path) {
  try {
    mkdirSync(path, {recursive: true});
    return path;
  } catch (error) {
    throw systemError(path, error, 'cannot make the directory');
  }
}
/** Where the machine's tools are, whatever an ordinary user's PATH says. */
function environment(user) {
  const own = Object.entries(process.env).filter((entry) => entry[1] !== undefined);
  const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  return {...Object.fromEntries(own), PATH, ...(user ? {container: 'lxc'} : {})};
}
/** Bits of capabilities(7). */
const needed = [21n /* CAP_SYS_ADMIN */, 27n /* CAP_MKNOD */];
function mayMakeDevices() {
  if (process.geteuid?.() !== 0 || !inInitialUserNamespace()) return false;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const bits = BigInt(`0x${effective}`);
  return needed.every((bit) => ((bits >> bit) & 1n) === 1n);
}
//# sourceMappingURL=debootstrap.js.map
