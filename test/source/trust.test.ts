/* Who controls what is read: the owner, and everyone who may write. */
import {chmodSync, mkdirSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {fullTrust, throughContent, throughDirectory} from '../../src/source/trust.js';
import {tempDirectory} from '../helpers/temp.js';
import {run} from '../helpers/tools.js';

const onlyRoot = process.geteuid?.() === 0 ? test : test.skip;

onlyRoot("what an ACL lets another user write is not root's alone, whatever its group", (t) => {
  const directory = path.join(tempDirectory(t), 'directory');
  const file = path.join(directory, 'file');
  mkdirSync(directory, {mode: 0o755});
  writeFileSync(file, '');
  chmodSync(file, 0o644);
  const look = (name: string) => statSync(name, {bigint: true});
  t.is(throughDirectory(fullTrust, look(directory)).foreigner, undefined);
  t.is(throughContent(fullTrust, look(file)).foreigner, undefined);
  const {status} = run('setfacl', ['-m', 'u:65534:rwx', directory, file]);
  if (status !== 0) for (const name of [directory, file]) chmodSync(name, 0o775);
  t.is(look(directory).gid, 0n);
  t.is(throughDirectory(fullTrust, look(directory)).foreigner, 'anybody');
  t.is(throughContent(fullTrust, look(file)).foreigner, 'anybody');
});
