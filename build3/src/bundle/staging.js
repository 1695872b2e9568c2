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
 * Changing the bundle of a root so that an interruption at any moment leaves the old one or the new one.
 *
 * A staging directory in the root holds, beside the list of the bundle that is coming or going:
 *
 *   new/       the new bundle, complete, as it will lie in the root; missing when a bundle is taken out
 *   replaced/  what had to give way, as it lay in the root
 *
 * A directory cannot take the place of another in one step (Node has no RENAME_EXCHANGE), so what is moved last is
 * the manifest, alone or with the directory of the libraries, and that is the moment that counts: before it, whoever
 * finds the staging directory of a process that is gone puts everything back; after it he only clears away.
 * `withLock` sees to it that a staging directory that is found belongs to nobody.
 */
import {linkSync, lstatSync, mkdtempSync, renameSync, rmdirSync, unlinkSync, writeFileSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {enter} from '../loader/inside.js';
import {hasContent} from './contents.js';
import {formatManifest, manifestName, manifestPath} from './manifest.js';
import {readManifestFile} from './manifest-file.js';
import {removeTree} from './remove-tree.js';

const stagingPrefix = '.elfinterp-staging-';
/** The names of the staging directories in a root. */
export function findStaging(root) {
  return root.names().filter((name) => name.startsWith(stagingPrefix));
}
/** Undo or clear away what runs that were interrupted left in a root, which is locked; the names of what there was. */
export function recover(root) {
  const names = findStaging(root);
  for (const name of names) {
    const env_1 = {stack: [], error: void 0, hasError: false};
    try {
      const directory = __addDisposableResource(env_1, openOwn(root, name), false);
      if (directory !== undefined) new Staging(root, name, directory).undo();
      removeTree(root, name);
    } catch (e_1) {
      env_1.error = e_1;
      env_1.hasError = true;
    } finally {
      __disposeResources(env_1);
    }
  }
  return names;
}
/**
 * Change the bundle of a root, which is locked, through a staging directory.
 *
 * @param manifest of the bundle that is coming or going
 * @throws ElfError FILE_SYSTEM and what `change` throws; everything is as it was then
 */
export function changeBundle(root, manifest, change) {
  const env_2 = {stack: [], error: void 0, hasError: false};
  try {
    const name = makeStaging(root);
    const directory = __addDisposableResource(env_2, root.directory(name), false);
    if (directory === undefined || directory.stats.uid !== process.geteuid?.())
      throw new ElfError('CHANGED', 'somebody took the staging directory away', {
        path: `${root.real}/${name}`,
      });
    const staging = new Staging(root, name, directory);
    try {
      writeFileSync(directory.at(manifestName), formatManifest(manifest), {flag: 'wx'});
      change(staging);
    } catch (error) {
      // Where that fails too, the next run does it.
      staging.undo();
      removeTree(root, name);
      throw systemError(root.real, error, 'cannot write the bundle');
    }
    clear(root, name);
  } catch (e_2) {
    env_2.error = e_2;
    env_2.hasError = true;
  } finally {
    __disposeResources(env_2);
  }
}
/** A change that is under way, or was. */
export class Staging {
  #root;
  #directory;
  /** The real path of what looks like the root with nothing but the new bundle in it, once `makeNew` was called. */
  newRoot;
  constructor(root, name, directory) {
    this.#root = root;
    this.#directory = directory;
    this.newRoot = posix.join(root.real, name, 'new');
  }
  /** The directory of the new bundle. */
  makeNew() {
    return this.#directory.make('new');
  }
  /** Put what stands at a path aside. It stays in its place as well until something takes it, where that is possible. */
  putAside(path, leave) {
    const env_3 = {stack: [], error: void 0, hasError: false};
    try {
      const [parent, name] = [posix.dirname(path), posix.basename(path)];
      const from = __addDisposableResource(env_3, enter(this.#root, parent), false);
      if (from === undefined || !isThere(from, name)) return;
      if (leave && hasDirectory(this.#root, path)) throw directoryInTheWay(from, name);
      const to = __addDisposableResource(env_3, enter(this.#directory, `replaced${parent}`, 'make'), false);
      if (to === undefined) return;
      if (leave === undefined || !tryToLink(from.at(name), to.at(name)))
        renameSync(from.at(name), to.at(name));
    } catch (e_3) {
      env_3.error = e_3;
      env_3.hasError = true;
    } finally {
      __disposeResources(env_3);
    }
  }
  /** Move a part of the new bundle into its place, with the first directory on the way there that does not exist. */
  moveIn(path) {
    const env_4 = {stack: [], error: void 0, hasError: false};
    try {
      const names = path.split('/').slice(1);
      const place = __addDisposableResource(
        env_4,
        enter(this.#directory, `new${posix.dirname(path)}`),
        false,
      );
      if (place === undefined || !isThere(place, names.at(-1) ?? '')) return;
      const depth = names.findIndex(
        (_, i) => !hasDirectory(this.#root, `/${names.slice(0, i + 1).join('/')}`),
      );
      const [above, name] = [names.slice(0, depth < 0 ? -1 : depth).join('/'), names.at(depth) ?? ''];
      const from = __addDisposableResource(env_4, enter(this.#directory, `new/${above}`), false);
      const to = __addDisposableResource(env_4, enter(this.#root, above), false);
      if (from !== undefined && to !== undefined) renameSync(from.at(name), to.at(name));
    } catch (e_4) {
      env_4.error = e_4;
      env_4.hasError = true;
    } finally {
      __disposeResources(env_4);
    }
  }
  /** Put everything back, unless the change is complete. */
  undo() {
    const env_5 = {stack: [], error: void 0, hasError: false};
    try {
      const manifest = readList(this.#directory);
      const coming = __addDisposableResource(env_5, this.#directory.directory('new'), false);
      if (manifest === undefined || !hasFile(coming ?? this.#root, manifestPath(manifest))) return;
      if (coming !== undefined) this.#takeOut(manifest, coming);
      const from = __addDisposableResource(
        env_5,
        enter(this.#directory, `replaced${manifest.prefix}`),
        false,
      );
      const to = __addDisposableResource(env_5, from && enter(this.#root, manifest.prefix, 'make'), false);
      if (from !== undefined && to !== undefined) putBack(from, to);
    } catch (e_5) {
      env_5.error = e_5;
      env_5.hasError = true;
    } finally {
      __disposeResources(env_5);
    }
  }
  /** Remove the files that were moved in and replaced nothing. */
  #takeOut({files, prefix, libs}, coming) {
    for (const file of files.filter(({path}) => !path.startsWith(`${libs}/`))) {
      const env_6 = {stack: [], error: void 0, hasError: false};
      try {
        const {path} = file;
        const replaced = __addDisposableResource(
          env_6,
          enter(this.#directory, `replaced${posix.dirname(path)}`),
          false,
        );
        if (hasFile(coming, path) || (replaced !== undefined && isThere(replaced, posix.basename(path))))
          continue;
        const directory = __addDisposableResource(env_6, enter(this.#root, posix.dirname(path)), false);
        if (directory === undefined || !hasContent(() => directory.open(posix.basename(path)), file))
          continue;
        unlinkSync(directory.at(posix.basename(path)));
        removeEmpty(this.#root, posix.dirname(path), prefix);
      } catch (e_6) {
        env_6.error = e_6;
        env_6.hasError = true;
      } finally {
        __disposeResources(env_6);
      }
    }
  }
}
function directoryInTheWay(directory, name) {
  const path = posix.join(directory.real, name);
  return new ElfError('CONFLICT', 'a directory stands where a file of the bundle goes', {path});
}
function makeStaging(root) {
  try {
    return posix.basename(mkdtempSync(root.at(`${stagingPrefix}${process.pid}-`)));
  } catch (error) {
    throw systemError(root.real, error, 'cannot write');
  }
}
/** What is done is done; what is left of the old is cleared away by the next run. */
function clear(root, name) {
  try {
    removeTree(root, name);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}
/** A link of such a name is nothing of ours. */
function openOwn(root, name) {
  try {
    return root.directory(name);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'OUTSIDE') return undefined;
    throw error;
  }
}
/** Undefined when it was not written to its end, or by somebody else. */
function readList(directory) {
  try {
    const source = directory.open(manifestName);
    return source && readManifestFile(source);
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'FILE_SYSTEM') return undefined;
    throw error;
  }
}
/** Move all that is in a directory into another, into directories that are there already too. */
function putBack(from, to) {
  for (const name of from.names()) {
    const env_7 = {stack: [], error: void 0, hasError: false};
    try {
      const held = __addDisposableResource(env_7, from.hold(name), false);
      if (held?.stats.isDirectory() && isThere(to, name)) {
        const env_8 = {stack: [], error: void 0, hasError: false};
        try {
          const inner = __addDisposableResource(env_8, from.directory(name), false);
          const target = __addDisposableResource(env_8, to.directory(name), false);
          if (inner !== undefined && target !== undefined) putBack(inner, target);
        } catch (e_7) {
          env_8.error = e_7;
          env_8.hasError = true;
        } finally {
          __disposeResources(env_8);
        }
      } else {
        renameSync(from.at(name), to.at(name));
      }
    } catch (e_8) {
      env_7.error = e_8;
      env_7.hasError = true;
    } finally {
      __disposeResources(env_7);
    }
  }
}
function removeEmpty(root, path, prefix) {
  for (let here = path; here.startsWith(`${prefix}/`); here = posix.dirname(here)) {
    const env_9 = {stack: [], error: void 0, hasError: false};
    try {
      const above = __addDisposableResource(env_9, enter(root, posix.dirname(here)), false);
      try {
        rmdirSync(above?.at(posix.basename(here)) ?? '');
      } catch {
        return;
      }
    } catch (e_9) {
      env_9.error = e_9;
      env_9.hasError = true;
    } finally {
      __disposeResources(env_9);
    }
  }
}
/** A second name costs nothing and leaves no moment without the first; not every file system has them. */
function tryToLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}
function isThere(directory, name) {
  return lstatSync(directory.at(name), {throwIfNoEntry: false}) !== undefined;
}
function hasFile(top, path) {
  const env_10 = {stack: [], error: void 0, hasError: false};
  try {
    const directory = __addDisposableResource(env_10, enter(top, posix.dirname(path)), false);
    return directory !== undefined && isThere(directory, posix.basename(path));
  } catch (e_10) {
    env_10.error = e_10;
    env_10.hasError = true;
  } finally {
    __disposeResources(env_10);
  }
}
function hasDirectory(top, path) {
  const env_11 = {stack: [], error: void 0, hasError: false};
  try {
    const directory = __addDisposableResource(env_11, enter(top, posix.dirname(path)), false);
    const there = __addDisposableResource(env_11, directory?.hold(posix.basename(path)), false);
    return there?.stats.isDirectory() === true;
  } catch (e_11) {
    env_11.error = e_11;
    env_11.hasError = true;
  } finally {
    __disposeResources(env_11);
  }
}
//# sourceMappingURL=staging.js.map
