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

import {rmdirSync, unlinkSync} from 'node:fs';
import {systemError} from '../errors.js';
/**
 * Remove what is under a name, with all that is in it; nothing is as good. Node's own `rm` goes by paths, and would
 * empty a directory elsewhere for which somebody swaps one on its way.
 *
 * @throws ElfError FILE_SYSTEM
 */
export function removeTree(directory, name) {
  const path = directory.at(name);
  try {
    const env_1 = {stack: [], error: void 0, hasError: false};
    try {
      if (removeFile(path)) return;
      const child = __addDisposableResource(env_1, directory.directory(name), false);
      for (const inside of child?.names() ?? []) if (child !== undefined) removeTree(child, inside);
      rmdirSync(path);
    } catch (e_1) {
      env_1.error = e_1;
      env_1.hasError = true;
    } finally {
      __disposeResources(env_1);
    }
  } catch (error) {
    throw systemError(`${directory.real}/${name}`, error, 'cannot remove');
  }
}
/** Whether it is gone; a directory is not. unlink(2) of Linux says EISDIR for one. */
function removeFile(path) {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    const {code} = error;
    if (code === 'ENOENT') return true;
    if (code === 'EISDIR' || code === 'EPERM') return false;
    throw error;
  }
}
//# sourceMappingURL=remove-tree.js.map
