/*
 * Directories that belong only to this user, and file systems that give every directory the mode 0777 (drvfs, cifs).
 */
import {chmodSync, chownSync, readdirSync, type Stats, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {changeBundle} from '../../src/bundle/staging.js';
import {openDirectory} from '../../src/source/dir-fd.js';
import {isOurs, makeOwnDirectory} from '../../src/write/own-directory.js';
import {workspaceIn} from '../../src/write/workspace.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {tempDirectory} from '../helpers/temp.js';

const rootTest = process.geteuid?.() === 0 ? test : test.skip;
const nobody = 65_534;

/** Do synchronous work as if another user did it. */
function asUser<T>(user: number, work: () => T): T {
  const {geteuid} = process;
  process.geteuid = () => user;
  try {
    return work();
  } finally {
    if (geteuid !== undefined) process.geteuid = geteuid;
  }
}

/** Do synchronous work while every new temporary directory is owned by one user, with the mode 0777. */
function withOpenDirectories<T>(owner: number, work: () => T): T {
  return withPatchedFs(
    ({mkdtempSync}) => ({
      mkdtempSync: (prefix: string) => {
        const made = mkdtempSync(prefix);
        chownSync(made, owner, owner);
        chmodSync(made, 0o777);
        return made;
      },
    }),
    work,
  );
}

test('a directory counts as ours: for an ordinary user with any mode, for root with 0700', (t) => {
  const ours = (user: number, uid: number, mode: number) =>
    asUser(user, () => isOurs(Object.assign(statSync('/'), {uid, mode: 0o40000 | mode}) satisfies Stats));
  t.true(ours(nobody, nobody, 0o777));
  t.true(ours(nobody, nobody, 0o700));
  t.false(ours(nobody, 0, 0o700));
  t.true(ours(0, 0, 0o700));
  t.true(ours(0, 0, 0o2700));
  t.false(ours(0, 0, 0o755));
  t.false(ours(0, nobody, 0o700));
});

rootTest('where every mode is 0777, an ordinary user writes a bundle', (t) => {
  const directory = tempDirectory(t);
  writeFileSync(path.join(directory, 'old'), '');
  using root = openDirectory(directory);
  asUser(nobody, () =>
    withOpenDirectories(nobody, () =>
      changeBundle(root, () => ({
        version: 1,
        prepare: [{op: 'putAside', path: '/old'}],
        commit: {op: 'markDone'},
        finish: [],
      })),
    ),
  );
  t.deepEqual(readdirSync(directory), []);
});

rootTest('where every mode is 0777, root is refused, and nothing is left', (t) => {
  const directory = tempDirectory(t);
  using root = openDirectory(directory);
  const expected = {code: 'UNSUPPORTED', message: /cannot create a private directory .*with mode 0777/};
  withOpenDirectories(0, () => {
    t.throws(() => makeOwnDirectory(root, 'x-'), expected);
    t.throws(() => workspaceIn(root), expected);
    t.throws(() => changeBundle(root, () => t.fail() as never), expected);
  });
  t.deepEqual(readdirSync(directory), []);
});

rootTest(
  'a directory with something in it, which somebody put in the place of the new one, is refused',
  (t) => {
    const directory = tempDirectory(t);
    using root = openDirectory(directory);
    withPatchedFs(
      ({mkdtempSync}) => ({
        mkdtempSync: (prefix: string) => {
          const made = mkdtempSync(prefix);
          writeFileSync(path.join(made, 'treasure'), '');
          return made;
        },
      }),
      () =>
        t.throws(() => makeOwnDirectory(root, 'x-'), {code: 'CHANGED', message: /another process removed/}),
    );
    t.is(readdirSync(directory).length, 1);
  },
);
