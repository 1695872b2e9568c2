/*
 * Set-ID bits and file capabilities are kept if requested, and only where nobody but root controls what runs with them.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import testAll, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {capabilitiesOf} from '../../src/bundle/privileges.js';
import type {BundleOptions} from '../../src/bundle/request.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {Root} from '../../src/loader/root.js';
import {elfinterp, elfinterpAsNobody} from '../helpers/cli.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

const test = process.geteuid?.() === 0 ? testAll : testAll.skip;
const nobody = 65_534;
const group = 42;

/** A program that prints its effective ids, with set-ID bits of root and a group. */
function build(t: ExecutionContext): string {
  const work = tempDirectory(t);
  chmodSync(work, 0o755);
  const program = join(work, 'ids');
  const source =
    '#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf("%d %d\\n", geteuid(), getegid()); }';
  writeFileSync(`${program}.c`, source);
  output('gcc', ['-o', program, `${program}.c`]);
  chownSync(program, 0, group);
  chmodSync(program, 0o6755);
  return program;
}

function targetDirectory(t: ExecutionContext): string {
  const into = tempDirectory(t);
  chmodSync(into, 0o755);
  return into;
}

const keep = {...place, isolate: false, keepPrivileges: true} as const;

test(
  'a copy with set-ID bits runs with the rights of root and of the group',
  withTools(async (t) => {
    const [program, into] = [build(t), targetDirectory(t)];
    const start = () =>
      output('chroot', [`--userspec=${nobody}:${nobody}`, into, '/debootstrap/ids'], {
        env: {LD_PRELOAD: '/no-such-library'},
      });
    const args = ['bundle', program, '--into', into, '--no-isolate', '--prefix', place.prefix];
    const without = elfinterp(args);
    t.regex(without.stderr, /the copy of \S*ids does not keep the set-user-ID bit and the set-group-ID bit/);
    t.is(start(), `${nobody} ${nobody}\n`);
    const {status, stderr} = elfinterp([...args, '--keep-privileges']);
    t.is(status, 0, stderr);
    t.is(stderr, '');
    const {mode, uid, gid} = statSync(join(into, 'debootstrap/ids'));
    t.deepEqual({mode: mode & 0o7777, uid, gid}, {mode: 0o6755, uid: 0, gid: group});
    t.is(start(), `0 ${group}\n`);
    t.deepEqual(verifyBundle(into).problems, []);
    chmodSync(join(into, 'debootstrap/ids'), 0o755);
    t.deepEqual(
      verifyBundle(into).problems.map(({code}) => code),
      ['CHANGED'],
    );
  }),
);

test(
  'file capabilities are kept, too',
  withTools(async (t) => {
    const into = targetDirectory(t);
    const program = build(t);
    chmodSync(program, 0o755);
    output('setcap', ['cap_net_raw+ep', program]);
    const {notes} = await bundle([program], {...keep, into});
    t.deepEqual(notes, []);
    const capabilities = () => output('getcap', ['-n', join(into, 'debootstrap/ids')]);
    t.regex(capabilities(), /ids cap_net_raw=ep/);
    await bundle([program], {...place, into, isolate: false});
    t.is(capabilities(), '');
    // The manifest is the same one.
    await bundle([program], {...keep, into});
    t.regex(capabilities(), /ids cap_net_raw=ep/);
  }),
);

test('capabilities are found however many programs there are', (t) => {
  const work = tempDirectory(t);
  const programs = Array.from({length: 70}, (_, i) => join(work, `p${i}`));
  for (const program of programs) copyFileSync('/bin/true', program);
  output('setcap', ['cap_net_raw+ep', programs[0] ?? '', 'cap_net_raw+ep', programs[69] ?? '']);
  const files = programs.map((source) => ({from: new Root(), source}));
  t.deepEqual(
    [...capabilitiesOf(files).keys()].map(({source}) => source),
    [programs[0], programs[69]],
  );
});

test(
  'where another user has a say, nothing is written',
  withTools(async (t) => {
    const program = build(t);
    const refused = async (what: RegExp, options: Partial<BundleOptions>, named = program) => {
      const into = options.into ?? join(targetDirectory(t), 'new');
      await t.throwsAsync(bundle([named], {...keep, ...options, into}), {message: what});
      t.false(existsSync(join(into, 'debootstrap')));
    };
    await refused(/an isolated loader is not safe for such programs \(expected no isolation\)/, {
      isolate: true,
    });
    const shared = /other users can change this directory/;
    await refused(shared, {prefix: '/tmp/elfinterp-test-prefix'});
    const theirs = targetDirectory(t);
    chownSync(theirs, nobody, nobody);
    await refused(shared, {into: join(theirs, 'x')});
    const open = targetDirectory(t);
    mkdirSync(join(open, 'opt'));
    chmodSync(join(open, 'opt'), 0o777);
    await refused(shared, {into: open, prefix: '/opt/ids'});
    const link = join(theirs, 'link');
    symlinkSync(program, link);
    lchownSync(link, nobody, nobody);
    const changed = /privileges cannot be kept: user 65534 can change what is copied/;
    await refused(changed, {}, link);
    const own = join(targetDirectory(t), 'own');
    copyFileSync(program, own);
    chownSync(own, nobody, nobody);
    chmodSync(own, 0o4755);
    await refused(changed, {}, own);
  }),
);

test(
  'only root can ask for it, and not for a directory that is moved',
  withTools((t) => {
    const program = build(t);
    const into = targetDirectory(t);
    chownSync(into, nobody, nobody);
    const args = ['bundle', program, '--into', into, '--keep-privileges'];
    const asNobody = elfinterpAsNobody([...args, '--no-isolate']);
    t.is(asNobody.status, 1);
    t.regex(asNobody.stderr, /privileges cannot be kept: only root can make such files/);
    const moved = elfinterp([...args, '--relocatable']);
    t.is(moved.status, 2);
    t.regex(moved.stderr, /--relocatable cannot be combined with --keep-privileges/);
  }),
);
