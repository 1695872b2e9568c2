import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import test, {type ExecutionContext} from 'ava';
import {attemptsOf} from '../../src/loader/attempts.js';
import {Resolver, type ResolveTreeOptions, resolveTreeSync} from '../../src/loader/resolve.js';
import {output, run, withTools} from '../helpers/tools.js';
import {glibcLoader, outcomeOf, Workshop} from './workshop.js';

function workshopTest(title: string, body: (t: ExecutionContext, w: Workshop) => void): void {
  test(
    title,
    withTools((t) => {
      const w = new Workshop();
      t.teardown(() => w.remove());
      body(t, w);
    }),
  );
}

// Which loader

workshopTest('a PT_INTERP that does not exist is stood in for, and the result says so', (t, w) => {
  w.program('p', {needed: ['libc.so.6'], interpreter: '/nowhere/ld.so'});
  const {interpreter, nodes, misses} = resolveTreeSync(w.path('p'));
  t.like(interpreter, {requested: '/nowhere/ld.so', path: glibcLoader, libc: 'glibc', substituted: true});
  t.deepEqual(misses, []);
  t.true(nodes.some(({soname}) => soname === 'libc.so.6'));
});

workshopTest('a program of musl whose PT_INTERP does not exist gets the loader of musl', (t, w) => {
  w.reporter('p', {cc: 'musl-gcc', interpreter: '/nowhere/ld.so'});
  const {interpreter, nodes} = resolveTreeSync(w.path('p'));
  t.like(interpreter, {path: '/lib/ld-musl-x86_64.so.1', libc: 'musl', substituted: true});
  t.is(nodes.length, 2);
});

workshopTest('a loader for another machine at PT_INTERP is none', (t, w) => {
  w.loaderWith('ld.so', {});
  w.doctor('ld.so', (bytes) => void bytes.writeUInt16LE(183, 18));
  w.program('p', {needed: ['libc.so.6'], interpreter: w.path('ld.so')});
  t.like(resolveTreeSync(w.path('p')).interpreter, {path: glibcLoader, substituted: true});
});

workshopTest('under a root without any loader that is a miss, and defaults serve', (t, w) => {
  w.program('root/p', {needed: ['libA.so']});
  w.library('root/lib64/libA.so');
  const {interpreter, nodes, misses} = resolveTreeSync('/p', {root: w.path('root')});
  t.like(interpreter, {requested: glibcLoader, path: undefined, node: undefined, libc: 'glibc'});
  t.like(misses[0], {name: glibcLoader, kind: 'interpreter', requestedBy: 0});
  t.is(nodes[1]?.path, '/lib64/libA.so');
});

workshopTest('another loader may be given', (t, w) => {
  w.loaderWith('other.so', {});
  w.program('p', {needed: ['ld-linux-x86-64.so.2']});
  const {interpreter, nodes} = resolveTreeSync(w.path('p'), {interpreter: w.path('other.so')});
  t.like(interpreter, {requested: glibcLoader, path: w.path('other.so'), substituted: true});
  t.deepEqual(nodes[0]?.edges[0], {
    name: 'ld-linux-x86-64.so.2',
    kind: 'needed',
    to: 1,
    reason: {kind: 'interpreter'},
  });
});

workshopTest('a static program has no interpreter', (t, w) => {
  w.program('p', {ld: ['-static', '--no-dynamic-linker', '-no-pie']});
  const {interpreter, nodes} = resolveTreeSync(w.path('p'));
  t.is(interpreter, undefined);
  t.is(nodes.length, 1);
});

workshopTest('what a stripper keeps for debuggers is not a static program', (t, w) => {
  w.program('p', {needed: ['libc.so.6']});
  for (const [tool, ...args] of [
    ['objcopy', '--only-keep-debug', w.path('p'), w.path('objcopy.debug')],
    ['eu-strip', '-f', w.path('eu-strip.debug'), '-o', w.path('stripped'), w.path('p')],
  ] as const) {
    output(tool, args);
    const error = t.throws(() => resolveTreeSync(w.path(`${tool}.debug`)), {code: 'UNSUPPORTED'});
    t.regex(error?.message ?? '', /a separate debug file/);
  }
  t.notThrows(() => resolveTreeSync(w.path('stripped')));
});

workshopTest('a static-pie has none either', (t, w) => {
  w.program('p', {ld: ['-static', '--no-dynamic-linker', '-z', 'text']});
  t.true(output('readelf', ['-d', w.path('p')]).includes('PIE'));
  t.is(resolveTreeSync(w.path('p')).interpreter, undefined);
});

workshopTest('a shared library is resolved as if it were a program', (t, w) => {
  w.library('libA.so', {needed: ['libB.so'], rpath: '$ORIGIN'});
  w.library('libB.so');
  const {interpreter, nodes} = resolveTreeSync(w.path('libA.so'));
  t.like(interpreter, {requested: undefined, path: glibcLoader, substituted: false});
  t.is(nodes[1]?.path, w.path('libB.so'));
});

// What the result says

workshopTest('each node says who asked, and why it was this file', (t, w) => {
  w.library('a/libA.so', {soname: 'libA.so.1', needed: ['libB.so', 'libA.so.1'], runpath: '$ORIGIN/../b'});
  w.library('b/libB.so', {needed: ['libA.so']});
  w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
  const {nodes} = resolveTreeSync(w.path('p'), {preloadFile: false});
  t.like(nodes[1], {name: 'libA.so', requestedBy: 0, soname: 'libA.so.1'});
  t.deepEqual(nodes[1]?.reason, {kind: 'rpath', of: 0, directory: `${w.path('a')}/`});
  t.like(nodes[2], {name: 'libB.so', requestedBy: 1, path: `${w.path('a')}/../b/libB.so`});
  t.deepEqual(nodes[2]?.reason, {kind: 'runpath', of: 1, directory: `${w.path('a')}/../b/`});
  t.deepEqual(nodes[1]?.edges[1], {
    name: 'libA.so.1',
    kind: 'needed',
    to: 1,
    reason: {kind: 'already-loaded', by: 'soname', as: 'libA.so.1'},
  });
  t.deepEqual(nodes[2]?.edges[0], {
    name: 'libA.so',
    kind: 'needed',
    to: 1,
    reason: {kind: 'already-loaded', by: 'name', as: 'libA.so'},
  });
});

workshopTest('a miss says what was tried, in order', (t, w) => {
  w.write('a/.keep', '');
  w.program('p', {needed: ['libA.so'], runpath: `${w.path('a')}:/nowhere`, ld: ['-z', 'nodefaultlib']});
  const tree = resolveTreeSync(w.path('p'), {libraryPath: w.path('a')});
  const [miss] = tree.misses;
  t.like(miss, {name: 'libA.so', kind: 'needed', requestedBy: 0, fatal: undefined, optional: false});
  t.deepEqual(miss && [...attemptsOf(tree, miss)].map(({place, path, why}) => [place.kind, path, why]), [
    ['library-path', w.path('a/libA.so'), 'no such file'],
    ['runpath', w.path('a/libA.so'), 'no such file'],
    ['runpath', '/nowhere/libA.so', 'no such directory'],
    ['cache', '/etc/ld.so.cache', 'not in the cache'],
  ]);
});

workshopTest('a file that was passed over is kept with the reason', (t, w) => {
  w.library('bad/libA.so');
  w.doctor('bad/libA.so', (bytes) => void bytes.writeUInt16LE(183, 18));
  w.library('good/libA.so');
  w.program('p', {needed: ['libA.so'], rpath: `${w.path('bad')}:${w.path('good')}`});
  const [, node] = resolveTreeSync(w.path('p')).nodes;
  t.deepEqual(
    node?.passedOver.map(({path, why}) => [path, why]),
    [[w.path('bad/libA.so'), 'other machine']],
  );
});

workshopTest('after a fatal file the rest is resolved all the same', (t, w) => {
  w.write('a/libA.so', 'x'.repeat(100));
  w.library('a/libB.so');
  w.program('p', {needed: ['libA.so', 'libB.so'], rpath: w.path('a')});
  const {nodes, misses} = resolveTreeSync(w.path('p'));
  t.is(misses[0]?.fatal, 'invalid ELF header');
  t.is(nodes[1]?.path, w.path('a/libB.so'));
});

workshopTest('the result is plain data', (t, w) => {
  w.program('p', {needed: ['libc.so.6', 'libNone.so']});
  const tree = resolveTreeSync(w.path('p'));
  t.like(JSON.parse(JSON.stringify(tree)), {
    nodes: {0: {path: w.path('p')}},
    misses: {0: {name: 'libNone.so'}},
  });
});

workshopTest('what a filter stands for is loaded after it, and its libraries right then', (t, w) => {
  for (const name of ['A', 'X', 'Y', 'Q', 'Z', 'F']) w.library(`a/lib${name}.so`);
  w.library('a/libA.so', {ld: ['-F', 'libF.so', '-f', 'libX.so'], needed: ['libZ.so']});
  w.library('a/libF.so', {needed: ['libW.so']});
  w.library('a/libX.so', {needed: ['libY.so']});
  w.library('a/libW.so');
  w.library('a/libQ.so', {needed: ['libV.so']});
  w.library('a/libV.so');
  w.program('p', {needed: ['libA.so', 'libQ.so'], rpath: w.path('a')});
  const {stderr} = run(w.path('p'), [], {env: {LD_DEBUG: 'files'}});
  const real = [...stderr.matchAll(/file=(\S+) \[0\]; {2}generating link map/g)].map(([, name]) => name);
  const {nodes} = resolveTreeSync(w.path('p'), {preloadFile: false});
  const ours = nodes.slice(1, -1).map(({name}) => name);
  t.deepEqual(
    ours,
    [...'AQZFXWYV'].map((letter) => `lib${letter}.so`),
  );
  t.deepEqual(ours, real);
});

// Options

workshopTest('libraries may be added by hand', (t, w) => {
  w.library('a/libA.so', {needed: ['libB.so']});
  w.library('a/libB.so');
  w.program('p', {rpath: w.path('a')});
  const {nodes} = resolveTreeSync(w.path('p'), {library: ['libA.so'], preloadFile: false});
  t.deepEqual(
    nodes.slice(1, 3).map(({name}) => name),
    ['libA.so', 'libB.so'],
  );
  t.is(nodes[0]?.edges[0]?.kind, 'library');
});

workshopTest('without /proc a program does not know its $ORIGIN, its libraries know theirs', (t, w) => {
  w.library('a/libA.so', {needed: ['libB.so'], runpath: '$ORIGIN'});
  w.library('a/libB.so');
  w.program('p', {needed: ['libA.so'], rpath: `$ORIGIN/a:${w.path('a')}`});
  w.program('q', {needed: ['libA.so'], rpath: '$ORIGIN/a'});
  const options: ResolveTreeOptions = {proc: false};
  t.deepEqual(outcomeOf(resolveTreeSync(w.path('p'), options)).files, [
    w.path('a/libA.so'),
    w.path('a/libB.so'),
  ]);
  t.deepEqual(outcomeOf(resolveTreeSync(w.path('q'), options)).files, ['libA.so: not found']);
  t.is(outcomeOf(resolveTreeSync(w.path('q'))).files.length, 2);
});

workshopTest(
  'the version of glibc decides which path of a program that the loader starts is its $ORIGIN',
  (t, w) => {
    for (const directory of ['real', 'link']) w.library(`${directory}/libA.so`);
    w.program('real/p', {needed: ['libA.so'], rpath: '$ORIGIN'});
    w.link('link/p', '../real/p');
    const library = (minor: number, proc: boolean) => {
      const release = 'release version 2.';
      const interpreter = w.loaderWith(`ld-${minor}.so`, {});
      w.doctor(`ld-${minor}.so`, (bytes) => {
        bytes.write(`${minor}`, bytes.indexOf(release) + release.length);
        return undefined;
      });
      const options = {direct: true, interpreter, proc};
      return outcomeOf(resolveTreeSync(w.path('link/p'), options)).files;
    };
    t.deepEqual(library(41, true), [w.path('link/libA.so')]);
    t.deepEqual(library(42, true), [w.path('real/libA.so')]);
    t.deepEqual(library(42, false), [w.path('link/libA.so')]);
  },
);

workshopTest('a hwcaps level that the loader does not know is refused', (t, w) => {
  w.program('p', {needed: ['libc.so.6']});
  t.throws(() => resolveTreeSync(w.path('p'), {hwcaps: 'x86-64-v9'}), {code: 'BAD_REQUEST'});
});

workshopTest('several programs share one pass', (t, w) => {
  w.library('a/libA.so');
  for (const name of ['p', 'q']) w.program(name, {needed: ['libA.so'], rpath: w.path('a')});
  const resolver = new Resolver({preloadFile: false});
  t.is(resolver.resolve(w.path('p')).nodes[1]?.path, w.path('a/libA.so'));
  w.write('a/libA.so', 'not read again');
  t.is(resolver.resolve(w.path('q')).nodes[1]?.path, w.path('a/libA.so'));
});

workshopTest('auditors that a program names are loaded too', (t, w) => {
  w.library('a/libAudit.so', {needed: ['libB.so']});
  w.library('a/libB.so');
  w.program('p', {rpath: w.path('a'), ld: ['--audit', 'libAudit.so:libNone.so']});
  const {nodes, misses} = resolveTreeSync(w.path('p'), {preloadFile: false});
  t.deepEqual(
    nodes.slice(1, 3).map(({name}) => name),
    ['libAudit.so', 'libB.so'],
  );
  t.like(misses[0], {name: 'libNone.so', kind: 'audit', optional: true});
  const opened = run(w.path('p'), [], {env: {LD_DEBUG: 'files'}}).stderr;
  for (const name of ['libAudit.so', 'libB.so']) t.true(opened.includes(w.path('a', name)), name);
});

// Bad input

workshopTest('a program that is missing, no file, or not ELF is an error', (t, w) => {
  w.write('text', 'text');
  w.write('empty', '');
  t.throws(() => resolveTreeSync(w.path('none')), {code: 'FILE_SYSTEM'});
  t.throws(() => resolveTreeSync(w.directory), {code: 'NOT_A_FILE'});
  t.throws(() => resolveTreeSync(w.path('text')), {code: 'NOT_ELF'});
  t.throws(() => resolveTreeSync(w.path('empty')), {code: 'NOT_ELF'});
});

workshopTest('a FIFO of the right name does not hang', (t, w) => {
  w.write('a/.keep', '');
  output('mkfifo', [w.path('a/libA.so')]);
  w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
  t.is(resolveTreeSync(w.path('p')).misses[0]?.fatal, 'not a regular file');
});

for (const libc of ['glibc', 'musl'] as const) {
  workshopTest(`${libc}: whatever stands in a library, resolving ends and does not throw`, (t, w) => {
    const source = 'void f(void) {} int x;';
    w.library('a/libA.so', {needed: ['libB.so'], soname: 'libA.so', runpath: '$ORIGIN', source});
    const sound = readFileSync(w.path('a/libA.so'));
    const build = {needed: ['libA.so'], rpath: w.path('a')};
    if (libc === 'glibc') w.program('p', build);
    else w.reporter('p', {cc: 'musl-gcc', ...build});
    const survives = (bytes: Uint8Array, what: string) => {
      w.write('a/libA.so', bytes);
      t.notThrows(() => resolveTreeSync(w.path('p')), what);
    };
    for (let at = 0; at < sound.length; at += at < 0x400 ? 1 : 7) {
      const damaged = Buffer.from(sound);
      damaged.writeUInt8((damaged.readUInt8(at) + 1 + (at % 254)) & 0xff, at);
      survives(damaged, `byte ${at}`);
    }
    for (let length = 0; length < sound.length; length += 41) {
      survives(sound.subarray(0, length), `${length} bytes`);
    }
  });
}

// Symbol versions

workshopTest('a symbol version that a library does not define is a problem', (t, w) => {
  const build = (path: string, version: string) => {
    const script = w.write(`${version}.map`, `${version} { global: f; };`);
    return w.library(path, {source: 'void f(void) {}', soname: 'libV.so', ld: ['--version-script', script]});
  };
  const linkTime = build('link/libV.so', 'V_2');
  build('run/libV.so', 'V_1');
  w.library('none/libV.so', {source: 'void f(void) {}', soname: 'libV.so'});
  const program = w.program('p', {
    source: 'void f(void); void g(void) { f(); }',
    ld: [linkTime],
    runpath: '/nowhere',
  });
  const problems = (directory: string) =>
    resolveTreeSync(program, {libraryPath: w.path(directory)}).versionProblems;
  const said = (directory: string) =>
    run(glibcLoader, ['--library-path', w.path(directory), '--list', program]).stderr;
  t.deepEqual(problems('run'), [{version: 'V_2', missingIn: 1, requiredBy: 0}]);
  t.regex(said('run'), /version `V_2' not found \(required by/);
  t.deepEqual(problems('link'), []);
  t.notRegex(said('link'), /not found/);
  t.deepEqual(problems('none'), [], 'a library without versions serves for all');
  t.notRegex(said('none'), /not found/);
  t.deepEqual(resolveTreeSync(program, {libraryPath: w.path('run'), versions: false}).versionProblems, []);
});

// .note.dlopen

function dlopenNote(json: string): string {
  const words = [...Buffer.from(`${json}\0`)].join(',');
  return `__asm__(".pushsection .note.dlopen,\\"a\\",@note\\n.long 4,2f-1f,0x407c0c0a\\n.asciz \\"FDO\\"\\n1:.byte ${words}\\n2:.balign 4\\n.popsection");`;
}

const array = JSON.stringify([
  {soname: ['libNew.so', 'libOld.so'], feature: 'f', description: 'd', priority: 'suggested'},
  {soname: ['libR.so'], priority: 'required'},
]);

workshopTest('dlopen notes are read, and followed down to the priority asked for', (t, w) => {
  w.library('a/libA.so', {source: dlopenNote(array), runpath: w.path('a')});
  w.library('a/libOld.so');
  w.library('a/libR.so', {needed: ['libS.so'], runpath: '$ORIGIN'});
  w.library('a/libS.so');
  w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
  const names = (options: ResolveTreeOptions) =>
    resolveTreeSync(w.path('p'), {preloadFile: false, ...options})
      .nodes.slice(1, -1)
      .map(({name}) => name);
  const {nodes} = resolveTreeSync(w.path('p'));
  t.deepEqual(nodes[1]?.dlopen, [
    {sonames: ['libNew.so', 'libOld.so'], priority: 'suggested', feature: 'f', description: 'd'},
    {sonames: ['libR.so'], priority: 'required', feature: undefined, description: undefined},
  ]);
  t.deepEqual(names({}), ['libA.so']);
  t.deepEqual(names({dlopen: 'required'}), ['libA.so', 'libR.so', 'libS.so']);
  t.deepEqual(names({dlopen: 'suggested'}), ['libA.so', 'libOld.so', 'libR.so', 'libS.so']);
});

workshopTest('a dlopen note of the first draft, and one that is none', (t, w) => {
  w.program('draft', {source: dlopenNote('{"soname": "libX.so"}')});
  w.program('bad', {source: dlopenNote('[{"soname": 3}, 7, null, {"soname": []}')});
  const notes = (path: string) => resolveTreeSync(w.path(path), {dlopen: 'suggested'}).nodes[0]?.dlopen;
  t.deepEqual(notes('draft'), [
    {sonames: ['libX.so'], priority: 'recommended', feature: undefined, description: undefined},
  ]);
  t.deepEqual(notes('bad'), []);
  const [miss] = resolveTreeSync(w.path('draft'), {dlopen: 'recommended'}).misses;
  t.like(miss, {name: 'libX.so', kind: 'dlopen', optional: true});
});

// Under a root, with chroot(2) as the judge

function inChroot(root: string, ...args: string[]): string[] | undefined {
  const command = process.getuid?.() === 0 ? ['chroot'] : ['unshare', '-r', 'chroot'];
  const [tool = '', ...rest] = [...command, root, glibcLoader, '--list', ...args];
  const {status, stdout, stderr} = run(tool, rest);
  if (status !== 0 && /Operation not permitted/.test(stderr)) return undefined;
  const lines = stdout.split('\n').map((line) => /^\t(.*?) (?:=> (.*?) )?\(0x/.exec(line));
  const files = lines.flatMap((match) => (match?.[1] === undefined ? [] : [match[2] ?? match[1]]));
  return files.filter((file) => !/^linux-|ld-linux/.test(file));
}

workshopTest('under a root every link stays inside, as after chroot', (t, w) => {
  w.copy(glibcLoader, 'root/usr/lib64/ld-linux-x86-64.so.2');
  execFileSync('chmod', ['755', w.path('root/usr/lib64/ld-linux-x86-64.so.2')]);
  w.link('root/lib64', '/usr/lib64');
  for (const name of ['A', 'B', 'C', 'D', 'E', 'P']) w.library(`root/store/lib${name}.so`);
  w.library('outside/libA.so');
  w.library('outside/libE.so');
  w.library('root/store/libA.so', {
    needed: ['../../../../../store/libD.so', '$ORIGIN/../../../../store/libE.so'],
  });
  w.link('root/lib/libA.so', '/store/libA.so');
  w.link('root/usr/lib/libB.so', '../../../../../../../../../store/libB.so');
  w.link('root/opt/libs', '/../../store');
  w.link('root/usr/lib/libloop.so', 'libloop.so');
  w.write('root/etc/ld.so.preload', '/store/libP.so # first\n');
  const libraries = ['libA.so', 'libB.so', 'libC.so', w.path('outside/libA.so'), 'libloop.so'];
  w.program('root/bin/p', {needed: libraries, rpath: `/opt/libs/../libs/nowhere:${w.path('outside')}`});
  w.program('root/bin/q', {needed: ['libA.so', 'libB.so', 'libC.so'], rpath: '/opt/libs'});
  const root = w.path('root');
  const resolve = (program: string) => resolveTreeSync(program, {root, direct: true});
  for (const {host} of [...resolve('/bin/p').nodes, ...resolve('/bin/q').nodes]) {
    t.true(host.startsWith(`${root}/`), host);
  }
  t.deepEqual(
    resolve('/bin/p').misses.map(({name}) => name),
    ['libC.so', w.path('outside/libA.so'), 'libloop.so'],
  );
  t.is(resolve('/bin/q').nodes.length, 8);
  const real = inChroot(root, '/bin/q');
  if (real === undefined) t.log('chroot is not permitted here');
  else t.deepEqual(outcomeOf(resolve('/bin/q')).files, real);
});

test(
  'the whole of a root other than / is named from inside',
  withTools((t) => {
    const root = '/usr/arm-linux-gnueabihf';
    const tree = resolveTreeSync('lib/libm.so.6', {root});
    t.is(tree.root, root);
    t.deepEqual(
      tree.nodes.map(({path, host}) => [path, host.startsWith(`${root}/lib/`)]),
      [
        ['lib/libm.so.6', true],
        ['/lib/libc.so.6', true],
        ['/lib/ld-linux-armhf.so.3', true],
      ],
    );
  }),
);
