/*
 * A small root directory of ARM programs: enough for the emulator to have something to run.
 */
import {chmodSync, copyFileSync, existsSync, mkdirSync} from 'node:fs';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {fixture} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';
import {MissingTool, pathOf} from '../helpers/tools.js';

/** A root with a static /bin/sh for ARM, which says who it is and exits with 0. */
export function guestRoot(t: ExecutionContext): string {
  for (const name of ['qemu-arm', 'qemu-aarch64']) {
    if (!existsSync(pathOf(name))) throw new MissingTool(name);
  }
  const root = tempDirectory(t);
  chmodSync(root, 0o755);
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys']) mkdirSync(join(root, name));
  addProgram(root, 'armel/hello-static', '/bin/sh');
  return root;
}

export function addProgram(root: string, fixtureName: string, path: string): void {
  copyFileSync(fixture(fixtureName).path, join(root, path));
  chmodSync(join(root, path), 0o755);
}

export const greeting = 'hello from ARM: armv7l, argv[0]=/bin/sh\n';
