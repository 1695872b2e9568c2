/* A bundle that is moved, copied, linked to and mounted read-only, and still runs. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import test from 'ava';
import {elfinterp, elfinterpAsNobody, program} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

test(
  'two programs run wherever their directory is',
  withTools((t) => {
    const top = tempDirectory(t);
    const first = join(top, 'first');
    const made = elfinterp(['bundle', '--relocatable', '/usr/bin/xz', '/bin/bash', '--into', first]);
    t.is(made.status, 0, made.stderr);
    t.deepEqual(readdirSync(join(first, 'bin')), ['bash', 'xz']);
    t.false(
      readdirSync(join(first, 'lib')).some((name) => name.startsWith('ld')),
      'the loader is inside',
    );
    const runs = (directory: string, from = '/') => {
      const script = 'echo $0 $(readlink /proc/$$/exe)';
      t.is(
        output(join(directory, 'bin/bash'), ['-c', script, 'name'], {cwd: from}),
        `name ${join(output('realpath', [directory]).trimEnd(), 'bin/bash')}\n`,
      );
      t.regex(output(join(directory, 'bin/xz'), ['--version'], {cwd: from}), /^xz /);
    };
    runs(first);
    const second = join(top, 'two words');
    renameSync(first, second);
    runs(second, top);
    mkdirSync(join(top, 'deep'));
    const third = join(top, 'deep/third');
    cpSync(second, third, {recursive: true});
    runs(third);
    symlinkSync(third, join(top, 'link'));
    runs(join(top, 'link'));
    const maps = output(join(third, 'bin/bash'), [
      '-c',
      'while read -r line; do echo "$line"; done < /proc/$$/maps',
    ]);
    const libraries = maps.split('\n').filter((line) => /\.so/.test(line));
    t.true(libraries.length > 0);
    t.deepEqual(
      libraries.filter((line) => !line.includes(`${third}/lib/`)),
      [],
      'every library is its own',
    );
    const mount = `mount --bind "${third}" "${third}" && mount -o remount,bind,ro "${third}" && "${third}/bin/xz" --version`;
    t.regex(output('unshare', ['-Urm', 'sh', '-ec', mount]), /^xz /);
  }),
);

test(
  'no library of the machine is opened by a name',
  withTools((t) => {
    const top = tempDirectory(t);
    const into = join(top, 'made');
    const source = `
      #include <dlfcn.h>
      #include <stdio.h>
      int main(void) { return puts(dlopen("libz.so.1", RTLD_NOW) ? "opened" : dlerror()) < 0; }`;
    output('gcc', ['-x', 'c', '-', '-o', join(top, 'opens'), '-ldl'], {input: source});
    t.is(output(join(top, 'opens'), []), 'opened\n');
    t.is(elfinterp(['bundle', '--relocatable', join(top, 'opens'), '--into', into]).status, 0);
    const bundled = join(into, 'bin/opens');
    t.regex(output(bundled, []), /^libz\.so\.1: cannot open shared object file/);
    rmSync(join(into, 'lib/libc.so.6'));
    const {status, stderr} = run(bundled, []);
    t.is(status, 127);
    t.regex(stderr, /libc\.so\.6: cannot open shared object file/);
  }),
);

test(
  'tree says what the loader inside finds, not what the original would find',
  withTools((t) => {
    const top = tempDirectory(t);
    const into = join(top, 'made');
    t.is(elfinterp(['bundle', '--relocatable', '/usr/bin/xz', '--into', into]).status, 0);
    const [program, library] = [join(into, 'bin/xz'), join(into, 'lib/liblzma.so.5')];
    const elsewhere = join(top, 'liblzma.so.5');
    renameSync(library, elsewhere);
    t.is(run(program, ['--version'], {env: {LD_LIBRARY_PATH: top, LD_PRELOAD: elsewhere}}).status, 127);
    const {status, stderr} = elfinterp(['tree', '--library-path', top, '--preload', elsewhere, program]);
    t.is(status, 1);
    t.regex(stderr, /bin\/xz: liblzma\.so\.5 was not found/);
    renameSync(elsewhere, library);
    const found = elfinterp(['tree', '--list', program]);
    t.deepEqual([found.status, found.stderr], [0, '']);
    t.true(found.stdout.includes('/lib/liblzma.so.5'));
  }),
);

test(
  'until glibc 2.34 the name services were libraries of their own, and come along',
  withTools((t) => {
    const root = tempDirectory(t);
    const libraries = ['libc.so.6', 'libgcc_s.so.1', 'libnss_files.so.2', 'libnss_dns.so.2'];
    const directory = dirname(output('sh', ['-c', "ldd /bin/true | grep -o '/[^ ]*/libc.so.6'"]).trim());
    const loader = output('sh', ['-c', "ldd /bin/true | grep -o '/[^ ]*/ld-linux[^ ]*'"]).trim();
    for (const file of ['/bin/true', loader, ...libraries.map((name) => join(directory, name))]) {
      mkdirSync(join(root, dirname(file)), {recursive: true});
      copyFileSync(file, join(root, file));
    }
    const bytes = readFileSync(join(root, loader));
    const version = bytes.indexOf('release version 2.');
    t.true(version > 0);
    bytes.write('31', version + 'release version 2.'.length);
    writeFileSync(join(root, loader), bytes);
    const into = join(root, 'made');
    const made = elfinterp(['bundle', '--relocatable', '--root', root, '/bin/true', '--into', into]);
    t.is(made.status, 0, made.stderr);
    t.deepEqual(readdirSync(join(into, 'lib')).sort(), [...libraries].sort());
  }),
);

test('what is in the way is not touched, and nothing is left of what cannot be', (t) => {
  const top = tempDirectory(t);
  writeFileSync(join(top, 'mine'), '');
  const occupied = elfinterp(['bundle', '--relocatable', '/usr/bin/xz', '--into', top]);
  t.is(occupied.status, 1);
  t.regex(occupied.stderr, /the directory is not empty/);
  const none = elfinterp(['bundle', '--relocatable', '/no/such', '--into', join(top, 'new')]);
  t.is(none.status, 1);
  t.deepEqual(readdirSync(top), ['mine']);
  t.is(
    elfinterp(['bundle', '--relocatable', '--prefix', '/x', '/usr/bin/xz', '--into', join(top, 'new')])
      .status,
    2,
  );
});

test('a directory that is there keeps its mode, or is refused where it cannot be replaced', (t) => {
  const top = tempDirectory(t);
  const into = join(top, 'into');
  mkdirSync(into);
  const group = process.geteuid?.() === 0 ? 65534 : statSync(into).gid;
  chownSync(into, statSync(into).uid, group);
  chmodSync(into, 0o2770);
  const command = ['bundle', '--relocatable', '/bin/true', '--into'];
  for (const [target, cwd, what] of [
    ['.', into, 'the working directory'],
    [into, into, 'the working directory'],
    ['/', top, 'the root directory'],
  ] as const) {
    const {status, stderr} = elfinterp([...command, target], {cwd});
    t.deepEqual([status, stderr.includes(`this is ${what}, which cannot be replaced as a whole`)], [1, true]);
  }
  const script = `mount --bind ${into} ${into} && exec "$0" "$@"`;
  const mounted = run('unshare', ['-Urm', 'sh', '-ec', script, process.execPath, program, ...command, into]);
  t.regex(mounted.stderr, /into: this is a mount point, which cannot be replaced/);
  t.deepEqual([readdirSync(into), readdirSync(top)], [[], ['into']]);
  t.is(elfinterp([...command, into]).status, 0);
  const {mode, gid} = statSync(into);
  t.deepEqual([mode & 0o7777, gid, readdirSync(into)], [0o2770, group, ['bin', 'lib']]);
});

test('an empty directory that its owner may not write to is replaced as well', (t) => {
  const top = tempDirectory(t);
  mkdirSync(join(top, 'into'), {mode: 0o555});
  if (process.geteuid?.() === 0) output('chown', ['-R', '65534:65534', top]);
  const command = ['bundle', '--relocatable', '/bin/true', '--into', join(top, 'into')];
  const {status, stderr} = elfinterpAsNobody(command);
  t.deepEqual([status, stderr], [0, '']);
  t.is(statSync(join(top, 'into')).mode & 0o7777, 0o555);
  t.deepEqual(readdirSync(top), ['into']);
  chmodSync(join(top, 'into'), 0o755);
});
