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
 * Writing a bundle: complete in a staging directory inside the target, proved there, then moved into place.
 *
 * Where the prefix does not exist yet, one rename puts everything there. Where it does (debootstrap has made
 * /debootstrap), the library directory with the manifest comes last; see staging.ts for what that is good for.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  writeFileSync,
} from 'node:fs';
import {posix} from 'node:path';
import {enter} from '../loader/inside.js';
import {applyPlanToNew} from '../write/apply.js';
import {syncDirectory} from '../write/durable.js';
import {formatManifest, manifestName} from './manifest.js';
import {changeBundle} from './staging.js';
/**
 * Write a planned bundle into a root, which is locked.
 *
 * @param obsolete files of the bundle before that have no place in this one
 * @param prove called with the bundle before anything of the root is changed
 * @throws what `prove` throws, or ElfError FILE_SYSTEM; the root then is as it was
 */
export function writeBundle(root, plan, manifest, obsolete, prove) {
  changeBundle(root, manifest, (staging) => {
    const env_1 = {stack: [], error: void 0, hasError: false};
    try {
      const made = __addDisposableResource(env_1, staging.makeNew(), false);
      stage(made, plan, manifest);
      prove({root: staging.newRoot, locate: (path) => `${made.path}${path}`});
      moveIntoPlace(root, staging, plan, obsolete);
    } catch (e_1) {
      env_1.error = e_1;
      env_1.hasError = true;
    } finally {
      __disposeResources(env_1);
    }
  });
}
function stage(top, plan, manifest) {
  const env_2 = {stack: [], error: void 0, hasError: false};
  try {
    const modes = new Map(manifest.files.map((file) => [file.path, file.mode]));
    for (const file of plan.files) {
      const env_3 = {stack: [], error: void 0, hasError: false};
      try {
        const directory = __addDisposableResource(
          env_3,
          makeDirectories(top, posix.dirname(file.path)),
          false,
        );
        const path = directory.at(posix.basename(file.path));
        stageFile(file, path, top);
        chmodSync(path, modes.get(file.path) ?? 0o644);
        syncFile(path);
      } catch (e_2) {
        env_3.error = e_2;
        env_3.hasError = true;
      } finally {
        __disposeResources(env_3);
      }
    }
    const libs = __addDisposableResource(env_2, makeDirectories(top, plan.layout.libs), false);
    writeFileSync(libs.at(manifestName), formatManifest(manifest), {mode: 0o644, flag: 'wx', flush: true});
  } catch (e_3) {
    env_2.error = e_3;
    env_2.hasError = true;
  } finally {
    __disposeResources(env_2);
  }
}
function stageFile(file, path, top) {
  const {content, linkTo, plan, from, source} = file;
  if (content !== undefined) writeFileSync(path, content, {flag: 'wx'});
  else if (linkTo !== undefined) linkSync(`${top.path}${linkTo}`, path);
  else if (plan !== undefined) from.lend(source, (input) => applyPlanToNew(input, plan, path));
  else from.lend(source, (input) => copyFileSync(input, path, copyMode));
}
const copyMode = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL;
/** Whatever the umask: the programs of the root run as many users. */
function makeDirectories(top, path) {
  let here = top.again();
  for (const name of path.split('/').slice(1)) {
    const env_4 = {stack: [], error: void 0, hasError: false};
    try {
      const above = __addDisposableResource(env_4, here, false);
      here = above.make(name);
      chmodSync(here.path, 0o755);
    } catch (e_4) {
      env_4.error = e_4;
      env_4.hasError = true;
    } finally {
      __disposeResources(env_4);
    }
  }
  return here;
}
function syncFile(path) {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
function moveIntoPlace(root, staging, {layout: {prefix, libs}, files}, obsolete) {
  const env_5 = {stack: [], error: void 0, hasError: false};
  try {
    const there = __addDisposableResource(env_5, enter(root, prefix), false);
    if (there !== undefined) {
      for (const path of obsolete) staging.putAside(path);
      for (const {path} of files.filter((file) => !file.path.startsWith(`${libs}/`))) {
        staging.putAside(path, 'leave');
        staging.moveIn(path);
      }
      staging.putAside(libs);
    }
    staging.moveIn(libs);
    for (const path of [prefix, posix.dirname(prefix)]) {
      const env_6 = {stack: [], error: void 0, hasError: false};
      try {
        const changed = __addDisposableResource(env_6, enter(root, path), false);
        if (changed !== undefined) syncDirectory(changed.path);
      } catch (e_5) {
        env_6.error = e_5;
        env_6.hasError = true;
      } finally {
        __disposeResources(env_6);
      }
    }
  } catch (e_6) {
    env_5.error = e_6;
    env_5.hasError = true;
  } finally {
    __disposeResources(env_5);
  }
}
//# sourceMappingURL=write-bundle.js.map
