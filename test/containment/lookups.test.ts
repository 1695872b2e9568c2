/*
 * After the first open, no path of a user's directory is looked up again: strace shows every path passed to the kernel,
 * and they all begin with a descriptor.
 */
import {chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {program} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {strace} from '../helpers/strace.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

function makeHome(t: ExecutionContext): string {
  const home = join(tempDirectory(t), 'home');
  mkdirSync(join(home, 'chroot/var/lib/dpkg'), {recursive: true});
  writeFileSync(join(home, 'chroot/var/lib/dpkg/arch'), 'armel\n');
  mkdirSync(join(home, 'tree/deep'), {recursive: true});
  writeFileSync(join(home, 'tree/deep/file'), 'data');
  copyFileSync('/bin/true', join(home, 'true'));
  copyFileSync(fixture('x86_64/hello-static').path, join(home, 'qemu-arm'));
  if (process.geteuid?.() === 0) chownSync(home, 65534, 65534);
  return home;
}

/** The calls that pass the kernel a path beginning with the user's directory. */
function lookUps(t: ExecutionContext, home: string, args: readonly string[]): string[] {
  const log = join(tempDirectory(t), 'log');
  const tracing = ['-f', '--seccomp-bpf', '-qq', '-s', '4096', '-o', log, '-e', 'trace=%file'];
  const [command, ...words] = strace(...tracing, process.execPath, program, ...args);
  output(command, words, {cwd: '/'});
  const calls = readFileSync(log, 'latin1').split('\n');
  t.true(calls.filter((line) => line.includes('"/proc/self/fd/')).length > 20, 'strace sees what is done');
  return calls.filter((line) => line.includes(`"${home}`) && !line.includes('execve('));
}

const commands: Readonly<Record<string, (home: string) => readonly string[]>> = {
  bundle: (home) => ['bundle', join(home, 'true'), '--into', join(home, 'new/target')],
  'bundle --file': (home) => [
    'bundle',
    join(home, 'true'),
    ...['--into', join(home, 'new/other')],
    ...['--file', join(home, 'tree')],
  ],
  'bundle --relocatable': (home) => [
    ...['bundle', '--relocatable', join(home, 'true'), join(home, 'qemu-arm')],
    ...['--into', join(home, 'new/anywhere')],
    ...['--file', join(home, 'tree')],
  ],
  'chroot install': (home) => ['chroot', 'install', join(home, 'chroot'), join(home, 'qemu-arm')],
  'chroot install, again': (home) => ['chroot', 'install', join(home, 'chroot'), '/bin/true'],
  'chroot verify': (home) => ['chroot', 'verify', join(home, 'chroot')],
  'chroot remove': (home) => ['chroot', 'remove', join(home, 'chroot')],
};

test(
  "no path of a user's directory is looked up from the root again",
  withTools((t) => {
    const home = makeHome(t);
    for (const [name, command] of Object.entries(commands))
      t.deepEqual(lookUps(t, home, command(home)), [], name);
  }),
);
