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
 * Paths of a root that elfinterp changes, and those that both sides use: elfinterp from outside, the kernel and the
 * programs from inside. A symbolic link on the way could mean a different file to each, and a root may have been
 * prepared by somebody who hopes for that. `bundle` writes no such link, so none is followed.
 */
import {posix} from 'node:path';
import {ElfError} from '../errors.js';
/**
 * Find a file of a bundle.
 *
 * @param path absolute and normal, seen from inside
 * @returns its path on this machine; undefined when it does not exist
 * @throws ElfError OUTSIDE when a symbolic link stands on the way, wherever it leads
 */
export function findOwn(root, path) {
  const there = root.resolve(path);
  const end = there.found ? there.inside : posix.join(there.reached, ...there.rest);
  if (end !== path || (!there.found && there.code === 'ELOOP')) {
    throw new ElfError('OUTSIDE', `${path} is reached through a symbolic link`, {
      path: root.host,
      expected: 'directories and files of its own',
      got: end === path ? 'links in a circle' : `a way to ${end}`,
    });
  }
  return there.found ? there.host : undefined;
}
/** Open such a file; undefined when it does not exist. @throws ElfError OUTSIDE, NOT_A_FILE, CHANGED, FILE_SYSTEM */
export function openOwn(root, path) {
  const host = findOwn(root, path);
  return host === undefined ? undefined : root.source(host);
}
/**
 * Hold a directory that is reached without links, from one that is held.
 *
 * @param path absolute and normal, seen from there
 * @param make make those on the way that do not exist
 * @returns undefined when it does not exist
 * @throws ElfError OUTSIDE when a link or a file stands on the way
 */
export function enter(top, path, make) {
  let here = top.again();
  for (const name of path.split('/').filter((part) => part !== '')) {
    const env_1 = {stack: [], error: void 0, hasError: false};
    try {
      const above = __addDisposableResource(env_1, here, false);
      const next = make ? above.make(name) : above.directory(name);
      if (next === undefined) return undefined;
      here = next;
    } catch (e_1) {
      env_1.error = e_1;
      env_1.hasError = true;
    } finally {
      __disposeResources(env_1);
    }
  }
  return here;
}
//# sourceMappingURL=inside.js.map
