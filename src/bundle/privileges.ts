/*
 * Rights that a program gets from its file: set-ID bits, and file capabilities. By default, copies do not keep them:
 * the user who makes a bundle need not own the program, and one who unpacks it must not get such a program unawares.
 */
import {spawnSync} from 'node:child_process';
import type {Stats} from 'node:fs';
import {ElfError} from '../errors.js';
import type {FileSource} from '../source/file.js';
import {findFixedProgram} from '../source/fixed-program.js';
import {type BundleFile, generated} from './file-set.js';

/** At most this many files are queried for capabilities at once, because each of them is open meanwhile. */
const atOnce = 64;

/** Say which files have rights that their copies do not get. */
export function rightsLeftBehind(files: readonly BundleFile[]): string[] {
  const copied = files.filter(
    ({role, linkTo, source}) =>
      (role === 'program' || role === 'data') && linkTo === undefined && source !== generated,
  );
  const programs = copied.filter(({role, resolved}) => role === 'program' || resolved === 'program');
  const capable = capabilitiesOf(programs.filter(({capabilities}) => capabilities === undefined));
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

/** The set-group-ID bit without group execute permission once meant mandatory locking, so it is ignored. */
export function setIdBits(mode: number): number {
  return (mode & 0o4000) | ((mode & 0o2010) === 0o2010 ? 0o2000 : 0);
}

export function modeAndOwner({from, source}: BundleFile): Pick<Stats, 'mode' | 'uid' | 'gid'> {
  const file = from.source(source);
  const {stats} = file;
  file.close();
  return stats;
}

/**
 * The file capabilities of the originals, as getfattr(1) and setfattr(1) write them: `0x` and hexadecimal digits. Node
 * cannot read extended attributes; if getfattr is not installed, none are found.
 */
export function capabilitiesOf<T extends Original>(files: readonly T[]): ReadonlyMap<T, string> {
  const tool = findFixedProgram('getfattr');
  const found = new Map<T, string>();
  for (let start = 0; tool !== undefined && start < files.length; start += atOnce)
    for (const [file, value] of readCapabilities(tool, files.slice(start, start + atOnce)))
      found.set(file, value);
  return found;
}

type Original = Pick<BundleFile, 'from' | 'source'>;

function readCapabilities<T extends Original>(tool: string, files: readonly T[]): [T, string][] {
  const sources: FileSource[] = [];
  try {
    for (const {from, source} of files) sources.push(from.source(source));
    const paths = files.map((_, i) => `/proc/self/fd/${firstDescriptor + i}`);
    const {stdout} = spawnSync(tool, [...options, '--', ...paths], {
      stdio: ['ignore', 'pipe', 'ignore', ...sources.map(({fd}) => fd)],
      env: {LC_ALL: 'C'},
      cwd: '/',
      encoding: 'utf8',
    });
    const found = `${stdout ?? ''}`.matchAll(/^# file: (.+)\nsecurity\.capability=(0x[0-9a-f]+)$/gm);
    const values = new Map([...found].map(([, path = '', value = '']) => [path, value]));
    return files.flatMap((file, i): [T, string][] => {
      const value = values.get(paths[i] ?? '');
      return value === undefined ? [] : [[file, value]];
    });
  } finally {
    for (const source of sources) source.close();
  }
}

const options = ['--absolute-names', '--name=security.capability', '--encoding=hex'];

/** After standard input, output and error. */
const firstDescriptor = 3;

/**
 * Give an open file capabilities; it must not be written to afterwards.
 *
 * @param value as `capabilitiesOf` has it
 * @throws ElfError NOT_FOUND without setfattr(1), COMMAND_FAILED when the file system does not take them
 */
export function setCapabilities(fd: number, value: string): void {
  const tool = findFixedProgram('setfattr');
  if (tool === undefined) {
    throw new ElfError('NOT_FOUND', 'setfattr is not installed on this machine', {
      expected: "setfattr, of Debian's package attr, to keep file capabilities",
    });
  }
  const path = `/proc/self/fd/${firstDescriptor}`;
  const args = ['--name=security.capability', `--value=${value}`, '--', path];
  const {status, stderr, error} = spawnSync(tool, args, {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    env: {LC_ALL: 'C'},
    cwd: '/',
    encoding: 'utf8',
  });
  if (status === 0) return;
  throw new ElfError('COMMAND_FAILED', 'file capabilities cannot be set', {
    got: error?.message ?? stderr.trim(),
  });
}
