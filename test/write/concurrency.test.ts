/*
 * Concurrent changes of the same file: another edit, a change between plan and result, one file under several names.
 */
import childProcess, {spawn, spawnSync} from 'node:child_process';
import {appendFileSync, chmodSync, linkSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {applyPlanSync, applyPlans, openElfSync, planEdit} from '../../src/index.js';
import {Batch} from '../../src/write/batch.js';
import {openTarget} from '../../src/write/editable.js';
import {prepareInPlace} from '../../src/write/in-place.js';
import {prepareReplacement} from '../../src/write/replacement.js';
import {Workspaces} from '../../src/write/workspace.js';
import {contentOf, elfinterp, program} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {copyFixture, tempFile} from '../helpers/temp.js';

const name = 'x86_64/probe-pie';
const old = fixtureBytes(name);
const interpreter = '/debootstrap/qemu-libs/ld.so';

function planFor(file: string) {
  const elf = openElfSync(file);
  const plan = planEdit(elf.view, {interpreter});
  void elf.close();
  return plan;
}

function run(args: readonly string[]): Promise<{status: number | null; stderr: string}> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], {stdio: ['ignore', 'ignore', 'pipe']});
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('close', (status) => resolve({status, stderr}));
  });
}

test('two edits of one file at once: each is whole or refused, and nothing is left', async (t) => {
  const paths = ['/first/ld.so', '/the/second/ld.so'] as const;
  const after = (...interpreters: string[]) =>
    interpreters.reduce((bytes, one) => edit(bytes, {interpreter: one}), old);
  const possible = [after(paths[0]), after(paths[1]), after(...paths), after(paths[1], paths[0])];
  for (let round = 0; round < 12; round++) {
    const file = copyFixture(t, name);
    const results = await Promise.all(paths.map((one) => run(['set', file, one])));
    const content = contentOf(path.dirname(file));
    t.deepEqual(Object.keys(content), ['probe-pie']);
    t.true(possible.some((bytes) => bytes.equals(content['probe-pie'] ?? Buffer.alloc(0))));
    t.true(results.some(({status}) => status === 0));
    for (const {status, stderr} of results.filter((result) => result.status !== 0)) {
      t.is(status, 1);
      t.regex(
        stderr,
        /: (the file changed (after the edit was planned|during the edit)|written, but another process replaced the result)/,
      );
    }
  }
});

for (const [what, change] of [
  ['its content', (file: string) => appendFileSync(file, 'more')],
  ['one byte, and not its size', (file: string) => writeFileSync(file, Buffer.from(old).fill(1, 9000, 9001))],
  ['its mode', (file: string) => chmodSync(file, 0o700)],
] as const)
  test(`a file of which somebody changes ${what} while its copy is made ready keeps that change`, (t) => {
    const file = copyFixture(t, name);
    const plan = planFor(file);
    const batch = new Batch();
    const target = openTarget(file);
    const destination = {place: target.place, path: file, replaced: target.source.stats};
    batch.add(file, (workspaces) => prepareReplacement(target, plan, destination, workspaces));
    change(file);
    const changed = readFileSync(file);
    t.like(batch.runSync(), [
      {error: {code: 'CHANGED', message: `${file}: the file changed during the edit`}},
    ]);
    t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': changed});
  });

test('in place, a file that changed since it was opened is refused and left alone', (t) => {
  const file = copyFixture(t, name);
  const plan = planFor(file);
  const batch = new Batch();
  batch.add(file, (workspaces) => prepareInPlace(openTarget(file), plan, workspaces));
  const changed = edit(old, {interpreter: '/other/ld.so'});
  writeFileSync(file, changed);
  t.like(batch.runSync(), [{error: {code: 'CHANGED'}}]);
  t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': changed});
});

if (process.geteuid?.() === 0)
  test.serial('in place, a change while root looks for capabilities is refused and left alone', (t) => {
    const file = copyFixture(t, name);
    chmodSync(file, 0o777);
    const changed = edit(old, {interpreter: '/other/ld.so'});
    const {spawnSync} = childProcess;
    t.teardown(() => Object.assign(childProcess, {spawnSync}));
    let isLookedFor = false;
    const spawnAndChange = (...[command, args, options]: Parameters<typeof spawnSync>) => {
      if (options?.uid !== undefined) {
        isLookedFor = true;
        writeFileSync(file, changed);
      }
      return spawnSync(command, args, options);
    };
    Object.assign(childProcess, {spawnSync: spawnAndChange});
    t.throws(() => applyPlanSync(file, planFor(file), {inPlace: true}), {code: 'CHANGED'});
    t.true(isLookedFor);
    t.deepEqual(readFileSync(file), changed);
  });

test('in place, what another process writes over the result at the same time is not passed over', (t) => {
  const file = copyFixture(t, name);
  const target = openTarget(file);
  const change = prepareInPlace(target, planFor(file), new Workspaces());
  t.teardown(() => {
    change.close();
    target.close();
  });
  const commit = change.complete(undefined);
  t.notThrows(commit);
  t.deepEqual(readFileSync(file), edit(old, {interpreter}));
  for (const other of [edit(old, {interpreter: '/other/ld.so'}), Buffer.alloc(10)]) {
    writeFileSync(file, other);
    t.throws(commit, {
      code: 'CHANGED',
      message: `${file}: written, but another process wrote into the file at the same time`,
    });
  }
});

for (const inPlace of [false, true])
  test(`applyPlans refuses a second plan for one file${inPlace ? ', in place' : ''}`, async (t) => {
    const file = copyFixture(t, name);
    const link = `${file}.link`;
    symlinkSync(file, link);
    const options = {inPlace};
    const [first, second, third] = await applyPlans([
      {path: file, plan: planFor(file), options},
      {path: link, plan: planFor(file), options},
      {path: `${file}.not`, plan: planFor(file), options},
    ]);
    t.deepEqual(first, {applied: {path: file, notes: []}});
    t.like(second, {error: {code: 'CHANGED', path: link}});
    t.like(third, {error: {code: 'FILE_SYSTEM'}});
    t.deepEqual(readFileSync(file), edit(old, {interpreter}));
  });

for (const way of [[], ['--in-place']])
  test(`edit ${way.join('')}: a file that is named twice, also by links, is edited as often`, (t) => {
    const file = copyFixture(t, name);
    symlinkSync(file, `${file}.symlink`);
    linkSync(file, `${file}.hardlink`);
    const files = [file, file, `${file}.symlink`, `${file}.hardlink`];
    const {status, stderr} = elfinterp(['edit', '--add-needed', 'libm.so.6', ...way, ...files]);
    t.is(status, 0, stderr);
    const once = edit(old, {addNeeded: ['libm.so.6']});
    t.deepEqual(readFileSync(file), once);
    t.deepEqual(readFileSync(`${file}.hardlink`), once);
    t.regex(stderr, way.length > 0 ? /^$/ : /^(elfinterp: .*: another hard link.*\n)+$/);
  });

for (const [flags, call, message] of [
  [['--in-place'], 'fsync', 'written, but another process wrote into the file at the same time'],
  [[], 'renameSync', 'written, but another process replaced the result immediately'],
] as const)
  test(`of several files, one that was written is not edited again: ${call}`, (t) => {
    const [file, second] = [copyFixture(t, name), copyFixture(t, name)];
    const other = edit(old, {interpreter: '/other/ld.so'});
    const source = tempFile(t, other, 'other');
    const hook = tempFile(t, interference(call, file, source), 'hook.mjs');
    const args = [program, 'edit', ...flags, '--interpreter', interpreter, file, second];
    const {status, stderr} = spawnSync(process.execPath, ['--import', hook, ...args], {encoding: 'utf8'});
    t.deepEqual([status, stderr], [1, `elfinterp: ${file}: ${message}\n`]);
    t.deepEqual(readFileSync(file), other);
    t.deepEqual(readFileSync(second), edit(old, {interpreter}));
  });

/** What makes a process change a file right after it has called fsync or rename for it. */
function interference(call: 'fsync' | 'renameSync', file: string, source: string): string {
  return `import fs from 'node:fs';
    import {syncBuiltinESMExports} from 'node:module';
    const [file, source] = ${JSON.stringify([file, source])};
    const {fsync, renameSync} = fs;
    const calls = {
      fsync(fd, done) {
        fsync(fd, done);
        if (fs.readlinkSync('/proc/self/fd/' + fd) === file) fs.writeFileSync(file, fs.readFileSync(source));
      },
      renameSync(from, to) {
        renameSync(from, to);
        if (!fs.existsSync(source) || !to.endsWith('/probe-pie')) return;
        fs.copyFileSync(source, file + '.new');
        fs.unlinkSync(source);
        renameSync(file + '.new', file);
      },
    };
    fs.${call} = calls.${call};
    syncBuiltinESMExports();`;
}
