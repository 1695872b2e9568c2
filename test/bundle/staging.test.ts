/*
 * Interrupted changes: a run is stopped after each of its steps, and its rollback after each of its own. The next run
 * finds the journal, and must end with the old bundle or the new one.
 */
import type fs from 'node:fs';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {contentOfBytes} from '../../src/bundle/contents.js';
import type {Manifest} from '../../src/bundle/manifest.js';
import {journalOf} from '../../src/bundle/plan-steps.js';
import {changeBundle, recover} from '../../src/bundle/staging.js';
import {inodeOf, stateAt} from '../../src/change/entry.js';
import {formatJournal, type Journal} from '../../src/change/journal.js';
import {markIn, markName} from '../../src/change/mark.js';
import {carryOut, directoriesOf, type Sides, take, undo, windUp} from '../../src/change/steps.js';
import {ElfError} from '../../src/errors.js';
import {openDirectory} from '../../src/source/dir-fd.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {tempDirectory} from '../helpers/temp.js';

const rootTest = process.geteuid?.() === 0 ? test : test.skip;

type Tree = Readonly<Record<string, string>>;

/** The old root, the new bundle, and the root afterwards. */
const old: Tree = {
  'b/old': 'not in the new one',
  'b/prog': 'one',
  'b/same': 'alike in both',
  'b/lib/manifest.json': 'the old list',
  'b/lib/a': 'library',
  'b/mine': 'of nobody',
};
const coming: Tree = {
  'b/prog': 'two',
  'b/same': 'alike in both',
  'b/share/deep/data': 'new',
  'b/lib/manifest.json': 'the new list',
  'b/lib/b': 'library',
};
const after: Tree = {...coming, 'b/mine': 'of nobody', 'b/empty': ''};

function fill(directory: string, tree: Tree): void {
  for (const [name, content] of Object.entries(tree)) {
    mkdirSync(path.dirname(path.join(directory, name)), {recursive: true});
    writeFileSync(path.join(directory, name), content);
  }
}

/** Every file, and every empty directory. */
function contentOf(directory: string, prefix = ''): Record<string, string> {
  const entries = readdirSync(path.join(directory, prefix)).flatMap((name) => {
    const inside = path.join(prefix, name);
    const file = path.join(directory, inside);
    if (!lstatSync(file).isDirectory()) return [[inside, readFileSync(file, 'utf8')]];
    return readdirSync(file).length === 0 ? [[inside, '']] : Object.entries(contentOf(directory, inside));
  });
  return Object.fromEntries(entries);
}

const stagingName = '.elfinterp-staging-1-x';

interface Interrupted extends Sides {
  readonly path: string;
  readonly staging: Sides['staging'];
  /** Write the journal, as a run does before its first step. */
  begin(journal: Journal | string): void;
}

function makeRoot(t: ExecutionContext): Interrupted {
  const directory = tempDirectory(t);
  fill(directory, old);
  const staging = path.join(directory, stagingName);
  mkdirSync(staging, {mode: 0o700});
  fill(path.join(staging, 'new'), coming);
  writeFileSync(path.join(staging, markName), '');
  const sides = {root: openDirectory(directory), staging: openDirectory(staging)};
  t.teardown(() => {
    for (const side of Object.values(sides)) side[Symbol.dispose]();
  });
  const begin = (journal: Journal | string) =>
    writeFileSync(
      path.join(staging, 'journal.json'),
      typeof journal === 'string' ? journal : formatJournal({...journal, mark: markIn(sides.staging)}),
    );
  return {...sides, path: directory, begin};
}

const file = (name: string) => {
  const {sha256, size} = contentOfBytes(Buffer.from(coming[name] ?? ''));
  const role = name === 'b/prog' ? ('program' as const) : ('data' as const);
  return {path: `/${name}`, role, sha256, size};
};

const manifest: Manifest = {
  version: 1,
  generator: 'test',
  prefix: '/b',
  libs: '/b/lib',
  programs: [],
  files: Object.keys(coming)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => ({...file(name), mode: 0o644})),
  directories: ['/b/empty'],
};

/** Remove the old bundle. */
const removal: Journal = {
  version: 1,
  prepare: ['/b/old', '/b/prog', '/b/same', '/b/lib/a'].map((one) => ({op: 'putAside', path: one})),
  commit: {op: 'putAside', path: '/b/lib/manifest.json'},
  finish: [
    {op: 'removeEmpty', path: '/b/lib'},
    {op: 'removeEmpty', path: '/b'},
  ],
};

/** The same, for the existing files. */
function removing({root}: Sides): Journal {
  const put = (one: string) => ({op: 'putAside', path: one, state: stateAt(root, one) ?? ''}) as const;
  const paths = ['/b/old', '/b/prog', '/b/same', '/b/lib/a'];
  return {...removal, prepare: paths.map(put), commit: put('/b/lib/manifest.json')};
}

/** Put the new one in its place. */
function replacing({root}: Sides): Journal {
  using libs = root.directory('b')?.directory('lib');
  return journalOf(root, manifest, {
    libs,
    isUnreadable: true,
    obsolete: [{path: '/b/old', state: stateAt(root, '/b/old') ?? ''}],
    kept: new Set(['/b/same']),
  });
}

test('the steps of a bundle that replaces another', (t) => {
  const {root} = makeRoot(t);
  using libs = root.directory('b')?.directory('lib');
  t.deepEqual(replacing({root, staging: root}), {
    version: 1,
    prepare: [
      {op: 'putAside', path: '/b/old', state: stateAt(root, '/b/old') ?? ''},
      {op: 'keepAside', path: '/b/prog', state: stateAt(root, '/b/prog') ?? ''},
      {op: 'moveIn', ...file('b/prog')},
      {op: 'makeDirectory', path: '/b/share'},
      {op: 'makeDirectory', path: '/b/share/deep'},
      {op: 'keepAside', path: '/b/share/deep/data', state: null},
      {op: 'moveIn', ...file('b/share/deep/data')},
      {op: 'makeDirectory', path: '/b/empty'},
      {op: 'putAsideDirectory', path: '/b/lib', inode: libs ? inodeOf(libs) : ''},
    ],
    commit: {op: 'moveDirectoryIn', path: '/b/lib'},
    finish: [],
  });
});

test('the only step of a bundle of which nothing exists yet moves the first directory', (t) => {
  const {root} = makeRoot(t);
  t.deepEqual(
    journalOf(
      root,
      {...manifest, prefix: '/opt/x', libs: '/opt/x/lib'},
      {libs: undefined, isUnreadable: false, obsolete: [], kept: new Set()},
    ),
    {
      version: 1,
      prepare: [],
      commit: {op: 'moveDirectoryIn', path: '/opt'},
      finish: [],
    },
  );
});

/** Give the name of the bundle's directory to another one. */
function exchange(directory: string): void {
  fill(directory, {'private/old': 'secret', 'private/prog': 'secret', 'private/lib/manifest.json': 'secret'});
  renameSync(path.join(directory, 'b'), path.join(directory, 'away'));
  renameSync(path.join(directory, 'private'), path.join(directory, 'b'));
}

for (const [title, journalFor] of [
  ['replaced', replacing],
  ['taken out', removing],
] as const) {
  test(`a bundle is not ${title} where another directory has its name by then`, (t) => {
    const {root, staging, path: directory} = makeRoot(t);
    const plan = journalFor({root, staging});
    const journal = {...plan, directories: directoriesOf(root, plan)};
    exchange(directory);
    t.throws(() => carryOut({root, staging}, journal), {
      code: 'CHANGED',
      message: /another directory has replaced/,
    });
    t.throws(() => windUp({root, staging}, journal), {code: 'CHANGED'});
    t.like(contentOf(directory), {'b/old': 'secret', 'b/prog': 'secret', 'away/old': old['b/old']});
  });

  test(`nor is it ${title} with files that were not looked at`, (t) => {
    const {root, staging, path: directory} = makeRoot(t);
    const plan = journalFor({root, staging});
    exchange(directory);
    const journal = {...plan, directories: directoriesOf(root, plan)};
    t.throws(() => carryOut({root, staging}, journal), {
      code: 'CHANGED',
      message: /the file changed meanwhile/,
    });
    windUp({root, staging}, journal);
    t.like(contentOf(directory), {'b/old': 'secret', 'b/prog': 'secret', 'away/old': old['b/old']});
  });
}

test('a change is undone although the file system has got another device number since', (t) => {
  const {root, path: directory} = makeRoot(t);
  rmSync(path.join(directory, stagingName), {recursive: true});
  let renames = 0;
  const failing = ({renameSync}: typeof fs) => ({
    renameSync(...[from, to]: Parameters<typeof renameSync>) {
      renames += 1;
      if (renames > 4) throw Object.assign(new Error('EIO'), {code: 'EIO', syscall: 'rename'});
      renameSync(from, to);
    },
  });
  const plan = (staging: Sides['staging']) => {
    fill(path.join(staging.path, 'new'), coming);
    return replacing({root, staging});
  };
  withPatchedFs(failing, () => t.throws(() => changeBundle(root, plan), {code: 'FILE_SYSTEM'}));
  const left = readdirSync(directory).find((name) => name.startsWith('.elfinterp-staging-')) ?? '';
  t.is(contentOf(directory)['b/prog'], 'two');
  const journal = path.join(directory, left, 'journal.json');
  const {dev} = lstatSync(directory);
  const text = readFileSync(journal, 'utf8');
  writeFileSync(journal, text.replaceAll(`"${dev}:`, '"99:').replace(`"device":"${dev}"`, '"device":"99"'));
  t.deepEqual(recover(root), [left]);
  t.deepEqual(contentOf(directory), old);
});

test('a change of which the last step finds nothing is undone', (t) => {
  const {root, staging, path: directory} = makeRoot(t);
  const journal = removing({root, staging});
  rmSync(path.join(directory, 'b/lib/manifest.json'));
  t.throws(() => carryOut({root, staging}, journal), {code: 'CHANGED'});
  windUp({root, staging}, journal);
  t.is(contentOf(directory)['b/old'], old['b/old']);
});

for (const [title, journalFor, then] of [
  ['replaced', replacing, after],
  ['taken out', () => removal, {'b/mine': 'of nobody'}],
] as const) {
  test(`a bundle is ${title}`, (t) => {
    const {root, path: directory} = makeRoot(t);
    rmSync(path.join(directory, stagingName), {recursive: true});
    changeBundle(root, (staging) => {
      fill(path.join(staging.path, 'new'), coming);
      return journalFor({root, staging});
    });
    t.deepEqual(contentOf(directory), then);
  });

  test(`a bundle that is ${title} is the old one, whichever step before the last was not taken`, (t) => {
    const {length} = journalFor(makeRoot(t)).prepare;
    for (let taken = 0; taken <= length; taken++) {
      for (let undone = 0; undone <= taken; undone++) {
        const sides = makeRoot(t);
        const journal = journalFor(sides);
        sides.begin(journal);
        for (const step of journal.prepare.slice(0, taken)) take(sides, step);
        for (const step of journal.prepare.toReversed().slice(0, undone)) undo(sides, step);
        const what = `${taken} steps taken, ${undone} undone`;
        t.deepEqual(recover(sides.root), [stagingName], what);
        t.deepEqual(contentOf(sides.path), old, what);
        t.deepEqual(recover(sides.root), [], what);
        t.deepEqual(contentOf(sides.path), old, what);
      }
    }
  });

  test(`a bundle that is ${title} is the new one, when the step that counts was taken`, (t) => {
    const {length} = journalFor(makeRoot(t)).finish;
    for (let finished = 0; finished <= length; finished++) {
      const sides = makeRoot(t);
      const journal = journalFor(sides);
      sides.begin(journal);
      const {prepare, commit, finish} = journal;
      for (const step of [...prepare, commit, ...finish.slice(0, finished)]) take(sides, step);
      t.deepEqual(recover(sides.root), [stagingName]);
      t.deepEqual(contentOf(sides.path), then, `${finished} finished`);
      t.deepEqual(recover(sides.root), []);
    }
  });
}

for (const [title, journal] of [
  ['was cut', '{"version":1,"prepare":[{"op":"putAs'],
  ['is empty', ''],
  ['is of another version', '{"version":2}'],
  ['leads out of the root', JSON.stringify({...removal, commit: {op: 'putAside', path: '/../x'}})],
] as const)
  test(`nothing is touched when the journal ${title}`, (t) => {
    const sides = makeRoot(t);
    for (const step of replacing(sides).prepare) take(sides, step);
    sides.begin(journal);
    const before = contentOf(sides.path);
    const message =
      /cannot tell what an interrupted run left here \(expected a journal that was written here; move back what is needed of `replaced`/;
    t.throws(() => recover(sides.root), {code: 'BAD_MANIFEST', message});
    t.deepEqual(contentOf(sides.path), before);
  });

for (const [title, forge] of [
  [
    'was copied with its directory',
    (staging: string) => cpSync(staging, `${staging}y`, {recursive: true, preserveTimestamps: true}),
  ],
  [
    'names no mark',
    (staging: string) => {
      const journal = path.join(staging, 'journal.json');
      const {mark, ...rest} = JSON.parse(readFileSync(journal, 'utf8'));
      writeFileSync(journal, JSON.stringify(rest));
      renameSync(staging, `${staging}y`);
    },
  ],
] as const)
  test(`a journal that ${title} is not followed`, (t) => {
    const sides = makeRoot(t);
    const journal = replacing(sides);
    sides.begin(journal);
    for (const step of journal.prepare) take(sides, step);
    const staging = path.join(sides.path, stagingName);
    forge(staging);
    chmodSync(`${staging}y`, 0o700);
    rmSync(staging, {recursive: true, force: true});
    const before = contentOf(sides.path);
    t.throws(() => recover(sides.root), {
      code: 'BAD_MANIFEST',
      message: /in another directory, or by another version/,
    });
    t.deepEqual(contentOf(sides.path), before);
  });

test('a staging directory that was renamed is still followed', (t) => {
  const sides = makeRoot(t);
  const journal = replacing(sides);
  sides.begin(journal);
  for (const step of journal.prepare) take(sides, step);
  renameSync(path.join(sides.path, stagingName), path.join(sides.path, `${stagingName}y`));
  recover(sides.root);
  t.deepEqual(contentOf(sides.path), old);
});

test('nothing is touched when an earlier version of elfinterp was interrupted', (t) => {
  const sides = makeRoot(t);
  writeFileSync(path.join(sides.path, stagingName, 'manifest.json'), '{}');
  const before = contentOf(sides.path);
  t.throws(() => recover(sides.root), {
    code: 'BAD_MANIFEST',
    message: /the list of another version of elfinterp/,
  });
  t.deepEqual(contentOf(sides.path), before);
});

test('a journal that was not written to its end is of a run that did nothing', (t) => {
  const sides = makeRoot(t);
  writeFileSync(path.join(sides.path, stagingName, 'journal.json.new'), '{"version":1,"prep');
  t.deepEqual(recover(sides.root), [stagingName]);
  t.deepEqual(contentOf(sides.path), old);
});

test('a file that was moved aside, where it cannot have two names, comes back', (t) => {
  const sides = makeRoot(t);
  sides.begin(replacing(sides));
  mkdirSync(path.join(sides.path, stagingName, 'replaced/b'), {recursive: true});
  renameSync(path.join(sides.path, 'b/prog'), path.join(sides.path, stagingName, 'replaced/b/prog'));
  recover(sides.root);
  t.deepEqual(contentOf(sides.path), old);
});

test('what somebody wrote in the place of a new file stays, and its directory', (t) => {
  const sides = makeRoot(t);
  const journal = replacing(sides);
  sides.begin(journal);
  for (const step of journal.prepare) take(sides, step);
  writeFileSync(path.join(sides.path, 'b/share/deep/data'), 'by hand');
  recover(sides.root);
  t.deepEqual(contentOf(sides.path), {...old, 'b/share/deep/data': 'by hand'});
});

test('what somebody put in the place of the libraries while they were away stays, and so does all that would be put back', (t) => {
  for (const name of ['b/lib/a', 'b/lib/hand', 'b/lib']) {
    const sides = makeRoot(t);
    const journal = replacing(sides);
    sides.begin(journal);
    for (const step of journal.prepare) take(sides, step);
    fill(sides.path, {[name]: 'by hand'});
    const before = contentOf(sides.path);
    const message = /b\/lib: something else has taken the place of what an interrupted run replaced/;
    t.throws(() => recover(sides.root), {code: 'CHANGED', message});
    t.deepEqual(contentOf(sides.path), before);
    rmSync(path.join(sides.path, 'b/lib'), {recursive: true});
    if (name !== 'b/lib') mkdirSync(path.join(sides.path, 'b/lib'));
    recover(sides.root);
    t.deepEqual(contentOf(sides.path), old, name);
  }
});

test('what gave way comes back to a directory that was removed since, even if that is interrupted', (t) => {
  const {'b/mine': _removed, 'b/lib/a': a, 'b/lib/manifest.json': list, ...others} = old;
  for (const fails of [1, 2, 3]) {
    const sides = makeRoot(t);
    const plan = replacing(sides);
    const journal = {...plan, directories: directoriesOf(sides.root, plan)};
    sides.begin(journal);
    for (const step of journal.prepare) take(sides, step);
    rmSync(path.join(sides.path, 'b'), {recursive: true});
    let renamed = 0;
    const renameSync = (original: typeof fs) => (from: string, to: string) => {
      if (!from.endsWith('journal.json.new') && ++renamed === fails) throw new Error('interrupted');
      original.renameSync(from, to);
    };
    withPatchedFs(
      (original) => ({renameSync: renameSync(original)}),
      () => t.throws(() => recover(sides.root), {message: /interrupted/}),
    );
    recover(sides.root);
    const {'b/same': _kept, ...replaced} = others;
    t.deepEqual(contentOf(sides.path), {...replaced, 'b/lib/a': a, 'b/lib/manifest.json': list});
  }
});

test('a directory that was made anew since stays as it is, and the message says where the old files are', (t) => {
  const sides = makeRoot(t);
  const plan = replacing(sides);
  sides.begin({...plan, directories: directoriesOf(sides.root, plan)});
  for (const step of plan.prepare) take(sides, step);
  rmSync(path.join(sides.path, 'b'), {recursive: true});
  fill(sides.path, {'b/prog': 'built anew'});
  const before = contentOf(sides.path);
  const error = t.throws(() => recover(sides.root), {code: 'CHANGED'});
  const staging = path.join(sides.path, stagingName);
  t.is(
    error?.message,
    `${sides.path}/b: another directory has replaced it (expected what an interrupted run left there; ` +
      `move what is needed out of ${staging}/replaced, remove ${staging}, and run again)`,
  );
  t.deepEqual(contentOf(sides.path), before);
});

test('libraries that are no bundle stay if a file has come into them meanwhile', (t) => {
  const sides = makeRoot(t);
  using libs = sides.root.directory('b')?.directory('lib');
  const journal = journalOf(sides.root, manifest, {libs, isUnreadable: false, obsolete: [], kept: new Set()});
  sides.begin(journal);
  fill(sides.path, {'b/lib/hand': 'made'});
  t.throws(() => carryOut(sides, journal), {
    code: 'CHANGED',
    message: /b\/lib: the directory changed meanwhile/,
  });
  recover(sides.root);
  t.deepEqual(contentOf(sides.path), {...old, 'b/lib/hand': 'made'});
});

test('what somebody wrote in the place of a replaced file stays, and so does all that would be put back', (t) => {
  for (const taken of [2, 3]) {
    const sides = makeRoot(t);
    const journal = replacing(sides);
    sides.begin(journal);
    for (const step of journal.prepare.slice(0, taken)) take(sides, step);
    rmSync(path.join(sides.path, 'b/prog'));
    writeFileSync(path.join(sides.path, 'b/prog'), 'by hand');
    const before = contentOf(sides.path);
    const message = /b\/prog: another file has taken the place of one that an interrupted run replaced/;
    t.throws(() => recover(sides.root), {code: 'CHANGED', message});
    t.deepEqual(contentOf(sides.path), before);
    rmSync(path.join(sides.path, 'b/prog'));
    recover(sides.root);
    t.deepEqual(contentOf(sides.path), old);
  }
});

test('an error that comes first is reported with the one that keeps it from being undone', (t) => {
  const {root, path: directory} = makeRoot(t);
  rmSync(path.join(directory, stagingName), {recursive: true});
  const error = t.throws(() =>
    changeBundle(root, () => ({
      version: 1,
      prepare: [
        {op: 'putAside', path: '/b/old'},
        {op: 'makeDirectory', path: '/b/old'},
        {op: 'moveIn', ...file('b/prog')},
      ],
      commit: {op: 'markDone'},
      finish: [],
    })),
  );
  t.true(error instanceof ElfError && error.code === 'CHANGED');
  t.regex(
    error?.message ?? '',
    /b\/old: another file has taken the place .*; the earlier error: .*new\/b: another/,
  );
  t.true(error?.cause instanceof ElfError);
  const [name = ''] = readdirSync(directory).filter((one) => one.startsWith('.elfinterp'));
  t.is(readFileSync(path.join(directory, name, 'replaced/b/old'), 'utf8'), old['b/old'] ?? '');
});

rootTest('a staging directory that others can enter is left alone by root', (t) => {
  const directory = tempDirectory(t);
  mkdirSync(path.join(directory, stagingName, 'new'), {recursive: true, mode: 0o755});
  writeFileSync(path.join(directory, stagingName, 'journal.json'), '');
  using root = openDirectory(directory);
  t.deepEqual(recover(root), []);
  t.true(existsSync(path.join(directory, stagingName, 'journal.json')));
});
