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
 * A foreign Debian system from nothing, with debootstrap as it is: its first stage unpacks, the emulator goes in,
 * its second stage configures inside.
 *
 * Both stages run in namespaces (namespace.ts), so that nothing is left mounted or running, however they end. The
 * second stage's last act is to delete /debootstrap, where the emulator is that runs it: after that no program
 * starts any more, and what debootstrap would still unmount goes with the namespace. An emulator that shall stay
 * therefore is installed elsewhere.
 */
import {mkdirSync, readdirSync, unlinkSync} from 'node:fs';
import {resolve} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {Root} from '../loader/root.js';
import {holdDirectory} from '../source/held.js';
import {describeArchitecture} from './architecture.js';
import {firstStageDone, logPath, rewindSecondStage, runFirstStage, secondStage} from './debootstrap.js';
import {chooseEnvironment} from './environment.js';
import {findHostEmulator, locateEmulator} from './find-emulator.js';
import {planIdMap} from './idmap.js';
import {architectureOf, installEmulator} from './install.js';
import {defaultPrefixes, findManifest} from './manifest.js';
import {defaultPath} from './program.js';
import {removeBundle} from './remove.js';
import {runInChroot} from './run.js';
/**
 * Create a Debian system with debootstrap, both stages, as root or as an ordinary user with subordinate ids.
 *
 * @param target a directory that does not exist yet, or is empty
 * @throws ElfError CONFLICT (something is there), NOT_FOUND (no emulator, no debootstrap), UNSUPPORTED (no such
 *   architecture, no subordinate ids, no user namespaces), COMMAND_FAILED with the path of debootstrap's log
 * @example
 *   await createChroot('bookworm', './chroot', {architecture: 'armel', variant: 'minbase'});
 */
export async function createChroot(suite, target, options) {
  const architecture = describeArchitecture(options.architecture, 'as asked for');
  const idMap = mapForStages(options);
  const emulators = emulatorsFor(architecture, options);
  const path = prepareTarget(target);
  const status = await runFirstStage(suite, path, {...options, ...streamsOf(options), idMap});
  if (status !== 0) throw failed('first', path, status);
  return finish(path, architecture, emulators, options);
}
/**
 * Finish a tree whose first stage is done: by `debootstrap --foreign`, or by a `createChroot` that was interrupted.
 *
 * @throws ElfError as `createChroot` does, and NOT_FOUND when there is no first stage to go on from
 */
export async function resumeChroot(target, options = {}) {
  const root = new Root(target);
  if (!firstStageDone(root)) {
    throw new ElfError('NOT_FOUND', "debootstrap's first stage is not complete here", {
      path: root.host,
      expected: '/debootstrap/debootstrap and /etc/apt/sources.list, as `debootstrap --foreign` leaves them',
    });
  }
  mapForStages(options);
  const architecture = architectureOf(root);
  rewindSecondStage(root);
  return finish(root.host, architecture, emulatorsFor(architecture, options), options);
}
async function finish(target, architecture, emulators, options) {
  const {keep = false, isolate, idMap, onWarning = () => {}} = options;
  const prefix = emulators.length === 0 ? undefined : defaultPrefixes[keep ? 1 : 0];
  mendProc(target);
  if (prefix !== undefined) {
    const installed = await installEmulator(target, emulators, {
      architecture: architecture.name,
      prefix,
      isolate,
    });
    for (const note of installed.notes) onWarning(note);
  } else {
    onWarning(`this machine runs ${architecture.name} programs itself: no emulator is installed`);
  }
  const {exitCode} = await runInChroot(target, secondStage, {
    ...streamsOf(options),
    idMap,
    prefix,
    env: environmentInside(),
    onWarning,
  });
  if (exitCode !== 0) throw failed('second', target, exitCode);
  if (!keep && findManifest(new Root(target), {}) !== undefined) removeBundle(target);
  return {target, architecture, emulators, prefix: keep ? prefix : undefined};
}
/** Found before anything is downloaded. */
function emulatorsFor(architecture, {emulators = []}) {
  if (emulators.length > 0) return emulators.map(locateEmulator);
  return architecture.isNative ? [] : [findHostEmulator(architecture)];
}
/** dpkg gives files to users and groups other than root, so one id is not enough. */
function mapForStages({idMap}) {
  const map = planIdMap(idMap);
  if (map.kind !== 'single') return map;
  throw new ElfError('UNSUPPORTED', 'packages cannot be installed with a single user id', {
    expected:
      'root, or an ordinary user with ranges in /etc/subuid and /etc/subgid (usermod --add-subuids) and newuidmap (package uidmap)',
    got: 'neither',
  });
}
/** The target's absolute path. What a first stage left unfinished there may be done again. */
function prepareTarget(target) {
  const path = resolve(target);
  try {
    mkdirSync(path, {recursive: true, mode: 0o755});
  } catch (error) {
    throw systemError(target, error, 'cannot make the directory');
  }
  const root = new Root(path);
  if (firstStageDone(root)) {
    throw new ElfError('CONFLICT', "debootstrap's first stage is done here already", {
      path: target,
      expected: 'chroot create --resume, which goes on from there',
    });
  }
  const names = readdirSync(path).filter((name) => name !== 'lost+found');
  if (names.length > 0 && !names.includes('debootstrap')) {
    const got = names.slice(0, 5).join(', ');
    throw new ElfError('CONFLICT', 'the directory is not empty', {
      path: target,
      expected: 'an empty one, or none',
      got,
    });
  }
  return root.host;
}
/** In containers the first stage leaves a link of /proc to itself, and the second one would want to mount there. */
function mendProc(target) {
  const env_1 = {stack: [], error: void 0, hasError: false};
  try {
    const root = __addDisposableResource(env_1, holdDirectory(target), false);
    const proc = __addDisposableResource(env_1, root.hold('proc'), false);
    if (!proc?.stats.isSymbolicLink()) return;
    unlinkSync(root.at('proc'));
    mkdirSync(root.at('proc'), {mode: 0o755});
  } catch (e_1) {
    env_1.error = e_1;
    env_1.hasError = true;
  } finally {
    __disposeResources(env_1);
  }
}
/** `container=lxc` keeps debootstrap from making device nodes, which no user namespace allows. */
function environmentInside() {
  const variables = {container: 'lxc', HOME: '/root', LC_ALL: 'C', PATH: defaultPath};
  return chooseEnvironment(process.env, {variables});
}
function streamsOf({progress = 2}) {
  return {stdio: ['ignore', progress, progress]};
}
function failed(stage, target, status) {
  const next =
    stage === 'second' ? '; chroot create --resume tries again, chroot remove takes the emulator out' : '';
  return new ElfError('COMMAND_FAILED', `debootstrap's ${stage} stage failed, see its log${next}`, {
    path: logPath(target),
    expected: 'exit status 0',
    got: String(status),
    value: status,
  });
}
//# sourceMappingURL=create.js.map
