/*
 * Check whether a change in src/edit changed its plans. Plans 12 requests for every test binary and for programs and
 * libraries of this machine, records the plans, and compares two recordings. Nothing is edited.
 *
 *     npm run plans -- record FILE            the test binaries and 250 files of /usr
 *     npm run plans -- record FILE PROGRAM... the test binaries and these
 *     npm run plans -- compare OLD [NEW]      without NEW, plan again for the files of OLD
 *
 * `compare` exits with 1 and names each field that differs. A recording keeps the short fields of a plan as they are
 * and the hash of the long ones. Keep it outside the repository: it names files of one machine.
 */
import {createHash} from 'node:crypto';
import {readFileSync, statSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {ElfError, findElfFiles, openElfBuffer, planEdit} from '../dist/index.js';

const binaries = fileURLToPath(new URL('../test-binaries', import.meta.url));
const machineFiles = 250;
/** Larger ones would dominate the time and show nothing that smaller ones do not. */
const largestFile = 8 << 20;

const long = (letter, length) => `/opt/${letter.repeat(length)}`;

const requests = {
  'short interpreter': {interpreter: '/l/ld.so'},
  'longer interpreter': {interpreter: long('i', 200)},
  rpath: {rpath: '$ORIGIN/../lib'},
  'long runpath': {runpath: long('r', 4000)},
  'interpreter and rpath': {interpreter: long('i', 60), rpath: long('r', 300)},
  'more needed': {addNeeded: ['libm.so.6', 'liba.so'], addNeededFirst: ['libfirst.so']},
  'less needed': {removeNeeded: ['libc.so.6', 'libm.so.6'], removeRpath: true},
  'other needed': {replaceNeeded: {'libc.so.6': `/opt/${'c'.repeat(80)}/libc.so.6`, 'libm.so.6': 'm'}},
  'soname and interpreter': {
    soname: `lib${'s'.repeat(70)}.so.1`,
    interpreter: '/lib/ld.so',
    addInterpreter: true,
  },
  flags: {noDefaultLib: true, execStack: true, osAbi: 'Linux', addDebugTag: true},
  symbols: {clearSymbolVersions: ['printf', 'malloc'], renameSymbols: {memcpy: 'memcpy_of_another_name'}},
  'one after another': [
    {interpreter: long('i', 1500)},
    {runpath: long('r', 3500), payload: 'move'},
    {addNeeded: ['libz.so.1']},
    {interpreter: '/lib/ld.so', rpath: ''},
  ],
};

const [command, first, ...rest] = process.argv.slice(2);
if (command === 'record' && first !== undefined) {
  const recording = record([...findElfFiles(binaries), ...(rest.length > 0 ? rest : choose())].sort());
  writeFileSync(first, JSON.stringify(recording, undefined, 1));
  console.log(`${Object.keys(recording).length} files, ${Object.keys(requests).length} requests each`);
} else if (command === 'compare' && first !== undefined) {
  const old = JSON.parse(readFileSync(first, 'utf8'));
  const [other] = rest;
  const now = other === undefined ? record(Object.keys(old)) : JSON.parse(readFileSync(other, 'utf8'));
  process.exitCode = compare(old, now) > 0 ? 1 : 0;
} else {
  console.error('usage: npm run plans -- record FILE [PROGRAM...] | compare OLD [NEW]');
  process.exitCode = 2;
}

/** Every n-th ELF file of the machine, so that all kinds occur. */
function choose() {
  const found = ['/usr/bin', '/usr/sbin', '/usr/lib']
    .flatMap((directory) => [...findElfFiles(directory)])
    .filter((file) => statSync(file).size <= largestFile)
    .sort();
  const step = Math.max(1, found.length / machineFiles);
  return Array.from({length: Math.min(machineFiles, found.length)}, (_, i) => found[Math.floor(i * step)]);
}

function record(files) {
  return Object.fromEntries(files.map((file) => [file, recordFile(file)]));
}

function recordFile(file) {
  let bytes;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    return {file: error.code};
  }
  const plans = Object.entries(requests).map(([name, request]) => [name, planOf(bytes, request)]);
  return {file: hash(bytes), ...Object.fromEntries(plans)};
}

function planOf(bytes, request) {
  try {
    const {writes, regions, ...short} = planEdit(openElfBuffer(bytes).view, request);
    return {...short, writes: `${writes.length}, ${hash(encode(writes))}`, regions: hash(encode(regions))};
  } catch (error) {
    if (error instanceof ElfError) return {error: `${error.code}: ${error.message}`};
    throw error;
  }
}

function encode(value) {
  return JSON.stringify(value, (_, part) =>
    part instanceof Uint8Array ? Buffer.from(part).toString('base64') : part,
  );
}

function hash(content) {
  return createHash('sha256').update(content).digest('hex').slice(0, 32);
}

/** Prints what differs and returns the number of plans that do. */
function compare(old, now) {
  let [same, different] = [0, 0];
  for (const file of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (old[file]?.file !== now[file]?.file) {
      console.log(`${file}: another file, not compared`);
      continue;
    }
    for (const name of Object.keys(requests)) {
      const fields = differentFields(old[file][name] ?? {}, now[file][name] ?? {});
      if (fields.length === 0) same += 1;
      else different += 1;
      for (const field of fields) console.log(`${file}: ${name}: ${field}`);
    }
  }
  console.log(`${same} plans are the same, ${different} differ`);
  return different;
}

function differentFields(old, now) {
  const text = (value) => JSON.stringify(value) ?? 'none';
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((field) => text(old[field]) !== text(now[field]))
    .map((field) => `${field}: ${text(old[field])} -> ${text(now[field])}`);
}
