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
 * Carry programs, their loader and their libraries to a place where they run together: resolve, plan, prove, write.
 */
import {mkdirSync} from 'node:fs';
import {posix, resolve} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {openOwn} from '../loader/inside.js';
import {Resolver} from '../loader/resolve.js';
import {Root} from '../loader/root.js';
import {holdDirectory} from '../source/held.js';
import {version} from '../version.js';
import {contentOf, contentOfBytes, hasContent} from './contents.js';
import {findDataFiles} from './data-files.js';
import {withEarlier} from './earlier.js';
import {withLock} from './lock.js';
import {formatManifest, manifestPath} from './manifest.js';
import {readManifestFile} from './manifest-file.js';
import {alwaysNeeded, planBundle, targetOfName} from './plan-bundle.js';
import {proveClosed} from './prove.js';
import {testIsolation} from './self-test.js';
import {findStaging, recover} from './staging.js';
import {writeBundle} from './write-bundle.js';
/**
 * Bundle programs so that they run with `into` as their root.
 *
 * A dynamic program is copied with PT_INTERP and DT_RPATH leading to the library directory, which gets its loader
 * and its libraries; a static one is copied as it is. Programs that an earlier bundle put under the same prefix
 * stay and are made anew from their sources. The bundle is proved before it is moved into place.
 *
 * @param programs paths, inside `root` if one is given
 * @throws ElfError NOT_FOUND, CONFLICT, NOT_CLOSED, OUTSIDE, FILE_SYSTEM, or what `planEdit` throws
 * @example
 *   await bundle(['/usr/bin/qemu-arm'], {into: './chroot'});
 */
export async function bundle(programs, options) {
  const env_1 = {stack: [], error: void 0, hasError: false};
  try {
    const layout = layoutOf(options);
    const shell = shellOf(options);
    const target = prepareTarget(options.into, layout);
    const top = __addDisposableResource(env_1, holdDirectory(target.host), false);
    const prepared = prepare(programs, target, layout, shell, options);
    if (isThere(target, prepared) && findStaging(top).length === 0) return resultOf(target, prepared, false);
    return withLock(top, () => {
      const left = recover(top);
      // Somebody else may have been here, or what somebody left was put back.
      const isAsBefore =
        left.length === 0 && textOf(readManifest(target, layout)) === textOf(prepared.earlier);
      const current = isAsBefore ? prepared : prepare(programs, target, layout, shell, options);
      if (isThere(target, current)) return resultOf(target, current, false);
      if (current.earlier !== undefined) options.beforeReplacing?.(current.earlier);
      return write(target, top, current);
    });
  } catch (e_1) {
    env_1.error = e_1;
    env_1.hasError = true;
  } finally {
    __disposeResources(env_1);
  }
}
function prepare(programs, target, layout, shell, options) {
  const library = [...(options.library ?? []), alwaysNeeded];
  const root = new Root(options.root);
  const earlier = readManifest(target, layout);
  const targetOf = targetsOf(programs, earlier, options.qemuTarget);
  const wanted = withEarlier({programs, files: options.files ?? []}, {root, earlier, layout, targetOf});
  const trees = resolveAll(wanted.programs, library, options.root);
  const data = findDataFiles(root, wanted.files, layout);
  const isolate = options.isolate ?? true;
  const plan = planBundle(trees, {root, layout, library, isolate, shell, targetOf, data});
  requireOwnDirectories(target, directoriesOf(plan));
  return {earlier, plan, manifest: describe(plan), library, native: root.isTrivial};
}
function write(target, top, prepared) {
  const {earlier, plan, manifest, library, native} = prepared;
  const notes = [];
  writeBundle(top, plan, manifest, obsoleteFiles(target, earlier, manifest), (staged) => {
    proveClosed(staged.root, plan.layout, plan.programs, carried(plan, library));
    // What another root has for a loader is not run here.
    const loader = native ? plan.isolated : undefined;
    const problem = loader === undefined ? undefined : testIsolation(staged.locate(loader));
    if (problem !== undefined) notes.push(problem);
  });
  proveClosed(target.host, plan.layout, plan.programs, []);
  return resultOf(target, prepared, true, notes);
}
function resultOf(target, {plan, manifest}, written, notes = []) {
  return {
    manifest,
    manifestPath: target.hostPath(manifestPath(plan.layout)),
    written,
    isolated: isolationIn(plan),
    notes: [...plan.notes, ...notes],
  };
}
function layoutOf({prefix = '/debootstrap', libs = 'qemu-libs'}) {
  const isPlain =
    prefix.startsWith('/') && posix.normalize(prefix) === prefix && prefix !== '/' && !prefix.endsWith('/');
  if (!isPlain) {
    throw new ElfError('BAD_REQUEST', 'the prefix is not a plain absolute path', {
      expected: 'a path like /debootstrap',
      got: prefix,
    });
  }
  if (libs === '' || libs.includes('/') || libs === '.' || libs === '..') {
    throw new ElfError('BAD_REQUEST', 'the library directory is not a plain name', {
      expected: 'a name like qemu-libs',
      got: libs,
    });
  }
  return {prefix, libs: posix.join(prefix, libs)};
}
function shellOf({launcher = 'interp', shell}) {
  if ((launcher === 'wrapper') === (shell !== undefined))
    return shell === undefined ? undefined : resolve(shell);
  throw new ElfError('BAD_REQUEST', 'a wrapper and its static shell go together', {
    expected: '--launcher wrapper --shell FILE, or neither',
  });
}
/** The target; each directory of the layout that exists there must be one, and not a link elsewhere. */
function prepareTarget(into, layout) {
  try {
    mkdirSync(into, {recursive: true});
  } catch (error) {
    throw systemError(into, error, 'cannot make the directory');
  }
  const root = new Root(into);
  requireOwnDirectories(root, [layout.prefix, layout.libs]);
  return root;
}
/** A directory of the bundle that exists already must be one, and not a link to elsewhere. */
function requireOwnDirectories(root, directories) {
  for (const path of directories) {
    const there = root.resolve(path);
    const isFree =
      !there.found && there.code === 'ENOENT' && path === posix.join(there.reached, ...there.rest);
    if (isFree || (there.found && there.inside === path && there.stats.isDirectory())) continue;
    throw new ElfError('OUTSIDE', `${path} is not a directory of its own there`, {
      path: root.host,
      expected: 'a directory, or nothing yet',
      got: there.found ? `a way to ${there.inside}` : `${there.code} at ${there.reached}`,
    });
  }
}
function directoriesOf({files}) {
  return new Set(files.map(({path}) => posix.dirname(path)));
}
/** What a program's name says, else what the caller or the earlier bundle says. */
function targetsOf(programs, earlier, qemuTarget) {
  const known = new Map(
    earlier?.programs.map((program) => [posix.basename(program.path), program.qemuTarget]),
  );
  if (qemuTarget !== undefined) for (const path of programs) known.set(posix.basename(path), qemuTarget);
  return (name) => targetOfName(name) ?? known.get(name) ?? null;
}
/** The programs of an earlier bundle that have no place in the new one, unless somebody changed them. */
function obsoleteFiles(target, earlier, now) {
  const kept = new Set(now.files.map(({path}) => path));
  return (earlier?.files ?? [])
    .filter(({role, path}) => role === 'program' && !kept.has(path) && posix.dirname(path) === now.prefix)
    .filter((file) => hasContent(() => openOwn(target, file.path), file))
    .map(({path}) => path);
}
/** What is there but is no manifest, or none that may be believed, counts for nothing: the bundle is made anew. */
function readManifest(target, layout) {
  try {
    const source = openOwn(target, manifestPath(layout));
    return source && readManifestFile(source);
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'FILE_SYSTEM') return undefined;
    throw error;
  }
}
function resolveAll(programs, library, root) {
  const place = root === undefined ? {} : {root};
  const resolver = new Resolver({...place, library, preloadFile: false});
  return programs.map((program) => resolver.resolve(program));
}
/** A static program has no loader, and no use for libraries that were asked for by hand. */
function carried({files}, library) {
  const names = new Set(files.map(({path}) => posix.basename(path)));
  const wanted = library.map((name) => posix.basename(name));
  return files.some(({role}) => role === 'loader') ? wanted.filter((name) => names.has(name)) : [];
}
function isolationIn({files, isolated}) {
  return files.some(({role}) => role === 'loader') ? isolated !== undefined : undefined;
}
function describe({layout, programs, files}) {
  return {
    version: 1,
    generator: `elfinterp ${version}`,
    ...layout,
    programs,
    files: files.map((file) => {
      const {path, role, source} = file;
      const original = files.find((other) => other.path === file.linkTo);
      return {path, role, ...contentIn(original ?? file), source};
    }),
  };
}
function contentIn({content, source, from, plan, role}) {
  return content === undefined
    ? contentOf(from.source(source), plan)
    : contentOfBytes(content, role === 'program' ? 0o755 : 0o644);
}
function textOf(manifest) {
  return manifest && formatManifest(manifest);
}
function isThere(target, {earlier, manifest}) {
  if (textOf(earlier) !== textOf(manifest)) return false;
  return manifest.files.every((file) => hasContent(() => openOwn(target, file.path), file));
}
//# sourceMappingURL=bundle.js.map
