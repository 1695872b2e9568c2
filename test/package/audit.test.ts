import {execFileSync} from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {Header} from 'tar';
import {PT} from '../../src/elf/constants.js';
import {openElfBuffer} from '../../src/elf/open.js';
import {ElfError} from '../../src/errors.js';
import {type Resolution, type ResolveOptions, Root} from '../../src/loader/root.js';
import {type AuditOptions, auditPackage, type PackageAudit} from '../../src/package/audit.js';
import {familyOf} from '../../src/package/floor.js';
import {admits} from '../../src/package/package-json.js';
import {distributions, gccReleases} from '../../src/package/platforms.js';
import {type Policy, rulesOf} from '../../src/package/policy.js';
import {repairPackage} from '../../src/package/repair/repair.js';
import {findRequests} from '../../src/package/requests.js';
import {runsOn} from '../../src/package/runs-on.js';
import {compareVersions} from '../../src/package/version-numbers.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {elfinterp} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixture, fixtureBytes} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {addon, compile, library, workshop} from './helpers.js';

function codes({findings}: PackageAudit): string[] {
  return [...new Set(findings.map(({code}) => code))].sort();
}

/** A tarball as npm makes it. */
function pack(directory: string): string {
  const tarball = `${directory}.tgz`;
  execFileSync('tar', ['-czf', tarball, '--transform=s,^\\.,package,', '-C', directory, '.']);
  return tarball;
}

test(
  'floors, with the symbols that make them, are those of readelf and objdump',
  withTools(async (t) => {
    const {pkg} = workshop(t);
    compile(
      path.join(pkg, 'a.node'),
      '#define _GNU_SOURCE\n#include <stdlib.h>\n#include <pthread.h>\nvoid *f(void) { pthread_t p; pthread_create(&p, 0, 0, 0); return secure_getenv("x"); }',
    );
    const {files} = await auditPackage(pkg);
    const [glibc] = files[0]?.floors ?? [];
    const versions = [
      ...output('readelf', ['-V', path.join(pkg, 'a.node')]).matchAll(/Name: GLIBC_(\S+)/g),
    ].map(([, version = '']) => version);
    t.is(glibc?.version, versions.sort(compareVersions).at(-1));
    t.deepEqual(glibc?.versions[0]?.symbols, ['pthread_create']);
    const users = output('objdump', ['-T', path.join(pkg, 'a.node')])
      .split('\n')
      .filter((line) => line.includes(`GLIBC_${glibc?.version})`));
    t.is(glibc?.versions[0]?.count, users.length);
  }),
);

test('a floor is told in names of distributions', (t) => {
  const floor = (version: string) => [{family: 'glibc' as const, version, versions: []}];
  const {oldest, tooOld} = runsOn(floor('2.34'), 'glibc');
  for (const name of ['Debian 12', 'Ubuntu 22.04', 'RHEL 9', 'Amazon Linux 2023'])
    t.true(oldest.includes(name), name);
  t.true(tooOld.includes('Debian 11 (node:20-bullseye, node:22-bullseye)'));
  t.true(tooOld.some((name) => name.startsWith('Amazon Linux 2 ')));
  t.deepEqual(runsOn(floor('2.17'), 'glibc').tooOld, []);
  t.deepEqual(runsOn(floor('9.9'), 'glibc').oldest, []);
});

test('the tables are in order', (t) => {
  const isSorted = (versions: readonly string[]) =>
    versions.every((version, i) => i === 0 || compareVersions(versions[i - 1] ?? '', version) <= 0);
  for (const field of ['gcc', 'glibcxx', 'cxxabi'] as const)
    t.true(isSorted(gccReleases.map((release) => release[field])), field);
  for (const name of new Set(distributions.map((release) => release.name))) {
    const own = distributions.filter((release) => release.name === name);
    t.true(isSorted(own.map(({version}) => version)), name);
    t.true(isSorted(own.map(({glibcxx}) => glibcxx)), name);
  }
  t.deepEqual(familyOf('GLIBCXX_LDBL_3.4.21'), ['glibcxx', '3.4.21']);
  t.deepEqual(familyOf('GLIBC_ABI_DT_RELR'), ['glibc', '2.36']);
  t.is(familyOf('GLIBC_PRIVATE'), undefined);
});

test(
  'this machine is what the table says of its release',
  withTools((t) => {
    const [, id, version] =
      /^ID=(\w+)[\s\S]*^VERSION_ID="?([\d.]+)/m.exec(
        output('sh', ['-c', 'grep -hE "^(ID|VERSION_ID)=" /etc/os-release | sort']),
      ) ?? [];
    const release = distributions.find((row) => row.name.toLowerCase() === id && row.release === version);
    if (release === undefined) {
      t.pass(`${id} ${version} is not in the table`);
      return;
    }
    t.is(output('getconf', ['GNU_LIBC_VERSION']).trim(), `glibc ${release.version}`);
    const defined = output('sh', ['-c', 'readelf -V $(gcc -print-file-name=libstdc++.so.6)']);
    const newest = (prefix: string) =>
      [...defined.matchAll(new RegExp(`Name: ${prefix}_([\\d.]+)$`, 'gm'))]
        .map(([, one = '']) => one)
        .sort(compareVersions)
        .at(-1);
    t.is(newest('GLIBCXX'), release.glibcxx);
    t.is(newest('CXXABI'), release.cxxabi);
  }),
);

test(
  'libraries from the package, the system, another package and nowhere are told apart',
  withTools(async (t) => {
    const {pkg, directory, libraries} = workshop(t, {optionalDependencies: {'@scope/sibling': '1.0.0'}});
    library(path.join(pkg, 'lib'), 'own', 1);
    library(path.join(directory, 'sibling/lib'), 'theirs', 2);
    library(libraries, 'foreign', 3);
    addon(path.join(pkg, 'own.node'), 'own', path.join(pkg, 'lib'), ['-Wl,-rpath,$ORIGIN/lib']);
    addon(path.join(pkg, 'theirs.node'), 'theirs', path.join(directory, 'sibling/lib'), [
      '-Wl,-rpath,$ORIGIN/../sibling/lib',
    ]);
    addon(path.join(pkg, 'foreign.node'), 'foreign', libraries, [`-Wl,-rpath,${libraries}`]);
    for (const source of [pkg, pack(pkg)]) {
      const audit = await auditPackage(source);
      const from = (file: string) =>
        Object.fromEntries(
          audit.files.find((one) => one.path === file)?.requests.map((one) => [one.name, one.from]) ?? [],
        );
      t.is(from('own.node')['libown.so.1'], 'package');
      t.is(from('own.node')['libc.so.6'], 'platform');
      t.is(from('theirs.node')['libtheirs.so.1'], 'other-package');
      t.is(from('foreign.node')['libforeign.so.1'], 'outside');
      t.deepEqual(codes(audit), ['build-path', 'other-package', 'outside-library']);
      t.false(JSON.stringify(audit).includes('elfinterp-audit'), 'where it was unpacked is not said');
    }
  }),
);

test(
  'a packed program takes nothing from the system but what was not packed',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    const own = library(libraries, 'own', 1);
    const source = 'int own_value(void); int main(void) { return own_value(); }';
    const program = compile(path.join(libraries, 'main'), source, ['-pie', own, `-Wl,-rpath,${libraries}`]);
    const {status, stderr} = elfinterp(['pack', program, path.join(pkg, 'main')]);
    t.is(status, 0, stderr);
    const audit = await auditPackage(pkg);
    t.false(codes(audit).includes('outside-library'), JSON.stringify(audit.findings));
    t.deepEqual(
      audit.files.map(({floors, requests}) => [floors, requests.map(({from, path: file}) => [from, file])]),
      [
        [
          [],
          [
            ['package', 'main'],
            ['package', 'main'],
          ],
        ],
      ],
    );
    elfinterp(['pack', '--loader-only', program, path.join(pkg, 'main')]);
    const [file] = (await auditPackage(pkg)).files;
    t.deepEqual(
      file?.requests.map(({from}) => from),
      ['outside', 'platform'],
    );
    t.is(file?.floors[0]?.family, 'glibc');
  }),
);

test(
  'what a tarball has in node_modules is bundled with the package, and what a directory has there is not',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t, {bundleDependencies: ['dep']});
    library(libraries, 'foreign', 1);
    addon(path.join(pkg, 'node_modules/dep/a.node'), 'foreign', libraries);
    t.deepEqual(codes(await auditPackage(pkg)), []);
    const {findings} = await auditPackage(pack(pkg));
    t.deepEqual(
      findings.map(({code, file}) => [code, file]),
      [['outside-library', 'node_modules/dep/a.node']],
    );
  }),
);

test(
  'a library that only its user finds, by DT_RPATH, is found',
  withTools(async (t) => {
    const {pkg} = workshop(t);
    const lib = path.join(pkg, 'lib');
    library(lib, 'deep', 1);
    compile(
      path.join(lib, 'libmiddle.so.1'),
      'extern int deep_value(void); int middle_value(void) { return deep_value(); }',
      ['-Wl,-soname,libmiddle.so.1', path.join(lib, 'libdeep.so.1')],
    );
    addon(path.join(pkg, 'a.node'), 'middle', lib, [
      '-Wl,-rpath,$ORIGIN/lib',
      '-Wl,--disable-new-dtags',
      `-Wl,-rpath-link,${lib}`,
    ]);
    t.deepEqual((await auditPackage(pkg)).findings, []);
    addon(path.join(pkg, 'a.node'), 'middle', lib, [
      '-Wl,-rpath,$ORIGIN/lib',
      '-Wl,--enable-new-dtags',
      `-Wl,-rpath-link,${lib}`,
    ]);
    t.deepEqual(codes(await auditPackage(pkg)), ['outside-library']);
  }),
);

test(
  'a library that only a path of this machine leads to is missing elsewhere, in a directory as in a tarball',
  withTools(async (t) => {
    const {pkg} = workshop(t);
    const lib = path.join(pkg, 'lib');
    const nameless = compile(path.join(lib, 'libnameless.so'), 'int nameless_value(void) { return 1; }');
    library(lib, 'own', 2);
    const user = (name: string, of: string) =>
      compile(path.join(pkg, name), `extern int ${of}_value(void); int f(void) { return ${of}_value(); }`, [
        of === 'own' ? path.join(lib, 'libown.so.1') : nameless,
        ...(of === 'own' ? [`-Wl,-rpath,${lib}`] : []),
      ]);
    for (const [name, of] of [
      ['named.node', 'nameless'],
      ['searched.node', 'own'],
    ] as const) {
      user(name, of);
      for (const source of [pkg, pack(pkg)]) {
        const {findings} = await auditPackage(source);
        const errors = findings.filter(({severity}) => severity === 'error');
        t.deepEqual(
          errors.map(({code, file}) => [code, file]),
          [[source === pkg ? 'build-path' : 'outside-library', name]],
        );
      }
      const allowed = await auditPackage(pkg, {policy: {paths: [lib]}});
      t.deepEqual(allowed.findings, [], 'a policy may say that the path exists everywhere');
      rmSync(path.join(pkg, name));
    }
    // With $ORIGIN as well, nothing is missing.
    const both = addon(path.join(pkg, 'both.node'), 'own', lib, [`-Wl,-rpath,${lib}:$ORIGIN/lib`]);
    t.deepEqual(codes(await auditPackage(pkg)), ['build-path']);
    t.is((await auditPackage(pkg)).findings[0]?.severity, 'warning');
    writeFileSync(both, edit(readFileSync(both), {replaceNeeded: {'libown.so.1': './lib/libown.so.1'}}));
    const {stdout} = elfinterp(['audit', '--json', '.'], {cwd: pkg});
    t.regex(`${stdout}`, /"current-directory".*needs \.\/lib\/libown\.so\.1/s);
    t.notRegex(`${stdout}`, /link-not-packed/);
  }),
);

test(
  'a libstdc++.so.6 beside an addon is of no use, and beside a program it is',
  withTools(async (t) => {
    const {pkg} = workshop(t);
    copyFileSync(output('gcc', ['-print-file-name=libstdc++.so.6']).trim(), path.join(pkg, 'libstdc++.so.6'));
    const source = path.join(pkg, 'x.cc');
    writeFileSync(source, '#include <iostream>\nint main() { std::cout << 1; }');
    output('g++', ['-shared', '-fPIC', '-Wl,-rpath,$ORIGIN', '-o', path.join(pkg, 'a.node'), source]);
    t.true(codes(await auditPackage(pkg)).includes('bundled-but-unused'));
    output('g++', ['-Wl,-rpath,$ORIGIN', '-o', path.join(pkg, 'program'), source]);
    const {files} = await auditPackage(pkg);
    const families = (name: string) =>
      files.find((file) => file.path === name)?.floors.map(({family}) => family);
    t.true(families('a.node')?.includes('glibcxx'));
    t.false(families('program')?.includes('glibcxx'));
  }),
);

test(
  'flaws of the linking are named',
  withTools(async (t) => {
    const {pkg} = workshop(t);
    const flawed = (name: string, ...args: string[]) =>
      compile(path.join(pkg, name), 'int f(void) { return 1; }', args);
    flawed('stack.node', '-Wl,-z,execstack');
    flawed('relro.node', '-Wl,-z,norelro');
    flawed('empty.node', '-Wl,-rpath,$ORIGIN:');
    compile(path.join(pkg, 'program'), 'int main(void) { return 0; }', [
      '-pie',
      '-Wl,-dynamic-linker,/nix/store/abc/ld-linux-x86-64.so.2',
    ]);
    t.deepEqual(codes(await auditPackage(pkg)), [
      'build-interpreter',
      'current-directory',
      'executable-stack',
      'no-relro',
    ]);
  }),
);

test('an empty element of a search path is one, but not for musl, and an empty path has none', async (t) => {
  const {pkg} = workshop(t);
  const program = (name: string, from: string, runpath: string) =>
    writeFileSync(path.join(pkg, name), edit(fixtureBytes(from), {runpath}));
  program('nothing', 'aarch64/probe-pie', '');
  program('element', 'aarch64/probe-pie', '$ORIGIN:');
  program('musl-element', 'musl/probe-pie', '$ORIGIN:');
  program('musl-relative', 'musl/probe-pie', 'lib:');
  const {findings} = await auditPackage(pkg);
  const found = findings.filter(({code}) => code === 'current-directory');
  t.deepEqual(found.map(({file, message}) => [file, message.replace(/:.*/, '')]).sort(), [
    ['element', 'RUNPATH has an empty element'],
    ['musl-relative', 'RUNPATH has the relative path lib'],
  ]);
});

test('the kernels that cannot load a file are those with larger pages', async (t) => {
  const {pkg} = workshop(t);
  const aligned = (name: string, alignment: bigint) => {
    const bytes = fixtureBytes('aarch64/probe-pie');
    const {programHeaders} = openElfBuffer(bytes).view;
    for (const [i, {p_type}] of programHeaders.entries())
      if (p_type === PT.PT_LOAD) bytes.writeBigUInt64LE(alignment, 64 + 56 * i + 48);
    writeFileSync(path.join(pkg, name), bytes);
  };
  aligned('small', 0x1000n);
  aligned('medium', 0x4000n);
  aligned('large', 0x10000n);
  const {findings} = await auditPackage(pkg);
  const messages = findings.filter(({code}) => code === 'page-size').map(({message}) => message);
  t.deepEqual(messages.sort(), [
    'is aligned for pages of 16 KiB, so kernels with larger pages (64 KiB on RHEL 8) cannot load it',
    'is aligned for pages of 4 KiB, so kernels with larger pages (64 KiB on RHEL 8, 16 KiB on Raspberry Pi 5 and Asahi) cannot load it',
  ]);
});

test('an element that a search path has a thousand times is one finding', async (t) => {
  const {pkg} = workshop(t);
  const runpath = '/build/lib::'.repeat(1000);
  writeFileSync(path.join(pkg, 'a.node'), edit(fixtureBytes('aarch64/probe-pie'), {runpath}));
  const {findings} = await auditPackage(pkg);
  const found = findings.filter(({code}) => code === 'current-directory' || code === 'build-path');
  t.deepEqual(
    found.map(({message}) => message.replace(/:.*/, '')),
    ['RUNPATH has an empty element', 'RUNPATH names /build/lib, a path of the build machine'],
  );
});

test('libraries that all ask for one another are looked up once each', (t) => {
  const directory = tempDirectory(t);
  const names = Array.from({length: 20}, (_, i) => `lib${String(i).padStart(2, '0')}.so`);
  const bytes = fixtureBytes('x86_64/libprobe.so.1');
  for (const soname of names) {
    const addNeeded = names.filter((name) => name !== soname);
    writeFileSync(path.join(directory, soname), edit(bytes, {soname, addNeeded, runpath: '$ORIGIN'}));
  }
  let lookups = 0;
  class CountingRoot extends Root {
    override resolve(path: string, options?: ResolveOptions): Resolution {
      lookups += 1;
      return super.resolve(path, options);
    }
  }
  const rules = {isAllowed: () => false, dependencies: new Set<string>()};
  const {requests} = findRequests(directory, names, rules, new CountingRoot());
  t.true(lookups <= 3 * names.length, `${lookups} lookups`);
  for (const [file, found] of requests) {
    const inside = found.filter(({from}) => from === 'package').map(({path}) => path);
    t.deepEqual(
      inside.sort(),
      names.filter((name) => name !== file),
    );
  }
  t.deepEqual([...requests.keys()], names);
});

test('fields and names that contradict the files are found', async (t) => {
  const {pkg} = workshop(t, {os: ['linux'], cpu: ['x64'], libc: ['musl']});
  mkdirSync(path.join(pkg, 'prebuilds/linux-x64'), {recursive: true});
  copyFileSync(fixture('s390x/needs-libprobe').path, path.join(pkg, 'prebuilds/linux-x64/addon.musl.node'));
  const {findings} = await auditPackage(pkg);
  const messages = (wanted: string) =>
    findings.filter(({code}) => code === wanted).map(({message}) => message);
  t.deepEqual(messages('wrong-cpu'), ['is for s390x, but package.json says "cpu": ["x64"]']);
  t.deepEqual(messages('wrong-libc'), ['is for glibc, but package.json says "libc": ["musl"]']);
  t.deepEqual(messages('name-contradicts'), [
    'its name says x64, but it is for s390x',
    'its name says musl, but it is for glibc',
  ]);
});

test('fields admit what npm would install', (t) => {
  t.true(admits(undefined, 'linux'));
  t.true(admits(['!win32'], 'linux'));
  t.false(admits(['!linux'], 'linux'));
  t.false(admits(['darwin'], 'linux'));
  t.true(admits(['any'], 'linux'));
  t.true(admits([], 'linux'));
});

test(
  'limits and policies make findings, and take some away',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'foreign', 3);
    addon(path.join(pkg, 'a.node'), 'foreign', libraries, ['-lm']);
    const at = async (options: AuditOptions) => codes(await auditPackage(pkg, options));
    t.deepEqual(await at({limits: {glibc: '2.1'}}), ['above-limit', 'outside-library']);
    t.deepEqual(await at({policy: {limits: {glibc: '99'}, allow: ['libforeign.so.1']}}), []);
    t.deepEqual(await at({policy: {ignore: ['outside-library']}}), []);
    t.is(rulesOf({extends: 'manylinux_2_28'}).limits.glibc, '2.28');
    t.is(rulesOf({extends: 'manylinux_2_28'}, {glibc: '2.17'}).limits.glibc, '2.17');
    t.is(rulesOf({extends: 'manylinux_2_28'}, {glibc: undefined}).limits.glibc, '2.28');
    for (const policy of [
      {extends: 'x'},
      {limits: {glibc: 'new'}},
      {limits: {libfoo: '1'}},
      {allow: 'x'},
      {other: 1},
      [],
    ])
      await t.throwsAsync(
        auditPackage(pkg, {policy: policy as never}),
        {instanceOf: ElfError},
        JSON.stringify(policy),
      );
  }),
);

test('files for musl are told apart, by their loader, their libraries or the symbols that they use', async (t) => {
  const {pkg} = workshop(t);
  output('musl-gcc', ['-shared', '-fPIC', '-o', path.join(pkg, 'a.node'), '-x', 'c', '-', '-nostartfiles'], {
    input: 'extern int reallocarray(); int f(void) { return reallocarray(); }',
  });
  const {targets} = await auditPackage(pkg);
  t.deepEqual(
    targets.map(({libc, floors}) => [libc, floors.map(({family, version}) => `${family} ${version}`)]),
    [['musl', ['musl 1.2.2']]],
  );
});

/** An archive of hand-made entries. */
function archive(
  t: ExecutionContext,
  entries: readonly {path: string; type?: string; linkpath?: string; size?: number; data?: Buffer}[],
): string {
  const blocks = entries.flatMap(
    ({path: name, type = 'File', linkpath, data = Buffer.alloc(0), size = data.length}) => {
      const header = new Header({
        path: name,
        type: type as 'File',
        size,
        mode: 0o644,
        ...(linkpath === undefined ? {} : {linkpath}),
      });
      const block = Buffer.alloc(512);
      header.encode(block, 0);
      return [block, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
    },
  );
  const file = path.join(tempDirectory(t), 'hostile.tgz');
  writeFileSync(
    file,
    execFileSync('gzip', ['-9', '-c'], {
      input: Buffer.concat([...blocks, Buffer.alloc(1024)]),
      maxBuffer: 1 << 28,
    }),
  );
  return file;
}

const hostile: Readonly<Record<string, Parameters<typeof archive>[1]>> = {
  'a symbolic link': [{path: 'package/a', type: 'SymbolicLink', linkpath: '/etc/passwd'}],
  'a hard link': [{path: 'package/a', type: 'Link', linkpath: '/etc/passwd'}],
  'a device': [{path: 'package/a', type: 'CharacterDevice'}],
  'a FIFO': [{path: 'package/a', type: 'FIFO'}],
  'a path that climbs': [{path: 'package/../../a'}],
  'an absolute path': [{path: '/package/a'}],
  'a file twice': [{path: 'package/a'}, {path: 'package/a'}],
  'a file that ends too early': [{path: 'package/a', size: 1 << 20, data: Buffer.alloc(512)}],
  nothing: [],
  'a package.json that is no JSON': [{path: 'package/package.json', data: Buffer.from('{')}],
};

for (const [name, entries] of Object.entries(hostile)) {
  test(`an archive with ${name} is refused`, async (t) => {
    const error = await t.throwsAsync(auditPackage(archive(t, entries)), {instanceOf: ElfError});
    t.is(error instanceof ElfError ? error.code : '', 'BAD_PACKAGE', `${error}`);
  });
}

test('what cannot be read is named by its path in the package', async (t) => {
  const {pkg} = workshop(t);
  mkdirSync(path.join(pkg, 'a/b'), {recursive: true});
  writeFileSync(Buffer.concat([Buffer.from(`${pkg}/a/b/caf`), Buffer.from([0xe9])]), '');
  const {findings} = await auditPackage(pkg);
  t.deepEqual(
    findings.map(({code, file}) => [code, file]),
    [['bad-elf', 'a/b/caf\ufffd']],
  );
});

test('what a killed audit unpacked is removed by the next one, and nothing else', (t) => {
  const {directory, pkg} = workshop(t);
  const scratch = path.join(directory, 'scratch');
  mkdirSync(scratch);
  const [, start, place] = ownIdentity().split('-');
  const named = (identity: string) => path.join(scratch, `elfinterp-audit-${identity}`);
  const dead = `4194305-${start}-${place}`;
  const kept = [`${ownIdentity()}-aAbB01`, `${dead}-filled`, `${dead}-aAbB01-notes`];
  for (const name of [...kept, `${dead}-aAbB01`]) mkdirSync(named(name), {mode: 0o700});
  mkdirSync(path.join(named(`${dead}-aAbB01`), 'node_modules/scope'), {recursive: true});
  writeFileSync(path.join(named(`${dead}-filled`), 'mine'), '');
  const {status, stderr} = elfinterp(['audit', pack(pkg)], {env: {...process.env, TMPDIR: scratch}});
  t.is(status, 0, stderr);
  t.deepEqual(readdirSync(scratch).sort(), kept.map((name) => path.basename(named(name))).sort());
});

test('a bomb is refused before it is unpacked', async (t) => {
  const data = Buffer.alloc(1 << 26);
  data.set([0x7f, 0x45, 0x4c, 0x46]);
  const file = archive(t, [
    {path: 'package/a', data},
    {path: 'package/b', data},
  ]);
  const error = await t.throwsAsync(auditPackage(file), {instanceOf: ElfError});
  t.is(error instanceof ElfError ? error.code : '', 'BAD_PACKAGE', `${error}`);
});

test(
  'a version of glibc without a number counts as the release that has it',
  withTools(async (t) => {
    const {pkg, directory} = workshop(t);
    const script = path.join(directory, 'versions');
    writeFileSync(script, 'GLIBC_2.2.5 {}; GLIBC_ABI_GNU2_TLS { global: variable_value; };');
    // A stand-in for glibc, as far as a linker can tell.
    const libc = library(directory, 'variable', 1, [
      '-Wl,-soname,libc.so.6',
      `-Wl,--version-script=${script}`,
      '-nostdlib',
    ]);
    compile(
      path.join(pkg, 'a.node'),
      'extern int variable_value(void); int f(void) { return variable_value(); }',
      ['-nostdlib', libc],
    );
    t.regex(output('readelf', ['-V', path.join(pkg, 'a.node')]), /Name: GLIBC_ABI_GNU2_TLS/);
    const {targets, findings} = await auditPackage(pkg, {limits: {glibc: '2.40'}});
    t.deepEqual(
      targets[0]?.floors.map(({family, version}) => [family, version]),
      [['glibc', '2.41']],
    );
    t.true(targets[0]?.runsOn?.oldest.includes('Debian 13'));
    t.false(targets[0]?.runsOn?.oldest.includes('Debian 12'));
    t.deepEqual(
      findings.map(({code}) => code),
      ['above-limit'],
    );
    for (const file of ['GLIBC_ABI_DT_X86_64_PLT', 'GLIBC_ABI_GNU_TLS'])
      t.deepEqual(familyOf(file), ['glibc', '2.41']);
  }),
);

test(
  'a version can have the name of what every object inherits',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    const script = path.join(libraries, 'versions');
    for (const name of ['constructor', 'toString', '__proto__']) {
      writeFileSync(script, `${name} { global: *_value; };`);
      library(path.join(pkg, 'lib'), name, 1, [`-Wl,--version-script=${script}`]);
      addon(path.join(pkg, `${name}.node`), name, path.join(pkg, 'lib'), ['-Wl,-rpath,$ORIGIN/lib']);
      const addons = (await auditPackage(pkg)).files.filter(({path: file}) => file.endsWith('.node'));
      for (const {floors, unreadable} of addons) {
        t.regex(floors.find(({family}) => family === 'glibc')?.version ?? '', /^2\./);
        t.deepEqual(unreadable, []);
      }
    }
  }),
);

test('damaged files are findings, and hide nothing of the others', async (t) => {
  const {pkg} = workshop(t);
  writeFileSync(
    path.join(pkg, 'damaged.node'),
    Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(60, 0xff)]),
  );
  copyFileSync(fixture('x86_64/needs-libprobe').path, path.join(pkg, 'sound'));
  symlinkSync('/', path.join(pkg, 'root'));
  symlinkSync('.', path.join(pkg, 'circle'));
  const {files, findings} = await auditPackage(pkg);
  t.deepEqual(
    files.map((file) => file.path),
    ['sound'],
  );
  t.true(findings.some(({code, file}) => code === 'bad-elf' && file === 'damaged.node'));
  rmSync(path.join(pkg, 'sound'));
  await t.throwsAsync(auditPackage(path.join(pkg, 'package.json')), {instanceOf: ElfError});
});

test(
  'a relative path in DT_NEEDED is an error unless the policy allows it or a packed program has the library inside',
  withTools(async (t) => {
    const {directory, pkg, libraries} = workshop(t);
    library(libraries, 'own', 1);
    const program = compile(
      path.join(libraries, 'program'),
      'int own_value(void); int main(void) { return own_value(); }',
      ['-pie', path.join(libraries, 'libown.so.1')],
    );
    const name = 'lib/libown.so.1';
    writeFileSync(program, edit(readFileSync(program), {replaceNeeded: {'libown.so.1': name}}));
    const cwd = path.join(directory, 'builder');
    t.is(elfinterp(['pack', 'lib/program', path.join(pkg, 'packed')], {cwd}).status, 0);
    copyFileSync(program, path.join(pkg, 'plain'));
    const found = async (policy: Policy) =>
      (await auditPackage(pkg, {policy})).findings.map(({code, file}) => [code, file]);
    t.deepEqual(await found({}), [['current-directory', 'plain']]);
    t.deepEqual(await found({allow: [name]}), []);
    const {after} = await repairPackage(pkg, {dryRun: true, keep: [name]});
    t.deepEqual(after.findings, []);
  }),
);
