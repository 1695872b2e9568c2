/*
 * Rights that a program has by its file: set-ID bits, and file capabilities. No copy gets them unawares: who makes a bundle
 * need not own the program, and who unpacks one should not come by such a program without a word.
 */
import {spawnSync} from 'node:child_process';
import type {Stats} from 'node:fs';
import type {FileSource} from '../source/file.js';
import {findFixedProgram} from '../source/fixed-program.js';
import {type BundleFile, generated} from './file-set.js';

/** So many programs are asked for capabilities: each is open for that. */
const mostAsked = 64;

/** Say which files have rights that their copies do not get. */
export function rightsLeftBehind(files: readonly BundleFile[]): string[] {
  const copied = files.filter(
    ({role, linkTo, source}) =>
      (role === 'program' || role === 'data') && linkTo === undefined && source !== generated,
  );
  const programs = copied.filter(({role, resolved}) => role === 'program' || resolved === 'program');
  const capable = new Set(withCapabilities(programs.slice(0, mostAsked)));
  const notes = copied.flatMap((file) => {
    const rights = [...setIdOf(file), ...(capable.has(file) ? ['file capabilities'] : [])];
    const path = file.named ?? file.source;
    return rights.length === 0 ? [] : [`the copy of ${path} does not keep ${rights.join(' and ')}`];
  });
  return [...new Set(notes)];
}

/** Names of the set-ID bits that a file has, unless its copy gets them. */
function setIdOf(file: BundleFile): string[] {
  const bits = file.setId === undefined ? setIdBits(modeAndOwner(file).mode) : 0;
  return [
    ...((bits & 0o4000) !== 0 ? ['the set-user-ID bit'] : []),
    ...((bits & 0o2000) !== 0 ? ['the set-group-ID bit'] : []),
  ];
}

/** Without the right to execute for the group, its bit once meant mandatory locking. */
export function setIdBits(mode: number): number {
  return (mode & 0o4000) | ((mode & 0o2010) === 0o2010 ? 0o2000 : 0);
}

export function modeAndOwner({from, source}: BundleFile): Pick<Stats, 'mode' | 'uid' | 'gid'> {
  const file = from.source(source);
  const {stats} = file;
  file.close();
  return stats;
}

/** Node cannot read extended attributes; where getfattr is not installed, nothing is known. */
function withCapabilities(files: readonly BundleFile[]): BundleFile[] {
  const tool = findFixedProgram('getfattr');
  if (tool === undefined || files.length === 0) return [];
  const sources: FileSource[] = [];
  try {
    for (const {from, source} of files) sources.push(from.source(source));
    const paths = files.map((_, i) => `/proc/self/fd/${firstDescriptor + i}`);
    const {stdout} = spawnSync(tool, ['--absolute-names', '--name=security.capability', '--', ...paths], {
      stdio: ['ignore', 'pipe', 'ignore', ...sources.map(({fd}) => fd)],
      env: {LC_ALL: 'C'},
      cwd: '/',
      encoding: 'utf8',
    });
    const lines = new Set(`${stdout ?? ''}`.split('\n'));
    return files.filter((_, i) => lines.has(`# file: ${paths[i]}`));
  } finally {
    for (const source of sources) source.close();
  }
}

/** After standard input, output and error. */
const firstDescriptor = 3;
