'use strict';
/*
 * Load a file of dist/bin, from a cache of compiled code if possible.
 *
 * Compiling the code of `set` takes Node as long as running it, so V8's compiled form is kept beside each file, as
 * Python keeps `__pycache__`: in the package itself, because a cache is code, and whoever can write there could change
 * the code as well. A user's directory or /tmp would let somebody else decide what root runs. So the cache is made by
 * the first run of the directory's owner (root for a global installation), and others use it if it exists. It is used
 * only if it belongs to that owner and nobody else may write to it.
 *
 * V8 rejects a cache from another version or other flags, but compares only the length of the code, and timestamps do
 * not help: in a reproducible image they are all the same. So the cache contains the code, which must be identical.
 * NODE_DISABLE_COMPILE_CACHE=1 disables the cache, as in Node itself.
 */
requireNode(process.versions.node);

const fs = require('node:fs');
const path = require('node:path');
const {Script} = require('node:vm');

const directory = path.join(__dirname, '..', 'dist', 'bin');
const cacheDirectory = path.join(directory, 'cache');
const mayCache = process.env.NODE_DISABLE_COMPILE_CACHE === undefined && !process.env.NODE_V8_COVERAGE;
/** The modules so far, by the name of the file. */
const loaded = new Map();
const uncached = [];
/** Size of the number at the end of a cache. */
const lengthBytes = 4;

/**
 * End with one line where Node is older than `engines` in package.json allows, before it meets code that it cannot run.
 * So this file keeps to the syntax of Node 10, and requires no module before: Node 12, which Debian 11 and Ubuntu
 * 22.04 install, knows no `node:fs`.
 */
function requireNode(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major >= 23 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return;
  process.stderr.write(`elfinterp: Node ${version} is too old: install Node 20.19, 22.12 or newer\n`);
  process.exit(1);
}

/** The exports of a file of dist/bin, named without `.cjs`. */
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const filename = path.join(directory, `${name}.cjs`);
  const code = fs.readFileSync(filename);
  const source = `(function(exports,require,module,__filename,__dirname,load){${code.latin1Slice()}\n})`;
  const module = {exports: {}};
  loaded.set(name, module);
  compile(name, filename, code, source).runInThisContext()(
    module.exports,
    require,
    module,
    filename,
    directory,
    load,
  );
  return module.exports;
}

/** Load every file, and so compile or make the cache of each. */
function loadAll() {
  for (const file of fs.readdirSync(directory)) if (file.endsWith('.cjs')) load(path.basename(file, '.cjs'));
}

function compile(name, filename, code, source) {
  const cache = mayCache ? path.join(cacheDirectory, `${name}-${process.versions.v8}`) : undefined;
  const cachedData = cache && read(cache, code);
  if (cache !== undefined && cachedData === undefined) expectCache({cache, filename, code, source});
  return new Script(source, {filename, cachedData});
}

/**
 * V8's compiled form of the code, if it exists and can be trusted; the file holds it, the code, and the code's length.
 */
function read(file, code) {
  try {
    const owner = fs.statSync(directory).uid;
    if (!isSafe(fs.lstatSync(cacheDirectory), owner)) return undefined;
    const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    try {
      const stats = fs.fstatSync(fd);
      return stats.isFile() && isSafe(stats, owner) ? dataFor(code, fs.readFileSync(fd)) : undefined;
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

function isSafe({uid, mode}, owner) {
  return uid === owner && (mode & 0o022) === 0;
}

function dataFor(code, bytes) {
  const end = bytes.length - lengthBytes;
  const length = bytes.readUInt32LE(end);
  const start = end - length;
  return start > 0 && bytes.subarray(start, end).equals(code) ? bytes.subarray(0, start) : undefined;
}

function bytesOf(data, code) {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(code.length);
  return Buffer.concat([data, code, length]);
}

/** Make missing caches once the command is done and nobody is waiting. */
function expectCache(entry) {
  if (uncached.push(entry) === 1) process.once('exit', makeCaches);
}

function makeCaches() {
  try {
    if (process.geteuid === undefined || fs.statSync(directory).uid !== process.geteuid()) return;
    fs.mkdirSync(cacheDirectory, {recursive: true, mode: 0o755});
    if (!isSafe(fs.lstatSync(cacheDirectory), process.geteuid())) return;
    // Compile every function, not only those that this run called, which V8 has in memory: a space in place of the line
    // break forces it to compile again. Nothing else is compiled after this.
    require('node:v8').setFlagsFromString('--no-lazy');
    const scripts = uncached.map(
      ({source, filename}) => new Script(source.replace(/\n\}\)$/, ' })'), {filename}),
    );
    require('node:v8').setFlagsFromString('--lazy');
    for (const [i, {cache, code}] of uncached.entries())
      write(cache, bytesOf(scripts[i].createCachedData(), code));
  } catch {
    // A full or read-only file system: the next run compiles again.
  }
}

/** Write it atomically: others may be reading it, or making the same one. */
function write(file, data) {
  const temporary = `${file}.${process.pid}`;
  try {
    fs.writeFileSync(temporary, data, {flag: 'wx', mode: 0o644});
    fs.renameSync(temporary, file);
  } finally {
    fs.rmSync(temporary, {force: true});
  }
}

module.exports = {load, loadAll, loaded};
