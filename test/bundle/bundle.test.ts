import {spawn} from 'node:child_process';
import type fs from 'node:fs';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle, bundleAt} from '../../src/bundle/bundle.js';
import {proveClosed} from '../../src/bundle/prove.js';
import {withTarget} from '../../src/bundle/target.js';
import {runInChroot} from '../../src/chroot/run.js';
import {ElfError} from '../../src/errors.js';
import {Root} from '../../src/loader/root.js';
import {fixture} from '../helpers/fixtures.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {place} from '../helpers/place.js';
import {readelfInterpreter} from '../helpers/readelf.js';
import {tempDirectory} from '../helpers/temp.js';
import {MissingTool, output, pathOf, run, withTools} from '../helpers/tools.js';

const emulator = pathOf('qemu-arm');
const layout = {prefix: '/debootstrap', libs: '/debootstrap/qemu-libs'};

function needEmulator(): string {
  if (!existsSync(emulator)) throw new MissingTool('qemu-arm');
  return emulator;
}

/** Every path below a directory with what would change if it were written again. */
function snapshot(directory: string): string[] {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'})
    .sort()
    .map((name) => {
      const {mtimeNs, ino, size, mode} = lstatSync(path.join(directory, name), {bigint: true});
      return `${name} ${ino} ${size} ${mode} ${mtimeNs}`;
    });
}

/** Compile C for x86-64. */
function compile(directory: string, name: string, source: string, args: readonly string[]): string {
  writeFileSync(path.join(directory, `${name}.c`), source);
  output('gcc', ['-o', path.join(directory, name), path.join(directory, `${name}.c`), ...args]);
  return path.join(directory, name);
}

async function refused(
  t: ExecutionContext,
  work: Promise<unknown>,
  code: string,
  message: RegExp,
): Promise<void> {
  const error = await t.throwsAsync(work, {instanceOf: ElfError, message});
  t.true(error instanceof ElfError && error.code === code, `${error}`);
}

test(
  'a shared qemu-arm gets its loader, its libraries and a manifest that tells the truth',
  withTools(async (t) => {
    const into = tempDirectory(t);
    const {manifest, written, isolated, notes} = await bundle([needEmulator()], {into});
    t.true(written);
    t.true(isolated);
    t.deepEqual(notes, []);
    const program = path.join(into, '/debootstrap/qemu-arm');
    t.is(readelfInterpreter(program), '/debootstrap/qemu-libs/ld.so');
    t.regex(output('readelf', ['-dW', program]), /\(RPATH\).*\[\/debootstrap\/qemu-libs\]/);
    for (const {path: file, sha256, size, mode} of manifest.files) {
      const host = path.join(into, file);
      t.is(output('sha256sum', [host]).split(' ')[0], sha256, file);
      t.is(statSync(host).size, size, file);
      t.is(statSync(host).mode & 0o7777, mode, file);
    }
    const names = readdirSync(path.join(into, layout.libs));
    t.true(names.includes('libgcc_s.so.1'));
    t.deepEqual(
      names.sort(),
      [
        'manifest.json',
        ...manifest.files.filter(({role}) => role !== 'program').map((f) => path.basename(f.path)),
      ].sort(),
    );
    t.deepEqual(readdirSync(into), ['debootstrap']);
  }),
);

test(
  'a bundle made again with nothing changed is not written',
  withTools(async (t) => {
    const into = tempDirectory(t);
    await bundle([needEmulator()], {into});
    const before = snapshot(into);
    const {written} = await bundle([emulator], {into});
    t.false(written);
    t.deepEqual(snapshot(into), before);
  }),
);

test(
  'a file of the bundle that was changed is put right again',
  withTools(async (t) => {
    const into = tempDirectory(t);
    await bundle([needEmulator()], {into});
    const libc = path.join(into, layout.libs, 'libc.so.6');
    const before = readFileSync(libc);
    writeFileSync(libc, 'damaged');
    const {written} = await bundle([emulator], {into});
    t.true(written);
    t.true(readFileSync(libc).equals(before));
  }),
);

test(
  'a second emulator shares the library directory of the first',
  withTools(async (t) => {
    const into = tempDirectory(t);
    await bundle([needEmulator()], {into});
    const {manifest} = await bundle([pathOf('qemu-aarch64')], {into});
    t.deepEqual(manifest.programs.map(({path: file, qemuTarget}) => [file, qemuTarget]).sort(), [
      ['/debootstrap/qemu-aarch64', 'aarch64'],
      ['/debootstrap/qemu-arm', 'arm'],
    ]);
    proveClosed(new Root(into), manifest, []);
    t.pass();
  }),
);

test(
  'a static program is copied as it is',
  withTools(async (t) => {
    const into = tempDirectory(t);
    const source = fixture('x86_64/hello-static').path;
    const {manifest, isolated} = await bundle([source], {...place, into});
    t.is(isolated, undefined);
    t.deepEqual(
      manifest.files.map(({role}) => role),
      ['program'],
    );
    t.true(readFileSync(path.join(into, '/debootstrap/hello-static')).equals(readFileSync(source)));
  }),
);

test(
  "a library's own RUNPATH does not lead out of the bundle",
  withTools(async (t) => {
    const work = tempDirectory(t);
    compile(work, 'libinner.so', 'int inner(void) { return 7; }', [
      '-shared',
      '-fPIC',
      '-Wl,-soname,libinner.so',
    ]);
    compile(work, 'libouter.so', 'int inner(void); int outer(void) { return inner(); }', [
      '-shared',
      '-fPIC',
      `-L${work}`,
      '-linner',
      `-Wl,-rpath,${work}`,
      '-Wl,-soname,libouter.so',
    ]);
    const program = compile(work, 'program', 'int outer(void); int main(void) { return outer(); }', [
      `-L${work}`,
      '-louter',
      `-Wl,-rpath,${work}`,
      `-Wl,-rpath-link,${work}`,
    ]);
    const into = tempDirectory(t);
    await bundle([program], {...place, into});
    const outer = path.join(into, layout.libs, 'libouter.so');
    t.false(/RUNPATH|RPATH/.test(output('readelf', ['-dW', outer])));
    const needed = (file: string) =>
      output('readelf', ['-dW', file])
        .split('\n')
        .filter((line) => line.includes('(NEEDED)'));
    t.deepEqual(needed(outer), needed(path.join(work, 'libouter.so')));
    const {exitCode} = await runInChroot(into, ['/debootstrap/program'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    t.is(exitCode, 7);
  }),
);

test(
  'a program that cancels a thread works, because libgcc_s.so.1 comes along',
  withTools(async (t) => {
    const source = `
      #include <pthread.h>
      #include <unistd.h>
      static void *wait(void *unused) { for (;;) sleep(1); return unused; }
      int main(void) {
        pthread_t thread; void *result;
        pthread_create(&thread, 0, wait, 0);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        return result == PTHREAD_CANCELED ? 3 : 1;
      }`;
    const into = tempDirectory(t);
    await bundle([compile(tempDirectory(t), 'cancel', source, ['-pthread'])], {...place, into});
    t.is(
      (await runInChroot(into, ['/debootstrap/cancel'], {stdio: ['ignore', 'ignore', 'inherit']})).exitCode,
      3,
    );
  }),
);

test(
  'a library that is nowhere is named with the places tried, and nothing is written',
  withTools(async (t) => {
    const work = tempDirectory(t);
    compile(work, 'libgone.so', 'int gone(void) { return 0; }', ['-shared', '-fPIC']);
    const program = compile(work, 'program', 'int gone(void); int main(void) { return gone(); }', [
      `-L${work}`,
      '-lgone',
    ]);
    const into = tempDirectory(t);
    await refused(
      t,
      bundle([program], {...place, into}),
      'NOT_FOUND',
      /libgone\.so was not found \(expected one of .*\/lib/,
    );
    t.deepEqual(readdirSync(into), []);
  }),
);

test(
  'two different libraries under one name are refused, both named',
  withTools(async (t) => {
    const programs = ['one', 'two'].map((name) => {
      const work = tempDirectory(t);
      compile(work, 'libsame.so', `int same(void) { return ${name.length}; } char which[] = "${name}";`, [
        '-shared',
        '-fPIC',
        '-Wl,-soname,libsame.so',
      ]);
      return compile(work, name, 'int same(void); int main(void) { return same(); }', [
        `-L${work}`,
        '-lsame',
        `-Wl,-rpath,${work}`,
      ]);
    });
    const into = tempDirectory(t);
    await refused(
      t,
      bundle(programs, {...place, into}),
      'CONFLICT',
      /two different files would be \/debootstrap\/qemu-libs\/libsame\.so .*\/one.*\/two/,
    );
    t.deepEqual(readdirSync(into), []);
  }),
);

test(
  'one file that is asked for under two names has both',
  withTools(async (t) => {
    const work = tempDirectory(t);
    compile(work, 'libreal.so.1', 'int real(void) { return 5; }', [
      '-shared',
      '-fPIC',
      '-Wl,-soname,libother.so.1',
    ]);
    linkSync(path.join(work, 'libreal.so.1'), path.join(work, 'libother.so.1'));
    writeFileSync(path.join(work, 'stub.c'), 'int real(void) { return 0; }');
    output('gcc', [
      '-shared',
      '-fPIC',
      '-Wl,-soname,libreal.so.1',
      '-o',
      path.join(work, 'libstub.so'),
      path.join(work, 'stub.c'),
    ]);
    const program = compile(work, 'program', 'int real(void); int main(void) { return real(); }', [
      `-L${work}`,
      '-lstub',
      `-Wl,-rpath,${work}`,
    ]);
    const into = tempDirectory(t);
    await bundle([program], {...place, into});
    const inode = (name: string) => statSync(path.join(into, layout.libs, name)).ino;
    t.is(inode('libreal.so.1'), inode('libother.so.1'));
    t.is(
      (await runInChroot(into, ['/debootstrap/program'], {stdio: ['ignore', 'ignore', 'inherit']})).exitCode,
      5,
    );
  }),
);

test(
  'a musl program runs from its bundle',
  withTools(async (t) => {
    const into = tempDirectory(t);
    await bundle([fixture('musl/probe-pie').path], {...place, into});
    t.is(
      (await runInChroot(into, ['/debootstrap/probe-pie'], {stdio: ['ignore', 'ignore', 'inherit']}))
        .exitCode,
      0,
    );
  }),
);

for (const link of ['/debootstrap', '/debootstrap/qemu-libs']) {
  test(
    `a chroot whose ${link} is a link elsewhere is refused, and nothing there is touched`,
    withTools(async (t) => {
      const into = tempDirectory(t);
      const elsewhere = tempDirectory(t);
      mkdirSync(path.dirname(path.join(into, link)), {recursive: true});
      symlinkSync(elsewhere, path.join(into, link));
      await refused(t, bundle([needEmulator()], {into}), 'OUTSIDE', /is not a real directory there/);
      t.deepEqual(readdirSync(elsewhere), []);
    }),
  );
}

for (const [title, options] of [
  ['a relative prefix', {prefix: 'debootstrap'}],
  ['a prefix with ..', {prefix: '/a/../..'}],
  ['a library directory with a slash', {libs: '../libs'}],
] as const) {
  test(`${title} is refused`, async (t) => {
    await refused(
      t,
      bundle([emulator], {into: tempDirectory(t), ...options}),
      'BAD_REQUEST',
      /is not a plain/,
    );
  });
}

test('a program that is not there, and one that is no ELF file, are refused', async (t) => {
  const into = tempDirectory(t);
  await refused(t, bundle(['/nonexistent'], {...place, into}), 'FILE_SYSTEM', /no such file/);
  await refused(t, bundle(['/etc/passwd'], {...place, into}), 'NOT_ELF', /not an ELF file/);
  await refused(
    t,
    bundle(['/etc/passwd'], {...place, into: path.join(into, 'a/b')}),
    'NOT_ELF',
    /not an ELF file/,
  );
  t.deepEqual(readdirSync(into), []);
});

test(
  'what a user puts where a bundle goes while it is written is not replaced',
  withTools((t) => {
    for (const name of ['true', 'data/f', 'qemu-libs/mine']) {
      const into = tempDirectory(t);
      mkdirSync(path.join(into, 'debootstrap/qemu-libs'), {recursive: true});
      const file = path.join(into, 'debootstrap', name);
      const options = {...place, files: [{source: '/etc/hostname', target: 'data/f'}]};
      const write = () => withTarget(into, (target) => bundleAt(target, ['/bin/true'], options));
      const meanwhile = (original: typeof fs) => ({
        fsyncSync(fd: number) {
          mkdirSync(path.dirname(file), {recursive: true});
          writeFileSync(file, 'mine');
          original.fsyncSync(fd);
        },
      });
      withPatchedFs(meanwhile, () =>
        t.throws(write, {code: 'CONFLICT', message: /was not installed by a bundle/}),
      );
      t.is(readFileSync(file, 'utf8'), 'mine');
      rmSync(file);
      write();
      t.deepEqual(readdirSync(into), ['debootstrap']);
    }
  }),
);

test(
  'a bundle that is killed leaves none, and the next run leaves nothing of it behind',
  withTools(async (t) => {
    const cli = path.resolve('bin/elfinterp.js');
    needEmulator();
    for (const delay of [90, 120, 150, 180, 210]) {
      const into = tempDirectory(t);
      const child = spawn(process.execPath, [cli, 'bundle', emulator, '--into', into], {stdio: 'ignore'});
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
      const isWhole = existsSync(path.join(into, layout.libs, 'manifest.json'));
      if (isWhole)
        proveClosed(
          new Root(into),
          {
            ...layout,
            programs: [{path: '/debootstrap/qemu-arm', interpreter: null, qemuTarget: null}],
            files: [],
          },
          [],
        );
      await bundle([emulator], {into});
      t.deepEqual(readdirSync(into), ['debootstrap'], `killed after ${delay} ms`);
    }
  }),
);

test(
  'in the chroot the emulator ignores what the environment has for the guest',
  withTools(async (t) => {
    const into = tempDirectory(t);
    await bundle([needEmulator()], {into});
    for (const directory of ['bin', 'dev', 'lib', 'etc', 'out', 'proc'])
      mkdirSync(path.join(into, directory));
    const sysroot = '/usr/arm-linux-gnueabi/lib';
    for (const name of ['ld-linux.so.3', 'libc.so.6'])
      output('cp', ['-L', `${sysroot}/${name}`, path.join(into, 'lib', name)]);
    const work = tempDirectory(t);
    writeFileSync(path.join(work, 'preload.c'), 'int answer(void) { return 42; }');
    writeFileSync(
      path.join(work, 'program.c'),
      '__attribute__((weak)) int answer(void); int main(void) { return answer ? answer() : 1; }',
    );
    const gcc = (args: readonly string[]) => output('arm-linux-gnueabi-gcc', args);
    gcc(['-shared', '-fPIC', '-o', path.join(into, 'lib/libpreload.so'), path.join(work, 'preload.c')]);
    gcc(['-o', path.join(into, 'bin/program'), path.join(work, 'program.c')]);
    const inside = (command: readonly string[], env: Readonly<Record<string, string>>) => {
      const runner = path.resolve('bin/elfinterp.js');
      return run(process.execPath, [runner, 'chroot', 'run', into, '--', ...command], {
        env: {...process.env, ...env},
      });
    };
    // The host's own loader starts elfinterp, so the variable is set on the way in, by the program itself.
    writeFileSync(
      path.join(work, 'with.c'),
      '#include <stdlib.h>\n#include <unistd.h>\nint main(int c, char **v) { putenv(v[1]); execv(v[2], v + 2); return 127; }',
    );
    gcc(['-o', path.join(into, 'bin/with'), path.join(work, 'with.c')]);
    const preloaded = inside(['/bin/with', 'LD_PRELOAD=/lib/libpreload.so', '/bin/program'], {});
    t.deepEqual([preloaded.status, preloaded.stderr], [42, '']);
    const listed = inside(['/bin/with', 'LD_TRACE_LOADED_OBJECTS=1', '/bin/program'], {});
    t.regex(listed.stdout, /libc\.so\.6 => \/lib\/libc\.so\.6/);
    t.notRegex(listed.stdout, /libglib|qemu-libs/);
    writeFileSync(path.join(into, 'etc/ld.so.preload'), '/lib/libpreload.so\n');
    const configured = inside(['/bin/program'], {});
    t.deepEqual([configured.status, configured.stderr], [42, '']);
  }),
);

test('what no bundle put there is not replaced: a file of the same name, a directory of libraries', async (t) => {
  const into = tempDirectory(t);
  const refused = async (named: string) => {
    const before = snapshot(into);
    const error = await t.throwsAsync<ElfError>(() => bundle(['/bin/true'], {...place, into}));
    t.deepEqual([error?.code, error?.path], ['CONFLICT', path.join(into, named)]);
    t.deepEqual(snapshot(into), before);
  };
  mkdirSync(path.join(into, 'debootstrap/qemu-libs'), {recursive: true});
  writeFileSync(path.join(into, 'debootstrap/true'), 'mine');
  await refused('debootstrap/true');
  rmSync(path.join(into, 'debootstrap/true'));
  writeFileSync(path.join(into, 'debootstrap/qemu-libs/libmine.so'), 'mine');
  await refused('debootstrap/qemu-libs/libmine.so');
  rmSync(path.join(into, 'debootstrap/qemu-libs/libmine.so'));
  await bundle(['/bin/true'], {...place, into});
  await bundle(['/bin/true', '/bin/false'], {...place, into});
  t.deepEqual(readdirSync(path.join(into, 'debootstrap')).sort(), ['false', 'qemu-libs', 'true']);
});

test('what came into the library directory of a bundle since is not lost with it', async (t) => {
  const into = tempDirectory(t);
  const first = ['/bin/true', '/bin/false'];
  const data = {source: '/etc/hostname', target: 'lib/own/name'};
  const options = {into, prefix: '/', files: [data]};
  const {files} = await bundle(first, options);
  const loader = path.basename(files.find(({role}) => role === 'loader')?.path ?? '');
  const refused = async (name: string, named = name) => {
    const before = snapshot(into);
    const error = await t.throwsAsync<ElfError>(() => bundle(['/bin/sleep'], options), undefined, name);
    t.deepEqual([error?.code, error?.path], ['CONFLICT', path.join(into, 'lib', named)]);
    t.deepEqual(snapshot(into), before);
  };
  for (const [name, named] of [['mine'], ['own/mine'], ['modules/my.ko', 'modules']] as const) {
    const file = path.join(into, 'lib', name);
    mkdirSync(path.dirname(file), {recursive: true});
    writeFileSync(file, 'mine');
    await refused(name, named);
    rmSync(path.join(into, 'lib', named ?? name), {recursive: true});
  }
  // The bundle's own files are replaced, but not a directory with one of their names.
  rmSync(path.join(into, 'lib', loader));
  mkdirSync(path.join(into, 'lib', loader));
  await refused(loader);
  rmSync(path.join(into, 'lib', loader), {recursive: true});
  writeFileSync(path.join(into, 'lib', loader), 'damaged');
  await bundle(['/bin/sleep', ...first], options);
  t.is(run('chroot', [into, '/sleep', '0']).status, 0);
});

test('a bundle in a lower layer of an overlay file system is not replaced, and why is said', (t) => {
  const top = tempDirectory(t);
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(path.join(top, name));
  const runner = `${process.execPath} ${path.resolve('bin/elfinterp.js')}`;
  const put = (command: string, into: string) => `${runner} bundle ${command} --into ${into} --prefix /`;
  const script = `${put('/bin/true', 'lower')}
    mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr merged || exit 99
    ${put('/bin/false', 'merged')}; [ $? = 1 ] || exit 98
    chroot merged /true && ls -A merged
    cp -a merged/lib merged/copy; rm -r merged/lib; mv merged/copy merged/lib
    ${put('/bin/false', 'merged')}; ls -A merged`;
  const {status, stdout, stderr} = run('unshare', ['-Urm', 'sh', '-c', script], {cwd: top});
  if (status === 99) return t.pass('no overlay file system here');
  t.regex(
    stderr,
    /merged\/lib: the directory cannot be moved: it is in a lower layer, or a mount \(expected/,
  );
  t.deepEqual([status, stdout.match(/^(lib|true|false)$/gm)], [0, ['lib', 'true', 'false', 'lib', 'true']]);
});
