import {output} from '../helpers/tools.js';
import {declareScenarios, type Scenario} from './scenario.js';
import type {Build, Workshop} from './workshop.js';

/** The token in braces, kept from looking like a template. */
const origin = `$${'{ORIGIN}'}`;

const muslLoader = '/lib/ld-musl-x86_64.so.1';

/** A musl program that prints what is loaded. */
function reporter(w: Workshop, path: string, build: Build): void {
  w.reporter(path, {cc: 'musl-gcc', ...build});
}

/** Two copies of libA.so; which one is loaded shows which directory was found first. */
function copies(w: Workshop, ...directories: string[]): void {
  for (const directory of directories) w.library(`${directory}/libA.so`);
}

const found = (...files: string[]): Scenario => ({program: 'p', expect: files, run: true});
const notFound: Scenario = found('libA.so: not found');

function withLibraryPath(scenario: Scenario, libraryPath: string): Scenario {
  return {
    ...scenario,
    start: {...scenario.start, env: {LD_LIBRARY_PATH: libraryPath}},
    options: {libraryPath},
  };
}

/** A copy of the loader in its own prefix, with a path file where it looks for one. */
function prefix(w: Workshop, loader: string, pathFile?: string, contents = ''): string {
  w.copy(muslLoader, loader);
  output('chmod', ['755', w.path(loader)]);
  if (pathFile !== undefined) w.write(pathFile, contents);
  return w.path(loader);
}

// Names
declareScenarios('musl', {
  'reserved names are the loader itself'(w) {
    const needed = ['libc.so.6', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'libutil.so.1'];
    w.library('a/libm.so.6');
    reporter(w, 'p', {needed: [...needed, 'libxnet.so', 'libc.musl-x86_64.so.1'], rpath: w.path('a')});
    return found();
  },
  'a name that only starts like a reserved one is not reserved'(w) {
    w.library('a/libcurl.so');
    w.library('a/libmount.so');
    reporter(w, 'p', {needed: ['libcurl.so', 'libmount.so'], rpath: w.path('a')});
    return found('a/libcurl.so', 'a/libmount.so');
  },
  'PT_INTERP as it stands in the program is the loader itself'(w) {
    const interpreter = prefix(w, 'x/lib/ld.so');
    copies(w, 'a');
    reporter(w, 'p', {needed: [interpreter, 'libA.so'], rpath: w.path('a'), interpreter});
    return found('a/libA.so');
  },
  'an absolute name of another C library is the loader itself'(w) {
    w.copy(muslLoader, 'other/lib-copy.so');
    copies(w, 'a');
    reporter(w, 'p', {needed: [w.path('other/lib-copy.so'), 'libA.so'], rpath: w.path('a')});
    return found('a/libA.so');
  },
  'the SONAME of a loaded library does not answer'(w) {
    w.library('a/libA.so', {soname: 'libOther.so'});
    w.library('a/libOther.so');
    reporter(w, 'p', {needed: ['libA.so', 'libOther.so'], rpath: w.path('a')});
    return found('a/libA.so', 'a/libOther.so');
  },
  'a name that was searched for before answers'(w) {
    w.library('a/libB.so', {needed: ['libA.so'], rpath: w.path('b')});
    copies(w, 'a', 'b');
    reporter(w, 'p', {needed: ['libA.so', 'libB.so'], rpath: w.path('a')});
    return found('a/libA.so', 'a/libB.so');
  },
  'a library loaded by its path does not answer to its file name'(w) {
    copies(w, 'a', 'b');
    reporter(w, 'p', {needed: [w.path('a/libA.so'), 'libA.so'], rpath: w.path('b')});
    return found('a/libA.so', 'b/libA.so');
  },
  'a library loaded by its path and found again by a search is one, and answers from then on'(w) {
    copies(w, 'a', 'b');
    w.library('a/libB.so', {needed: ['libA.so'], rpath: w.path('b')});
    reporter(w, 'p', {needed: [w.path('a/libA.so'), 'libA.so', 'libB.so'], rpath: w.path('a')});
    return found('a/libA.so', 'a/libB.so');
  },
  'a hard or symbolic link to a loaded file is that file'(w) {
    copies(w, 'a');
    w.link('a/libB.so', 'libA.so');
    reporter(w, 'p', {needed: ['libA.so', 'libB.so'], rpath: w.path('a')});
    return found('a/libA.so');
  },
  'an absolute name is opened directly'(w) {
    copies(w, 'a', 'b');
    reporter(w, 'p', {needed: [w.path('b/libA.so')], rpath: w.path('a')});
    return found('b/libA.so');
  },
  'an absolute name that does not exist is not searched for'(w) {
    copies(w, 'a');
    reporter(w, 'p', {needed: ['/nowhere/libA.so'], rpath: w.path('a')});
    return found('/nowhere/libA.so: not found');
  },
  '$ORIGIN in a name is plain text'(w) {
    copies(w, 'a');
    reporter(w, 'p', {needed: ['$ORIGIN/a/libA.so']});
    return found('$ORIGIN/a/libA.so: not found');
  },
});

// The order of places
declareScenarios('musl', {
  'LD_LIBRARY_PATH comes before RPATH'(w) {
    copies(w, 'a', 'b');
    reporter(w, 'p', {needed: ['libA.so'], rpath: w.path('a')});
    return withLibraryPath(found('b/libA.so'), w.path('b'));
  },
  'RPATH is inherited'(w) {
    w.library('a/libB.so', {needed: ['libA.so']});
    copies(w, 'a');
    reporter(w, 'p', {needed: ['libB.so'], rpath: w.path('a')});
    return found('a/libB.so', 'a/libA.so');
  },
  'RUNPATH is inherited too'(w) {
    w.library('a/libB.so', {needed: ['libA.so']});
    copies(w, 'a');
    reporter(w, 'p', {needed: ['libB.so'], runpath: w.path('a')});
    return found('a/libB.so', 'a/libA.so');
  },
  'RUNPATH of a library does not stop RPATH of the program'(w) {
    w.library('a/libB.so', {needed: ['libA.so'], runpath: '/nowhere'});
    copies(w, 'a');
    reporter(w, 'p', {needed: ['libB.so'], rpath: w.path('a')});
    return found('a/libB.so', 'a/libA.so');
  },
  'the path of the object that asks comes before those above it'(w) {
    w.library('a/libB.so', {needed: ['libA.so'], runpath: w.path('b')});
    copies(w, 'a', 'b');
    reporter(w, 'p', {needed: ['libB.so'], runpath: w.path('a')});
    return found('a/libB.so', 'b/libA.so');
  },
  'a path comes before the system directories'(w) {
    const interpreter = prefix(w, 'x/lib/ld.so', 'x/etc/ld-musl-x86_64.path', w.path('sys'));
    copies(w, 'a', 'sys');
    reporter(w, 'p', {needed: ['libA.so'], rpath: w.path('a'), interpreter});
    return found('a/libA.so');
  },
  'hwcaps subdirectories do not count'(w) {
    copies(w, 'a/glibc-hwcaps/x86-64-v2', 'a');
    reporter(w, 'p', {needed: ['libA.so'], rpath: w.path('a')});
    return found('a/libA.so');
  },
  'DF_1_NODEFLIB does not count'(w) {
    const interpreter = prefix(w, 'x/lib/ld.so', 'x/etc/ld-musl-x86_64.path', w.path('sys'));
    copies(w, 'sys');
    reporter(w, 'p', {needed: ['libA.so'], interpreter, ld: ['-z', 'nodefaultlib']});
    return found('sys/libA.so');
  },
  'DT_AUXILIARY and DT_FILTER do not count'(w) {
    w.library('a/libA.so', {ld: ['-f', 'libB.so', '-F', 'libC.so']});
    w.library('a/libB.so');
    reporter(w, 'p', {needed: ['libA.so'], rpath: w.path('a')});
    return found('a/libA.so');
  },
});

// The path file
declareScenarios('musl', {
  'the path file lies under the prefix of PT_INTERP'(w) {
    const interpreter = prefix(w, 'x/lib/ld.so', 'x/etc/ld-musl-x86_64.path', w.path('sys'));
    copies(w, 'sys');
    reporter(w, 'p', {needed: ['libA.so'], interpreter});
    return {...found('sys/libA.so')};
  },
  'the prefix is PT_INTERP without its last two components'(w) {
    const interpreter = prefix(w, 'x/y/ld.so', 'x/etc/ld-musl-x86_64.path', w.path('sys'));
    w.write('x/y/etc/ld-musl-x86_64.path', w.path('wrong'));
    copies(w, 'sys', 'wrong');
    reporter(w, 'p', {needed: ['libA.so'], interpreter});
    return found('sys/libA.so');
  },
  'the prefix is the path by which the loader was started'(w) {
    const interpreter = prefix(w, 'x/lib/ld.so', 'x/etc/ld-musl-x86_64.path', w.path('sys'));
    copies(w, 'sys');
    reporter(w, 'p', {needed: ['libA.so']});
    return {...found('sys/libA.so'), start: {by: [interpreter]}, options: {direct: true, interpreter}};
  },
  'lines and colons part its directories'(w) {
    const interpreter = prefix(
      w,
      'x/lib/ld.so',
      'x/etc/ld-musl-x86_64.path',
      `/n1:/n2\n\n${w.path('sys')}\n`,
    );
    copies(w, 'sys');
    reporter(w, 'p', {needed: ['libA.so'], interpreter});
    return found('sys/libA.so');
  },
  'an empty path file leaves no directory'(w) {
    const interpreter = prefix(w, 'x/lib/ld.so', 'x/etc/ld-musl-x86_64.path', '');
    copies(w, 'sys');
    reporter(w, 'p', {needed: ['libA.so'], interpreter});
    return {...notFound, anyWords: true};
  },
  'a path file that cannot be read leaves no directory'(w) {
    const interpreter = prefix(w, 'x/lib/ld.so', 'x/etc/ld-musl-x86_64.path/a-directory', '');
    reporter(w, 'p', {needed: ['libA.so'], interpreter});
    return {...notFound, anyWords: true};
  },
  'without a path file the built-in directories count, which stand in the loader'(w) {
    const builtIn = '/lib:/usr/local/lib:/usr/lib';
    const interpreter = prefix(w, 'x/lib/ld.so');
    const alias = w.alias('sys', 19);
    w.doctor('x/lib/ld.so', (bytes) => void bytes.write(`${alias}:/usr/lib`, bytes.indexOf(builtIn)));
    copies(w, 'sys');
    reporter(w, 'p', {needed: ['libA.so'], interpreter});
    return found(`${alias}/libA.so`);
  },
});

// Lists and tokens
declareScenarios('musl', {
  'an empty element does not count'(w) {
    copies(w, 'a');
    reporter(w, 'p', {needed: ['libA.so'], rpath: ':/nowhere::'});
    return {...notFound, start: {cwd: w.path('a')}};
  },
  'a semicolon does not part LD_LIBRARY_PATH'(w) {
    copies(w, 'a;b');
    reporter(w, 'p', {needed: ['libA.so']});
    return withLibraryPath(found('a;b/libA.so'), w.path('a;b'));
  },
  '$ORIGIN of the program goes by its real path'(w) {
    copies(w, 'real', 'link');
    reporter(w, 'real/p', {needed: ['libA.so'], rpath: '$ORIGIN'});
    w.link('link/p', w.path('real/p'));
    return {...found('real/libA.so'), program: 'link/p'};
  },
  '$ORIGIN of a program started by the loader goes by the path given'(w) {
    copies(w, 'real', 'link');
    reporter(w, 'real/p', {needed: ['libA.so'], rpath: '$ORIGIN'});
    w.link('link/p', w.path('real/p'));
    const scenario = {...found('link/libA.so'), program: 'link/p'};
    return {...scenario, start: {by: [muslLoader]}, options: {direct: true, interpreter: muslLoader}};
  },
  '$ORIGIN of a library'(w) {
    w.library('a/libB.so', {needed: ['libA.so'], rpath: `${origin}/sub`});
    copies(w, 'a/sub');
    reporter(w, 'p', {needed: ['libB.so'], rpath: w.path('a')});
    return found('a/libB.so', 'a/sub/libA.so');
  },
  '$ORIGIN is replaced whatever follows'(w) {
    copies(w, 'bin-x');
    reporter(w, 'bin/p', {needed: ['libA.so'], rpath: '$ORIGIN-x'});
    return {...found('bin-x/libA.so'), program: 'bin/p'};
  },
  'another token voids the whole path'(w) {
    copies(w, 'a');
    reporter(w, 'p', {needed: ['libA.so'], rpath: `${w.path('a')}:$LIB`});
    return notFound;
  },
  '$ORIGIN in LD_LIBRARY_PATH is plain text'(w) {
    copies(w, 'a');
    reporter(w, 'p', {needed: ['libA.so']});
    return withLibraryPath(notFound, '$ORIGIN/a');
  },
});

// What a candidate may do
function badThenGood(w: Workshop, bad: (path: string) => void): void {
  bad('bad/libA.so');
  copies(w, 'good');
  reporter(w, 'p', {needed: ['libA.so'], rpath: `${w.path('bad')}:${w.path('good')}`});
}

const noexec: Scenario = {program: 'p', expect: [], fatal: 'Exec format error', run: true};

declareScenarios('musl', {
  'a text file ends the search'(w) {
    badThenGood(w, (path) => w.write(path, 'x'.repeat(100)));
    return noexec;
  },
  'an empty file ends the search'(w) {
    badThenGood(w, (path) => w.write(path, ''));
    return noexec;
  },
  'a file of the other class ends the search'(w) {
    badThenGood(w, (path) => {
      w.library(path);
      output('gcc', ['-m32', '-shared', '-nostdlib', '-x', 'c', '-', '-o', w.path(path)], {input: 'int x;'});
    });
    return noexec;
  },
  'a file of another machine is loaded'(w) {
    badThenGood(w, (path) => {
      w.library(path);
      w.doctor(path, (bytes) => void bytes.writeUInt16LE(183, 18));
    });
    return found('bad/libA.so');
  },
  'a dangling link is passed over'(w) {
    badThenGood(w, (path) => w.link(path, '/nowhere'));
    return found('good/libA.so');
  },
  'a file in the place of a directory is passed over'(w) {
    badThenGood(w, () => w.write('bad', ''));
    return found('good/libA.so');
  },
  'a link to itself ends the whole search'(w) {
    badThenGood(w, (path) => w.link(path, 'libA.so'));
    return {program: 'p', expect: [], fatal: 'Symbolic link loop', run: true};
  },
  'a link to itself ends the whole search, later stages included'(w) {
    w.link('env/libA.so', 'libA.so');
    copies(w, 'good');
    reporter(w, 'p', {needed: ['libA.so'], rpath: w.path('good')});
    const scenario: Scenario = {program: 'p', expect: [], fatal: 'Symbolic link loop', run: true};
    return withLibraryPath(scenario, w.path('env'));
  },
  'a directory of that name ends the search'(w) {
    badThenGood(w, (path) => w.write(`${path}/inside`, ''));
    return {program: 'p', expect: [], fatal: 'Is a directory', run: true};
  },
});

// Preloads
declareScenarios('musl', {
  'LD_PRELOAD comes first'(w) {
    copies(w, 'a');
    w.library('a/libB.so');
    reporter(w, 'p', {needed: ['libA.so'], rpath: w.path('a')});
    const preload = w.path('a/libB.so');
    return {
      ...found('a/libB.so', 'a/libA.so'),
      start: {env: {LD_PRELOAD: preload}},
      options: {preload: [preload]},
    };
  },
});
