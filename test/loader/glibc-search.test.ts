import {linkSync} from 'node:fs';
import {glibcScenarios} from './scenario.js';
import {glibcLoader, glibcMinor, type Workshop} from './workshop.js';

/** The token in braces, kept from looking like a template. */
const origin = `$${'{ORIGIN}'}`;

/** The same library in several directories: which copy is loaded shows which directory was found first. */
function libraryIn(w: Workshop, name: string, ...directories: string[]): void {
  for (const directory of directories) w.library(`${directory}/${name}`);
}

// 0. What is in memory already
glibcScenarios({
  'a name that was asked for before is not searched again'(w) {
    w.library('a/libA.so', {needed: ['libX.so'], rpath: w.path('x1')});
    w.library('a/libB.so', {needed: ['libX.so'], rpath: w.path('x2')});
    libraryIn(w, 'libX.so', 'x1', 'x2');
    w.program('p', {needed: ['libA.so', 'libB.so'], rpath: w.path('a')});
    return {
      program: 'p',
      expect: ['a/libA.so', 'a/libB.so', 'x1/libX.so'],
      reasons: ['rpath', 'rpath', 'rpath'],
    };
  },
  'the SONAME of a loaded library answers'(w) {
    w.library('a/libA.so', {soname: 'libOther.so'});
    libraryIn(w, 'libOther.so', 'a');
    w.program('p', {needed: ['libA.so', 'libOther.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so']};
  },
  'the SONAME of the interpreter answers, wherever PT_INTERP is'(w) {
    w.loaderWith('ld.so', {});
    w.program('p', {needed: ['ld-linux-x86-64.so.2'], interpreter: w.path('ld.so')});
    return {program: 'p', expect: []};
  },
  'PT_INTERP as it stands in the program answers'(w) {
    w.loaderWith('ld.so', {});
    w.program('p', {needed: [w.path('ld.so')], interpreter: w.path('ld.so')});
    return {program: 'p', expect: []};
  },
  'another path to the interpreter is loaded a second time'(w) {
    w.link('other.so', glibcLoader);
    w.program('p', {needed: [w.path('other.so')]});
    return {program: 'p', expect: ['other.so']};
  },
  'a hard link to a loaded file is that file'(w) {
    libraryIn(w, 'libA.so', 'a');
    linkSync(w.path('a/libA.so'), w.path('a/libB.so'));
    w.program('p', {needed: ['libA.so', 'libB.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so']};
  },
  'a symbolic link to a loaded file is that file'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.link('a/libB.so', 'libA.so');
    w.program('p', {needed: ['libB.so', 'libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libB.so']};
  },
  'a copy is another file'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.copy(w.path('a/libA.so'), 'a/libB.so');
    w.program('p', {needed: ['libA.so', 'libB.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'a/libB.so']};
  },
  'a name found to be a loaded file answers from then on'(w) {
    w.library('a/libA.so', {needed: ['libB.so']});
    w.link('a/libC.so', 'libA.so');
    w.library('a/libB.so', {needed: ['libC.so'], runpath: w.path('other')});
    libraryIn(w, 'libC.so', 'other');
    w.program('p', {needed: ['libA.so', 'libC.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'a/libB.so']};
  },
  'the SONAME of the program answers'(w) {
    w.program('p', {needed: ['libmain.so'], ld: ['-soname', 'libmain.so']});
    return {program: 'p', expect: []};
  },
  'tokens are replaced before names are compared'(w) {
    w.library('a/libA.so', {needed: ['$ORIGIN/libX.so']});
    w.library('b/libB.so', {needed: ['$ORIGIN/libX.so']});
    libraryIn(w, 'libX.so', 'a', 'b');
    w.program('p', {needed: ['libA.so', 'libB.so'], rpath: `${w.path('a')}:${w.path('b')}`});
    return {program: 'p', expect: ['a/libA.so', 'b/libB.so', 'a/libX.so', 'b/libX.so']};
  },
});

// 1. A name with a slash
glibcScenarios({
  'an absolute name is opened directly'(w) {
    libraryIn(w, 'libA.so', 'a', 'b');
    w.program('p', {needed: [w.path('b/libA.so')], rpath: w.path('a')});
    return {program: 'p', expect: ['b/libA.so'], reasons: ['direct']};
  },
  'an absolute name that does not exist is not searched for'(w) {
    libraryIn(w, 'libA.so', 'a');
    const name = w.path('b/libA.so');
    w.program('p', {needed: [name], rpath: w.path('a')});
    return {program: 'p', expect: [`${name}: not found`]};
  },
  'an absolute name of another machine is not searched for'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.library('b/libA.so');
    w.doctor('b/libA.so', (bytes) => void bytes.writeUInt16LE(183, 18));
    const name = w.path('b/libA.so');
    w.program('p', {needed: [name], rpath: w.path('a')});
    return {program: 'p', expect: [`${name}: not found`]};
  },
  'a relative name with a slash starts at the current directory'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['a/libA.so']});
    return {program: 'p', expect: ['/a/libA.so'].map(() => 'a/libA.so: not found'), start: {cwd: '/'}};
  },
  '$ORIGIN in a name'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['$ORIGIN/a/libA.so']});
    return {program: 'p', expect: ['a/libA.so'], reasons: ['direct']};
  },
  '$ORIGIN in a name is that of the object that asks'(w) {
    w.library('a/libA.so', {needed: ['$ORIGIN/libB.so']});
    libraryIn(w, 'libB.so', 'a', '.');
    w.program('p', {needed: ['$ORIGIN/a/libA.so']});
    return {program: 'p', expect: ['a/libA.so', 'a/libB.so']};
  },
  'a token that leaves no slash is searched for'(w) {
    libraryIn(w, 'x86_64.so', 'a');
    w.program('p', {needed: ['$PLATFORM.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/x86_64.so'], options: {platform: 'x86_64'}, reasons: ['rpath']};
  },
});

// 2 to 4. RPATH, LD_LIBRARY_PATH, RUNPATH
glibcScenarios({
  'RPATH of the program'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so'], reasons: ['rpath']};
  },
  'RPATH is inherited by the libraries of libraries'(w) {
    w.library('a/libA.so', {needed: ['libB.so']});
    w.library('a/libB.so', {needed: ['libC.so']});
    libraryIn(w, 'libC.so', 'a');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'a/libB.so', 'a/libC.so']};
  },
  'RPATH of the object that asks comes before those above it'(w) {
    w.library('a/libA.so', {needed: ['libB.so'], rpath: w.path('b')});
    libraryIn(w, 'libB.so', 'a', 'b');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'b/libB.so']};
  },
  'RPATH of the grandparent serves through a parent without one'(w) {
    w.library('a/libA.so', {needed: ['libB.so'], rpath: `${w.path('b')}`});
    w.library('b/libB.so', {needed: ['libC.so']});
    libraryIn(w, 'libC.so', 'b');
    w.program('p', {needed: ['libA.so'], runpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'b/libB.so', 'b/libC.so']};
  },
  'RPATH of the grandparent serves through a parent that has RUNPATH'(w) {
    w.library('a/libA.so', {needed: ['libB.so'], rpath: `${w.path('b')}:${w.path('c')}`});
    w.library('b/libB.so', {needed: ['libC.so'], runpath: w.path('b')});
    w.library('b/libC.so', {needed: ['libD.so']});
    libraryIn(w, 'libD.so', 'c');
    w.program('p', {needed: ['libA.so'], runpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'b/libB.so', 'b/libC.so', 'c/libD.so']};
  },
  'an object with RUNPATH uses no RPATH at all'(w) {
    w.library('a/libA.so', {needed: ['libB.so'], runpath: w.path('nowhere')});
    libraryIn(w, 'libB.so', 'a');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'libB.so: not found']};
  },
  'RPATH beside RUNPATH in one object does not count'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.library('b/libB.so', {needed: ['libA.so']});
    w.program('p', {
      needed: ['libB.so'],
      runpath: `${w.path('b')}`,
      ld: ['-z', 'now', '-soname', w.path('a')],
    });
    // The linker writes only one of the two: turn the SONAME, whose string is a path, into an RPATH.
    w.doctor('p', (bytes) => void retag(bytes, 14n, 15n));
    return {program: 'p', expect: ['b/libB.so', 'libA.so: not found']};
  },
  'RUNPATH is not inherited'(w) {
    w.library('a/libA.so', {needed: ['libB.so']});
    libraryIn(w, 'libB.so', 'a');
    w.program('p', {needed: ['libA.so'], runpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'libB.so: not found'], reasons: ['runpath']};
  },
  'RPATH comes before LD_LIBRARY_PATH'(w) {
    libraryIn(w, 'libA.so', 'a', 'b');
    w.program('p', {needed: ['libA.so'], rpath: w.path('a')});
    return environment(w, {LD_LIBRARY_PATH: w.path('b')}, 'a/libA.so');
  },
  'LD_LIBRARY_PATH comes before RUNPATH'(w) {
    libraryIn(w, 'libA.so', 'a', 'b');
    w.program('p', {needed: ['libA.so'], runpath: w.path('a')});
    return environment(w, {LD_LIBRARY_PATH: w.path('b')}, 'b/libA.so');
  },
  'LD_LIBRARY_PATH comes before the cache'(w) {
    libraryIn(w, 'libz.so.1', 'b');
    w.program('p', {needed: ['libz.so.1']});
    return environment(w, {LD_LIBRARY_PATH: w.path('b')}, 'b/libz.so.1');
  },
  'RUNPATH comes before the cache'(w) {
    libraryIn(w, 'libz.so.1', 'b');
    w.program('p', {needed: ['libz.so.1'], runpath: w.path('b')});
    return {program: 'p', expect: ['b/libz.so.1'], reasons: ['runpath']};
  },
  '--library-path takes the place of LD_LIBRARY_PATH'(w) {
    libraryIn(w, 'libA.so', 'a', 'b');
    w.program('p', {needed: ['libA.so'], runpath: w.path('a')});
    return {
      program: 'p',
      expect: ['b/libA.so'],
      start: {by: [glibcLoader, '--library-path', w.path('b')], env: {LD_LIBRARY_PATH: w.path('a')}},
      options: {direct: true, libraryPath: w.path('b')},
      reasons: ['library-path'],
    };
  },
  'loading goes breadth first'(w) {
    w.library('a/libA.so', {needed: ['libC.so', 'libD.so']});
    w.library('a/libB.so', {needed: ['libE.so']});
    w.library('a/libC.so', {needed: ['libF.so']});
    libraryIn(w, 'libD.so', 'a');
    libraryIn(w, 'libE.so', 'a');
    libraryIn(w, 'libF.so', 'a');
    w.program('p', {needed: ['libA.so', 'libB.so'], rpath: w.path('a')});
    return {program: 'p', expect: [...'ABCDEF'].map((letter) => `a/lib${letter}.so`)};
  },
  'a chain goes by who loaded an object, not by who asks for it too'(w) {
    // libB is loaded by the program, so the RPATH of libA, which also needs it, does not help libB.
    w.library('a/libA.so', {needed: ['libB.so'], rpath: w.path('x')});
    w.library('a/libB.so', {needed: ['libX.so']});
    libraryIn(w, 'libX.so', 'x');
    w.program('p', {needed: ['libA.so', 'libB.so'], rpath: w.path('a')});
    return {program: 'p', expect: ['a/libA.so', 'a/libB.so', 'libX.so: not found']};
  },
});

// Lists of directories
glibcScenarios({
  'LD_LIBRARY_PATH is split at semicolons too'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so']});
    return environment(w, {LD_LIBRARY_PATH: `/nowhere;${w.path('a')}`}, 'a/libA.so');
  },
  'a semicolon in RUNPATH is a character like any other'(w) {
    libraryIn(w, 'libA.so', 'a', 'x;y');
    w.program('p', {needed: ['libA.so'], runpath: `${w.path('x;y')}`});
    return {program: 'p', expect: ['x;y/libA.so']};
  },
  'an empty element of RPATH is the current directory'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so'], rpath: '/nowhere::/nowhere2'});
    return here(w, 'libA.so', 'a');
  },
  'a colon at the end of RPATH is the current directory'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so'], rpath: '/nowhere:'});
    return here(w, 'libA.so', 'a');
  },
  'an empty element of LD_LIBRARY_PATH is the current directory'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so']});
    return here(w, 'libA.so', 'a', '/nowhere:');
  },
  'LD_LIBRARY_PATH of one colon is the current directory'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so']});
    return here(w, 'libA.so', 'a', ':');
  },
  'an empty LD_LIBRARY_PATH is none'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so']});
    return here(w, 'libA.so: not found', 'a', '');
  },
  'a relative element starts at the current directory'(w) {
    libraryIn(w, 'libA.so', 'a/sub');
    w.program('p', {needed: ['libA.so'], rpath: 'sub'});
    return here(w, 'sub/libA.so', 'a');
  },
  'slashes at the end of an element become one'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so'], rpath: `${w.path('a')}///`});
    return {program: 'p', expect: ['a/libA.so']};
  },
  'the root as an element'(w) {
    w.program('p', {needed: ['no-such-library.so'], rpath: '/'});
    return {program: 'p', expect: ['no-such-library.so: not found']};
  },
});

// Tokens
glibcScenarios({
  '$LIB is what the loader was built with'(w) {
    const lib = 'lib/x86_64-linux-gnu';
    libraryIn(w, 'libA.so', lib);
    w.program('p', {needed: ['libA.so'], rpath: `${w.directory}/$LIB`});
    return {program: 'p', expect: [`${lib}/libA.so`]};
  },
  '$LIB of another loader is another'(w) {
    w.loaderWith('ld.so', {'lib/x86_64-linux-gnu': 'lib/y86_64-linux-gnu', ...otherDirectories('y86_64')});
    libraryIn(w, 'libA.so', 'lib/y86_64-linux-gnu');
    w.program('p', {needed: ['libA.so'], rpath: `${w.directory}/$LIB`, interpreter: w.path('ld.so')});
    return {program: 'p', expect: ['lib/y86_64-linux-gnu/libA.so']};
  },
  $PLATFORM(w) {
    libraryIn(w, 'libA.so', 'x86_64');
    w.program('p', {needed: ['libA.so'], rpath: `${w.directory}/$PLATFORM`});
    return {program: 'p', expect: ['x86_64/libA.so'], options: {platform: 'x86_64'}};
  },
  '${ORIGIN} in braces, followed by anything'(w) {
    libraryIn(w, 'libA.so', 'bin-x');
    w.program('bin/p', {needed: ['libA.so'], rpath: `${origin}-x`});
    return {program: 'bin/p', expect: [`bin-x/libA.so`]};
  },
  '$ORIGIN in the middle of an element'(w) {
    libraryIn(w, 'libA.so', 'a');
    w.program('p', {needed: ['libA.so'], rpath: '/.$ORIGIN/a'});
    return {program: 'p', expect: [`/.${w.path('a/libA.so')}`]};
  },
  'a token that goes on as an identifier is plain text'(w) {
    libraryIn(w, 'libA.so', 'a/$ORIGINz', 'a/$ORIGIN_', 'a/$ORIGIN2');
    const rpath = '$ORIGIN/a/$ORIGINz';
    w.program('p', {needed: ['libA.so'], rpath});
    return {program: 'p', expect: ['a/$ORIGINz/libA.so']};
  },
  'a dollar that starts no token is plain text'(w) {
    libraryIn(w, 'libA.so', '$HOME');
    w.program('p', {needed: ['libA.so'], rpath: '$ORIGIN/$HOME'});
    return {program: 'p', expect: ['$HOME/libA.so']};
  },
  '$ORIGIN of a program goes by its real path'(w) {
    libraryIn(w, 'libA.so', 'real', 'link');
    w.program('real/p', {needed: ['libA.so'], rpath: '$ORIGIN'});
    w.link('link/p', w.path('real/p'));
    return {program: 'link/p', expect: ['real/libA.so']};
  },
  '$ORIGIN of a program started by the loader goes by the path given, or by its real path since glibc 2.42'(
    w,
  ) {
    libraryIn(w, 'libA.so', 'real', 'link');
    w.program('real/p', {needed: ['libA.so'], rpath: '$ORIGIN'});
    w.link('link/p', w.path('real/p'));
    const expect = [glibcMinor() < 42 ? 'link/libA.so' : 'real/libA.so'];
    return {program: 'link/p', expect, start: {by: [glibcLoader]}, options: {direct: true}};
  },
  '$ORIGIN of a library goes by the path that was opened'(w) {
    w.library('real/libA.so', {needed: ['libB.so'], runpath: '$ORIGIN'});
    libraryIn(w, 'libB.so', 'real', 'link');
    w.link('link/libA.so', '../real/libA.so');
    w.program('p', {needed: ['libA.so'], runpath: w.path('link')});
    return {program: 'p', expect: ['link/libA.so', 'link/libB.so']};
  },
  '$ORIGIN of a library found in the current directory'(w) {
    w.library('a/libA.so', {needed: ['libB.so'], runpath: '$ORIGIN/sub'});
    libraryIn(w, 'libB.so', 'a/sub');
    w.program('p', {needed: ['libA.so'], runpath: ':'});
    const {expect, ...rest} = here(w, 'libA.so', 'a');
    return {...rest, expect: [...expect, 'a/sub/libB.so']};
  },
  '$ORIGIN in LD_LIBRARY_PATH is that of the program'(w) {
    w.library('a/libA.so', {needed: ['libB.so']});
    libraryIn(w, 'libB.so', 'bin/lib');
    w.program('bin/p', {needed: ['libA.so'], rpath: w.path('a')});
    const libraryPath = '$ORIGIN/lib';
    return {
      program: 'bin/p',
      expect: ['a/libA.so', 'bin/lib/libB.so'],
      start: {env: {LD_LIBRARY_PATH: libraryPath}},
      options: {libraryPath},
    };
  },
});

function environment(_: Workshop, {LD_LIBRARY_PATH}: {LD_LIBRARY_PATH: string}, expected: string) {
  return {
    program: 'p',
    expect: [expected],
    start: {env: {LD_LIBRARY_PATH}},
    options: {libraryPath: LD_LIBRARY_PATH},
  };
}

/** Start in a directory, to which relative answers refer. */
function here(w: Workshop, expected: string, directory: string, libraryPath?: string) {
  return {
    program: 'p',
    expect: [expected.endsWith('not found') ? expected : `relative ${expected}`],
    start: {
      cwd: w.path(directory),
      ...(libraryPath === undefined ? {} : {env: {LD_LIBRARY_PATH: libraryPath}}),
    },
    options: libraryPath === undefined ? {} : {libraryPath},
  };
}

/** Write another d_tag over that of an entry. */
function retag(bytes: Buffer, from: bigint, to: bigint): void {
  const dynamic = programHeader(bytes, 2);
  for (let at = dynamic; ; at += 16) {
    if (bytes.readBigUInt64LE(at) !== from) continue;
    bytes.writeBigUInt64LE(to, at);
    return;
  }
}

function programHeader(bytes: Buffer, type: number): number {
  const start = Number(bytes.readBigUInt64LE(32));
  for (let i = 0; ; i++) {
    if (bytes.readUInt32LE(start + i * 56) === type) return Number(bytes.readBigUInt64LE(start + i * 56 + 8));
  }
}

/** Debian's system directories under another triplet, as strings of a loader of the same length. */
function otherDirectories(cpu: string): Record<string, string> {
  return {
    '/lib/x86_64-linux-gnu/': `/lib/${cpu}-linux-gnu/`,
    '/usr/lib/x86_64-linux-gnu/': `/usr/lib/${cpu}-linux-gnu/`,
  };
}
