/*
 * Compare what eu-elflint, readelf, the program loader and `check` report about damaged files. Each input is a test
 * program with one field of one record changed. Prints how many each of them noticed, and what the others report about
 * files in which `check` finds nothing. Run after `npm run build` and `npx tsc`.
 *
 *     node scripts/check-compare.js [INPUTS] [SEED]
 */
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {damageRecord} from '../build/test/fuzz/mutate.js';
import {placeRecords} from '../build/test/fuzz/placed-records.js';
import {Random} from '../build/test/fuzz/random.js';
import {fixture} from '../build/test/helpers/fixtures.js';
import {checkElf, ElfError, openElfBuffer} from '../dist/index.js';

const inputs = Number(process.argv[2] ?? 400);
const random = new Random(Number(process.argv[3] ?? 1));
const names = ['x86_64/probe-pie', 'x86_64/probe-lld-pie', 'armhf/probe-pie', 's390x/probe-pie'];
const scratch = mkdtempSync(join(tmpdir(), 'elfinterp-check-'));
const file = join(scratch, 'file');
const counts = {'eu-elflint': 0, readelf: 0, 'the loader': 0, check: 0};
const missed = new Map();
let harmless = 0;

try {
  const seeds = names.map(seedOf);
  for (let i = 0; i < inputs; i++) compare(random.pick(seeds));
} finally {
  rmSync(scratch, {recursive: true});
}
print();

function seedOf(name) {
  const {path, command} = fixture(name);
  const bytes = new Uint8Array(readFileSync(path));
  const {view} = openElfBuffer(bytes);
  const byType = new Map();
  for (const record of placeRecords(view))
    byType.set(record.type.name, [...(byType.get(record.type.name) ?? []), record]);
  writeFileSync(file, bytes, {mode: 0o755});
  const known = complaints(command, bytes);
  return {name, command, bytes, format: view.format, records: [...byType.values()], known};
}

function complaints(command, bytes) {
  return {
    'eu-elflint': lines('eu-elflint', ['--gnu-ld', file], 'stdout'),
    readelf: lines('readelf', ['-aW', file], 'stderr'),
    'the loader': runs(command),
    check: checked(bytes),
  };
}

/** Replace numbers and quoted names, which depend on the place of the damage. */
function lines(tool, args, stream) {
  const options = {encoding: 'utf8', timeout: 20_000, maxBuffer: 2 ** 28, env: {...process.env, LC_ALL: 'C'}};
  return spawnSync(tool, args, options)
    [stream].split('\n')
    .filter((line) => line !== '' && line !== 'No errors')
    .map((line) =>
      line
        .replaceAll(file, 'FILE')
        .replaceAll(/(0x)?\b[0-9a-f]+\b/g, 'N')
        .replaceAll(/'[^']*'|<[^>]*>/g, 'X'),
    );
}

/** A damaged program may do anything, such as create files, so run it in the scratch directory. */
function runs([emulator, ...rest]) {
  const [command, args] = emulator === undefined ? [file, []] : [emulator, [...rest, file]];
  const {status, signal, error} = spawnSync(command, args, {encoding: 'utf8', timeout: 10_000, cwd: scratch});
  return status === 0 ? [] : [`does not run: ${error?.code ?? signal ?? `status ${status}`}`];
}

function checked(bytes) {
  try {
    return checkElf(openElfBuffer(bytes).view).map(({code}) => code);
  } catch (error) {
    if (error instanceof ElfError) return [error.code];
    throw error;
  }
}

function compare({command, known, ...seed}) {
  const bytes = seed.bytes.slice();
  damageRecord(seed, bytes, random);
  if (Buffer.compare(bytes, seed.bytes) === 0) return;
  writeFileSync(file, bytes, {mode: 0o755});
  const found = complaints(command, bytes);
  const fresh = Object.entries(found).map(([who, said]) => [
    who,
    said.filter((line) => !known[who].includes(line)),
  ]);
  for (const [who, said] of fresh) if (said.length > 0) counts[who] += 1;
  if (fresh.every(([, said]) => said.length === 0)) harmless += 1;
  if (fresh.at(-1)[1].length > 0) return;
  const place = placeOf(seed, bytes);
  for (const [who, said] of fresh.slice(0, -1))
    for (const line of new Set(said))
      missed.set(`${place}  ${who}: ${line}`, (missed.get(`${place}  ${who}: ${line}`) ?? 0) + 1);
}

/** The field that was changed. */
function placeOf({bytes: before, format, records}, after) {
  const at = before.findIndex((byte, i) => byte !== after[i]);
  for (const {type, offset} of records.flat()) {
    if (at < offset || at >= offset + type.size(format.elfClass)) continue;
    const [old, now] = [type.decode(before, format, offset), type.decode(after, format, offset)];
    const name = Object.keys(old).find((field) => old[field] !== now[field]);
    const which = old.d_tag ?? old.p_type ?? old.sh_type;
    return `${type.name}${which === undefined ? '' : ` ${which.toString(16)}`}.${name}`;
  }
  return 'elsewhere';
}

function print() {
  for (const [who, count] of Object.entries(counts))
    console.log(`${String(count).padStart(6)}  files with problems found by ${who}`);
  console.log(`${String(harmless).padStart(6)}  files without problems`);
  console.log('\nnot found by check:');
  for (const [line, count] of [...missed].sort(([, a], [, b]) => b - a))
    console.log(`${String(count).padStart(6)}  ${line}`);
}
