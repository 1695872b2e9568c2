/*
 * Extended attributes, ACLs and file capabilities. Node has no calls for them and cannot tell whether a file has any,
 * so cp(1) copies them, whatever they are: one run for all files of a workspace. getfattr(1), getcap(1) and the like
 * could list them, but few machines have these; all but the smallest have coreutils' cp.
 *
 * cp inherits the open files and gets the paths of their descriptors, so no file name is looked up again. Given only a
 * target directory, it names each copy after the last component of its source, which is 7 for /proc/self/fd/7: so a
 * file in a workspace is named after its partner's descriptor number in cp. In the other direction, from a workspace
 * into open files, the target directory is /proc/self/fd itself.
 *
 * `mode` covers POSIX ACLs, `xattr` everything else. Writing to a file removes security.capability, so this comes after
 * the last write.
 */
import {constants, fchmodSync, openSync} from 'node:fs';
import {closeQuietly} from '../source/descriptor.js';
import {findFixedProgram} from '../source/fixed-program.js';
import type {Workspace} from './workspace.js';

/** What to copy, as cp's --preserve names it. */
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

/** The note when attributes cannot be copied, so that it is unknown whether the file has any. */
export const attributesUnknown =
  'attributes, ACLs and capabilities are not kept: that needs cp from GNU coreutils';

const noPrivatePlace =
  'attributes, ACLs and capabilities are not kept: the file system does not support private directories';

/** Copy attributes. @returns for each file, cp's message about what could not be copied */
export function copyAttributes(copies: readonly (AttributeCopy | undefined)[]): (string | undefined)[] {
  const complaints: (string | undefined)[] = copies.map(() => undefined);
  for (const batch of inBatches(copies)) {
    const complaint = runCp(batch.map(({copy}) => copy));
    if (complaint === undefined) continue;
    for (const {copy, index} of batch) {
      // Copy one at a time to find out which file failed.
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
  // cp may run as root, and would follow a link that another user puts there.
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
 * Whether root has copied file capabilities to a file in a workspace: if so, an unprivileged cp of that file fails with
 * an error about them. Undefined if that cannot be tried.
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

/** The messages of cp, without file names. */
function shorten(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines
    .map((line) => line.replace(/^\S*cp: /, '').replace(/ (for|of|file) '.*'(?=: )/, ''))
    .join('; ');
}
