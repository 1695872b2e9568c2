/* What glibc opens by itself: converters of character sets, and locales. */
import {chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {elfinterp} from '../helpers/cli.js';
import {entriesBelow} from '../helpers/entries.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const system = '/lib/x86_64-linux-gnu';
const loader = '/lib64/ld-linux-x86-64.so.2';
/** Let a shell's printf write Hiragana A in EUC-JP, and convert it. */
function convert(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const script = `printf '\\244\\242' | "$@" -f EUC-JP -t UTF-8`;
  return run('sh', ['-c', script, 'sh', command, ...args], {env}).stdout;
}

test(
  'gconv modules are found in an empty root, and nothing has to be set',
  withTools(async (t) => {
    const into = tempDirectory(t);
    const {notes, environment} = await bundle(['/usr/bin/iconv'], {...place, into, gconv: true});
    t.deepEqual({notes, environment}, {notes: [], environment: {}});
    t.is(convert('chroot', [into, '/debootstrap/iconv']), 'あ');
    t.false(readdirSync(join(into, 'debootstrap/qemu-libs/gconv')).includes('gconv-modules.cache'));
    // Existing files stay when another program is added.
    const second = await bundle(['/bin/true'], {...place, into});
    t.deepEqual(second.notes, []);
    t.is(convert('chroot', [into, '/debootstrap/iconv']), 'あ');
    t.deepEqual(verifyBundle(into).problems, []);
  }),
);

test(
  'the variable to set is named where the path of the bundle is too long, and where it may change',
  withTools(async (t) => {
    const [into, work] = [tempDirectory(t), tempDirectory(t)];
    const prefix = '/usr/libexec/elfinterp';
    const directory = `${prefix}/lib/gconv`;
    const {notes, environment} = await bundle(['/usr/bin/iconv'], {into, prefix, gconv: true});
    t.deepEqual(environment, {GCONV_PATH: directory});
    t.deepEqual(notes, [`set GCONV_PATH=${directory} when you start the programs`]);
    t.is(convert('chroot', [into, `${prefix}/iconv`]), '');
    t.is(convert('chroot', [into, `${prefix}/iconv`], environment), 'あ');
    const args = [
      'bundle',
      '--relocatable',
      '/usr/bin/iconv',
      '--into',
      join(work, 'b'),
      '--gconv',
      '--json',
    ];
    const {stdout, stderr} = elfinterp(args);
    t.regex(stderr, /set GCONV_PATH to the absolute path of lib\/gconv in the bundle when you start the/);
    t.deepEqual(JSON.parse(stdout).environment, {GCONV_PATH: 'lib/gconv'});
    t.is(convert(join(work, 'b/bin/iconv'), []), '', 'not from the machine');
    t.is(convert(join(work, 'b/bin/iconv'), [], {GCONV_PATH: join(work, 'b/lib/gconv')}), 'あ');
  }),
);

test('that iconv is used and gconv is not included is said', async (t) => {
  const {notes} = await bundle(['/usr/bin/iconv'], {...place, into: tempDirectory(t)});
  t.deepEqual(notes, [
    'not included: the gconv modules with which /usr/bin/iconv converts character sets; the option gconv includes them',
  ]);
});

/** A root with a program that prints the decimal point, and German as a directory or in an archive. */
function germanRoot(t: ExecutionContext, kind: 'directory' | 'archive'): string {
  const root = tempDirectory(t);
  chmodSync(root, 0o755);
  writeFileSync(
    join(root, 'point.c'),
    `#include <locale.h>
     #include <stdio.h>
     int main(void) { puts(setlocale(LC_ALL, "") ? localeconv()->decimal_point : "none"); }`,
  );
  mkdirSync(join(root, 'usr/lib/locale'), {recursive: true});
  output('gcc', ['-o', join(root, 'point'), join(root, 'point.c')]);
  for (const path of [loader, `${system}/libc.so.6`, `${system}/libgcc_s.so.1`]) {
    mkdirSync(dirname(join(root, path)), {recursive: true});
    copyFileSync(path, join(root, path));
  }
  const options = ['--prefix', root, '-i', 'de_DE', '-f', 'UTF-8'];
  const target = join(root, 'usr/lib/locale/de_DE.utf8');
  output('localedef', [...options, ...(kind === 'archive' ? ['de_DE.UTF-8'] : ['--no-archive', target])]);
  return root;
}

const german = {LC_ALL: 'de_DE.UTF-8'};

test(
  'a locale comes along as a directory, and out of an archive',
  withTools(async (t) => {
    const trees: Record<string, Buffer>[] = [];
    for (const kind of ['directory', 'archive'] as const) {
      const [root, into] = [germanRoot(t, kind), tempDirectory(t)];
      const options = {root, into, locales: ['de_DE.UTF-8'], prefix: '/opt/point'};
      const {environment, notes} = await bundle(['/point'], options);
      t.deepEqual(environment, {LOCPATH: '/opt/point/lib/locale'});
      t.deepEqual(notes, ['set LOCPATH=/opt/point/lib/locale when you start the programs']);
      const start = (env: NodeJS.ProcessEnv) => output('chroot', [into, '/opt/point/point'], {env}).trim();
      t.is(start({...german, ...environment}), ',');
      t.is(start(german), 'none');
      t.deepEqual(verifyBundle(into, {prefix: '/opt/point'}).problems, []);
      // Existing files stay when the bundle is made again for another program.
      copyFileSync(join(root, 'point'), join(root, 'point2'));
      await bundle(['/point2'], {root, into, prefix: '/opt/point'});
      t.is(start({...german, ...environment}), ',');
      const directory = join(into, 'opt/point/lib/locale/de_DE.utf8');
      const names = entriesBelow(directory).filter((one) => one.isFile());
      trees.push(
        Object.fromEntries(
          names.map(({name, parentPath}) => [name, readFileSync(join(parentPath, name))] as const),
        ),
      );
    }
    t.is(Object.keys(trees[0] ?? {}).length, 12);
    t.deepEqual(trees[0], trees[1]);
  }),
);

test(
  'a locale lies where the C library looks, if that is part of the bundle',
  withTools(async (t) => {
    const [root, into] = [germanRoot(t, 'archive'), tempDirectory(t)];
    const {environment} = await bundle(['/point'], {
      root,
      into,
      prefix: '/usr',
      libs: 'x',
      locales: ['de_DE.utf8'],
    });
    t.deepEqual(environment, {});
    t.is(output('chroot', [into, '/usr/point'], {env: german}), ',\n');
    const moved = await bundleRelocatable(['/point'], {root, into: join(into, 'b'), locales: ['de_DE.utf8']});
    t.deepEqual(moved.environment, {LOCPATH: 'lib/locale'});
    const env = {...german, LOCPATH: join(into, 'b/lib/locale')};
    t.is(output(join(into, 'b/bin/point'), [], {env}), ',\n');
  }),
);

test(
  'what is not there, is no name of a locale, or is damaged is refused, and nothing is written',
  withTools(async (t) => {
    const [root, into] = [germanRoot(t, 'archive'), join(tempDirectory(t), 'new')];
    const refused = (locale: string, expected: object) =>
      t.throwsAsync(bundle(['/point'], {...place, root, into, locales: [locale]}), expected);
    const message = /the locale fr_FR was not found \(expected one that is there, such as de_DE\.utf8\)/;
    await refused('fr_FR', {code: 'NOT_FOUND', message});
    await refused('../../etc', {code: 'BAD_REQUEST', message: /not the name of a locale/});
    await t.throwsAsync(bundle(['/point'], {...place, root, into, gconv: true}), {
      code: 'NOT_FOUND',
      message: /\/gconv: no gconv modules were found/,
    });
    const archive = join(root, 'usr/lib/locale/locale-archive');
    const good = readFileSync(archive);
    for (const [offset, value] of [
      [0, 0],
      [8, 0xffff_fff0],
      [16, 0xffff_ffff],
    ] as const) {
      const bad = Buffer.from(good);
      bad.writeUInt32LE(value, offset);
      writeFileSync(archive, bad);
      await refused('de_DE.UTF-8', {
        code: 'BAD_REQUEST',
        message: /the locale archive is damaged \(at offset/,
      });
    }
    writeFileSync(archive, good.subarray(0, good.length >> 1));
    await refused('de_DE.UTF-8', {code: 'BAD_REQUEST', message: /the locale archive is damaged \(at offset/});
    await t.notThrowsAsync(bundle(['/point'], {...place, root, into: tempDirectory(t)}), 'none is asked for');
    rmSync(archive);
    copyFileSync('/usr/bin/true', join(root, 'static'));
    output('gcc', ['-static', '-o', join(root, 'static'), join(root, 'point.c')]);
    await t.throwsAsync(bundle(['/static'], {...place, root, into, locales: ['de_DE.UTF-8']}), {
      code: 'UNSUPPORTED',
    });
    t.throws(() => readdirSync(into), {code: 'ENOENT'});
  }),
);
