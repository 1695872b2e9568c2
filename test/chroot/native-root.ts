/*
 * A small root directory with the guest of these tests as a program of this machine, so that no emulator is needed.
 */
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {projectDirectory} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output} from '../helpers/tools.js';

/** A root whose /bin/guest is guest.c. */
export function nativeRoot(t: ExecutionContext): string {
  const root = tempDirectory(t);
  for (const name of ['bin', 'dev', 'proc']) mkdirSync(join(root, name));
  output('gcc', ['-static', '-o', join(root, 'bin/guest'), join(projectDirectory, 'test/chroot/guest.c')]);
  return root;
}
