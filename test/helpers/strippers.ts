/*
 * Other people's strippers: elfutils', LLVM's of Debian 12 and a newer one, and GNU's.
 */
import {existsSync} from 'node:fs';
import {output} from './tools.js';

/** Each strips `from` into `to`. GNU's know the architecture of the machine. */
export const strippers = {
  'llvm-strip-14': (from, to) => ['-o', to, from],
  'llvm-strip-19': (from, to) => ['-o', to, from],
  'llvm-objcopy-14': (from, to) => [from, to],
  'llvm-objcopy-19': (from, to) => [from, to],
  'eu-strip': (from, to) => ['-o', to, from],
  strip: (from, to) => ['-o', to, from],
  objcopy: (from, to) => [from, to],
} as const satisfies Readonly<Record<string, (from: string, to: string) => readonly string[]>>;

export type Stripper = keyof typeof strippers;

export const stripperNames = Object.keys(strippers) as Stripper[];

/** Strip a file into another one. */
export function stripWith(tool: Stripper, from: string, to: string): void {
  output(tool, strippers[tool](from, to));
}

/** For campaigns, which go on without one that is missing; the tests that name each of them say so. */
export const installedStrippers = stripperNames.filter((name) => existsSync(`/usr/bin/${name}`));
