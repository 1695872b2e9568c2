/*
 * The metadata of a file: each item is unchanged, or its loss is reported, however the file was written. getfattr,
 * getfacl, getcap and stat read them.
 */
import {chmodSync, chownSync, copyFileSync, readFileSync, statSync, utimesSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {applyPlans, openElfSync, planEdit} from '../../src/index.js';
import {contentOf, elfinterp, elfinterpAsNobody, program} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixture, fixtureBytes} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory, tempFile} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const name = 'x86_64/probe-pie';
const interpreter = '/debootstrap/qemu-libs/ld.so';
const edited = edit(fixtureBytes(name), {interpreter});
const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;

const attributesOf = (file: string) => output('getfattr', ['--absolute-names', '-d', '-m', '-', file]);
const aclOf = (file: string) => output('getfacl', ['--absolute-names', '--omit-header', file]);
const capabilitiesOf = (file: string) => output('getcap', [file]).replace(file, '');

function giveAttributes(file: string): void {
  output('setfattr', ['-n', 'user.origin', '-v', 'https://example.org/', file]);
  output('setfattr', ['-n', 'user.binary', '-v', '0x000102ff', file]);
}

function giveAcl(file: string): void {
  output('setfacl', ['-m', 'u:daemon:rwx,g:nogroup:---', file]);
}

/** How a file may be written, and where the result is. */
const ways = [
  {way: 'by rename', args: [] as string[], result: (file: string) => file},
  {way: 'in place', args: ['--in-place'], result: (file: string) => file},
  {way: 'to an output', args: ['--output', 'OUT'], result: (file: string) => `${file}.out`},
] as const;

for (const {way, args, result} of ways) {
  const set = (file: string) => [
    'set',
    file,
    interpreter,
    ...args.map((arg) => arg.replace('OUT', result(file))),
  ];

  test(
    `${way}: extended attributes stay`,
    withTools((t) => {
      const file = copyFixture(t, name);
      giveAttributes(file);
      const before = attributesOf(file);
      t.regex(before, /user\.binary=0sAAEC\/w==\nuser\.origin="https/);
      t.like(elfinterp(set(file)), {status: 0, stderr: ''});
      t.is(attributesOf(result(file)), before.replace(file, result(file)));
      t.deepEqual(readFileSync(result(file)), edited);
    }),
  );

  test(
    `${way}: an access control list stays, and the mode that shares its bits`,
    withTools((t) => {
      const file = copyFixture(t, name);
      giveAcl(file);
      const [before, {mode}] = [aclOf(file), statSync(file)];
      t.regex(before, /^user:daemon:rwx$/m);
      t.like(elfinterp(set(file)), {status: 0, stderr: ''});
      t.is(aclOf(result(file)), before);
      t.is(statSync(result(file)).mode, mode);
    }),
  );

  if (isRoot)
    test(
      `${way}: file capabilities stay, beside a set-user-ID bit, an owner, an ACL and attributes`,
      withTools((t) => {
        const file = copyFixture(t, name);
        // In place, capabilities are restored only if nobody else can have written into the file meanwhile.
        const [owner, group, permissions] = way === 'in place' ? [0, 2, 0o4755] : [1, 2, 0o4775];
        chownSync(file, owner, group);
        giveAttributes(file);
        giveAcl(file);
        chmodSync(file, permissions);
        output('setcap', ['cap_net_raw,cap_sys_ptrace=ep', file]);
        const before = [attributesOf(file), aclOf(file)].map((text) => text.replace(file, ''));
        t.like(elfinterp(set(file)), {status: 0, stderr: ''});
        const now = result(file);
        t.is(capabilitiesOf(now), ' cap_net_raw,cap_sys_ptrace=ep\n');
        t.deepEqual(
          [attributesOf(now), aclOf(now)].map((text) => text.replace(now, '')),
          before,
        );
        const {mode, uid, gid} = statSync(now);
        t.deepEqual([mode & 0o7777, uid, gid], [permissions, owner, group]);
      }),
    );

  if (isRoot)
    test(
      `${way}: an ordinary user is told that he cannot keep the capabilities`,
      withTools((t) => {
        const file = copyFixture(t, name);
        const directory = path.dirname(file);
        for (const his of [file, directory]) chownSync(his, nobody, nobody);
        giveAttributes(file);
        output('setcap', ['cap_net_raw=ep', file]);
        const {status, stderr} = elfinterpAsNobody(set(file));
        const reason = "setting attribute 'security.capability': Operation not permitted";
        const said = `not all attributes of the file were kept: ${reason}`;
        t.is(
          stderr,
          `elfinterp: ${file}: ${way === 'in place' ? 'the file capabilities are lost: ' : ''}${said}\n`,
        );
        t.is(status, 0);
        t.is(capabilitiesOf(result(file)), '');
        t.regex(attributesOf(result(file)), /user\.origin="https/);
        t.deepEqual(readFileSync(result(file)), edited);
      }),
    );

  test(
    `${way}: without a cp that knows of attributes the file is written all the same, and the user told`,
    withTools((t) => {
      for (const cp of [tempFile(t, ''), output('sh', ['-c', 'command -v busybox']).trim()]) {
        const file = copyFixture(t, name);
        const {status, stderr} = runWithCp(cp, set(file));
        const what = 'attributes, ACLs and capabilities are not kept: that needs cp from GNU coreutils';
        const [before, after] = {
          'by rename': ['', '; an edit in place keeps everything except capabilities'],
          'in place': ['file capabilities, if there were any, are lost: ', ''],
          'to an output': ['', ''],
        }[way];
        t.is(stderr, `elfinterp: ${file}: ${before}${what}${after}\n`);
        t.is(status, 0);
        t.deepEqual(contentOf(path.dirname(file))[path.basename(result(file))], edited);
        t.is(statSync(result(file)).mode & 0o7777, 0o755);
      }
    }),
  );

  test(
    `${way}: on a file system without attributes nothing is said`,
    withTools((t) => {
      const directory = tempDirectory(t);
      const file = path.join(directory, 'program');
      const script = 'mount -t ramfs none "$0" && cp "$1" "$2" || exit 99; shift 2; "$@"; ls "$0"';
      const inside = [directory, fixture(name).path, file, process.execPath, program, ...set(file)];
      const as = isRoot ? [] : ['--map-root-user'];
      t.deepEqual(run('unshare', ['--mount', ...as, 'sh', '-c', script, ...inside]), {
        status: 0,
        signal: null,
        stdout: result(file) === file ? 'program\n' : 'program\nprogram.out\n',
        stderr: '',
      });
    }),
  );
}

if (isRoot)
  test(
    'in place, root gives no capabilities back to a file that others may have written into meanwhile, and says so',
    withTools((t) => {
      for (const [owner, mode, has] of [
        [nobody, 0o755, true],
        [0, 0o775, true],
        [0, 0o755, true],
        [nobody, 0o755, false],
      ] as const) {
        const file = copyFixture(t, name);
        chownSync(file, owner, nobody);
        chmodSync(file, mode);
        giveAttributes(file);
        if (has) output('setcap', ['cap_net_raw=ep', file]);
        const isKept = owner === 0 && mode === 0o755;
        const {status, stderr} = elfinterp(['set', '--in-place', file, interpreter]);
        const lost =
          'the file capabilities are lost: other users may write to the file during the edit in place; replacing the file would keep them';
        t.is(stderr, has && !isKept ? `elfinterp: ${file}: ${lost}\n` : '');
        t.is(status, 0);
        t.is(capabilitiesOf(file), isKept ? ' cap_net_raw=ep\n' : '');
        t.regex(attributesOf(file), /user\.origin="https/);
      }
    }),
  );

/** Run a command line with another file in place of the machine's cp. */
function runWithCp(cp: string, args: readonly string[]) {
  const script = 'mount --bind "$0" "$(readlink -f /usr/bin/cp)" && exec "$@"';
  const as = isRoot ? [] : ['--map-root-user'];
  return run('unshare', ['--mount', ...as, 'sh', '-c', script, cp, process.execPath, program, ...args]);
}

test('the time of modification is that of the edit', (t) => {
  for (const {args, result} of ways) {
    const file = copyFixture(t, name);
    utimesSync(file, 1_000_000_000, 1_000_000_000);
    elfinterp(['set', file, interpreter, ...args.map((arg) => arg.replace('OUT', result(file)))]);
    t.true(statSync(result(file)).mtimeMs > 1_700_000_000_000);
    t.is(statSync(file).mtimeMs === 1_000_000_000_000, result(file) !== file);
  }
});

test(
  'many files at once, in several directories and under one name: each keeps its own',
  withTools(async (t) => {
    const files = [name, 'aarch64/probe-pie', 'i386/probe-pie'].flatMap((fixtureName) => {
      const first = copyFixture(t, fixtureName);
      const second = path.join(path.dirname(first), 'other name; $(touch x)');
      copyFileSync(first, second);
      return [first, second];
    });
    const [, second, , fourth] = files as [string, string, string, string];
    for (const file of [second, fourth]) giveAttributes(file);
    giveAcl(second);
    const before = files.map((file) => [attributesOf(file), aclOf(file)]);
    const outcomes = await applyPlans(files.map((file) => ({path: file, plan: planFile(file)})));
    t.deepEqual(
      outcomes,
      files.map((file) => ({applied: {path: file, notes: []}})),
    );
    t.deepEqual(
      files.map((file) => [attributesOf(file), aclOf(file)]),
      before,
    );
    for (const file of files) t.is(output('readelf', ['-p', '.interp', file]).includes(interpreter), true);
  }),
);

if (isRoot)
  test(
    'of many files only the one that loses something is named',
    withTools((t) => {
      const directory = tempDirectory(t);
      const files = ['a', 'b', 'c'].map((as) => path.join(directory, as));
      for (const file of files) copyFileSync(fixture(name).path, file);
      for (const his of [directory, ...files]) chownSync(his, nobody, nobody);
      output('setcap', ['cap_net_raw=ep', path.join(directory, 'b')]);
      const {status, stderr} = elfinterpAsNobody(['edit', '--interpreter', interpreter, ...files]);
      t.regex(stderr, new RegExp(`^elfinterp: ${directory}/b: not all attributes .*\n$`));
      t.is(status, 0);
      t.deepEqual(Object.values(contentOf(directory)), [edited, edited, edited]);
    }),
  );

function planFile(file: string) {
  const elf = openElfSync(file);
  const plan = planEdit(elf.view, {interpreter});
  void elf.close();
  return plan;
}

const rootTest = isRoot ? test : test.skip;

rootTest(
  'what an output belongs to decides what it may do: no capability goes to another owner, or to a file of another mode',
  withTools((t) => {
    const directory = tempDirectory(t);
    const [file, mine, theirs] = ['secret', 'mine', 'theirs'].map((one) => path.join(directory, one));
    copyFileSync(fixture(name).path, file ?? '');
    chmodSync(file ?? '', 0o700);
    output('setcap', ['cap_net_raw=ep', file ?? '']);
    for (const one of [mine, theirs]) copyFileSync(fixture(name).path, one ?? '');
    chownSync(theirs ?? '', nobody, nobody);
    const set = (to: string | undefined) => elfinterp(['set', file ?? '', interpreter, '--output', to ?? '']);
    t.is(set(mine).status, 0);
    t.is(capabilitiesOf(mine ?? '').trim(), 'cap_net_raw=ep');
    const {status, stderr} = set(theirs);
    t.is(status, 0);
    t.regex(stderr, /attributes, capabilities and set-ID bits are dropped: the owner differs/);
    t.is(capabilitiesOf(theirs ?? ''), '');
    t.is(statSync(theirs ?? '').uid, nobody);
    const patched = path.join(directory, 'patched');
    const patchelf = [
      'bin/elfinterp-patchelf.js',
      '--set-interpreter',
      interpreter,
      '--output',
      patched,
      file ?? '',
    ];
    t.is(run(process.execPath, patchelf).status, 0);
    t.is(capabilitiesOf(patched), '');
    // In a directory that everyone may write to, whoever made the file would own the result.
    chmodSync(directory, 0o1777);
    const before = readFileSync(theirs ?? '');
    const refused = set(theirs);
    t.is(refused.status, 1);
    t.regex(refused.stderr, /the output belongs to another user, in a directory that everyone may write to/);
    t.deepEqual(readFileSync(theirs ?? ''), before);
    t.is(set(path.join(directory, 'new')).status, 0);
    t.is(set(mine).status, 0);
  }),
);

rootTest(
  'what the patchelf drop-in writes to a new file belongs to its user, as with patchelf',
  withTools((t) => {
    const directory = tempDirectory(t);
    const file = path.join(directory, 'file');
    copyFileSync(fixture(name).path, file);
    chownSync(file, nobody, nobody);
    const patched = path.join(directory, 'patched');
    const args = ['--set-interpreter', interpreter, '--output', patched, file];
    t.is(run(process.execPath, ['bin/elfinterp-patchelf.js', ...args]).status, 0);
    t.is(statSync(patched).uid, 0);
    t.is(run('patchelf', [...args.slice(0, 3), `${patched}-2`, file]).status, 0);
    t.is(statSync(`${patched}-2`).uid, 0);
  }),
);
