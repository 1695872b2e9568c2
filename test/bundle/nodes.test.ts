/*
 * A bundle is the same whichever Node made it. ELFINTERP_TEST_NODES lists the programs to compare with this one,
 * separated by colons.
 */
import {createHash} from 'node:crypto';
import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {program} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const others = (process.env.ELFINTERP_TEST_NODES ?? '').split(':').filter(Boolean);

/** Every file below a directory: its mode, and a hash of its content. */
function digest(directory: string): string[] {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'})
    .sort()
    .flatMap((name) => {
      const stats = statSync(join(directory, name));
      if (!stats.isFile()) return [];
      const hash = createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest('hex');
      return [`${name} ${(stats.mode & 0o7777).toString(8)} ${hash}`];
    });
}

test(
  'each Node makes the same bundle, with a loader that is isolated',
  withTools((t) => {
    const results = [process.execPath, ...others].map((node) => {
      const into = tempDirectory(t);
      const {stdout, stderr, status} = run(node, [program, 'bundle', '/bin/ls', '--into', into, '--json']);
      t.is(status, 0, `${node}: ${stderr}`);
      t.is(stderr, '', node);
      t.true(JSON.parse(stdout).isolated, node);
      const verified = run(node, [program, 'chroot', 'verify', into, '--json']);
      t.is(verified.status, 0, verified.stderr);
      t.true(JSON.parse(verified.stdout).isolated, node);
      const loader = join(into, 'opt/ls/lib/ld.so');
      t.is(output(loader, ['--version'], {env: {LD_SHOW_AUXV: '1'}}).includes('AT_PHDR'), false, node);
      t.true(output(loader, ['--version'], {env: {'LD%SHOW_AUXV': '1'}}).includes('AT_PHDR'), node);
      return digest(into);
    });
    for (const result of results) t.deepEqual(result, results[0]);
    t.log(`compared: ${results.length} of Node`);
  }),
);
