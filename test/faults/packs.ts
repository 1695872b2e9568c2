/*
 * The scenarios of packed files: packing to a new name and over a file, unpacking, and the cache of packed emulators.
 * Whatever fails, a file under its final name is complete.
 */
import {strict as assert} from 'node:assert';
import {createHash} from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {elfinterp, program} from '../helpers/cli.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {pathOf} from '../helpers/tools.js';
import {type Ended, requireWords, type Scenario} from './walk.js';

/** Few libraries, and so few points. */
const packed = '/bin/true';
const oldText = 'the old file\n';

/**
 * A call concerns the files if it names them, or a descriptor, because strace shows a failed call by descriptor without
 * its path. Printing does not, nor does a library of the machine, since another may be found instead.
 */
const concerns = (line: string, directory: string) =>
  !/^writev?\(1</.test(line) &&
  (line.includes(directory) || (line.includes('"/proc/self/fd/') && !/\.so\b/.test(line)));

function requireTruth(ended: Ended, isNew: boolean): void {
  if (ended.killed) return;
  requireWords(ended);
  if (ended.status === 0) assert.ok(isNew, 'exit status 0, and nothing new');
}

/** A kill may leave something for the next run, and so may a cleanup call that fails. */
function mayLeave({killed, fault}: Ended): boolean {
  return killed || /^(rmdir|unlink)/.test(fault);
}

/** Made once: the same program makes the same file. */
let known: Buffer | undefined;

function packedFile(): Buffer {
  if (known === undefined) {
    const directory = mkdtempSync(path.join(tmpdir(), 'elfinterp-packed-'));
    const {status, stderr} = elfinterp(['pack', packed, path.join(directory, 'true')]);
    assert.equal(status, 0, stderr);
    known = readFileSync(path.join(directory, 'true'));
    rmSync(directory, {recursive: true});
  }
  return known;
}

function packing(name: string, hasOld: boolean): Scenario {
  const args = (directory: string) => ['pack', packed, path.join(directory, 'true')];
  const old = hasOld ? ['true'] : [];
  return {
    name,
    concerns,
    setUp(directory) {
      if (hasOld) writeFileSync(path.join(directory, 'true'), oldText);
      return [process.execPath, program, ...args(directory)];
    },
    check(directory, ended) {
      const file = path.join(directory, 'true');
      const now = existsSync(file) ? readFileSync(file) : undefined;
      const isNew = now?.equals(packedFile()) === true;
      assert.ok(isNew || now?.toString() === (hasOld ? oldText : undefined), 'neither old nor new');
      if (isNew) assert.equal(lstatSync(file).mode & 0o777, 0o755, 'the mode');
      if (!mayLeave(ended))
        assert.deepEqual(readdirSync(directory), isNew ? ['true'] : old, 'something is left');
      requireTruth(ended, isNew);
      return isNew ? 'new' : 'old';
    },
    runAgain: (directory) => runToTheEnd(directory, args(directory), ['true']),
  };
}

function runToTheEnd(directory: string, args: readonly string[], names: readonly string[]): void {
  const again = elfinterp(args);
  assert.deepEqual([again.status, again.stderr], [0, ''], 'the next run fails');
  assert.deepEqual(readdirSync(directory).sort(), names, 'the next run leaves something');
}

/** The expected parts of the packed file, by name. */
function partsOf(directory: string): ReadonlyMap<string, string> {
  const into = path.join(directory, 'reference');
  const {status, stderr} = elfinterp(['unpack', path.join(directory, 'packed'), '--into', into]);
  assert.equal(status, 0, stderr);
  const parts = new Map(readdirSync(into).map((name) => [name, describe(path.join(into, name))]));
  rmSync(into, {recursive: true});
  return parts;
}

function describe(file: string): string {
  const content = createHash('sha256').update(readFileSync(file)).digest('hex');
  return `${(lstatSync(file).mode & 0o7777).toString(8)} ${content}`;
}

let parts: ReadonlyMap<string, string> | undefined;

const unpacking: Scenario = {
  name: 'unpack',
  concerns,
  setUp(directory) {
    writeFileSync(path.join(directory, 'packed'), packedFile(), {mode: 0o755});
    parts ??= partsOf(directory);
    return unpackInto(directory);
  },
  check(directory, ended) {
    const into = path.join(directory, 'parts');
    const names = existsSync(into) ? readdirSync(into).filter((name) => !name.startsWith('.elfinterp-')) : [];
    for (const name of names)
      assert.equal(describe(path.join(into, name)), parts?.get(name), `${name} is not complete`);
    const isNew = names.length === parts?.size;
    if (!mayLeave(ended)) {
      const expected = isNew ? [...(parts?.keys() ?? [])].sort() : [];
      assert.deepEqual(existsSync(into) ? readdirSync(into).sort() : [], expected, 'something is left');
    }
    requireTruth(ended, isNew);
    return isNew ? 'new' : 'old';
  },
  runAgain(directory) {
    runToTheEnd(
      path.join(directory, 'parts'),
      unpackInto(directory).slice(2),
      [...(parts?.keys() ?? [])].sort(),
    );
  },
};

function unpackInto(directory: string): readonly string[] {
  const [file, into] = [path.join(directory, 'packed'), path.join(directory, 'parts')];
  return [process.execPath, program, 'unpack', file, '--into', into];
}

/** The complete emulator under its key. */
let cached: string | undefined;

const caching: Scenario = {
  name: 'the cache of emulators',
  concerns: (line, directory) =>
    line.includes(`${directory}/cache`) || (line.includes('"/proc/self/fd/') && line.includes('qemu-arm')),
  environment: (directory) => ({ELFINTERP_CACHE: path.join(directory, 'cache')}),
  setUp(directory) {
    chmodSync(directory, 0o755);
    const root = path.join(directory, 'root');
    for (const name of ['bin', 'dev', 'proc', 'sys']) mkdirSync(path.join(root, name), {recursive: true});
    writeFileSync(path.join(root, 'bin/sh'), fixtureBytes('armel/hello-static'), {mode: 0o755});
    return [process.execPath, program, ...runIn(directory)];
  },
  check(directory, ended) {
    const kept = keptIn(directory);
    const isNew = kept.length === 1;
    if (isNew) {
      cached ??= undisturbed(directory);
      assert.deepEqual(kept, [cached], 'not the whole emulator');
    }
    if (!mayLeave(ended)) {
      const cache = path.join(directory, 'cache');
      const left = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith('.')) : [];
      assert.deepEqual(left, [], 'something is left');
      assert.ok(ended.status === 0 ? ended.stdout.includes('hello from ARM') : ended.stderr !== '');
      assert.doesNotMatch(ended.stderr, /internal error|^ +at /m);
    }
    return isNew ? 'new' : 'old';
  },
  runAgain(directory) {
    const {status, stdout, stderr} = elfinterp(runIn(directory), {env: this.environment?.(directory) ?? {}});
    assert.deepEqual([status, stdout.slice(0, 14)], [0, 'hello from ARM'], stderr);
    assert.equal(keptIn(directory).length, 1, 'the next run does not keep it');
    assert.equal(readdirSync(path.join(directory, 'cache')).length, 1, 'the next run leaves something');
  },
};

function runIn(directory: string): readonly string[] {
  return ['chroot', 'run', path.join(directory, 'root'), '--', '/bin/sh'];
}

/** Each key with the emulator in it. */
function keptIn(directory: string): string[] {
  const cache = path.join(directory, 'cache');
  const keys = existsSync(cache) ? readdirSync(cache).filter((name) => !name.startsWith('.')) : [];
  return keys.map((key) => {
    const names = readdirSync(path.join(cache, key));
    assert.deepEqual(names, ['qemu-arm'], 'a key without its file');
    return `${key} ${describe(path.join(cache, key, 'qemu-arm'))}`;
  });
}

function undisturbed(directory: string): string {
  const other = path.join(directory, 'undisturbed');
  mkdirSync(other, {mode: 0o755});
  caching.setUp(other);
  caching.runAgain(other);
  return keptIn(other)[0] ?? '';
}

export const packScenarios: readonly Scenario[] = [
  packing('pack', false),
  packing('pack over a file', true),
  unpacking,
  ...(existsSync(pathOf('qemu-arm')) ? [caching] : []),
];
