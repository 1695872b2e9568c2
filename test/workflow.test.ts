/*
 * examples/arm-image.yml as a runner would run it: the steps that have a command, one after another, in a fresh
 * directory, each in its own shell. Debian's mirror is real, and so are the emulator and the kernel.
 */

import type {SpawnSyncOptions} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {parse} from 'yaml';
import {projectDirectory} from './helpers/cli.js';
import {userDirectory} from './helpers/package.js';
import {readmeBlocks} from './helpers/readme.js';
import {tempDirectory} from './helpers/temp.js';
import {output, run, withTools} from './helpers/tools.js';

interface Step {
  readonly name?: string;
  readonly run?: string;
}

const workflow = parse(readFileSync(path.join(projectDirectory, 'examples', 'arm-image.yml'), 'utf8'));
const steps: readonly Step[] = workflow.jobs.image.steps;

test(
  'arm-image.yml: its steps make an ARM image',
  withTools((t) => {
    t.timeout(1_800_000);
    const {
      directory,
      env: {PATH},
    } = userDirectory(t);
    const env = {PATH: `${sudoDirectory(t)}:${PATH}`};
    t.true(steps.filter((step) => step.run !== undefined).length >= 4);
    for (const {name, run: script} of steps) {
      if (script === undefined) continue;
      const {status, stdout, stderr} = run('bash', ['-e', '-c', script], {
        cwd: directory,
        env,
        timeout: 1_800_000,
      });
      t.is(status, 0, `${name}: ${stderr.slice(-2000)}`);
      if (script.includes('chroot create')) checkReadme(t, script, {cwd: directory, env});
      if (name === 'Build and test in it') t.is(stdout, 'armv7l\narmhf\n');
    }
    const image = path.join(directory, 'image.tar');
    t.is(output('tar', ['-xOf', image, './etc/hostname']), 'arm-image\n');
    const names = output('tar', ['-tf', image]);
    t.regex(names, /^\.\/usr\/bin\/dpkg$/m);
    t.deepEqual(names.match(/^.*(qemu|elfinterp).*|^\.\/(proc|sys|mnt)\/.+/gm), null);
    output('tar', ['-xf', image, '-C', directory, './usr/bin/dpkg', '--no-same-owner']);
    t.regex(output('readelf', ['-h', path.join(directory, 'usr/bin/dpkg')]), /Machine: +ARM$/m);
  }),
);

/** The README makes the same chroot; what it then does with it must work here. */
function checkReadme(t: ExecutionContext, script: string, options: SpawnSyncOptions): void {
  const block = readmeBlocks().find(({heading}) => heading === 'Build an ARM chroot');
  const [create, ...rest] = block?.commands ?? [];
  t.is(script.trim(), `npx ${create}`);
  t.is(rest.length, 1);
  for (const command of rest) t.regex(output('bash', ['-c', command], options), /^apt [\d.]+ \(armhf\)/);
}

/** A runner's sudo asks for no password. */
function sudoDirectory(t: ExecutionContext): string {
  const directory = tempDirectory(t);
  const sudo = process.geteuid?.() === 0 ? 'exec "$@"' : 'echo "not for an ordinary user: $*"';
  writeFileSync(path.join(directory, 'sudo'), `#!/bin/sh\n${sudo}\n`, {mode: 0o755});
  return directory;
}
