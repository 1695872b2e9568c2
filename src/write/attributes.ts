/*
 * Extended attributes, ACLs and file capabilities. Node has no call for them, and nothing that Node can see of a file
 * says whether it has any, so cp(1) is asked to copy them, whatever they are: once for all the files of a directory.
 * getfattr(1), getcap(1) and their like would say which, but few machines have them; cp of coreutils is on all but
 * the smallest.
 *
 * POSIX ACLs go with `mode`, everything else with `xattr`. Writing into a file takes security.capability away, so
 * this comes after the last write.
 */
import {spawnSync} from 'node:child_process';

/** What of a file is copied, as cp names it. */
export type AttributeKind = 'mode' | 'xattr';

/** A file, and the directory in which one of the same name gets its attributes. */
export interface AttributeCopy {
  readonly file: string;
  /** Nothing is copied to nowhere. */
  readonly into: string | undefined;
  readonly kinds: readonly AttributeKind[];
}

/** What is said of a file where no one can copy attributes, and so no one knows whether it has any. */
export const attributesUnknown =
  'attributes, ACLs and capabilities can be kept only with cp of GNU coreutils';

/** The kernel takes at least 128 KiB of arguments. */
const longestArguments = 100_000;

/** Copy attributes from file to file. @returns what of each file's could not be copied, as cp says it */
export function copyAttributes(copies: readonly AttributeCopy[]): (string | undefined)[] {
  const complaints: (string | undefined)[] = copies.map(() => undefined);
  for (const batch of inBatches(copies)) {
    const complaint = runCp(batch, copies);
    if (complaint === undefined) continue;
    for (const index of batch) {
      // Which file it was is found by asking for one at a time.
      const isOfAll = batch.length === 1 || complaint === attributesUnknown;
      complaints[index] = isOfAll ? complaint : runCp([index], copies);
    }
  }
  return complaints;
}

/** Group by directory, as cp wants it, in lots that fit a command line. */
function inBatches(copies: readonly AttributeCopy[]): number[][] {
  const batches: number[][] = [];
  const open = new Map<string, {batch: number[]; length: number}>();
  copies.forEach(({file, into, kinds}, index) => {
    if (into === undefined) return;
    const length = Buffer.byteLength(file) + 1;
    const key = `${kinds} ${into}`;
    let lot = open.get(key);
    if (lot === undefined || lot.length + length > longestArguments) {
      lot = {batch: [], length: 0};
      batches.push(lot.batch);
      open.set(key, lot);
    }
    lot.batch.push(index);
    lot.length += length;
  });
  return batches;
}

function runCp(batch: readonly number[], copies: readonly AttributeCopy[]): string | undefined {
  const files = batch.flatMap((index) => copies[index]?.file ?? []);
  const {into, kinds} = copies[batch[0] ?? 0] ?? {};
  const options = ['--attributes-only', `--preserve=${kinds}`, `--target-directory=${into}`];
  const {status, signal, stderr, error} = spawnSync('cp', [...options, '--', ...files], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {...process.env, LC_ALL: 'C'},
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  if (error !== undefined) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isMissing
      ? attributesUnknown
      : `attributes, ACLs and capabilities could not be copied: ${error.message}`;
  }
  if (/unrecognized option|built without/.test(stderr)) return attributesUnknown;
  return `not all is kept that belongs to the file: ${shorten(stderr) || `cp ended with ${signal ?? status}`}`;
}

/** What cp says, without the names of files. */
function shorten(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines.map((line) => line.replace(/^cp: /, '').replace(/ (for|of) '.*'(?=: )/, '')).join('; ');
}
