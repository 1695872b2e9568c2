/* The cache, the system directories, hwcaps; and libraries that are not found through DT_NEEDED alone. */
import {spawnSync} from 'node:child_process';
import type {ExecutionContext} from 'ava';
import {output} from '../helpers/tools.js';
import {buildCache, type CacheShape, type Line, namedHwcap} from './cache-builder.js';
import {glibcScenarios, type Scenario} from './scenario.js';
import {glibcLoader, glibcMinor, type Workshop} from './workshop.js';

const cacheString = '/etc/ld.so.cache';
const systemString = '/lib/x86_64-linux-gnu/';

/** A loader whose cache and first system directory (`system`) are in the workshop. */
function privateLoader(w: Workshop): {interpreter: string; system: string} {
  w.write('system/.keep', '');
  const system = `${w.alias('system', systemString.length - 1)}/`;
  const cache = w.alias('cache', cacheString.length);
  w.loaderWith('ld.so', {
    [cacheString]: cache,
    [systemString]: system,
    [`/usr${systemString}`]: `/usr${systemString}`.replace('x86_64', 'nobody'),
    '/lib/': '/nix/',
    '/usr/lib/': '/usr/nix/',
  });
  return {interpreter: w.path('ld.so'), system};
}

/** A program that needs libA.so, with this cache. */
function cached(
  w: Workshop,
  lines: readonly Line[],
  shape?: CacheShape,
  flags: readonly string[] = [],
): string {
  const {interpreter, system} = privateLoader(w);
  w.write('cache', buildCache(lines, shape));
  w.program('p', {needed: ['libA.so'], interpreter, ld: flags});
  return system;
}

const entry = (w: Workshop, directory: string, rest: Partial<Line> = {}): Line => {
  w.library(`${directory}/libA.so`);
  return {name: 'libA.so', path: w.path(directory, 'libA.so'), ...rest};
};

const found = (directory: string, ...reasons: string[]): Scenario => ({
  program: 'p',
  expect: [`${directory}/libA.so`],
  ...(reasons.length === 0 ? {} : {reasons}),
});
const notFound: Scenario = {program: 'p', expect: ['libA.so: not found']};

// The cache
glibcScenarios({
  'the cache, whose name stands in the loader'(w) {
    cached(w, [entry(w, 'c')]);
    return found('c', 'cache');
  },
  'the cache comes before the system directories'(w) {
    cached(w, [entry(w, 'c')]);
    w.library('system/libA.so');
    return found('c');
  },
  'the system directories, whose names stand in the loader'(w) {
    const system = cached(w, []);
    w.library('system/libA.so');
    return {program: 'p', expect: [`${system}libA.so`], reasons: ['system-directory']};
  },
  'a stale entry of the cache falls through to the system directories'(w) {
    const system = cached(w, [{name: 'libA.so', path: '/nowhere/libA.so'}]);
    w.library('system/libA.so');
    return {program: 'p', expect: [`${system}libA.so`]};
  },
  'an entry that leads to another machine falls through'(w) {
    const system = cached(w, [entry(w, 'c')]);
    w.doctor('c/libA.so', (bytes) => void bytes.writeUInt16LE(183, 18));
    w.library('system/libA.so');
    return {program: 'p', expect: [`${system}libA.so`]};
  },
  'an entry that leads to a text file is fatal'(w) {
    cached(w, [entry(w, 'c')]);
    w.write('c/libA.so', 'x'.repeat(100));
    w.library('system/libA.so');
    return {program: 'p', expect: [], fatal: 'invalid ELF header'};
  },
  'an entry for another architecture is not ours'(w) {
    cached(w, [entry(w, 'c', {flags: 0xa03})]);
    return notFound;
  },
  'among entries of one name the one for this architecture counts'(w) {
    cached(w, [entry(w, 'arm', {flags: 0x903}), entry(w, 'c'), entry(w, 'i386', {flags: 3})]);
    return found('c');
  },
  'of two equal entries the first counts'(w) {
    cached(w, [entry(w, 'c'), entry(w, 'd')]);
    return found('c');
  },
  'a cache that is not sorted is searched as if it were'(w) {
    // The search starts in the middle; in a sorted cache, names that precede libB in the alphabet come after it.
    const others = ['libB.so', 'libC.so'].map((name) => ({name, path: `/nowhere/${name}`}));
    cached(w, [entry(w, 'c'), ...others]);
    return notFound;
  },
  'numbers in a name count as numbers, in the sorting as in the search'(w) {
    const others = ['libB.so.10', 'libB.so.9'].map((name) => ({name, path: `/nowhere/${name}`}));
    cached(w, [...others, entry(w, 'c', {name: 'libA.so'})]);
    return found('c');
  },
  'the old layout alone'(w) {
    cached(w, [entry(w, 'c')], {layout: 'old'});
    return found('c');
  },
  'the old layout with the new one behind it'(w) {
    cached(w, [entry(w, 'c')], {layout: 'both'});
    return found('c');
  },
  'the old layout with the new one behind it, an odd number of entries'(w) {
    cached(w, [entry(w, 'c'), entry(w, 'd'), entry(w, 'e')], {layout: 'both'});
    return found('c');
  },
  'a cache of the other byte order is none'(w) {
    cached(w, [entry(w, 'c')], {bigEndian: true});
    return notFound;
  },
  'a cache that says it is of the other byte order is none'(w) {
    cached(w, [entry(w, 'c')], {orderFlag: 3});
    return notFound;
  },
  'a cache that does not say its byte order counts'(w) {
    cached(w, [entry(w, 'c')], {orderFlag: 0});
    return found('c');
  },
  'a cache that claims more entries than it holds is none'(w) {
    cached(w, [entry(w, 'c')], {claimed: 1000});
    return notFound;
  },
  'a cache of random bytes is none'(w) {
    cached(w, [entry(w, 'c')]);
    w.write('cache', Buffer.from(Array.from({length: 300}, (_, i) => (i * 73) & 0xff)));
    return notFound;
  },
  'an empty cache is none'(w) {
    cached(w, [entry(w, 'c')]);
    w.write('cache', '');
    return notFound;
  },
  '--inhibit-cache'(w) {
    cached(w, [entry(w, 'c')]);
    return {
      ...notFound,
      start: {by: [w.path('ld.so'), '--inhibit-cache']},
      options: {direct: true, inhibitCache: true},
    };
  },
  'leading zeros of a number in a name do not count in the cache'(w) {
    cached(w, [entry(w, 'c', {name: 'libA.so.1'})]);
    w.program('p', {needed: ['libA.so.001'], interpreter: w.path('ld.so')});
    return found('c');
  },
  'an entry with the legacy hwcap of thread-local storage counts until 2.36'(w) {
    cached(w, [entry(w, 'c', {hwcap: 1n << 63n})]);
    return isOld() ? found('c') : notFound;
  },
  'an entry with another legacy hwcap does not count'(w) {
    cached(w, [entry(w, 'c', {hwcap: 1n << 40n})]);
    return notFound;
  },
  'a cache that ldconfig wrote'(w) {
    cached(w, []);
    w.library('c/libA.so', {soname: 'libA.so'});
    w.write('conf', `${w.path('c')}\n`);
    output('/sbin/ldconfig', ['-X', '-f', w.path('conf'), '-C', w.path('cache')]);
    return found('c', 'cache');
  },
  'ld.so.conf alone changes nothing'(w) {
    cached(w, []);
    w.library('c/libA.so', {soname: 'libA.so'});
    w.write('etc/ld.so.conf', `${w.path('c')}\n`);
    return notFound;
  },
});

// DF_1_NODEFLIB
glibcScenarios({
  'DF_1_NODEFLIB excludes the system directories'(w) {
    cached(w, [], {}, ['-z', 'nodefaultlib']);
    w.library('system/libA.so');
    return notFound;
  },
  'DF_1_NODEFLIB excludes entries of the cache in system directories'(w) {
    const {interpreter, system} = privateLoader(w);
    w.write('cache', buildCache([{name: 'libA.so', path: `${system}sub/libA.so`}]));
    w.library('system/sub/libA.so');
    w.program('p', {needed: ['libA.so'], interpreter, ld: ['-z', 'nodefaultlib']});
    return notFound;
  },
  'DF_1_NODEFLIB leaves the other entries of the cache'(w) {
    cached(w, [entry(w, 'c')], {}, ['-z', 'nodefaultlib']);
    return found('c');
  },
  'DF_1_NODEFLIB holds for the object that has it, not for its libraries'(w) {
    const {interpreter, system} = privateLoader(w);
    w.library('a/libB.so', {needed: ['libA.so']});
    w.library('system/libA.so');
    w.program('p', {needed: ['libB.so'], rpath: w.path('a'), interpreter, ld: ['-z', 'nodefaultlib']});
    return {program: 'p', expect: ['a/libB.so', `${system}libA.so`]};
  },
});

// hwcaps. The mask makes the real loader use the level that the scenario is about, whatever the CPU supports.
const level = 'x86-64-v2';

function atLevel(w: Workshop, best: string | undefined): Pick<Scenario, 'start' | 'options'> {
  const mask = best === undefined ? 'none' : [1, 2, 3].map((n) => `x86-64-v${n}`).join(':');
  return {
    start: {by: [w.path('ld.so'), '--glibc-hwcaps-mask', best === 'x86-64-v2' ? best : mask]},
    options: {direct: true, interpreter: w.path('ld.so'), ...(best === undefined ? {} : {hwcaps: best})},
  };
}

glibcScenarios({
  'the subdirectory of a hwcaps level comes first'(w, t) {
    if (!supports(t, level)) return undefined;
    cached(w, []);
    w.library(`a/glibc-hwcaps/${level}/libA.so`);
    w.library('a/libA.so');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a'), interpreter: w.path('ld.so')});
    return {...found(`a/glibc-hwcaps/${level}`), ...atLevel(w, level)};
  },
  'without a level no subdirectory counts'(w) {
    cached(w, []);
    w.library(`a/glibc-hwcaps/${level}/libA.so`);
    w.library('a/libA.so');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a'), interpreter: w.path('ld.so')});
    return {...found('a'), ...atLevel(w, undefined)};
  },
  'of several levels the best counts'(w, t) {
    if (!supports(t, 'x86-64-v3')) return undefined;
    cached(w, []);
    for (const directory of ['a/glibc-hwcaps/x86-64-v2', 'a/glibc-hwcaps/x86-64-v3', 'a'])
      w.library(`${directory}/libA.so`);
    w.program('p', {needed: ['libA.so'], runpath: w.path('a'), interpreter: w.path('ld.so')});
    return {...found('a/glibc-hwcaps/x86-64-v3'), ...atLevel(w, 'x86-64-v3')};
  },
  'a level in the first directory comes before the second, not the second level before the first'(w, t) {
    if (!supports(t, level)) return undefined;
    cached(w, []);
    w.library('a/libA.so');
    w.library(`b/glibc-hwcaps/${level}/libA.so`);
    const rpath = `${w.path('a')}:${w.path('b')}`;
    w.program('p', {needed: ['libA.so'], rpath, interpreter: w.path('ld.so')});
    return {...found('a'), ...atLevel(w, level)};
  },
  'a level in a system directory'(w, t) {
    if (!supports(t, level)) return undefined;
    const system = cached(w, []);
    w.library(`system/glibc-hwcaps/${level}/libA.so`);
    return {program: 'p', expect: [`${system}glibc-hwcaps/${level}/libA.so`], ...atLevel(w, level)};
  },
  'a level in the cache comes before the plain entry'(w, t) {
    if (!supports(t, level)) return undefined;
    cached(w, [entry(w, 'v2', {hwcap: namedHwcap(0)}), entry(w, 'c')], {hwcaps: [level]});
    return {...found('v2'), ...atLevel(w, level)};
  },
  'the best level in the cache counts, whatever comes first'(w, t) {
    if (!supports(t, 'x86-64-v3')) return undefined;
    const lines = [
      entry(w, 'v2', {hwcap: namedHwcap(0)}),
      entry(w, 'v3', {hwcap: namedHwcap(1)}),
      entry(w, 'c'),
    ];
    cached(w, lines, {hwcaps: ['x86-64-v2', 'x86-64-v3']});
    return {...found('v3'), ...atLevel(w, 'x86-64-v3')};
  },
  'without a level the plain entry of the cache counts'(w) {
    cached(w, [entry(w, 'v2', {hwcap: namedHwcap(0)}), entry(w, 'c')], {hwcaps: [level]});
    return {...found('c'), ...atLevel(w, undefined)};
  },
  'an entry of a level that nobody knows does not count'(w) {
    cached(w, [entry(w, 'v9', {hwcap: namedHwcap(7)})], {hwcaps: [level]});
    return {...notFound, ...atLevel(w, undefined)};
  },
  'the legacy subdirectory tls counts until 2.36'(w) {
    cached(w, []);
    for (const directory of ['a/tls', 'a']) w.library(`${directory}/libA.so`);
    w.program('p', {needed: ['libA.so'], rpath: w.path('a'), interpreter: w.path('ld.so')});
    return found(isOld() ? 'a/tls' : 'a');
  },
  'legacy subdirectories combine'(w) {
    cached(w, []);
    for (const directory of ['a/tls/x86_64/x86_64', 'a/tls/x86_64', 'a/tls', 'a'])
      w.library(`${directory}/libA.so`);
    w.program('p', {needed: ['libA.so'], rpath: w.path('a'), interpreter: w.path('ld.so')});
    return found(isOld() ? 'a/tls/x86_64/x86_64' : 'a');
  },
});

// DT_AUXILIARY, DT_FILTER
glibcScenarios({
  'DT_AUXILIARY is loaded'(w) {
    w.library('a/libA.so', {ld: ['-f', 'libB.so']});
    w.library('a/libB.so');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libB.so', 'a/libA.so'], anyOrder: true};
  },
  'DT_FILTER is loaded'(w) {
    w.library('a/libA.so', {ld: ['-F', 'libB.so']});
    w.library('a/libB.so');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libB.so', 'a/libA.so'], anyOrder: true};
  },
  'a missing DT_FILTER is a miss'(w) {
    w.library('a/libA.so', {ld: ['-F', 'libB.so']});
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'libB.so: not found']};
  },
  'a token in DT_AUXILIARY'(w) {
    w.library('a/libA.so', {ld: ['-f', '$ORIGIN/sub/libB.so']});
    w.library('a/sub/libB.so');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/sub/libB.so', 'a/libA.so'], anyOrder: true};
  },
  'a DT_AUXILIARY that would be fatal is left out'(w) {
    w.library('a/libA.so', {ld: ['-f', 'libB.so']});
    w.write('a/libB.so', 'x'.repeat(100));
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so']};
  },
});

// Preloads
function preloaded(names: string): Pick<Scenario, 'start' | 'options'> {
  return {start: {env: {LD_PRELOAD: names}}, options: {preload: names.split(/[ :]/)}};
}

glibcScenarios({
  'LD_PRELOAD comes before what the program needs'(w) {
    for (const name of ['A', 'B', 'C', 'D']) w.library(`a/lib${name}.so`);
    w.library('a/libB.so', {needed: ['libD.so']});
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    const expect = ['a/libB.so', 'a/libC.so', 'a/libA.so', 'a/libD.so'];
    return {program: 'p', expect, ...preloaded(`${w.path('a/libB.so')} ${w.path('a/libC.so')}`)};
  },
  'LD_PRELOAD is searched for as if the program asked'(w) {
    for (const name of ['A', 'B']) w.library(`a/lib${name}.so`);
    w.program('p', {needed: ['libA.so'], runpath: w.path('a')});
    return {program: 'p', expect: ['a/libB.so', 'a/libA.so'], ...preloaded('libB.so')};
  },
  'an LD_PRELOAD that is missing is left out'(w) {
    w.library('a/libA.so');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so'], ...preloaded('libNone.so')};
  },
  'an LD_PRELOAD that would be fatal is left out'(w) {
    w.library('a/libA.so');
    w.write('a/libB.so', 'x'.repeat(100));
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so'], ...preloaded('libB.so')};
  },
});

// AT_SECURE
function setUserId(
  w: Workshop,
  t: ExecutionContext,
  program: string,
): Pick<Scenario, 'start' | 'options'> | undefined {
  if (process.getuid?.() !== 0) {
    t.log('only root can make a set-user-ID program of another user');
    return undefined;
  }
  output('chmod', ['4755', w.path(program)]);
  return {start: {uid: 65534}, options: {secure: true}};
}

const secureScenario = (w: Workshop, t: ExecutionContext, scenario: Scenario): Scenario | undefined => {
  const how = setUserId(w, t, scenario.program);
  return (
    how && {
      run: true,
      ...scenario,
      start: {...how.start, ...scenario.start},
      options: {...how.options, ...scenario.options},
    }
  );
};

glibcScenarios({
  'a secure program ignores LD_LIBRARY_PATH'(w, t) {
    w.library('a/libA.so');
    w.reporter('p', {needed: ['libA.so']});
    const libraryPath = w.path('a');
    return secureScenario(w, t, {
      ...notFound,
      start: {env: {LD_LIBRARY_PATH: libraryPath}},
      options: {libraryPath},
    });
  },
  'a secure program follows an absolute RPATH'(w, t) {
    w.library('a/libA.so');
    w.reporter('p', {needed: ['libA.so'], rpath: w.path('a')});
    return secureScenario(w, t, found('a'));
  },
  'a secure program drops $ORIGIN outside of the system directories'(w, t) {
    w.library('a/libA.so');
    w.reporter('p', {needed: ['libA.so'], rpath: '$ORIGIN/a'});
    return secureScenario(w, t, notFound);
  },
  '$ORIGIN of a library of a secure program serves'(w, t) {
    w.library('a/libB.so', {needed: ['libA.so'], rpath: '$ORIGIN/sub'});
    w.library('a/sub/libA.so');
    w.reporter('p', {needed: ['libB.so'], rpath: w.path('a')});
    return secureScenario(w, t, {program: 'p', expect: ['a/libB.so', 'a/sub/libA.so']});
  },
  '$ORIGIN that is not the first token of a library does not serve a secure program'(w, t) {
    w.library('a/libB.so', {needed: ['libA.so'], rpath: '/.$ORIGIN/sub'});
    w.library('a/sub/libA.so');
    w.reporter('p', {needed: ['libB.so'], rpath: w.path('a')});
    return secureScenario(w, t, {program: 'p', expect: ['libA.so: not found']});
  },
  'a token in a name is fatal in a secure program'(w, t) {
    w.library('a/libA.so');
    w.reporter('p', {needed: ['$ORIGIN/a/libA.so']});
    return secureScenario(w, t, {program: 'p', expect: [], fatal: 'DST not allowed in SUID/SGID programs'});
  },
  'a secure program drops $ORIGIN that only looks as if in a system directory'(w, t) {
    const {interpreter} = privateLoader(w);
    w.library('system-not/libA.so');
    w.reporter('system-not/p', {needed: ['libA.so'], rpath: '$ORIGIN', interpreter});
    return secureScenario(w, t, {...notFound, program: 'system-not/p'});
  },
});

/** Whether the machine's loader still knows legacy hwcaps. */
function isOld(): boolean {
  return glibcMinor() <= 36;
}

function supports(t: ExecutionContext, wanted: string): boolean {
  const {stdout} = spawnSync(glibcLoader, ['--help'], {encoding: 'utf8'});
  const supported = new RegExp(`${wanted} \\(supported`).test(stdout);
  if (!supported) t.log(`this CPU does not do ${wanted}`);
  return supported;
}
