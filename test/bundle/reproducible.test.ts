/* The same input gives the same bytes, wherever it is, and existing files stay without their sources. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {requireReadable} from '../../src/bundle/manifest-file.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {ElfError} from '../../src/errors.js';
import {elfinterp} from '../helpers/cli.js';
import {entriesBelow} from '../helpers/entries.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const [prefix, libs] = ['/opt/x', 'lib'];

/** A root with a program `/opt/NAME` whose library `libNAME.so` gives its number, and a tree of data. */
function rootWith(directory: string, numbers: Readonly<Record<string, number>>): string {
  for (const [name, number] of Object.entries(numbers)) {
    const compile = (file: string, source: string, args: readonly string[]) => {
      mkdirSync(path.dirname(path.join(directory, file)), {recursive: true});
      writeFileSync(path.join(directory, 'source.c'), source);
      output('gcc', ['-o', path.join(directory, file), path.join(directory, 'source.c'), ...args]);
    };
    const soname = `-Wl,-soname,lib${name}.so`;
    compile(`opt/lib/lib${name}.so`, `int ${name}(void) { return ${number}; }`, ['-shared', '-fPIC', soname]);
    const library = path.join(directory, `opt/lib/lib${name}.so`);
    const source = `int ${name}(void);\nint main(void) { return ${name}(); }`;
    compile(`opt/${name}`, source, [library, '-Wl,-rpath,/opt/lib']);
  }
  for (const line of output('ldd', ['/bin/true']).matchAll(/\s(\/\S+) \(/g)) carry(line[1] ?? '', directory);
  const libgcc = output('gcc', ['-print-file-name=libgcc_s.so.1']).trim();
  if (libgcc.startsWith('/')) copyFileSync(libgcc, path.join(directory, 'opt/lib/libgcc_s.so.1'));
  mkdirSync(path.join(directory, 'data/empty'), {recursive: true});
  writeFileSync(path.join(directory, 'data/one'), '1');
  linkSync(path.join(directory, 'data/one'), path.join(directory, 'data/two'));
  symlinkSync('/data/one', path.join(directory, 'data/link'));
  return directory;
}

function carry(file: string, directory: string): void {
  mkdirSync(path.join(directory, path.dirname(file)), {recursive: true});
  copyFileSync(file, path.join(directory, file));
}

/** Everything in a directory, as text. */
function contents(directory: string): string[] {
  return entriesBelow(directory)
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      const what = entry.isSymbolicLink()
        ? readlinkSync(file)
        : `${statSync(file).mode} ${entry.isFile() ? readFileSync(file).toString('base64') : ''}`;
      return `${file.slice(directory.length)} ${what}`;
    })
    .sort();
}

test(
  'two copies of a root at different places give the same bytes, the manifest included',
  withTools(async (t) => {
    const one = rootWith(tempDirectory(t), {first: 1, second: 2});
    const two = path.join(tempDirectory(t), 'a longer/way to it');
    cpSync(one, two, {recursive: true, verbatimSymlinks: true});
    rmSync(path.join(two, 'data/two'));
    linkSync(path.join(two, 'data/one'), path.join(two, 'data/two'));
    const made = [one, two].map((root) => {
      const into = tempDirectory(t);
      const args = ['bundle', '/opt/first', '/opt/second', '--root', root, '--into', into];
      const data = ['--prefix', prefix, '--libs', libs, '--file', '/data=share'];
      const {status, stderr} = elfinterp([...args, ...data], {cwd: root === one ? '/' : two});
      t.is(status, 0, stderr);
      return contents(into);
    });
    t.deepEqual(made[0], made[1]);
    t.true(made[0]?.some((line) => line.startsWith('/opt/x/lib/manifest.json ')));
    t.true(made[0]?.some((line) => line === '/opt/x/share/link one'));
  }),
);

test(
  'sources are in the manifest if they are asked for',
  withTools(async (t) => {
    const root = rootWith(tempDirectory(t), {first: 1});
    const into = tempDirectory(t);
    const args = ['bundle', '/opt/first', '--root', root, '--into', into, '--prefix', prefix, '--libs', libs];
    const list = path.join(into, prefix, libs, 'manifest.json');
    t.regex(elfinterp(args).stdout, new RegExp(`libfirst\\.so {2}<- {2}${root}/opt/lib/libfirst\\.so`));
    t.false(readFileSync(list, 'utf8').includes(root));
    t.is(elfinterp([...args, '--record-sources']).status, 0);
    const {files} = JSON.parse(readFileSync(list, 'utf8'));
    t.true(files.some(({source}: {source: string}) => source === path.join(root, 'opt/lib/libfirst.so')));
    t.is(elfinterp(args).status, 0);
    t.false(readFileSync(list, 'utf8').includes(root), 'and go again');
  }),
);

test(
  'programs and data of an earlier bundle stay when their sources are gone',
  withTools(async (t) => {
    const root = rootWith(tempDirectory(t), {first: 1, second: 2});
    const options = {into: tempDirectory(t), root, prefix, libs};
    await bundle(['/opt/first'], {...options, files: [{source: '/data', target: 'share'}]});
    rmSync(path.join(root, 'opt/first'));
    rmSync(path.join(root, 'opt/lib/libfirst.so'));
    rmSync(path.join(root, 'data'), {recursive: true});
    const {manifest, files} = await bundle(['/opt/second'], options);
    t.deepEqual(manifest.programs.map((program) => program.path).sort(), ['/opt/x/first', '/opt/x/second']);
    t.is(files.find((file) => file.path === '/opt/x/first')?.source, 'kept');
    t.is(run('chroot', [options.into, '/opt/x/first']).status, 1);
    t.is(run('chroot', [options.into, '/opt/x/second']).status, 2);
    const share = path.join(options.into, prefix, 'share');
    t.is(readlinkSync(path.join(share, 'link')), 'one');
    t.is(statSync(path.join(share, 'one')).ino, statSync(path.join(share, 'two')).ino);
    t.true(existsSync(path.join(share, 'empty')));
    t.deepEqual(verifyBundle(options.into, {prefix, libs}).problems, []);
    t.false((await bundle(['/opt/second'], options)).written);
  }),
);

test(
  'a library that changed since is a conflict that names who is there, unless that comes again',
  withTools(async (t) => {
    const root = rootWith(tempDirectory(t), {first: 1, second: 2});
    const options = {into: tempDirectory(t), root, prefix, libs};
    await bundle(['/opt/first'], options);
    const libc = output('ldd', ['/bin/true']).match(/\/\S*libc\.so\.6/)?.[0] ?? '';
    writeFileSync(path.join(root, libc), ' ', {flag: 'a'});
    const before = contents(options.into);
    const error = await t.throwsAsync<ElfError>(bundle(['/opt/second'], options));
    t.is(error?.code, 'CONFLICT');
    t.regex(error?.message ?? '', /the bundle that is there uses a different libc\.so\.6: \/opt\/x\/first/);
    t.deepEqual(contents(options.into), before);
    await bundle(['/opt/first', '/opt/second'], options);
    t.is(run('chroot', [options.into, '/opt/x/first']).status, 1);
    t.deepEqual(verifyBundle(options.into, {prefix, libs}).problems, []);
  }),
);

test(
  'a manifest with sources, as earlier versions wrote it, is read, and what it names is not',
  withTools(async (t) => {
    const root = rootWith(tempDirectory(t), {first: 1, second: 2});
    const options = {into: tempDirectory(t), root, prefix, libs};
    await bundle(['/opt/first'], {...options, recordSources: true});
    renameSync(path.join(root, 'opt/first'), path.join(root, 'opt/other'));
    await bundle(['/opt/second'], options);
    t.is(run('chroot', [options.into, '/opt/x/first']).status, 1);
  }),
);

test(
  'files of a tree that comes again with less in it go',
  withTools(async (t) => {
    const root = rootWith(tempDirectory(t), {first: 1});
    const options = {into: tempDirectory(t), root, prefix, libs, files: [{source: '/data', target: 'share'}]};
    await bundle(['/opt/first'], options);
    rmSync(path.join(root, 'data/two'));
    rmSync(path.join(root, 'data/link'));
    await bundle(['/opt/first'], options);
    t.deepEqual(readdirSync(path.join(options.into, prefix, 'share')).sort(), ['empty', 'one']);
  }),
);

test('a manifest that could not be read back is refused', (t) => {
  const file = {role: 'data', sha256: '0'.repeat(64), size: 0, mode: 0o644} as const;
  const files = Array.from({length: 100_000}, (_, i) => ({...file, path: `/p/${i}`}));
  const manifest = {version: 1, generator: 'x', prefix: '/p', libs: '/p/lib', programs: [], files} as const;
  const error = t.throws(() => requireReadable(manifest), {instanceOf: ElfError});
  t.is(error?.code, 'UNSUPPORTED');
  t.regex(error?.message ?? '', /manifest\.json: too many files .* \(expected at most 16777216 bytes, got /);
  t.notThrows(() => requireReadable({...manifest, files: files.slice(0, 50_000)}));
});

test(
  'verify names the file once of which something is missing',
  withTools(async (t) => {
    const root = rootWith(tempDirectory(t), {first: 1});
    const into = tempDirectory(t);
    await bundle(['/opt/first'], {into, root, prefix, libs});
    rmSync(path.join(into, prefix, libs, 'libfirst.so'));
    const {stdout} = elfinterp(['chroot', 'verify', into, '--prefix', prefix, '--libs', libs]);
    const line = stdout.split('\n').find((one) => one.includes('NOT_CLOSED')) ?? '';
    t.regex(line, /^\/opt\/x\/first: the bundle is not self-contained: libfirst\.so/);
    t.is(line.split('/opt/x/first: ').length, 2, line);
  }),
);

test(
  'a program that was changed since is not taken over',
  withTools(async (t) => {
    const root = rootWith(tempDirectory(t), {first: 1, second: 2});
    const options = {into: tempDirectory(t), root, prefix, libs};
    await bundle(['/opt/first'], options);
    chmodSync(path.join(options.into, prefix, 'first'), 0o4755);
    await t.throwsAsync(bundle(['/opt/second'], options), {code: 'CHANGED', message: /first: cannot stay/});
  }),
);
