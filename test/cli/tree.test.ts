import {chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {pictureFormats} from '../../src/cli/tree/formats.js';
import {elfinterpAsNobody} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';
import {elfinterp, onNarrowTerminal, onTerminal} from './elfinterp.js';

const systemLoader = '/lib64/ld-linux-x86-64.so.2';

interface Made {
  readonly directory: string;
  readonly program: string;
  /** Path of a library by the letter in its name. */
  lib(letter: string): string;
}

/** Link a library, or with `main` in the source a program. */
function link(to: string, source: string, args: readonly string[]): string {
  mkdirSync(path.dirname(to), {recursive: true});
  writeFileSync(`${to}.c`, source);
  output('gcc', ['-o', to, `${to}.c`, '-Wl,--no-as-needed', ...args]);
  rmSync(`${to}.c`);
  return to;
}

function linkLibrary(to: string, source: string, args: readonly string[] = []): string {
  return link(to, source, ['-shared', '-fPIC', `-Wl,-soname,${path.basename(to)}`, ...args]);
}

/** A program that needs a and b; a needs c, b needs c; c is in another directory that RUNPATHs lead to. */
function make(t: ExecutionContext): Made {
  const directory = tempDirectory(t);
  const lib = (letter: string) => path.join(directory, letter === 'c' ? 'deep' : 'lib', `lib${letter}1.so`);
  const runpath = (name: string) => `-Wl,--enable-new-dtags,-rpath,${path.join(directory, name)}`;
  linkLibrary(lib('c'), 'int c(void) { return 3; }');
  for (const letter of ['a', 'b']) {
    const source = `int c(void);\nint ${letter}(void) { return c(); }`;
    linkLibrary(lib(letter), source, [lib('c'), runpath('deep')]);
  }
  const source = 'int a(void), b(void);\nint main(void) { return a() + b() - 6; }';
  const program = link(path.join(directory, 'program'), source, [lib('a'), lib('b'), runpath('lib')]);
  return {directory, program, lib};
}

function nodesOf(dot: string): string[] {
  return [...dot.matchAll(/^ {2}n\d+ \[label="([^"\\]+)/gm)].map(([, label = '']) => label);
}

test(
  'each library has one line, below what loads it, with the reason; what stands elsewhere is named after a plus',
  withTools((t) => {
    const {program, lib} = make(t);
    const {status, stdout, stderr} = elfinterp('tree', program);
    t.is(status, 0);
    t.is(stderr, '');
    // Some releases of Debian list /usr/lib in ld.so.cache, others list /lib.
    const [head, ...lines] = stdout.trimEnd().replace('/usr/lib/', '/lib/').split('\n');
    t.regex(head ?? '', new RegExp(`^${program} \\[loader ${systemLoader}, glibc 2\\.\\d+\\]$`));
    t.deepEqual(lines, [
      `├── ${lib('a')} [runpath] + libc.so.6`,
      `│   └── ${lib('c')} [runpath] + libc.so.6`,
      `├── ${lib('b')} [runpath] + libc1.so, libc.so.6`,
      `└── /lib/x86_64-linux-gnu/libc.so.6 [ld.so.cache]`,
      `    └── ${systemLoader} [interpreter]`,
      '5 libraries; + marks those shown elsewhere in the tree (4 times)',
    ]);
  }),
);

test(
  'with --all each request has a line',
  withTools((t) => {
    const {program} = make(t);
    const {stdout} = elfinterp('tree', '--all', program);
    const edges = Number(output('readelf', ['-d', program]).match(/NEEDED/g)?.length);
    t.is(edges, 3);
    t.is(stdout.match(/already loaded/g)?.length, 4);
    t.notRegex(stdout, /elsewhere/);
  }),
);

test(
  'a miss shows the places tried in order, and the exit status is 1',
  withTools((t) => {
    const {program, directory, lib} = make(t);
    rmSync(lib('c'));
    const {status, stdout, stderr} = elfinterp('tree', program);
    t.is(status, 1);
    t.is(
      stderr.trimEnd(),
      `elfinterp: ${program}: libc1.so was not found, needed by ${lib('a')}, ${lib('b')}`,
    );
    const block = stdout.slice(stdout.indexOf('libc1.so not found'));
    const tried = block.split('\n').filter((line) => /^[│ ]+\d+\. /.test(line));
    t.regex(tried[0] ?? '', new RegExp(`1\\. ${directory}/deep/libc1\\.so \\[runpath\\] no such file$`));
    t.regex(tried[1] ?? '', /2\. \/etc\/ld\.so\.cache \[ld\.so\.cache\] not in the cache$/);
    t.regex(tried[2] ?? '', /3\. \/lib\/x86_64-linux-gnu\/libc1\.so \[system directory\] no such file$/);
    t.regex(stdout, /2 not found\n/);
  }),
);

test(
  'a file that stops the loader is named with what the loader says of it',
  withTools((t) => {
    const {program, lib} = make(t);
    writeFileSync(lib('c'), 'x'.repeat(100));
    const {status, stdout} = elfinterp('tree', program);
    t.is(status, 1);
    t.regex(stdout, /libc1\.so makes the loader fail: invalid ELF header/);
    t.regex(run(program, []).stderr, /invalid ELF header/);
  }),
);

test(
  'a file of another machine that is passed over is shown',
  withTools((t) => {
    const {program, lib, directory} = make(t);
    mkdirSync(path.join(directory, 'first'));
    copyFileSync(fixture('armel/hello-static').path, path.join(directory, 'first/liba1.so'));
    const {status, stdout} = elfinterp('tree', '--library-path', path.join(directory, 'first'), program);
    t.is(status, 0);
    t.regex(stdout, new RegExp(`skipped ${directory}/first/liba1\\.so: wrong ELF class: ELFCLASS32`));
    t.true(stdout.includes(lib('a')));
  }),
);

test(
  'a symbol version that the library lacks is a problem, with exit status 1',
  withTools((t) => {
    const directory = tempDirectory(t);
    const script = path.join(directory, 'map');
    const lib = path.join(directory, 'libv.so');
    writeFileSync(script, 'V_1 { global: v; local: *; };');
    linkLibrary(lib, 'int v(void) { return 0; }', [`-Wl,--version-script,${script}`]);
    const program = link(path.join(directory, 'p'), 'int v(void);\nint main(void) { return v(); }', [
      lib,
      `-Wl,-rpath,${directory}`,
    ]);
    t.is(elfinterp('tree', program).status, 0);
    writeFileSync(script, 'W_1 { global: v; local: *; };');
    linkLibrary(lib, 'int v(void) { return 0; }', [`-Wl,--version-script,${script}`]);
    const {status, stdout, stderr} = elfinterp('tree', program);
    t.is(status, 1);
    t.regex(stdout, new RegExp(`version V_1 is not in ${lib}, which p needs`));
    t.regex(stderr, /version V_1/);
    t.regex(run(program, []).stderr, /version `V_1' not found/);
  }),
);

test(
  '--symbols finds what nothing defines, as ldd -r does',
  withTools((t) => {
    const {program, lib} = make(t);
    linkLibrary(lib('c'), 'int other(void) { return 0; }');
    t.is(elfinterp('tree', program).status, 0);
    const {status, stdout} = elfinterp('tree', '--symbols', program);
    t.is(status, 1);
    t.deepEqual(
      [...stdout.matchAll(/^undefined symbol (.*), needed by (.*)$/gm)].map(([, ...found]) => found),
      [
        ['c', lib('a')],
        ['c', lib('b')],
      ],
    );
    t.regex(run('ldd', ['-r', program]).stdout, /undefined symbol: c\t\(.*liba1\.so\)/);
  }),
);

test(
  '--list prints the paths that the loader prints, for several programs each once',
  withTools((t) => {
    const {program, directory} = make(t);
    const real = run(systemLoader, ['--list', program]).stdout;
    const theirs = [...real.matchAll(/(\/\S*) \(0x/g)].map(([, file = '']) => file);
    const {stdout} = elfinterp('tree', '--list', program);
    t.deepEqual(stdout.trimEnd().split('\n').sort(), theirs.sort());
    const copy = path.join(directory, 'copy');
    copyFileSync(program, copy);
    t.is(elfinterp('tree', '--list', program, copy).stdout, stdout);
  }),
);

test(
  'with --list what is missing is told on standard error, with the places',
  withTools((t) => {
    const {program, lib, directory} = make(t);
    rmSync(lib('c'));
    const {status, stdout, stderr} = elfinterp('tree', '--list', program);
    t.is(status, 1);
    t.notRegex(stdout, /libc1\.so$/m);
    t.regex(stderr, new RegExp(`libc1\\.so was not found.*expected one of ${directory}/deep/libc1\\.so, `));
  }),
);

test(
  'with --root all paths are inside, those given and those printed',
  withTools((t) => {
    const root = tempDirectory(t);
    mkdirSync(path.join(root, 'lib'));
    for (const name of ['ld-linux.so.3', 'libc.so.6']) {
      copyFileSync(`/usr/arm-linux-gnueabi/lib/${name}`, path.join(root, 'lib', name));
    }
    const source = path.join(root, 'hello.c');
    writeFileSync(source, 'int main(void) { return 0; }');
    output('arm-linux-gnueabi-gcc', ['-o', path.join(root, 'hello'), source]);
    const {status, stdout} = elfinterp('tree', '--list', '--root', root, '/hello');
    t.is(status, 0);
    t.deepEqual(stdout.trimEnd().split('\n').sort(), ['/lib/ld-linux.so.3', '/lib/libc.so.6']);
    t.is(elfinterp('tree', '--list', '--root', root, 'hello').stdout, stdout, 'a relative path starts at /');
    t.false(elfinterp('tree', '--root', root, '/hello').stdout.includes(root));
    const {nodes} = JSON.parse(elfinterp('tree', '--json', '--root', root, '/hello').stdout)[0];
    t.is(nodes[1].host, path.join(root, nodes[1].path));
  }),
);

test('what is missing in a root is named by where it would be, also if it is there without the root', (t) => {
  const root = tempDirectory(t);
  const there = path.join(root, 'file');
  copyFileSync(fixture('x86_64/hello-static').path, there);
  const inside = ['--root', root];
  const into = ['--into', path.join(root, 'made')];
  for (const args of [
    ['tree', ...inside, there],
    ['tree', ...inside, '-r', there],
    ['pack', ...inside, there, path.join(root, 'packed')],
    ['bundle', ...inside, there, ...into],
    ['bundle', ...inside, '/file', '--file', `${there}=x`, ...into],
    ['bundle', there, '--file', '/nowhere/x=x', ...into],
  ]) {
    const {status, stderr} = elfinterp(...args);
    t.is(status, 1);
    const missing = args.includes('--root') ? `${root}${there}` : '/nowhere/x';
    t.is(stderr, `elfinterp: ${missing}: no such file or directory\n`);
  }
});

test(
  '--json has every field, null where there is nothing, and one object a file',
  withTools((t) => {
    const {program, lib} = make(t);
    const {status, stdout} = elfinterp('tree', '--json', program, '/nonexistent', program);
    t.is(status, 1);
    const [first, second, third] = JSON.parse(stdout);
    t.deepEqual(second, {
      file: '/nonexistent',
      error: {code: 'FILE_SYSTEM', message: '/nonexistent: no such file or directory'},
    });
    t.deepEqual(first, third);
    t.is(first.file, program);
    t.is(first.interpreter.path, systemLoader);
    const [own, a] = first.nodes;
    t.is(own.requestedBy, null);
    t.is(a.path, lib('a'));
    t.deepEqual(a.reason, {kind: 'runpath', of: 0, directory: `${path.dirname(lib('a'))}/`});
    t.deepEqual(own.edges[0], {name: 'liba1.so', kind: 'needed', to: 1, reason: a.reason});
    t.deepEqual([first.misses, first.versionProblems], [[], []]);
  }),
);

test(
  'a picture leaves out the arrows that others imply, unless all are asked for',
  withTools((t) => {
    const {program} = make(t);
    const dot = elfinterp('tree', '--format', 'dot', program).stdout;
    t.deepEqual(nodesOf(dot).sort(), [
      'ld-linux-x86-64.so.2',
      'liba1.so',
      'libb1.so',
      'libc.so.6',
      'libc1.so',
      'program',
    ]);
    const arrows = (text: string) => text.match(/ -> /g)?.length;
    t.is(arrows(dot), 6, 'program to a and b, both to c, c to libc, libc to its loader');
    t.is(arrows(elfinterp('tree', '--all', '--format', 'dot', program).stdout), 9);
    t.regex(dot, /3 arrows are omitted/);
  }),
);

test(
  'the formats svg and mermaid draw each file',
  withTools((t) => {
    const {program, lib} = make(t);
    rmSync(lib('c'));
    const svg = elfinterp('tree', '--format', 'svg', program).stdout.replaceAll('&#45;', '-');
    const mermaid = elfinterp('tree', '--format', 'mermaid', program).stdout;
    t.regex(svg, /^<\?xml.*<svg.*<\/svg>\n$/s);
    for (const name of ['program', 'liba1.so', 'libb1.so', 'libc1.so', 'libc.so.6', 'ld-linux-x86-64.so.2']) {
      t.true(svg.includes(`>${name}</text>`), name);
      t.true(mermaid.includes(`["${name}`), name);
    }
    const classes = [...svg.matchAll(/class="node (\w+)"/g)].map(([, kind]) => kind);
    t.deepEqual(classes.sort(), ['interpreter', 'library', 'library', 'library', 'missing', 'program']);
    const fills = [...svg.matchAll(/<path fill="(#\w+)"/g)].map(([, color]) => color);
    t.deepEqual(fills.sort(), ['#1f4e79', '#eef4fb', '#eef4fb', '#eef4fb', '#fbdcdc', '#fdf0d5']);
    t.regex(mermaid, /^flowchart LR$/m);
    t.regex(mermaid, /\["libc1\.so<br>not found"\]:::missing$/m);
  }),
);

test(
  '--why shows the way from the program to a library, and who else needs it',
  withTools((t) => {
    const {program, lib} = make(t);
    const {status, stdout} = elfinterp('tree', '--why', 'libc1.so', program);
    t.is(status, 0);
    t.deepEqual(stdout.trimEnd().split('\n'), [
      program,
      `└── needs liba1.so: ${lib('a')} [runpath]`,
      `    └── needs libc1.so: ${lib('c')} [runpath]`,
      'libc1.so is also needed by libb1.so',
    ]);
    const [{found}] = JSON.parse(elfinterp('tree', '--json', '--why', lib('c'), program).stdout);
    t.deepEqual(found[0].requestedBy, [lib('a'), lib('b')]);
    rmSync(lib('c'));
    const missing = elfinterp('tree', '--why', 'libc1.so', program);
    t.is(missing.status, 1);
    t.regex(missing.stdout, /libc1\.so was not found, needed by .*liba1\.so; tried in this order:\n +1\. /);
  }),
);

test(
  '--reverse shows who needs a library, up to the programs, over several of them',
  withTools((t) => {
    const {program, lib, directory} = make(t);
    const other = path.join(directory, 'other');
    copyFileSync(program, other);
    const {status, stdout} = elfinterp('tree', '--reverse', 'libc1.so', program, other);
    t.is(status, 0);
    t.deepEqual(stdout.trimEnd().split('\n'), [
      `${lib('c')} [runpath]`,
      `├── ${lib('a')}`,
      `│   ├── ${program}`,
      `│   └── ${other}`,
      `└── ${lib('b')}`,
      '    └── program, other (shown elsewhere)',
    ]);
    const {files} = JSON.parse(elfinterp('tree', '--json', '--reverse', 'libc1.so', program, other).stdout);
    const c = files.find((file: {path: string}) => file.path === lib('c'));
    t.deepEqual(c.requestedBy, [lib('a'), lib('b')]);
    const dot = elfinterp('tree', '--format', 'dot', '--reverse', 'libb1.so', program).stdout;
    t.deepEqual(nodesOf(dot).sort(), ['libb1.so', 'program']);
  }),
);

for (const question of ['--why', '--reverse']) {
  test(`${question} with a name that nothing needs exits 1 and says so`, (t) => {
    const {status, stdout, stderr} = elfinterp('tree', question, 'libnothing.so', '/bin/true');
    t.is(status, 1);
    t.is(stdout, '');
    t.is(stderr, 'elfinterp: nothing needs libnothing.so\n');
  });
}

test(
  'preloads, libraries added by hand and a library path count as they would at the start',
  withTools((t) => {
    const {program, lib, directory} = make(t);
    const extra = linkLibrary(path.join(directory, 'extra/libextra.so'), 'int extra;');
    const preloaded = elfinterp('tree', '--preload', extra, program).stdout;
    t.regex(preloaded, new RegExp(`├── ${extra} \\[by its path, preload\\]`));
    const added = elfinterp(
      'tree',
      '--library',
      'libextra.so',
      '--library-path',
      path.dirname(extra),
      program,
    );
    t.regex(added.stdout, new RegExp(`${extra} \\[library path, --library\\]`));
    t.is(elfinterp('tree', '--library', 'libextra.so', program).status, 1);
    renameSync(lib('c'), path.join(directory, 'extra/libc1.so'));
    t.is(elfinterp('tree', '--library-path', path.dirname(extra), program).status, 0);
  }),
);

test(
  '--hwcaps takes the libraries for a better CPU, and knows what the loader knows',
  withTools((t) => {
    const {program, lib} = make(t);
    const better = path.join(path.dirname(lib('a')), 'glibc-hwcaps/x86-64-v3/liba1.so');
    mkdirSync(path.dirname(better), {recursive: true});
    copyFileSync(lib('a'), better);
    t.false(elfinterp('tree', program).stdout.includes(better));
    const {stdout} = elfinterp('tree', '--hwcaps', 'x86-64-v3', program);
    t.true(stdout.includes(`${better} [runpath, glibc-hwcaps/x86-64-v3]`));
    const {status, stderr} = elfinterp('tree', '--hwcaps', 'z15', program);
    t.is(status, 1);
    t.regex(stderr, /expected x86-64-v4, x86-64-v3, x86-64-v2, got z15/);
  }),
);

test(
  'what a program says that it opens itself is shown, and followed on request',
  withTools((t) => {
    const {directory, lib} = make(t);
    const note = JSON.stringify([{soname: ['libb1.so'], priority: 'suggested', description: 'To do b'}]);
    const source = `
      __attribute__((section(".note.dlopen,\\"a\\",@note#"), used, aligned(4)))
      static const struct { unsigned n, d, t; char owner[4]; char text[${note.length + 1}]; } note =
        {4, ${note.length + 1}, 0x407c0c0a, "FDO", ${JSON.stringify(note)}};
      int main(void) { return 0; }`;
    const program = link(path.join(directory, 'opens'), source, [
      `-Wl,-rpath,${path.join(directory, 'lib')}`,
    ]);
    t.regex(elfinterp('tree', program).stdout, /may open libb1\.so \[suggested\] To do b/);
    const {stdout} = elfinterp('tree', '--dlopen', 'suggested', program);
    t.true(stdout.includes(`${lib('b')} [runpath, dlopen, suggested]`), stdout);
    t.notRegex(elfinterp('tree', '--dlopen', 'required', program).stdout, /── .*libb1\.so \[runpath/);
  }),
);

test(
  'a program that is known to load modules has a note that says which',
  withTools((t) => {
    const directory = tempDirectory(t);
    const source = '#include <pwd.h>\nint main(void) { return getpwnam("root") == 0; }';
    const {stdout} = elfinterp('tree', link(path.join(directory, 'p'), source, []));
    t.regex(stdout, /^at run time: name service modules, libnss_\*\.so\.2 \(getpwnam in p\)$/m);
  }),
);

test('a static program has no libraries, and that is no failure', (t) => {
  const {path: program} = fixture('x86_64/hello-static');
  const {status, stdout} = elfinterp('tree', program);
  t.is(status, 0);
  t.is(stdout, `${program} [static, nothing is loaded]\n`);
  t.is(elfinterp('tree', '--list', program).stdout, '');
});

test(
  'a directory is walked for what a loader loads; one that fails does not end the run',
  withTools((t) => {
    const {directory, program, lib} = make(t);
    copyFileSync(fixture('x86_64/hello-static').path, path.join(directory, 'static'));
    writeFileSync(path.join(directory, 'damaged'), Buffer.from('\x7fELF\x02\x01\x01'));
    const {status, stdout, stderr} = elfinterp('tree', '-r', directory);
    t.is(status, 1);
    t.regex(stderr, /^elfinterp: .*damaged: /);
    const heads = [...stdout.matchAll(/^(\/.*) \[loader/gm)].map(([, head]) => head);
    t.deepEqual(heads, [lib('c'), lib('a'), lib('b'), program]);
    const inside = elfinterp('tree', '--root', directory, '-r', '/lib').stderr;
    t.regex(inside, /^elfinterp: \/lib\/liba1\.so: /);
  }),
);

test(
  'colour is for terminals, and not when NO_COLOR is set',
  withTools((t) => {
    const colour = '\x1b[1;36m';
    t.true(onTerminal({}, 'tree', '/bin/true').includes(colour));
    t.false(onTerminal({NO_COLOR: '1'}, 'tree', '/bin/true').includes('\x1b['));
    t.false(onTerminal({TERM: 'dumb'}, 'tree', '/bin/true').includes('\x1b['));
    t.false(elfinterp('tree', '/bin/true').stdout.includes('\x1b['));
  }),
);

test(
  'after a plus stand as many names as fit into a line of the terminal, else their number',
  withTools((t) => {
    const {program, lib} = make(t);
    const lineOfB = (columns: number) => {
      const lines = onNarrowTerminal(columns, {NO_COLOR: '1'}, 'tree', program).split('\n');
      return lines.find((line) => line.includes(lib('b')));
    };
    const start = `├── ${lib('b')} [runpath]`;
    const names = `${start} + libc1.so, libc.so.6`;
    t.is(lineOfB(names.length), names);
    t.is(lineOfB(names.length - 1), `${start} + 2`);
    t.is(lineOfB(20), `${start} + 2`);
    t.is(lineOfB(0), names);
  }),
);

test(
  'how far a long run is shows on a terminal only, and is gone in the end',
  withTools((t) => {
    const {directory} = make(t);
    // A run of less than half a second shows nothing, and /usr/bin alone takes no longer on a fast machine.
    const shown = onTerminal({}, 'tree', '--list', '-r', '/usr');
    t.regex(shown, /\r\x1b\[K\d+ files: /);
    t.regex(shown, /\r\x1b\[K[^\r]*$/s);
    t.is(elfinterp('tree', '--json', '-r', directory).stderr, '');
    t.regex(onTerminal({}, 'needed', '-r', '/usr'), /\r\x1b\[K\d+ files: /);
  }),
);

test(
  'an interpreter that nothing needs stands below the program',
  withTools((t) => {
    const program = path.join(tempDirectory(t), 'alone');
    link(program, 'void _start(void) { for (;;); }', [
      '-nostdlib',
      '-pie',
      `-Wl,-dynamic-linker,${systemLoader}`,
    ]);
    const {status, stdout} = elfinterp('tree', program);
    t.is(status, 0);
    t.regex(stdout, /ld-linux-x86-64\.so\.2 \[interpreter\]/);
  }),
);

test(
  'below a directory object files are passed over, and what may not be read is named, as data too',
  withTools((t) => {
    const {directory, program} = make(t);
    chmodSync(directory, 0o755);
    writeFileSync(path.join(directory, 'o.c'), 'int o;');
    output('gcc', ['-c', '-o', path.join(directory, 'o.o'), path.join(directory, 'o.c')]);
    t.like(elfinterp('tree', '--list', '-r', directory), {status: 0, stderr: ''});
    t.is(elfinterp('tree', path.join(directory, 'o.o')).status, 1);
    if (process.geteuid?.() !== 0) return;
    chmodSync(program, 0o700);
    const {status, stdout, stderr} = elfinterpAsNobody(['tree', '--json', '-r', directory]);
    t.deepEqual([status, stderr], [1, `elfinterp: ${program}: cannot open: permission denied\n`]);
    const files = JSON.parse(stdout) as {file: string}[];
    t.like(
      files.find(({file}) => file === program),
      {error: {code: 'FILE_SYSTEM'}},
    );
  }),
);

test(
  'a library that may not be read is passed over, and said to be',
  withTools((t) => {
    const {program, lib, directory} = make(t);
    chmodSync(directory, 0o755);
    chmodSync(lib('a'), 0o000);
    const {status, stdout} = elfinterpAsNobody(['tree', program]);
    if (process.geteuid?.() === 0)
      t.deepEqual([status, /liba1\.so.*not found/.test(stdout)], [1, true], stdout);
    else t.is(status, 1);
  }),
);

test(
  'control characters of a file cannot steer the terminal',
  withTools((t) => {
    const directory = tempDirectory(t);
    const program = path.join(directory, 'p');
    link(program, 'int main(void) { return 0; }', []);
    output('patchelf', ['--add-needed', 'lib\x1b[31m.so', program]);
    for (const format of ['text', ...pictureFormats]) {
      const {stdout, stderr} = elfinterp('tree', '--format', format, program);
      t.false(`${stdout}${stderr}`.includes('\x1b'), format);
      t.true(stdout.includes('x1b'), format);
    }
  }),
);

for (const [args, message] of [
  [[], 'name a file, or a directory with -r'],
  [['--list', '--json', '/bin/true'], 'are mutually exclusive'],
  [['--why', 'a', '--reverse', 'b', '/bin/true'], 'are mutually exclusive'],
  [['--why', 'a', '--format', 'svg', '/bin/true'], 'supports only text and JSON'],
  [['--format', 'gif', '/bin/true'], 'gif'],
] as const) {
  test(`usage: tree ${args.join(' ')}`, (t) => {
    const {status, stdout, stderr} = elfinterp('tree', ...args);
    t.is(status, 2);
    t.is(stdout, '');
    t.true(stderr.includes(message), stderr);
    t.true(stderr.includes('see elfinterp tree --help'), stderr);
  });
}
