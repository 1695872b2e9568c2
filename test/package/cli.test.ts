import {execFileSync} from 'node:child_process';
import {chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {policyNames} from '../../src/index.js';
import {elfinterp, elfinterpAsNobody} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';
import {addon, library, workshop} from './helpers.js';

test(
  'audit prints a table, and exits 1 when there is an error',
  withTools((t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'foreign', 1);
    addon(path.join(pkg, 'a.node'), 'foreign', libraries);
    const {status, stdout} = elfinterp(['audit', pkg]);
    t.is(status, 1);
    t.regex(stdout, /^probe 1\.0\.0 \(.*\)$/m);
    t.regex(stdout, /^ {2}file +for +glibc +GLIBCXX +GCC +kind$/m);
    t.regex(stdout, /^ {2}a\.node +linux x64 glibc +2\.\S+ +- +- +shared library$/m);
    t.regex(stdout, /^ {2}linux x64 glibc: Debian .* and newer/m);
    t.regex(stdout, /^ {2}error: a\.node: needs libforeign\.so\.1, /m);
    t.is(elfinterp(['audit', pkg, '--fail-on', 'never']).status, 0);
    writeFileSync(path.join(pkg, 'policy.json'), '{"allow": ["libforeign.so.1"]}');
    t.is(elfinterp(['audit', pkg, '--policy', path.join(pkg, 'policy.json')]).status, 0);
    t.is(elfinterp(['audit', pkg, '--policy', 'manylinux_2_28']).status, 1);
    t.regex(
      elfinterp(['audit', pkg, '--max-glibc', '2.1']).stdout,
      /needs glibc \S+, but the limit is 2\.1: getenv \(/,
    );
  }),
);

test('a policy that is neither a file nor known is answered with those that are', (t) => {
  t.like(elfinterp(['audit', '--policy', 'manylinux_2_29', '.']), {
    status: 1,
    stdout: '',
    stderr: `elfinterp: manylinux_2_29: there is no such file and no such policy (expected a file, or one of ${policyNames.join(', ')})\n`,
  });
  t.regex(elfinterp(['audit', '--policy', './x.json', '.']).stderr, /^elfinterp: \.\/x\.json: cannot read: /);
});

test('a limit that is no version is a wrong command line', (t) => {
  for (const limit of ['x.y', '', '2.28,', '1.2.3.4.5'])
    for (const format of ['table', 'json', 'sarif'])
      t.like(elfinterp(['audit', `--max-glibc=${limit}`, '--format', format, '/nowhere', '.']), {
        status: 2,
        stdout: '',
        stderr: `elfinterp: --max-glibc cannot be '${limit}'; it must be a version such as 2.28; see elfinterp audit --help\n`,
      });
});

test(
  'audit prints JSON, SARIF and annotations',
  withTools((t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'foreign', 1);
    addon(path.join(pkg, 'a,b:100%.node'), 'foreign', libraries);
    const [audit] = JSON.parse(elfinterp(['audit', pkg, '--json']).stdout);
    t.is(audit.package.name, 'probe');
    t.deepEqual(
      audit.files[0].needed.map((one: {from: string}) => one.from),
      ['outside', 'platform'],
    );
    const sarif = JSON.parse(elfinterp(['audit', pkg, '--format', 'sarif']).stdout);
    t.is(sarif.version, '2.1.0');
    // A directory may have the same name as a file in it.
    const same = path.join(pkg, path.basename(pkg));
    writeFileSync(same, '\x7fELF');
    const named = JSON.parse(elfinterp(['audit', pkg, '--format', 'sarif']).stdout);
    const uris = named.runs[0].results.map(
      // biome-ignore lint/suspicious/noExplicitAny: SARIF has no types here
      (result: any) => result.locations[0].physicalLocation.artifactLocation.uri,
    );
    rmSync(same);
    t.true(uris.includes(`file://${same}`), `${uris}`);
    t.is(sarif.runs[0].results[0].ruleId, 'outside-library');
    t.true(
      sarif.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri.endsWith(
        '/a%2Cb%3A100%25.node',
      ),
    );
    const {stdout} = elfinterp(['audit', pkg, '--format', 'github']);
    t.regex(
      stdout,
      /^::error file=\S*\/a%2Cb%3A100%25\.node,title=outside-library::a,b:100%25\.node: needs libforeign/m,
    );
  }),
);

test('one package that cannot be read does not hide the others', (t) => {
  const directory = tempDirectory(t);
  copyFileSync(fixture('x86_64/probe-pie').path, path.join(directory, 'program'));
  writeFileSync(path.join(directory, 'x.tgz'), Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(100)]));
  const {status, stdout, stderr} = elfinterp([
    'audit',
    path.join(directory, 'x.tgz'),
    path.join(directory, 'program'),
  ]);
  t.is(status, 1);
  t.regex(stderr, /x\.tgz: not a readable package tarball/);
  t.regex(stdout, /linux x64/);
});

test('names that would steer a terminal or a workflow are harmless', (t) => {
  const directory = tempDirectory(t);
  const name = 'a\u001b[31m\n::error::x\u0085';
  copyFileSync(fixture('x86_64/needs-libprobe').path, path.join(directory, name));
  writeFileSync(
    path.join(directory, 'package.json'),
    JSON.stringify({name: 'x\u001b]0;y\u0007\n::stop', version: '\r\n'}),
  );
  for (const format of ['table', 'github']) {
    const {stdout} = elfinterp(['audit', directory, '--format', format]);
    t.notRegex(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/, format);
    t.notRegex(stdout, /^::(error::x|stop)/m, format);
  }
});

test(
  'repair says what it does, and wants to know where the result goes',
  withTools((t) => {
    const {pkg, directory, libraries} = workshop(t);
    library(libraries, 'foreign', 1);
    addon(path.join(pkg, 'a.node'), 'foreign', libraries, [`-Wl,-rpath,${libraries}`]);
    t.is(elfinterp(['repair', pkg]).status, 2);
    t.is(elfinterp(['repair', pkg, '--in-place', '--into', 'x']).status, 2);
    const {status, stdout} = elfinterp(['repair', pkg, '--into', path.join(directory, 'fixed')]);
    t.is(status, 0);
    t.regex(stdout, /^a\.node: needed \(DT_NEEDED\): libforeign\.so\.1 -> libforeign-\w{8}\.so\.1$/m);
    const {written, libraries: vendored} = JSON.parse(
      elfinterp(['repair', pkg, '--in-place', '--json']).stdout,
    );
    t.true(written);
    t.is(vendored.length, 1);
    mkdirSync(path.join(directory, 'empty'));
    t.regex(elfinterp(['repair', path.join(directory, 'nothing'), '--in-place']).stderr, /no such file/);
  }),
);

test('what the system refuses is said in words', (t) => {
  const {directory, pkg} = workshop(t);
  chmodSync(directory, 0o755);
  const tarball = path.join(directory, 'pkg.tgz');
  execFileSync('tar', ['-czf', tarball, '--transform=s,^\\.,package,', '-C', pkg, '.']);
  const scratch = elfinterp(['audit', tarball], {env: {...process.env, TMPDIR: '/nowhere'}});
  t.deepEqual([scratch.status, scratch.stderr], [1, 'elfinterp: /nowhere: no such file or directory\n']);
  chmodSync(tarball, 0);
  const {status, stderr} = elfinterpAsNobody(['audit', tarball]);
  t.deepEqual([status, stderr], [1, `elfinterp: ${tarball}: cannot open: permission denied\n`]);
});
