/*
 * Repairs in place that are killed, or fail, while files are moved; and the next run.
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {auditPackage} from '../../src/package/audit.js';
import {repairPackage} from '../../src/package/repair/repair.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {elfinterpAsNobody} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';
import {addon, library, load, workshop} from './helpers.js';
import {killedAtMove, leftIn, repairWith} from './interrupt.js';

/** A package with two addons that a repair changes. */
function twoAddons(t: ExecutionContext): {pkg: string; a: string; b: string; before: Record<string, string>} {
  const {pkg, libraries} = workshop(t);
  library(libraries, 'one', 1);
  const [a, b] = [path.join(pkg, 'a.node'), path.join(pkg, 'b.node')];
  for (const file of [a, b]) addon(file, 'one', libraries, [`-Wl,-rpath,${libraries}`]);
  return {pkg, a, b, before: contentOf(pkg)};
}

/** The content of each file, as Latin-1, and the empty directories. */
function contentOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, {recursive: true, encoding: 'utf8'}).sort();
  const read = (name: string) => {
    const file = path.join(directory, name);
    return statSync(file).isFile() ? readFileSync(file, 'latin1') : 'a directory';
  };
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

/** A root without libraries, so that a repair fails after it has undone the previous one. */
function emptyRoot(t: ExecutionContext): string {
  return tempDirectory(t);
}

function stagingOf(t: ExecutionContext, pkg: string): string {
  const names = leftIn(pkg);
  t.is(names.length, 1);
  return path.join(pkg, names[0] ?? '');
}

test(
  'a repair that was killed between two files is undone by the next run, wherever it was killed',
  withTools(async (t) => {
    const {pkg, before} = twoAddons(t);
    for (let move = 1; ; move++) {
      const {signal} = repairWith(pkg, killedAtMove(move));
      if (signal === null) break;
      t.is(signal, 'SIGKILL');
      stagingOf(t, pkg);
      await t.throwsAsync(repairPackage(pkg, {inPlace: true, root: emptyRoot(t)}));
      t.deepEqual(contentOf(pkg), before, `killed at move ${move}`);
    }
    t.deepEqual(leftIn(pkg), []);
    t.is(load(path.join(pkg, 'a.node'), path.join(pkg, 'b.node')), '1,1');
  }),
);

test(
  'a repair that was killed after its last file is done, and the next run clears up',
  withTools(async (t) => {
    const {pkg, before} = twoAddons(t);
    const {signal} = repairWith(
      pkg,
      "before('unlinkSync', (file) => { if (path.basename(file) === 'journal.json') kill(); });",
    );
    t.is(signal, 'SIGKILL');
    stagingOf(t, pkg);
    t.false((await repairPackage(pkg, {inPlace: true})).written);
    t.deepEqual(leftIn(pkg), []);
    t.notDeepEqual(contentOf(pkg), before);
    t.is(load(path.join(pkg, 'a.node'), path.join(pkg, 'b.node')), '1,1');
  }),
);

for (const [title, name] of [
  ['replaced already', 'a.node'],
  ['about to replace', 'b.node'],
] as const)
  test(
    `a file that was built anew is not lost when a repair was killed that had it ${title}`,
    withTools(async (t) => {
      const {pkg, before} = twoAddons(t);
      repairWith(pkg, killedAtMove(2));
      const staging = stagingOf(t, pkg);
      const file = path.join(pkg, name);
      rmSync(file);
      writeFileSync(file, 'built anew');
      const half = contentOf(pkg);
      const error = await t.throwsAsync(repairPackage(pkg, {inPlace: true}), {code: 'CHANGED'});
      t.true(error.message.startsWith(`${file}: another file has taken the place`), error.message);
      t.deepEqual(contentOf(pkg), half);
      renameSync(file, `${file}.new`);
      t.true((await repairPackage(pkg, {inPlace: true})).written);
      t.false(existsSync(staging));
      t.is(readFileSync(`${file}.new`, 'utf8'), 'built anew');
      t.deepEqual(Object.keys(before), ['a.node', 'b.node', 'package.json']);
      t.is(load(path.join(pkg, 'a.node'), path.join(pkg, 'b.node')), '1,1');
    }),
  );

test(
  'the new file stays where the old one that it replaced is gone',
  withTools(async (t) => {
    const {pkg} = twoAddons(t);
    repairWith(pkg, killedAtMove(3));
    const staging = stagingOf(t, pkg);
    const old = path.join(staging, 'replaced/a.node');
    rmSync(old);
    const half = contentOf(pkg);
    t.truthy(half['a.node']);
    const error = await t.throwsAsync(repairPackage(pkg, {inPlace: true}), {code: 'CHANGED'});
    t.true(error.message.startsWith(`${old}: the old file that an interrupted run replaced is missing`));
    t.deepEqual(contentOf(pkg), half);
  }),
);

test(
  'before a file is replaced, the directories of its other name are on the disk',
  withTools((t) => {
    const {pkg} = twoAddons(t);
    const {status, stdout, stderr} = repairWith(
      pkg,
      `const synced = [];
       before('fsyncSync', (fd) => synced.push(fs.readlinkSync('/proc/self/fd/' + fd)));
       before('renameSync', (_, to) => {
         if (isIn(to) && path.basename(to) === 'a.node') console.log(JSON.stringify(synced));
       });`,
    );
    t.is(status, 0, stderr);
    const synced: string[] = JSON.parse(stdout);
    t.deepEqual(
      synced.slice(-2).map((name) => path.basename(name).replace(/repair-.*/, '')),
      ['replaced', '.elfinterp-'],
    );
  }),
);

test(
  'a file that somebody put in the place of a new library stays when the repair is undone',
  withTools(async (t) => {
    const {pkg, before} = twoAddons(t);
    const killed =
      "before('renameSync', (_, to) => { if (path.basename(to) === 'elfinterp.json') kill(); });";
    repairWith(pkg, killed);
    const [name = ''] = readdirSync(path.join(pkg, 'libs'));
    writeFileSync(path.join(pkg, 'libs', name), 'by hand');
    await t.throwsAsync(repairPackage(pkg, {inPlace: true, root: emptyRoot(t)}));
    t.deepEqual(contentOf(pkg), {...before, libs: 'a directory', [`libs/${name}`]: 'by hand'});
  }),
);

test(
  'the old files are kept where a repair fails and cannot be undone, and the next run puts them back',
  withTools(async (t) => {
    const {pkg, a, before} = twoAddons(t);
    const {status, stderr} = repairWith(
      pkg,
      "let moves = 0; before('renameSync', (_, to) => { if (isIn(to) && ++moves > 1) fail('EIO'); });",
    );
    t.is(status, 1);
    t.regex(
      stderr,
      /cannot restore what an interrupted run left here: input\/output error; the earlier error: /,
    );
    t.not(readFileSync(a, 'latin1'), before['a.node'] ?? '');
    t.is(readFileSync(path.join(stagingOf(t, pkg), 'replaced/a.node'), 'latin1'), before['a.node'] ?? '');
    await t.throwsAsync(repairPackage(pkg, {inPlace: true, root: emptyRoot(t)}));
    t.deepEqual(contentOf(pkg), before);
  }),
);

test(
  'no old files are mentioned where nothing was changed and only the clearing away fails',
  withTools((t) => {
    const {pkg, before} = twoAddons(t);
    const {status, stderr} = repairWith(
      pkg,
      `before('renameSync', (_, to) => { if (path.basename(to) === 'journal.json') fail('EIO'); });
       before('rmdirSync', (file) => { if (path.basename(file).startsWith('.elfinterp-repair-')) fail('EIO'); });`,
    );
    t.is(status, 1);
    t.regex(stderr, /cannot remove: input\/output error/);
    t.notRegex(stderr, /old files/);
    run('sh', ['-c', 'rmdir "$1"/.elfinterp-repair-*', 'sh', pkg]);
    t.deepEqual(contentOf(pkg), before);
  }),
);

test(
  'a repair is undone where the new files cannot be synced to the disk',
  withTools((t) => {
    const {pkg, before} = twoAddons(t);
    const {status, stderr} = repairWith(
      pkg,
      `let failed = false;
       before('fsyncSync', (fd) => {
         if (!failed && fs.readlinkSync('/proc/self/fd/' + fd) === pkg) { failed = true; fail('EIO'); }
       });`,
    );
    t.is(status, 1);
    t.regex(stderr, /input\/output error/);
    t.deepEqual(contentOf(pkg), before);
  }),
);

test(
  'a repair works where a file cannot have two names',
  withTools((t) => {
    const {pkg} = twoAddons(t);
    const {status, stderr} = repairWith(pkg, "before('linkSync', () => fail('EPERM'));");
    t.is(status, 0, stderr);
    t.deepEqual(leftIn(pkg), []);
    t.is(load(path.join(pkg, 'a.node'), path.join(pkg, 'b.node')), '1,1');
  }),
);

test(
  'a file that is written to during a repair stays, and the others are what they were',
  withTools((t) => {
    const {pkg, before} = twoAddons(t);
    const {status, stderr} = repairWith(
      pkg,
      `before('renameSync', (_, to) => {
         if (path.basename(to) === 'journal.json') fs.writeFileSync(path.join(pkg, 'b.node'), 'built anew');
       });`,
    );
    t.is(status, 1);
    t.regex(stderr, /b\.node: the file changed meanwhile/);
    t.deepEqual(contentOf(pkg), {...before, 'b.node': 'built anew'});
  }),
);

for (const [title, journal] of [
  ['was cut', '{"version":1,"prepare":[{"op":"keepAs'],
  ['is no list of steps', '{}'],
  ['is of another version', '[{"path":"a.node","had":true}]'],
  [
    'has an invalid step',
    '{"version":1,"prepare":[{"op":"keepAside","path":"../a.node"}],"commit":{"op":"markDone"},"finish":[]}',
  ],
] as const)
  test(
    `nothing is touched when the journal ${title}`,
    withTools(async (t) => {
      const {pkg} = twoAddons(t);
      repairWith(pkg, killedAtMove(2));
      writeFileSync(path.join(stagingOf(t, pkg), 'journal.json'), journal);
      const half = contentOf(pkg);
      await t.throwsAsync(repairPackage(pkg, {inPlace: true}), {
        code: 'BAD_MANIFEST',
        message: /cannot tell what an interrupted run left here/,
      });
      t.deepEqual(contentOf(pkg), half);
    }),
  );

test(
  'a package that a killed repair left half changed is not copied: the repair in place is required first',
  withTools(async (t) => {
    const {pkg} = twoAddons(t);
    repairWith(pkg, killedAtMove(2));
    const staging = stagingOf(t, pkg);
    const half = contentOf(pkg);
    const expected = {
      code: 'CONFLICT',
      message: `${staging}: inPlace is required first: it undoes what an interrupted repair changed`,
    };
    await t.throwsAsync(repairPackage(pkg, {into: `${pkg}-fixed`}), expected);
    await t.throwsAsync(repairPackage(pkg, {dryRun: true}), expected);
    t.deepEqual(contentOf(pkg), half);
    t.false(existsSync(`${pkg}-fixed`));
    await repairPackage(pkg, {inPlace: true});
    t.true((await repairPackage(pkg, {into: `${pkg}-fixed`})).written);
  }),
);

test(
  'the copy that a killed repair made beside the new package is removed by the next, and nothing else',
  withTools(async (t) => {
    const {pkg} = twoAddons(t);
    const beside = path.dirname(pkg);
    const [, start, place] = ownIdentity().split('-');
    const named = (identity: string, letters: string) =>
      path.join(beside, `.elfinterp-repair-${identity}-${letters}`);
    const dead = `4194305-${start}-${place}`;
    const elsewhere = `1-1-${place === '00000000' ? '00000001' : '00000000'}`;
    const kept = {
      [named(ownIdentity(), 'aaaaaa')]: 'new',
      [named(elsewhere, 'bbbbbb')]: 'new',
      [named(dead, 'cccccc')]: 'journal.json',
      [named(dead, 'dddddd')]: 'mine',
    };
    const left = named(dead, 'eeeeee');
    for (const [directory, inside] of Object.entries({...kept, [left]: 'new'})) {
      mkdirSync(directory, {mode: 0o700});
      if (inside === 'new') mkdirSync(path.join(directory, inside));
      writeFileSync(
        inside === 'new' ? path.join(directory, inside, 'a.node') : path.join(directory, inside),
        'half',
      );
    }
    await repairPackage(pkg, {into: `${pkg}-fixed`});
    t.false(existsSync(left));
    for (const [directory, inside] of Object.entries(kept)) t.deepEqual(readdirSync(directory), [inside]);
  }),
);

test(
  'a package whose staging directory cannot be opened is not taken for whole',
  withTools(async (t) => {
    const {pkg, before} = twoAddons(t);
    repairWith(pkg, killedAtMove(2));
    const staging = stagingOf(t, pkg);
    const stray = path.join(staging, '.nfs0001');
    writeFileSync(stray, '');
    const half = contentOf(pkg);
    const refused = {
      code: 'CONFLICT',
      message: /may have changed half of the package \(expected .*, got \.nfs0001 in it\)/,
    };
    await t.throwsAsync(repairPackage(pkg, {into: `${pkg}-fixed`}), refused);
    await t.throwsAsync(repairPackage(pkg, {dryRun: true}), refused);
    await t.throwsAsync(repairPackage(pkg, {inPlace: true}), refused);
    t.deepEqual(contentOf(pkg), half);
    rmSync(stray);
    await t.throwsAsync(repairPackage(pkg, {inPlace: true, root: emptyRoot(t)}));
    t.deepEqual(contentOf(pkg), before);
  }),
);

test(
  'what a process of another boot left is undone after ten minutes, and nothing is copied before',
  withTools(async (t) => {
    const {pkg, before} = twoAddons(t);
    repairWith(pkg, killedAtMove(2));
    const staging = stagingOf(t, pkg);
    const foreign = path.join(pkg, path.basename(staging).replace(/[0-9a-f]{8}(?=-\w{6}$)/, '00000000'));
    renameSync(staging, foreign);
    const busy = {code: 'BUSY', message: /another elfinterp process is working here/};
    await t.throwsAsync(repairPackage(pkg, {inPlace: true}), busy);
    await t.throwsAsync(repairPackage(pkg, {into: `${pkg}-fixed`}), busy);
    await t.throwsAsync(repairPackage(pkg, {dryRun: true}), busy);
    const script = `const {now} = Date; Date.now = () => now() + 601_000;`;
    repairWith(pkg, `${script} before('copyFileSync', () => fail('EIO'));`);
    t.deepEqual(contentOf(pkg), before);
  }),
);

test(
  'a file that no repair put there is not replaced by a library or a record',
  withTools(async (t) => {
    const {pkg} = twoAddons(t);
    mkdirSync(path.join(pkg, 'libs'));
    const record = path.join(pkg, 'libs/elfinterp.json');
    for (const content of ['MINE', '{"libraries": 1}']) {
      writeFileSync(record, content);
      const before = contentOf(pkg);
      await t.throwsAsync(repairPackage(pkg, {inPlace: true}), {
        code: 'CONFLICT',
        message: /not the record of an earlier repair/,
      });
      t.deepEqual(contentOf(pkg), before);
    }
    rmSync(record);
    symlinkSync('/nowhere', record);
    await t.throwsAsync(repairPackage(pkg, {inPlace: true}), {
      code: 'CONFLICT',
      message: /would be replaced/,
    });
    rmSync(record);
    const kept = {soname: 'libold.so', source: '/lib/libold.so', sha256: 'f'.repeat(64)};
    writeFileSync(record, JSON.stringify({version: 1, libraries: [kept]}));
    const {libraries} = await repairPackage(pkg, {inPlace: true});
    const {libraries: recorded} = JSON.parse(readFileSync(record, 'utf8'));
    t.is(libraries.length, 1);
    t.deepEqual(recorded.length, 2);
    t.true(recorded.some(({soname}: {soname: string}) => soname === 'libold.so'));
    const [{path: name = ''} = {}] = libraries;
    const again = twoAddons(t);
    mkdirSync(path.join(again.pkg, 'libs'));
    writeFileSync(path.join(again.pkg, name), 'MINE');
    await t.throwsAsync(repairPackage(again.pkg, {inPlace: true}), {
      code: 'CONFLICT',
      message: /would be replaced/,
    });
    t.is(readFileSync(path.join(again.pkg, name), 'utf8'), 'MINE');
  }),
);

test(
  'a package is copied with the mode of its directory, and not at all with a name that is not UTF-8',
  withTools(async (t) => {
    const {pkg} = twoAddons(t);
    chmodSync(pkg, 0o700);
    await repairPackage(pkg, {into: `${pkg}-fixed`});
    t.is(statSync(`${pkg}-fixed`).mode & 0o777, 0o700);
    const odd = Buffer.concat([Buffer.from(`${pkg}/caf`), Buffer.from([0xe9])]);
    writeFileSync(odd, '');
    const error = await t.throwsAsync(repairPackage(pkg, {into: `${pkg}-other`}), {code: 'UNSUPPORTED'});
    t.regex(error?.message ?? '', /the file name is not valid UTF-8/);
    t.false(existsSync(`${pkg}-other`));
    // The character that Node would substitute is itself a valid name.
    rmSync(odd);
    writeFileSync(path.join(pkg, '\ufffd'), 'read');
    await repairPackage(pkg, {into: `${pkg}-other`});
    t.is(readFileSync(path.join(`${pkg}-other`, '\ufffd'), 'utf8'), 'read');
  }),
);

test(
  'a file that has another name outside the package keeps its content there, and a note says so',
  withTools(async (t) => {
    const {pkg, a, before} = twoAddons(t);
    linkSync(a, `${pkg}-a`);
    const {notes} = await repairPackage(pkg, {inPlace: true});
    t.deepEqual(
      notes.filter((note) => note.includes('hard link')),
      ['a.node: another hard link keeps the old content'],
    );
    t.is(readFileSync(`${pkg}-a`, 'latin1'), before['a.node'] ?? '');
  }),
);

test(
  'links that differ in bytes which are not UTF-8 differ',
  withTools(async (t) => {
    const {pkg} = twoAddons(t);
    const link = path.join(pkg, 'link');
    symlinkSync(Buffer.from([0xff]), link);
    await repairPackage(pkg, {into: `${pkg}-fixed`});
    t.false((await repairPackage(pkg, {into: `${pkg}-fixed`})).written);
    rmSync(link);
    symlinkSync(Buffer.from([0xfe]), link);
    await t.throwsAsync(repairPackage(pkg, {into: `${pkg}-fixed`}), {code: 'CONFLICT'});
  }),
);

test(
  'directories that are nested without end are an error of audit, repair and bundle',
  withTools(async (t) => {
    const {pkg} = twoAddons(t);
    const nest = 'import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(3000): os.mkdir("d"); os.chdir("d")';
    output('python3', ['-c', nest, pkg]);
    const {findings} = await auditPackage(pkg);
    t.true(findings.some(({message}) => /nested too deeply/.test(message)));
    const refused = {code: 'UNSUPPORTED', message: /the directories are nested too deeply/};
    await t.throwsAsync(repairPackage(pkg, {into: `${pkg}-fixed`}), refused);
    t.false(existsSync(`${pkg}-fixed`));
    const into = tempDirectory(t);
    await t.throwsAsync(bundle(['/bin/true'], {into, files: [{source: pkg}]}), refused);
    t.deepEqual(readdirSync(into), []);
    run('rm', ['-rf', path.join(pkg, 'd')]);
  }),
);

test(
  'the staging directory of a killed repair is no part of the package',
  withTools(async (t) => {
    const {pkg} = twoAddons(t);
    repairWith(
      pkg,
      "before('renameSync', (_, to) => { if (path.basename(to) === 'journal.json') kill(); });",
    );
    stagingOf(t, pkg);
    const {files} = await auditPackage(pkg);
    t.deepEqual(
      files.map((file) => file.path),
      ['a.node', 'b.node'],
    );
    const {written} = await repairPackage(pkg, {into: `${pkg}-fixed`});
    t.true(written);
    t.deepEqual(leftIn(`${pkg}-fixed`), []);
  }),
);

const rootTest = process.geteuid?.() === 0 ? test : test.skip;

rootTest(
  "a package that root's killed repair left half changed is refused to its owner",
  withTools((t) => {
    const {pkg} = twoAddons(t);
    const directory = path.dirname(pkg);
    output('chown', ['-R', '65534:65534', directory]);
    repairWith(pkg, killedAtMove(2));
    stagingOf(t, pkg);
    for (const args of [['--into', path.join(directory, 'fixed')], ['--dry-run'], ['--in-place']]) {
      const {status, stderr} = elfinterpAsNobody(['repair', pkg, ...args]);
      t.is(status, 1);
      t.regex(stderr, /may have changed half of the package .* got a directory of user 0 with mode 0700/);
    }
    t.false(existsSync(path.join(directory, 'fixed')));
  }),
);

rootTest(
  'an ordinary user copies a package whose directories are read-only, with their modes',
  withTools((t) => {
    const {directory, pkg, libraries} = workshop(t);
    library(libraries, 'one', 1);
    addon(path.join(pkg, 'build/Release/a.node'), 'one', libraries, [`-Wl,-rpath,${libraries}`]);
    mkdirSync(path.join(pkg, 'empty'));
    for (const name of ['build/Release', 'build', 'empty', '.']) chmodSync(path.join(pkg, name), 0o555);
    output('chown', ['-R', '65534:65534', directory]);
    const into = path.join(directory, 'fixed');
    const first = elfinterpAsNobody(['repair', pkg, '--into', into]);
    t.is(first.status, 0, first.stderr);
    for (const name of ['build/Release', 'build', 'empty', '.'])
      t.is(statSync(path.join(into, name)).mode & 0o777, 0o555, name);
    const again = elfinterpAsNobody(['repair', pkg, '--into', into]);
    t.is(again.status, 0, again.stderr);
    t.deepEqual(leftIn(directory), []);
    t.deepEqual(readdirSync(directory).sort(), ['builder', 'fixed', 'pkg']);
  }),
);
