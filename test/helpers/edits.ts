/*
 * Editing in tests: bytes in, bytes out, and programs whose new interpreter exists.
 */
import {copyFileSync, mkdirSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import type {EditRequest} from '../../src/edit/request/request.js';
import {
  applyPlanSync,
  applyPlanToBuffer,
  ElfError,
  openElfBuffer,
  openElfSync,
  type Plan,
  planEdit,
} from '../../src/index.js';
import {type Fixture, toolchains} from './fixtures.js';
import {tempDirectory} from './temp.js';

export function planFor(bytes: Uint8Array, request: EditRequest): Plan {
  return planEdit(openElfBuffer(bytes).view, request);
}

/** The bytes of the edited file. */
export function edit(bytes: Uint8Array, request: EditRequest): Buffer {
  return Buffer.from(applyPlanToBuffer(bytes, planFor(bytes, request)));
}

/** Edit a file, and return the plan. */
export function editFile(file: string, request: EditRequest | readonly EditRequest[]): Plan {
  const elf = openElfSync(file);
  try {
    const plan = planEdit(elf.view, request);
    applyPlanSync(file, plan);
    return plan;
  } finally {
    void elf.close();
  }
}

/** The edited file, or undefined when the planner says that there is no room. */
export function editOrNoRoom(bytes: Uint8Array, request: EditRequest): Buffer | undefined {
  try {
    return edit(bytes, request);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'NO_ROOM') return undefined;
    throw error;
  }
}

/** How many bytes differ, including those past the end of the shorter one. */
export function countDifferent(a: Uint8Array, b: Uint8Array): number {
  let count = Math.abs(a.length - b.length);
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) count += 1;
  return count;
}

/** Write bytes as a program, and return its path. */
export function programFile(t: ExecutionContext, bytes: Uint8Array, as = 'program'): string {
  const file = path.join(tempDirectory(t), as);
  writeFileSync(file, bytes, {mode: 0o755});
  return file;
}

/**
 * Make a link with a path of a given length to the fixture's own loader, so that a program edited to use it runs.
 *
 * @param length in bytes; as short as possible by default
 */
export function loaderLink(t: ExecutionContext, {toolchain, command}: Fixture, length = 0): string {
  const directory = tempDirectory(t);
  const rest = length - directory.length - '/ld.so/'.length;
  // A name in a path may have 255 bytes.
  const names = Array.from({length: Math.max(0, rest)}, (_, i) =>
    i % 200 === 100 && i + 1 < rest ? '/' : 'x',
  ).join('');
  const inner = rest > 0 ? path.join(directory, names) : directory;
  mkdirSync(inner, {recursive: true});
  const link = path.join(inner, 'ld.so');
  symlinkSync(`${command[2] ?? ''}${toolchains[toolchain].interpreter}`, link);
  return link;
}

/** Copy a file to a directory where tests put others beside it. */
export function copyTo(t: ExecutionContext, file: string, as = path.basename(file)): string {
  const copy = path.join(tempDirectory(t), as);
  copyFileSync(file, copy);
  return copy;
}

/** True where the linker left slack and spare entries, so that an edit need not add a segment. */
export function hasRoom({name}: Fixture): boolean {
  return !/lld|mold|^mips64el/.test(name);
}
