/*
 * What a start loads and leaves: compiled code next to the code, only for the owner of the package.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {transformSync} from 'esbuild';
import {loadCode, projectDirectory} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';
import {type RunResult, run} from '../helpers/tools.js';

const {path: file} = fixture('x86_64/probe-pie');
const interpreter = '/lib64/ld-linux-x86-64.so.2\n';

/** A package as it is unpacked: without compiled code. */
function unpack(t: ExecutionContext): {directory: string; cache: string} {
  const directory = tempDirectory(t);
  for (const part of ['bin', 'dist/bin'])
    cpSync(path.join(projectDirectory, part), path.join(directory, part), {recursive: true});
  const cache = path.join(directory, 'dist/bin/cache');
  rmSync(cache, {recursive: true, force: true});
  chmodSync(directory, 0o755);
  return {directory, cache};
}

function start(
  directory: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  nodeArgs: string[] = [],
): RunResult {
  return run(process.execPath, [...nodeArgs, path.join(directory, 'bin/elfinterp.js'), ...args], {env});
}

/** Which files of dist/bin have compiled code. */
function cached(cache: string): string[] {
  return existsSync(cache) ? readdirSync(cache).map((name) => name.replace(/-.*/, '')) : [];
}

/** Preloaded in a run, it prints for each file whether there was compiled code, and whether V8 rejected it. */
const watch = `const vm = require('node:vm'); const {Script} = vm;
  vm.Script = class extends Script {
    constructor(source, options) {
      super(source, options);
      console.error(require('node:path').basename(options.filename), this.cachedDataRejected);
    }
  };`;

test('the first run leaves compiled code of what it loaded, the next one uses it', (t) => {
  const {directory, cache} = unpack(t);
  const preload = path.join(directory, 'watch.cjs');
  writeFileSync(preload, watch);
  const watched = (...args: string[]) => start(directory, args, {}, ['--require', preload]);
  // The second time it is compiled for the cache.
  t.is(watched('get', file).stderr, 'cli.cjs undefined\ncli.cjs undefined\n');
  t.deepEqual(cached(cache), ['cli']);
  const {stdout, stderr} = watched('get', file);
  t.deepEqual([stdout, stderr], [interpreter, 'cli.cjs false\n']);
  t.regex(watched('get', '--', file).stderr, /^cli.cjs false\nparse.cjs undefined\nparse.cjs undefined\n$/);
  t.is(watched('get', '--', file).stderr, 'cli.cjs false\nparse.cjs false\n');
  t.deepEqual(cached(cache), ['cli', 'parse']);
});

test('nobody but the owner may write it, whatever the umask', (t) => {
  const {directory, cache} = unpack(t);
  run('sh', [
    '-c',
    'umask 0; exec "$@"',
    'sh',
    process.execPath,
    path.join(directory, 'bin/elfinterp.js'),
    'get',
    file,
  ]);
  t.deepEqual(cached(cache), ['cli']);
  for (const entry of [cache, ...readdirSync(cache).map((name) => path.join(cache, name))])
    t.is(statSync(entry).mode & 0o022, 0, entry);
});

test('damaged, empty or foreign compiled code is as none', (t) => {
  const {directory, cache} = unpack(t);
  start(directory, ['get', file]);
  const [name = ''] = readdirSync(cache);
  const whole = readFileSync(path.join(cache, name));
  for (const content of [Buffer.alloc(0), Buffer.from('not compiled code'), whole.subarray(0, 1000)]) {
    writeFileSync(path.join(cache, name), content);
    const {status, stdout, stderr} = start(directory, ['get', file]);
    t.deepEqual([status, stdout, stderr], [0, interpreter, '']);
  }
  rmSync(cache, {recursive: true});
  start(directory, ['get', file], {}, ['--no-opt', '--max-lazy']);
  t.is(start(directory, ['get', file]).stdout, interpreter);
});

test('other code of the same length and time is compiled again, not taken for the one before', (t) => {
  const {directory, cache} = unpack(t);
  const code = path.join(directory, 'dist/bin/cli.cjs');
  const {mtime} = statSync(code);
  start(directory, ['--version']);
  t.deepEqual(cached(cache), ['cli']);
  const before = readFileSync(code, 'latin1');
  const {stdout: version} = start(directory, ['--version']);
  const other = version.trim().replace(/\d/, '7');
  writeFileSync(code, before.replaceAll(`"${version.trim()}"`, `"${other}"`), 'latin1');
  utimesSync(code, mtime, mtime);
  t.is(statSync(code).size, before.length);
  for (let run = 0; run < 2; run++) t.is(start(directory, ['--version']).stdout, `${other}\n`);
  t.deepEqual(cached(cache), ['cli'], 'the old one is gone');
});

test("compiled code that is not the owner of the code's, or that others may write, is not used", (t) => {
  const {directory, cache} = unpack(t);
  start(directory, ['get', file]);
  const preload = path.join(directory, 'watch.cjs');
  writeFileSync(preload, watch);
  const [name = ''] = readdirSync(cache);
  const entry = path.join(cache, name);
  const env = {NODE_V8_COVERAGE: ''};
  const isUsed = () =>
    start(directory, ['get', file], env, ['--require', preload]).stderr.startsWith('cli.cjs false');
  t.true(isUsed());
  const spoil = [
    () => chmodSync(entry, 0o664),
    () => chmodSync(cache, 0o777),
    () => {
      renameSync(entry, `${entry}.real`);
      symlinkSync(`${name}.real`, entry);
    },
    ...(process.geteuid?.() === 0 ? [() => chownSync(entry, 65_534, 65_534)] : []),
  ];
  for (const [i, change] of spoil.entries()) {
    rmSync(cache, {recursive: true});
    start(directory, ['get', file]);
    change();
    t.false(isUsed(), String(i));
  }
});

test('a run of somebody else, and one that shall not, leave nothing', (t) => {
  const {directory, cache} = unpack(t);
  start(directory, ['get', file], {NODE_DISABLE_COMPILE_CACHE: '1'});
  t.deepEqual(cached(cache), []);
  if (process.geteuid?.() !== 0) return;
  // Everybody may write into the directory, but it is not theirs.
  chmodSync(path.join(directory, 'dist/bin'), 0o777);
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath];
  const {stdout, stderr} = run('setpriv', [
    ...asNobody,
    path.join(directory, 'bin/elfinterp.js'),
    '--version',
  ]);
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/, stderr);
  t.deepEqual(cached(cache), []);
});

test('a package that cannot be written works', (t) => {
  const {directory, cache} = unpack(t);
  mkdirSync(path.dirname(cache), {recursive: true});
  writeFileSync(cache, 'a file where the directory should be');
  const {status, stdout, stderr} = start(directory, ['get', file]);
  t.deepEqual([status, stdout, stderr], [0, interpreter, '']);
});

test('an error in compiled code still says where it is', (t) => {
  const {directory} = unpack(t);
  const script = `const {load} = require(${JSON.stringify(path.join(directory, 'bin/load.js'))});
    try { load('cli').part('nowhere'); } catch (error) { console.log(error.stack); }`;
  for (let i = 0; i < 2; i++)
    t.regex(
      run(process.execPath, ['-e', script]).stdout,
      /at Object\.part \(\/.*\/dist\/bin\/cli\.cjs:\d+:\d+\)/,
    );
});

test('get and needed load neither yargs nor what writes, and no part of Node that takes its time', (t) => {
  for (const command of ['get', 'needed']) {
    const script = `${loadCode}
      const before = process.moduleLoadList.length;
      load('cli').main(process.argv.slice(1)).then(() => setImmediate(() => {
        console.error(JSON.stringify([[...loaded.keys()], process.moduleLoadList.slice(before)]));
      }));`;
    for (const redirection of ['', '>/dev/null']) {
      const shell = `exec "$@" ${redirection}`;
      const {stderr} = run('sh', ['-c', shell, 'sh', process.execPath, '-e', script, command, file]);
      const [files, builtins] = JSON.parse(stderr);
      t.deepEqual(files, ['cli']);
      for (const name of ['tty', 'net', 'crypto', 'stream', 'url'])
        t.false(builtins.includes(`NativeModule ${name}`), `${name} ${redirection}`);
    }
  }
});

test('options that are written plainly need no yargs', (t) => {
  const lines = [
    ['get', '--json', file],
    ['needed', '--json', file],
    ['set', '--dry-run', file, '/ld.so'],
    ['edit', file, '--rpath', '/opt/a', '--dry-run'],
    ['check', file],
  ];
  for (const line of lines) {
    const script = `${loadCode}
      load('cli').main(process.argv.slice(1)).then(() => console.error(JSON.stringify([...loaded.keys()])));`;
    const loaded = JSON.parse(
      run(process.execPath, ['-e', script, '--', ...line])
        .stderr.trim()
        .split('\n')
        .at(-1) ?? '',
    );
    t.false(loaded.includes('parse'), line.join(' '));
  }
});

for (const [release, isSupported] of [
  ['18.20.8', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['21.7.3', false],
  ['22.11.0', false],
  ['22.12.0', true],
  ['23.1.0', true],
  ['26.0.0', true],
] as const)
  test(`Node ${release} ${isSupported ? 'is supported' : 'is refused with one line'}`, (t) => {
    const pretend = `Object.defineProperty(process.versions, 'node', {value: '${release}'}); ${loadCode}`;
    const {status, stderr} = run(process.execPath, ['-e', pretend]);
    const refusal = `elfinterp: Node ${release} is too old: install Node 20.19, 22.12 or newer\n`;
    t.deepEqual({status, stderr}, isSupported ? {status: 0, stderr: ''} : {status: 1, stderr: refusal});
  });

test('Node 10 can read the code that refuses it', (t) => {
  for (const file of ['load.js', 'elfinterp.js', 'elfinterp-chrpath.js', 'elfinterp-patchelf.js']) {
    const code = readFileSync(path.join(projectDirectory, 'bin', file), 'utf8');
    const [old, today] = ['node10', 'esnext'].map((target) => transformSync(code, {target}).code);
    t.is(old, today, `${file}: syntax that Node 10 does not have`);
  }
  const pretend = `Object.defineProperty(process.versions, 'node', {value: '12.22.12'});
    const Module = require('module');
    const loadModule = Module._load;
    Module._load = (name, ...others) => {
      if (name.startsWith('node:')) throw new Error('Cannot find module ' + name);
      return loadModule(name, ...others);
    };
    ${loadCode}`;
  const {stderr} = run(process.execPath, ['-e', pretend]);
  t.is(stderr, 'elfinterp: Node 12.22.12 is too old: install Node 20.19, 22.12 or newer\n');
});
