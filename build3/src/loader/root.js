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
 * A directory seen as `/`: path resolution as the kernel does it after chroot(2), without chroot.
 *
 * Every symlink is read and interpreted here, an absolute one starts again at the root, `..` of the root is the
 * root. So no path leads outside, whatever the links in it say; a bind mount or a hard link is not a path and
 * passes. Limits are the kernel's (fs/namei.c): 40 links, PATH_MAX. The real `/` goes straight to the kernel.
 *
 * Between resolving and opening somebody may swap a directory for a link. So what was found is opened by `source`
 * or `lend`, which make sure that it still is where it was found; the path alone is good for messages.
 */
import {lstatSync, readdirSync, readlinkSync, realpathSync, statSync} from 'node:fs';
import {resolve as absolute} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {fileSource, notAFile} from '../source/file.js';
import {hold, holdDirectory} from '../source/held.js';

const mostLinks = 40;
const longestPath = 4095;
export class Root {
  /** The directory on this machine, real and absolute. */
  host;
  /** Where relative paths start, seen from inside. */
  cwd;
  /** @throws ElfError FILE_SYSTEM when the directory cannot be entered */
  constructor(directory = '/', cwd) {
    this.host = realDirectory(directory);
    this.cwd = cwd ?? (this.isTrivial ? process.cwd() : '/');
  }
  /** Whether this is the machine's own root. */
  get isTrivial() {
    return this.host === '/';
  }
  /** The host's name of a path that is real inside already. */
  hostPath(inside) {
    return this.isTrivial ? inside : `${this.host}${inside === '/' ? '' : inside}`;
  }
  /** Follow a path to its end. */
  resolve(path, {follow = true} = {}) {
    if (path === '' || path.includes('\0'))
      return {found: false, code: 'ENOENT', reached: this.cwd, rest: [path]};
    const whole = this.absolute(path);
    if (path.length > longestPath) return {found: false, code: 'ENAMETOOLONG', reached: '/', rest: [whole]};
    return new Walk(this, whole).run(follow);
  }
  /**
   * Say only what is at a path, and by which name this process can open it: cheaper than `resolve` where the root
   * is the machine's own, because the kernel does the walking.
   */
  lookUp(path) {
    if (!this.isTrivial || path === '' || path.includes('\0')) return this.resolve(path);
    const host = this.absolute(path);
    try {
      const stats = statSync(host, {bigint: true, throwIfNoEntry: false});
      return stats === undefined ? absent : {found: true, host, stats};
    } catch (error) {
      return {found: false, code: codeOf(error)};
    }
  }
  /**
   * Open a regular file that was found; what is not one is not opened at all.
   *
   * @throws ElfError NOT_A_FILE, FILE_SYSTEM, or CHANGED when it is somewhere else by now
   */
  source(host) {
    const env_1 = {stack: [], error: void 0, hasError: false};
    try {
      if (this.isTrivial) return fileSource(host);
      const held = __addDisposableResource(env_1, hold(host), false);
      return held.source();
    } catch (e_1) {
      env_1.error = e_1;
      env_1.hasError = true;
    } finally {
      __disposeResources(env_1);
    }
  }
  /**
   * Hand a regular file that was found to a call that opens it by its path.
   *
   * @param call gets a path that leads to this file, whatever happens to the directories meanwhile
   * @throws ElfError as `source` does
   */
  lend(host, call) {
    const env_2 = {stack: [], error: void 0, hasError: false};
    try {
      if (this.isTrivial) return call(host);
      const held = __addDisposableResource(env_2, hold(host), false);
      if (!held.stats.isFile()) throw notAFile(host, held.stats);
      try {
        return call(held.path);
      } catch (error) {
        throw error instanceof ElfError && error.path === held.path ? error.at(host) : error;
      }
    } catch (e_2) {
      env_2.error = e_2;
      env_2.hasError = true;
    } finally {
      __disposeResources(env_2);
    }
  }
  /** The names in a directory that was found. @throws ElfError FILE_SYSTEM, CHANGED */
  names(host) {
    const env_3 = {stack: [], error: void 0, hasError: false};
    try {
      const held = __addDisposableResource(env_3, this.isTrivial ? undefined : holdDirectory(host), false);
      try {
        return held?.names() ?? readdirSync(host).sort();
      } catch (error) {
        throw systemError(host, error, 'cannot read');
      }
    } catch (e_3) {
      env_3.error = e_3;
      env_3.hasError = true;
    } finally {
      __disposeResources(env_3);
    }
  }
  /** A path made absolute, with its `.` and `..` as they are: what they mean depends on the links before them. */
  absolute(path) {
    if (path.startsWith('/')) return path;
    return this.cwd === '/' ? `/${path}` : `${this.cwd}/${path}`;
  }
}
const absent = {found: false, code: 'ENOENT'};
function realDirectory(directory) {
  try {
    const real = realpathSync(absolute(directory));
    statSync(`${real}/.`);
    return real;
  } catch (error) {
    throw systemError(directory, error);
  }
}
/** One walk along a path: `reached` is real, `pending` are the components still to go, the next one last. */
class Walk {
  #root;
  #reached = '/';
  #pending;
  #links = 0;
  constructor(root, path) {
    this.#root = root;
    this.#pending = path.split('/').reverse();
  }
  run(follow) {
    try {
      let stats = this.#lstat('/');
      for (let name = this.#pending.pop(); name !== undefined; name = this.#pending.pop()) {
        if (!stats.isDirectory()) return this.#stop('ENOTDIR', name);
        const next = step(this.#reached, name);
        const there = next === this.#reached ? stats : this.#lstatOf(next, name);
        if (typeof there === 'string') return this.#stop(there, name);
        if (there.isSymbolicLink() && (follow || this.#pending.length > 0)) {
          if (++this.#links > mostLinks) return this.#stop('ELOOP', name);
          stats = this.#enterLink(next);
        } else {
          this.#reached = next;
          stats = there;
        }
      }
      return {found: true, inside: this.#reached, host: this.#root.hostPath(this.#reached), stats};
    } catch (error) {
      return this.#stop(codeOf(error));
    }
  }
  #enterLink(link) {
    const target = readlinkSync(this.#root.hostPath(link));
    this.#pending.push(...target.split('/').reverse());
    if (target.startsWith('/')) this.#reached = '/';
    return this.#lstat(this.#reached);
  }
  #lstat(inside) {
    return lstatSync(this.#root.hostPath(inside), {bigint: true});
  }
  #lstatOf(inside, name) {
    if (name.length > 255 && Buffer.byteLength(name) > 255) return 'ENAMETOOLONG';
    return lstatSync(this.#root.hostPath(inside), {bigint: true, throwIfNoEntry: false}) ?? 'ENOENT';
  }
  #stop(code, name) {
    const rest = [...(name === undefined ? [] : [name]), ...this.#pending.reverse()].filter(
      (part) => part !== '',
    );
    return {found: false, code, reached: this.#reached, rest};
  }
}
/** One component further; `.` and the empty one (as after a trailing slash) stay, `..` goes up. */
function step(reached, name) {
  if (name === '' || name === '.') return reached;
  if (name === '..') return reached.slice(0, Math.max(1, reached.lastIndexOf('/'))) || '/';
  return reached === '/' ? `/${name}` : `${reached}/${name}`;
}
function codeOf(error) {
  const {code} = error;
  if (code === undefined || !code.startsWith('E')) throw error;
  return code;
}
//# sourceMappingURL=root.js.map
