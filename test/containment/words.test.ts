/*
 * What a user writes into their own file decides what root copies for it. This needs no race.
 */
import {chmodSync, chownSync, existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {ElfError} from '../../src/errors.js';
import {packProgram} from '../../src/pack/pack-program.js';
import {repairPackage} from '../../src/package/repair/repair.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

const rootTest = process.geteuid?.() === 0 ? test : test.skip;
const user = 65534;

/** A program and an addon of a user's, whose search path leads to a library in a directory of root's. */
function prepare(t: ExecutionContext) {
  const base = tempDirectory(t);
  chmodSync(base, 0o755);
  const [pkg, lib, program] = [join(base, 'pkg'), join(base, 'lib'), join(base, 'program')];
  mkdirSync(pkg);
  mkdirSync(lib);
  const compile = (code: string, to: string, ...args: string[]) => {
    writeFileSync(join(base, 'code.c'), code);
    output('gcc', ['-fPIC', '-o', to, join(base, 'code.c'), ...args]);
  };
  const library = join(lib, 'libprobe.so.1');
  compile('int probe(void) { return 0; }', library, '-shared', '-Wl,-soname,libprobe.so.1');
  compile('int probe(void); int main(void) { return probe(); }', program, library, `-Wl,-rpath,${lib}`);
  compile(
    'int probe(void); int go(void) { return probe(); }',
    join(pkg, 'a.node'),
    '-shared',
    library,
    `-Wl,-rpath,${lib}`,
  );
  writeFileSync(join(pkg, 'package.json'), '{"name": "probe", "version": "1.0.0"}');
  for (const path of [pkg, join(pkg, 'a.node'), program]) chownSync(path, user, user);
  return {base, pkg, lib, program, library};
}

async function refused(t: ExecutionContext, work: Promise<unknown>): Promise<void> {
  const error = await t.throwsAsync(work, {instanceOf: ElfError});
  t.is((error as ElfError | undefined)?.code, 'OUTSIDE', String(error));
}

rootTest(
  'a search path in the file of a user brings no private library along',
  withTools(async (t) => {
    const {base, pkg, lib, program, library} = prepare(t);
    const [packed, into] = [join(base, 'packed'), join(base, 'into')];
    const [bundled, relocatable] = [join(base, 'bundled'), join(base, 'relocatable')];
    const attempts = [
      () => packProgram(program, {output: packed}),
      () => bundle([program], {...place, into: bundled}),
      () => bundle(['/bin/true'], {...place, into: bundled, files: [{source: program}]}),
      () => bundle(['/bin/true'], {...place, into: bundled, files: [{source: pkg}]}),
      () => bundleRelocatable([program], {into: relocatable}),
      () => repairPackage(pkg, {into}),
      () => repairPackage(pkg, {inPlace: true}),
    ];
    chmodSync(library, 0o600);
    for (const attempt of attempts) await refused(t, attempt());
    chmodSync(library, 0o644);
    chmodSync(lib, 0o700);
    for (const attempt of attempts) await refused(t, attempt());
    for (const made of [packed, join(bundled, 'debootstrap'), relocatable, into, join(pkg, 'libs')])
      t.false(existsSync(made), made);
    chmodSync(lib, 0o755);
    t.true((await repairPackage(pkg, {into})).written);
    const {listing} = await packProgram(program, {output: packed});
    t.is(listing?.kind, 'not-run', 'root runs no loader that the user can choose');
    const {notes} = await bundle([program], {...place, into: bundled});
    t.true(notes.some((note) => note.includes(`user ${user} can change what is copied`)));
    await t.notThrowsAsync(bundleRelocatable([program], {into: relocatable}));
  }),
);

rootTest(
  'who owns a file in a directory that he cannot enter has no say',
  withTools(async (t) => {
    const {base, program, library} = prepare(t);
    chmodSync(library, 0o600);
    await refused(t, bundle([program], {...place, into: join(base, 'into')}));
    chmodSync(base, 0o700);
    await t.notThrowsAsync(bundle([program], {...place, into: join(base, 'into')}));
    await t.notThrowsAsync(packProgram(program, {output: join(base, 'packed')}));
  }),
);

rootTest(
  "a directory of root's with the name of one that a killed repair left stays",
  withTools(async (t) => {
    const {pkg} = prepare(t);
    const left = join(pkg, `.elfinterp-repair-999999999-1-${ownIdentity().split('-')[2]}-abcdef`);
    mkdirSync(left, {mode: 0o700});
    writeFileSync(join(left, 'treasure'), '');
    await t.throwsAsync(repairPackage(pkg, {inPlace: true}), {code: 'CONFLICT', message: /treasure in it/});
    t.true(existsSync(join(left, 'treasure')));
  }),
);
