/*
 * Other people's strippers: LLVM's of this Debian release and a newer one, elfutils', and GNU's.
 */
import {existsSync} from 'node:fs';
import {debianRelease} from './debian.js';
import {output} from './tools.js';

/** LLVM's versions: one of this release of Debian, and one that each release has. */
const llvm = [{trixie: 17, forky: 21}[debianRelease() ?? ''] ?? 14, 19];

/** GNU's handle only this machine's architecture. */
export const stripPrograms = [...llvm.map((version) => `llvm-strip-${version}`), 'eu-strip', 'strip'];
export const stripperNames = [
  ...stripPrograms,
  ...llvm.map((version) => `llvm-objcopy-${version}`),
  'objcopy',
];

/** The arguments with which a stripper strips `from` into `to`. */
export function stripArguments(tool: string, from: string, to: string): readonly string[] {
  return tool.includes('objcopy') ? [from, to] : ['-o', to, from];
}

/** Strip a file into another one. */
export function stripWith(tool: string, from: string, to: string): void {
  output(tool, stripArguments(tool, from, to));
}

/** For campaigns, which continue without a missing one; the tests that name each of them report it. */
export const installedStrippers = stripperNames.filter((name) => existsSync(`/usr/bin/${name}`));
