/*
 * The lines of shell that make the mounts, without a namespace.
 */
import {mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {planMounts} from '../../src/chroot/mounts.js';
import {Root} from '../../src/loader/root.js';
import {tempDirectory} from '../helpers/temp.js';
import {run} from '../helpers/tools.js';

test('a file that is made to mount on is not one that a link has come to lead to', (t) => {
  const chroot = tempDirectory(t);
  mkdirSync(join(chroot, 'etc'));
  const plan = planMounts(new Root(chroot), false, {resolvConf: true});
  const made = join(chroot, 'etc/resolv.conf');
  const line = plan.split('\n').find((each) => each.includes(`>'${made}'`)) ?? 'exit 99';
  const other = join(tempDirectory(t), 'other');
  writeFileSync(other, 'content');
  symlinkSync(other, made);
  t.not(run('sh', ['-c', line]).status, 0);
  t.is(readFileSync(other, 'utf8'), 'content');
  t.is(readlinkSync(made), other);
});
