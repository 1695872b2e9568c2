/* Where the parts of a bundle go: by default, and on request. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {removeBundle} from '../../src/chroot/remove.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import type {ElfError, ErrorCode} from '../../src/errors.js';
import {elfinterp} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, pathOf, run, withTools} from '../helpers/tools.js';

/** A program that prints `../share/text`, relative to its own path, and `/etc/text`. */
function reader(directory: string): string {
  const program = path.join(directory, 'reader');
  writeFileSync(
    `${program}.c`,
    `#include <stdio.h>
     #include <string.h>
     #include <unistd.h>
     static void print(const char *path) {
       char text[100] = "-";
       FILE *file = fopen(path, "r");
       if (file) fgets(text, sizeof text, file);
       puts(text);
     }
     int main(void) {
       char path[4096];
       ssize_t n = readlink("/proc/self/exe", path, sizeof path - 20);
       if (n < 0) return 1;
       path[n] = 0;
       strcpy(strrchr(path, '/'), "/../share/text");
       print(path);
       print("/etc/text");
       return 0;
     }`,
  );
  output('gcc', ['-o', program, `${program}.c`]);
  return program;
}

test(
  'an emulator goes to /debootstrap, another program to a directory of /opt by its name',
  withTools(async (t) => {
    const layoutOf = async (...programs: string[]) => {
      const {manifest} = await bundle(programs, {into: tempDirectory(t)});
      return [manifest.prefix, manifest.libs, manifest.programs.map(({path: place}) => place).sort()];
    };
    t.deepEqual(await layoutOf('/bin/true', '/bin/false'), [
      '/opt/true',
      '/opt/true/lib',
      ['/opt/true/false', '/opt/true/true'],
    ]);
    t.deepEqual(await layoutOf(pathOf('qemu-arm')), [
      '/debootstrap',
      '/debootstrap/qemu-libs',
      ['/debootstrap/qemu-arm'],
    ]);
    const image = path.join(tempDirectory(t), 'qemu-img');
    copyFileSync('/bin/true', image);
    t.is(
      (await layoutOf(image))[0],
      '/opt/qemu-img',
      'not every qemu-NAME is for programs of another machine',
    );
    t.is((await layoutOf('/bin/true', pathOf('qemu-arm')))[0], '/opt/true');
  }),
);

test(
  'an image from scratch: programs in bin, libraries in lib, data in etc',
  withTools((t) => {
    const [into, from] = [tempDirectory(t), tempDirectory(t)];
    const program = reader(from);
    writeFileSync(path.join(from, 'text'), 'text');
    const made = elfinterp([
      ...['bundle', `${program}=bin/other-name`, '/bin/true=usr/bin/', '--into', into, '--prefix', '/'],
      ...['--file', `${from}/text=/etc/text`, '--file', `${from}/text=share/text`],
    ]);
    t.is(made.status, 0, made.stderr);
    t.regex(made.stdout, /^\/bin\/other-name {2}-> {2}\/lib\/ld\.so$/m);
    t.deepEqual(readdirSync(into).sort(), ['bin', 'etc', 'lib', 'share', 'usr']);
    mkdirSync(path.join(into, 'proc'));
    const inside = elfinterp(['chroot', 'run', into, '--', '/bin/other-name']);
    t.is(inside.stdout, 'text\ntext\n', inside.stderr);
    t.is(run('chroot', [into, '/usr/bin/true']).status, 0);
    const verified = elfinterp(['chroot', 'verify', into]);
    t.is(verified.status, 0, verified.stdout);
    const again = elfinterp(['bundle', '/bin/false=bin/false', '--into', into, '--prefix', '/']);
    t.is(again.status, 0, again.stderr);
    t.deepEqual(readdirSync(path.join(into, 'bin')).sort(), ['false', 'other-name']);
    t.is(elfinterp(['chroot', 'remove', into]).status, 0);
    t.deepEqual(readdirSync(into), ['proc']);
  }),
);

test(
  'what is in a root already is left alone by a bundle of the whole root',
  withTools(async (t) => {
    const into = tempDirectory(t);
    mkdirSync(path.join(into, 'lib'));
    writeFileSync(path.join(into, 'lib/mine'), '');
    const refused = {code: 'CONFLICT', message: /lib\/mine: this file was not installed by a bundle/};
    await t.throwsAsync(bundle(['/bin/true'], {into, prefix: '/'}), refused);
    const merged = tempDirectory(t);
    mkdirSync(path.join(merged, 'usr/lib'), {recursive: true});
    symlinkSync('usr/lib', path.join(merged, 'lib'));
    await t.throwsAsync(bundle(['/bin/true'], {into: merged, prefix: '/'}), {code: 'OUTSIDE'});
    t.deepEqual([readdirSync(into), readdirSync(merged).sort()], [['lib'], ['lib', 'usr']]);
  }),
);

test(
  'a program of a relocatable bundle goes anywhere below it, and finds its libraries when that is moved',
  withTools((t) => {
    const [work, from] = [tempDirectory(t), tempDirectory(t)];
    const program = reader(from);
    writeFileSync(path.join(from, 'text'), 'beside');
    const made = elfinterp([
      ...[
        'bundle',
        '--relocatable',
        `${program}=jre/deep/bin/`,
        '/bin/true',
        '--into',
        path.join(work, 'one'),
      ],
      ...['--file', `${from}/text=jre/deep/share/text`],
    ]);
    t.is(made.status, 0, made.stderr);
    renameSync(path.join(work, 'one'), path.join(work, 'two'));
    const moved = path.join(work, 'two/jre/deep/bin/reader');
    t.is(run(moved, []).stdout.split('\n')[0], 'beside');
    t.is(run(path.join(work, 'two/bin/true'), []).status, 0);
    const loads = elfinterp(['tree', '--list', moved]).stdout;
    t.regex(loads, /\/two\/(?:[^\n]*\/)?lib\/libc\.so\.6$/m);
    t.notRegex(loads, /^\/(?:usr\/)?lib/m);
  }),
);

test(
  'a tree that holds the program, too, has it once',
  withTools(async (t) => {
    const [into, from] = [tempDirectory(t), tempDirectory(t)];
    mkdirSync(path.join(from, 'home/bin'), {recursive: true});
    copyFileSync('/bin/true', path.join(from, 'home/bin/true'));
    const programs = [{source: path.join(from, 'home/bin/true'), target: 'home/bin/true'}];
    const {manifest} = await bundle(programs, {into, files: [{source: path.join(from, 'home')}]});
    t.is(manifest.prefix, '/opt/true');
    const role = manifest.files.find((file) => file.path === '/opt/true/home/bin/true')?.role;
    t.is(role, 'program');
    t.is(run('chroot', [into, '/opt/true/home/bin/true']).status, 0);
  }),
);

const [yes, no] = ['/bin/true', '/bin/false'];

/** Requests that are refused, and why. */
const refusals: Readonly<
  Record<string, readonly [Parameters<typeof bundle>[0], ErrorCode, RegExp, object?]>
> = {
  'a place above the prefix': [
    [{source: yes, target: '../x'}],
    'BAD_REQUEST',
    /cannot be put in this place .*under \/p/,
  ],
  'an absolute place outside': [
    [{source: yes, target: '/bin/x'}],
    'BAD_REQUEST',
    /cannot be put in this place/,
  ],
  'no place': [[{source: yes, target: ''}], 'BAD_REQUEST', /cannot be put in this place/],
  'the prefix itself': [[{source: yes, target: '.'}], 'BAD_REQUEST', /cannot be put in this place/],
  'a name with a newline': [
    [{source: yes, target: 'a\nb'}],
    'BAD_REQUEST',
    /without a newline, got \/p\/a\\x0ab/,
  ],
  "the manifest's place": [[{source: yes, target: 'lib/manifest.json'}], 'BAD_REQUEST', /not the manifest's/],
  'one place for two programs': [
    [
      {source: yes, target: 'x'},
      {source: no, target: 'x'},
    ],
    'CONFLICT',
    /two different files would be \/p\/x .*\/true.*\/false/,
  ],
  "the loader's place": [[{source: yes, target: 'lib/ld.so'}], 'CONFLICT', /would be \/p\/lib\/ld\.so/],
  'the library directory': [
    [{source: yes, target: 'lib'}],
    'CONFLICT',
    /\/p\/lib would be both a file and a dir/,
  ],
  'the place of a program below another one': [
    [
      {source: yes, target: 'x'},
      {source: no, target: 'x/y'},
    ],
    'CONFLICT',
    /\/p\/x would be both a file and a directory/,
  ],
  "a file's place in a tree": [
    [{source: yes, target: 'etc/hostname'}],
    'CONFLICT',
    /would be \/p\/etc\/hostname/,
    {files: [{source: '/etc/hostname', target: 'etc/'}]},
  ],
  'a place below a file': [
    [{source: yes, target: 'etc/x'}],
    'CONFLICT',
    /\/p\/etc would be both a file and a directory/,
    {files: [{source: '/etc/hostname', target: 'etc'}]},
  ],
};

for (const [title, [programs, code, message, more]] of Object.entries(refusals)) {
  test(`${title} is refused, and nothing is written`, async (t) => {
    const into = tempDirectory(t);
    const error = await t.throwsAsync<ElfError>(bundle(programs, {into, prefix: '/p', ...more}));
    t.is(error?.code, code, error?.message);
    t.regex(error?.message ?? '', message);
    t.deepEqual(readdirSync(into), []);
  });
}

for (const target of ['../x', '/x', '', 'a/../../x', '..']) {
  test(`a relocatable bundle puts nothing at '${target}'`, async (t) => {
    const top = tempDirectory(t);
    const into = path.join(top, 'new');
    const refused = {
      code: 'BAD_REQUEST',
      message: /cannot be put in this place \(expected a path below the directory/,
    };
    await t.throwsAsync(bundleRelocatable([{source: yes, target}], {into}), refused);
    await t.throwsAsync(bundleRelocatable([yes], {into, files: [{source: no, target}]}), refused);
    t.deepEqual(readdirSync(top), []);
  });
}

test(
  'verify and remove find the bundle of any program, and ask which where there are several',
  withTools(async (t) => {
    const into = tempDirectory(t);
    mkdirSync(path.join(into, 'opt/other/lib'), {recursive: true});
    writeFileSync(path.join(into, 'opt/other/lib/manifest.json'), '{}');
    symlinkSync('/', path.join(into, 'opt/link'));
    await bundle([yes], {into});
    t.is(verifyBundle(into).manifest.prefix, '/opt/true');
    await bundle([no], {into});
    const several = {
      code: 'BAD_REQUEST',
      message: /several bundles .*got \/opt\/false, \/opt\/true\)/,
    } as const;
    t.throws(() => verifyBundle(into), several);
    t.throws(() => removeBundle(into), several);
    removeBundle(into, {prefix: '/opt/false'});
    t.true(existsSync(path.join(into, 'opt/true/true')));
    removeBundle(into);
    t.deepEqual(readdirSync(path.join(into, 'opt')).sort(), ['link', 'other']);
    t.is(readFileSync(path.join(into, 'opt/other/lib/manifest.json'), 'utf8'), '{}');
  }),
);

test('a root with many files that are not manifests is not searched to its end', (t) => {
  const root = tempDirectory(t);
  for (let i = 0; i < 40; i++) {
    const libs = path.join(root, `opt/d${i}/lib`);
    mkdirSync(libs, {recursive: true});
    writeFileSync(path.join(libs, 'manifest.json'), '{}');
  }
  t.throws(() => verifyBundle(root), {
    code: 'BAD_REQUEST',
    message: /too many manifests cannot be read \(expected the prefix of a bundle\)/,
  });
});
