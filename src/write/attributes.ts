/*
 * Extended attributes, ACLs and file capabilities. Node has no call for them, and nothing that Node can see of a file
 * says whether it has any, so cp(1) is asked to copy them, whatever they are: once for all the files of a workspace.
 * getfattr(1), getcap(1) and their like would say which, but few machines have them; cp of coreutils is on all but
 * the smallest.
 *
 * cp inherits the open files and is given their descriptors' paths, so no name of theirs is looked up again. Told only
 * a target directory, it gives each copy the last name of its source, and that of /proc/self/fd/7 is 7: so a file in a
 * workspace is called by the number that its partner has as a descriptor of cp. The other way round, from a
 * workspace into open files, the target directory is /proc/self/fd itself.
 *
 * POSIX ACLs go with `mode`, everything else with `xattr`. Writing into a file takes security.capability away, so
 * this comes after the last write.
 */
import {constants, fchmodSync, openSync} from 'node:fs';
import {closeQuietly} from '../source/descriptor.js';
import {findFixedProgram} from '../source/fixed-program.js';
import type {Workspace} from './workspace.js';

/** What of a file is copied, as cp names it. */
type AttributeKind = 'mode' | 'xattr';

/** An open file, and its partner in a workspace. */
export interface AttributeCopy {
  readonly fd: number;
  readonly workspace: Workspace;
  readonly number: number;
  readonly kinds: readonly AttributeKind[];
  /** Which of the two gets the other's attributes. */
  readonly to: 'workspace' | 'file';
}

/** What is said of a file where no one can copy attributes, and so no one knows whether it has any. */
export const attributesUnknown =
  'attributes, ACLs and capabilities are not kept: that needs cp from GNU coreutils';

const noPrivatePlace =
  'attributes, ACLs and capabilities are not kept: the file system does not support private directories';

/** Copy attributes. @returns what of each file's could not be copied, as cp says it */
export function copyAttributes(copies: readonly (AttributeCopy | undefined)[]): (string | undefined)[] {
  const complaints: (string | undefined)[] = copies.map(() => undefined);
  for (const batch of inBatches(copies)) {
    const complaint = runCp(batch.map(({copy}) => copy));
    if (complaint === undefined) continue;
    for (const {copy, index} of batch) {
      // Which file it was is found by asking for one at a time.
      const isOfAll = batch.length === 1 || complaint === attributesUnknown || complaint === noPrivatePlace;
      complaints[index] = isOfAll ? complaint : runCp([copy]);
    }
  }
  return complaints;
}

interface Numbered {
  readonly copy: AttributeCopy;
  readonly index: number;
}

/** Group by workspace and by what is copied. */
function inBatches(copies: readonly (AttributeCopy | undefined)[]): Numbered[][] {
  const batches: Numbered[][] = [];
  copies.forEach((copy, index) => {
    if (copy === undefined) return;
    const isLike = ({copy: other}: Numbered) =>
      other.workspace === copy.workspace && other.to === copy.to && `${other.kinds}` === `${copy.kinds}`;
    const found = batches.find(([first]) => first !== undefined && isLike(first));
    if (found === undefined) batches.push([{copy, index}]);
    else found.push({copy, index});
  });
  return batches;
}

function runCp(batch: readonly AttributeCopy[]): string | undefined {
  const [first] = batch;
  const cp = process.platform === 'linux' ? findFixedProgram('cp') : undefined;
  if (first === undefined || cp === undefined) return attributesUnknown;
  const {workspace, kinds, to} = first;
  // cp runs as root, and would follow a link that another user puts there.
  if (!workspace.isPrivate) return noPrivatePlace;
  const descriptors: (number | 'ignore' | 'pipe')[] = ['ignore', 'ignore', 'pipe'];
  for (const {fd, number} of batch) descriptors[number] = fd;
  const inside = `/proc/self/fd/${descriptors.push(workspace.directory.fd) - 1}`;
  const sources = batch.map(({number}) => `${to === 'file' ? inside : '/proc/self/fd'}/${number}`);
  const target = to === 'file' ? '/proc/self/fd' : inside;
  const options = ['--attributes-only', `--preserve=${kinds}`, `--target-directory=${target}`];
  const {status, signal, stderr, error} = childProcesses().spawnSync(cp, [...options, '--', ...sources], {
    stdio: Array.from(descriptors, (one) => one ?? 'ignore'),
    env: {...process.env, LC_ALL: 'C'},
    cwd: '/',
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  if (error !== undefined) return `attributes, ACLs and capabilities could not be copied: ${error.message}`;
  if (/unrecognized option|built without/.test(stderr)) return attributesUnknown;
  return `not all attributes of the file were kept: ${shorten(stderr) || `cp ended with ${signal ?? status}`}`;
}

/**
 * Whether root has copied file capabilities into a file of a workspace: an unprivileged user who tries to copy them
 * further is told that they may not. Undefined where that cannot be tried.
 */
export function hasCapabilities({workspace, number}: AttributeCopy): boolean | undefined {
  const {fd: to} = workspace.create();
  let from: number | undefined;
  try {
    from = openSync(workspace.path(number), constants.O_RDONLY | constants.O_NOFOLLOW);
    fchmodSync(from, 0o444);
    fchmodSync(to, 0o666);
    const args = ['--attributes-only', '--preserve=xattr', '--', '/proc/self/fd/3', '/proc/self/fd/4'];
    const {stderr, error} = childProcesses().spawnSync(findFixedProgram('cp') ?? '', args, {
      stdio: ['ignore', 'ignore', 'pipe', from, to],
      env: {LC_ALL: 'C'},
      cwd: '/',
      uid: nobody,
      gid: nobody,
      encoding: 'utf8',
    });
    return error === undefined ? stderr.includes('security.capability') : undefined;
  } finally {
    if (from !== undefined) closeQuietly(from);
    closeQuietly(to);
  }
}

/** The overflow user of the kernel (proc_sys_kernel(5)). */
const nobody = 65_534;

/** Loading these takes as long as running cp, and most edits in place need neither. */
function childProcesses() {
  return process.getBuiltinModule('node:child_process');
}

/** What cp says, without the names of files. */
function shorten(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines
    .map((line) => line.replace(/^\S*cp: /, '').replace(/ (for|of|file) '.*'(?=: )/, ''))
    .join('; ');
}
