/*
 * Audit packages from the npm registry, and compare each floor with what objdump and readelf report for the same files.
 *
 *   npm run acceptance:audit -- [--cache DIR] [PACKAGE@VERSION...]
 *
 * By default, audits the packages in scripts/audit-packages.txt. Tarballs come from `npm pack` and stay in the cache.
 * Prints the results as a table; the exit status is 1 if any floor differs.
 */
import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {auditPackage} from '../dist/index.js';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const args = process.argv.slice(2);
const at = args.indexOf('--cache');
const cache = path.resolve(at < 0 ? path.join(os.tmpdir(), 'elfinterp-audit-cache') : args.splice(at, 2)[1]);
mkdirSync(cache, {recursive: true});
const names =
  args.length > 0 ? args : readFileSync('scripts/audit-packages.txt', 'utf8').split('\n').filter(Boolean);

const families = {GLIBC: 'glibc', GLIBCXX: 'glibcxx', CXXABI: 'cxxabi', GCC: 'gcc'};
const totals = {packages: 0, empty: 0, files: 0, compared: 0, differences: 0};
const counts = new Map();
const rows = [];

for (const name of names) await auditOne(name);
report();

async function auditOne(name) {
  const tarball = fetch(name);
  const audit = await auditPackage(tarball);
  totals.packages += 1;
  if (audit.files.length === 0) totals.empty += 1;
  for (const code of new Set(audit.findings.map((finding) => finding.code)))
    counts.set(code, [...(counts.get(code) ?? []), name]);
  for (const target of audit.targets)
    rows.push([
      name,
      `${target.os} ${target.cpu} ${target.libc}`,
      ...target.floors.map((f) => `${f.family} ${f.version}`),
    ]);
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'elfinterp-acceptance-'));
  try {
    execFileSync('tar', ['-xzf', tarball, '-C', scratch, '--strip-components=1', '--no-same-owner']);
    for (const file of audit.files) compare(name, file, path.join(scratch, file.path));
  } finally {
    rmSync(scratch, {recursive: true, force: true});
  }
}

function fetch(name) {
  const file = path.join(cache, `${name.replace(/^@/, '').replace(/[/@]/g, '-')}.tgz`);
  if (!existsSync(file))
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', cache, name], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  return file;
}

/** Compare the floors of one file with those from readelf and objdump, which share no code with us. */
function compare(name, file, host) {
  totals.files += 1;
  if (file.requests.some(({from}) => from === 'package')) {
    // A library in the package itself sets no floor; binutils cannot know which libraries those are.
    const inside = new Set(
      file.requests.filter(({from}) => from === 'package').map((request) => request.name),
    );
    check(name, file, floorsOf(wantedByReadelf(host).filter(({library}) => !inside.has(library))));
    return;
  }
  check(name, file, floorsOf(wantedByReadelf(host)));
  checkSymbols(name, file, symbolsByObjdump(host));
}

function run(tool, ...toolArgs) {
  const {stdout} = spawnSync(tool, toolArgs, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: {...process.env, LC_ALL: 'C'},
  });
  return stdout.split('\n');
}

/** `Version needs section`: File lines name a library, Name lines its versions. */
function wantedByReadelf(host) {
  const wanted = [];
  let library;
  let isNeeds = false;
  for (const line of run('readelf', '-W', '-V', host)) {
    if (/^Version needs section/.test(line)) isNeeds = true;
    else if (/^Version (definition|symbols) section/.test(line)) isNeeds = false;
    if (!isNeeds) continue;
    library = /File: (\S+)/.exec(line)?.[1] ?? library;
    const [, version, flags] = /Name: (\S+)\s+Flags: (.*?)\s+Version:/.exec(line) ?? [];
    const isOwn = library?.startsWith('libgcc_s') && version?.startsWith('GLIBC_');
    if (version !== undefined && !flags.includes('WEAK') && !isOwn) wanted.push({library, version});
  }
  return wanted;
}

function floorsOf(wanted) {
  const floors = {};
  for (const {version} of wanted) {
    const special = {
      GLIBC_ABI_DT_RELR: ['glibc', '2.36'],
      GLIBC_ABI_DT_X86_64_PLT: ['glibc', '2.42'],
      GLIBC_ABI_GNU_TLS: ['glibc', '2.42'],
      GLIBC_ABI_GNU2_TLS: ['glibc', '2.42'],
      CXXABI_TM_1: ['cxxabi', '1.3.6'],
      CXXABI_FLOAT128: ['cxxabi', '1.3.9'],
    }[version];
    const [, prefix, number] =
      /^(GLIBCXX|GLIBC|CXXABI|GCC)_(?:LDBL_|IEEE128_|ARM_)?(\d[\d.]*)$/.exec(version) ?? [];
    const [family, value] = special ?? [families[prefix], number];
    if (family === undefined) continue;
    floors[family] = floors[family] === undefined || newer(value, floors[family]) ? value : floors[family];
  }
  return floors;
}

function newer(a, b) {
  return a.localeCompare(b, 'en', {numeric: true}) > 0;
}

function check(name, file, expected) {
  totals.compared += 1;
  const got = Object.fromEntries(
    file.floors.filter(({family}) => family !== 'musl').map(({family, version}) => [family, version]),
  );
  for (const family of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    if (expected[family] === got[family]) continue;
    totals.differences += 1;
    console.log(`DIFFERENT ${name} ${file.path}: ${family} ${got[family]}, readelf says ${expected[family]}`);
  }
}

/** The undefined symbols of each version, from `objdump -T`. */
function symbolsByObjdump(host) {
  const users = new Map();
  for (const line of run('objdump', '-T', '-w', host)) {
    const [, version, symbol] =
      /\*UND\*\s+[0-9a-f]+\s+(?:\(?([\w.]+)\)?)\s+(?:\.hidden |0x\w+ )?(\S+)$/.exec(line) ?? [];
    if (version === undefined) continue;
    users.set(version, (users.get(version) ?? new Set()).add(symbol));
  }
  return users;
}

/** The symbols that make the floor must be those that objdump lists under that version. */
function checkSymbols(name, file, users) {
  for (const {family, version, versions} of file.floors) {
    const [prefix] = Object.entries(families).find(([, value]) => value === family) ?? [];
    const newest = versions[0];
    const listed = prefix === undefined ? undefined : users.get(`${prefix}_${version}`);
    if (newest === undefined || (listed?.size ?? 0) === 0) continue;
    const strays = newest.symbols.filter((symbol) => !listed.has(symbol));
    if (strays.length === 0 && newest.count === listed.size) continue;
    if (strays.length === 0 && Math.abs(newest.count - listed.size) <= 0) continue;
    totals.differences += 1;
    console.log(
      `DIFFERENT ${name} ${file.path}: ${prefix}_${version} used by ${newest.count}, objdump says ${listed.size}; ${strays.slice(0, 3)}`,
    );
  }
}

function report() {
  console.log(rows.map((row) => row.join('  ')).join('\n'));
  for (const [code, packages] of [...counts].sort((a, b) => b[1].length - a[1].length))
    console.log(
      `${code}: ${packages.length} packages (${packages.slice(0, 6).join(', ')}${packages.length > 6 ? ', ...' : ''})`,
    );
  console.log(
    `${totals.packages} packages (${totals.empty} without ELF files), ${totals.files} files, ` +
      `${totals.compared} compared with readelf and objdump, ${totals.differences} differences`,
  );
  if (totals.differences > 0) process.exitCode = 1;
}
