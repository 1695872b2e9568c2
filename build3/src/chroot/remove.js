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
 * Taking a bundle out again: the files that its manifest lists, and nothing else. The manifest may have been edited
 * since, so it decides nothing by itself: each path is under the prefix (bundle/manifest.ts), no link leads to it
 * (loader/inside.ts), and each file is still the one that was written, by its hash.
 */
import {lstatSync, rmdirSync} from 'node:fs';
import {posix} from 'node:path';
import {hasContent} from '../bundle/contents.js';
import {withLock} from '../bundle/lock.js';
import {manifestPath} from '../bundle/manifest.js';
import {changeBundle, findStaging, recover} from '../bundle/staging.js';
import {ElfError, printable} from '../errors.js';
import {enter, findOwn, openOwn} from '../loader/inside.js';
import {Root} from '../loader/root.js';
import {holdDirectory} from '../source/held.js';
import {findUses, refuseUses} from './in-use.js';
import {findManifest} from './manifest.js';
/**
 * Remove what `installEmulator` put into a chroot, and what an interrupted run of it left.
 *
 * @throws ElfError NOT_FOUND (there is nothing to remove), CHANGED (a file is not what was installed; `force`
 *   removes it), BUSY (in use), OUTSIDE, BAD_MANIFEST; nothing is removed then
 */
export function removeBundle(chroot, options = {}) {
  const env_1 = {stack: [], error: void 0, hasError: false};
  try {
    const root = new Root(chroot);
    const top = __addDisposableResource(env_1, holdDirectory(root.host), false);
    if (findManifest(root, options) === undefined && findStaging(top).length === 0) throw nothingThere(root);
    return withLock(top, () => {
      const stale = recover(top).map((name) => `/${name}`);
      const manifest = findManifest(root, options)?.manifest;
      if (manifest === undefined) {
        if (stale.length === 0) throw nothingThere(root);
        return {removed: stale, notes: []};
      }
      const files = findFiles(root, manifest, options.force ?? false);
      refuseUses(root, manifest, findUses(root, manifest));
      changeBundle(top, manifest, (staging) => {
        for (const path of files) staging.putAside(path);
      });
      const directories = [manifest.libs, manifest.prefix];
      const empty = directories.filter((path) => removeEmpty(top, path));
      return {
        removed: [...stale, ...files, ...empty],
        notes: directories.flatMap((path) => leftIn(top, path)),
      };
    });
  } catch (e_1) {
    env_1.error = e_1;
    env_1.hasError = true;
  } finally {
    __disposeResources(env_1);
  }
}
function nothingThere(root) {
  return new ElfError('NOT_FOUND', 'no bundle is installed in this chroot', {path: root.host});
}
/** The files to remove, the manifest last (staging.ts). */
function findFiles(root, manifest, force) {
  const there = manifest.files.filter(({path}) => findOwn(root, path) !== undefined);
  // Permission bits aside: who tightens them does not make the file his own.
  const changed = there.filter(
    ({path, sha256, size}) => !hasContent(() => openOwn(root, path), {sha256, size}),
  );
  const [first] = changed;
  if (first !== undefined && !force) {
    const others = changed.length > 1 ? `, and ${changed.length - 1} more` : '';
    throw new ElfError('CHANGED', `this is not the file that was installed${others}`, {
      path: root.hostPath(first.path),
      expected: `sha256 ${first.sha256}, as in the manifest; --force removes it all the same`,
    });
  }
  const directory = there.find(({path}) => lstatSync(root.hostPath(path)).isDirectory());
  if (directory !== undefined) {
    throw new ElfError('CHANGED', 'a directory stands where a file was installed', {
      path: root.hostPath(directory.path),
    });
  }
  return [...there.map(({path}) => path), manifestPath(manifest)];
}
function removeEmpty(top, path) {
  const env_2 = {stack: [], error: void 0, hasError: false};
  try {
    const above = __addDisposableResource(env_2, enter(top, posix.dirname(path)), false);
    try {
      rmdirSync(above?.at(posix.basename(path)) ?? '');
      return true;
    } catch {
      return false;
    }
  } catch (e_2) {
    env_2.error = e_2;
    env_2.hasError = true;
  } finally {
    __disposeResources(env_2);
  }
}
/** What else lies in the directories of the bundle: not ours to remove. */
function leftIn(top, path) {
  const env_3 = {stack: [], error: void 0, hasError: false};
  try {
    const directory = __addDisposableResource(env_3, enter(top, path), false);
    const names = directory?.names() ?? [];
    if (names.length === 0) return [];
    const [some, verb] = [names.slice(0, 5).map(printable).join(', '), names.length === 1 ? 'is' : 'are'];
    return [`${posix.join(path, '/')} stays: ${some} ${verb} not of the bundle`];
  } catch (e_3) {
    env_3.error = e_3;
    env_3.hasError = true;
  } finally {
    __disposeResources(env_3);
  }
}
//# sourceMappingURL=remove.js.map
