/* A bundle that is reported as proved runs, and looks nowhere else. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {removeBundle} from '../../src/chroot/remove.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const system = '/lib/x86_64-linux-gnu';
const loader = '/lib64/ld-linux-x86-64.so.2';

function compile(directory: string, name: string, source: string, ...args: string[]): string {
  writeFileSync(join(directory, `${name}.c`), source);
  output('gcc', ['-o', join(directory, name), join(directory, `${name}.c`), ...args]);
  return join(directory, name);
}

/** A root with a program that needs version V2 of a library, and the library with or without it. */
function versionedRoot(t: ExecutionContext, versions: readonly string[]): string {
  const [work, root] = [tempDirectory(t), tempDirectory(t)];
  const library = (name: string, names: readonly string[]) => {
    const script = names.includes('V2') ? 'V1 {}; V2 { global: f; } V1;' : 'V1 { global: f; };';
    writeFileSync(join(work, 'versions'), script);
    const options = [
      '-shared',
      '-fPIC',
      '-Wl,-soname,libv.so.1',
      `-Wl,--version-script=${join(work, 'versions')}`,
    ];
    return compile(work, name, 'int f(void) { return 0; }', ...options);
  };
  const program = compile(
    work,
    'p',
    'int f(void); int main(void) { return f(); }',
    library('libv2.so', ['V1', 'V2']),
  );
  const add = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), {recursive: true});
    copyFileSync(from, join(root, to));
  };
  add(program, '/bin/p');
  add(library('libv1.so', versions), `${system}/libv.so.1`);
  add(loader, loader);
  for (const name of ['libc.so.6', 'libgcc_s.so.1']) add(`${system}/${name}`, `${system}/${name}`);
  return root;
}

test(
  'a library without the version that is asked for is no proof',
  withTools(async (t) => {
    const into = tempDirectory(t);
    await t.throwsAsync(bundle(['/bin/p'], {...place, root: versionedRoot(t, ['V1']), into}), {
      code: 'NOT_CLOSED',
      message:
        /version V2 is not in \/debootstrap\/qemu-libs\/libv\.so\.1.*an unmet dependency of \/debootstrap\/p/,
    });
    await bundle(['/bin/p'], {...place, root: versionedRoot(t, ['V1', 'V2']), into});
    t.deepEqual(verifyBundle(into).problems, []);
    const old = join(versionedRoot(t, ['V1']), system, 'libv.so.1');
    writeFileSync(join(into, 'debootstrap/qemu-libs/libv.so.1'), readFileSync(old));
    t.deepEqual(
      verifyBundle(into).problems.map(({code}) => code),
      ['CHANGED', 'NOT_CLOSED'],
    );
  }),
);

test(
  'symbols that nothing defines are looked for when that is asked for',
  withTools(async (t) => {
    const [work, into] = [tempDirectory(t), tempDirectory(t)];
    const library = compile(work, 'libs.so', 'int f(void) { return 0; }', '-shared', '-fPIC');
    const program = compile(
      work,
      'p',
      'int f(void); int main(void) { return f(); }',
      library,
      `-Wl,-rpath,${work}`,
    );
    compile(work, 'libs.so', 'int g(void) { return 0; }', '-shared', '-fPIC');
    await t.throwsAsync(bundle([program], {...place, into, symbols: true}), {
      code: 'NOT_CLOSED',
      message: /the symbol f is not defined/,
    });
    await t.notThrowsAsync(bundle([program], {...place, into}));
  }),
);

test(
  'nothing of the machine is opened by a name, as a module for names or for a character set',
  withTools(async (t) => {
    const work = tempDirectory(t);
    const source = `
      #include <dlfcn.h>
      #include <iconv.h>
      #include <netdb.h>
      #include <pwd.h>
      #include <stdio.h>
      int main(void) {
        printf("%d ", dlopen("libz.so.1", RTLD_NOW) != 0);
        printf("%d ", iconv_open("ISO-8859-15", "UTF-8") != (iconv_t)-1);
        printf("%d\\n", getpwuid(0) != 0);
        return 0;
      }`;
    const program = compile(work, 'opens', source);
    const opensIn = async (isolate: boolean) => {
      const into = tempDirectory(t);
      await bundle([program], {...place, into, isolate});
      // What a machine that the bundle is moved to has.
      mkdirSync(join(into, system), {recursive: true});
      mkdirSync(join(into, 'usr/lib/x86_64-linux-gnu'), {recursive: true});
      for (const name of ['libz.so.1', 'libc.so.6', 'libnss_files.so.2'])
        copyFileSync(join(system, name), join(into, system, name));
      copyFileSync(join(system, 'libz.so.1'), join(into, 'usr/lib/x86_64-linux-gnu/libz.so.1'));
      cpSync('/usr/lib/x86_64-linux-gnu/gconv', join(into, 'usr/lib/x86_64-linux-gnu/gconv'), {
        recursive: true,
      });
      mkdirSync(join(into, 'etc'));
      writeFileSync(join(into, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
      const log = join(work, 'log');
      const strace = ['-f', '-qq', '-o', log, '-e', 'trace=%file', 'chroot', into, '/debootstrap/opens'];
      const {stdout} = run('strace', strace);
      const [, inside = ''] = readFileSync(log, 'latin1').split('execve("/debootstrap/opens"');
      const opened = inside.split('\n').filter((line) => /open/.test(line) && !/= -1 /.test(line));
      return {
        stdout,
        outside: opened.filter((line) => !line.includes('"/debootstrap/') && !line.includes('"/etc/')),
      };
    };
    const open = await opensIn(false);
    t.is(open.stdout, '1 1 1\n');
    t.true(open.outside.some((line) => line.includes('libz.so.1')));
    t.deepEqual(await opensIn(true), {stdout: '0 0 1\n', outside: []});
  }),
);

test('links and hard links of a tree stay what they are', async (t) => {
  const [work, into] = [tempDirectory(t), tempDirectory(t)];
  chmodSync(work, 0o755);
  const tree = join(work, 'tree');
  mkdirSync(join(tree, 'bin'), {recursive: true});
  mkdirSync(join(tree, 'lib'));
  writeFileSync(join(tree, 'bin/git'), 'git');
  writeFileSync(join(work, 'elsewhere'), 'elsewhere');
  linkSync(join(tree, 'bin/git'), join(tree, 'bin/git-hard'));
  const links: Record<string, readonly [says: string, becomes: string | undefined]> = {
    'bin/git-add': ['git', 'git'],
    'lib/up': ['../bin', '../bin'],
    'lib/absolute': [join(tree, 'bin/git'), '../bin/git'],
    'lib/src.zip': ['../../nowhere.zip', '../../nowhere.zip'],
    'lib/self': ['self', 'self'],
    'lib/out': ['../../elsewhere', undefined],
  };
  for (const [name, [says]] of Object.entries(links)) symlinkSync(says, join(tree, name));
  const options = {...place, into, files: [{source: tree, target: 'share'}]};
  const {notes} = await bundle(['/bin/true'], options);
  t.regex(notes.join(), /dangling symbolic link, copied unchanged: .*lib\/self, and 1 more/);
  const share = join(into, 'debootstrap/share');
  for (const [name, [, becomes]] of Object.entries(links)) {
    if (becomes === undefined) t.is(readFileSync(join(share, name), 'utf8'), 'elsewhere');
    else t.is(readlinkSync(join(share, name)), becomes, name);
  }
  t.is(statSync(join(share, 'bin/git')).ino, statSync(join(share, 'bin/git-hard')).ino);
  t.deepEqual(verifyBundle(into).problems, []);
  t.false((await bundle(['/bin/true'], options)).written);
  t.true((await bundle(['/bin/false'], {...options, files: []})).written);
  t.is(readlinkSync(join(share, 'lib/absolute')), '../bin/git', 'it stays in the next bundle');
  rmSync(join(share, 'bin/git-add'));
  symlinkSync('/etc/shadow', join(share, 'bin/git-add'));
  t.deepEqual(
    verifyBundle(into).problems.map(({code, path}) => [code, path]),
    [['CHANGED', '/debootstrap/share/bin/git-add']],
  );
  t.throws(() => removeBundle(into), {code: 'CHANGED'});
  removeBundle(into, {force: true});
  t.deepEqual(readdirSync(into), []);
});

test('empty directories of a tree come along, are missed, stay and go', async (t) => {
  const [work, into] = [tempDirectory(t), tempDirectory(t)];
  mkdirSync(join(work, 'tree/var/empty'), {recursive: true});
  mkdirSync(join(work, 'tree/full'));
  writeFileSync(join(work, 'tree/full/file'), '');
  chmodSync(work, 0o755);
  const files = [{source: join(work, 'tree'), target: 'share'}];
  // One that exists already is not replaced.
  mkdirSync(join(into, 'debootstrap/share'), {recursive: true});
  const {manifest} = await bundle(['/bin/true'], {...place, into, files});
  t.deepEqual(manifest.directories, ['/debootstrap/share/var/empty']);
  const empty = join(into, 'debootstrap/share/var/empty');
  t.is(statSync(empty).mode & 0o777, 0o755);
  t.deepEqual(verifyBundle(into).problems, []);
  t.false((await bundle(['/bin/true'], {...place, into, files})).written);
  rmSync(empty, {recursive: true});
  t.deepEqual(
    verifyBundle(into).problems.map(({code, path}) => [code, path]),
    [['MISSING', '/debootstrap/share/var/empty']],
  );
  t.true((await bundle(['/bin/true'], {...place, into, files})).written);
  t.true((await bundle(['/bin/cat'], {...place, into})).written);
  t.deepEqual(readdirSync(empty), [], 'it stays in the next bundle');
  const moved = await bundleRelocatable(['/bin/true'], {into: join(work, 'moved'), files});
  t.deepEqual(moved.directories, ['share/var/empty']);
  t.deepEqual(readdirSync(join(work, 'moved/share/var/empty')), []);
  removeBundle(into);
  t.deepEqual(readdirSync(into), []);
});
