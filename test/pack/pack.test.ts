import {copyFileSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {openElfSync} from '../../src/elf/open.js';
import {packedContents} from '../../src/elf/packed.js';
import {unpack} from '../../src/pack/unpack.js';
import {program as cli, elfinterp} from '../helpers/cli.js';
import {stripPrograms} from '../helpers/strippers.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, pathOf, run, withTools} from '../helpers/tools.js';
import {compileTorture, crossRoot, elflintFindsNothing, pack, runInEmptyRoot, sourceFile} from './packing.js';

test(
  'a program runs in an empty root, and so does one that is not PIE',
  withTools(async (t) => {
    const source = path.join(tempDirectory(t), 'hello.c');
    writeFileSync(
      source,
      '#include <stdio.h>\n#include <math.h>\nint main(int c, char **v){printf("%s %.2f\\n", v[0], cos(c));}\n',
    );
    for (const kind of ['-pie', '-no-pie']) {
      const program = path.join(tempDirectory(t), 'hello');
      output('gcc', [kind, '-o', program, source, '-lm']);
      const {output: file, listing} = await pack(t, program);
      t.is(listing?.kind, 'listed');
      t.deepEqual(
        runInEmptyRoot(t, file),
        {status: 0, signal: null, stdout: '/hello 0.54\n', stderr: ''},
        kind,
      );
      t.is(run(file, []).stdout, `${file} 0.54\n`, 'argv[0] is what the caller says');
    }
  }),
);

for (const program of ['/usr/bin/xz', '/usr/bin/python3', pathOf('qemu-arm'), process.execPath]) {
  test(
    `${path.basename(program)} runs in an empty root`,
    withTools(async (t) => {
      const {output: file} = await pack(t, program);
      const {status, stdout, stderr} = runInEmptyRoot(t, file, ['--version']);
      t.is(stdout, output(program, ['--version']), stderr);
      t.is(status, 0);
    }),
  );
}

for (const flags of [[], ['-no-pie'], ['-Wl,-z,now'], ['-Wl,-z,noseparate-code']]) {
  test(
    `exceptions, threads, TLS, plugins, signals, exec: a program of all that works packed ${flags}`,
    withTools(async (t) => {
      const {directory, program} = compileTorture(t, flags);
      const env = {LD_LIBRARY_PATH: directory};
      t.is(run(program, [], {env}).stdout, 'ok\ndestroyed\n', 'it works unpacked');
      const {output: file} = await pack(t, program, {
        libraryPath: directory,
        libraries: ['libplugin.so'],
        closed: true,
      });
      t.deepEqual(runInEmptyRoot(t, file), {status: 0, signal: null, stdout: 'ok\ndestroyed\n', stderr: ''});
      const here = run(file, [], {env: {LD_BIND_NOW: '1', LD_PRELOAD: '/nothing.so'}});
      t.deepEqual(
        here,
        {status: 0, signal: null, stdout: 'ok\ndestroyed\n', stderr: ''},
        'with /proc, LD_* ignored',
      );
    }),
  );
}

test(
  'an aarch64 program with a maths library and a plugin works packed, under qemu',
  withTools(async (t) => {
    const source = path.join(tempDirectory(t), 'program.c');
    writeFileSync(
      source,
      `#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
int main(int c, char **v) {
  for (int i = 0; i < 3; i++) {
    void *h = dlopen("libplugin.so", RTLD_NOW);
    if (!h || ((int (*)(void))dlsym(h, "plugin"))() != 42 || dlclose(h)) return printf("%s\\n", dlerror()), 1;
  }
  printf("%.2f\\n", cos(c));
}\n`,
    );
    const root = crossRoot(t, source, ['libc.so.6', 'libm.so.6']);
    const plugin = path.join(root, 'lib/libplugin.so');
    output('aarch64-linux-gnu-gcc', ['-shared', '-fPIC', '-o', plugin, sourceFile('plugin.c')]);
    const {output: file, contents} = await pack(t, '/bin/program', {
      root,
      libraries: ['libplugin.so'],
      closed: true,
    });
    t.is(contents?.isolated, true);
    t.is(output('qemu-aarch64', [file]), '0.54\n');
    t.is(output('qemu-aarch64', ['-E', 'LD_TRACE_LOADED_OBJECTS=1', file]), '0.54\n', 'LD_* are ignored');
  }),
);

test(
  'a musl program needs no other file with its loader inside',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const [source, program] = [path.join(directory, 'hello.c'), path.join(directory, 'hello')];
    writeFileSync(source, '#include <stdio.h>\nint main(void){puts("hello from musl");}\n');
    output('musl-gcc', ['-o', program, source]);
    const {output: file, contents} = await pack(t, program);
    t.deepEqual(
      contents?.parts.map(({role}) => role),
      ['program', 'loader'],
    );
    t.is(runInEmptyRoot(t, file).stdout, 'hello from musl\n');
  }),
);

test(
  'of musl, libgcc_s.so.1 in the root is left alone, and a program with a library of its own is refused',
  withTools(async (t) => {
    const root = tempDirectory(t);
    const loader = '/lib/ld-musl-x86_64.so.1';
    const compile = (name: string, source: string, ...args: string[]) =>
      output('musl-gcc', ['-x', 'c', '-', '-o', path.join(root, name), ...args], {input: source});
    for (const directory of ['lib', 'usr/lib']) mkdirSync(path.join(root, directory), {recursive: true});
    copyFileSync(loader, path.join(root, loader));
    for (const name of ['libgcc_s.so.1', 'libown.so'])
      compile(`usr/lib/${name}`, 'int own(void) { return 7; }', '-shared', '-fPIC');
    compile('plain', 'int main(void) { return 7; }');
    compile('needs', 'int own(void); int main(void) { return own(); }', `-L${root}/usr/lib`, '-l:libown.so');
    const {output: file, contents} = await pack(t, '/plain', {root});
    t.deepEqual([contents?.parts.length, runInEmptyRoot(t, file).status], [2, 7]);
    await t.throwsAsync(pack(t, '/needs', {root}), {
      code: 'UNSUPPORTED',
      message: /a musl program with libraries cannot be packed .*got it loads \/usr\/lib\/libown\.so/,
    });
    await t.notThrowsAsync(pack(t, '/needs', {root, loaderOnly: true}));
  }),
);

test(
  'no library is opened by a packed program, and none is mapped by copying',
  withTools(async (t) => {
    const {output: file} = await pack(t, '/usr/bin/xz', {closed: true});
    const calls = run('strace', [
      '-f',
      '-e',
      'trace=open,openat,stat,newfstatat,mmap,mremap',
      file,
      '--version',
    ]);
    t.is(calls.status, 0);
    const lines = calls.stderr.split('\n');
    t.deepEqual(
      lines.filter((line) => /\.so|ld-linux/.test(line)),
      [],
    );
    t.true(lines.some((line) => line.includes('MREMAP_DONTUNMAP')));
  }),
);

test(
  'a closed program opens nothing of the machine, another one its plugins',
  withTools(async (t) => {
    const {directory, program} = compileTorture(t);
    const elsewhere = path.join(directory, 'elsewhere');
    mkdirSync(elsewhere);
    renameSync(path.join(directory, 'libplugin.so'), path.join(elsewhere, 'libplugin.so'));
    for (const closed of [true, false]) {
      const {output: file} = await pack(t, program, {libraryPath: directory, closed});
      const {stdout} = run(file, [], {cwd: elsewhere, env: {LD_LIBRARY_PATH: elsewhere}});
      t.regex(
        stdout,
        /^failed: dlopen libplugin\.so: cannot open shared object file/,
        'LD_LIBRARY_PATH is ignored',
      );
      t.is(packedContents(openElfSync(file).view)?.closed, closed);
    }
  }),
);

test(
  'unpack gives every part back byte by byte, and packing again gives the same file',
  withTools(async (t) => {
    const program = '/usr/bin/xz';
    const {output: file, contents} = await pack(t, program, {recordSources: true});
    const into = path.join(tempDirectory(t), 'new');
    const {files} = await unpack(file, {into});
    t.deepEqual(files.length, contents?.parts.length);
    for (const {names, source, mode} of contents?.parts ?? []) {
      const unpacked = path.join(into, names[0] ?? '');
      t.deepEqual(readFileSync(unpacked), readFileSync(source ?? ''), unpacked);
      t.is(statSync(unpacked).mode & 0o777, mode);
    }
    const again = await pack(t, path.join(into, 'xz'), {libraryPath: into, recordSources: false});
    const first = await pack(t, program);
    t.deepEqual(readFileSync(again.output), readFileSync(first.output));
    t.is((await pack(t, program)).contents?.parts[0]?.source, undefined);
  }),
);

test(
  'independent readers have nothing to say against a packed file',
  withTools(async (t) => {
    const {output: file} = await pack(t, '/usr/bin/xz');
    t.regex(run('eu-elflint', ['--gnu-ld', file]).stdout, elflintFindsNothing);
    const {stdout, stderr} = run('readelf', ['-lhW', file]);
    t.is(stderr, '');
    t.false(/INTERP|DYNAMIC/.test(stdout));
    t.regex(output('file', ['-b', file]), /^ELF 64-bit LSB .*x86-64/);
    t.is(elfinterp(['check', file]).status, 0);
  }),
);

test(
  'stripping a packed file is refused or does no harm',
  withTools(async (t) => {
    for (const tool of stripPrograms) {
      const {output: file} = await pack(t, '/usr/bin/xz');
      const before = readFileSync(file);
      run(tool, [file]);
      const runs = run(file, ['--version']).stdout === output('/usr/bin/xz', ['--version']);
      t.true(runs, `${tool}: it ${before.equals(readFileSync(file)) ? 'is as before' : 'was changed'}`);
    }
  }),
);

test(
  'with the loader alone inside, libraries are found by ld.so.cache as ever',
  withTools((t) => {
    const directory = tempDirectory(t);
    const file = (name: string) => path.join(directory, name);
    writeFileSync(file('code.c'), 'int one(void) { return 1; }\n');
    mkdirSync(file('lib'));
    const library = file('lib/libonlycached.so');
    output('gcc', ['-shared', '-fPIC', '-Wl,-soname,libonlycached.so', '-o', library, file('code.c')]);
    writeFileSync(file('code.c'), 'int one(void);\nint main(void) { return 40 + one(); }\n');
    output('gcc', ['-o', file('main'), file('code.c'), library]);
    writeFileSync(file('conf'), `${file('lib')}\n/lib/x86_64-linux-gnu\n`);
    output('/sbin/ldconfig', ['-X', '-C', file('cache'), '-f', file('conf')]);
    const script = `mount --bind "$0/cache" /etc/ld.so.cache || exit 99
      "$1" "$2" pack --loader-only "$0/main" "$0/packed" >&2 || exit 98; "$0/main"; echo $?; "$0/packed"; echo $?`;
    const as = process.geteuid?.() === 0 ? [] : ['--map-root-user'];
    const words = ['--mount', ...as, 'sh', '-c', script, directory, process.execPath, cli];
    const {stdout, stderr} = run('unshare', words);
    t.is(stdout, '41\n41\n', stderr);
  }),
);

test(
  'plugins are found in a directory whose name is one of those for special processors, unless the program is closed',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const [source, program] = [path.join(directory, 'code.c'), path.join(directory, 'main')];
    writeFileSync(
      source,
      `#include <dlfcn.h>
#include <stdio.h>
int main(void) {
  dlopen("libnone.so", RTLD_NOW);
  void *plugin = dlopen("libplug.so", RTLD_NOW);
  puts(plugin ? "found" : dlerror());
}\n`,
    );
    for (const name of ['tls', 'x86_64', 'haswell', 'plain', 'glibc-hwcaps']) {
      const plugins = path.join(directory, name);
      mkdirSync(plugins);
      output('gcc', ['-shared', '-fPIC', '-o', path.join(plugins, 'libplug.so'), sourceFile('plugin.c')]);
      output('gcc', ['-o', program, source, `-Wl,--enable-new-dtags,-rpath,${plugins}`]);
      t.is(run(program, []).stdout, 'found\n', name);
      for (const fixedAddress of [false, true]) {
        const {output: file} = await pack(t, program, {fixedAddress});
        t.is(run(file, []).stdout, 'found\n', name);
      }
      const {output: file} = await pack(t, program, {closed: true});
      t.regex(run(file, []).stdout, /^libplug\.so: cannot open/, name);
    }
  }),
);
