/*
 * The lines of shell that make the mounts, without a namespace.
 */

import type fs from 'node:fs';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {planMounts} from '../../src/chroot/mounts.js';
import {workingDirectoryInside} from '../../src/chroot/working-directory.js';
import {Root} from '../../src/loader/root.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {tempDirectory} from '../helpers/temp.js';

test('the lines write to no path of the chroot: only mounts go there', (t) => {
  const chroot = tempDirectory(t);
  for (const name of ['dev', 'proc', 'sys', 'etc']) mkdirSync(join(chroot, name));
  const plan = planMounts(new Root(chroot), true, {resolvConf: true, hosts: true, terminal: '/dev/pts/0'});
  const lines = plan.split('\n').filter((line) => line.includes(chroot));
  t.true(lines.length >= 6);
  for (const line of lines) t.regex(line, /^(step|attempt) '[^']*' '[^']*mount' /);
  t.is(statSync(join(chroot, 'etc/resolv.conf')).size, 0);
});

test('a file that is made to mount on, and its directories, can be read by everybody, whatever the umask', (t) => {
  const chroot = tempDirectory(t);
  mkdirSync(join(chroot, 'etc'), {mode: 0o750});
  symlinkSync('../run/resolver/stub', join(chroot, 'etc/resolv.conf'));
  // A worker thread cannot set its own umask.
  const strict = ({mkdirSync, openSync}: typeof fs) => ({
    mkdirSync: (path: string, {mode}: {mode: number}) => mkdirSync(path, {mode: mode & 0o700}),
    openSync: (path: string, flags: string | number, mode?: number) =>
      openSync(path, flags, mode && mode & 0o700),
  });
  withPatchedFs(strict, () => planMounts(new Root(chroot), false, {resolvConf: true}));
  t.is(statSync(join(chroot, 'run/resolver/stub')).mode & 0o777, 0o644);
  for (const name of ['run', 'run/resolver']) t.is(statSync(join(chroot, name)).mode & 0o777, 0o755);
  t.is(statSync(join(chroot, 'etc')).mode & 0o777, 0o750);
});

test('a file that is made to mount on is not one that a link has come to lead to', (t) => {
  const [chroot, outside] = [tempDirectory(t), tempDirectory(t)];
  mkdirSync(join(chroot, 'etc'));
  writeFileSync(join(outside, 'resolv.conf'), 'content');
  const root = new Root(chroot);
  const plan = () => planMounts(root, false, {resolvConf: true});
  // After everything was checked, but before anything is held open.
  const swap = (name: string, target: string) => (original: typeof fs) => ({
    openSync(...args: Parameters<typeof fs.openSync>) {
      if (existsSync(join(chroot, name)) && !existsSync(`${chroot}-away`))
        original.renameSync(join(chroot, name), `${chroot}-away`);
      if (!existsSync(join(chroot, name))) original.symlinkSync(target, join(chroot, name));
      return original.openSync(...args);
    },
  });
  withPatchedFs(swap('etc', outside), () => t.throws(plan, {code: 'OUTSIDE'}));
  t.deepEqual(readdirSync(outside), ['resolv.conf']);
  t.is(readFileSync(join(outside, 'resolv.conf'), 'utf8'), 'content');
});

test('a bind mount goes to a place below the root directory, wherever this process is', (t) => {
  const [chroot, source] = [tempDirectory(t), tempDirectory(t)];
  mkdirSync(join(chroot, 'tmp/sub'), {recursive: true});
  const root = new Root(chroot);
  const plan = (target: string) => planMounts(root, false, {binds: [{source, target}]});
  for (const target of ['tmp/sub', './tmp/sub', '../tmp/sub', '/tmp/sub']) {
    t.true(plan(target).includes(`'--rbind' '${source}' '${join(chroot, 'tmp/sub')}'`), target);
    t.is(workingDirectoryInside(root, [{source, target}], join(source, 'x')), '/tmp/sub/x');
  }
  for (const target of ['/', '.', 'tmp/..', '..']) t.throws(() => plan(target), {code: 'OUTSIDE'}, target);
  for (const bind of [{source: ''}, {source: '', target: '/tmp'}, {source, target: ''}]) {
    t.throws(() => planMounts(root, false, {binds: [bind]}), {code: 'BAD_REQUEST'});
    t.throws(() => workingDirectoryInside(root, [bind], source), {code: 'BAD_REQUEST'});
  }
});
